/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of members, as other programs write them: lenient about form where there is one
 * meaning, strict where a guess could let somebody in. What is inactive, deleted or revoked there
 * is revoked here; a state that is not known makes the row bad.
 */
#include <string.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "import/row.h"
#include "import/time.h"

#define SHOWN_PREFIX_BYTES_MAX 16 /* of a prefix that the old store shows; the rest is cut */
#define HASH_CHARS (2 * TOKEN_DIGEST_BYTES)

/* --- texts ----------------------------------------------------------------------------------- */

/* Copies; NULL when the row is bad because of it. */
static const char *checked_text(struct row *row, const char *column, const char *text,
                                size_t length, size_t bytes_max)
{
    if (length == 0 || length > bytes_max) {
        row_bad(row, column, "must be 1 to %zu bytes", bytes_max);
        return NULL;
    }
    if (!text_is_printable_utf8(text, length)) {
        row_bad(row, column, "has control or invisible characters, or is not UTF-8");
        return NULL;
    }
    if (token_text_within(&row->source->options->prefixes, text, length)) {
        row_bad(row, column, "contains a token");
        return NULL;
    }
    return arena_copy(row->source->arena, text, length);
}

static void set_user_id(struct row *row, const char *column, const char *text, size_t length)
{
    row->out.user_id = checked_text(row, column, text, length, USER_ID_BYTES_MAX);
}

static void set_org_id(struct row *row, const char *column, const char *text, size_t length)
{
    row->out.org_id = checked_text(row, column, text, length, ORG_ID_BYTES_MAX);
}

static void set_name(struct row *row, const char *column, const char *text, size_t length)
{
    if (length > 0) { /* without one it is called as its user */
        row->out.name = checked_text(row, column, text, length, TOKEN_NAME_BYTES_MAX);
    }
}

static void set_revoke_reason(struct row *row, const char *column, const char *text, size_t length)
{
    if (length > 0) {
        row->out.revoke_reason = checked_text(row, column, text, length, REVOKE_REASON_BYTES_MAX);
    }
}

/* For reports only: what cannot be shown is left out. */
static void set_source_id(struct row *row, const char *column, const char *text, size_t length)
{
    if (length > 0 && length <= IMPORT_COLUMN_BYTES_MAX && text_is_printable_utf8(text, length) &&
        !token_text_within(&row->source->options->prefixes, text, length)) {
        row->out.source_id = arena_copy(row->source->arena, text, length);
    }
}

static void set_display_prefix(struct row *row, const char *column, const char *text, size_t length)
{
    while (length > 0 && (text[length - 1] == '.' || text[length - 1] == '*')) {
        length--; /* `sk_live_ab12...` */
    }
    if (length == 0 || row->out.display_prefix != NULL) {
        return;
    }
    if (!text_is_visible_ascii(text, length)) {
        row_bad(row, column, "has characters that no token has");
        return;
    }
    /* The shortest token has more: nobody sees a whole one here. */
    size_t shown = length < SHOWN_PREFIX_BYTES_MAX ? length : SHOWN_PREFIX_BYTES_MAX;
    row->out.display_prefix = arena_copy(row->source->arena, text, shown);
}

/* --- the token ------------------------------------------------------------------------------- */

/* Why a text that is no SHA-256 is none. */
static const char *hash_words(const char *text, size_t length)
{
    static const struct {
        const char *start, *words;
    } marks[] = {
        {"$2", "it is a bcrypt hash"},      {"$argon2", "it is an argon2 hash"},
        {"$scrypt", "it is a scrypt hash"}, {"scrypt:", "it is a scrypt hash"},
        {"$pbkdf2", "it is a PBKDF2 hash"}, {"pbkdf2", "it is a PBKDF2 hash"},
        {"$5$", "it is a crypt(3) hash"},   {"$6$", "it is a crypt(3) hash"},
        {"$y$", "it is a crypt(3) hash"},
    };
    static const struct {
        size_t chars;
        const char *words;
    } lengths[] = {
        {32, "it has the length of MD5"},
        {40, "it has the length of SHA-1"},
        {96, "it has the length of SHA-384"},
        {128, "it has the length of SHA-512"},
    };
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t start = strlen(marks[i].start);
        if (length >= start && memcmp(text, marks[i].start, start) == 0) {
            return marks[i].words;
        }
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        if (length == lengths[i].chars) {
            return lengths[i].words;
        }
    }
    return length == HASH_CHARS ? "it has other characters than hexadecimal digits"
                                : "it has not 64 hexadecimal digits";
}

/* The hash beats a plaintext beside it. */
static void set_digest(struct row *row, const char *column, const char *text, size_t length)
{
    static const char *const marks[] = {"\\x", "0x", "sha256:"}; /* PostgreSQL's bytea; others */
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t mark = strlen(marks[i]);
        if (length == HASH_CHARS + mark && strncasecmp(text, marks[i], mark) == 0) {
            text += mark;
            length -= mark;
        }
    }
    if (length != HASH_CHARS || text_unhex(text, length, row->out.digest) != TKR_OK) {
        row_bad(row, column, "%s; only SHA-256 can be kept", hash_words(text, length));
        return;
    }
    row->has_digest = true;
}

static void set_token(struct row *row, const char *column, const char *text, size_t length)
{
    if (row->has_digest) {
        return;
    }
    if (!token_acceptable(text, length)) {
        row_bad(row, column, "a token has %d to %d visible ASCII characters", TOKEN_TEXT_BYTES_MIN,
                TOKEN_TEXT_BYTES_MAX);
        return;
    }
    if (digest_sha256(text, length, row->out.digest) != TKR_OK) {
        row_bad(row, column, "its SHA-256 could not be computed");
        return;
    }
    row->has_digest = true;
    char shown[TOKEN_DISPLAY_BYTES_MAX + 1];
    token_display_prefix(&row->source->options->prefixes, text, length, shown);
    row->out.display_prefix = arena_copy(row->source->arena, shown, strlen(shown));
}

/* --- choices --------------------------------------------------------------------------------- */

struct choice {
    const char *text;
    int value;
};

static bool choose(const struct choice *choices, size_t count, const char *text, size_t length,
                   int *ret_value)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(choices[i].text) == length && strncasecmp(choices[i].text, text, length) == 0) {
            *ret_value = choices[i].value;
            return true;
        }
    }
    return false;
}

static bool set_flag(struct row *row, const char *column, const char *text, size_t length,
                     bool *ret_flag)
{
    static const struct choice flags[] = {{"true", 1}, {"false", 0}, {"1", 1},   {"0", 0},
                                          {"t", 1},    {"f", 0},     {"yes", 1}, {"no", 0},
                                          {"y", 1},    {"n", 0},     {"on", 1},  {"off", 0}};
    int value = 0;
    if (!choose(flags, sizeof(flags) / sizeof(flags[0]), text, length, &value)) {
        row_bad(row, column, "is neither true nor false");
        return false;
    }
    *ret_flag = value != 0;
    return true;
}

static void set_kind(struct row *row, const char *column, const char *text, size_t length)
{
    row->has_kind = token_kind_parse(text, length, &row->out.kind) == TKR_OK;
    if (!row->has_kind) {
        row_bad(row, column, "must be user, service or admin");
    }
}

static void set_env(struct row *row, const char *column, const char *text, size_t length)
{
    static const struct choice envs[] = {
        {"live", TOKEN_ENV_LIVE},    {"production", TOKEN_ENV_LIVE},  {"prod", TOKEN_ENV_LIVE},
        {"test", TOKEN_ENV_TEST},    {"development", TOKEN_ENV_TEST}, {"dev", TOKEN_ENV_TEST},
        {"sandbox", TOKEN_ENV_TEST}, {"staging", TOKEN_ENV_TEST},
    };
    int value = 0;
    row->has_env = choose(envs, sizeof(envs) / sizeof(envs[0]), text, length, &value);
    if (!row->has_env) {
        row_bad(row, column, "must be live or test");
        return;
    }
    row->out.env = (enum token_env)value;
}

static void set_tier(struct row *row, const char *column, const char *text, size_t length)
{
    const struct import_options *options = row->source->options;
    char tier[TIER_NAME_BYTES_MAX + 1];
    if (length == 0 || length > TIER_NAME_BYTES_MAX) {
        row_bad(row, column, "a tier's name has 1 to %d characters", TIER_NAME_BYTES_MAX);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        tier[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
    }
    tier[length] = '\0';
    const char *name = tier;
    for (size_t i = 0; i < options->tier_count; i++) {
        if (strlen(options->tiers[i].from) == length &&
            strncasecmp(options->tiers[i].from, text, length) == 0) {
            name = options->tiers[i].to;
        }
    }
    if (!tier_name_valid(name, strlen(name))) {
        row_bad(row, column,
                "has other characters than a-z, 0-9, _ and -: give it a name of ours "
                "with --tier-map OLD=NEW");
        return;
    }
    row->out.tier = arena_copy(row->source->arena, name, strlen(name));
}

/* --- times and counts ------------------------------------------------------------------------ */

static bool set_time(struct row *row, const char *column, const char *text, size_t length,
                     int64_t *ret_ms)
{
    tkr_error_t error = import_time_parse(text, length, &row->source->options->zone, ret_ms);
    if (error != TKR_OK) {
        row_bad(row, column, "%s",
                error == TKR_OUT_OF_RANGE ? "is not in the years 1973 to 9999"
                                          : "is no time that can be read");
    }
    return error == TKR_OK;
}

static void set_not_before(struct row *row, const char *column, const char *text, size_t length)
{
    (void)set_time(row, column, text, length, &row->out.not_before_ms);
}

static void set_expires_at(struct row *row, const char *column, const char *text, size_t length)
{
    if (length == 8 && memcmp(text, "infinity", 8) == 0) { /* PostgreSQL's word for never */
        return;
    }
    (void)set_time(row, column, text, length, &row->out.expires_at_ms);
}

static void set_created_at(struct row *row, const char *column, const char *text, size_t length)
{
    (void)set_time(row, column, text, length, &row->out.created_at_ms);
}

static void set_last_used_at(struct row *row, const char *column, const char *text, size_t length)
{
    (void)set_time(row, column, text, length, &row->out.last_used_at_ms);
}

static void set_request_count(struct row *row, const char *column, const char *text, size_t length)
{
    if (text_parse_u64(text, length, &row->out.request_count) != TKR_OK ||
        row->out.request_count > IMPORT_REQUESTS_MAX) {
        row_bad(row, column, "is no count of requests");
    }
}

/* --- whether it works ------------------------------------------------------------------------ */

static void set_active(struct row *row, const char *column, const char *text, size_t length)
{
    bool active = false;
    if (set_flag(row, column, text, length, &active) && !active) {
        row->out.revoked = true;
    }
}

static void set_revoked(struct row *row, const char *column, const char *text, size_t length)
{
    bool revoked = true;
    if (set_flag(row, column, text, length, &revoked) && revoked) {
        row->out.revoked = true;
    }
}

static void set_revoked_at(struct row *row, const char *column, const char *text, size_t length)
{
    row->out.revoked = true;
    (void)set_time(row, column, text, length, &row->out.revoked_at_ms);
}

static void set_disabled_at(struct row *row, const char *column, const char *text, size_t length)
{
    int64_t ignored;
    row->out.disabled = set_time(row, column, text, length, &ignored);
}

static void set_quarantined_at(struct row *row, const char *column, const char *text, size_t length)
{
    int64_t ignored;
    row->out.quarantined = set_time(row, column, text, length, &ignored);
}

static void set_status(struct row *row, const char *column, const char *text, size_t length)
{
    enum { WORKS, ENDED, DISABLED, QUARANTINED, REVOKED };
    static const struct choice states[] = {
        {"active", WORKS},      {"valid", WORKS},         {"enabled", WORKS},
        {"ok", WORKS},          {"not_yet_valid", WORKS}, {"expired", ENDED},
        {"disabled", DISABLED}, {"suspended", DISABLED},  {"quarantined", QUARANTINED},
        {"revoked", REVOKED},   {"inactive", REVOKED},    {"deleted", REVOKED},
    };
    int state = REVOKED;
    if (!choose(states, sizeof(states) / sizeof(states[0]), text, length, &state)) {
        row_bad(row, column, "is a state that is not known here");
        return;
    }
    row->expired = state == ENDED;
    row->out.disabled = row->out.disabled || state == DISABLED;
    row->out.quarantined = row->out.quarantined || state == QUARANTINED;
    row->out.revoked = row->out.revoked || state == REVOKED;
}

const row_setter row_setters[IMPORT_MEMBER_COUNT] = {
    [IMPORT_DIGEST] = set_digest,
    [IMPORT_TOKEN] = set_token,
    [IMPORT_SOURCE_ID] = set_source_id,
    [IMPORT_ORG_ID] = set_org_id,
    [IMPORT_USER_ID] = set_user_id,
    [IMPORT_NAME] = set_name,
    [IMPORT_TOKEN_KIND] = set_kind,
    [IMPORT_TOKEN_ENV] = set_env,
    [IMPORT_TIER] = set_tier,
    [IMPORT_SCOPES] = row_set_scopes,
    [IMPORT_LIMITS] = row_set_limits,
    [IMPORT_METADATA] = row_set_metadata,
    [IMPORT_DISPLAY_PREFIX] = set_display_prefix,
    [IMPORT_ALLOWED_IPS] = row_set_networks,
    [IMPORT_NOT_BEFORE] = set_not_before,
    [IMPORT_EXPIRES_AT] = set_expires_at,
    [IMPORT_CREATED_AT] = set_created_at,
    [IMPORT_LAST_USED_AT] = set_last_used_at,
    [IMPORT_REQUEST_COUNT] = set_request_count,
    [IMPORT_ACTIVE] = set_active,
    [IMPORT_STATUS] = set_status,
    [IMPORT_DISABLED_AT] = set_disabled_at,
    [IMPORT_QUARANTINED_AT] = set_quarantined_at,
    [IMPORT_REVOKED] = set_revoked,
    [IMPORT_REVOKED_AT] = set_revoked_at,
    [IMPORT_REVOKE_REASON] = set_revoke_reason,
};
