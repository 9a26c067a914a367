/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes. Whatever a caller can have got wrong is found before the first row is written, so
 * that a change that fails that way leaves nothing to undo; the insert of a token checks all
 * its UNIQUE constraints before it writes, too.
 */
#include <stdio.h>
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

/* --- what was found last ----------------------------------------------------------------- */

void store_forget(struct store *store)
{
    store->known.user = false;
    store->known.tier = 0;
}

static bool is_known(const struct store *store, const char *org_id, const char *user_id)
{
    const struct known *known = &store->known;
    return known->user && strcmp(known->user_id, user_id) == 0 &&
           strcmp(known->org_id, org_id) == 0;
}

static void remember_user(struct store *store, const struct user_row *row)
{
    struct known *known = &store->known;
    const struct store_user *user = &row->user;
    size_t user_length = strlen(user->id), org_length = strlen(user->org_id);
    known->user = user_length < sizeof(known->user_id) && org_length < sizeof(known->org_id);
    if (known->user) {
        memcpy(known->user_id, user->id, user_length + 1);
        memcpy(known->org_id, user->org_id, org_length + 1);
        known->user_row = *row;
        known->user_row.user.id = known->user_id;
        known->user_row.user.org_id = known->org_id;
    }
}

/* --- orgs, users, tiers ------------------------------------------------------------------ */

tkr_error_t store_find_org_number(struct store *store, const char *org_id, int64_t *ret_number)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_ORG, &statement));
    bind_text(statement, 1, org_id);
    TRY(statement_row(&store->writer, statement));
    *ret_number = sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

tkr_error_t store_ensure_org(struct store *store, const char *org_id, int64_t now_ms,
                             int64_t *ret_number)
{
    if (store->known.user && strcmp(store->known.org_id, org_id) == 0) {
        *ret_number = store->known.user_row.org;
        return TKR_OK;
    }
    tkr_error_t error = store_find_org_number(store, org_id, ret_number);
    if (error != TKR_NOT_FOUND) {
        return error;
    }
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_INSERT_ORG, &statement));
    bind_text(statement, 1, org_id);
    bind_integer(statement, 2, now_ms);
    TRY(statement_run(&store->writer, statement));
    *ret_number = sqlite3_last_insert_rowid(store->writer.db);
    store->changed = true;
    return TKR_OK;
}

static tkr_error_t find_user(struct store *store, const char *org_id, const char *user_id,
                             struct user_row *ret_row)
{
    if (is_known(store, org_id, user_id)) {
        *ret_row = store->known.user_row;
        return TKR_OK;
    }
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_USER, &statement));
    bind_text(statement, 1, org_id);
    bind_text(statement, 2, user_id);
    TRY(statement_row(&store->writer, statement));
    struct user_row row = {
        .number = sqlite3_column_int64(statement, 0),
        .org = sqlite3_column_int64(statement, 1),
        .user = {.org_id = org_id, .id = user_id, .line = SEGMENT_NO_LINE},
    };
    if (sqlite3_column_type(statement, 2) != SQLITE_NULL) {
        row.user.line = (uint32_t)sqlite3_column_int64(statement, 2);
    }
    row.user.suspended = sqlite3_column_type(statement, 3) != SQLITE_NULL;
    TRY(row_limits(statement, 4, &row.user.overrides));
    snprintf(row.tier, sizeof(row.tier), "%s", column_text(statement, 5));
    remember_user(store, &row);
    *ret_row = row;
    return TKR_OK;
}

tkr_error_t store_find_user_numbers(struct store *store, const char *org_id, const char *user_id,
                                    int64_t *ret_number, int64_t *ret_org)
{
    struct user_row row;
    TRY(find_user(store, org_id, user_id, &row));
    *ret_number = row.number;
    *ret_org = row.org;
    return TKR_OK;
}

static tkr_error_t new_line(struct store *store, uint32_t *ret_line)
{
    ENSURE(store->current.next_line < SEGMENT_NO_LINE, TKR_CAPACITY);
    *ret_line = store->current.next_line++;
    store->changed = true;
    return TKR_OK;
}

static tkr_error_t set_user_line(struct store *store, int64_t number, uint32_t *ret_line)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    store_forget(store);
    TRY(connection_prepare(&store->writer, STATEMENT_SET_USER_LINE, &statement));
    TRY(new_line(store, ret_line));
    bind_integer(statement, 1, number);
    bind_integer(statement, 2, *ret_line);
    return statement_run(&store->writer, statement);
}

static tkr_error_t insert_user(struct store *store, const char *org_id, const char *user_id,
                               bool want_line, int64_t now_ms, struct user_row *row)
{
    *row = (struct user_row){
        .user = {.org_id = org_id, .id = user_id, .line = SEGMENT_NO_LINE},
    };
    TRY(store_ensure_org(store, org_id, now_ms, &row->org));
    if (want_line) {
        TRY(new_line(store, &row->user.line));
    }
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_INSERT_USER, &statement));
    bind_text(statement, 1, user_id);
    bind_integer(statement, 2, row->org);
    if (want_line) {
        bind_integer(statement, 3, row->user.line);
    }
    bind_integer(statement, 4, now_ms);
    TRY(statement_run(&store->writer, statement));
    row->number = sqlite3_last_insert_rowid(store->writer.db);
    store->changed = true;
    remember_user(store, row);
    return TKR_OK;
}

tkr_error_t store_ensure_user(struct store *store, const char *org_id, const char *user_id,
                              bool want_line, int64_t now_ms, struct arena *arena,
                              struct store_user *ret_user, bool *ret_created)
{
    struct user_row row;
    tkr_error_t error = find_user(store, org_id, user_id, &row);
    bool created = error == TKR_NOT_FOUND;
    if (created) {
        error = insert_user(store, org_id, user_id, want_line, now_ms, &row);
    } else if (error == TKR_OK && want_line && row.user.line == SEGMENT_NO_LINE) {
        error = set_user_line(store, row.number, &row.user.line);
    }
    TRY(error);
    row.user.org_id = arena_copy(arena, org_id, strlen(org_id));
    row.user.id = arena_copy(arena, user_id, strlen(user_id));
    row.user.tier = row.tier[0] != '\0' ? arena_copy(arena, row.tier, strlen(row.tier)) : NULL;
    ENSURE(!arena_overflowed(arena), TKR_MEMORY);
    *ret_user = row.user;
    *ret_created = created;
    return TKR_OK;
}

tkr_error_t store_find_tier(struct store *store, const char *name, int64_t *ret_number)
{
    struct known *known = &store->known;
    if (known->tier != 0 && strcmp(known->tier_name, name) == 0) {
        *ret_number = known->tier;
        return TKR_OK;
    }
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_TIER, &statement));
    bind_text(statement, 1, name);
    TRY(statement_row(&store->writer, statement));
    known->tier = sqlite3_column_int64(statement, 0); /* its name fits: it was checked */
    snprintf(known->tier_name, sizeof(known->tier_name), "%s", name);
    *ret_number = known->tier;
    return TKR_OK;
}

/* One user a step, each found by its number: rows are changed between the steps. */
static tkr_error_t give_next(struct store *store, int64_t tier, int64_t *number,
                             tkr_error_t (*visit)(void *context, const struct store_user *),
                             void *context)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_USERS_WITHOUT_LINE, &statement));
    bind_integer(statement, 1, tier);
    bind_integer(statement, 2, *number);
    TRY(statement_row(&store->writer, statement));
    *number = sqlite3_column_int64(statement, 0);
    struct store_user user = {
        .org_id = column_text(statement, 1),
        .id = column_text(statement, 2),
        .suspended = sqlite3_column_type(statement, 3) != SQLITE_NULL,
    };
    TRY(row_limits(statement, 4, &user.overrides));
    TRY(set_user_line(store, *number, &user.line));
    return visit(context, &user);
}

static tkr_error_t
give_lines_of_tier(struct store *store, int64_t tier,
                   tkr_error_t (*visit)(void *context, const struct store_user *), void *context)
{
    int64_t user = INT64_MIN;
    tkr_error_t error = TKR_OK;
    while (error == TKR_OK) {
        error = give_next(store, tier, &user, visit, context);
    }
    ENSURE(error == TKR_NOT_FOUND, error);
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_TIER_HAS_LINES, &statement));
    bind_integer(statement, 1, tier);
    return statement_run(&store->writer, statement);
}

static tkr_error_t next_tier_without_lines(struct store *store, int64_t *ret_tier)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_TIER_WITHOUT_LINES, &statement));
    TRY(statement_row(&store->writer, statement));
    *ret_tier = sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

tkr_error_t store_give_user_lines(struct store *store,
                                  tkr_error_t (*visit)(void *context, const struct store_user *),
                                  void *context)
{
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_TIERS_OF_TOKENS, &statement));
        TRY(statement_run(&store->writer, statement));
    }
    int64_t tier = 0;
    tkr_error_t error = next_tier_without_lines(store, &tier);
    while (error == TKR_OK) {
        TRY(give_lines_of_tier(store, tier, visit, context));
        error = next_tier_without_lines(store, &tier);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

/* --- changes with their event ------------------------------------------------------------ */

static void bind_metadata(sqlite3_stmt *statement, int index, const char *metadata)
{
    if (metadata != NULL && strcmp(metadata, "{}") != 0) {
        bind_text(statement, index, metadata);
    }
}

/* The texts that a token's statement needs while it runs. */
struct token_texts {
    char overrides[LIMITS_TEXT_SIZE];
    char cidrs[CIDRS_TEXT_BYTES_MAX];
};

/* Where the parameters of the lifecycle stand in a statement. */
struct lifecycle_places {
    int replaced_by, grace_until, expires_ungraced, version_line, credit_line, spared_at,
        honeytoken, warned, tier_inherited, role, own_scopes;
};
static const struct lifecycle_places insert_places = {26, 27, 28, 29, 30, 31, 33, 34, 36, 37, 38};
static const struct lifecycle_places update_places = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26};

static void bind_lifecycle(sqlite3_stmt *statement, const struct token *token,
                           const struct lifecycle_places *at)
{
    bind_text_optional(statement, at->replaced_by, token->replaced_by);
    bind_integer_optional(statement, at->grace_until, token->grace_until_ms);
    bind_integer_optional(statement, at->expires_ungraced, token->expires_ungraced_ms);
    if (token->has_version_line) {
        bind_integer(statement, at->version_line, token->version_line);
    }
    if (token->has_credit_line) {
        bind_integer(statement, at->credit_line, token->credit_line);
    }
    bind_integer_optional(statement, at->spared_at, token->spared_at_ms);
    bind_integer(statement, at->honeytoken, token->honeytoken);
    bind_integer(statement, at->warned, token->warned);
    bind_integer(statement, at->tier_inherited, token->tier_inherited);
    if (token->role != NULL) {
        bind_text(statement, at->role, token->role);
        bind_text(statement, at->own_scopes, token->own_scopes);
    }
}

static void bind_token(sqlite3_stmt *statement, const struct token *token,
                       struct token_texts *texts)
{
    bind_bytes(statement, 1, token->digest, TOKEN_DIGEST_BYTES);
    bind_text(statement, 2, token->id);
    bind_integer(statement, 6, token->line);
    bind_integer(statement, 7, token->kind);
    bind_integer(statement, 8, token->env);
    bind_text(statement, 9, token->name);
    bind_text(statement, 10, token->scopes);
    bind_text_optional(statement, 11, limits_format(&token->overrides, texts->overrides));
    bind_text_optional(statement, 12, row_format_cidrs(token, texts->cidrs));
    bind_metadata(statement, 13, token->metadata);
    bind_integer_optional(statement, 14, token->not_before_ms);
    bind_integer_optional(statement, 15, token->expires_at_ms);
    bind_integer_optional(statement, 16, token->disabled_at_ms);
    bind_integer_optional(statement, 17, token->quarantined_at_ms);
    bind_integer_optional(statement, 18, token->revoked_at_ms);
    bind_text(statement, 19, token->revoke_reason);
    bind_text(statement, 20, token->display_prefix);
    if (strcmp(token->lineage_id, token->id) != 0) {
        bind_text_optional(statement, 21, token->lineage_id);
    }
    bind_text_optional(statement, 22, token->rotated_from);
    bind_integer(statement, 23, (int64_t)token->version);
    bind_integer(statement, 24, token->created_at_ms);
    bind_integer(statement, 25, token->updated_at_ms);
    bind_integer(statement, 32, token->source);
    bind_text_optional(statement, 35, token->created_by);
    bind_lifecycle(statement, token, &insert_places);
}

/* Lines that the token is to have and has not got. */
static tkr_error_t give_lines(struct store *store, struct token *token)
{
    if (token->line == SEGMENT_NO_LINE) {
        TRY(new_line(store, &token->line));
    }
    if (token->has_version_line && token->version_line == SEGMENT_NO_LINE) {
        TRY(new_line(store, &token->version_line));
    }
    if (token->has_credit_line && token->credit_line == SEGMENT_NO_LINE) {
        TRY(new_line(store, &token->credit_line));
    }
    return TKR_OK;
}

/* What was revoked and cleaned away stays away, whoever asks for it. */
static tkr_error_t check_not_buried(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES])
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FIND_TOMBSTONE, &statement));
    bind_bytes(statement, 1, digest, TOKEN_DIGEST_BYTES);
    tkr_error_t error = statement_row(&store->writer, statement);
    ENSURE(error != TKR_OK, TKR_CONFLICT);
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_insert_token(struct store *store, struct token *token,
                               const struct store_event *event)
{
    struct user_row user;
    int64_t tier = 0;
    TRY(check_not_buried(store, token->digest));
    TRY(find_user(store, token->org_id, token->user_id, &user));
    TRY(store_find_tier(store, token->tier, &tier));
    struct meta before = store->current;
    struct token row = *token;
    row.version = 1;
    TRY(give_lines(store, &row));
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        struct token_texts texts;
        TRY(connection_prepare(&store->writer, STATEMENT_INSERT_TOKEN, &statement));
        bind_token(statement, &row, &texts);
        bind_integer(statement, 3, user.number);
        bind_integer(statement, 4, user.org);
        bind_integer(statement, 5, tier);
        tkr_error_t error = statement_run(&store->writer, statement);
        if (error != TKR_OK) {
            store->current = before;
            return error;
        }
    }
    store->current.tokens++;
    TRY(event != NULL ? store_insert_event(store, event) : TKR_OK);
    *token = row;
    return TKR_OK;
}

/* Why an update met no row. */
static tkr_error_t update_refusal(struct store *store, const struct token *token)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_TOKEN_STATE, &statement));
    bind_text(statement, 1, token->id);
    TRY(statement_row(&store->writer, statement));
    bool same = sqlite3_column_int64(statement, 0) == (int64_t)token->version;
    return same ? TKR_CONFLICT : TKR_PRECONDITION;
}

static tkr_error_t run_update(struct store *store, const struct token *token)
{
    int64_t tier = 0;
    TRY(store_find_tier(store, token->tier, &tier));
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct token_texts texts;
    TRY(connection_prepare(&store->writer, STATEMENT_UPDATE_TOKEN, &statement));
    bind_text(statement, 1, token->id);
    bind_integer(statement, 2, (int64_t)token->version);
    bind_text(statement, 3, token->name);
    bind_integer(statement, 4, tier);
    bind_text(statement, 5, token->scopes);
    bind_text_optional(statement, 6, limits_format(&token->overrides, texts.overrides));
    bind_text_optional(statement, 7, row_format_cidrs(token, texts.cidrs));
    bind_metadata(statement, 8, token->metadata);
    bind_integer_optional(statement, 9, token->not_before_ms);
    bind_integer_optional(statement, 10, token->expires_at_ms);
    bind_integer_optional(statement, 11, token->disabled_at_ms);
    bind_integer_optional(statement, 12, token->quarantined_at_ms);
    bind_integer_optional(statement, 13, token->revoked_at_ms);
    bind_text(statement, 14, token->revoke_reason);
    bind_integer(statement, 15, token->updated_at_ms);
    bind_lifecycle(statement, token, &update_places);
    TRY(statement_run(&store->writer, statement));
    return sqlite3_changes(store->writer.db) == 0 ? update_refusal(store, token) : TKR_OK;
}

tkr_error_t store_update_token(struct store *store, struct token *token,
                               const struct store_event *event)
{
    struct meta before = store->current;
    struct token row = *token;
    TRY(give_lines(store, &row));
    tkr_error_t error = run_update(store, &row);
    if (error != TKR_OK) {
        store->current = before;
        return error;
    }
    TRY(store_insert_event(store, event));
    row.version++;
    *token = row;
    return TKR_OK;
}

tkr_error_t store_put_tier(struct store *store, const struct tier *tier,
                           const struct store_event *event)
{
    char limits[LIMITS_TEXT_SIZE];
    ENSURE(tier_name_valid(tier->name, strlen(tier->name)), TKR_INVALID);
    {
        CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
        TRY(connection_prepare(&store->writer, STATEMENT_PUT_TIER, &statement));
        bind_text(statement, 1, tier->name);
        bind_text(statement, 2, limits_format(&tier->limits, limits));
        bind_text(statement, 3, limits_subject_name(tier->subject));
        TRY(statement_run(&store->writer, statement));
    }
    return store_insert_event(store, event);
}
