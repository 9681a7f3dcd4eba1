/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Files of DIR/keys that hold secrets of the city: read as a whole, refused when others may read them. */
#include "base/err.h"

enum { SECRET_FILE_MAX = 65536 };

/* The text, in the arena; p == NULL when there is no such file. ERR_VERIFY when group or others may read it,
   ERR_IO, ERR_TOO_LARGE. */
int secret_file_read(Arena *a, const char *path, Str *ret, Err *err) CHECKED;
/* Makes DIR/keys (0700) and the file (0600), whole or not at all, and on disk when it returns. A file of that
   name is replaced. ERR_IO. */
int secret_file_write(const char *path, Str text, Err *err) CHECKED;
