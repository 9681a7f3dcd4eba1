/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/pattern.h"

enum { DEPTH_MAX = 50 };

/* [ … ]: index of the closing bracket; a ] that comes first belongs to the set. */
static size_t bracket_end(Str p, size_t i)
{
    size_t at = i + 1;
    if (at < p.n && p.p[at] == '^') at++;
    if (at < p.n && p.p[at] == ']') at++;
    while (at < p.n && p.p[at] != ']') {
        if (p.p[at] == '[' && at + 1 < p.n &&
            (p.p[at + 1] == ':' || p.p[at + 1] == '.' || p.p[at + 1] == '=')) {
            char kind = p.p[at + 1];
            at += 2;
            while (at + 1 < p.n && !(p.p[at] == kind && p.p[at + 1] == ']')) at++;
            at++;
        }
        at++;
    }
    return at;
}

/* {3}, {3,}, {3,7}: the larger number (one more when open); *i is moved to the }. */
static size_t count_of(Str p, size_t *i)
{
    size_t n = 0, most = 0;
    bool open = false;
    for (++*i; *i < p.n && p.p[*i] != '}'; ++*i) {
        char c = p.p[*i];
        if (c == ',')
            open = true, n = 0;
        else if (c >= '0' && c <= '9')
            open = false, n = n < 100000 ? n * 10 + (size_t)(c - '0') : n;
        if (n > most) most = n;
    }
    return most + open;
}

const char *pattern_fault(Str p)
{
    size_t size[DEPTH_MAX] = {0}, last = 0, depth = 0; /* pieces in each open group; of the last atom */
    bool repeated = false;                             /* the last one was a sign of repetition */
    if (p.n > PATTERN_MAX) return "太长";
    for (size_t i = 0; i < p.n; i++) {
        char c = p.p[i];
        const bool again = repeated;
        repeated = c == '*' || c == '+' || c == '?' || c == '{';
        /* POSIX leaves a?+ open, PostgreSQL reads it otherwise, a long row takes minutes to compile. */
        if (again && repeated) return "两个重复符号连在一起";
        if (c == '(') {
            if (++depth >= DEPTH_MAX) return "括号太多";
            size[depth] = last = 0;
        } else if (c == ')') {
            if (!depth) continue;
            last = size[depth--] + 1;
            size[depth] += last;
        } else if (c == '{') {
            size_t times = count_of(p, &i);
            size[depth] += times > 1 ? last * (times - 1) : 0;
            last *= times;
        } else if (c == '+') { /* x+ is compiled as xx*, so that groups of them double and double */
            size[depth] += last;
            last *= 2;
        } else if (c == '*' || c == '?' || c == '|') {
            size[depth]++;
            last++;
        } else {
            if (c == '\\' && i + 1 < p.n && p.p[++i] >= '1' && p.p[i] <= '9') return "不能用反向引用";
            if (c == '[') i = bracket_end(p, i);
            last = 1;
            size[depth]++;
        }
        if (size[depth] > PATTERN_SIZE_MAX || last > PATTERN_SIZE_MAX) return "重复次数太大";
    }
    return NULL;
}
