/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a body of POST /api/v1/verify, POST and PATCH of tokens, or PUT of a tier: it is
 * read as each of them. What must hold: a refusal has an error of the caller's making and,
 * when it is about a member, names it; what is written out of an accepted text is read
 * again as the same; a fault never has 20 characters of the body in a row that could be a
 * token; values that were accepted are inside their ranges.
 */
#include "fuzz.h"

#include <string.h>

#include "api/json_input.h"
#include "api/token_json.h"
#include "api/verify_json.h"
#include "base/text.h"

#define NOW INT64_C(1767225600000)

/* The inputs' tokens are runs of `Q`; no shorter run than a token's least length is one. */
#define SECRET "QQQQQQQQQQQQQQQQQQQQ"

static void assert_no_secret(const struct fault *fault)
{
    ASSERT(strstr(fault->detail, SECRET) == NULL);
    ASSERT(strstr(fault->field, SECRET) == NULL);
}

static bool is_callers(tkr_error_t error, const struct fault *fault)
{
    ASSERT(error == TKR_OK || fault->error == error);
    assert_no_secret(fault);
    return error == TKR_OK || tkr_error_category(error) == TKR_CATEGORY_CALLER;
}

static void check_round_trip(const json_t *root)
{
    struct buffer text CLEANUP(buffer_deinit);
    struct emitter emitter;
    json_t *again CLEANUP(json_decref_p) = NULL;
    buffer_init(&text, 16 * 1024 * 1024);
    emit_begin(&emitter, &text);
    emit_value(&emitter, NULL, root);
    ASSERT(buffer_status(&text) == TKR_OK);
    ASSERT(json_parse(text.data, text.length, &again, NULL) == TKR_OK);
    ASSERT(json_equal(root, again));
}

static void check_verify(const json_t *root, struct arena *arena)
{
    struct fault fault = {0};
    struct verify_request request;
    tkr_error_t error = verify_request_read(root, "requests[3].", arena, &request, &fault);
    ASSERT(is_callers(error, &fault));
    if (error != TKR_OK) {
        ASSERT(strncmp(fault.field, "requests[3].", 12) == 0);
        return;
    }
    ASSERT(request.token != NULL && request.cost <= VERIFY_COST_MAX);
    ASSERT(request.scope_count <= SCOPES_PER_TOKEN_MAX);
    ASSERT(request.user == NULL || request.user_length >= 1);
}

static void check_create(const json_t *root, struct arena *arena)
{
    struct fault fault = {0};
    struct token_create create;
    tkr_error_t error = token_create_read(root, NOW, arena, &create, &fault);
    ASSERT(is_callers(error, &fault));
    if (error != TKR_OK) {
        ASSERT(fault.field[0] != '\0');
        return;
    }
    ASSERT(text_is_printable_utf8(create.user_id, strlen(create.user_id)));
    ASSERT(create.allowed_ip_count <= CIDRS_PER_TOKEN_MAX);
    ASSERT(create.metadata == NULL || strlen(create.metadata) <= METADATA_BYTES_MAX);
    ASSERT(create.chosen == NULL || (create.chosen_length >= TOKEN_TEXT_BYTES_MIN &&
                                     create.chosen_length <= TOKEN_TEXT_BYTES_MAX));
    ASSERT(!create.lifetime.has_expires_at || create.lifetime.expires_at_ms > 0);
    ASSERT(!(create.lifetime.has_expires_at && create.lifetime.never));
}

static void check_others(const json_t *root, struct arena *arena)
{
    struct fault fault = {0};
    struct token_update update;
    struct tier tier;
    ASSERT(is_callers(token_update_read(root, NOW, arena, &update, &fault), &fault));
    fault = (struct fault){0};
    ASSERT(is_callers(tier_read(root, "gold", &tier, &fault), &fault));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    struct fault fault = {0};
    if (size > HTTP_BODY_BYTES_MAX) {
        return 0; /* the HTTP layer answers 413 */
    }
    json_input_prepare();
    ASSERT(arena_new(8 * 1024 * 1024, &arena) == TKR_OK);
    tkr_error_t error = json_parse((const char *)data, size, &root, &fault);
    assert_no_secret(&fault);
    if (error != TKR_OK) {
        ASSERT(error == TKR_MALFORMED && fault.detail[0] != '\0');
        return 0;
    }
    check_round_trip(root);
    check_verify(root, arena);
    check_create(root, arena);
    check_others(root, arena);
    return 0;
}
