/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Where a SQLite city must not live. Its log's index is memory shared through a mapped file, and its locks
 * are the system's: network file systems give neither in a way that can be relied on, and say nothing when it
 * fails. The numbers are those of linux/magic.h and of statfs(2).
 */
#include "store/store_int.h"

#include <errno.h>
#include <sys/vfs.h>

static const struct {
    unsigned type;
    const char *name;
} remote[] = {{0x00006969, "NFS"},    {0x0000517b, "SMB"}, {0xff534d42, "CIFS"},
              {0xfe534d42, "SMB2"},   {0x01021997, "9p"},  {0x65735546, "FUSE、virtiofs"},
              {0x00c36400, "Ceph"},   {0x5346414f, "AFS"}, {0x73757245, "Coda"},
              {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"}};

int store_fs_check(const char *dir, Err *err)
{
    struct statfs st;
    if (statfs(dir, &st) != 0) return err_io(err, errno, "无法查看 '%s' 所在的文件系统", dir);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        if ((unsigned)st.f_type != remote[i].type) continue;
        err_set(err, ERR_USAGE, "数据文件夹 '%s' 在网络文件系统（%s）上，SQLite 在那里会损坏数据", dir,
                remote[i].name);
        return err_hint(err, "把数据文件夹放在本机磁盘上，或用 --db postgres://… 改用 PostgreSQL");
    }
    return 0;
}
