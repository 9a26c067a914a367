/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs: tokens that are revoked by when they were born, before their records say so. */
#include "segment/writer.h"

/* Word 0 is odd while the others change, as in a record. */
static uint64_t open_words(_Atomic uint64_t *words)
{
    uint64_t seq = (atomic_load_explicit(&words[0], memory_order_relaxed) + 1) & RECORD_SEQ_MASK;
    atomic_store_explicit(&words[0], seq, memory_order_relaxed);
    return seq;
}

static void close_words(_Atomic uint64_t *words, uint64_t seq, size_t count)
{
    seq = (seq + 1) & RECORD_SEQ_MASK;
    atomic_store_explicit(&words[0], (uint64_t)count << EPOCH_COUNT_SHIFT | seq,
                          memory_order_release);
}

static uint64_t any_or_next(uint32_t number)
{
    return number == SEGMENT_ANY ? 0 : number + 1ULL;
}

void segment_writer_set_epochs(struct segment_writer *writer, const struct segment_epoch *epochs,
                               size_t count)
{
    ASSERT(count <= SEGMENT_EPOCHS_MAX);
    _Atomic uint64_t *words = writer->header->epoch_word;
    uint64_t seq = open_words(words);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)epochs[i].at_ms & EPOCH_AT_MASK;
        atomic_store_explicit(&words[1 + 2 * i],
                              at | (uint64_t)epochs[i].kinds << EPOCH_KINDS_SHIFT,
                              memory_order_release);
        uint64_t whose = any_or_next(epochs[i].org) << 32 | any_or_next(epochs[i].user);
        atomic_store_explicit(&words[2 + 2 * i], whose, memory_order_release);
    }
    close_words(words, seq, count);
    atomic_store_explicit(&writer->header->epochs, (uint32_t)count, memory_order_release);
}

void segment_epochs_copy(struct segment_keys_header *to, const struct segment_keys_header *from)
{
    for (int i = 0; i < EPOCH_WORDS; i++) {
        atomic_store_explicit(&to->epoch_word[i], segment_load(&from->epoch_word[i]),
                              memory_order_relaxed);
    }
    atomic_store(&to->epochs, atomic_load(&from->epochs));
}

static bool covers(const uint64_t epoch[2], const struct segment_epoch_subject *subject)
{
    uint32_t org = (uint32_t)(epoch[1] >> 32), user = (uint32_t)epoch[1];
    return subject->born_ms <= (int64_t)(epoch[0] & EPOCH_AT_MASK) &&
           (epoch[0] >> EPOCH_KINDS_SHIFT & 1ULL << subject->kind) != 0 &&
           (org == 0 || org - 1 == subject->org) && (user == 0 || user - 1 == subject->user);
}

enum segment_found segment_view_epoch(const struct segment_view *view,
                                      const struct segment_epoch_subject *subject)
{
    uint64_t copy[EPOCH_WORDS];
    if (!segment_copy(view->header->epoch_word, copy, EPOCH_WORDS)) {
        return SEGMENT_UNDECIDED;
    }
    uint64_t count = copy[0] >> EPOCH_COUNT_SHIFT & 0xff;
    for (uint64_t i = 0; i < count && i < SEGMENT_EPOCHS_MAX; i++) {
        if (covers(&copy[1 + 2 * i], subject)) {
            return SEGMENT_FOUND;
        }
    }
    return SEGMENT_ABSENT;
}
