/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Organisations, and what they say about their tokens. A member that is null is as the server's
 * configuration has it; `effective` tells what then holds. `never` is a word: no number stands
 * for "no expiry".
 */
#include <string.h>

#include "api/json_input.h"
#include "api/resource.h"
#include "api/routes.h"

static const char missing[] = "no organisation has this ID";

/* --- as it is written ----------------------------------------------------------------------- */

static void emit_rule(struct emitter *emitter, const char *name, const struct lifetime_rule *rule)
{
    char text[LIFETIME_TEXT_SIZE];
    unsigned set = rule->set;
    emit_open(emitter, name, '{');
    emit_text(emitter, "default",
              (set & LIFETIME_DEFAULT) != 0 ? lifetime_format(rule->policy.default_s, text) : NULL);
    emit_text(emitter, "max",
              (set & LIFETIME_MAX) != 0 ? lifetime_format(rule->policy.max_s, text) : NULL);
    emit_text(emitter, "on_exceed",
              (set & LIFETIME_ON_EXCEED) != 0 ? on_exceed_name(rule->policy.on_exceed) : NULL);
    emit_close(emitter, '}');
}

static void emit_lifetimes(struct emitter *emitter, const struct lifetimes *lifetimes)
{
    emit_open(emitter, "lifetimes", '{');
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        emit_rule(emitter, lifetimes_kind_name(i), &lifetimes->of[i]);
    }
    emit_close(emitter, '}');
}

static void emit_effective(struct emitter *emitter, const struct authority *authority,
                           const struct org *org)
{
    struct org_policy policy;
    struct lifetimes lifetimes;
    authority_org_policy(authority, org, &policy);
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        lifetimes.of[i] = (struct lifetime_rule){
            LIFETIME_DEFAULT | LIFETIME_MAX | LIFETIME_ON_EXCEED, policy.lifetimes[i]};
    }
    emit_open(emitter, "effective", '{');
    emit_lifetimes(emitter, &lifetimes);
    emit_bool(emitter, "one_active_per_user", policy.one_active_per_user);
    emit_close(emitter, '}');
}

static void emit_org(struct emitter *emitter, const struct authority *authority,
                     const struct org *org)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "id", org->id);
    emit_text(emitter, "object", "org");
    emit_lifetimes(emitter, &org->lifetimes);
    if (org->one_active_per_user == CHOICE_OF_SERVER) {
        emit_null(emitter, "one_active_per_user");
    } else {
        emit_bool(emitter, "one_active_per_user", org->one_active_per_user == CHOICE_YES);
    }
    emit_effective(emitter, authority, org);
    emit_time(emitter, "created_at", org->created_at_ms);
    emit_time(emitter, "updated_at", org->updated_at_ms);
    emit_count(emitter, "version", org->version);
    emit_close(emitter, '}');
}

static void answer(struct api_call *call, unsigned status, const struct org *org)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_org(&emitter, call->api->options.authority, org);
    resource_etag(call, org->version);
    call_answer(call, status, &body);
}

/* --- as it is read -------------------------------------------------------------------------- */

/* `30d`, seconds as a number, or `never`. */
static tkr_error_t read_seconds(const struct json_given *given, const char *path, const char *name,
                                int64_t *ret_seconds, struct fault *fault)
{
    char field[FAULT_FIELD_BYTES];
    int64_t seconds = json_integer_value(given->value);
    tkr_error_t error = TKR_OK;
    if (json_is_string(given->value)) {
        error = lifetime_parse(json_string_value(given->value), json_string_length(given->value),
                               &seconds);
    } else if (seconds < 1 || seconds > LIFETIME_S_MAX) {
        error = TKR_OUT_OF_RANGE;
    }
    if (error != TKR_OK) {
        json_field(field, path, name);
        return fault_set(fault, error == TKR_OUT_OF_RANGE ? error : TKR_INVALID, field,
                         "must be a duration as `30d`, at most 100 years, or `never`");
    }
    *ret_seconds = seconds;
    return TKR_OK;
}

static tkr_error_t read_rule(const json_t *object, const char *path, struct lifetime_rule *rule,
                             unsigned *ret_asked, struct fault *fault)
{
    enum { DEFAULT, MAX, EXCEED, COUNT };
    static const struct json_member members[COUNT] = {
        [DEFAULT] = {"default", JSON_IS_DURATION, .nullable = true},
        [MAX] = {"max", JSON_IS_DURATION, .nullable = true},
        [EXCEED] = {"on_exceed", JSON_IS_TEXT, .nullable = true, .most = TIER_NAME_BYTES_MAX},
    };
    static const unsigned bits[COUNT] = {LIFETIME_DEFAULT, LIFETIME_MAX, LIFETIME_ON_EXCEED};
    struct json_given given[COUNT];
    TRY(json_read(object, path, members, COUNT, given, fault));
    *ret_asked = 0;
    for (size_t i = 0; i < COUNT; i++) {
        *ret_asked |= given[i].present ? bits[i] : 0;
        rule->set |= given[i].present && !given[i].null ? bits[i] : 0;
    }
    if ((rule->set & LIFETIME_DEFAULT) != 0) {
        TRY(read_seconds(&given[DEFAULT], path, "default", &rule->policy.default_s, fault));
    }
    if ((rule->set & LIFETIME_MAX) != 0) {
        TRY(read_seconds(&given[MAX], path, "max", &rule->policy.max_s, fault));
    }
    if ((rule->set & LIFETIME_ON_EXCEED) != 0 &&
        on_exceed_parse(given[EXCEED].text, given[EXCEED].length, &rule->policy.on_exceed) !=
            TKR_OK) {
        char field[FAULT_FIELD_BYTES];
        json_field(field, path, "on_exceed");
        return fault_set(fault, TKR_INVALID, field, "must be `clamp` or `reject`");
    }
    return TKR_OK;
}

static tkr_error_t read_lifetimes(const struct json_given *given, struct org_write *write,
                                  struct fault *fault)
{
    static const unsigned all = LIFETIME_DEFAULT | LIFETIME_MAX | LIFETIME_ON_EXCEED;
    static const struct json_member members[LIFETIME_KINDS] = {
        {"user", JSON_IS_OBJECT, .nullable = true},
        {"service", JSON_IS_OBJECT, .nullable = true},
        {"admin", JSON_IS_OBJECT, .nullable = true},
    };
    static const char *const paths[LIFETIME_KINDS] = {"lifetimes.user.", "lifetimes.service.",
                                                      "lifetimes.admin."};
    struct json_given kinds[LIFETIME_KINDS] = {0};
    if (!given->null) {
        TRY(json_read(given->value, "lifetimes.", members, LIFETIME_KINDS, kinds, fault));
    }
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        if (given->null || kinds[i].null) {
            write->rules[i] = all;
        } else if (kinds[i].present) {
            TRY(read_rule(kinds[i].value, paths[i], &write->lifetimes.of[i], &write->rules[i],
                          fault));
        }
    }
    return TKR_OK;
}

enum {
    MEMBER_LIFETIMES,
    MEMBER_ONE_ACTIVE,
    MEMBER_UPDATE_COUNT,
    MEMBER_ID = MEMBER_UPDATE_COUNT,
    MEMBER_CREATE_COUNT
};

/* The first MEMBER_UPDATE_COUNT of them are those of PATCH. */
static const struct json_member org_members[MEMBER_CREATE_COUNT] = {
    [MEMBER_LIFETIMES] = {"lifetimes", JSON_IS_OBJECT, .nullable = true},
    [MEMBER_ONE_ACTIVE] = {"one_active_per_user", JSON_IS_BOOL, .nullable = true},
    [MEMBER_ID] = {"id", JSON_IS_TEXT, .required = true, .least = 1, .most = ORG_ID_BYTES_MAX},
};

static tkr_error_t read_values(const struct json_given *given, struct org_write *write,
                               struct fault *fault)
{
    const struct json_given *one_active = &given[MEMBER_ONE_ACTIVE];
    write->has_one_active = one_active->present;
    if (one_active->present && !one_active->null) {
        write->one_active_per_user = one_active->boolean ? CHOICE_YES : CHOICE_NO;
    }
    return given[MEMBER_LIFETIMES].present ? read_lifetimes(&given[MEMBER_LIFETIMES], write, fault)
                                           : TKR_OK;
}

/* --- changes -------------------------------------------------------------------------------- */

static void create_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call != NULL) {
        answer(call, 201, &result->org);
    }
}

static tkr_error_t create(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct json_given given[MEMBER_CREATE_COUNT];
    struct org_write write = {0};
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(json_read(change->root, "", org_members, MEMBER_CREATE_COUNT, given, fault));
    write.id = given[MEMBER_ID].text;
    TRY(read_values(given, &write, fault));
    return authority_create_org(call->api->options.authority, &call->principal, &write, create_done,
                                change, fault);
}

void orgs_post(struct api_call *call)
{
    resource_change(call, create, missing);
}

static void update_done(void *context, const struct change_result *result)
{
    struct api_call *call = resource_changed(context, result);
    if (call != NULL) {
        answer(call, 200, &result->org);
    }
}

static tkr_error_t update(struct resource_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    struct json_given given[MEMBER_UPDATE_COUNT];
    struct org_write write = {.id = call->parameter};
    TRY(json_parse(call->body, call->body_length, &change->root, fault));
    TRY(json_read(change->root, "", org_members, MEMBER_UPDATE_COUNT, given, fault));
    if (json_object_size(change->root) == 0) {
        return fault_set(fault, TKR_INVALID, "", "at least one member is needed");
    }
    TRY(read_values(given, &write, fault));
    TRY(resource_if_match(call, &write.if_version, fault));
    return authority_update_org(call->api->options.authority, &call->principal, &write, update_done,
                                change, fault);
}

void orgs_patch(struct api_call *call)
{
    resource_change(call, update, missing);
}

/* --- reads ---------------------------------------------------------------------------------- */

void orgs_get(struct api_call *call)
{
    struct org org;
    tkr_error_t error = authority_get_org(call->api->options.authority, &call->principal,
                                          call->parameter, call->arena, &org);
    if (error != TKR_OK) {
        resource_fail(call, error, NULL, missing);
        return;
    }
    answer(call, 200, &org);
}

static tkr_error_t list(struct api_call *call, struct arena *arena, struct emitter *emitter,
                        const char **ret_next_cursor, struct fault *fault)
{
    struct authority *authority = call->api->options.authority;
    struct page_of asked;
    struct org_page page;
    TRY(resource_page(call, &asked, fault));
    TRY(authority_list_orgs(authority, &call->principal, &asked, arena, &page, fault));
    for (size_t i = 0; i < page.count; i++) {
        emit_org(emitter, authority, &page.orgs[i]);
    }
    *ret_next_cursor = page.next_cursor;
    return TKR_OK;
}

void orgs_list(struct api_call *call)
{
    resource_list(call, list);
}
