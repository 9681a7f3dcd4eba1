/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What the room holds while the city is served: the server's secret key (DIR/keys/server.key, 32 bytes in
   hex, only the operator may read it) and one worker for small writes that no request waits for. */
#include "people/people_int.h"
#include "people/province_int.h"

#include "base/queue.h"
#include "base/secret_file.h"
#include "base/sm.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum { KEY_SIZE = 32, JOBS_MAX = 1000, WAITING_MAX = 24 };

struct People {
    char key[KEY_SIZE];
    Queue *queue;
    void *rsa;          /* people_jwt.c */
    Province *province; /* NULL = not configured */
    atomic_int waiting; /* sign-ins that are being slowed down */
};

static int io(Err *err, const char *path)
{
    return err_io(err, errno, "%s", path), err_hint(err, "检查权限和磁盘空间");
}

static int read_key(Arena *a, const char *path, Str *ret, Err *err)
{
    char text[2 * KEY_SIZE + 8];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) close(fd);
    if (n < 0) return io(err, path);
    if (hex_decode(a, str_trim(str_n(text, (size_t)n)), ret, err) < 0 || ret->n != KEY_SIZE)
        return err_set(err, ERR_VERIFY, "%s 不是 %d 位十六进制的密钥", path, 2 * KEY_SIZE),
               err_hint(err, "从备份恢复这个文件");
    return 0;
}

static int load_key(const City *c, char ret[KEY_SIZE], Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str path = str_fmt(a, "%s/keys/server.key", c->dir), key;
    if (access(path.p, F_OK) != 0) {
        uint8_t fresh[KEY_SIZE];
        random_bytes(fresh, sizeof fresh);
        TRY(secret_file_write(path.p, hex_encode(a, str_n((char *)fresh, sizeof fresh)), err));
    }
    TRY(read_key(a, path.p, &key, err));
    memcpy(ret, key.p, KEY_SIZE);
    return 0;
}

int people_start(City *c, Err *err)
{
    People *p = xcalloc(1, sizeof *p);
    int rc = separation_self_check(c, err);
    if (!rc) rc = load_key(c, p->key, err);
    if (!rc) rc = jwt_load(c, &p->rsa, err);
    if (!rc) rc = province_load(c, &p->province, err);
    if (!rc) rc = queue_new(1, JOBS_MAX, &p->queue, err);
    if (rc < 0) {
        province_free(p->province);
        jwt_free(p->rsa);
        free(p);
        return rc;
    }
    c->people = p;
    return 0;
}

void people_stop(City *c)
{
    if (!c->people) return;
    queue_drain(c->people->queue);
    queue_free(c->people->queue);
    province_free(c->people->province);
    jwt_free(c->people->rsa);
    explicit_bzero(c->people->key, KEY_SIZE);
    free(c->people);
    c->people = NULL;
}

Province *people_province(const City *c) { return c->people ? c->people->province : NULL; }

void *people_rsa(const City *c) { return c->people ? c->people->rsa : NULL; }

static Str key_of(const City *c) { return str_n(c->people->key, KEY_SIZE); }

int people_seal(const City *c, Arena *a, Str context, Str plain, Str *ret_hex, Err *err)
{
    Str box;
    TRY(sm4_seal(a, key_of(c), context, plain, &box, err));
    *ret_hex = hex_encode(a, box);
    return 0;
}

int people_unseal(const City *c, Arena *a, Str context, Str hex, Str *ret, Err *err)
{
    Str box;
    TRY(hex_decode(a, hex, &box, err));
    if (sm4_open(a, key_of(c), context, box, ret, err) < 0)
        return err_set(err, ERR_VERIFY, "密钥打不开库里的秘密"),
               err_hint(err, "keys/server.key 与数据库要来自同一座城市");
    return 0;
}

Str people_successor(const City *c, Arena *a, Str token)
{
    uint8_t mac[SM3_SIZE];
    sm3_hmac(key_of(c), str_fmt(a, "session " STR_FMT, STR_ARG(token)), mac);
    return base64url_encode(a, str_n((char *)mac, sizeof mac));
}

bool people_later(const City *c, void (*fn)(void *), void *job)
{
    return c->people && queue_try_push(c->people->queue, fn, job);
}

/* 100, 200, 400 … 1600 ms on a worker; few at a time, so that whoever guesses at many accounts does not take
   all workers. */
int people_slow_down(City *c, int64_t failures, Err *err)
{
    int steps = failures < 1 ? 0 : failures > 4 ? 4 : (int)failures;
    int64_t ms = (int64_t)100 << steps;
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    if (!c->people) return 0;
    if (atomic_fetch_add(&c->people->waiting, 1) >= WAITING_MAX) {
        atomic_fetch_sub(&c->people->waiting, 1);
        return err_set(err, ERR_TOO_MANY, "现在登录失败的太多"), err_hint(err, "请过几秒再试");
    }
    nanosleep(&t, NULL);
    atomic_fetch_sub(&c->people->waiting, 1);
    return 0;
}
