/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/queue. */
#include "unit.h"
#include "base/queue.h"

#include <stdatomic.h>

static void add_one(void *ctx) { atomic_fetch_add((atomic_int *)ctx, 1); }

typedef struct Gate {
    atomic_bool open, entered;
} Gate;

static void wait_gate(void *ctx)
{
    Gate *g = ctx;
    atomic_store(&g->entered, true);
    while (!atomic_load(&g->open)) nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void queue__runs_all_and_refuses_when_full(void **state)
{
    (void)state;
    Queue *q;
    atomic_int n = 0;
    assert_int_equal(queue_new(3, 8, &q, NULL), 0);
    for (int i = 0; i < 1000; i++) assert_true(queue_push(q, add_one, &n));
    queue_drain(q);
    assert_int_equal(atomic_load(&n), 1000);
    for (int i = 0; i < 5; i++) assert_true(queue_push(q, add_one, &n));
    queue_free(q); /* finishes what was taken */
    assert_int_equal(atomic_load(&n), 1005);

    Gate g = {false, false};
    assert_int_equal(queue_new(1, 2, &q, NULL), 0);
    assert_true(queue_try_push(q, wait_gate, &g));
    while (!atomic_load(&g.entered)) nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    assert_true(queue_try_push(q, add_one, &n));
    assert_true(queue_try_push(q, add_one, &n));
    assert_false(queue_try_push(q, add_one, &n));
    assert_int_equal(queue_waiting(q), 2);
    atomic_store(&g.open, true);
    queue_free(q);
    assert_int_equal(atomic_load(&n), 1007);
    assert_int_equal(queue_new(0, 2, &q, NULL), -ERR_INPUT);
    queue_free(NULL);
}

UNIT_MAIN(cmocka_unit_test(queue__runs_all_and_refuses_when_full))
