/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* A YAML file as a tree in which every node knows its place. One document a file; aliases and tags are
   refused (packs are data that people read), duplicate keys too. */
#include "model/fault.h"

typedef enum YamlKind { YAML_SCALAR, YAML_MAP, YAML_LIST } YamlKind;
typedef struct Yaml Yaml;
typedef struct YamlPair {
    Yaml *key, *value;
} YamlPair;

struct Yaml {
    YamlKind kind;
    Place at;
    Str text;    /* scalar */
    bool block;  /* scalar written with | or > */
    bool quoted; /* scalar in quotes or block style: never null, number or bool */
    size_t n, cap;
    YamlPair *pairs; /* map */
    Yaml **items;    /* list */
};

enum { YAML_FILE_MAX = 8 << 20, YAML_DEPTH_MAX = 32 };

/* Reads a file; faults are added with `shown` as the file's name. NULL when nothing usable is there. */
Yaml *yaml_read(Arena *a, const char *path, const char *shown, Faults *f);
Yaml *yaml_parse(Arena *a, Str text, const char *shown, Faults *f);
/* The value of a key, or NULL. */
Yaml *yaml_get(const Yaml *map, const char *key);
/* Where in the file the byte `at` of a scalar's text stands. Exact for text on one line (in double quotes
   each escape before it shifts it by one); for text of several lines, and at < 0, where the text begins. */
Place yaml_place(const Yaml *y, int64_t at);
/* An unquoted empty scalar, ~ or null. */
bool yaml_is_null(const Yaml *y);
const char *yaml_kind_title(YamlKind k);
