/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Arena: memory of one request, job, frame or pack load; it dies whole.
 *
 * What is not memory (statement, descriptor, JSON tree) is tied to the arena at birth with arena_defer and
 * released in reverse order. Out of memory ends the process: sizes from outside are capped by the caller
 * before allocation. An arena belongs to one thread at a time.
 */
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *a); /* runs the deferred calls, newest first; NULL is fine */
void arena_freep(Arena **a);
#define _cleanup_arena_ __attribute__((cleanup(arena_freep)))

/* Zeroed memory aligned for any type; lives until arena_free. */
void *arena_alloc(Arena *a, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(2)));
/* The same, not zeroed: for bytes that are written at once. */
void *arena_bytes(Arena *a, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(2)));
/* `n` items of `size` bytes; an overflowing product ends the process. */
void *arena_array(Arena *a, size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* A zeroed object of a type, or an array of them. */
#define ARENA_NEW(a, T)      ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, T, n) ((T *)arena_array((a), (n), sizeof(T)))

/* Calls fn(p) when the arena dies. */
void arena_defer(Arena *a, void (*fn)(void *), void *p);
/* Bytes handed out so far. */
size_t arena_used(const Arena *a);

/* malloc that ends the process instead of returning NULL, for objects with a life of their own. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

/* Grows `*items` (an arena array of `size`-byte items) so that index *n fits; returns the new item, zeroed.
 */
void *arena_push(Arena *a, void *items_ptr, size_t *n, size_t *cap, size_t size);
#define ARENA_PUSH(a, items, n, cap)                                                                         \
    ((__typeof__(items))arena_push((a), &(items), &(n), &(cap), sizeof *(items)))

#define TAKE(p)                                                                                              \
    ({                                                                                                       \
        __typeof__(p) taken_ = (p);                                                                          \
        (p) = NULL;                                                                                          \
        taken_;                                                                                              \
    })
