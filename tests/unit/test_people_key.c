/* SPDX-License-Identifier: MulanPSL-2.0 */
/* people/key: the header of a signed request taken apart; addresses and networks. */
#include "people/people_int.h"

#include "unit.h"

#define SIG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NON "0123456789abcdef"

static void header__parts_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *digest;
        bool good;
    } rows[] = {{"CS-SM3 KeyId=a, Ts=1, Nonce=" NON ", Sig=" SIG, "", true},
                {"CS-SM3 Sig=" SIG ",Nonce=" NON ",Ts=1,KeyId=a", SIG, true},
                {"CS-SM3 KeyId=a, Ts=1, Nonce=" NON ", Sig=" SIG, "short", false},
                {"CS-SM3 KeyId=a, Ts=1, Nonce=" NON, "", false},
                {"CS-SM3 KeyId=a, KeyId=b, Ts=1, Nonce=" NON ", Sig=" SIG, "", false},
                {"CS-SM3 KeyId=a, Ts=1, Nonce=short, Sig=" SIG, "", false},
                {"CS-SM3 KeyId=a\n, Ts=1, Nonce=" NON ", Sig=" SIG "\nx", "", false},
                {"CS-SM3 KeyId=a, Ts=1, Nonce=" NON ", Sig=" SIG ", More=1", "", false},
                {"CS-SM3 ", "", false},
                {"CS-SM3", "", false},
                {"", "", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Str parts[5];
        if (key_parse(str_c(rows[i].header), str_c(rows[i].digest), parts) != rows[i].good)
            fail_msg("%s", rows[i].header);
        if (rows[i].good) assert_text(parts[2], NON);
    }
}

static void address__in_a_network(void **state)
{
    (void)state;
    static const struct {
        const char *address, *network;
        bool in;
    } rows[] = {{"192.0.2.7", "192.0.2.7", true},
                {"192.0.2.7", "192.0.2.0/24", true},
                {"192.0.3.7", "192.0.2.0/24", false},
                {"192.0.3.7", "192.0.2.0/23", true},
                {"10.0.0.1", "0.0.0.0/0", true},
                {"192.0.2.7", "192.0.2.0/33", false},
                {"192.0.2.7", "192.0.2.0/-1", false},
                {"192.0.2.7", "192.0.2", false},
                {"2001:db8::1", "2001:db8::/32", true},
                {"2001:db9::1", "2001:db8::/32", false},
                {"::1", "192.0.2.0/24", false},
                {"192.0.2.7", "::/0", false},
                {"", "0.0.0.0/0", false},
                {"192.0.2.7", "", false},
                {"192.0.2.7", "/24", false}};
    for (size_t i = 0; i < COUNT(rows); i++)
        if (address_in(str_c(rows[i].address), str_c(rows[i].network)) != rows[i].in)
            fail_msg("%s in %s", rows[i].address, rows[i].network);
}

UNIT_MAIN(cmocka_unit_test(header__parts_or_refused), cmocka_unit_test(address__in_a_network))
