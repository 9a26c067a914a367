/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new generation of `keys`: everything that is alive is copied, so what changes left behind
 * in the text region goes, and so do removed records. Places keep the order of hashes, and so
 * old and new table are walked front to back. The writer stands still meanwhile (measured: 0.1
 * s a million tokens); readers do not.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "segment/writer.h"

/* Small tables double; large ones grow by a quarter, because what is not filled is paid for. */
#define LARGE 1000000U

static uint64_t grown(uint64_t now, uint64_t maximum)
{
    uint64_t next = now < LARGE ? now * 2 : now + now / 4;
    return next < maximum ? next : maximum;
}

static struct segment_sizes sizes_after(const struct segment_writer *writer, uint64_t more_text)
{
    const struct segment_keys_header *header = writer->header;
    uint64_t tokens = atomic_load(&header->tokens);
    uint64_t used = atomic_load(&header->text_used) + more_text;
    uint64_t waste = atomic_load(&header->text_waste);
    struct segment_sizes sizes = {.capacity = header->capacity, .users = header->user_capacity};
    /* Full of removed records: the same size does again. */
    if (tokens * SEGMENT_LOAD_DENOMINATOR * 10 >= header->capacity * SEGMENT_LOAD_NUMERATOR * 8) {
        sizes.capacity = grown(header->capacity, UINT32_MAX);
    }
    if (atomic_load(&header->users) * 10ULL >= header->user_capacity * 9ULL) {
        sizes.users = (uint32_t)grown(header->user_capacity, SEGMENT_USERS_MAX);
    }
    struct segment_sizes least = segment_sizes_for(0, 0, (used - waste) * 2);
    uint64_t reserved = header->regions[REGION_TEXT].bytes;
    sizes.text_bytes = reserved > least.text_bytes ? reserved : least.text_bytes;
    return sizes;
}

/* What a copy needs at hand. */
struct copy {
    const struct segment_view *from;
    struct segment_file *keys; /* the new file */
    struct segment_view to;
    struct scopes_table scopes;
    /* The last sets of scopes, old and new offset, by old offset: nearly all tokens share few. */
    struct {
        uint32_t from, to;
    } recent[256];
};

static tkr_error_t copy_scopes(struct copy *copy, uint32_t from, uint32_t *ret_to)
{
    uint32_t at = from % (sizeof copy->recent / sizeof copy->recent[0]);
    if (from == 0 || copy->recent[at].from == from) {
        *ret_to = from == 0 ? 0 : copy->recent[at].to;
        return TKR_OK;
    }
    struct segment_text text = segment_view_scopes(copy->from, from);
    TRY(segment_scopes_put(copy->keys, &copy->scopes, text.text, text.length, ret_to));
    copy->recent[at].from = from;
    copy->recent[at].to = *ret_to;
    return TKR_OK;
}

static tkr_error_t copy_record(struct copy *copy, const struct segment_record *record)
{
    struct record_image image;
    for (int i = 0; i < RECORD_WORDS; i++) {
        image.word[i] = atomic_load_explicit(&record->word[i], memory_order_relaxed);
    }
    if ((record_flags(image.word[0]) & RECORD_USED) == 0) {
        return TKR_OK;
    }
    size_t bytes = segment_record_text_bytes(copy->from, image.word);
    ENSURE(bytes != 0, TKR_CORRUPT);
    uint32_t scopes, offset;
    TRY(copy_scopes(copy, (uint32_t)(image.word[3] >> 32), &scopes));
    TRY(segment_text_reserve(copy->keys, bytes, &offset));
    const uint8_t *text = segment_view_text(copy->from, (uint32_t)image.word[3]);
    memcpy(copy->to.text + (uint64_t)offset * SEGMENT_TEXT_UNIT, text, bytes);
    image.word[3] = (uint64_t)scopes << 32 | offset;
    struct segment_record *free_slot;
    ENSURE(segment_record_find(&copy->to, &image.word[4], &free_slot) == NULL, TKR_CORRUPT);
    ENSURE(free_slot != NULL, TKR_CAPACITY);
    segment_record_write(free_slot, &image);
    return TKR_OK;
}

static tkr_error_t copy_records(struct copy *copy)
{
    for (uint64_t i = 0; i < copy->from->capacity; i++) {
        TRY(copy_record(copy, &copy->from->records[i]));
    }
    return TKR_OK;
}

static tkr_error_t copy_orgs(struct copy *copy)
{
    uint32_t count = atomic_load(&copy->from->header->orgs);
    TRY(segment_region_claim(copy->keys, REGION_ORGS, count * sizeof(struct segment_org)));
    for (uint32_t i = 0; i < count; i++) {
        struct segment_text org = segment_view_org(copy->from, i);
        uint32_t offset;
        TRY(segment_text_put(copy->keys, org.text, org.length, &offset));
        atomic_store(&copy->to.orgs[i].word, (uint64_t)org.length << 32 | offset);
    }
    return TKR_OK;
}

static tkr_error_t copy_user(struct copy *copy, uint32_t number)
{
    const struct segment_user *from = &copy->from->users[number];
    struct segment_user *to = &copy->to.users[number];
    for (int i = 0; i < USER_WORDS; i++) {
        atomic_store_explicit(&to->word[i], segment_load(&from->word[i]), memory_order_relaxed);
    }
    memcpy(to->id, from->id, sizeof to->id);
    uint32_t length = segment_load(&from->word[0]) >> USER_LENGTH_SHIFT & 0xff;
    if (length > USER_INLINE_BYTES) {
        struct segment_text id = segment_view_user_id(copy->from, number, length);
        uint32_t offset;
        TRY(segment_text_put(copy->keys, id.text, id.length, &offset));
        uint64_t line = segment_load(&from->word[1]) & UINT32_MAX;
        atomic_store(&to->word[1], (uint64_t)offset << 32 | line);
    }
    return TKR_OK;
}

static tkr_error_t copy_users(struct copy *copy)
{
    uint32_t count = atomic_load(&copy->from->header->users);
    TRY(segment_region_claim(copy->keys, REGION_USERS, count * sizeof(struct segment_user)));
    for (uint32_t i = 0; i < count; i++) {
        TRY(copy_user(copy, i));
    }
    for (uint32_t i = 0; i < count / USER_BITS_PER_WORD + 1; i++) {
        atomic_store(&copy->to.user_bits[i], segment_load(&copy->from->user_bits[i]));
    }
    for (uint32_t i = 0; i < copy->from->user_index_capacity; i++) {
        uint32_t number = (uint32_t)segment_load(&copy->from->user_index[i]) - 1;
        if (number < count) {
            segment_user_index_put(&copy->to, number);
        }
    }
    return TKR_OK;
}

static void copy_header(struct segment_keys_header *to, const struct segment_keys_header *from)
{
    memcpy(to->store_id, from->store_id, sizeof to->store_id);
    memcpy(to->seed, from->seed, sizeof to->seed);
    memcpy(to->kinds, from->kinds, sizeof to->kinds);
    to->generation = from->generation + 1;
    to->usage_nonce = from->usage_nonce;
    atomic_store(&to->lines, atomic_load(&from->lines));
    atomic_store(&to->store_seq, atomic_load(&from->store_seq));
    atomic_store(&to->changing, atomic_load(&from->changing));
    atomic_store(&to->tokens, atomic_load(&from->tokens));
    atomic_store(&to->users, atomic_load(&from->users));
    atomic_store(&to->tiers, atomic_load(&from->tiers));
    atomic_store(&to->orgs, atomic_load(&from->orgs));
    segment_epochs_copy(to, from);
}

static tkr_error_t copy_all(struct copy *copy)
{
    copy_header(copy->to.header, copy->from->header);
    segment_view_init(&copy->to, copy->keys->base); /* now with the seed */
    memcpy(copy->to.tiers, copy->from->tiers, SEGMENT_TIERS_MAX * sizeof(struct segment_tier));
    TRY(copy_orgs(copy));
    TRY(copy_users(copy));
    return copy_records(copy);
}

/* The new file takes the place of the old one. */
static tkr_error_t exchange(struct segment_writer *writer, struct copy *copy)
{
    struct segment_file former = writer->keys;
    pthread_mutex_lock(&writer->keys_lock);
    segment_clock_copy(&copy->to.header->clock, &writer->header->clock);
    tkr_error_t error = TKR_OK;
    if (writer->published) {
        error = segment_writer_show(writer, KEYS_GROWN_NAME, copy->to.header);
    } else if (renameat(writer->directory, KEYS_GROWN_NAME, writer->directory, KEYS_NEW_NAME) !=
               0) {
        error = segment_errno();
    }
    if (error == TKR_OK) {
        writer->keys = *copy->keys;
        writer->header = copy->to.header;
        writer->view = copy->to;
    }
    pthread_mutex_unlock(&writer->keys_lock);
    TRY(error);
    segment_file_close(&former);
    segment_scopes_deinit(&writer->scopes);
    writer->scopes = copy->scopes;
    return TKR_OK;
}

tkr_error_t segment_writer_grow(struct segment_writer *writer, uint64_t more_text)
{
    struct segment_sizes sizes = sizes_after(writer, more_text);
    struct segment_file keys;
    TRY(segment_keys_create(writer->directory, KEYS_GROWN_NAME, &sizes, &keys));
    struct copy copy = {.from = &writer->view, .keys = &keys};
    segment_view_init(&copy.to, keys.base);
    tkr_error_t error = copy_all(&copy);
    if (error == TKR_OK) {
        error = exchange(writer, &copy);
    }
    if (error != TKR_OK) {
        segment_scopes_deinit(&copy.scopes);
        segment_file_close(&keys);
        (void)unlinkat(writer->directory, KEYS_GROWN_NAME, 0);
    }
    return error;
}
