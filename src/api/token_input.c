/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/token_json.h"
#include "base/text.h"

#define MS_PER_S INT64_C(1000)
#define S_PER_DAY INT64_C(86400)

/* One set of names for both bodies; PATCH knows a part of them. */
enum {
    MEMBER_NAME,
    MEMBER_TIER,
    MEMBER_SCOPES,
    MEMBER_PERMISSIONS,
    MEMBER_ROLE,
    MEMBER_LIMITS,
    MEMBER_ALLOWED_IPS,
    MEMBER_METADATA,
    MEMBER_NOT_BEFORE,
    MEMBER_EXPIRES_AT,
    MEMBER_EXPIRES_IN,
    MEMBER_EXPIRES_IN_DAYS,
    MEMBER_SHARED_COUNT,
    MEMBER_CREDITS = MEMBER_SHARED_COUNT, /* not of a key of one's own */
    MEMBER_DISABLED,
    MEMBER_UPDATE_COUNT,
    MEMBER_USER_ID = MEMBER_DISABLED,
    MEMBER_ORG_ID,
    MEMBER_KIND,
    MEMBER_ENV,
    MEMBER_TOKEN,
    MEMBER_FORCE,
    MEMBER_HONEYTOKEN,
    MEMBER_CREATE_COUNT,
    MEMBER_OWN_ENV = MEMBER_SHARED_COUNT,
    MEMBER_OWN_COUNT
};

#define SHARED_MEMBERS                                                                             \
    [MEMBER_TIER] = {"tier", JSON_IS_TEXT, .nullable = true, .least = 1,                           \
                     .most = TIER_NAME_BYTES_MAX},                                                 \
    [MEMBER_SCOPES] = {"scopes", JSON_IS_TEXT_LIST, .most = SCOPES_PER_TOKEN_MAX},                 \
    [MEMBER_PERMISSIONS] = {"permissions", JSON_IS_TEXT_LIST, .most = SCOPES_PER_TOKEN_MAX},       \
    [MEMBER_ROLE] = {"role", JSON_IS_TEXT, .nullable = true, .least = 1,                           \
                     .most = ROLE_NAME_BYTES_MAX},                                                 \
    [MEMBER_LIMITS] = {"limits", JSON_IS_OBJECT, .nullable = true},                                \
    [MEMBER_ALLOWED_IPS] = {"allowed_ips", JSON_IS_TEXT_LIST, .most = CIDRS_PER_TOKEN_MAX},        \
    [MEMBER_METADATA] = {"metadata", JSON_IS_OBJECT, .nullable = true},                            \
    [MEMBER_NOT_BEFORE] = {"not_before", JSON_IS_TEXT, .nullable = true, .most = TEXT_TIME_SIZE},  \
    [MEMBER_EXPIRES_AT] = {"expires_at", JSON_IS_TEXT, .nullable = true, .most = TEXT_TIME_SIZE},  \
    [MEMBER_EXPIRES_IN] = {"expires_in", JSON_IS_DURATION, .nullable = true},                      \
    [MEMBER_EXPIRES_IN_DAYS] = {"expires_in_days", JSON_IS_INTEGER, .nullable = true, .least = 1,  \
                                .most = LIFETIME_S_MAX / S_PER_DAY}

static const struct json_member create_members[MEMBER_CREATE_COUNT] = {
    [MEMBER_NAME] = {"name", JSON_IS_TEXT, .required = true, .least = 1,
                     .most = TOKEN_NAME_BYTES_MAX},
    SHARED_MEMBERS,
    [MEMBER_USER_ID] = {"user_id", JSON_IS_TEXT, .required = true, .least = 1,
                        .most = USER_ID_BYTES_MAX},
    [MEMBER_ORG_ID] = {"org_id", JSON_IS_TEXT, .least = 1, .most = ORG_ID_BYTES_MAX},
    [MEMBER_KIND] = {"kind", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
    [MEMBER_ENV] = {"env", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
    [MEMBER_TOKEN] = {"token", JSON_IS_TEXT, .raw = true, .least = TOKEN_TEXT_BYTES_MIN,
                      .most = TOKEN_TEXT_BYTES_MAX},
    [MEMBER_FORCE] = {"force", JSON_IS_BOOL},
    [MEMBER_CREDITS] = {"credits", JSON_IS_OBJECT, .nullable = true},
    [MEMBER_HONEYTOKEN] = {"honeytoken", JSON_IS_BOOL},
};

/* Whose it is and of which kind follows from the caller. */
static const struct json_member own_members[MEMBER_OWN_COUNT] = {
    [MEMBER_NAME] = {"name", JSON_IS_TEXT, .required = true, .least = 1,
                     .most = TOKEN_NAME_BYTES_MAX},
    SHARED_MEMBERS,
    [MEMBER_OWN_ENV] = {"env", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
};

static const struct json_member update_members[MEMBER_UPDATE_COUNT] = {
    [MEMBER_NAME] = {"name", JSON_IS_TEXT, .least = 1, .most = TOKEN_NAME_BYTES_MAX},
    SHARED_MEMBERS,
    [MEMBER_CREDITS] = {"credits", JSON_IS_OBJECT, .nullable = true},
    [MEMBER_DISABLED] = {"disabled", JSON_IS_BOOL},
};

/* --- values --------------------------------------------------------------------------------- */

static tkr_error_t read_scopes(const struct json_given *given, struct arena *arena,
                               const char *const **ret_scopes, size_t *ret_count,
                               struct fault *fault)
{
    if (given[MEMBER_SCOPES].present && given[MEMBER_PERMISSIONS].present) {
        return fault_set(fault, TKR_INVALID, "permissions",
                         "is another name for `scopes`: use one");
    }
    const struct json_given *list =
        given[MEMBER_SCOPES].present ? &given[MEMBER_SCOPES] : &given[MEMBER_PERMISSIONS];
    size_t count = list->present ? json_array_size(list->value) : 0;
    const char **scopes = arena_alloc(arena, (count + 1) * sizeof *scopes);
    ENSURE(scopes != NULL, TKR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        scopes[i] = json_string_value(json_array_get(list->value, i));
    }
    *ret_scopes = scopes;
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t limits_read(const struct json_given *given, struct limits *ret_limits,
                        struct fault *fault)
{
    struct limits limits = {0};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)given->value, name, value)
    {
        char field[FAULT_FIELD_BYTES];
        enum window window;
        json_field(field, "limits.", name);
        if (window_parse(name, strlen(name), &window) != TKR_OK) {
            return fault_set(fault, TKR_UNKNOWN_MEMBER, field,
                             "the windows are `minute`, `hour` and `day`");
        }
        if (json_is_null(value)) {
            continue;
        }
        json_int_t number = json_integer_value(value);
        bool unlimited =
            json_is_string(value) && strcmp(json_string_value(value), LIMIT_UNLIMITED_TEXT) == 0;
        if (!unlimited && !json_is_integer(value)) {
            return fault_set(fault, TKR_INVALID, field,
                             "must be a whole number, null or `" LIMIT_UNLIMITED_TEXT "`");
        }
        if (!unlimited && (number < 0 || number > LIMIT_WINDOW_MAX)) {
            return fault_set(fault, TKR_OUT_OF_RANGE, field, "must be 0 to %u", LIMIT_WINDOW_MAX);
        }
        limits.set |= 1U << window;
        limits.limit[window] = unlimited ? LIMIT_NONE : (uint32_t)number;
    }
    *ret_limits = limits;
    return TKR_OK;
}

tkr_error_t networks_read(const struct json_given *given, struct arena *arena,
                          const struct cidr **ret_cidrs, size_t *ret_count, struct fault *fault)
{
    size_t count = given->present ? json_array_size(given->value) : 0;
    struct cidr *cidrs = arena_alloc(arena, (count + 1) * sizeof *cidrs);
    ENSURE(cidrs != NULL, TKR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_array_get(given->value, i);
        if (cidr_parse(json_string_value(text), json_string_length(text), &cidrs[i]) != TKR_OK) {
            return fault_set(fault, TKR_INVALID, "allowed_ips",
                             "element %zu is not an address or a network without host bits", i);
        }
    }
    *ret_cidrs = cidrs;
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t metadata_read(const struct json_given *given, struct arena *arena,
                          const char **ret_metadata, struct fault *fault)
{
    if (given->null) {
        *ret_metadata = "{}";
        return TKR_OK;
    }
    struct buffer text CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&text, METADATA_BYTES_MAX);
    emit_begin(&emitter, &text);
    emit_value(&emitter, NULL, given->value);
    if (buffer_status(&text) != TKR_OK) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "metadata", "has at most %d bytes as JSON",
                         METADATA_BYTES_MAX);
    }
    *ret_metadata = arena_copy(arena, text.data, text.length);
    ENSURE(*ret_metadata != NULL, TKR_MEMORY);
    return TKR_OK;
}

tkr_error_t time_read(const struct json_given *given, const char *name, int64_t *ret_ms,
                      struct fault *fault)
{
    if (!given->present || given->null) {
        *ret_ms = 0;
        return TKR_OK;
    }
    tkr_error_t error = text_parse_time(given->text, given->length, ret_ms);
    if (error != TKR_OK || *ret_ms <= 0) {
        return fault_set(fault, TKR_INVALID, name,
                         "must be a time as 2030-01-02T03:04:05Z (RFC 3339)");
    }
    return TKR_OK;
}

/* Three ways to say it, of which one may be used; null in any of them is "never". */
static tkr_error_t read_lifetime(const struct json_given *given, int64_t now_ms, bool *ret_given,
                                 struct lifetime_asked *ret_asked, struct fault *fault)
{
    static const int ways[] = {MEMBER_EXPIRES_AT, MEMBER_EXPIRES_IN, MEMBER_EXPIRES_IN_DAYS};
    const struct json_given *chosen = NULL;
    struct lifetime_asked asked = {0};
    *ret_given = false;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (given[ways[i]].present && *ret_given) {
            return fault_set(fault, TKR_INVALID, create_members[ways[i]].name,
                             "only one of expires_at, expires_in and expires_in_days may be given");
        }
        if (given[ways[i]].present) {
            chosen = &given[ways[i]];
            *ret_given = true;
        }
    }
    if (chosen == NULL || chosen->null) {
        asked.never = chosen != NULL;
        *ret_asked = asked;
        return TKR_OK;
    }
    int64_t seconds = 0;
    asked.has_expires_at = true;
    if (chosen == &given[MEMBER_EXPIRES_AT]) {
        TRY(time_read(chosen, "expires_at", &asked.expires_at_ms, fault));
    } else if (chosen == &given[MEMBER_EXPIRES_IN]) {
        TRY(json_seconds(chosen, "expires_in", 1, LIFETIME_S_MAX, &seconds, fault));
    } else {
        seconds = chosen->integer * S_PER_DAY;
    }
    if (seconds != 0) {
        asked.expires_at_ms = now_ms + seconds * MS_PER_S;
    }
    *ret_asked = asked;
    return TKR_OK;
}

/* --- bodies --------------------------------------------------------------------------------- */

static tkr_error_t read_env(const struct json_given *env, struct token_create *create,
                            struct fault *fault)
{
    if (env->present && token_env_parse(env->text, env->length, &create->env) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "env", "must be `live` or `test`");
    }
    return TKR_OK;
}

/* NULL: unlimited. */
static tkr_error_t read_credits(const struct json_given *given, struct arena *arena,
                                const struct credits_asked **ret_credits, struct fault *fault)
{
    *ret_credits = NULL;
    if (!given->present || given->null) {
        return TKR_OK;
    }
    struct credits_asked *credits = arena_alloc(arena, sizeof *credits);
    ENSURE(credits != NULL, TKR_MEMORY);
    if (json_object_size(given->value) == 0) {
        return fault_set(fault, TKR_INVALID, "credits", "how many, or which refill? null is none");
    }
    TRY(credits_read(given->value, "credits.", true, credits, fault));
    *ret_credits = credits;
    return TKR_OK;
}

static tkr_error_t read_kind_and_env(const struct json_given *given, struct token_create *create,
                                     struct fault *fault)
{
    const struct json_given *kind = &given[MEMBER_KIND];
    if (kind->present && token_kind_parse(kind->text, kind->length, &create->kind) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "kind", "must be `user`, `service` or `admin`");
    }
    return read_env(&given[MEMBER_ENV], create, fault);
}

/* What both bodies of a new token have. */
static tkr_error_t read_shared(const struct json_given *given, int64_t now_ms, struct arena *arena,
                               struct token_create *create, struct fault *fault)
{
    bool unused;
    create->name = given[MEMBER_NAME].text;
    create->tier = given[MEMBER_TIER].text;
    TRY(read_scopes(given, arena, &create->scopes, &create->scope_count, fault));
    TRY(networks_read(&given[MEMBER_ALLOWED_IPS], arena, &create->allowed_ips,
                      &create->allowed_ip_count, fault));
    TRY(time_read(&given[MEMBER_NOT_BEFORE], "not_before", &create->not_before_ms, fault));
    TRY(read_lifetime(given, now_ms, &unused, &create->lifetime, fault));
    if (given[MEMBER_LIMITS].value != NULL && !given[MEMBER_LIMITS].null) {
        TRY(limits_read(&given[MEMBER_LIMITS], &create->overrides, fault));
    }
    if (given[MEMBER_METADATA].present) {
        TRY(metadata_read(&given[MEMBER_METADATA], arena, &create->metadata, fault));
    }
    return TKR_OK;
}

tkr_error_t own_key_read(const json_t *root, int64_t now_ms, struct arena *arena,
                         struct token_create *ret_create, bool *ret_has_env, struct fault *fault)
{
    struct json_given given[MEMBER_OWN_COUNT];
    struct token_create create = {0};
    TRY(json_read(root, "", own_members, MEMBER_OWN_COUNT, given, fault));
    if (given[MEMBER_ROLE].present) { /* what it grants may change later, beyond the caller's */
        return fault_set(fault, TKR_UNKNOWN_MEMBER, "role", "a key of one's own has no role");
    }
    TRY(read_env(&given[MEMBER_OWN_ENV], &create, fault));
    TRY(read_shared(given, now_ms, arena, &create, fault));
    *ret_has_env = given[MEMBER_OWN_ENV].present;
    *ret_create = create;
    return TKR_OK;
}

tkr_error_t token_create_read(const json_t *root, int64_t now_ms, struct arena *arena,
                              struct token_create *ret_create, struct fault *fault)
{
    struct json_given given[MEMBER_CREATE_COUNT];
    TRY(json_read(root, "", create_members, MEMBER_CREATE_COUNT, given, fault));
    struct token_create create = {
        .user_id = given[MEMBER_USER_ID].text,
        .org_id = given[MEMBER_ORG_ID].text,
        .role = given[MEMBER_ROLE].text,
        .chosen = given[MEMBER_TOKEN].text,
        .chosen_length = given[MEMBER_TOKEN].length,
        .force = given[MEMBER_FORCE].boolean,
        .honeytoken = given[MEMBER_HONEYTOKEN].boolean,
    };
    TRY(read_kind_and_env(given, &create, fault));
    TRY(read_shared(given, now_ms, arena, &create, fault));
    TRY(read_credits(&given[MEMBER_CREDITS], arena, &create.credits, fault));
    if (create.chosen != NULL && !text_is_visible_ascii(create.chosen, create.chosen_length)) {
        return fault_set(fault, TKR_INVALID, "token", "must be visible ASCII characters");
    }
    *ret_create = create;
    return TKR_OK;
}

tkr_error_t token_update_read(const json_t *root, int64_t now_ms, struct arena *arena,
                              struct token_update *ret_update, struct fault *fault)
{
    struct json_given given[MEMBER_UPDATE_COUNT];
    TRY(json_read(root, "", update_members, MEMBER_UPDATE_COUNT, given, fault));
    if (json_object_size(root) == 0) {
        return fault_set(fault, TKR_INVALID, "", "at least one member is needed");
    }
    struct token_update update = {
        .has_name = given[MEMBER_NAME].present,
        .name = given[MEMBER_NAME].text,
        .has_tier = given[MEMBER_TIER].present,
        .tier = given[MEMBER_TIER].text,
        .has_role = given[MEMBER_ROLE].present,
        .role = given[MEMBER_ROLE].text,
        .has_scopes = given[MEMBER_SCOPES].present || given[MEMBER_PERMISSIONS].present,
        .has_overrides = given[MEMBER_LIMITS].present,
        .has_allowed_ips = given[MEMBER_ALLOWED_IPS].present,
        .has_metadata = given[MEMBER_METADATA].present,
        .has_not_before = given[MEMBER_NOT_BEFORE].present,
        .has_credits = given[MEMBER_CREDITS].present,
        .has_disabled = given[MEMBER_DISABLED].present,
        .disabled = given[MEMBER_DISABLED].boolean,
    };
    TRY(read_scopes(given, arena, &update.scopes, &update.scope_count, fault));
    TRY(networks_read(&given[MEMBER_ALLOWED_IPS], arena, &update.allowed_ips,
                      &update.allowed_ip_count, fault));
    TRY(time_read(&given[MEMBER_NOT_BEFORE], "not_before", &update.not_before_ms, fault));
    TRY(read_lifetime(given, now_ms, &update.has_expires, &update.lifetime, fault));
    if (update.has_overrides && !given[MEMBER_LIMITS].null) {
        TRY(limits_read(&given[MEMBER_LIMITS], &update.overrides, fault));
    }
    if (update.has_metadata) {
        TRY(metadata_read(&given[MEMBER_METADATA], arena, &update.metadata, fault));
    }
    TRY(read_credits(&given[MEMBER_CREDITS], arena, &update.credits, fault));
    *ret_update = update;
    return TKR_OK;
}

tkr_error_t tier_read(const json_t *root, const char *name, struct tier *ret_tier,
                      struct fault *fault)
{
    enum { LIMITS, SUBJECT, COUNT };
    static const struct json_member members[COUNT] = {
        [LIMITS] = {"limits", JSON_IS_OBJECT, .required = true},
        [SUBJECT] = {"subject", JSON_IS_TEXT, .most = TIER_NAME_BYTES_MAX},
    };
    struct json_given given[COUNT];
    struct tier tier = {.subject = LIMITS_OF_TOKEN};
    if (!tier_name_valid(name, strlen(name))) {
        return fault_set(fault, TKR_INVALID, "name", "must be 1 to %d of a-z, 0-9, _ and -",
                         TIER_NAME_BYTES_MAX);
    }
    memcpy(tier.name, name, strlen(name) + 1);
    TRY(json_read(root, "", members, COUNT, given, fault));
    TRY(limits_read(&given[LIMITS], &tier.limits, fault));
    if (given[SUBJECT].present &&
        limits_subject_parse(given[SUBJECT].text, given[SUBJECT].length, &tier.subject) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "subject", "must be `token`, `user` or `both`");
    }
    *ret_tier = tier;
    return TKR_OK;
}

/* --- rotation ------------------------------------------------------------------------------- */

static tkr_error_t read_grace(const struct json_given *given, bool *ret_has, int64_t *ret_ms,
                              struct fault *fault)
{
    int64_t seconds = 0;
    if (given->present) {
        TRY(json_seconds(given, "grace", 0, ROTATION_GRACE_S_MAX, &seconds, fault));
    }
    *ret_has = given->present;
    *ret_ms = seconds * MS_PER_S;
    return TKR_OK;
}

tkr_error_t token_rotate_read(const json_t *root, int64_t now_ms, struct token_rotate *ret_rotate,
                              struct fault *fault)
{
    /* Those of the lifetime are read as a token's. */
    static const struct json_member members[] = {
        {"grace", JSON_IS_DURATION},
        {"token", JSON_IS_TEXT, .raw = true, .least = TOKEN_TEXT_BYTES_MIN,
         .most = TOKEN_TEXT_BYTES_MAX},
        {"expires_at", JSON_IS_TEXT, .nullable = true, .most = TEXT_TIME_SIZE},
        {"expires_in", JSON_IS_DURATION, .nullable = true},
        {"expires_in_days", JSON_IS_INTEGER, .nullable = true, .least = 1,
         .most = LIFETIME_S_MAX / S_PER_DAY},
        {"reason", JSON_IS_TEXT, .nullable = true, .most = REVOKE_REASON_BYTES_MAX},
    };
    struct json_given read[sizeof members / sizeof members[0]];
    struct json_given given[MEMBER_UPDATE_COUNT] = {0};
    TRY(json_read(root, "", members, sizeof members / sizeof members[0], read, fault));
    given[MEMBER_EXPIRES_AT] = read[2];
    given[MEMBER_EXPIRES_IN] = read[3];
    given[MEMBER_EXPIRES_IN_DAYS] = read[4];
    struct token_rotate rotate = {
        .chosen = read[1].text, .chosen_length = read[1].length, .reason = read[5].text};
    TRY(read_grace(&read[0], &rotate.has_grace, &rotate.grace_ms, fault));
    TRY(read_lifetime(given, now_ms, &rotate.has_lifetime, &rotate.lifetime, fault));
    *ret_rotate = rotate;
    return TKR_OK;
}

tkr_error_t token_rollback_read(const json_t *root, int64_t *ret_grace_ms, struct fault *fault)
{
    static const struct json_member members[] = {{"grace", JSON_IS_DURATION}};
    struct json_given given[1];
    bool unused;
    TRY(json_read(root, "", members, 1, given, fault));
    return read_grace(&given[0], &unused, ret_grace_ms, fault);
}
