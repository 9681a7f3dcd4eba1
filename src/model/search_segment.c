/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/search_segment.h"

#include "base/text.h"
#include <friso.h>
#include <friso_API.h>
#include <pthread.h>
#include <unistd.h>

#define DICT_DIR "/usr/share/friso/dict/UTF-8/"

struct Segmenter {
    friso_t friso;
    friso_config_t config;
    pthread_mutex_t lock; /* what friso promises about threads is not written down */
};

int segmenter_new(Segmenter **ret, Err *err)
{
    char dir[] = DICT_DIR;
    if (access(DICT_DIR "friso.lex.ini", R_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "没有分词词典 %s", DICT_DIR),
               err_hint(err, "安装 Debian 软件包 friso-dict");
    Segmenter *s = xcalloc(1, sizeof *s);
    s->friso = friso_new();
    s->config = friso_new_config();
    if (!s->friso || !s->config) abort();
    s->friso->charset = FRISO_UTF8;
    s->friso->dic = friso_dic_new();
    s->config->add_syn = 0;
    s->config->r_name = 0; /* names of persons are found as they are written */
    s->config->keep_urec = 1;
    friso_dic_load_from_ifile(s->friso, s->config, dir, s->config->max_len * 3u);
    friso_set_mode(s->config, __FRISO_COMPLEX_MODE__);
    pthread_mutex_init(&s->lock, NULL);
    *ret = s;
    return 0;
}

void segmenter_free(Segmenter *s)
{
    if (!s) return;
    friso_free(s->friso);
    friso_free_config(s->config);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

size_t segmenter_cut(Arena *a, Segmenter *s, const uint32_t *cp, size_t n, size_t *ret)
{
    Buf b;
    char bytes[4];
    size_t words = 0, chars = 0, at = 0;
    buf_init(&b, n * 4 + 1);
    for (size_t i = 0; i < n; i++) {
        if (cp[i] > 0xFFFF) return buf_done(&b), (size_t)0; /* outside what friso reads */
        buf_add(&b, str_n(bytes, text_encode(cp[i], bytes)));
    }
    char *text = str_cdup(a, buf_str(&b));
    buf_done(&b);
    pthread_mutex_lock(&s->lock);
    friso_task_t task = friso_new_task();
    friso_set_text(task, text);
    for (friso_token_t k; words < n && (k = s->config->next_token(s->friso, s->config, task));) {
        if (k->offset < 0 || (size_t)k->offset != at || !k->rlen) break; /* something was left out */
        Str word = str_n(text + at, k->rlen);
        if (at + k->rlen > strlen(text) || text_invalid_at(word) >= 0) break;
        at += k->rlen;
        chars += ret[words++] = text_chars(word);
    }
    friso_free_task(task);
    pthread_mutex_unlock(&s->lock);
    return chars == n ? words : 0;
}
