/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * A thread that follows the journal: it takes a turn, waits for news or so long, gathers what else comes in
 * the next moment, and takes the next turn. What a turn does, and where it stands in the journal, is its own.
 */
#include "store/store.h"

typedef struct Follower Follower;

/* One turn. Returns how long to wait for news, in microseconds; 0: again at once; negative: as long without
 * listening. */
typedef int64_t (*FollowerTurn)(void *ctx);

/* gather_us: after a wait, so that a burst of writes is one turn. `what` names it in the error. */
int follower_start(Store *s, const char *what, int64_t gather_us, FollowerTurn turn, void *ctx,
                   Follower **ret, Err *err) CHECKED;
/* Waits for the turn that runs; NULL is fine. */
void follower_stop(Follower *f);
/* For long turns: it is to end; and: there is news, or it is to end. false for NULL. */
bool follower_stopping(Follower *f);
bool follower_poked(Follower *f);
