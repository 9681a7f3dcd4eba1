/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Identifiers with a right and a wrong form: citizen number (GB 11643-1999), unified social credit code
 * (GB 32100-2015), telephone, mail address, web address. Each check returns 0 or ERR_VALIDATION with a plain
 * Chinese reason. Messages never repeat the value: it may be a person's.
 */
#include "base/clock.h"

enum { IDENT_SIZE = 19 }; /* 18 characters and NUL */

typedef enum Sex { SEX_UNKNOWN, SEX_MALE, SEX_FEMALE } Sex;

typedef struct PersonId {
    char text[IDENT_SIZE]; /* normalised: X in upper case */
    Date birth;
    Sex sex;
} PersonId;

/* Division digits are checked for form only (first two: a province or region), since a number carries the
   code of its first issue, which may be long gone. ret may be NULL. */
int ident_person(Str s, PersonId *ret, Err *err) CHECKED;
/* Check character ('0'–'9', 'X') of 17 digits; 0 when they are not digits. */
char ident_person_check(Str first17);

/* ret may be NULL; normalised to upper case. */
int ident_credit(Str s, char ret[IDENT_SIZE], Err *err) CHECKED;
/* Check character of the first 17; 0 when one is outside the alphabet. */
char ident_credit_check(Str first17);

typedef enum PhoneKind { PHONE_MOBILE, PHONE_LANDLINE, PHONE_SERVICE } PhoneKind;
/* Mainland numbers: mobile 1[3-9]…, optionally +86/0086/86 before; landline with or without area code and
   extension
   (`0913-2933333`, `(0913)2933333`, `0913-2933333-801`); 400/800 numbers; service numbers 1xx, 95xxx, 12345.
   Hyphens and spaces allowed. ret_kind may be NULL. */
int ident_phone(Str s, PhoneKind *ret_kind, Err *err) CHECKED;
int ident_email(Str s, Err *err) CHECKED;
/* http or https with a host; at most 2,000 bytes, no spaces or control characters. */
int ident_url(Str s, Err *err) CHECKED;
