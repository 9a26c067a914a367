/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Importing tokens of other stores, by their digests: many in one transaction, with one event.
 *
 * Each token is held to the rules of creating one, and refused alone. On the writer thread its
 * digest is looked up first, before a user is made for it: what is known stays as it is, whatever
 * the row says. So an import can be broken off anywhere and done again from its beginning, and no
 * import brings a revoked token back, not even one that was cleaned away since.
 *
 * An org that wants one active token a user replaces older ones when a new one is made, not when
 * those of another store are taken over: which of them is the newer one is not ours to guess.
 *
 * What a token counted in its old store is taken over as the total of its usage line, and as no
 * minute's use. The segment's line is set when the token is shown; should the process die between
 * commit and that, the line counts from 0, and reads show the store's number until it is passed.
 */
#include <string.h>

#include "base/text.h"
#include "engine/authority_internal.h"

static const char revoked_elsewhere[] = "revoked before it was imported";
#define SHOWN_DIGEST_CHARS 8

/* --- on the caller's thread -------------------------------------------------------------- */

static tkr_error_t check_row(const struct authority *authority, const struct principal *by,
                             const struct token_import *asked, struct fault *fault)
{
    ENSURE((unsigned)asked->kind <= TOKEN_KIND_ADMIN, TKR_INVALID);
    ENSURE((unsigned)asked->env <= TOKEN_ENV_TEST, TKR_INVALID);
    TRY(check_text(authority, "user_id", asked->user_id, USER_ID_BYTES_MAX, fault));
    TRY(check_text(authority, "name", asked->name, TOKEN_NAME_BYTES_MAX, fault));
    if (asked->display_prefix != NULL) {
        TRY(check_text(authority, "display_prefix", asked->display_prefix, TOKEN_DISPLAY_BYTES_MAX,
                       fault));
    }
    if (asked->revoke_reason != NULL) {
        TRY(check_text(authority, "revoke_reason", asked->revoke_reason, REVOKE_REASON_BYTES_MAX,
                       fault));
    }
    TRY(limits_check(&asked->overrides, authority->options.window_kinds, fault));
    TRY(check_networks(asked->allowed_ip_count, fault));
    TRY(check_metadata(authority, asked->metadata, fault));
    return check_kind(by, asked->kind, fault);
}

static int64_t past(int64_t asked_ms, int64_t now_ms)
{
    return asked_ms > 0 && asked_ms < now_ms ? asked_ms : now_ms;
}

static void set_state(const struct token_import *asked, int64_t now_ms, struct token *token)
{
    token->disabled_at_ms = asked->disabled ? now_ms : 0;
    token->quarantined_at_ms = asked->quarantined ? now_ms : 0;
    if (asked->revoked) {
        token->revoked_at_ms = past(asked->revoked_at_ms, now_ms);
        token->revoke_reason =
            asked->revoke_reason != NULL ? asked->revoke_reason : revoked_elsewhere;
    }
}

static tkr_error_t set_names(const struct token_import *asked, struct change *change,
                             struct token *token)
{
    char digest[2 * TOKEN_DIGEST_BYTES + 1];
    memcpy(token->digest, asked->digest, sizeof(token->digest));
    token->user_id = asked->user_id;
    token->name = asked->name;
    token->display_prefix = asked->display_prefix;
    if (asked->display_prefix == NULL) {
        text_hex(asked->digest, sizeof(asked->digest), digest);
        token->display_prefix =
            arena_print(change->arena, "sha256:%.*s", SHOWN_DIGEST_CHARS, digest);
        ENSURE(token->display_prefix != NULL, TKR_TOO_LARGE);
    }
    return TKR_OK;
}

static tkr_error_t prepare_row(struct authority *authority, const struct token_import *asked,
                               int64_t now_ms, struct change *change, struct imported_row *row,
                               struct fault *fault)
{
    struct token *token = &row->token;
    TRY(check_row(authority, &change->by, asked, fault));
    TRY(check_org(authority, &change->by, asked->org_id, &token->org_id, fault));
    TRY(check_tier_exists(authority, asked->tier, fault));
    TRY(check_scopes(authority, &change->by, asked->scopes, asked->scope_count, change->arena,
                     &token->scopes, fault));
    TRY(check_validity(asked->not_before_ms, asked->expires_at_ms, fault));
    TRY(set_names(asked, change, token));
    set_state(asked, now_ms, token);
    row->created_at_ms = past(asked->created_at_ms, now_ms);
    token->not_before_ms = asked->not_before_ms;
    token->expires_at_ms = asked->expires_at_ms; /* until it is decided */
    token->tier = asked->tier;
    token->tier_inherited = asked->tier == NULL;
    token->kind = asked->kind;
    token->env = asked->env;
    token->overrides = asked->overrides;
    token->allowed_ips = asked->allowed_ips;
    token->allowed_ip_count = asked->allowed_ip_count;
    token->metadata = asked->metadata != NULL ? asked->metadata : "{}";
    token->line = SEGMENT_NO_LINE;
    token->source = TOKEN_SOURCE_IMPORTED;
    memcpy(token->created_by, change->by.token_id, strlen(change->by.token_id) + 1);
    row->request_count =
        asked->request_count < IMPORT_REQUESTS_MAX ? asked->request_count : IMPORT_REQUESTS_MAX;
    row->last_used_at_ms = asked->last_used_at_ms < now_ms ? asked->last_used_at_ms : now_ms;
    return TKR_OK;
}

static tkr_error_t refuse(struct change *change, tkr_error_t error, const struct fault *fault,
                          struct token_imported *result)
{
    struct fault *kept = arena_alloc(change->arena, sizeof(*kept));
    ENSURE(kept != NULL, TKR_TOO_LARGE);
    if (fault->error == error) {
        *kept = *fault;
    } else {
        fault_set(kept, error, "", "%s", tkr_error_text(error));
    }
    *result = (struct token_imported){.result = TOKEN_IMPORT_REFUSED, .fault = kept};
    return TKR_OK;
}

/* Whether this token is refused alone; any other error is everybody's. */
static bool is_the_rows_own(tkr_error_t error)
{
    tkr_error_category_t category = tkr_error_category(error);
    return (category == TKR_CATEGORY_CALLER && error != TKR_TOO_LARGE) ||
           category == TKR_CATEGORY_DENIED;
}

static tkr_error_t prepare(struct authority *authority, const struct token_import *asked,
                           size_t count, struct change *change)
{
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    struct import_batch *batch = arena_alloc(change->arena, sizeof(*batch));
    struct imported_row *rows = arena_alloc(change->arena, count * sizeof(*rows));
    struct token_imported *results = arena_alloc(change->arena, count * sizeof(*results));
    ENSURE(batch != NULL && rows != NULL && results != NULL, TKR_TOO_LARGE);
    *batch = (struct import_batch){.rows = rows, .results = results, .count = count};
    for (size_t i = 0; i < count; i++) {
        struct fault fault = {0};
        tkr_error_t error = prepare_row(authority, &asked[i], now_ms, change, &rows[i], &fault);
        if (error != TKR_OK) {
            ENSURE(is_the_rows_own(error), error);
            TRY(refuse(change, error, &fault, &results[i]));
        }
    }
    change->import = batch;
    return TKR_OK;
}

tkr_error_t authority_import_tokens(struct authority *authority, const struct principal *by,
                                    const struct token_import *rows, size_t count, bool dry_run,
                                    change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    if (count < 1 || count > IMPORT_CHANGE_ROWS_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "tokens", "1 to %d at once", IMPORT_CHANGE_ROWS_MAX);
    }
    if (atomic_load(&authority->segment_full) && !dry_run) {
        return fault_set(fault, TKR_NO_SPACE, "", "the runtime directory is full");
    }
    TRY(change_new_sized(authority, &change_import, by, IMPORT_CHANGE_BYTES_MAX, done, context,
                         &change, fault));
    tkr_error_t error = prepare(authority, rows, count, change);
    if (error != TKR_OK) {
        change_free(authority, change);
        return fault_set(fault, error, "tokens", "%s", tkr_error_text(error));
    }
    change->import->dry_run = dry_run;
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

static tkr_error_t keep_counts(struct authority *authority, const struct imported_row *row)
{
    if (row->request_count == 0 && row->last_used_at_ms == 0) {
        return TKR_OK;
    }
    struct segment_usage usage;
    segment_writer_seed_image(authority->segment, row->token.line, row->request_count,
                              row->last_used_at_ms, &usage);
    return authority->store->import.put_line(authority->store->store, usage.line, usage.total,
                                             usage.last_used_ms, usage.image, usage.bytes);
}

/* What works, works no longer than it could have been made to. What has ended is past that. */
static tkr_error_t decide_expiry(struct authority *authority, struct change *change,
                                 struct imported_row *row, struct token_imported *result)
{
    struct token *token = &row->token;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    int64_t asked_ms = token->expires_at_ms;
    struct lifetime_asked asked = {
        .never = asked_ms == 0, .has_expires_at = asked_ms != 0, .expires_at_ms = asked_ms};
    if (token->revoked_at_ms != 0 || (asked_ms != 0 && asked_ms <= now_ms)) {
        return TKR_OK;
    }
    change->result.clamped = false;
    change->result.fault = (struct fault){0};
    TRY(org_decide_expiry(authority, change, token, &asked, now_ms));
    result->clamped = change->result.clamped;
    return check_validity(token->not_before_ms, token->expires_at_ms, &change->result.fault);
}

static tkr_error_t insert_row(struct authority *authority, struct change *change,
                              struct imported_row *row)
{
    const struct store_port *store = authority->store;
    struct token *token = &row->token;
    TRY(token_give_birth(authority, segment_writer_now_ms(authority->segment), token));
    memcpy(token->lineage_id, token->id, sizeof(token->id));
    token->created_at_ms = past(row->created_at_ms, token->updated_at_ms);
    TRY(tiers_ensure_user(authority, change, token, token->updated_at_ms));
    row->user = change->user;
    TRY(store->insert_token(store->store, token, NULL));
    change->changed = true;
    return keep_counts(authority, row);
}

static tkr_error_t find_row(struct authority *authority, const struct change *change,
                            const struct imported_row *row, struct token_imported *result)
{
    const struct store_port *store = authority->store;
    struct store_found found;
    TRY(store->import.find_digest(store->store, row->token.digest, &found));
    bool visible = principal_is_global(&change->by) || strcmp(found.org_id, change->by.org_id) == 0;
    result->result = found.revoked ? TOKEN_IMPORT_REVOKED : TOKEN_IMPORT_EXISTS;
    memcpy(result->id, visible ? found.id : "", visible ? sizeof(found.id) : 1);
    return TKR_OK;
}

static tkr_error_t apply_row(struct authority *authority, struct change *change, size_t i)
{
    struct imported_row *row = &change->import->rows[i];
    struct token_imported *result = &change->import->results[i];
    if (result->result == TOKEN_IMPORT_REFUSED) {
        return TKR_OK;
    }
    tkr_error_t error = find_row(authority, change, row, result);
    if (error != TKR_NOT_FOUND) {
        return error;
    }
    error = decide_expiry(authority, change, row, result);
    if (error != TKR_OK) {
        ENSURE(is_the_rows_own(error), error);
        return refuse(change, error, &change->result.fault, result);
    }
    result->result = TOKEN_IMPORT_CREATED;
    if (!change->import->dry_run) {
        TRY(insert_row(authority, change, row));
        memcpy(result->id, row->token.id, sizeof(result->id));
    }
    return TKR_OK;
}

/* One event for all: how many, and between which ids those that were made lie. */
static tkr_error_t put_event(struct authority *authority, struct change *change)
{
    size_t counts[TOKEN_IMPORT_REFUSED + 1] = {0};
    const struct import_batch *batch = change->import;
    const char *first = NULL, *last = NULL;
    for (size_t i = 0; i < batch->count; i++) {
        enum token_import_result result = batch->results[i].result;
        counts[result]++;
        if (result == TOKEN_IMPORT_CREATED) {
            const char *id = batch->results[i].id;
            first = first == NULL || strcmp(id, first) < 0 ? id : first;
            last = last == NULL || strcmp(id, last) > 0 ? id : last;
        }
    }
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_count(&details, "created", counts[TOKEN_IMPORT_CREATED]);
    details_count(&details, "exist", counts[TOKEN_IMPORT_EXISTS] + counts[TOKEN_IMPORT_REVOKED]);
    details_count(&details, "refused", counts[TOKEN_IMPORT_REFUSED]);
    details_text(&details, "first_id", first);
    details_text(&details, "last_id", last);
    struct store_event event = change_event(authority, change, NULL, details_finish(&details));
    return authority->store->import.put_event(authority->store->store, &event);
}

static tkr_error_t apply_rows(struct authority *authority, struct change *change)
{
    for (size_t i = 0; i < change->import->count; i++) {
        TRY(apply_row(authority, change, i));
    }
    return change->changed ? put_event(authority, change) : TKR_OK;
}

/*
 * What a row can have got wrong was found before anything was written, so an error in the middle
 * is none of a row's (line numbers are used up). The writer undoes it, with the other imports of
 * its batch but not with other people's changes.
 */
static tkr_error_t apply_import(struct authority *authority, struct change *change)
{
    tkr_error_t error = apply_rows(authority, change);
    if (is_the_rows_own(error)) {
        return TKR_UNAVAILABLE; /* which is undone as a whole */
    }
    TRY(error);
    change->result.fault = (struct fault){0}; /* of a row */
    change->result.clamped = false;
    change->result.imported = change->import->results;
    change->result.imported_count = change->import->count;
    return TKR_OK;
}

static tkr_error_t show_row(struct authority *authority, struct imported_row *row)
{
    TRY(show_token(authority, &row->token, &row->user));
    row->shown = true;
    if (row->request_count == 0 && row->last_used_at_ms == 0) {
        return TKR_OK;
    }
    return segment_writer_seed_line(authority->segment, row->token.line, row->request_count,
                                    row->last_used_at_ms);
}

static tkr_error_t show_import(struct authority *authority, struct change *change)
{
    for (size_t i = 0; i < change->import->count; i++) {
        if (change->import->results[i].result == TOKEN_IMPORT_CREATED) {
            TRY(show_row(authority, &change->import->rows[i]));
        }
    }
    return TKR_OK;
}

const struct change_kind change_import = {"token.import", apply_import, show_import};
