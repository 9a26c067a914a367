/* SPDX-License-Identifier: Apache-2.0 */
/* The text region: bytes are appended, published by an offset, and never changed after. */
#include <stdlib.h>
#include <string.h>

#include "segment/writer.h"

#define SCOPES_TABLE_MIN 256U

static struct segment_keys_header *header_of(const struct segment_file *keys)
{
    return (void *)keys->base;
}

static uint8_t *text_at(const struct segment_file *keys, uint32_t offset)
{
    return keys->base + header_of(keys)->regions[REGION_TEXT].offset +
           (uint64_t)offset * SEGMENT_TEXT_UNIT;
}

tkr_error_t segment_text_reserve(struct segment_file *keys, size_t bytes, uint32_t *ret_offset)
{
    struct segment_keys_header *header = header_of(keys);
    uint64_t used = atomic_load_explicit(&header->text_used, memory_order_relaxed);
    uint64_t end = used + (bytes + SEGMENT_TEXT_UNIT - 1) / SEGMENT_TEXT_UNIT * SEGMENT_TEXT_UNIT;
    /* Readers may look at the largest text behind any offset. */
    uint64_t guard = end + SEGMENT_TOKEN_TEXT_MAX;
    ENSURE(guard <= header->regions[REGION_TEXT].bytes, TKR_CAPACITY);
    TRY(segment_region_claim(keys, REGION_TEXT, guard));
    atomic_store_explicit(&header->text_used, end, memory_order_relaxed);
    *ret_offset = (uint32_t)(used / SEGMENT_TEXT_UNIT);
    return TKR_OK;
}

tkr_error_t segment_text_put(struct segment_file *keys, const char *text, size_t length,
                             uint32_t *ret_offset)
{
    uint32_t offset;
    TRY(segment_text_reserve(keys, length, &offset));
    memcpy(text_at(keys, offset), text, length);
    *ret_offset = offset;
    return TKR_OK;
}

/* --- sets of scopes ------------------------------------------------------------------------- */

static uint64_t text_hash(const char *text, size_t length)
{
    uint64_t hash = 0x9e3779b97f4a7c15ULL ^ length;
    for (size_t i = 0; i < length; i++) {
        hash = segment_mix(hash ^ (uint8_t)text[i], 0xd6e8feb86659fd93ULL);
    }
    return hash;
}

static const struct segment_scopes_text *scopes_at(const struct segment_file *keys, uint32_t offset)
{
    return (const void *)text_at(keys, offset);
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t *scopes_slot(const struct segment_file *keys, const struct scopes_table *table,
                             const char *text, size_t length)
{
    uint32_t at = (uint32_t)segment_place(text_hash(text, length), table->capacity);
    while (table->slots[at] != 0) {
        const struct segment_scopes_text *scopes = scopes_at(keys, table->slots[at]);
        if (scopes->length == length && memcmp(scopes->text, text, length) == 0) {
            break;
        }
        at = at + 1 == table->capacity ? 0 : at + 1;
    }
    return &table->slots[at];
}

static tkr_error_t scopes_make_room(const struct segment_file *keys, struct scopes_table *table)
{
    if (table->count < table->capacity / 2) {
        return TKR_OK;
    }
    struct scopes_table larger = {.count = table->count};
    larger.capacity = table->capacity == 0 ? SCOPES_TABLE_MIN : table->capacity * 2;
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    ENSURE(larger.slots != NULL, TKR_MEMORY);
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != 0) {
            const struct segment_scopes_text *scopes = scopes_at(keys, table->slots[i]);
            *scopes_slot(keys, &larger, scopes->text, scopes->length) = table->slots[i];
        }
    }
    free(table->slots);
    *table = larger;
    return TKR_OK;
}

tkr_error_t segment_scopes_put(struct segment_file *keys, struct scopes_table *table,
                               const char *text, size_t length, uint32_t *ret_offset)
{
    if (length == 0) {
        *ret_offset = 0;
        return TKR_OK;
    }
    ENSURE(length <= SCOPES_TEXT_BYTES_MAX, TKR_INVALID);
    TRY(scopes_make_room(keys, table));
    uint32_t *slot = scopes_slot(keys, table, text, length);
    if (*slot == 0) {
        struct segment_keys_header *header = header_of(keys);
        uint32_t offset;
        TRY(segment_text_reserve(keys, sizeof(struct segment_scopes_text) + length, &offset));
        struct segment_scopes_text *scopes = (void *)text_at(keys, offset);
        scopes->next = atomic_load(&header->scopes_head);
        scopes->length = (uint16_t)length;
        memcpy(scopes->text, text, length);
        atomic_store(&header->scopes_head, offset);
        *slot = offset;
        table->count++;
    }
    *ret_offset = *slot;
    return TKR_OK;
}

tkr_error_t segment_scopes_rebuild(struct segment_file *keys, struct scopes_table *table)
{
    struct segment_keys_header *header = header_of(keys);
    uint64_t units = atomic_load(&header->text_used) / SEGMENT_TEXT_UNIT;
    uint32_t offset = atomic_load(&header->scopes_head);
    /* Each set lies before the one that names it, so that a damaged chain ends, too. */
    while (offset != 0) {
        ENSURE(offset < units, TKR_CORRUPT);
        const struct segment_scopes_text *scopes = scopes_at(keys, offset);
        uint64_t end = (uint64_t)offset * SEGMENT_TEXT_UNIT + sizeof *scopes + scopes->length;
        ENSURE(scopes->length <= SCOPES_TEXT_BYTES_MAX && end <= units * SEGMENT_TEXT_UNIT &&
                   scopes->next < offset,
               TKR_CORRUPT);
        TRY(scopes_make_room(keys, table));
        uint32_t *slot = scopes_slot(keys, table, scopes->text, scopes->length);
        table->count += *slot == 0;
        *slot = offset;
        offset = scopes->next;
    }
    return TKR_OK;
}

void segment_scopes_deinit(struct scopes_table *table)
{
    free(table->slots);
    *table = (struct scopes_table){0};
}
