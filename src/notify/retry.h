/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a message after a try. Pure. The reasons stand in ADR 12. */
#ifndef NOTIFY_RETRY_H
#define NOTIFY_RETRY_H

#include <stdint.h>

#include "base/check.h"
#include "engine/outbox_port.h"

struct retry_try {
    tkr_error_t error; /* of the transfer */
    long status;       /* of HTTP; 0: there was none, or it was no HTTP */
    int64_t retry_after_s;
    uint32_t tries; /* with this one */
    int64_t age_ms; /* since it began to wait */
    int64_t give_up_ms;
};

/* SENT, LATER or DEAD. */
enum outbox_outcome retry_judge(const struct retry_try *tried);
/*
 * How long to wait then: at random between a second and a bound that doubles with each try (full
 * jitter), or what the receiver asked for when that is longer; at most NOTIFY_RETRY_MOST_MS.
 * `draw` is a random number.
 */
int64_t retry_delay_ms(const struct retry_try *tried, uint64_t draw);
/* How long nothing is sent on a channel whose last `failures` tries found nobody. 0: none did. */
int64_t retry_pause_ms(uint32_t failures, uint64_t draw);

#endif
