/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * GB 11643-1999 (citizen number), GB 32100-2015 (unified social credit code), and the shapes of telephone
 * numbers, mail and web addresses. A right check digit does not prove that the person or organisation exists.
 */
#include "base/ident.h"

enum { ID_LEN = 18, EMAIL_MAX = 254, URL_MAX = 2000, PHONE_MAX = 32 };

static bool digit(char c) { return c >= '0' && c <= '9'; }
static bool alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

static int bad(Err *err, const char *msg) { return err_set(err, ERR_VALIDATION, "%s", msg); }

/* First digit outside the form, or n. */
static size_t digits_upto(Str s, size_t n)
{
    size_t i = 0;
    while (i < n && i < s.n && digit(s.p[i])) i++;
    return i;
}

char ident_person_check(Str first17)
{
    static const int weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    if (first17.n < 17 || digits_upto(first17, 17) < 17) return 0;
    int sum = 0;
    for (size_t i = 0; i < 17; i++) sum += weights[i] * (first17.p[i] - '0');
    return "10X98765432"[sum % 11];
}

static bool province_digits(Str s)
{
    /* First digit: 1 North … 6 North-West, 7 Taiwan, 8 Hong Kong, Macao and residents' permits, 9 foreigners'
     * permits. */
    return s.p[0] >= '1' && s.p[0] <= '9' && !(s.p[1] == '0') &&
           !(s.p[2] == '9' && s.p[3] == '9' && s.p[0] == '9');
}

int ident_person(Str s, PersonId *ret, Err *err)
{
    if (s.n == 15 && digits_upto(s, 15) == 15)
        return bad(err, "这是 15 位的旧号码，请填写 18 位公民身份号码");
    if (s.n != ID_LEN) return err_set(err, ERR_VALIDATION, "公民身份号码应是 18 位，现在是 %zu 位", s.n);
    size_t ok = digits_upto(s, 17);
    if (ok < 17) return err_set(err, ERR_VALIDATION, "公民身份号码第 %zu 位应是数字", ok + 1);
    char last = upper(s.p[17]);
    if (!digit(last) && last != 'X') return bad(err, "公民身份号码末位应是数字或 X");
    if (!province_digits(s)) return bad(err, "公民身份号码前 6 位不是行政区划代码");
    int n[8];
    for (size_t i = 0; i < 8; i++) n[i] = s.p[6 + i] - '0';
    Date birth = {n[0] * 1000 + n[1] * 100 + n[2] * 10 + n[3], n[4] * 10 + n[5], n[6] * 10 + n[7]};
    if (!date_valid(birth) || birth.year < 1850)
        return bad(err, "公民身份号码第 7 到 14 位不是真实的出生日期，请核对");
    if (date_cmp(birth, clock_china_date(clock_now_us())) > 0)
        return bad(err, "公民身份号码里的出生日期在今天之后，请核对");
    if (ident_person_check(str_n(s.p, 17)) != last) return bad(err, "公民身份号码的校验位不对，请逐位核对");
    if (!ret) return 0;
    memcpy(ret->text, s.p, 17);
    ret->text[17] = last;
    ret->text[18] = 0;
    ret->birth = birth;
    ret->sex = (s.p[16] - '0') % 2 ? SEX_MALE : SEX_FEMALE;
    return 0;
}

static int credit_value(char c)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    const char *at = c ? strchr(alphabet, upper(c)) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

char ident_credit_check(Str first17)
{
    if (first17.n < 17) return 0;
    int sum = 0, weight = 1;
    for (size_t i = 0; i < 17; i++, weight = weight * 3 % 31) {
        int v = credit_value(first17.p[i]);
        if (v < 0) return 0;
        sum += v * weight;
    }
    return "0123456789ABCDEFGHJKLMNPQRTUWXY"[(31 - sum % 31) % 31];
}

int ident_credit(Str s, char ret[IDENT_SIZE], Err *err)
{
    if (s.n != ID_LEN) return err_set(err, ERR_VALIDATION, "统一社会信用代码应是 18 位，现在是 %zu 位", s.n);
    for (size_t i = 0; i < ID_LEN; i++) {
        if (credit_value(s.p[i]) < 0)
            return err_set(err, ERR_VALIDATION,
                           "统一社会信用代码第 %zu 位不对，只能用数字和大写字母（不含 I、O、S、V、Z）",
                           i + 1);
        if (i >= 2 && i < 8 && !digit(s.p[i]))
            return err_set(err, ERR_VALIDATION,
                           "统一社会信用代码第 %zu 位应是数字（第 3 到 8 位是登记机关区划）", i + 1);
    }
    char want = ident_credit_check(str_n(s.p, 17));
    if (upper(s.p[17]) != want) return bad(err, "统一社会信用代码的校验位不对，请逐位核对");
    if (!ret) return 0;
    for (size_t i = 0; i < ID_LEN; i++) ret[i] = upper(s.p[i]);
    ret[ID_LEN] = 0;
    return 0;
}

/* The digits of a number, its extension apart; false when something else is in it. */
static bool phone_digits(Str s, char out[PHONE_MAX], size_t *n, size_t *ext)
{
    bool in_ext = false;
    *n = *ext = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (digit(c)) {
            if (in_ext)
                ++*ext;
            else if (*n < PHONE_MAX - 1)
                out[(*n)++] = c;
            else
                return false;
        } else if (c == '-' || c == ' ') {
            /* A hyphen behind a whole landline number begins the extension. */
            if (*n >= 10 && out[0] == '0') in_ext = true;
        } else if (c != '(' && c != ')' && !(c == '+' && i == 0))
            return false;
    }
    out[*n] = 0;
    return *ext <= 6;
}

static int phone_ok(PhoneKind kind, PhoneKind *ret)
{
    if (ret) *ret = kind;
    return 0;
}

int ident_phone(Str s, PhoneKind *ret_kind, Err *err)
{
    char d[PHONE_MAX];
    size_t n, ext;
    if (!s.n || s.n > PHONE_MAX || !phone_digits(s, d, &n, &ext) || !n)
        return bad(err, "电话号码只能有数字、短横线、空格和括号，如 13800000000 或 0913-2930000");
    const char *p = d;
    bool country = true;
    if (!strncmp(p, "0086", 4))
        p += 4, n -= 4;
    else if (!strncmp(p, "86", 2) && (s.p[0] == '+' || n == 13))
        p += 2, n -= 2;
    else
        country = false;
    if (s.p[0] == '+' && !country) return bad(err, "只接受中国大陆的电话号码（+86）");
    if (p[0] == '1' && n == 11 && p[1] >= '3')
        return ext ? bad(err, "手机号码不应有分机号") : phone_ok(PHONE_MOBILE, ret_kind);
    if (p[0] == '1' && n == 11) return bad(err, "手机号码第二位应是 3 到 9");
    if ((!strncmp(p, "400", 3) || !strncmp(p, "800", 3)) && n == 10) return phone_ok(PHONE_SERVICE, ret_kind);
    if ((p[0] == '1' && (n == 3 || n == 5)) || (!strncmp(p, "95", 2) && n >= 5 && n <= 6) ||
        (!strncmp(p, "96", 2) && n >= 5 && n <= 6))
        return phone_ok(PHONE_SERVICE, ret_kind);
    if (p[0] == '1' && n > 5) return err_set(err, ERR_VALIDATION, "手机号码应是 11 位，现在是 %zu 位", n);
    if (country && p[0] != '0' && n >= 9 && n <= 11)
        return phone_ok(PHONE_LANDLINE, ret_kind); /* +86 913 … */
    if (p[0] == '0' && n >= 10 && n <= 12 && p[1] != '0') return phone_ok(PHONE_LANDLINE, ret_kind);
    if (p[0] >= '2' && p[0] <= '8' && (n == 7 || n == 8)) return phone_ok(PHONE_LANDLINE, ret_kind);
    return bad(err, "电话号码的位数不对，应是 11 位手机号码，或区号加 7 到 8 位座机号码");
}

/* Labels of letters, digits and inner hyphens, joined by dots; at least `least` of them. */
static bool host_ok(Str h, size_t least)
{
    Str rest = h, label;
    size_t labels = 0;
    if (!h.n || h.n > 253) return false;
    while (str_split(&rest, '.', &label)) {
        if (!label.n || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-') return false;
        for (size_t i = 0; i < label.n; i++)
            if (!alpha(label.p[i]) && !digit(label.p[i]) && label.p[i] != '-' && !(label.p[i] & 0x80))
                return false;
        labels++;
    }
    return labels >= least;
}

int ident_email(Str s, Err *err)
{
    ptrdiff_t at = str_find(s, '@');
    if (at <= 0 || s.n > EMAIL_MAX) return bad(err, "电子邮箱写法不对，应如 name@example.cn");
    Str local = str_n(s.p, (size_t)at), host = str_from(s, (size_t)at + 1);
    bool ok =
        local.n <= 64 && local.p[0] != '.' && local.p[local.n - 1] != '.' && str_find_str(local, S("..")) < 0;
    for (size_t i = 0; i < local.n && ok; i++) {
        char c = local.p[i];
        ok = alpha(c) || digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
    }
    if (!ok) return bad(err, "电子邮箱 @ 前面的部分含有不允许的字符");
    if (!host_ok(host, 2)) return bad(err, "电子邮箱 @ 后面的域名写法不对，应如 example.cn");
    return 0;
}

static bool port_ok(Str s)
{
    int64_t port;
    return s.n <= 5 && digits_upto(s, s.n) == s.n && str_int(s, &port) && port >= 1 && port <= 65535;
}

static bool authority_ok(Str s)
{
    ptrdiff_t at = str_find(s, '@');
    if (at >= 0) return false; /* a password in an address is a mistake, and a trick of phishers */
    if (s.n && s.p[0] == '[') {
        ptrdiff_t end = str_find(s, ']');
        if (end < 3) return false;
        for (ptrdiff_t i = 1; i < end; i++)
            if (!strchr("0123456789abcdefABCDEF:.", s.p[i]) || !s.p[i]) return false;
        Str rest = str_from(s, (size_t)end + 1);
        return !rest.n || (rest.p[0] == ':' && port_ok(str_from(rest, 1)));
    }
    ptrdiff_t colon = str_find(s, ':');
    if (colon >= 0 && !port_ok(str_from(s, (size_t)colon + 1))) return false;
    return host_ok(colon < 0 ? s : str_n(s.p, (size_t)colon), 1);
}

int ident_url(Str s, Err *err)
{
    size_t skip = s.n >= 7 && str_ieq(str_n(s.p, 7), S("http://"))    ? 7
                  : s.n >= 8 && str_ieq(str_n(s.p, 8), S("https://")) ? 8
                                                                      : 0;
    if (!skip) return bad(err, "网址应以 http:// 或 https:// 开头");
    if (s.n > URL_MAX) return err_set(err, ERR_VALIDATION, "网址太长，最多 %d 字节", URL_MAX);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F || (s.p[i] && strchr("\"<>\\^`{|}", s.p[i])))
            return bad(err, "网址里含有空格或不允许的字符");
    Str rest = str_from(s, skip);
    size_t n = 0;
    while (n < rest.n && !strchr("/?#", rest.p[n])) n++;
    if (!authority_ok(str_n(rest.p, n))) return bad(err, "网址里的主机名写法不对");
    return 0;
}
