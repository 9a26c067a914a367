/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling a created segment from several threads. Each loader takes text in chunks and keeps
 * the records of 16 tokens back while their places are on the way from memory: a record alone
 * waits 200 ns for its cache line. Places are taken with a compare-and-swap on word 0.
 */
#include <stdlib.h>
#include <string.h>

#include "segment/writer.h"

#define QUEUE_MAX 16
#define CHUNK_BYTES (256U * 1024)
#define RECENT_SCOPES 64

struct segment_loader {
    struct segment_writer *writer;
    uint32_t chunk_at, chunk_end; /* offsets in the text region */
    uint32_t queued;
    struct record_image queue[QUEUE_MAX];
    uint32_t recent[RECENT_SCOPES]; /* offsets of sets that were used lately */
};

tkr_error_t segment_loader_new(struct segment_writer *writer, struct segment_loader **ret_loader)
{
    struct segment_loader *loader = calloc(1, sizeof *loader);
    ENSURE(loader != NULL, TKR_MEMORY);
    loader->writer = writer;
    *ret_loader = loader;
    return TKR_OK;
}

static tkr_error_t reserve_text(struct segment_loader *loader, size_t bytes, uint32_t *ret_offset)
{
    uint32_t units = (uint32_t)((bytes + SEGMENT_TEXT_UNIT - 1) / SEGMENT_TEXT_UNIT);
    if (loader->chunk_end - loader->chunk_at < units) {
        size_t chunk = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        struct segment_writer *writer = loader->writer;
        pthread_mutex_lock(&writer->load_lock);
        uint32_t at = 0;
        tkr_error_t error = segment_text_reserve(&writer->keys, chunk, &at);
        pthread_mutex_unlock(&writer->load_lock);
        TRY(error);
        loader->chunk_at = at;
        loader->chunk_end = at + (uint32_t)(chunk / SEGMENT_TEXT_UNIT);
    }
    *ret_offset = loader->chunk_at;
    loader->chunk_at += units;
    return TKR_OK;
}

static tkr_error_t find_scopes(struct segment_loader *loader, const char *text, size_t length,
                               uint32_t *ret_offset)
{
    struct segment_writer *writer = loader->writer;
    if (length == 0) {
        *ret_offset = 0;
        return TKR_OK;
    }
    uint32_t at = (uint32_t)(length * 31 + (uint8_t)text[0] * 7U + (uint8_t)text[length - 1] * 3U +
                             (uint8_t)text[length / 2]) %
                  RECENT_SCOPES;
    struct segment_text recent = segment_view_scopes(&writer->view, loader->recent[at]);
    if (recent.length == length && memcmp(recent.text, text, length) == 0) {
        *ret_offset = loader->recent[at];
        return TKR_OK;
    }
    pthread_mutex_lock(&writer->load_lock);
    tkr_error_t error =
        segment_scopes_put(&writer->keys, &writer->scopes, text, length, &loader->recent[at]);
    pthread_mutex_unlock(&writer->load_lock);
    TRY(error);
    *ret_offset = loader->recent[at];
    return TKR_OK;
}

/* Takes a place for a record and fills it. */
static tkr_error_t place(const struct segment_view *view, const struct record_image *image)
{
    uint64_t at = segment_place(segment_view_hash(view, &image->word[4]), view->capacity);
    for (uint32_t probe = 0; probe < SEGMENT_PROBES_MAX;) {
        struct segment_record *record = &view->records[at];
        uint64_t word = segment_load(&record->word[0]);
        if (word == 0) {
            if (!atomic_compare_exchange_strong(&record->word[0], &word, 1)) {
                continue; /* another loader was quicker: look at what it writes */
            }
            for (int i = 1; i < RECORD_WORDS; i++) {
                atomic_store_explicit(&record->word[i], image->word[i], memory_order_relaxed);
            }
            atomic_store_explicit(&record->word[0], image->word[0] | 2, memory_order_release);
            return TKR_OK;
        }
        if ((word & 1) != 0) {
            segment_pause();
            continue; /* a few nanoseconds, in this process */
        }
        ENSURE(!segment_record_has_digest(record, &image->word[4]), TKR_CONFLICT);
        at = at + 1 == view->capacity ? 0 : at + 1;
        probe++;
    }
    return TKR_CAPACITY;
}

static tkr_error_t drain(struct segment_loader *loader)
{
    const struct segment_view *view = &loader->writer->view;
    uint32_t count = loader->queued;
    loader->queued = 0;
    uint64_t tokens = atomic_fetch_add(&view->header->tokens, count) + (uint64_t)count;
    tkr_error_t error = TKR_OK;
    if (tokens * SEGMENT_LOAD_DENOMINATOR > view->capacity * SEGMENT_LOAD_NUMERATOR) {
        error = TKR_CAPACITY;
    }
    uint32_t placed = 0;
    while (error == TKR_OK && placed < count) {
        error = place(view, &loader->queue[placed]);
        placed += error == TKR_OK;
    }
    atomic_fetch_sub(&view->header->tokens, count - placed);
    return error;
}

tkr_error_t segment_loader_put(struct segment_loader *loader, const struct segment_token *token)
{
    const struct segment_view *view = &loader->writer->view;
    TRY(segment_token_check(view, token, atomic_load(&view->header->lines)));
    uint32_t scopes, offset;
    TRY(find_scopes(loader, token->scopes, token->scopes_length, &scopes));
    TRY(reserve_text(loader, segment_token_text_bytes(token), &offset));
    struct record_image *image = &loader->queue[loader->queued];
    uint8_t *text = view->text + (uint64_t)offset * SEGMENT_TEXT_UNIT;
    segment_record_prepare(view, token, text, offset, scopes, image);
    uint64_t hash = segment_view_hash(view, &image->word[4]);
    __builtin_prefetch(&view->records[segment_place(hash, view->capacity)], 1);
    loader->queued++;
    return loader->queued == QUEUE_MAX ? drain(loader) : TKR_OK;
}

tkr_error_t segment_loader_finish(struct segment_loader *loader)
{
    if (loader == NULL) {
        return TKR_OK;
    }
    tkr_error_t error = drain(loader);
    free(loader);
    return error;
}
