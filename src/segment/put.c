/* SPDX-License-Identifier: Apache-2.0 */
/* Putting tiers, orgs, users and tokens, one writer. */
#include <string.h>

#include "segment/writer.h"

static uint64_t pack_limit(const struct limits *limits, enum window window)
{
    return limits->limit[window];
}

/* Writes words 1… under the sequence lock in the low `seq_bits` bits of word 0. */
static void write_words(_Atomic uint64_t *words, const uint64_t *values, uint32_t count)
{
    uint64_t old = atomic_load_explicit(&words[0], memory_order_relaxed);
    uint64_t seq = (old + 1) & RECORD_SEQ_MASK;
    atomic_store_explicit(&words[0], (values[0] & ~(uint64_t)RECORD_SEQ_MASK) | seq,
                          memory_order_relaxed);
    for (uint32_t i = 1; i < count; i++) {
        atomic_store_explicit(&words[i], values[i], memory_order_release);
    }
    seq = (seq + 1) & RECORD_SEQ_MASK;
    seq += seq == 0 ? 2 : 0; /* a word 0 of 0 means that there is nothing */
    atomic_store_explicit(&words[0], (values[0] & ~(uint64_t)RECORD_SEQ_MASK) | seq,
                          memory_order_release);
}

/* Text into the segment, with room made when there is none. */
static tkr_error_t put_text(struct segment_writer *writer, const char *text, size_t length,
                            uint32_t *ret_offset)
{
    tkr_error_t error = segment_text_put(&writer->keys, text, length, ret_offset);
    if (error == TKR_CAPACITY) {
        TRY(segment_writer_grow(writer, length));
        error = segment_text_put(&writer->keys, text, length, ret_offset);
    }
    return error;
}

/* --- tiers ------------------------------------------------------------------------------------ */

tkr_error_t segment_writer_find_tier(struct segment_writer *writer, const char *name,
                                     size_t name_length, uint16_t *ret_number)
{
    uint32_t count = atomic_load(&writer->header->tiers);
    for (uint32_t i = 0; i < count; i++) {
        const struct segment_tier *tier = &writer->view.tiers[i];
        if (tier->name_length == name_length && memcmp(tier->name, name, name_length) == 0) {
            *ret_number = (uint16_t)i;
            return TKR_OK;
        }
    }
    return TKR_NOT_FOUND;
}

tkr_error_t segment_writer_put_tier(struct segment_writer *writer, const struct tier *tier,
                                    uint16_t *ret_number)
{
    size_t length = strnlen(tier->name, sizeof tier->name);
    ENSURE(length != 0 && length <= TIER_NAME_BYTES_MAX, TKR_INVALID);
    uint16_t number;
    uint32_t count = atomic_load(&writer->header->tiers);
    bool fresh = segment_writer_find_tier(writer, tier->name, length, &number) != TKR_OK;
    if (fresh) {
        ENSURE(count < SEGMENT_TIERS_MAX, TKR_CAPACITY);
        number = (uint16_t)count;
        writer->view.tiers[number].name_length = (uint8_t)length;
        memcpy(writer->view.tiers[number].name, tier->name, length);
    }
    const struct limits *limits = &tier->limits;
    uint64_t words[TIER_WORDS] = {
        (uint64_t)tier->subject << 32,
        limits->set | pack_limit(limits, WINDOW_MINUTE) << 32,
        pack_limit(limits, WINDOW_HOUR) | pack_limit(limits, WINDOW_DAY) << 32,
    };
    write_words(writer->view.tiers[number].word, words, TIER_WORDS);
    if (fresh) {
        atomic_store(&writer->header->tiers, count + 1);
    }
    *ret_number = number;
    return TKR_OK;
}

/* --- orgs ------------------------------------------------------------------------------------- */

tkr_error_t segment_writer_org_id(struct segment_writer *writer, uint32_t number,
                                  char ret_id[ORG_ID_BYTES_MAX + 1])
{
    ENSURE(number < atomic_load(&writer->header->orgs), TKR_NOT_FOUND);
    struct segment_text org = segment_view_org(&writer->view, number);
    ENSURE(org.length > 0 && org.length <= ORG_ID_BYTES_MAX, TKR_NOT_FOUND);
    memcpy(ret_id, org.text, org.length);
    ret_id[org.length] = '\0';
    return TKR_OK;
}

tkr_error_t segment_writer_find_org(struct segment_writer *writer, const char *id, size_t id_length,
                                    uint16_t *ret_number)
{
    uint32_t count = atomic_load(&writer->header->orgs);
    for (uint32_t i = 0; i < count; i++) {
        struct segment_text org = segment_view_org(&writer->view, i);
        if (org.length == id_length && memcmp(org.text, id, id_length) == 0) {
            *ret_number = (uint16_t)i;
            return TKR_OK;
        }
    }
    return TKR_NOT_FOUND;
}

tkr_error_t segment_writer_put_org(struct segment_writer *writer, const char *id, size_t id_length,
                                   uint16_t *ret_number)
{
    ENSURE(id_length != 0 && id_length <= ORG_ID_BYTES_MAX, TKR_INVALID);
    if (segment_writer_find_org(writer, id, id_length, ret_number) == TKR_OK) {
        return TKR_OK;
    }
    uint32_t count = atomic_load(&writer->header->orgs);
    ENSURE(count < SEGMENT_ORGS_MAX, TKR_CAPACITY);
    uint32_t offset;
    TRY(put_text(writer, id, id_length, &offset));
    TRY(segment_region_claim(&writer->keys, REGION_ORGS, (count + 1) * sizeof(struct segment_org)));
    atomic_store_explicit(&writer->view.orgs[count].word, (uint64_t)id_length << 32 | offset,
                          memory_order_release);
    atomic_store(&writer->header->orgs, count + 1);
    *ret_number = (uint16_t)count;
    return TKR_OK;
}

/* --- users --------------------------------------------------------------------------------------
 */

/* {tag:32 │ number + 1:32}; users are never removed. */
static uint64_t user_hash(const struct segment_view *view, uint16_t org, const char *id,
                          size_t length)
{
    uint64_t hash = view->seed[2] ^ org ^ (uint64_t)length << 16;
    for (size_t i = 0; i < length; i += 8) {
        uint64_t piece = 0;
        memcpy(&piece, id + i, length - i < 8 ? length - i : 8);
        hash = segment_mix(hash ^ piece, 0x9e3779b97f4a7c15ULL);
    }
    return segment_mix(hash, view->seed[0] | 1);
}

static bool same_user(const struct segment_view *view, uint32_t number, uint16_t org,
                      const char *id, size_t length)
{
    uint64_t word = segment_load(&view->users[number].word[0]);
    if (word >> USER_ORG_SHIFT != org || (word >> USER_LENGTH_SHIFT & 0xff) != length) {
        return false;
    }
    struct segment_text found = segment_view_user_id(view, number, (uint32_t)length);
    return found.length == length && memcmp(found.text, id, length) == 0;
}

/* The entry that names the user, or the free one where it belongs. */
static _Atomic uint64_t *user_entry(const struct segment_view *view, uint64_t hash, uint16_t org,
                                    const char *id, size_t length, uint64_t *ret_entry)
{
    uint64_t at = segment_place(hash, view->user_index_capacity);
    for (;;) {
        uint64_t entry = segment_load(&view->user_index[at]);
        uint32_t number = (uint32_t)entry - 1;
        bool same = entry >> 32 == (uint32_t)hash && number < view->user_capacity &&
                    same_user(view, number, org, id, length);
        if (entry == 0 || same) {
            *ret_entry = entry;
            return &view->user_index[at];
        }
        at = at + 1 == view->user_index_capacity ? 0 : at + 1;
    }
}

void segment_user_index_put(const struct segment_view *view, uint32_t number)
{
    uint64_t word = segment_load(&view->users[number].word[0]);
    uint32_t length = word >> USER_LENGTH_SHIFT & 0xff;
    uint16_t org = (uint16_t)(word >> USER_ORG_SHIFT);
    struct segment_text id = segment_view_user_id(view, number, length);
    uint64_t hash = user_hash(view, org, id.text, id.length);
    uint64_t found;
    _Atomic uint64_t *entry = user_entry(view, hash, org, id.text, id.length, &found);
    atomic_store_explicit(entry, hash << 32 | (number + 1), memory_order_release);
}

tkr_error_t segment_writer_find_user(struct segment_writer *writer, uint16_t org, const char *id,
                                     size_t id_length, uint32_t *ret_number)
{
    ENSURE(id_length != 0 && id_length <= USER_ID_BYTES_MAX, TKR_NOT_FOUND);
    uint64_t entry;
    uint64_t hash = user_hash(&writer->view, org, id, id_length);
    (void)user_entry(&writer->view, hash, org, id, id_length, &entry);
    ENSURE(entry != 0, TKR_NOT_FOUND);
    *ret_number = (uint32_t)entry - 1;
    return TKR_OK;
}

static void put_user_bits(const struct segment_view *view, uint32_t number, uint32_t bits)
{
    _Atomic uint64_t *word = &view->user_bits[number / USER_BITS_PER_WORD];
    uint32_t shift = number % USER_BITS_PER_WORD * 2;
    uint64_t old = segment_load(word);
    uint64_t new = (old & ~(3ULL << shift)) | (uint64_t)bits << shift;
    if (new != old) {
        atomic_store_explicit(word, new, memory_order_release);
    }
}

/* Gives a number to a user that is not there yet: all but the words that change. */
static tkr_error_t new_user(struct segment_writer *writer, const char *id, size_t id_length,
                            uint32_t *ret_number, uint32_t *ret_text)
{
    uint32_t number = atomic_load(&writer->header->users);
    ENSURE(number < SEGMENT_USERS_MAX, TKR_CAPACITY);
    if (number == writer->view.user_capacity) {
        TRY(segment_writer_grow(writer, 0));
        ENSURE(number < writer->view.user_capacity, TKR_CAPACITY);
    }
    uint32_t text = 0;
    if (id_length > USER_INLINE_BYTES) {
        TRY(put_text(writer, id, id_length, &text));
    }
    TRY(segment_region_claim(&writer->keys, REGION_USERS,
                             (number + 1ULL) * sizeof(struct segment_user)));
    if (id_length <= USER_INLINE_BYTES) {
        memcpy(writer->view.users[number].id, id, id_length);
    }
    *ret_number = number;
    *ret_text = text;
    return TKR_OK;
}

tkr_error_t segment_writer_put_user(struct segment_writer *writer, uint16_t org, const char *id,
                                    size_t id_length, uint32_t flags, uint32_t line,
                                    const struct limits *overrides, uint32_t *ret_number)
{
    ENSURE(id_length != 0 && id_length <= USER_ID_BYTES_MAX, TKR_INVALID);
    ENSURE(org < atomic_load(&writer->header->orgs), TKR_INVALID);
    ENSURE(line == SEGMENT_NO_LINE || line < atomic_load(&writer->header->lines), TKR_INVALID);
    static const struct limits none = {0};
    const struct limits *limits = overrides == NULL ? &none : overrides;
    uint32_t number, text = 0;
    bool fresh = segment_writer_find_user(writer, org, id, id_length, &number) != TKR_OK;
    if (fresh) {
        TRY(new_user(writer, id, id_length, &number, &text));
    } else {
        text = (uint32_t)(segment_load(&writer->view.users[number].word[1]) >> 32);
    }
    uint64_t words[4] = {
        (uint64_t)id_length << USER_LENGTH_SHIFT | (uint64_t)org << USER_ORG_SHIFT,
        (uint64_t)text << 32 | line,
        limits->set | pack_limit(limits, WINDOW_MINUTE) << 32,
        pack_limit(limits, WINDOW_HOUR) | pack_limit(limits, WINDOW_DAY) << 32,
    };
    write_words(writer->view.users[number].word, words, 4);
    uint32_t bits = (flags & SEGMENT_USER_SUSPENDED) != 0 ? USER_BIT_SUSPENDED : 0;
    put_user_bits(&writer->view, number, bits | (limits->set != 0 ? USER_BIT_LIMITS : 0));
    if (fresh) {
        segment_user_index_put(&writer->view, number);
        atomic_store(&writer->header->users, number + 1);
    }
    *ret_number = number;
    return TKR_OK;
}

/* --- tokens --------------------------------------------------------------------------------------
 */

/* Room in the table and in the text for one more token. */
static tkr_error_t make_room(struct segment_writer *writer, size_t text_bytes)
{
    const struct segment_keys_header *header = writer->header;
    uint64_t taken = (uint64_t)atomic_load(&header->tokens) + atomic_load(&header->removed);
    uint64_t text_end = atomic_load(&header->text_used) + text_bytes + 2 * SEGMENT_TOKEN_TEXT_MAX;
    bool full =
        (taken + 1) * SEGMENT_LOAD_DENOMINATOR > writer->view.capacity * SEGMENT_LOAD_NUMERATOR;
    if (full || text_end > writer->view.text_bytes) {
        ENSURE(atomic_load(&header->tokens) < SEGMENT_TOKENS_MAX, TKR_CAPACITY);
        TRY(segment_writer_grow(writer, text_bytes));
    }
    return TKR_OK;
}

static void count_waste(struct segment_writer *writer, const struct segment_record *record)
{
    uint64_t word = atomic_load(&record->word[0]);
    uint64_t bytes = TOKEN_TEXT_ID_BYTES + (word >> RECORD_NAME_SHIFT & 0xff);
    atomic_fetch_add(&writer->header->text_waste, bytes);
}

tkr_error_t segment_writer_put_token(struct segment_writer *writer,
                                     const struct segment_token *token)
{
    TRY(segment_token_check(&writer->view, token, atomic_load(&writer->header->lines)));
    size_t text_bytes = segment_token_text_bytes(token);
    TRY(make_room(writer, text_bytes + token->scopes_length));
    uint64_t digest[4];
    record_digest(token->digest, digest);
    struct segment_record *free_slot;
    struct segment_record *record = segment_record_find(&writer->view, digest, &free_slot);
    if (record == NULL && free_slot == NULL) { /* a crowd of 2,048: more room dissolves it */
        TRY(segment_writer_grow(writer, text_bytes));
        record = segment_record_find(&writer->view, digest, &free_slot);
        ENSURE(record != NULL || free_slot != NULL, TKR_CAPACITY);
    }
    if (record != NULL && (record_flags(atomic_load(&record->word[0])) & RECORD_REVOKED) != 0) {
        ENSURE((token->flags & SEGMENT_TOKEN_REVOKED) != 0, TKR_CONFLICT);
    }
    uint32_t scopes, offset;
    TRY(segment_scopes_put(&writer->keys, &writer->scopes, token->scopes, token->scopes_length,
                           &scopes));
    TRY(segment_text_reserve(&writer->keys, text_bytes, &offset));
    struct record_image image;
    uint8_t *text = writer->view.text + (uint64_t)offset * SEGMENT_TEXT_UNIT;
    segment_record_prepare(&writer->view, token, text, offset, scopes, &image);
    if (record != NULL) {
        count_waste(writer, record);
    } else {
        uint64_t old = atomic_load(&free_slot->word[0]);
        atomic_fetch_sub(&writer->header->removed, old != 0);
        atomic_fetch_add(&writer->header->tokens, 1);
    }
    segment_record_write(record != NULL ? record : free_slot, &image);
    return TKR_OK;
}

static tkr_error_t adjust_scopes(struct segment_writer *writer,
                                 const struct segment_adjustment *adjustment, uint32_t *ret_offset)
{
    TRY(make_room(writer, adjustment->scopes_length));
    return segment_scopes_put(&writer->keys, &writer->scopes, adjustment->scopes,
                              adjustment->scopes_length, ret_offset);
}

tkr_error_t segment_writer_adjust_token(struct segment_writer *writer,
                                        const uint8_t digest[TOKEN_DIGEST_BYTES],
                                        const struct segment_adjustment *adjustment)
{
    uint64_t words[4];
    uint32_t scopes = 0;
    record_digest(digest, words);
    if (adjustment->scopes != NULL) { /* first: it may move the records to a larger table */
        TRY(adjust_scopes(writer, adjustment, &scopes));
    }
    ENSURE(!adjustment->has_tier || adjustment->tier < atomic_load(&writer->header->tiers),
           TKR_INVALID);
    struct segment_record *free_slot;
    struct segment_record *record = segment_record_find(&writer->view, words, &free_slot);
    ENSURE(record != NULL, TKR_NOT_FOUND);
    struct record_image image;
    for (int i = 0; i < RECORD_WORDS; i++) {
        image.word[i] = atomic_load_explicit(&record->word[i], memory_order_relaxed);
    }
    image.word[0] |= (uint64_t)(adjustment->set_flags & RECORD_TOKEN_FLAGS) << RECORD_FLAGS_SHIFT;
    if (adjustment->has_tier) {
        image.word[0] &= ~(0xffULL << RECORD_TIER_SHIFT);
        image.word[0] |= (uint64_t)adjustment->tier << RECORD_TIER_SHIFT;
    }
    if (adjustment->scopes != NULL) {
        image.word[3] = (image.word[3] & UINT32_MAX) | (uint64_t)scopes << 32;
    }
    segment_record_write(record, &image);
    return TKR_OK;
}

tkr_error_t segment_writer_remove_token(struct segment_writer *writer,
                                        const uint8_t digest[TOKEN_DIGEST_BYTES])
{
    uint64_t words[4];
    record_digest(digest, words);
    struct segment_record *free_slot;
    struct segment_record *record = segment_record_find(&writer->view, words, &free_slot);
    ENSURE(record != NULL, TKR_NOT_FOUND);
    count_waste(writer, record);
    struct record_image gone = {.word = {(uint64_t)RECORD_REMOVED << RECORD_FLAGS_SHIFT}};
    segment_record_write(record, &gone);
    atomic_fetch_add(&writer->header->removed, 1);
    atomic_fetch_sub(&writer->header->tokens, 1);
    return TKR_OK;
}

bool segment_writer_has_token(struct segment_writer *writer,
                              const uint8_t digest[TOKEN_DIGEST_BYTES])
{
    uint64_t words[4];
    record_digest(digest, words);
    struct segment_record *free_slot;
    return segment_record_find(&writer->view, words, &free_slot) != NULL;
}
