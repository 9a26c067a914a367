/* SPDX-License-Identifier: Apache-2.0 */
#include "import/columns.h"

#include <string.h>

#define SYNONYMS_MAX 10
#define IGNORE "ignore"

/* The first synonym is the member's own name. A column `token` or `key` is the token itself, also
 * when it has 64 hexadecimal digits: that is how `openssl rand -hex 32` makes tokens. */
static const char *const synonyms[IMPORT_MEMBER_COUNT][SYNONYMS_MAX] = {
    [IMPORT_DIGEST] = {"digest", "token_hash", "key_hash", "hash", "sha256", "token_sha256",
                       "hashed_token", "hashed_key", "api_key_hash"},
    [IMPORT_TOKEN] = {"token", "api_key", "key", "api_token", "token_value", "plaintext"},
    [IMPORT_SOURCE_ID] = {"id", "key_id", "token_id", "uuid"},
    [IMPORT_ORG_ID] = {"org_id", "org", "organization_id", "organisation_id", "tenant_id",
                       "workspace_id"},
    [IMPORT_USER_ID] = {"user_id", "user", "owner_id", "owner", "userid", "username", "user_name"},
    [IMPORT_NAME] = {"name", "token_name", "key_name", "label", "title", "description"},
    [IMPORT_TOKEN_KIND] = {"kind", "token_kind", "token_type"},
    [IMPORT_TOKEN_ENV] = {"env", "environment"},
    [IMPORT_TIER] = {"tier", "plan", "subscription_tier"},
    [IMPORT_SCOPES] = {"scopes", "permissions", "scope"},
    [IMPORT_LIMITS] = {"limits"},
    [IMPORT_METADATA] = {"metadata", "token_metadata", "meta"},
    [IMPORT_DISPLAY_PREFIX] = {"display_prefix", "key_prefix", "token_prefix", "prefix"},
    [IMPORT_ALLOWED_IPS] = {"allowed_ips", "ip_allowlist", "ip_whitelist", "allowed_networks"},
    [IMPORT_NOT_BEFORE] = {"not_before", "valid_from", "starts_at"},
    [IMPORT_EXPIRES_AT] = {"expires_at", "expires", "expiry", "expiration", "expires_on",
                           "valid_until", "expiry_date", "expiration_date"},
    [IMPORT_CREATED_AT] = {"created_at", "created", "issued_at", "created_on", "creation_date"},
    [IMPORT_LAST_USED_AT] = {"last_used_at", "last_used", "last_seen_at", "last_request"},
    [IMPORT_REQUEST_COUNT] = {"request_count", "usage_count", "requests", "use_count"},
    [IMPORT_ACTIVE] = {"active", "is_active", "enabled", "is_enabled"},
    [IMPORT_STATUS] = {"status", "state"},
    [IMPORT_DISABLED_AT] = {"disabled_at"},
    [IMPORT_QUARANTINED_AT] = {"quarantined_at"},
    [IMPORT_REVOKED] = {"revoked", "is_revoked", "is_deleted", "deleted"},
    [IMPORT_REVOKED_AT] = {"revoked_at", "deleted_at"},
    [IMPORT_REVOKE_REASON] = {"revoke_reason", "revocation_reason", "revoked_reason"},
};

const char *import_member_name(enum import_member member)
{
    return (unsigned)member < IMPORT_MEMBER_COUNT ? synonyms[member][0] : "";
}

/* IMPORT_MEMBER_COUNT for `ignore`; false when there is no such member. */
static bool find_member(const char *name, enum import_member *ret_member)
{
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        if (strcmp(synonyms[member][0], name) == 0) {
            *ret_member = (enum import_member)member;
            return true;
        }
    }
    *ret_member = IMPORT_MEMBER_COUNT;
    return strcmp(name, IGNORE) == 0;
}

static void classify(const struct import_options *options, struct column *column)
{
    column->member = IMPORT_MEMBER_COUNT;
    column->rank = 0;
    for (size_t i = 0; i < options->map_count; i++) {
        if (strcasecmp(options->maps[i].from, column->name) == 0) {
            find_member(options->maps[i].to, &column->member);
            return;
        }
    }
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        for (unsigned i = 0; i < SYNONYMS_MAX && synonyms[member][i] != NULL; i++) {
            if (strcasecmp(synonyms[member][i], column->name) == 0) {
                column->member = (enum import_member)member;
                column->rank = i + 1;
                return;
            }
        }
    }
}

const struct column *columns_find(struct columns *columns, const struct import_options *options,
                                  const char *name, size_t length)
{
    static const struct column none = {.member = IMPORT_MEMBER_COUNT};
    for (size_t i = 0; i < columns->count; i++) {
        const struct column *column = &columns->list[i];
        if (strncmp(column->name, name, length) == 0 && column->name[length] == '\0') {
            return column;
        }
    }
    if (length > IMPORT_COLUMN_BYTES_MAX || columns->count == IMPORT_COLUMNS_MAX) {
        return &none;
    }
    struct column *column = &columns->list[columns->count++];
    memcpy(column->name, name, length);
    column->name[length] = '\0';
    classify(options, column);
    return column;
}

void columns_choose(struct columns *columns, const struct import_options *options,
                    const char *const *names, size_t count, size_t ret_chosen[IMPORT_MEMBER_COUNT])
{
    unsigned ranks[IMPORT_MEMBER_COUNT] = {0};
    for (int member = 0; member < IMPORT_MEMBER_COUNT; member++) {
        ret_chosen[member] = SIZE_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        const struct column *column = columns_find(columns, options, names[i], strlen(names[i]));
        enum import_member member = column->member;
        if (member == IMPORT_MEMBER_COUNT ||
            (ret_chosen[member] != SIZE_MAX && ranks[member] <= column->rank)) {
            continue;
        }
        ret_chosen[member] = i;
        ranks[member] = column->rank;
    }
}

tkr_error_t columns_choose_all(struct columns *columns, const struct import_options *options,
                               const char *const *names, size_t count,
                               size_t ret_chosen[IMPORT_MEMBER_COUNT], struct fault *fault)
{
    columns_choose(columns, options, names, count, ret_chosen);
    for (size_t i = 0; i < options->map_count; i++) {
        size_t at = 0;
        while (at < count && strcasecmp(names[at], options->maps[i].from) != 0) {
            at++;
        }
        if (at == count) {
            return fault_set(fault, TKR_INVALID, "map", "there is no column %.40s",
                             options->maps[i].from);
        }
    }
    if (ret_chosen[IMPORT_DIGEST] == SIZE_MAX && ret_chosen[IMPORT_TOKEN] == SIZE_MAX) {
        return fault_set(fault, TKR_INVALID, "map",
                         "no column has the SHA-256 of the tokens (as token_hash or key_hash), "
                         "nor the tokens: say which with --map COLUMN=digest");
    }
    return TKR_OK;
}

tkr_error_t columns_check(const struct import_options *options, struct fault *fault)
{
    for (size_t i = 0; i < options->map_count; i++) {
        enum import_member member;
        if (!find_member(options->maps[i].to, &member)) {
            return fault_set(fault, TKR_INVALID, "map",
                             "%.40s is no member that a column can be; there are digest, token, "
                             "user_id, name, expires_at, active and others, and " IGNORE,
                             options->maps[i].to);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcasecmp(options->maps[k].from, options->maps[i].from) == 0 ||
                (member != IMPORT_MEMBER_COUNT &&
                 strcmp(options->maps[k].to, options->maps[i].to) == 0)) {
                return fault_set(fault, TKR_INVALID, "map", "%.40s stands there twice",
                                 options->maps[i].to);
            }
        }
    }
    return TKR_OK;
}
