/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Calls that must not compile: each has lost bytes or time zones in somebody's city. Force-included by meson.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef USES_XLSXWRITER /* its macros name such a call: they are read before the ban */
#include <xlsxwriter.h>
#endif

#ifndef __cplusplus
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atof gmtime localtime
#endif
