/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Exact amounts in hundredths; products in 128 bits. */
#include "insight/insight_int.h"

__extension__ typedef __int128 Wide;

int amount_parse(Str s, Amount *ret, Err *err)
{
    bool minus = s.n && s.p[0] == '-', point = false;
    Amount x = 0;
    size_t digits = 0, after = 0;
    for (size_t i = minus; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && !point && digits) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || after == 2 || ++digits > 15)
            return err_set(err, ERR_VALIDATION, "要写成最多两位小数的数");
        after += point;
        x = x * 10 + (c - '0');
    }
    if (!digits || (point && !after)) return err_set(err, ERR_VALIDATION, "要写成最多两位小数的数");
    for (; after < 2; after++) x *= 10;
    if (x > AMOUNT_MAX) return err_set(err, ERR_VALIDATION, "数过大，小数点前最多 13 位");
    *ret = minus ? -x : x;
    return 0;
}

Amount amount_of(Val v)
{
    Amount x = 0;
    Str s = v.s;
    if (v.kind == VAL_INT) return v.i * AMOUNT_ONE;
    if (v.kind == VAL_REAL) return (Amount)(v.r * AMOUNT_ONE + (v.r < 0 ? -0.5 : 0.5));
    if (v.kind != VAL_TEXT) return 0;
    return amount_parse(s, &x, NULL) == 0 ? x : 0;
}

Str amount_text(Arena *a, Amount x)
{
    uint64_t u = x < 0 ? 0 - (uint64_t)x : (uint64_t)x, rest = u % AMOUNT_ONE;
    const char *sign = x < 0 ? "-" : "";
    unsigned long long whole = u / AMOUNT_ONE;
    if (!rest) return str_fmt(a, "%s%llu", sign, whole);
    if (rest % 10 == 0) return str_fmt(a, "%s%llu.%u", sign, whole, (unsigned)rest / 10);
    return str_fmt(a, "%s%llu.%02u", sign, whole, (unsigned)rest);
}

static int too_large(Err *err) { return err_set(err, ERR_VALIDATION, "数过大，算不出"); }

/* Rounded half away from zero; d > 0. */
static Wide divide(Wide n, Wide d)
{
    Wide q = n / d, r = n % d;
    if (r < 0) r = -r;
    return r >= d - r ? q + (n < 0 ? -1 : 1) : q;
}

int amount_ratio(Amount num, Amount den, int64_t times, Amount *ret, Err *err)
{
    Wide n;
    if (__builtin_mul_overflow((Wide)num * times, (Wide)AMOUNT_ONE, &n)) return too_large(err);
    Wide q = divide(den < 0 ? -n : n, den < 0 ? -(Wide)den : den);
    if (q > AMOUNT_MAX || q < -AMOUNT_MAX) return too_large(err);
    *ret = (Amount)q;
    return 0;
}

/* Floors were taken; the parts with the largest remainders get what is left over, one hundredth each. */
static void give_out(Part *parts, const Wide *rests, size_t n, Amount left)
{
    for (bool *had = xcalloc(n + 1, sizeof *had);;) {
        size_t best = n;
        for (size_t i = 0; i < n && left; i++) {
            if (had[i]) continue;
            bool more = best == n || (left > 0 ? rests[i] > rests[best] : rests[i] < rests[best]);
            if (more) best = i;
        }
        if (best == n) { /* all had theirs: once more around, or done */
            free(had);
            if (!left || !n) return;
            had = xcalloc(n + 1, sizeof *had);
            continue;
        }
        had[best] = true;
        parts[best].contribution += left > 0 ? 1 : -1;
        left += left > 0 ? -1 : 1;
    }
}

/* One part's share in units of 1 / whole: its floor in hundredths and what is left of it. */
static bool share(Part *p, Part all, int64_t times, Wide whole, Wide *ret_rest)
{
    Wide x, y, c;
    bool over = __builtin_mul_overflow((Wide)p->n1 - p->n0, (Wide)all.d0, &x);
    over |= __builtin_mul_overflow((Wide)p->d1 - p->d0, (Wide)all.n0, &y);
    over |= __builtin_sub_overflow(x, y, &c);
    over |= __builtin_mul_overflow(c, (Wide)times * AMOUNT_ONE, &c);
    over |= whole == -1 && __builtin_sub_overflow((Wide)0, c, &x); /* the one quotient that does not fit */
    if (over) return false;
    Wide q = c / whole, rest = c % whole;
    if (rest != 0 && (rest < 0) != (whole < 0)) q--, rest += whole; /* floor */
    if (q > AMOUNT_MAX || q < -AMOUNT_MAX) return false;
    *ret_rest = whole < 0 ? -rest : rest;
    p->contribution = (Amount)q;
    return true;
}

static int ratio_parts(Part *parts, size_t n, Part all, int64_t times, Amount change, Err *err)
{
    Wide whole; /* D0·D1, in which all contributions are counted */
    Wide given = 0;
    if (__builtin_mul_overflow((Wide)all.d0, (Wide)all.d1, &whole)) return too_large(err);
    Wide *rests = xcalloc(n + 1, sizeof *rests);
    bool fits = true;
    for (size_t i = 0; i < n && fits; i++) {
        fits = share(&parts[i], all, times, whole, &rests[i]);
        given += parts[i].contribution;
    }
    if (fits) give_out(parts, rests, n, (Amount)(change - given));
    free(rests);
    return fits ? 0 : too_large(err);
}

int amount_parts(Part *parts, size_t n, bool ratio, int64_t times, Amount *ret_before, Amount *ret_after,
                 Err *err)
{
    Part all = {0};
    for (size_t i = 0; i < n; i++) {
        bool over = __builtin_add_overflow(all.n0, parts[i].n0, &all.n0);
        over |= __builtin_add_overflow(all.n1, parts[i].n1, &all.n1);
        over |= __builtin_add_overflow(all.d0, parts[i].d0, &all.d0);
        over |= __builtin_add_overflow(all.d1, parts[i].d1, &all.d1);
        if (over) return too_large(err);
    }
    if (!ratio) {
        for (size_t i = 0; i < n; i++)
            if (__builtin_sub_overflow(parts[i].n1, parts[i].n0, &parts[i].contribution))
                return too_large(err);
        *ret_before = all.n0, *ret_after = all.n1;
        return 0;
    }
    if (!all.d0 || !all.d1) return err_set(err, ERR_VALIDATION, "前后两期里有一期没有值，不能分解");
    Amount before, after;
    TRY(amount_ratio(all.n0, all.d0, times, &before, err));
    TRY(amount_ratio(all.n1, all.d1, times, &after, err));
    TRY(ratio_parts(parts, n, all, times, after - before, err));
    *ret_before = before, *ret_after = after;
    return 0;
}
