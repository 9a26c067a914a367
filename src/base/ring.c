/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Before each record: its whole length, the head's included. */
struct record_head {
    _Atomic uint32_t bytes; /* 0: not published */
    uint32_t reserved;      /* the same, until it is */
};
#define SKIPPED 1U /* a bit of the length, which is a multiple of 8: nothing is in it */

tkr_error_t ring_init(struct ring *ring, size_t size)
{
    ASSERT(size % sizeof(struct record_head) == 0);
    *ring = (struct ring){.bytes = calloc(1, size), .size = size};
    return ring->bytes != NULL ? TKR_OK : TKR_MEMORY;
}

void ring_deinit(struct ring *ring)
{
    free(ring->bytes);
    ring->bytes = NULL;
}

static struct record_head *head_at(const struct ring *ring, uint64_t position)
{
    return (struct record_head *)(void *)(ring->bytes + position % ring->size);
}

/* What has to be skipped so that a record is in one piece. */
static size_t gap_before(const struct ring *ring, uint64_t position, size_t whole)
{
    size_t left = ring->size - (size_t)(position % ring->size);
    return left < whole ? left : 0;
}

void *ring_reserve(struct ring *ring, size_t bytes, size_t most)
{
    ASSERT(bytes > 0 && bytes <= RING_RECORD_BYTES_MAX);
    size_t whole = sizeof(struct record_head) + (bytes + 7) / 8 * 8;
    size_t limit = most < ring->size ? most : ring->size;
    /* First the tail: a head of later is never before it. Acquire: it was cleared by then. */
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t gap = 0;
    do {
        gap = gap_before(ring, head, whole);
        if (head - tail + gap + whole > limit) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&ring->head, &head, head + gap + whole,
                                                    memory_order_relaxed, memory_order_relaxed));
    if (gap > 0) {
        atomic_store_explicit(&head_at(ring, head)->bytes, (uint32_t)gap | SKIPPED,
                              memory_order_release);
    }
    struct record_head *record = head_at(ring, head + gap);
    record->reserved = (uint32_t)whole;
    return record + 1;
}

void ring_publish(void *record)
{
    struct record_head *head = (struct record_head *)record - 1;
    atomic_store_explicit(&head->bytes, head->reserved, memory_order_release);
}

size_t ring_used(const struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return head > tail ? (size_t)(head - tail) : 0; /* the two are of different moments */
}

uint64_t ring_tail(const struct ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_relaxed); /* the consumer's own */
}

uint64_t ring_head(const struct ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_relaxed);
}

void *ring_next(struct ring *ring, uint64_t *position, uint64_t end)
{
    while (*position < end) {
        struct record_head *head = head_at(ring, *position);
        uint32_t bytes = atomic_load_explicit(&head->bytes, memory_order_acquire);
        if (bytes == 0) {
            return NULL;
        }
        *position += bytes & ~SKIPPED;
        if ((bytes & SKIPPED) == 0) {
            return head + 1;
        }
    }
    return NULL;
}

void ring_release(struct ring *ring, uint64_t position)
{
    uint64_t tail = ring_tail(ring);
    while (tail < position) {
        size_t start = (size_t)(tail % ring->size);
        size_t length = ring->size - start;
        length = length < position - tail ? length : (size_t)(position - tail);
        memset(ring->bytes + start, 0, length);
        tail += length;
    }
    atomic_store_explicit(&ring->tail, position, memory_order_release);
}
