/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of CI/CD systems. They change nothing, so there is nothing to show: the answer waits for
 * the commit all the same, because a pipeline that goes on may rely on what it has put on record.
 *
 * A system that lost the answer asks again. What an Idempotency-Key made is kept in the table of
 * keys as for tokens, so the number and the time of the event are written there as a text of the
 * length of an identifier: `evt_`, and in hexadecimal 7 bytes of the number and 6 of the time.
 */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "engine/authority_internal.h"
#include "engine/cicd.h"

const struct cicd_field_row cicd_fields[CICD_FIELDS] = {
    [CICD_REPOSITORY] = {"repository", 255},  [CICD_REF] = {"ref", 255},
    [CICD_COMMIT] = {"commit", 64},           [CICD_WORKFLOW] = {"workflow", 255},
    [CICD_RUN_ID] = {"run_id", 64},           [CICD_RUN_URL] = {"run_url", 512},
    [CICD_ENVIRONMENT] = {"environment", 64}, [CICD_ACTOR] = {"actor", 255},
    [CICD_MESSAGE] = {"message", 500},
};

static const char *const statuses[] = {"started", "success", "failure", "cancelled"};

static const struct change_kind change_cicd;

#define MADE "evt_"
#define MADE_SEQ_BYTES 7 /* of AUDIT_SEQ_MAX */
#define MADE_BYTES (MADE_SEQ_BYTES + 6)
static_assert(sizeof(MADE) - 1 + 2 * MADE_BYTES == TOKEN_ID_CHARS,
              "it stands where tokens' ids do");

/* --- what callers may send ------------------------------------------------------------------- */

static bool is_word(const char *text)
{
    size_t length = strnlen(text, CICD_EVENT_BYTES_MAX + 1);
    bool word = length > 0 && length <= CICD_EVENT_BYTES_MAX && text[0] >= 'a' && text[0] <= 'z';
    for (size_t i = 0; word && i < length; i++) {
        char c = text[i];
        word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    return word;
}

static bool is_status(const char *text)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcmp(statuses[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* It is shown as a link: nothing that a browser would run. */
static bool is_web_address(const char *text)
{
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static tkr_error_t check_words(const struct cicd_event *event, struct fault *fault)
{
    if (!is_word(event->event)) {
        return fault_set(fault, TKR_INVALID, "event",
                         "a word of at most %d of a-z, 0-9, - and _ that begins with a letter, "
                         "like `deploy`",
                         CICD_EVENT_BYTES_MAX);
    }
    if (!is_status(event->status)) {
        return fault_set(fault, TKR_INVALID, "status",
                         "must be `started`, `success`, `failure` or `cancelled`");
    }
    if (event->fields[CICD_RUN_URL] != NULL && !is_web_address(event->fields[CICD_RUN_URL])) {
        return fault_set(fault, TKR_INVALID, "run_url", "must begin with https:// or http://");
    }
    return TKR_OK;
}

static tkr_error_t check(const struct authority *authority, const struct cicd_event *event,
                         struct fault *fault)
{
    TRY(check_words(event, fault));
    for (size_t i = 0; i < CICD_FIELDS; i++) {
        if (event->fields[i] != NULL) {
            TRY(check_text(authority, cicd_fields[i].name, event->fields[i],
                           cicd_fields[i].bytes_max, fault));
        }
    }
    size_t length = event->metadata != NULL ? strlen(event->metadata) : 0;
    if (length > CICD_METADATA_BYTES_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "metadata", "has at most %d bytes as JSON",
                         CICD_METADATA_BYTES_MAX);
    }
    return check_metadata(authority, event->metadata, fault);
}

static void write_details(struct details *details, const struct cicd_event *event)
{
    for (size_t i = 0; i < CICD_FIELDS; i++) {
        if (event->fields[i] != NULL) {
            details_text(details, cicd_fields[i].name, event->fields[i]);
        }
    }
    if (event->metadata != NULL) {
        details_json(details, "metadata", event->metadata);
    }
}

/* Everything that is told is kept, or it is refused: half an event would be believed. */
static tkr_error_t prepare(struct change *change, const struct cicd_event *event,
                           struct fault *fault)
{
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    write_details(&details, event);
    const char *text = details_finish(&details);
    if (buffer_status(&details.text) != TKR_OK) {
        return fault_set(fault, TKR_TOO_LARGE, "", "all of it is more than %d bytes as JSON",
                         EVENT_DETAILS_BYTES_MAX);
    }
    change->noted = (struct change_noted){
        .type = arena_print(change->arena, "cicd.%s", event->event),
        .verdict = arena_print(change->arena, "%s", event->status),
        .details = arena_copy(change->arena, text, strlen(text)),
    };
    change_copy_key(change, event->idempotency_key, event->request_digest);
    return arena_overflowed(change->arena) ? TKR_MEMORY : TKR_OK;
}

tkr_error_t authority_record_cicd(struct authority *authority, const struct principal *by,
                                  const struct cicd_event *event, change_done done, void *context,
                                  struct fault *fault)
{
    struct change *change = NULL;
    TRY(check(authority, event, fault));
    TRY(change_new(authority, &change_cicd, by, done, context, &change, fault));
    tkr_error_t error = prepare(change, event, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread --------------------------------------------------------------------- */

/* The highest byte first. */
static uint64_t number_of(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static void put_number(uint8_t *bytes, size_t count, uint64_t number)
{
    for (size_t i = count; i > 0; i--) {
        bytes[i - 1] = (uint8_t)number;
        number >>= 8;
    }
}

static tkr_error_t read_made(const char *made, struct change_result *result)
{
    uint8_t bytes[MADE_BYTES];
    ENSURE(strncmp(made, MADE, sizeof(MADE) - 1) == 0, TKR_CORRUPT);
    ENSURE(text_unhex(made + sizeof(MADE) - 1, 2 * sizeof(bytes), bytes) == TKR_OK, TKR_CORRUPT);
    result->noted.seq = number_of(bytes, MADE_SEQ_BYTES);
    result->noted.at_ms =
        (int64_t)number_of(bytes + MADE_SEQ_BYTES, sizeof(bytes) - MADE_SEQ_BYTES);
    return TKR_OK;
}

static tkr_error_t replay(struct authority *authority, struct change *change, bool *ret_replayed)
{
    const struct store_port *store = authority->store;
    struct change_result *result = &change->result;
    char made[TOKEN_ID_CHARS + 1];
    uint8_t digest[TOKEN_DIGEST_BYTES];
    *ret_replayed = false;
    ENSURE(change->idempotency_key != NULL, TKR_OK);
    tkr_error_t error =
        store->find_idempotency(store->store, change->by.org_id, change->idempotency_key,
                                segment_writer_now_ms(authority->segment), made, digest);
    ENSURE(error != TKR_NOT_FOUND, TKR_OK);
    TRY(error);
    if (memcmp(digest, change->request_digest, TOKEN_DIGEST_BYTES) != 0) {
        return fault_set(&result->fault, TKR_IDEMPOTENCY, "Idempotency-Key",
                         "this key came with another request before");
    }
    TRY(read_made(made, result));
    result->replayed = true;
    *ret_replayed = true;
    return TKR_OK;
}

static tkr_error_t keep_key(struct authority *authority, const struct change *change)
{
    char made[TOKEN_ID_CHARS + 1] = MADE;
    uint8_t bytes[MADE_BYTES];
    put_number(bytes, MADE_SEQ_BYTES, change->result.noted.seq);
    put_number(bytes + MADE_SEQ_BYTES, sizeof(bytes) - MADE_SEQ_BYTES,
               (uint64_t)change->result.noted.at_ms);
    text_hex(bytes, sizeof(bytes), made + sizeof(MADE) - 1);
    return change_put_key(authority, change, made);
}

static tkr_error_t record(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    bool replayed;
    TRY(replay(authority, change, &replayed));
    ENSURE(!replayed, TKR_OK);
    struct store_event event = change_event(authority, change, NULL, change->noted.details);
    event.type = change->noted.type;
    event.verdict = change->noted.verdict;
    TRY(store->note_event(store->store, &event));
    change->result.noted.seq = store->audit.newest_seq(store->store);
    change->result.noted.at_ms = event.at_ms;
    return keep_key(authority, change);
}

static tkr_error_t apply_cicd(struct authority *authority, struct change *change)
{
    return change_apply_marked(authority, change, record);
}

static const struct change_kind change_cicd = {"cicd.event", apply_cicd, NULL};
