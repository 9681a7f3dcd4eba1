/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Chunked bump allocator. Under AddressSanitizer every piece is its own malloc, so that an overrun of one
 * piece into the next is seen.
 */
#include "base/arena.h"

#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_EACH 1
#endif
#endif
#ifndef ARENA_EACH
#define ARENA_EACH 0
#endif

enum { CHUNK_MIN = 4096, CHUNK_MAX = 1 << 20, ALIGN = 16 };

typedef struct Chunk {
    struct Chunk *next;
    size_t used, size;
    _Alignas(ALIGN) unsigned char data[];
} Chunk;

typedef struct Deferred {
    struct Deferred *next;
    void (*fn)(void *);
    void *p;
} Deferred;

struct Arena {
    Chunk *head;
    Deferred *deferred;
    size_t used;
};

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes wanted; every answered write is on disk, restart is safe\n",
            size);
    abort();
}

void *xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) out_of_memory(size);
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p) out_of_memory(size);
    return p;
}

void *xrealloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q) out_of_memory(size);
    return q;
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(xmalloc(n), s, n);
}

Arena *arena_new(void) { return xcalloc(1, sizeof(Arena)); }

void arena_free(Arena *a)
{
    if (!a) return;
    while (a->deferred) {
        Deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->p);
    }
    while (a->head) {
        Chunk *c = a->head;
        a->head = c->next;
        free(c);
    }
    free(a);
}

void arena_freep(Arena **a)
{
    arena_free(*a);
    *a = NULL;
}

static Chunk *chunk_new(Arena *a, size_t want)
{
    size_t size = CHUNK_MIN;
    if (ARENA_EACH)
        size = want;
    else {
        if (a->head && a->head->size * 2 > size) size = a->head->size * 2;
        if (size > CHUNK_MAX) size = CHUNK_MAX;
        if (size < want) size = want;
    }
    Chunk *c = xmalloc(sizeof *c + size);
    c->next = a->head;
    c->used = 0;
    c->size = size;
    a->head = c;
    return c;
}

void *arena_bytes(Arena *a, size_t size)
{
    if (size > SIZE_MAX / 4) out_of_memory(size);
    size_t need = ARENA_EACH ? (size ? size : 1) : (size + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
    Chunk *c = a->head;
    if (ARENA_EACH || !c || c->size - c->used < need) c = chunk_new(a, need);
    void *p = c->data + c->used;
    c->used += need;
    a->used += need;
    return p;
}

void *arena_alloc(Arena *a, size_t size) { return memset(arena_bytes(a, size), 0, size); }

void *arena_array(Arena *a, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total)) out_of_memory(SIZE_MAX);
    return arena_alloc(a, total);
}

void arena_defer(Arena *a, void (*fn)(void *), void *p)
{
    Deferred *d = ARENA_NEW(a, Deferred);
    d->fn = fn;
    d->p = p;
    d->next = a->deferred;
    a->deferred = d;
}

size_t arena_used(const Arena *a) { return a->used; }

void *arena_push(Arena *a, void *items_ptr, size_t *n, size_t *cap, size_t size)
{
    void *items;
    memcpy(&items, items_ptr, sizeof items);
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        void *bigger = arena_array(a, *cap, size);
        if (*n) memcpy(bigger, items, *n * size);
        items = bigger;
        memcpy(items_ptr, &items, sizeof items);
    }
    void *item = (char *)items + *n * size;
    memset(item, 0, size);
    ++*n;
    return item;
}
