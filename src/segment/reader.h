/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the segment: what verification stands on.
 *
 *     struct segment_reader *reader;
 *     TRY(segment_reader_open(directory, clock, 5, &reader, fault));
 *     int64_t now_ms;
 *     if (!segment_reader_begin(reader, &now_ms)) { ... cannot be decided ... }
 *     view = segment_reader_view(reader);      good until the next _begin
 *
 * Readers of one process share one mapping of each generation; an old mapping lives until the
 * last reader has moved on. A reader belongs to one thread. The structs are open so that the
 * few hot functions can be inlined; their members are reader.c's.
 */
#ifndef SEGMENT_READER_H
#define SEGMENT_READER_H

#include "base/clock.h"
#include "base/fault.h"
#include "segment/clock_line.h"
#include "segment/view.h"

#define SEGMENT_DIRECTORY_BYTES_MAX 4096

/* One generation, mapped. Immutable but for the reference count (under the registry's lock). */
struct segment_mapping {
    struct segment_view view;
    uint8_t *usage;
    uint32_t stride, line_room; /* lines that the mapping covers */
    enum window_kind kinds[WINDOW_COUNT];
    uint64_t device, inode, usage_bytes; /* what is mapped */
    size_t keys_mapped, usage_mapped;
    uint32_t references;
    struct segment_mapping *next;
};

struct segment_reader {
    struct segment_mapping *mapping;
    const struct clock *clock;
    int64_t stale_ns;
    int64_t next_try_ns; /* when a stale segment is looked at again */
    char directory[SEGMENT_DIRECTORY_BYTES_MAX];
};

/* Errors, with words in `fault`: TKR_NOT_FOUND (no segment), TKR_VERSION_NEWER, TKR_CORRUPT,
 * TKR_UNAVAILABLE (it is being exchanged, or of an older version), TKR_IO, TKR_MEMORY. */
MUST_USE tkr_error_t segment_reader_open(const char *directory, const struct clock *clock,
                                         int64_t stale_s, struct segment_reader **ret_reader,
                                         struct fault *fault);
void segment_reader_close(struct segment_reader *reader); /* NULL is allowed */

/* Whether the usage file has lines that the mapping does not cover. */
static inline bool segment_reader_outgrown(const struct segment_reader *reader)
{
    const struct segment_keys_header *header = reader->mapping->view.header;
    return atomic_load_explicit(&header->lines, memory_order_acquire) > reader->mapping->line_room;
}

/* The slow half of _begin: superseded, outgrown, or stale. */
bool segment_reader_move(struct segment_reader *reader, int64_t *ret_now_ms);

/* Once before each verification: moves to a newer generation when there is one. False: the
 * heartbeat is older than `stale_s`, or there is no clock. */
static inline bool segment_reader_begin(struct segment_reader *reader, int64_t *ret_now_ms)
{
    const struct segment_keys_header *header = reader->mapping->view.header;
    uint32_t state = atomic_load_explicit(&header->state, memory_order_acquire);
    int64_t monotonic_ns = clock_monotonic_coarse_ns(reader->clock);
    int64_t silent_ns;
    if (LIKELY(state == SEGMENT_STATE_LIVE && !segment_reader_outgrown(reader) &&
               segment_clock_read(&header->clock, monotonic_ns, ret_now_ms, &silent_ns) &&
               silent_ns <= reader->stale_ns && silent_ns >= -reader->stale_ns &&
               *ret_now_ms > 0)) {
        return true;
    }
    return segment_reader_move(reader, ret_now_ms);
}

static inline const struct segment_view *segment_reader_view(const struct segment_reader *reader)
{
    return &reader->mapping->view;
}

/* The usage line, or NULL when there is none of that number. */
static inline void *segment_reader_line(const struct segment_reader *reader, uint32_t line)
{
    const struct segment_mapping *mapping = reader->mapping;
    uint32_t lines = atomic_load_explicit(&mapping->view.header->lines, memory_order_relaxed);
    if (UNLIKELY(line >= lines || line >= mapping->line_room)) {
        return NULL;
    }
    return mapping->usage + SEGMENT_LINES_OFFSET + (uint64_t)line * mapping->stride;
}

/* After counting on a line: the authority shall look at it. */
static inline void segment_reader_mark(const struct segment_reader *reader, uint32_t line)
{
    _Atomic uint8_t *dirty = (void *)(reader->mapping->usage + SEGMENT_DIRTY_OFFSET);
    if (UNLIKELY(atomic_load(&dirty[line / SEGMENT_DIRTY_LINES]) == 0)) {
        atomic_store(&dirty[line / SEGMENT_DIRTY_LINES], 1);
    }
}

#endif
