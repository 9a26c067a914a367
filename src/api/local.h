/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a local call: set once, by whichever thread, and waited for by the caller. */
#ifndef API_LOCAL_H
#define API_LOCAL_H

#include "base/buffer.h"

struct local_answer;
/* Copies `body` (may be NULL) and wakes the caller; afterwards `answer` is gone. */
void local_answer_set(struct local_answer *answer, unsigned status, const struct buffer *body);

#endif
