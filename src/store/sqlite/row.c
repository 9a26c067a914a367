/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/row.h"

#include <string.h>

/* The order of TOKEN_COLUMNS_CORE and TOKEN_COLUMNS_FULL. */
enum column {
    COLUMN_ID,
    COLUMN_DIGEST,
    COLUMN_NAME,
    COLUMN_KIND,
    COLUMN_ENV,
    COLUMN_LINE,
    COLUMN_SCOPES,
    COLUMN_OVERRIDES,
    COLUMN_ALLOWED_IPS,
    COLUMN_METADATA,
    COLUMN_NOT_BEFORE,
    COLUMN_EXPIRES,
    COLUMN_DISABLED,
    COLUMN_QUARANTINED,
    COLUMN_REVOKED,
    COLUMN_VERSION_LINE,
    COLUMN_CREDIT_LINE,
    COLUMN_SPARED,
    COLUMN_HONEYTOKEN,
    COLUMN_WARNED,
    COLUMN_NUMBER,
    COLUMN_ORG,
    COLUMN_USER,
    COLUMN_TIER,
    COLUMN_REASON,
    COLUMN_DISPLAY_PREFIX,
    COLUMN_LINEAGE,
    COLUMN_ROTATED_FROM,
    COLUMN_VERSION,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_TOTAL,
    COLUMN_LAST_USED,
    COLUMN_VERSION_TOTAL,
    COLUMN_VERSION_LAST_USED,
    COLUMN_REPLACED_BY,
    COLUMN_CREATED_BY,
    COLUMN_GRACE_UNTIL,
    COLUMN_EXPIRES_UNGRACED,
    COLUMN_SOURCE,
    COLUMN_TIER_INHERITED,
    COLUMN_ROLE,
    COLUMN_OWN_SCOPES,
};
_Static_assert((int)COLUMN_NUMBER == TOKEN_CORE_COLUMNS, "the core ends before the number");
_Static_assert((int)COLUMN_OWN_SCOPES + 1 == TOKEN_FULL_COLUMNS, "the last column is known");

tkr_error_t row_limits(sqlite3_stmt *statement, int column, struct limits *ret_limits)
{
    *ret_limits = (struct limits){0};
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (text == NULL) {
        return TKR_OK;
    }
    return limits_parse(text, strlen(text), ret_limits) == TKR_OK ? TKR_OK : TKR_CORRUPT;
}

static tkr_error_t parse_cidrs(const char *text, struct cidr cidrs[CIDRS_PER_TOKEN_MAX],
                               size_t *ret_count)
{
    size_t count = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        ENSURE(count < CIDRS_PER_TOKEN_MAX, TKR_CORRUPT);
        ENSURE(cidr_parse(text, length, &cidrs[count++]) == TKR_OK, TKR_CORRUPT);
        text += length;
        text += *text == ' ';
    }
    *ret_count = count;
    return TKR_OK;
}

const char *row_format_cidrs(const struct token *token, char out[CIDRS_TEXT_BYTES_MAX])
{
    char *end = out;
    ASSERT(token->allowed_ip_count <= CIDRS_PER_TOKEN_MAX);
    for (size_t i = 0; i < token->allowed_ip_count; i++) {
        char text[CIDR_TEXT_SIZE];
        size_t length = strlen(cidr_format(&token->allowed_ips[i], text));
        if (i > 0) {
            *end++ = ' ';
        }
        memcpy(end, text, length);
        end += length;
    }
    *end = '\0';
    return out;
}

/* An id is exactly TOKEN_ID_CHARS long. */
static tkr_error_t copy_id(sqlite3_stmt *statement, int column, char ret_id[TOKEN_ID_CHARS + 1])
{
    const void *text = sqlite3_column_text(statement, column);
    ENSURE(text != NULL && sqlite3_column_bytes(statement, column) == TOKEN_ID_CHARS, TKR_CORRUPT);
    memcpy(ret_id, text, TOKEN_ID_CHARS);
    ret_id[TOKEN_ID_CHARS] = '\0';
    return TKR_OK;
}

/* A column function that ran out of memory answered NULL, which for networks would mean "from
 * anywhere". */
static tkr_error_t check_memory(struct connection *connection)
{
    return sqlite3_errcode(connection->db) == SQLITE_ROW ? TKR_OK : TKR_MEMORY;
}

/* A line of the token's, which it need not have. */
static tkr_error_t read_line(sqlite3_stmt *statement, int column, bool *ret_has, uint32_t *ret_line)
{
    *ret_has = sqlite3_column_type(statement, column) != SQLITE_NULL;
    int64_t line = sqlite3_column_int64(statement, column);
    ENSURE(line >= 0 && line < SEGMENT_NO_LINE, TKR_CORRUPT);
    *ret_line = (uint32_t)line;
    return TKR_OK;
}

tkr_error_t row_token_core(struct connection *connection, sqlite3_stmt *statement,
                           struct cidr cidrs[CIDRS_PER_TOKEN_MAX], struct token *token)
{
    TRY(copy_id(statement, COLUMN_ID, token->id));
    const void *digest = sqlite3_column_blob(statement, COLUMN_DIGEST);
    ENSURE(digest != NULL && sqlite3_column_bytes(statement, COLUMN_DIGEST) == TOKEN_DIGEST_BYTES,
           TKR_CORRUPT);
    memcpy(token->digest, digest, TOKEN_DIGEST_BYTES);
    token->name = column_text(statement, COLUMN_NAME);
    token->kind = (enum token_kind)sqlite3_column_int(statement, COLUMN_KIND);
    token->env = (enum token_env)sqlite3_column_int(statement, COLUMN_ENV);
    int64_t line = sqlite3_column_int64(statement, COLUMN_LINE);
    ENSURE(line >= 0 && line < SEGMENT_NO_LINE, TKR_CORRUPT);
    token->line = (uint32_t)line;
    token->scopes = column_text(statement, COLUMN_SCOPES);
    TRY(row_limits(statement, COLUMN_OVERRIDES, &token->overrides));
    token->allowed_ips = cidrs;
    TRY(parse_cidrs(column_text(statement, COLUMN_ALLOWED_IPS), cidrs, &token->allowed_ip_count));
    const char *metadata = column_text(statement, COLUMN_METADATA);
    token->metadata = metadata[0] != '\0' ? metadata : "{}";
    token->not_before_ms = sqlite3_column_int64(statement, COLUMN_NOT_BEFORE);
    token->expires_at_ms = sqlite3_column_int64(statement, COLUMN_EXPIRES);
    token->disabled_at_ms = sqlite3_column_int64(statement, COLUMN_DISABLED);
    token->quarantined_at_ms = sqlite3_column_int64(statement, COLUMN_QUARANTINED);
    token->revoked_at_ms = sqlite3_column_int64(statement, COLUMN_REVOKED);
    TRY(read_line(statement, COLUMN_VERSION_LINE, &token->has_version_line, &token->version_line));
    TRY(read_line(statement, COLUMN_CREDIT_LINE, &token->has_credit_line, &token->credit_line));
    token->spared_at_ms = sqlite3_column_int64(statement, COLUMN_SPARED);
    token->honeytoken = sqlite3_column_int(statement, COLUMN_HONEYTOKEN) != 0;
    token->warned = sqlite3_column_int(statement, COLUMN_WARNED) != 0;
    return check_memory(connection);
}

static const char *keep(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

/* The core's texts and networks live only until the next row. */
static void keep_core(struct arena *arena, struct token *token)
{
    token->name = keep(arena, token->name);
    token->scopes = keep(arena, token->scopes);
    token->metadata = keep(arena, token->metadata);
    if (token->allowed_ip_count == 0) {
        token->allowed_ips = NULL;
        return;
    }
    size_t bytes = token->allowed_ip_count * sizeof(struct cidr);
    struct cidr *copy = arena_alloc(arena, bytes);
    if (copy != NULL) {
        memcpy(copy, token->allowed_ips, bytes);
    }
    token->allowed_ips = copy;
}

static tkr_error_t copy_id_if_any(sqlite3_stmt *statement, int column,
                                  char ret_id[TOKEN_ID_CHARS + 1])
{
    bool there = sqlite3_column_type(statement, column) != SQLITE_NULL;
    return there ? copy_id(statement, column, ret_id) : TKR_OK;
}

static tkr_error_t read_lifecycle(sqlite3_stmt *statement, struct arena *arena, struct token *token)
{
    TRY(copy_id_if_any(statement, COLUMN_REPLACED_BY, token->replaced_by));
    TRY(copy_id_if_any(statement, COLUMN_CREATED_BY, token->created_by));
    token->grace_until_ms = sqlite3_column_int64(statement, COLUMN_GRACE_UNTIL);
    token->expires_ungraced_ms = sqlite3_column_int64(statement, COLUMN_EXPIRES_UNGRACED);
    int source = sqlite3_column_int(statement, COLUMN_SOURCE);
    ENSURE(source >= 0 && source < TOKEN_SOURCE_COUNT, TKR_CORRUPT);
    token->source = (enum token_source)source;
    token->tier_inherited = sqlite3_column_int(statement, COLUMN_TIER_INHERITED) != 0;
    if (sqlite3_column_type(statement, COLUMN_ROLE) != SQLITE_NULL) {
        token->role = keep(arena, column_text(statement, COLUMN_ROLE));
        token->own_scopes = keep(arena, column_text(statement, COLUMN_OWN_SCOPES));
    }
    return TKR_OK;
}

tkr_error_t row_token(struct connection *connection, sqlite3_stmt *statement, struct arena *arena,
                      struct token *ret_token, int64_t *ret_number)
{
    struct token token = {0};
    struct cidr cidrs[CIDRS_PER_TOKEN_MAX];
    TRY(row_token_core(connection, statement, cidrs, &token));
    keep_core(arena, &token);
    token.org_id = keep(arena, column_text(statement, COLUMN_ORG));
    token.user_id = keep(arena, column_text(statement, COLUMN_USER));
    token.tier = keep(arena, column_text(statement, COLUMN_TIER));
    token.display_prefix = keep(arena, column_text(statement, COLUMN_DISPLAY_PREFIX));
    if (sqlite3_column_type(statement, COLUMN_REASON) != SQLITE_NULL) {
        token.revoke_reason = keep(arena, column_text(statement, COLUMN_REASON));
    }
    memcpy(token.lineage_id, token.id, sizeof(token.id));
    TRY(copy_id_if_any(statement, COLUMN_LINEAGE, token.lineage_id));
    TRY(copy_id_if_any(statement, COLUMN_ROTATED_FROM, token.rotated_from));
    TRY(read_lifecycle(statement, arena, &token));
    token.version = (uint64_t)sqlite3_column_int64(statement, COLUMN_VERSION);
    token.created_at_ms = sqlite3_column_int64(statement, COLUMN_CREATED);
    token.updated_at_ms = sqlite3_column_int64(statement, COLUMN_UPDATED);
    token.request_count = (uint64_t)sqlite3_column_int64(statement, COLUMN_TOTAL);
    token.last_used_at_ms = sqlite3_column_int64(
        statement, token.has_version_line ? COLUMN_VERSION_LAST_USED : COLUMN_LAST_USED);
    token.version_count = (uint64_t)sqlite3_column_int64(statement, COLUMN_VERSION_TOTAL);
    TRY(check_memory(connection));
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_number = sqlite3_column_int64(statement, COLUMN_NUMBER);
    *ret_token = token;
    return TKR_OK;
}

tkr_error_t row_tier(sqlite3_stmt *statement, struct tier *ret_tier)
{
    struct tier tier = {0};
    const char *name = column_text(statement, 0);
    const char *subject = column_text(statement, 2);
    ENSURE(tier_name_valid(name, strlen(name)), TKR_CORRUPT);
    memcpy(tier.name, name, strlen(name) + 1);
    TRY(row_limits(statement, 1, &tier.limits));
    ENSURE(limits_subject_parse(subject, strlen(subject), &tier.subject) == TKR_OK, TKR_CORRUPT);
    *ret_tier = tier;
    return TKR_OK;
}
