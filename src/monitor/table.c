/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/table.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SKETCHES 256U
#define INDEX_LEAST 1024U
#define NONE UINT32_MAX

struct slot {
    uint32_t line, older, newer;
};

struct block {
    struct slot slots[BLOCK_SKETCHES];
    struct monitor_sketch sketches[BLOCK_SKETCHES];
    uint8_t changed[BLOCK_SKETCHES / 8];
};

struct monitor_table {
    uint32_t sketches_max, count;
    uint32_t newest, oldest;     /* slots */
    uint32_t *index, index_size; /* a power of two */
    uint64_t evicted;
    struct block **blocks; /* as many as there may be */
};

static struct slot *slot_at(const struct monitor_table *table, uint32_t slot)
{
    return &table->blocks[slot / BLOCK_SKETCHES]->slots[slot % BLOCK_SKETCHES];
}

static struct monitor_sketch *sketch_at(const struct monitor_table *table, uint32_t slot)
{
    return &table->blocks[slot / BLOCK_SKETCHES]->sketches[slot % BLOCK_SKETCHES];
}

static void mark(struct monitor_table *table, uint32_t slot, bool changed)
{
    uint8_t *byte = &table->blocks[slot / BLOCK_SKETCHES]->changed[slot % BLOCK_SKETCHES / 8];
    uint8_t bit = (uint8_t)(1U << slot % 8);
    *byte = (uint8_t)(changed ? *byte | bit : *byte & ~bit);
}

static bool is_marked(const struct monitor_table *table, uint32_t slot)
{
    return table->blocks[slot / BLOCK_SKETCHES]->changed[slot % BLOCK_SKETCHES / 8] >> slot % 8 & 1;
}

tkr_error_t monitor_table_new(uint32_t sketches_max, struct monitor_table **ret_table)
{
    ASSERT(sketches_max > 0 && sketches_max <= MONITOR_SKETCHES_MAX);
    struct monitor_table *table = calloc(1, sizeof(*table));
    ENSURE(table != NULL, TKR_MEMORY);
    table->sketches_max = sketches_max;
    table->newest = table->oldest = NONE;
    table->index_size = INDEX_LEAST;
    table->index = calloc(table->index_size, sizeof(*table->index));
    table->blocks =
        calloc((sketches_max + BLOCK_SKETCHES - 1) / BLOCK_SKETCHES, sizeof(struct block *));
    if (table->index == NULL || table->blocks == NULL) {
        monitor_table_free(table);
        return TKR_MEMORY;
    }
    *ret_table = table;
    return TKR_OK;
}

void monitor_table_free(struct monitor_table *table)
{
    if (table == NULL) {
        return;
    }
    for (uint32_t i = 0; table->blocks != NULL && i * BLOCK_SKETCHES < table->count; i++) {
        free(table->blocks[i]);
    }
    free(table->blocks);
    free(table->index);
    free(table);
}

/* --- the index ------------------------------------------------------------------------------- */

/* Lines are given out one after another by us: nobody chooses them to collide. */
static uint32_t place_of(const struct monitor_table *table, uint32_t line)
{
    return (uint32_t)((uint64_t)line * 0x9e3779b97f4a7c15ULL >> 32) & (table->index_size - 1);
}

/* The place of the line, or the empty one where it would be. */
static uint32_t look_up(const struct monitor_table *table, uint32_t line)
{
    uint32_t place = place_of(table, line);
    while (table->index[place] != 0 && slot_at(table, table->index[place] - 1)->line != line) {
        place = (place + 1) & (table->index_size - 1);
    }
    return place;
}

/* Closes the gap, so that no search ends too early. */
static void drop(struct monitor_table *table, uint32_t line)
{
    uint32_t mask = table->index_size - 1, gap = look_up(table, line);
    for (uint32_t place = (gap + 1) & mask; table->index[place] != 0; place = (place + 1) & mask) {
        uint32_t home = place_of(table, slot_at(table, table->index[place] - 1)->line);
        if (((place - home) & mask) >= ((place - gap) & mask)) {
            table->index[gap] = table->index[place];
            gap = place;
        }
    }
    table->index[gap] = 0;
}

static tkr_error_t grow_index(struct monitor_table *table)
{
    if ((uint64_t)(table->count + 1) * 3 <= (uint64_t)table->index_size * 2) {
        return TKR_OK;
    }
    uint32_t *longer = calloc((size_t)table->index_size * 2, sizeof(*longer));
    ENSURE(longer != NULL, TKR_MEMORY);
    free(table->index);
    table->index = longer;
    table->index_size *= 2;
    for (uint32_t slot = 0; slot < table->count; slot++) {
        table->index[look_up(table, slot_at(table, slot)->line)] = slot + 1;
    }
    return TKR_OK;
}

/* --- the order of use ------------------------------------------------------------------------ */

static void unlink_slot(struct monitor_table *table, uint32_t slot)
{
    const struct slot *taken = slot_at(table, slot);
    if (taken->newer == NONE) {
        table->newest = taken->older;
    } else {
        slot_at(table, taken->newer)->older = taken->older;
    }
    if (taken->older == NONE) {
        table->oldest = taken->newer;
    } else {
        slot_at(table, taken->older)->newer = taken->newer;
    }
}

static void link_newest(struct monitor_table *table, uint32_t slot)
{
    struct slot *linked = slot_at(table, slot);
    linked->newer = NONE;
    linked->older = table->newest;
    if (table->newest != NONE) {
        slot_at(table, table->newest)->newer = slot;
    } else {
        table->oldest = slot;
    }
    table->newest = slot;
}

/* A slot that is in no list and not in the index. */
static tkr_error_t take_slot(struct monitor_table *table, uint32_t *ret_slot)
{
    if (table->count == table->sketches_max) {
        *ret_slot = table->oldest;
        drop(table, slot_at(table, table->oldest)->line);
        unlink_slot(table, *ret_slot);
        table->evicted++;
        return TKR_OK;
    }
    TRY(grow_index(table));
    struct block **block = &table->blocks[table->count / BLOCK_SKETCHES];
    if (*block == NULL) {
        *block = calloc(1, sizeof(**block));
        ENSURE(*block != NULL, TKR_MEMORY);
    }
    *ret_slot = table->count++;
    return TKR_OK;
}

static void link_oldest(struct monitor_table *table, uint32_t slot)
{
    struct slot *linked = slot_at(table, slot);
    linked->older = NONE;
    linked->newer = table->oldest;
    if (table->oldest != NONE) {
        slot_at(table, table->oldest)->older = slot;
    } else {
        table->newest = slot;
    }
    table->oldest = slot;
}

/* In no list yet. */
static tkr_error_t add(struct monitor_table *table, uint32_t line, uint32_t *ret_slot)
{
    TRY(take_slot(table, ret_slot));
    slot_at(table, *ret_slot)->line = line;
    table->index[look_up(table, line)] = *ret_slot + 1;
    return TKR_OK;
}

/* --- what is asked of it -----------------------------------------------------------------------
 */

/* Once an hour: the order costs four places in memory that are far from each other. */
static void note_use(struct monitor_table *table, uint32_t slot, int64_t at_ms)
{
    if (slot != table->newest && !monitor_sketch_is_at(sketch_at(table, slot), at_ms)) {
        unlink_slot(table, slot);
        link_newest(table, slot);
    }
}

tkr_error_t monitor_table_touch(struct monitor_table *table, uint32_t line, int64_t at_ms,
                                struct monitor_sketch **ret_sketch)
{
    uint32_t slot = table->index[look_up(table, line)];
    if (slot == 0) {
        TRY(add(table, line, &slot));
        link_newest(table, slot);
        monitor_sketch_init(sketch_at(table, slot), at_ms);
    } else {
        note_use(table, --slot, at_ms);
    }
    mark(table, slot, true);
    *ret_sketch = sketch_at(table, slot);
    return TKR_OK;
}

/* Each step needs what the one before has fetched. */
void monitor_table_prefetch(const struct monitor_table *table, const uint32_t *lines, size_t count)
{
    uint32_t slots[MONITOR_PREFETCH_MAX];
    ASSERT(count <= MONITOR_PREFETCH_MAX);
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(&table->index[place_of(table, lines[i])]);
    }
    for (size_t i = 0; i < count; i++) {
        slots[i] = table->index[place_of(table, lines[i])];
        if (slots[i] != 0) {
            __builtin_prefetch(slot_at(table, slots[i] - 1));
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = slots[i] != 0 ? table->index[look_up(table, lines[i])] : 0;
        const char *sketch = slot != 0 ? (const char *)sketch_at(table, slot - 1) : NULL;
        for (size_t at = 0; sketch != NULL && at < sizeof(struct monitor_sketch); at += 64) {
            __builtin_prefetch(sketch + at, 1);
        }
    }
}

const struct monitor_sketch *monitor_table_find(const struct monitor_table *table, uint32_t line)
{
    uint32_t slot = table->index[look_up(table, line)];
    return slot != 0 ? sketch_at(table, slot - 1) : NULL;
}

tkr_error_t monitor_table_load(struct monitor_table *table, uint32_t line, const void *image,
                               size_t length)
{
    uint32_t slot = 0;
    ENSURE(monitor_sketch_valid(image, length), TKR_CORRUPT);
    ENSURE(monitor_table_find(table, line) == NULL, TKR_CORRUPT);
    ENSURE(table->count < table->sketches_max, TKR_CAPACITY);
    TRY(add(table, line, &slot));
    link_oldest(table, slot);
    memcpy(sketch_at(table, slot), image, length);
    mark(table, slot, false);
    return TKR_OK;
}

size_t monitor_table_changed(const struct monitor_table *table, uint32_t *cursor,
                             struct monitor_saved *saved, size_t room)
{
    size_t count = 0;
    for (; *cursor < table->count && count < room; (*cursor)++) {
        if (is_marked(table, *cursor)) {
            saved[count++] = (struct monitor_saved){slot_at(table, *cursor)->line, *cursor,
                                                    sketch_at(table, *cursor)};
        }
    }
    return count;
}

void monitor_table_saved(struct monitor_table *table, const struct monitor_saved *saved,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mark(table, saved[i].slot, false);
    }
}

void monitor_table_stats(const struct monitor_table *table, struct monitor_stats *ret_stats)
{
    uint64_t blocks = (table->count + BLOCK_SKETCHES - 1) / BLOCK_SKETCHES;
    uint64_t all = (table->sketches_max + BLOCK_SKETCHES - 1) / BLOCK_SKETCHES;
    uint64_t sketches = blocks * BLOCK_SKETCHES * sizeof(struct monitor_sketch);
    *ret_stats = (struct monitor_stats){
        .sketches = table->count,
        .evicted = table->evicted,
        .sketch_bytes = sketches,
        .index_bytes = blocks * sizeof(struct block) - sketches +
                       table->index_size * sizeof(*table->index) + all * sizeof(struct block *),
    };
}
