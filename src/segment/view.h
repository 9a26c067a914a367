/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapped `keys` file as typed pointers, and the reads that verification does on it. All are
 * wait-free but for a bounded number of tries beside a writer, and check every number that
 * they take from the file against the capacity of its region, so that a damaged file gives
 * a wrong answer of the safe kind ("cannot be decided"), never a fault.
 *
 * No fences: the sequence locks use acquire loads and release stores of the words themselves,
 * which cost nothing on x86-64 and which thread sanitizers understand.
 */
#ifndef SEGMENT_VIEW_H
#define SEGMENT_VIEW_H

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "segment/format.h"

/* Tries to copy what a writer may be at before waiting for it. A write takes it ten
 * nanoseconds, unless the scheduler stops it there. */
#define SEGMENT_COPY_TRIES 100

struct segment_view {
    struct segment_keys_header *header;
    struct segment_record *records;
    uint64_t capacity;
    uint64_t seed[3];
    struct segment_tier *tiers;
    struct segment_org *orgs;
    struct segment_user *users;
    _Atomic uint64_t *user_bits;
    _Atomic uint64_t *user_index;
    uint32_t user_capacity, user_index_capacity;
    uint8_t *text;
    uint64_t text_bytes;
};

/* `header` was judged by segment_keys_open or made by segment_keys_create. */
void segment_view_init(struct segment_view *view, uint8_t *base);

enum segment_found { SEGMENT_ABSENT, SEGMENT_FOUND, SEGMENT_UNDECIDED };

static inline void segment_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static inline uint64_t segment_load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* The rare end of segment_copy: sleeps between tries, 10 ms in all. False: the writer died in
 * the middle. */
bool segment_copy_patiently(const _Atomic uint64_t *words, uint64_t *ret_copy, uint32_t count);

/* Copies `count` words whose first holds a sequence number in its low 24 bits. */
static inline __attribute__((always_inline)) bool segment_copy(const _Atomic uint64_t *words,
                                                               uint64_t *ret_copy, uint32_t count)
{
    for (int i = 0; LIKELY(i < SEGMENT_COPY_TRIES); i++) {
        ret_copy[0] = segment_load(&words[0]);
#pragma GCC unroll 8
        for (uint32_t w = 1; w < count; w++) {
            ret_copy[w] = segment_load(&words[w]);
        }
        bool steady = atomic_load_explicit(&words[0], memory_order_relaxed) == ret_copy[0];
        if (LIKELY((ret_copy[0] & 1) == 0 && steady)) {
            return true;
        }
        segment_pause();
    }
    return segment_copy_patiently(words, ret_copy, count);
}

static inline bool segment_same_digest(const uint64_t a[4], const uint64_t b[4])
{
    /* No early end: time tells nothing about the digest. */
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0;
}

/* Whether the record may be the one: a quarter of the digest. */
static inline bool segment_may_be(const struct segment_record *record, const uint64_t digest[4])
{
    return atomic_load_explicit(&record->word[4], memory_order_relaxed) == digest[0];
}

static inline uint64_t segment_view_hash(const struct segment_view *view, const uint64_t digest[4])
{
    return segment_hash(view->seed, digest);
}

/* Brings the place where a search begins nearer; the second line because a fifth of the
 * records lie one further. */
static inline void segment_view_prefetch(const struct segment_view *view, uint64_t hash)
{
    const struct segment_record *at = &view->records[segment_place(hash, view->capacity)];
    __builtin_prefetch(at);
    __builtin_prefetch(at + 1);
}

/*
 * Looks for the record with this digest and copies it. A record whose insertion has not ended
 * is absent. UNDECIDED: it is there, and somebody is writing it without end.
 */
static inline enum segment_found segment_view_find(const struct segment_view *view, uint64_t hash,
                                                   const uint64_t digest[4],
                                                   uint64_t ret_copy[RECORD_WORDS])
{
    uint64_t place = segment_place(hash, view->capacity);
    for (uint32_t probe = 0; probe < SEGMENT_PROBES_MAX; probe++) {
        const struct segment_record *record = &view->records[place];
        if (UNLIKELY(segment_load(&record->word[0]) == 0)) {
            return SEGMENT_ABSENT;
        }
        if (segment_may_be(record, digest)) {
            if (UNLIKELY(!segment_copy(record->word, ret_copy, RECORD_WORDS))) {
                return SEGMENT_UNDECIDED;
            }
            bool used = (record_flags(ret_copy[0]) & RECORD_USED) != 0;
            if (LIKELY(used && segment_same_digest(&ret_copy[4], digest))) {
                return SEGMENT_FOUND;
            }
        }
        place = place + 1 == view->capacity ? 0 : place + 1;
    }
    return SEGMENT_ABSENT;
}

/* Where a token's text begins, or NULL when the offset is not one. */
static inline const uint8_t *segment_view_text(const struct segment_view *view, uint32_t offset)
{
    uint64_t at = (uint64_t)offset * SEGMENT_TEXT_UNIT;
    return LIKELY(at != 0 && at + SEGMENT_TOKEN_TEXT_MAX <= view->text_bytes) ? view->text + at
                                                                              : NULL;
}

/* Where the parts of a token's text lie, by the flags of its record. */
static inline const uint8_t *segment_token_limits(const uint8_t *text, uint32_t flags)
{
    return text + TOKEN_TEXT_ID_BYTES + ((flags & RECORD_NOT_BEFORE) != 0 ? 8 : 0);
}
static inline const uint8_t *segment_token_meter(const uint8_t *text, uint32_t flags)
{
    return segment_token_limits(text, flags) + ((flags & RECORD_LIMITS) != 0 ? 16 : 0);
}
static inline const uint8_t *segment_token_extra(const uint8_t *text, uint32_t flags)
{
    return segment_token_meter(text, flags) +
           ((flags & RECORD_METER) != 0 ? sizeof(struct segment_meter) : 0);
}
static inline const uint8_t *segment_token_name(const uint8_t *text, uint32_t flags)
{
    return segment_token_extra(text, flags) +
           ((flags & RECORD_EXTRA) != 0 ? sizeof(struct segment_extra) : 0);
}

/* What an epoch is held against. */
struct segment_epoch_subject {
    int64_t born_ms;
    uint32_t org, user, kind;
};
/* Whether a pending epoch covers the token. UNDECIDED: somebody is writing them without end. */
enum segment_found segment_view_epoch(const struct segment_view *view,
                                      const struct segment_epoch_subject *subject);

static inline bool segment_view_has_epochs(const struct segment_view *view)
{
    return atomic_load_explicit(&view->header->epochs, memory_order_acquire) != 0;
}

/* The two bits of a user, or all when the number is not one: suspended is the safe side. */
static inline uint32_t segment_view_user_bits(const struct segment_view *view, uint32_t user)
{
    if (UNLIKELY(user >= view->user_capacity)) {
        return USER_BIT_SUSPENDED | USER_BIT_LIMITS;
    }
    uint64_t word = segment_load(&view->user_bits[user / USER_BITS_PER_WORD]);
    return (uint32_t)(word >> (user % USER_BITS_PER_WORD * 2)) & 3;
}

/* --- copies of the smaller things ------------------------------------------------------------ */

struct segment_text {
    const char *text;
    size_t length;
};

struct segment_user_copy {
    uint32_t line; /* or SEGMENT_NO_LINE */
    struct limits overrides;
};

static inline void segment_unpack_limits(uint64_t first, uint64_t second, struct limits *ret)
{
    ret->set = (uint32_t)first & ((1U << WINDOW_COUNT) - 1);
    ret->limit[WINDOW_MINUTE] = (uint32_t)(first >> 32);
    ret->limit[WINDOW_HOUR] = (uint32_t)second;
    ret->limit[WINDOW_DAY] = (uint32_t)(second >> 32);
}

static inline bool segment_view_tier(const struct segment_view *view, uint32_t number,
                                     enum limits_subject *ret_subject, struct limits *ret_limits)
{
    uint64_t copy[TIER_WORDS];
    if (UNLIKELY(number >= SEGMENT_TIERS_MAX ||
                 !segment_copy(view->tiers[number].word, copy, TIER_WORDS) || copy[0] == 0)) {
        return false;
    }
    *ret_subject = (enum limits_subject)(copy[0] >> 32);
    segment_unpack_limits(copy[1], copy[2], ret_limits);
    return true;
}

static inline bool segment_view_user(const struct segment_view *view, uint32_t number,
                                     struct segment_user_copy *ret_user)
{
    uint64_t copy[USER_WORDS];
    if (UNLIKELY(number >= view->user_capacity ||
                 !segment_copy(view->users[number].word, copy, USER_WORDS) || copy[0] == 0)) {
        return false;
    }
    ret_user->line = (uint32_t)copy[1];
    segment_unpack_limits(copy[2], copy[3], &ret_user->overrides);
    return true;
}

/* The id of a user whose length stands in the record; empty when the number is not one. */
static inline struct segment_text segment_view_user_id(const struct segment_view *view,
                                                       uint32_t number, uint32_t length)
{
    if (UNLIKELY(number >= view->user_capacity)) {
        return (struct segment_text){"", 0};
    }
    const struct segment_user *user = &view->users[number];
    if (LIKELY(length <= USER_INLINE_BYTES)) {
        return (struct segment_text){user->id, length};
    }
    const uint8_t *text = segment_view_text(view, (uint32_t)(segment_load(&user->word[1]) >> 32));
    return text == NULL ? (struct segment_text){"", 0}
                        : (struct segment_text){(const char *)text, length};
}

static inline struct segment_text segment_view_org(const struct segment_view *view, uint32_t number)
{
    uint64_t word = number < SEGMENT_ORGS_MAX ? segment_load(&view->orgs[number].word) : 0;
    const uint8_t *text = segment_view_text(view, (uint32_t)word);
    return text == NULL ? (struct segment_text){"", 0}
                        : (struct segment_text){(const char *)text, word >> 32 & 0xff};
}

static inline struct segment_text segment_view_tier_name(const struct segment_view *view,
                                                         uint32_t number)
{
    if (UNLIKELY(number >= SEGMENT_TIERS_MAX ||
                 view->tiers[number].name_length > TIER_NAME_BYTES_MAX)) {
        return (struct segment_text){"", 0};
    }
    return (struct segment_text){view->tiers[number].name, view->tiers[number].name_length};
}

static inline struct segment_text segment_view_scopes(const struct segment_view *view,
                                                      uint32_t offset)
{
    const uint8_t *at = segment_view_text(view, offset);
    if (at == NULL) {
        return (struct segment_text){"", 0};
    }
    const struct segment_scopes_text *scopes = (const void *)at;
    return scopes->length <= SCOPES_TEXT_BYTES_MAX
               ? (struct segment_text){scopes->text, scopes->length}
               : (struct segment_text){"", 0};
}

#endif
