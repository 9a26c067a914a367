/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sketches of the tokens that are in use, by their usage line, which stays the same through
 * rotations.
 *
 *   index     slot number + 1 by the hash of the line, linear probing, at most two thirds full
 *   slots     {line, older, newer}: a list from the one that was used last to the one that was
 *             not used for the longest, to the hour
 *   sketches  one for each slot, in blocks, so that growing copies none
 *
 * A sketch has 224 bytes; its slot 12; the index 6 to 12, once it is larger than its least size.
 * Together at most 248 a token.
 *
 * At the maximum a new line takes the place of the one that was not used for the longest, whose
 * token begins to learn anew when it comes back. So whoever has more tokens than fit and uses them
 * all can make the monitor forget those of others; it takes that many tokens with their secrets.
 *
 * Nothing is ever given back: a table shrinks with the next start.
 *
 * Threads: one.
 */
#ifndef MONITOR_TABLE_H
#define MONITOR_TABLE_H

#include "monitor/sketch.h"

struct monitor_table;

/* Room for `sketches_max`, 1 to MONITOR_SKETCHES_MAX; memory is taken as it fills. MEMORY. */
MUST_USE tkr_error_t monitor_table_new(uint32_t sketches_max, struct monitor_table **ret_table);
void monitor_table_free(struct monitor_table *table); /* NULL is allowed */

/*
 * The sketch of the line, which is then the one used last, and is to be saved. A new one is begun.
 * MEMORY: there is none for a new one.
 */
MUST_USE tkr_error_t monitor_table_touch(struct monitor_table *table, uint32_t line, int64_t at_ms,
                                         struct monitor_sketch **ret_sketch);
/* Asks for the memory that touching these lines will need: 290 ns become 90 for 100,000 tokens that
 * come in no order. At most MONITOR_PREFETCH_MAX of them. */
#define MONITOR_PREFETCH_MAX 32
void monitor_table_prefetch(const struct monitor_table *table, const uint32_t *lines, size_t count);
/* Without changing anything; NULL: there is none. */
const struct monitor_sketch *monitor_table_find(const struct monitor_table *table, uint32_t line);
/* One that was stored, and is as it was. In the order of their use, the newest first. MEMORY;
 * CORRUPT: the image is none of ours; CAPACITY: there are as many as there may be. */
MUST_USE tkr_error_t monitor_table_load(struct monitor_table *table, uint32_t line,
                                        const void *image, size_t length);

/*
 * Sketches that changed since they were saved, from `*cursor` (0 at first) on: up to `room` of
 * them. They are to be saved until monitor_table_saved. The last page has fewer than `room`.
 */
struct monitor_saved {
    uint32_t line, slot;
    const struct monitor_sketch *sketch; /* until the next call with the table */
};
size_t monitor_table_changed(const struct monitor_table *table, uint32_t *cursor,
                             struct monitor_saved *saved, size_t room);
void monitor_table_saved(struct monitor_table *table, const struct monitor_saved *saved,
                         size_t count);

struct monitor_stats {
    uint32_t sketches;
    uint64_t evicted;      /* since the start */
    uint64_t sketch_bytes; /* memory of the sketches, and of all that finds them */
    uint64_t index_bytes;
};
void monitor_table_stats(const struct monitor_table *table, struct monitor_stats *ret_stats);

#endif
