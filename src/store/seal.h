/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * 日志封存: the journal's entries, in order, are the leaves of a Merkle tree (base/merkle.h; a leaf's data
 * are the 32 bytes of the entry's digest), and the tree's head is signed with SM2 as a checkpoint. Whoever
 * keeps a checkpoint can prove later that nothing under it was changed, taken out or put in, whoever holds
 * the database.
 *
 * One thread of a server seals what has been committed, about once a second under load: writers never wait
 * for it. Several servers on one database take turns by the checkpoints' unique sizes.
 *
 * A checkpoint is a signed note (in the form of C2SP's tlog-checkpoint and signed-note, with SM3 and SM2):
 *
 *     chengshu/0123456789abcdef            origin: the first 16 digits of SM3(PEM of the first public key)
 *     12345                                entries under it
 *     oOLq…=                               root of the tree, base64
 *     seq 12401                            number of the last entry
 *     after 12000                          size of the checkpoint before; 0 for the first
 *     time 2025-06-03T06:05:00.000000Z
 *
 *     — chengshu/0123456789abcdef/2 BASE64   key's name; 4 bytes of SM3(name LF PEM), then the DER signature
 *
 * The signature is SM2 with SM3 and the id 1234567812345678 over the text above the empty line, its last line
 * feed included. Keys: DIR/keys/seal-N.pem, made at the first sealing; a new key is endorsed by the one
 * before, or, after a loss, by itself, which says so and is told by every check. The newest checkpoint is
 * also kept outside the database, in DIR/checkpoint.txt.
 */
#include "base/merkle.h"
#include "store/store.h"

enum { SEAL_TILE = 256, CHECKPOINT_TEXT_MAX = 4096, SEAL_KEYS_MAX = 1000 };

Str hash_hex(Arena *a, const MerkleHash *h); /* 64 digits, lower case */

typedef struct Checkpoint {
    Str origin;
    int64_t size, seq, after, at_us;
    MerkleHash root;
    int key;       /* number of the key that signed */
    Str note;      /* the whole text */
    Str body;      /* what is signed */
    Str signature; /* DER */
    uint8_t key_hash[4];
} Checkpoint;

/* Takes a note apart; any bytes give a checkpoint or ERR_INPUT with err->at. Does not check the signature. */
int checkpoint_parse(Arena *a, Str note, Checkpoint *ret, Err *err) CHECKED;

typedef struct SealKey {
    int id;
    int64_t since; /* signs trees from this size on */
    Str public_pem;
    Str endorsement;
    int endorsed_by; /* the key before it, or itself: the first, and one that follows a lost one; 0:
                        unreadable */
} SealKey;

/* It follows a key whose private half was lost, and only its own word stands for it. */
bool seal_key_alone(const SealKey *k);

/* All keys, oldest first. */
int seal_keys(Tx *tx, Arena *a, SealKey **ret, size_t *ret_n, Err *err) CHECKED;
/* Every key is endorsed by the one before it, or by itself after a loss (seal_key_alone). ERR_VERIFY. */
int seal_keys_check(Arena *a, const SealKey *keys, size_t n, Err *err) CHECKED;
/* The note is of this journal, and signed by the key whose turn it was. ERR_VERIFY. */
int checkpoint_check(Arena *a, const SealKey *keys, size_t n, const Checkpoint *c, Err *err) CHECKED;

/* Seals everything committed so far, in steps. Makes the first key. Nothing new: nothing is written. */
int seal_now(Store *s, Err *err) CHECKED;
/* Takes a new key, endorsed by the present one, whose private half is destroyed. The journal is sealed with
   the old key first. ERR_NOT_FOUND without the present key's file. */
int seal_rotate(Store *s, int *ret_id, Err *err) CHECKED;
/* A new key after the present one's private half was lost: it vouches for itself and signs from the last
   checkpoint on. ERR_CONFLICT while the present key is there. */
int seal_replace_lost(Store *s, int *ret_id, Err *err) CHECKED;

/* The sealing thread of a server. Stopping seals what is left. */
typedef struct Sealer Sealer;
int sealer_start(Store *s, Sealer **ret, Err *err) CHECKED;
void sealer_stop(Sealer *s);

/* The checkpoint of `size` entries; 0: the newest. ERR_NOT_FOUND. */
int seal_checkpoint(Tx *tx, Arena *a, int64_t size, Checkpoint *ret, Err *err) CHECKED;
/* Checkpoints above `after`, oldest first, or newest first below it (0: from the end). */
int seal_checkpoints(Tx *tx, Arena *a, int64_t after, bool newest_first, size_t limit, Checkpoint **ret,
                     size_t *ret_n, Err *err) CHECKED;

typedef struct Inclusion {
    int64_t seq, index; /* the entry, and its place among the leaves */
    MerkleHash leaf;
    MerklePath path;
    Checkpoint under;
} Inclusion;
/* That the entry `seq` is under the checkpoint of `size` entries; 0: the first one over it. A handful of
   short reads whatever the journal's length. ERR_NOT_FOUND: no such entry or checkpoint; ERR_PRECONDITION:
   not sealed yet. */
int seal_inclusion(Tx *tx, Arena *a, int64_t seq, int64_t size, Inclusion *ret, Err *err) CHECKED;

typedef struct Growth {
    Checkpoint from, to;
    MerklePath path;
} Growth;
/* That the checkpoint `from` is the beginning of `to` (0: the newest). ERR_NOT_FOUND. */
int seal_growth(Tx *tx, Arena *a, int64_t from, int64_t to, Growth *ret, Err *err) CHECKED;

typedef struct Sealed {
    int64_t entries;     /* in the journal */
    int64_t sealed;      /* of them under a checkpoint */
    int64_t checkpoints; /* signatures checked */
    int64_t outside;     /* size of the outermost outside checkpoint that was met; 0 = none */
    int64_t keys_alone;  /* keys that follow a lost one */
} Sealed;
/*
 * Everything anew: every digest, the whole tree, every node kept of it, every checkpoint with its signature,
 * every key; then the checkpoints kept outside: DIR/checkpoint.txt, and `outside` (n notes). ERR_VERIFY with
 * the first broken thing: "…之间的日志被改动", or how many entries are missing at the end. One pass, flat
 * memory.
 */
int seal_verify(Store *s, const Str *outside, size_t n, Sealed *ret, Err *err) CHECKED;
