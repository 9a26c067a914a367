/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "api/token_json.h"
#include "unit.h"

#define NOW INT64_C(1767225600000)
#define BODY(members) "{\"user_id\":\"alice\",\"name\":\"laptop\"" members "}"

struct fixture {
    struct arena *arena;
    json_t *root;
    struct fault fault;
    struct token_create create;
    struct token_update update;
};

static void fixture_parse(struct fixture *fixture, const char *text)
{
    json_decref(fixture->root);
    fixture->root = NULL;
    fixture->fault = (struct fault){0};
    assert_int_equal(json_parse(text, strlen(text), &fixture->root, &fixture->fault), TKR_OK);
}

static tkr_error_t create(struct fixture *fixture, const char *text)
{
    fixture_parse(fixture, text);
    return token_create_read(fixture->root, NOW, fixture->arena, &fixture->create, &fixture->fault);
}

static tkr_error_t update(struct fixture *fixture, const char *text)
{
    fixture_parse(fixture, text);
    return token_update_read(fixture->root, NOW, fixture->arena, &fixture->update, &fixture->fault);
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    assert_int_equal(arena_new(1024 * 1024, &fixture.arena), TKR_OK);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    json_decref(fixture->root);
    arena_free(fixture->arena);
    return 0;
}

struct refusal {
    const char *body, *field;
    tkr_error_t error;
};

static void assert_refusals(struct fixture *fixture, const struct refusal *rows, size_t count,
                            tkr_error_t (*read)(struct fixture *, const char *))
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(read(fixture, rows[i].body), rows[i].error);
        assert_string_equal(fixture->fault.field, rows[i].field);
    }
}

static void test_a_wrong_member_of_a_new_token_is_refused_by_name(void **state)
{
    static const struct refusal rows[] = {
        {"{\"name\":\"n\"}", "user_id", TKR_INVALID},
        {"{\"user_id\":\"a\"}", "name", TKR_INVALID},
        {"{\"user_id\":\"\",\"name\":\"n\"}", "user_id", TKR_OUT_OF_RANGE},
        {"{\"user_id\":null,\"name\":\"n\"}", "user_id", TKR_INVALID},
        {"{\"user_id\":\"a\\nb\",\"name\":\"n\"}", "user_id", TKR_INVALID},
        {BODY(",\"scopez\":[]"), "scopez", TKR_UNKNOWN_MEMBER},
        {BODY(",\"disabled\":true"), "disabled", TKR_UNKNOWN_MEMBER},
        {BODY(",\"kind\":\"root\""), "kind", TKR_INVALID},
        {BODY(",\"env\":\"prod\""), "env", TKR_INVALID},
        {BODY(",\"tier\":\"\""), "tier", TKR_OUT_OF_RANGE},
        {BODY(",\"scopes\":\"a:b\""), "scopes", TKR_INVALID},
        {BODY(",\"scopes\":[],\"permissions\":[]"), "permissions", TKR_INVALID},
        {BODY(",\"limits\":[]"), "limits", TKR_INVALID},
        {BODY(",\"limits\":{\"week\":1}"), "limits.week", TKR_UNKNOWN_MEMBER},
        {BODY(",\"limits\":{\"minute\":-1}"), "limits.minute", TKR_OUT_OF_RANGE},
        {BODY(",\"limits\":{\"minute\":4000000001}"), "limits.minute", TKR_OUT_OF_RANGE},
        {BODY(",\"limits\":{\"minute\":1.5}"), "limits.minute", TKR_INVALID},
        {BODY(",\"limits\":{\"minute\":\"60\"}"), "limits.minute", TKR_INVALID},
        {BODY(",\"allowed_ips\":[\"10.0.0.1/8\"]"), "allowed_ips", TKR_INVALID},
        {BODY(",\"allowed_ips\":[\"nonsense\"]"), "allowed_ips", TKR_INVALID},
        {BODY(",\"metadata\":[]"), "metadata", TKR_INVALID},
        {BODY(",\"not_before\":\"tomorrow\""), "not_before", TKR_INVALID},
        {BODY(",\"expires_at\":\"2999-13-01T00:00:00Z\""), "expires_at", TKR_INVALID},
        {BODY(",\"expires_at\":1767225600"), "expires_at", TKR_INVALID},
        {BODY(",\"expires_at\":\"1970-01-01T00:00:00Z\""), "expires_at", TKR_INVALID},
        {BODY(",\"expires_in\":\"soon\""), "expires_in", TKR_INVALID},
        {BODY(",\"expires_in\":true"), "expires_in", TKR_INVALID},
        {BODY(",\"expires_in\":0"), "expires_in", TKR_OUT_OF_RANGE},
        {BODY(",\"expires_in\":-1"), "expires_in", TKR_OUT_OF_RANGE},
        {BODY(",\"expires_in\":9223372036854775807"), "expires_in", TKR_OUT_OF_RANGE},
        {BODY(",\"expires_in_days\":0"), "expires_in_days", TKR_OUT_OF_RANGE},
        {BODY(",\"expires_in_days\":9223372036854775807"), "expires_in_days", TKR_OUT_OF_RANGE},
        {BODY(",\"expires_in\":60,\"expires_in_days\":1"), "expires_in_days", TKR_INVALID},
        {BODY(",\"expires_at\":null,\"expires_in\":60"), "expires_in", TKR_INVALID},
        {BODY(",\"token\":\"too-short\""), "token", TKR_OUT_OF_RANGE},
        {BODY(",\"token\":\"with a space inside of it\""), "token", TKR_INVALID},
        {BODY(",\"token\":\"with-\\u0001-control-inside-it\""), "token", TKR_INVALID},
    };
    assert_refusals(*state, rows, COUNT_OF(rows), create);
}

static void test_a_wrong_member_of_a_change_is_refused_by_name(void **state)
{
    static const struct refusal rows[] = {
        {"{}", "", TKR_INVALID},
        {"{\"user_id\":\"bob\"}", "user_id", TKR_UNKNOWN_MEMBER},
        {"{\"kind\":\"admin\"}", "kind", TKR_UNKNOWN_MEMBER},
        {"{\"token\":\"xxxxxxxxxxxxxxxxxxxxxxxx\"}", "token", TKR_UNKNOWN_MEMBER},
        {"{\"revoked_at\":null}", "revoked_at", TKR_UNKNOWN_MEMBER},
        {"{\"disabled\":1}", "disabled", TKR_INVALID},
        {"{\"name\":null}", "name", TKR_INVALID},
        {"{\"tier\":1}", "tier", TKR_INVALID},
        {"{\"role\":[]}", "role", TKR_INVALID},
    };
    assert_refusals(*state, rows, COUNT_OF(rows), update);
}

static void test_a_chosen_token_is_not_repeated_in_a_fault(void **state)
{
    struct fixture *fixture = *state;
    assert_int_not_equal(create(fixture, BODY(",\"token\":\"SECRET SECRET SECRET SECRET\"")),
                         TKR_OK);
    assert_null(strstr(fixture->fault.detail, "SECRET"));
}

static void test_metadata_has_a_maximum_as_compact_json(void **state)
{
    struct fixture *fixture = *state;
    char body[METADATA_BYTES_MAX + 200];
    char value[METADATA_BYTES_MAX + 2];
    memset(value, 'v', sizeof value);
    value[METADATA_BYTES_MAX - 8] = '\0'; /* {"k":""} has 8 */
    snprintf(body, sizeof body, BODY(",\"metadata\":{ \"k\" : \"%s\" }"), value);
    assert_int_equal(create(fixture, body), TKR_OK);
    assert_int_equal(strlen(fixture->create.metadata), METADATA_BYTES_MAX);
    value[METADATA_BYTES_MAX - 8] = 'v';
    value[METADATA_BYTES_MAX - 7] = '\0';
    snprintf(body, sizeof body, BODY(",\"metadata\":{\"k\":\"%s\"}"), value);
    assert_int_equal(create(fixture, body), TKR_OUT_OF_RANGE);
    assert_string_equal(fixture->fault.field, "metadata");
}

static void test_what_is_not_given_is_left_to_the_engine(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(create(fixture, BODY("")), TKR_OK);
    const struct token_create *made = &fixture->create;
    assert_string_equal(made->user_id, "alice");
    assert_string_equal(made->name, "laptop");
    assert_null(made->org_id);
    assert_null(made->tier);
    assert_null(made->metadata);
    assert_null(made->chosen);
    assert_int_equal(made->scope_count, 0);
    assert_int_equal(made->overrides.set, 0);
    assert_false(made->lifetime.never || made->lifetime.has_expires_at);
    assert_int_equal(made->kind, TOKEN_KIND_USER);
    assert_int_equal(made->env, TOKEN_ENV_LIVE);
}

static void test_all_members_are_read(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        create(fixture,
               BODY(",\"org_id\":\"acme\",\"kind\":\"service\",\"env\":\"test\",\"tier\":\"pro\","
                    "\"permissions\":[\"b:x\",\"a:y\"],\"allowed_ips\":[\"10.0.0.0/8\",\"::1\"],"
                    "\"limits\":{\"minute\":5,\"hour\":\"unlimited\",\"day\":null},"
                    "\"metadata\":{\"team\":\"core\"},\"not_before\":\"2026-02-01T00:00:00Z\","
                    "\"token\":\"Legacy!Token#of-2019\"")),
        TKR_OK);
    const struct token_create *made = &fixture->create;
    assert_string_equal(made->org_id, "acme");
    assert_int_equal(made->kind, TOKEN_KIND_SERVICE);
    assert_int_equal(made->env, TOKEN_ENV_TEST);
    assert_string_equal(made->tier, "pro");
    assert_int_equal(made->scope_count, 2);
    assert_string_equal(made->scopes[0], "b:x");
    assert_int_equal(made->allowed_ip_count, 2);
    assert_int_equal(made->overrides.set, (1U << WINDOW_MINUTE) | (1U << WINDOW_HOUR));
    assert_int_equal(made->overrides.limit[WINDOW_MINUTE], 5);
    assert_int_equal(made->overrides.limit[WINDOW_HOUR], LIMIT_NONE);
    assert_string_equal(made->metadata, "{\"team\":\"core\"}");
    assert_int_equal(made->not_before_ms, INT64_C(1769904000000));
    assert_int_equal(made->chosen_length, strlen("Legacy!Token#of-2019"));
}

static void test_a_lifetime_can_be_said_in_three_ways(void **state)
{
    static const struct {
        const char *body;
        int64_t expires_at_ms;
    } rows[] = {
        {BODY(",\"expires_at\":\"2026-01-01T00:00:01Z\""), NOW + 1000},
        {BODY(",\"expires_in\":90"), NOW + 90000},
        {BODY(",\"expires_in\":\"24h\""), NOW + INT64_C(86400000)},
        {BODY(",\"expires_in\":\"30d\""), NOW + 30 * INT64_C(86400000)},
        {BODY(",\"expires_in_days\":30"), NOW + 30 * INT64_C(86400000)},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(create(fixture, rows[i].body), TKR_OK);
        assert_true(fixture->create.lifetime.has_expires_at);
        assert_false(fixture->create.lifetime.never);
        assert_int_equal(fixture->create.lifetime.expires_at_ms, rows[i].expires_at_ms);
    }
}

static void test_null_is_never_in_each_of_them(void **state)
{
    static const char *const bodies[] = {BODY(",\"expires_at\":null"), BODY(",\"expires_in\":null"),
                                         BODY(",\"expires_in_days\":null")};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        assert_int_equal(create(fixture, bodies[i]), TKR_OK);
        assert_true(fixture->create.lifetime.never);
        assert_false(fixture->create.lifetime.has_expires_at);
    }
}

static void test_a_change_knows_what_it_changes(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(update(fixture, "{\"disabled\":false}"), TKR_OK);
    assert_true(fixture->update.has_disabled);
    assert_false(fixture->update.disabled || fixture->update.has_name ||
                 fixture->update.has_expires || fixture->update.has_scopes ||
                 fixture->update.has_overrides || fixture->update.has_metadata);
    assert_int_equal(update(fixture, "{\"limits\":null,\"metadata\":null,\"not_before\":null,"
                                     "\"expires_at\":null,\"scopes\":[],\"allowed_ips\":[]}"),
                     TKR_OK);
    const struct token_update *made = &fixture->update;
    assert_true(made->has_overrides && made->has_metadata && made->has_not_before &&
                made->has_expires && made->has_scopes && made->has_allowed_ips);
    assert_int_equal(made->overrides.set, 0);
    assert_string_equal(made->metadata, "{}");
    assert_int_equal(made->not_before_ms, 0);
    assert_true(made->lifetime.never);
}

static void test_a_tier_is_read_and_its_faults_are_named(void **state)
{
    struct fixture *fixture = *state;
    struct tier tier;
    fixture_parse(fixture, "{\"limits\":{\"minute\":5},\"subject\":\"both\"}");
    assert_int_equal(tier_read(fixture->root, "gold", &tier, &fixture->fault), TKR_OK);
    assert_string_equal(tier.name, "gold");
    assert_int_equal(tier.subject, LIMITS_OF_BOTH);
    assert_int_equal(tier.limits.set, 1U << WINDOW_MINUTE);
    assert_int_equal(tier_read(fixture->root, "Gold!", &tier, &fixture->fault), TKR_INVALID);
    assert_string_equal(fixture->fault.field, "name");
    fixture_parse(fixture, "{\"subject\":\"token\"}");
    assert_int_equal(tier_read(fixture->root, "gold", &tier, &fixture->fault), TKR_INVALID);
    assert_string_equal(fixture->fault.field, "limits");
    fixture_parse(fixture, "{\"limits\":{},\"subject\":\"planet\"}");
    assert_int_equal(tier_read(fixture->root, "gold", &tier, &fixture->fault), TKR_INVALID);
    assert_string_equal(fixture->fault.field, "subject");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_wrong_member_of_a_new_token_is_refused_by_name,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_wrong_member_of_a_change_is_refused_by_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_chosen_token_is_not_repeated_in_a_fault, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_metadata_has_a_maximum_as_compact_json, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_given_is_left_to_the_engine, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_all_members_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lifetime_can_be_said_in_three_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(test_null_is_never_in_each_of_them, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_change_knows_what_it_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_tier_is_read_and_its_faults_are_named, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
