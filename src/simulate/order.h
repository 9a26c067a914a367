/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts requests in the order of their times while they come: a heap of the earliest ones, which
 * gives one away only when it is full or the recording has ended. So a recording of up to
 * SIMULATE_HELD_MAX lines may be in any order, and in a longer one a line may stand that many
 * lines behind its place. Requests of one millisecond keep the order of their lines.
 *
 * Logs of one server are nearly sorted (nginx writes a line when a request ends), those of
 * several that were put one behind the other are not; a tolerance in seconds would have been
 * too small for the second and have held too much of a busy first.
 *
 * Memory: 32 bytes a request held, 32 MiB at most (64 while it grows for the last time).
 */
#ifndef SIMULATE_ORDER_H
#define SIMULATE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct order_request {
    int64_t time_ms;
    uint64_t line;
    uint32_t token, user; /* numbers of subjects */
    uint32_t cost;
};

struct order {
    struct order_request *held; /* a heap: each is not after its two children */
    size_t count, capacity, held_max;
    int64_t given_ms; /* time of the last one given away; -1: none was */
    int64_t newest_ms;
    uint64_t late; /* requests that came behind a later one */
};

void order_init(struct order *order, size_t held_max);
void order_deinit(struct order *order);
/* Errors: TKR_OUT_OF_RANGE (it belongs before one that was given away), TKR_MEMORY. When
 * `order_full`, take one away first. */
MUST_USE tkr_error_t order_put(struct order *order, const struct order_request *request);
bool order_full(const struct order *order);
/* The earliest; false when there is none. */
bool order_take(struct order *order, struct order_request *ret_request);

#endif
