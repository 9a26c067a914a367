/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many tokens of another store at once, by their digests, and the same out again: what
 * `tokenry import` and `tokenry export` call.
 *
 * Each token of the body has a result of its own, and one that is refused does not stop the
 * others. The authority takes IMPORT_CHANGE_ROWS_MAX in one transaction; more go one after
 * another, the next from where the former is done. When one of them fails as a whole, the answer
 * is that error, although those before it are stored: the same call again finds them there.
 */
#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "api/routes.h"
#include "api/token_json.h"
#include "base/text.h"

/* --- the body -------------------------------------------------------------------------------- */

enum {
    DIGEST,
    USER_ID,
    NAME,
    ORG_ID,
    KIND,
    ENV,
    DISPLAY_PREFIX,
    TIER,
    SCOPES,
    LIMITS,
    ALLOWED_IPS,
    METADATA,
    NOT_BEFORE,
    EXPIRES_AT,
    CREATED_AT,
    LAST_USED_AT,
    REQUEST_COUNT,
    DISABLED,
    QUARANTINED,
    REVOKED,
    REVOKED_AT,
    REVOKE_REASON,
    MEMBER_COUNT
};

#define TIME_MEMBER(member, member_name)                                                           \
    [member] = {member_name, JSON_IS_TEXT, .nullable = true, .most = TEXT_TIME_SIZE}

static const struct json_member members[MEMBER_COUNT] = {
    [DIGEST] = {"digest", JSON_IS_TEXT, .required = true, .least = 2 * TOKEN_DIGEST_BYTES,
                .most = 2 * TOKEN_DIGEST_BYTES},
    [USER_ID] = {"user_id", JSON_IS_TEXT, .required = true, .least = 1, .most = USER_ID_BYTES_MAX},
    [NAME] = {"name", JSON_IS_TEXT, .required = true, .least = 1, .most = TOKEN_NAME_BYTES_MAX},
    [ORG_ID] = {"org_id", JSON_IS_TEXT, .least = 1, .most = ORG_ID_BYTES_MAX},
    [KIND] = {"kind", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
    [ENV] = {"env", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
    [DISPLAY_PREFIX] = {"display_prefix", JSON_IS_TEXT, .least = 1,
                        .most = TOKEN_DISPLAY_BYTES_MAX},
    [TIER] = {"tier", JSON_IS_TEXT, .least = 1, .most = TIER_NAME_BYTES_MAX},
    [SCOPES] = {"scopes", JSON_IS_TEXT_LIST, .most = SCOPES_PER_TOKEN_MAX},
    [LIMITS] = {"limits", JSON_IS_OBJECT, .nullable = true},
    [ALLOWED_IPS] = {"allowed_ips", JSON_IS_TEXT_LIST, .most = CIDRS_PER_TOKEN_MAX},
    [METADATA] = {"metadata", JSON_IS_OBJECT, .nullable = true},
    TIME_MEMBER(NOT_BEFORE, "not_before"),
    TIME_MEMBER(EXPIRES_AT, "expires_at"),
    TIME_MEMBER(CREATED_AT, "created_at"),
    TIME_MEMBER(LAST_USED_AT, "last_used_at"),
    [REQUEST_COUNT] = {"request_count", JSON_IS_INTEGER, .most = IMPORT_REQUESTS_MAX},
    [DISABLED] = {"disabled", JSON_IS_BOOL},
    [QUARANTINED] = {"quarantined", JSON_IS_BOOL},
    [REVOKED] = {"revoked", JSON_IS_BOOL},
    TIME_MEMBER(REVOKED_AT, "revoked_at"),
    [REVOKE_REASON] = {"revoke_reason", JSON_IS_TEXT, .nullable = true,
                       .most = REVOKE_REASON_BYTES_MAX},
};

static tkr_error_t read_choices(const struct json_given *given, struct token_import *row,
                                struct fault *fault)
{
    const struct json_given *kind = &given[KIND];
    const struct json_given *env = &given[ENV];
    if (text_unhex(given[DIGEST].text, given[DIGEST].length, row->digest) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "digest", "must be 64 hexadecimal digits");
    }
    if (kind->present && token_kind_parse(kind->text, kind->length, &row->kind) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "kind", "must be `user`, `service` or `admin`");
    }
    if (env->present && token_env_parse(env->text, env->length, &row->env) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "env", "must be `live` or `test`");
    }
    return TKR_OK;
}

static tkr_error_t read_scopes(const struct json_given *given, struct arena *arena,
                               struct token_import *row)
{
    size_t count = given->present ? json_array_size(given->value) : 0;
    const char **scopes = arena_alloc(arena, (count + 1) * sizeof *scopes);
    ENSURE(scopes != NULL, TKR_TOO_LARGE);
    for (size_t i = 0; i < count; i++) {
        scopes[i] = json_string_value(json_array_get(given->value, i));
    }
    row->scopes = scopes;
    row->scope_count = count;
    return TKR_OK;
}

static tkr_error_t read_times(const struct json_given *given, struct token_import *row,
                              struct fault *fault)
{
    const struct {
        int member;
        int64_t *ret_ms;
    } times[] = {
        {NOT_BEFORE, &row->not_before_ms}, {EXPIRES_AT, &row->expires_at_ms},
        {CREATED_AT, &row->created_at_ms}, {LAST_USED_AT, &row->last_used_at_ms},
        {REVOKED_AT, &row->revoked_at_ms},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        const char *name = members[times[i].member].name;
        TRY(time_read(&given[times[i].member], name, times[i].ret_ms, fault));
    }
    return TKR_OK;
}

static tkr_error_t read_row(const json_t *object, struct arena *arena, struct token_import *ret_row,
                            struct fault *fault)
{
    struct json_given given[MEMBER_COUNT];
    if (!json_is_object(object)) {
        return fault_set(fault, TKR_INVALID, "", "must be an object");
    }
    TRY(json_read(object, "", members, MEMBER_COUNT, given, fault));
    struct token_import row = {
        .user_id = given[USER_ID].text,
        .name = given[NAME].text,
        .org_id = given[ORG_ID].text,
        .display_prefix = given[DISPLAY_PREFIX].text,
        .tier = given[TIER].text,
        .request_count = (uint64_t)given[REQUEST_COUNT].integer,
        .disabled = given[DISABLED].boolean,
        .quarantined = given[QUARANTINED].boolean,
        .revoke_reason = given[REVOKE_REASON].length > 0 ? given[REVOKE_REASON].text : NULL,
    };
    TRY(read_choices(given, &row, fault));
    TRY(read_times(given, &row, fault));
    row.revoked = given[REVOKED].boolean || row.revoked_at_ms != 0;
    TRY(read_scopes(&given[SCOPES], arena, &row));
    TRY(networks_read(&given[ALLOWED_IPS], arena, &row.allowed_ips, &row.allowed_ip_count, fault));
    if (given[LIMITS].present && !given[LIMITS].null) {
        TRY(limits_read(&given[LIMITS], &row.overrides, fault));
    }
    if (given[METADATA].present) {
        TRY(metadata_read(&given[METADATA], arena, &row.metadata, fault));
    }
    *ret_row = row;
    return TKR_OK;
}

/* --- the call -------------------------------------------------------------------------------- */

struct import {
    struct api_call *call;
    json_t *root;
    struct arena *arena;       /* of its own: a thousand tokens may need megabytes */
    struct token_import *rows; /* those that can be asked for, in order */
    size_t *places;            /* of each in the body */
    size_t count, asked;       /* of rows; and handed to the authority so far */
    bool dry_run;
    struct token_imported *results; /* in the order of the body */
    size_t result_count;
};

static void import_free(struct import *import)
{
    json_decref(import->root);
    arena_free(import->arena);
}

static void import_fail(struct import *import, tkr_error_t error, const struct fault *fault)
{
    struct api_call *call = import->call;
    import_free(import);
    call_fail(call, error, fault);
}

static const char *const result_names[] = {
    [TOKEN_IMPORT_CREATED] = "created",
    [TOKEN_IMPORT_EXISTS] = "exists",
    [TOKEN_IMPORT_REVOKED] = "revoked",
    [TOKEN_IMPORT_REFUSED] = "refused",
};

static void emit_result(struct emitter *emitter, const struct token_imported *result)
{
    const struct fault *fault = result->fault;
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "result", result_names[result->result]);
    emit_text_or_null(emitter, "id", result->id, strlen(result->id));
    if (result->clamped) {
        emit_bool(emitter, "clamped", true);
    }
    if (fault != NULL) {
        emit_text(emitter, "code", tkr_error_name(fault->error));
        emit_text_or_null(emitter, "member", fault->field, strlen(fault->field));
        emit_text(emitter, "detail",
                  fault->detail[0] != '\0' ? fault->detail : tkr_error_text(fault->error));
    }
    emit_close(emitter, '}');
}

static void import_answer(struct import *import)
{
    struct api_call *call = import->call;
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    size_t counts[TOKEN_IMPORT_REFUSED + 1] = {0};
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "results", '[');
    for (size_t i = 0; i < import->result_count; i++) {
        counts[import->results[i].result]++;
        emit_result(&emitter, &import->results[i]);
    }
    emit_close(&emitter, ']');
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        emit_count(&emitter, result_names[i], counts[i]);
    }
    emit_bool(&emitter, "dry_run", import->dry_run);
    emit_close(&emitter, '}');
    import_free(import);
    call_answer(call, 200, &body);
}

static void import_next(struct import *import);

/* On the writer's thread. The results' faults live until we return: they are copied. */
static void import_done(void *context, const struct change_result *result)
{
    struct import *import = context;
    if (result->error != TKR_OK) {
        import_fail(import, result->error, &result->fault);
        return;
    }
    size_t first = import->asked - result->imported_count;
    for (size_t i = 0; i < result->imported_count; i++) {
        struct token_imported *kept = &import->results[import->places[first + i]];
        struct fault *fault = NULL;
        *kept = result->imported[i];
        if (kept->fault != NULL) {
            fault = arena_alloc(import->arena, sizeof *fault);
            if (fault == NULL) {
                import_fail(import, TKR_TOO_LARGE, NULL);
                return;
            }
            *fault = *kept->fault;
        }
        kept->fault = fault;
    }
    import_next(import);
}

static void import_next(struct import *import)
{
    struct fault fault = {0};
    size_t first = import->asked;
    size_t count = import->count - first;
    if (count == 0) {
        import_answer(import);
        return;
    }
    count = count < IMPORT_CHANGE_ROWS_MAX ? count : IMPORT_CHANGE_ROWS_MAX;
    import->asked += count; /* before: `done` may run before the call returns */
    tkr_error_t error = authority_import_tokens(
        import->call->api->options.authority, &import->call->principal, import->rows + first, count,
        import->dry_run, import_done, import, &fault);
    if (error != TKR_OK) {
        import_fail(import, error, &fault);
    }
}

static tkr_error_t refuse(struct import *import, const struct fault *fault, size_t place)
{
    struct fault *kept = arena_alloc(import->arena, sizeof *kept);
    ENSURE(kept != NULL, TKR_TOO_LARGE);
    *kept = *fault;
    import->results[place] = (struct token_imported){.result = TOKEN_IMPORT_REFUSED, .fault = kept};
    return TKR_OK;
}

static tkr_error_t read_rows(struct import *import, const json_t *list)
{
    size_t count = json_array_size(list);
    import->rows = arena_alloc(import->arena, count * sizeof *import->rows);
    import->places = arena_alloc(import->arena, count * sizeof *import->places);
    import->results = arena_alloc(import->arena, count * sizeof *import->results);
    ENSURE(!arena_overflowed(import->arena), TKR_TOO_LARGE);
    import->result_count = count;
    for (size_t i = 0; i < count; i++) {
        struct fault fault = {0};
        tkr_error_t error =
            read_row(json_array_get(list, i), import->arena, &import->rows[import->count], &fault);
        ENSURE(!arena_overflowed(import->arena), TKR_TOO_LARGE);
        if (error == TKR_OK) {
            import->places[import->count++] = i;
        } else {
            if (fault.error != error) {
                fault_set(&fault, error, "", "%s", tkr_error_text(error));
            }
            TRY(refuse(import, &fault, i));
        }
    }
    return TKR_OK;
}

static tkr_error_t import_read(struct import *import, struct fault *fault)
{
    enum { TOKENS, DRY_RUN, COUNT };
    static const struct json_member body_members[COUNT] = {
        [TOKENS] = {"tokens", JSON_IS_ARRAY, .required = true, .least = 1, .most = INT64_MAX},
        [DRY_RUN] = {"dry_run", JSON_IS_BOOL},
    };
    struct api_call *call = import->call;
    struct json_given given[COUNT];
    TRY(json_parse(call->body, call->body_length, &import->root, fault));
    TRY(json_read(import->root, "", body_members, COUNT, given, fault));
    if (json_array_size(given[TOKENS].value) > IMPORT_CALL_ROWS_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "tokens", "may have at most %d elements",
                         IMPORT_CALL_ROWS_MAX);
    }
    import->dry_run = given[DRY_RUN].boolean;
    TRY(arena_new(API_PAGE_BYTES_MAX, &import->arena));
    return read_rows(import, given[TOKENS].value);
}

void tokens_import_post(struct api_call *call)
{
    struct fault fault = {0};
    struct import *import = arena_alloc(call->arena, sizeof *import);
    if (import == NULL) {
        call_fail(call, TKR_MEMORY, NULL);
        return;
    }
    import->call = call;
    tkr_error_t error = import_read(import, &fault);
    if (error != TKR_OK) {
        import_fail(import, error, &fault);
        return;
    }
    import_next(import);
}

/* --- export ---------------------------------------------------------------------------------- */

static tkr_error_t read_page(const struct api_call *call, struct token_filter *ret_filter,
                             struct fault *fault)
{
    const char *limit = call_argument(call, "limit");
    uint64_t page = LIST_PAGE_MAX;
    if (limit != NULL && (text_parse_u64(limit, strlen(limit), &page) != TKR_OK || page < 1 ||
                          page > LIST_PAGE_MAX)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "limit", "must be 1 to %d", LIST_PAGE_MAX);
    }
    *ret_filter = (struct token_filter){
        .org_id = call_argument(call, "org_id"),
        .user_id = call_argument(call, "user_id"),
        .cursor = call_argument(call, "cursor"),
        .include_inactive = true, /* what was revoked stays so elsewhere, too */
        .limit = (uint32_t)page,
    };
    return TKR_OK;
}

static tkr_error_t export(struct api_call *call, struct arena *arena, struct buffer *body,
                          struct fault *fault)
{
    struct token_filter filter;
    struct token_page page;
    struct emitter emitter;
    TRY(read_page(call, &filter, fault));
    TRY(authority_list_tokens(call->api->options.authority, &call->principal, &filter, arena, &page,
                              fault));
    emit_begin(&emitter, body);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "tokens", '[');
    for (size_t i = 0; i < page.count; i++) {
        char digest[2 * TOKEN_DIGEST_BYTES + 1];
        text_hex(page.tokens[i].digest, TOKEN_DIGEST_BYTES, digest);
        emit_open(&emitter, NULL, '{');
        emit_text(&emitter, "digest", digest);
        emit_token_members(&emitter, &page.tokens[i]);
        emit_close(&emitter, '}');
    }
    emit_close(&emitter, ']');
    emit_text(&emitter, "next_cursor", page.next_cursor);
    emit_close(&emitter, '}');
    return TKR_OK;
}

void tokens_export_get(struct api_call *call)
{
    struct fault fault = {0};
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    tkr_error_t error = arena_new(API_PAGE_BYTES_MAX, &arena);
    if (error == TKR_OK) {
        error = export(call, arena, &body, &fault);
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    call_answer(call, 200, &body);
}
