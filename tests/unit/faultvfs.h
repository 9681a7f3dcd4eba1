/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Faults under SQLite, for tests: a VFS that fails the n-th call of a kind, and an allocator that fails the
 * n-th allocation. Both count from fault_arm on; files and allocations of any connection count.
 */
#include <stdbool.h>

typedef enum FaultCall {
    FAULT_NONE,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_TRUNCATE,
    FAULT_OPEN,
    FAULT_DELETE,
    FAULT_MAP, /* the log's index, in shared memory */
    FAULT_MALLOC
} FaultCall;

typedef struct Fault {
    FaultCall call;
    int n;      /* the n-th one from now, 1 = the next */
    bool stays; /* and every one after it */
    int code;   /* SQLite's code that it gives; ignored for FAULT_MALLOC */
    bool half;  /* FAULT_WRITE: the first half of the bytes is written before it fails */
} Fault;

void fault_install(void); /* before the first call of SQLite: makes both the default */
void fault_arm(Fault f);
bool fault_disarm(void); /* true when the fault was met */
