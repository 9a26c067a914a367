/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of records of any length, from many threads to one. Nobody waits: a producer that finds
 * no room is told so, and a producer that is stopped between reserving and publishing holds up the
 * consumer at its record, nobody else.
 *
 *     void *record = ring_reserve(&ring, bytes, most);      any thread
 *     if (record != NULL) { fill it; ring_publish(record); }
 *
 *     uint64_t position = ring_tail(&ring), end = ring_head(&ring);     one thread
 *     while ((record = ring_next(&ring, &position, end)) != NULL) { look at it, or write to it; }
 *     ring_release(&ring, position);
 *
 * `most` is how full the ring may become by this record: who gives a smaller one to what matters
 * less keeps the rest for what matters more.
 *
 * Positions only grow. A record is an 8-byte head and what the caller asked for, rounded up to 8,
 * in one piece: what is left at the end of the ring is skipped by a head of its own. Reserving is
 * one compare-and-exchange on `head`. The length in a record's head is written last; the consumer
 * clears what it releases, so a head that is not written yet is 0, whatever stood there before.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct ring {
    uint8_t *bytes;
    size_t size;
    _Alignas(64) _Atomic uint64_t head; /* reserved up to here */
    _Alignas(64) _Atomic uint64_t tail; /* released up to here */
};

/* `size` is a multiple of 8. Its pages are touched when they are first used. TKR_MEMORY. */
MUST_USE tkr_error_t ring_init(struct ring *ring, size_t size);
void ring_deinit(struct ring *ring); /* of zeros is allowed */

/* --- any thread ---------------------------------------------------------------------------- */

/* 1 to RING_RECORD_BYTES_MAX bytes, aligned to 8. NULL: there is no room below `most`. */
void *ring_reserve(struct ring *ring, size_t bytes, size_t most);
/* The consumer may see it. */
void ring_publish(void *record);
/* Bytes between the oldest record and the newest. */
size_t ring_used(const struct ring *ring);

/* --- the consumer ---------------------------------------------------------------------------- */

uint64_t ring_tail(const struct ring *ring); /* of the oldest record that was not released */
uint64_t ring_head(const struct ring *ring); /* behind the newest */
/* The record at *position, which moves behind it. NULL: there is none before `end`, or it is not
 * published. */
void *ring_next(struct ring *ring, uint64_t *position, uint64_t end);
/* What stands before `position` is no longer looked at. */
void ring_release(struct ring *ring, uint64_t position);

#endif
