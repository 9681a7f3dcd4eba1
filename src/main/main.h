/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The command line: one row a command, one file a command; options are rows too, so help and parsing cannot
 * disagree. */
#include "people/people.h"

/* Exit codes of the contract. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REJECTED = 3 };

typedef struct Options {
    const char *data, *db, *systems, *listen, *map, *mode, *format, *where, *user, *record, *public_url;
    const char *base, *scale, *checkpoint, *from, *to;
    bool check, keep_going;
    bool demo, dry_run, lost;
    StrList allow_data_loss;
    size_t cap_allow;
    const char *args[8]; /* words without -- */
    size_t n_args;
    Arena *arena;
} Options;

typedef struct Command {
    const char *name, *usage, *title;
    int (*run)(Options *o); /* exit code */
} Command;

int cmd_backup(Options *o);
int cmd_check(Options *o);
int cmd_checkpoint(Options *o);
int cmd_collect(Options *o);
int cmd_export(Options *o);
int cmd_import(Options *o);
int cmd_init(Options *o);
int cmd_journal(Options *o);
int cmd_password(Options *o);
int cmd_prove(Options *o);
int cmd_restore(Options *o);
int cmd_revoke(Options *o);
int cmd_rotate_keys(Options *o);
int cmd_rotate_seal_key(Options *o);
int cmd_schema(Options *o);
int cmd_serve(Options *o);
int cmd_synth(Options *o);
int cmd_try(Options *o);
int cmd_verify(Options *o);

extern const Engine *const engines[]; /* NULL-terminated, floor order */
extern const char calendar_text[];    /* data/calendar/cn-workdays.csv */

/* A city opened for a command: packs of the data folder, store locked, calendar. Freed by city_done. */
typedef struct OpenCity {
    City city;
    Model *model;
    Store *store;
    Calendar *calendar;
} OpenCity;

/* `systems`: folder of packs, NULL = those of the data folder. Prints faults. */
int city_open(const Options *o, const char *systems, bool demo_known, OpenCity *ret, Err *err) CHECKED;
/* Opens the keys of sealed fields where the packs have any; needs the tables. city_open does it for a city
 * that is made. */
int city_keys(OpenCity *c, const char *dir, Err *err) CHECKED;
/* Seals what the command wrote. Without the seal's key on this machine (another server of the city has it)
   that is said and left to the other. */
int city_seal(const OpenCity *c, Err *err) CHECKED;
void city_done(OpenCity *c);
#define _cleanup_city_ __attribute__((cleanup(city_done)))
/* What the data folder remembers of init. */
typedef struct Remembered {
    Str db;
    bool demo, there;
} Remembered;
int city_remember(const char *dir, const char *db, bool demo, Err *err) CHECKED;
int city_recall(Arena *a, const char *dir, Remembered *ret, Err *err) CHECKED;
/* The database of a made city alone, without its packs; reads without a time limit. `lock`: as the one that
   writes. memory: NULL, or what the data folder remembers. */
int city_store(const Options *o, bool lock, Remembered *memory, Store **ret, Err *err) CHECKED;
/* Keeps a copy of the packs as DIR/systems, swapped in whole. */
int packs_keep(const char *from, const char *dir, Err *err) CHECKED;
/* Restores the backup into a scratch folder (and database) and verifies it there. */
int restore_check(Options *o, const char *file, Err *err) CHECKED;
/* A folder with all in it; links are removed, not followed. */
void remove_tree(const char *path);
/* Prints "chengshu: what（where）；what to do" on stderr; returns EXIT_FAILED. */
int complain(const Err *err);
void print_faults(const Faults *f);
