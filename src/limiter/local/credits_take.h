/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credits as one more thing that a request takes, behind its windows. Nothing outside
 * limiter/local includes this.
 *
 * What was used in the present period is one word, so its swap proves that nobody else took
 * the same credits. The allowance is another word, which the authority may have lowered
 * meanwhile; so it is read again after the swap, and when it changed and what was taken is too
 * much by then, it is given back (segment/usage_line.h says why that is exact). Whoever finds
 * the word in a former period, or in one of another interval, makes it the present one; whoever
 * has a clock that is behind finds a later period and uses that.
 *
 * A thread killed in between has taken what it did not get to answer for: like a request whose
 * answer was lost.
 */
#ifndef LIMITER_CREDITS_TAKE_H
#define LIMITER_CREDITS_TAKE_H

#include "engine/limiter_port.h"

/* Tries of one word before the request is refused: another process that scribbles on the line
 * without end shall not hold a verifier. */
#define LIMITER_ATTEMPTS_MAX 1000

/* Reads what there is into the answer, and whether it is enough. With `room` (in the windows)
 * a lack of it is the reason of the refusal, and said so. `take->credits` is not NULL here. */
bool limiter_credits_check(const struct limiter_take *take, bool room,
                           struct limiter_answer *answer);
/* Takes the cost, unless it is 0 or a dry run. False: others were quicker, and the answer says
 * that they are exhausted. */
bool limiter_credits_take(const struct limiter_take *take, struct limiter_answer *answer);

#endif
