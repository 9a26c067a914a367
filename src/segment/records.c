/* SPDX-License-Identifier: Apache-2.0 */
/* The table of records: finding, making and writing one. */
#include <string.h>

#include "segment/writer.h"

static struct segment_record *next_slot(const struct segment_view *view,
                                        struct segment_record *record)
{
    return record + 1 == view->records + view->capacity ? view->records : record + 1;
}

bool segment_record_has_digest(const struct segment_record *record, const uint64_t digest[4])
{
    uint64_t found[4];
    for (int i = 0; i < 4; i++) {
        found[i] = atomic_load_explicit(&record->word[4 + i], memory_order_relaxed);
    }
    return segment_same_digest(found, digest);
}

struct segment_record *segment_record_find(const struct segment_view *view,
                                           const uint64_t digest[4],
                                           struct segment_record **ret_free)
{
    uint64_t hash = segment_view_hash(view, digest);
    struct segment_record *record = &view->records[segment_place(hash, view->capacity)];
    *ret_free = NULL;
    for (uint32_t probe = 0; probe < SEGMENT_PROBES_MAX; probe++) {
        uint64_t word = segment_load(&record->word[0]);
        bool free_slot = word == 0 || (record_flags(word) & RECORD_REMOVED) != 0;
        if (free_slot && *ret_free == NULL) {
            *ret_free = record;
        }
        if (word == 0) {
            return NULL;
        }
        if (!free_slot && segment_record_has_digest(record, digest)) {
            return record;
        }
        record = next_slot(view, record);
    }
    return NULL;
}

void segment_record_write(struct segment_record *record, const struct record_image *image)
{
    uint64_t old = atomic_load_explicit(&record->word[0], memory_order_relaxed);
    uint64_t seq = (old + 1) & RECORD_SEQ_MASK;
    /* Odd before any other word changes; release stores stay in order. The flags are still the
     * old ones, so a slot that was free is still free to whoever looks. */
    atomic_store_explicit(&record->word[0], (old & ~(uint64_t)RECORD_SEQ_MASK) | seq,
                          memory_order_relaxed);
    for (int i = 1; i < RECORD_WORDS; i++) {
        atomic_store_explicit(&record->word[i], image->word[i], memory_order_release);
    }
    seq = (seq + 1) & RECORD_SEQ_MASK;
    uint64_t word = (image->word[0] & ~(uint64_t)RECORD_SEQ_MASK) | seq;
    atomic_store_explicit(&record->word[0], word, memory_order_release);
}

_Static_assert((int)SEGMENT_TOKEN_REVOKED == RECORD_REVOKED &&
                   (int)SEGMENT_TOKEN_DISABLED == RECORD_DISABLED &&
                   (int)SEGMENT_TOKEN_QUARANTINED == RECORD_QUARANTINED &&
                   (int)SEGMENT_TOKEN_HONEYTOKEN == RECORD_HONEYTOKEN &&
                   (int)SEGMENT_TOKEN_WARNED == RECORD_WARNED,
               "they are written as they are");

/* --- making one from a token ----------------------------------------------------------------- */

static bool has_extra(const struct segment_token *token)
{
    return token->metadata_length != 0 || token->cidr_count != 0;
}

static bool has_meter(const struct segment_token *token)
{
    return token->has_version_line || token->has_credit_line || token->spared_ms != 0;
}

size_t segment_token_text_bytes(const struct segment_token *token)
{
    size_t bytes = TOKEN_TEXT_ID_BYTES + token->name_length + token->metadata_length +
                   token->cidr_count * SEGMENT_NETWORK_BYTES;
    bytes += token->not_before_ms != 0 ? 8 : 0;
    bytes += token->overrides.set != 0 ? 16 : 0;
    bytes += has_meter(token) ? sizeof(struct segment_meter) : 0;
    bytes += has_extra(token) ? sizeof(struct segment_extra) : 0;
    return bytes;
}

size_t segment_record_text_bytes(const struct segment_view *view,
                                 const uint64_t record[RECORD_WORDS])
{
    const uint8_t *text = segment_view_text(view, (uint32_t)record[3]);
    uint32_t flags = record_flags(record[0]);
    size_t bytes = TOKEN_TEXT_ID_BYTES + (record[0] >> RECORD_NAME_SHIFT & 0xff);
    bytes += (flags & RECORD_NOT_BEFORE) != 0 ? 8 : 0;
    bytes += (flags & RECORD_LIMITS) != 0 ? 16 : 0;
    bytes += (flags & RECORD_METER) != 0 ? sizeof(struct segment_meter) : 0;
    if (text == NULL) {
        return 0;
    }
    if ((flags & RECORD_EXTRA) != 0) {
        struct segment_extra extra;
        memcpy(&extra, segment_token_extra(text, flags), sizeof extra);
        bytes += sizeof extra + extra.metadata_length;
        bytes += extra.network_count * (size_t)SEGMENT_NETWORK_BYTES;
    }
    return bytes <= SEGMENT_TOKEN_TEXT_MAX ? bytes : 0;
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t length)
{
    if (length != 0) {
        memcpy(at, bytes, length);
    }
    return at + length;
}

/* Writes the token's text and says by flags which parts it has. */
static uint32_t write_text(const struct segment_token *token, uint8_t *at)
{
    uint32_t flags = 0;
    at = append(at, token->id, TOKEN_TEXT_ID_BYTES);
    if (token->not_before_ms != 0) {
        at = append(at, &token->not_before_ms, 8);
        flags |= RECORD_NOT_BEFORE;
    }
    if (token->overrides.set != 0) {
        uint32_t limits[1 + WINDOW_COUNT] = {token->overrides.set, token->overrides.limit[0],
                                             token->overrides.limit[1], token->overrides.limit[2]};
        at = append(at, limits, sizeof limits);
        flags |= RECORD_LIMITS;
    }
    if (has_meter(token)) {
        struct segment_meter meter = {
            .version_line = token->has_version_line ? token->version_line : SEGMENT_NO_LINE,
            .credit_line = token->has_credit_line ? token->credit_line : SEGMENT_NO_LINE,
            .spared_ms = token->spared_ms,
        };
        at = append(at, &meter, sizeof meter);
        flags |= RECORD_METER;
    }
    if (has_extra(token)) {
        struct segment_extra extra = {.metadata_length = (uint16_t)token->metadata_length,
                                      .network_count = (uint8_t)token->cidr_count};
        at = append(at, &extra, sizeof extra);
        flags |= RECORD_EXTRA | (token->cidr_count != 0 ? RECORD_NETWORKS : 0);
    }
    at = append(at, token->name, token->name_length);
    at = append(at, token->metadata, token->metadata_length);
    for (size_t i = 0; i < token->cidr_count; i++) {
        const struct cidr *cidr = &token->cidrs[i];
        uint8_t network[2] = {cidr->network.family, cidr->prefix_bits};
        at = append(at, network, sizeof network);
        at = append(at, cidr->network.bytes, sizeof cidr->network.bytes);
    }
    return flags;
}

tkr_error_t segment_token_check(const struct segment_view *view, const struct segment_token *token,
                                uint32_t lines)
{
    ENSURE(token->name_length <= TOKEN_NAME_BYTES_MAX, TKR_INVALID);
    ENSURE(token->scopes_length <= SCOPES_TEXT_BYTES_MAX, TKR_INVALID);
    ENSURE(token->metadata_length <= METADATA_BYTES_MAX, TKR_INVALID);
    ENSURE(token->cidr_count <= CIDRS_PER_TOKEN_MAX, TKR_INVALID);
    ENSURE(token->expires_at_ms >= 0 && token->not_before_ms >= 0, TKR_INVALID);
    ENSURE((uint64_t)token->expires_at_ms <= RECORD_EXPIRES_MASK, TKR_INVALID);
    ENSURE(token->user < atomic_load(&view->header->users), TKR_INVALID);
    ENSURE(token->tier < atomic_load(&view->header->tiers), TKR_INVALID);
    ENSURE(token->line < lines, TKR_INVALID);
    ENSURE(!token->has_version_line || token->version_line < lines, TKR_INVALID);
    ENSURE(!token->has_credit_line || token->credit_line < lines, TKR_INVALID);
    return TKR_OK;
}

void segment_record_prepare(const struct segment_view *view, const struct segment_token *token,
                            uint8_t *text, uint32_t text_offset, uint32_t scopes,
                            struct record_image *ret_image)
{
    uint64_t user = atomic_load_explicit(&view->users[token->user].word[0], memory_order_relaxed);
    uint64_t flags = write_text(token, text) | RECORD_USED;
    flags |= token->flags & RECORD_TOKEN_FLAGS;
    flags |= ((uint64_t)token->kind << RECORD_KIND_SHIFT) & RECORD_KIND_MASK;
    flags |= token->env == TOKEN_ENV_TEST ? RECORD_TEST : 0;
    ret_image->word[0] = flags << RECORD_FLAGS_SHIFT | (uint64_t)token->tier << RECORD_TIER_SHIFT |
                         (uint64_t)token->name_length << RECORD_NAME_SHIFT |
                         (user >> USER_LENGTH_SHIFT & 0xff) << RECORD_USER_SHIFT;
    ret_image->word[1] = (uint64_t)token->expires_at_ms | (user >> USER_ORG_SHIFT)
                                                              << RECORD_ORG_SHIFT;
    ret_image->word[2] = (uint64_t)token->line << 32 | token->user;
    ret_image->word[3] = (uint64_t)scopes << 32 | text_offset;
    record_digest(token->digest, &ret_image->word[4]);
}
