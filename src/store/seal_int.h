/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* What the files of the seal share. */
#include "store/seal.h"
#include "store/store_int.h"

/* --- seal_note.c */
/* "chengshu/" and 16 hex digits. */
Str seal_origin(Arena *a, Str first_public_pem);
/* body (ends with a line feed) with its signature by key `id` of this origin. */
int note_sign(Arena *a, Sm2Key *key, Str public_pem, Str origin, int id, Str body, Str *ret,
              Err *err) CHECKED;
/* Splits a note into body and signature; ERR_INPUT with err->at. */
typedef struct Note {
    Str body, origin, signature;
    int key;
    uint8_t key_hash[4];
} Note;
int note_split(Arena *a, Str text, Note *ret, Err *err) CHECKED;
/* Signed by this key. ERR_VERIFY. */
int note_check(Arena *a, const Note *n, Str public_pem, Err *err) CHECKED;
/* Origin, size, root, seq, after and at_us of *c. */
Str checkpoint_body(Arena *a, const Checkpoint *c);

/* --- seal_key.c */
typedef struct SealSigner {
    Sm2Key *key;
    Str origin, public_pem; /* in the arena given to signer_load */
    int id;
} SealSigner;
/* The present key from DIR/keys; made when the city has none. ERR_NOT_FOUND: its file is not on this machine,
   is damaged, or holds another key; ERR_VERIFY: others may read it. */
int signer_load(Store *s, Arena *a, SealSigner *ret, Err *err) CHECKED;
void signer_done(SealSigner *s);
/* Public keys as the folder remembers them differ from the database's: ERR_VERIFY. */
int seal_keys_at_home(Arena *a, const char *dir, const SealKey *keys, size_t n, Err *err) CHECKED;

/* --- seal_tree.c */
/* Subtrees of the sealed journal, read in stretches of 256. */
typedef struct Tiles Tiles;
Tiles *tiles_new(Tx *tx, Arena *a);
MerkleSource tiles_source(Tiles *t);
/* First entry of the stretch of 256 that is not whole yet; 0 = it is empty. */
int tiles_tail(Tiles *t, uint64_t size, int64_t *ret_first, Err *err) CHECKED;

int digest_leaf(Sm3 *h, Str hex, MerkleHash *ret, Err *err) CHECKED;
int hash_of_hex(Str hex, MerkleHash *ret);
