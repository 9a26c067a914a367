/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char tag[] = "tokenry-checkpoint-1 ";
static const char head_tag[] = "tokenry audit head 1";

/* What is signed; returns its length. */
static size_t statement(const struct audit_checkpoint *checkpoint, char out[AUDIT_CHECKPOINT_SIZE])
{
    char store[2 * AUDIT_STORE_ID_BYTES + 1], digest[2 * AUDIT_DIGEST_BYTES + 1];
    char key[2 * SEAL_PUBLIC_BYTES + 1], time[TEXT_TIME_SIZE];
    text_hex(checkpoint->store_id, sizeof(checkpoint->store_id), store);
    text_hex(checkpoint->digest, sizeof(checkpoint->digest), digest);
    text_hex(checkpoint->public_key, sizeof(checkpoint->public_key), key);
    int length = snprintf(out, AUDIT_CHECKPOINT_SIZE, "%s%s %llu %s %s %s", tag, store,
                          (unsigned long long)checkpoint->seq,
                          text_format_time_ms(checkpoint->at_ms, time), digest, key);
    return (size_t)length;
}

tkr_error_t audit_checkpoint_sign(const struct seal_key *key, struct audit_checkpoint *checkpoint)
{
    char text[AUDIT_CHECKPOINT_SIZE];
    memcpy(checkpoint->public_key, seal_key_public(key), sizeof(checkpoint->public_key));
    return seal_sign(key, text, statement(checkpoint, text), checkpoint->signature);
}

tkr_error_t audit_checkpoint_verify(const struct audit_checkpoint *checkpoint)
{
    char text[AUDIT_CHECKPOINT_SIZE];
    return seal_verify(checkpoint->public_key, text, statement(checkpoint, text),
                       checkpoint->signature);
}

const char *audit_checkpoint_format(const struct audit_checkpoint *checkpoint,
                                    char out[AUDIT_CHECKPOINT_SIZE])
{
    size_t length = statement(checkpoint, out);
    ASSERT(length + 2 + 2 * sizeof(checkpoint->signature) <= AUDIT_CHECKPOINT_SIZE);
    out[length] = ' ';
    text_hex(checkpoint->signature, sizeof(checkpoint->signature), out + length + 1);
    return out;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct words {
    const char *next, *end;
};

/* Words have one space between them, and the last one ends where the text does, or a string of
 * JSON. */
static tkr_error_t next(struct words *words, const char **ret_word, size_t *ret_length)
{
    const char *first = words->next;
    const char *last = first;
    while (last < words->end && (unsigned char)*last > ' ' && *last != '"') {
        last++;
    }
    ENSURE(last > first, TKR_MALFORMED);
    *ret_word = first;
    *ret_length = (size_t)(last - first);
    words->next = last < words->end && *last == ' ' ? last + 1 : last;
    return TKR_OK;
}

static tkr_error_t next_hex(struct words *words, void *ret_bytes, size_t bytes)
{
    const char *word = NULL;
    size_t length = 0;
    TRY(next(words, &word, &length));
    ENSURE(length == 2 * bytes, TKR_MALFORMED);
    return text_unhex(word, length, ret_bytes);
}

static tkr_error_t read_words(struct words *words, struct audit_checkpoint *checkpoint)
{
    const char *word = NULL;
    size_t length = 0;
    TRY(next_hex(words, checkpoint->store_id, sizeof(checkpoint->store_id)));
    TRY(next(words, &word, &length));
    ENSURE(text_parse_u64(word, length, &checkpoint->seq) == TKR_OK, TKR_MALFORMED);
    TRY(next(words, &word, &length));
    ENSURE(text_parse_time(word, length, &checkpoint->at_ms) == TKR_OK, TKR_MALFORMED);
    TRY(next_hex(words, checkpoint->digest, sizeof(checkpoint->digest)));
    TRY(next_hex(words, checkpoint->public_key, sizeof(checkpoint->public_key)));
    return next_hex(words, checkpoint->signature, sizeof(checkpoint->signature));
}

tkr_error_t audit_checkpoint_find(const char *text, size_t length,
                                  struct audit_checkpoint *ret_checkpoint)
{
    struct audit_checkpoint checkpoint = {0};
    char written[AUDIT_CHECKPOINT_SIZE];
    const char *found = memmem(text, length, tag, sizeof(tag) - 1);
    ENSURE(found != NULL, TKR_NOT_FOUND);
    struct words words = {found + sizeof(tag) - 1, text + length};
    TRY(read_words(&words, &checkpoint));
    /* Not the same in other words: digits of the other case, a time of another zone. */
    size_t line = strlen(audit_checkpoint_format(&checkpoint, written));
    ENSURE(line <= (size_t)(text + length - found) && memcmp(written, found, line) == 0,
           TKR_MALFORMED);
    *ret_checkpoint = checkpoint;
    return TKR_OK;
}

/* --- the head --------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *to, const void *bytes, size_t length)
{
    memcpy(to, bytes, length);
    return to + length;
}

static uint8_t *put_number(uint8_t *to, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        *to++ = (uint8_t)(number >> shift);
    }
    return to;
}

tkr_error_t audit_head_mac(const struct seal_key *key, const struct audit_head *head,
                           uint8_t ret_mac[SEAL_MAC_BYTES])
{
    uint8_t bytes[sizeof(head_tag) + AUDIT_STORE_ID_BYTES + 24 + 2 * AUDIT_DIGEST_BYTES];
    uint8_t *end = put(bytes, head_tag, sizeof(head_tag));
    end = put(end, head->store_id, AUDIT_STORE_ID_BYTES);
    end = put_number(end, head->first_seq);
    end = put(end, head->base, AUDIT_DIGEST_BYTES);
    end = put_number(end, head->seq);
    end = put(end, head->digest, AUDIT_DIGEST_BYTES);
    end = put_number(end, head->checkpoint_seq);
    ASSERT(end == bytes + sizeof(bytes));
    return seal_mac(key, bytes, sizeof(bytes), ret_mac);
}
