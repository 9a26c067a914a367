/* SPDX-License-Identifier: Apache-2.0 */
/* The report on a token by HTTP: what it could reach, what it did, what to do. */
#include <stdio.h>
#include <string.h>

#include "api/blast_advice.h"
#include "api/routes.h"
#include "fixture.h"
#include "policy/scopes.h"

#define SMALL "{\"user_id\":\"alice\",\"name\":\"ci\",\"scopes\":[\"orders:read\"]}"
#define MAKER                                                                                      \
    "{\"user_id\":\"alice\",\"name\":\"maker\",\"scopes\":[\"orders:read\",\"tokens:write\"]}"

static json_t *report_on(struct fixture *fixture, const char *token_id)
{
    fixture_flush(fixture);
    struct answer answer =
        manage(fixture, printed("GET " TOKENS "/%s/blast-radius", token_id), NULL);
    assert_int_equal(answer.status, 200);
    return json_of(&answer);
}

/* The member behind a path like `did.tries.count`. */
static const json_t *at(const json_t *report, const char *path)
{
    const json_t *value = report;
    char name[64];
    while (*path != '\0') {
        size_t length = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        value = json_object_get(value, name);
        assert_non_null(value);
        path += length + (path[length] == '.');
    }
    return value;
}

static const char *text_at(const json_t *report, const char *path)
{
    const char *text = json_string_value(at(report, path));
    return text != NULL ? text : "";
}

static int64_t number_at(const json_t *report, const char *path)
{
    return json_integer_value(at(report, path));
}

/* The element of a list whose member is the text; NULL: none. */
static const json_t *element(const json_t *list, const char *member, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *value = json_string_value(json_object_get(json_array_get(list, i), member));
        if (value != NULL && strcmp(value, text) == 0) {
            return json_array_get(list, i);
        }
    }
    return NULL;
}

/* The names of the actions, with spaces between. */
static const char *actions_of(const json_t *report)
{
    const json_t *actions = at(report, "actions");
    const char *names = "";
    for (size_t i = 0; i < json_array_size(actions); i++) {
        const char *name = text_at(json_array_get(actions, i), "action");
        names = printed("%s%s%s", names, i > 0 ? " " : "", name);
    }
    return names;
}

static bool is_unknown(const json_t *report, const char *words)
{
    const json_t *sentences = at(report, "unknown");
    bool found = false;
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        found = found || strstr(json_string_value(json_array_get(sentences, i)), words) != NULL;
    }
    return found;
}

/* --- refusals --------------------------------------------------------------------------------- */

static void test_who_asks_wrongly_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    static const char *const days[] = {"0", "-1", "x", "3661", "99999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        struct answer answer = manage(
            fixture, printed("GET " TOKENS "/%s/blast-radius?days=%s", made.id, days[i]), NULL);
        assert_int_equal(answer.status, 400);
        assert_string_equal(text_of(&answer, "member"), "days");
    }
    struct answer answer =
        manage(fixture, "GET " TOKENS "/tok_01hv0000000000000000000000/blast-radius", NULL);
    assert_int_equal(answer.status, 404);
    const char *path = printed("GET " TOKENS "/%s/blast-radius", made.id);
    assert_int_equal(ask(fixture, path, bearer(made.text), NULL).status, 403);
    assert_int_equal(ask(fixture, path, "", NULL).status, 401);
}

static void test_another_organisation_has_no_such_token(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct made other = fixture_make(fixture, "{\"user_id\":\"eve\",\"name\":\"n\",\"org_id\":"
                                              "\"beta\",\"scopes\":[\"tokens:read\"]}");
    struct made reader =
        fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"n\",\"scopes\":[\"tokens:read\"]}");
    const char *path = printed("GET " TOKENS "/%s/blast-radius", made.id);
    assert_int_equal(ask(fixture, path, bearer(other.text), NULL).status, 404);
    struct answer answer = ask(fixture, path, bearer(reader.text), NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "other organisations are not shown to you"));
}

/* --- what it could reach ---------------------------------------------------------------------- */

static void test_abilities_are_those_of_the_route_table(void **state)
{
    static const char *const scopes[] = {"*", "tokens:*", "tokens:write", "orders:read"};
    struct fixture *fixture = *state;
    size_t count;
    const struct http_route *routes = api_routes(&count);
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        struct made made = fixture_make(
            fixture, printed("{\"user_id\":\"u\",\"name\":\"n\",\"scopes\":[\"%s\"]}", scopes[i]));
        json_t *report = report_on(fixture, made.id);
        size_t calls = 0, expected = 0;
        const json_t *abilities = at(report, "reach.abilities");
        for (size_t j = 0; j < json_array_size(abilities); j++) {
            calls += json_array_size(at(json_array_get(abilities, j), "calls"));
        }
        for (size_t j = 0; j < count; j++) {
            const struct api_route *route = api_route_by_id(routes[j].id);
            bool granted =
                route->access == ACCESS_TOKEN ||
                (route->access == ACCESS_SCOPE &&
                 scopes_grant(scopes[i], strlen(scopes[i]), route->scope, strlen(route->scope)));
            expected += granted ? (size_t)__builtin_popcount(routes[j].methods) : 0;
        }
        assert_int_equal(calls, expected);
        assert_int_equal(json_is_true(at(report, "reach.everything")), i == 0);
        const json_t *write = element(abilities, "scope", "tokens:write");
        assert_int_equal(write != NULL, i <= 2);
        assert_int_equal(element(abilities, "scope", "tokens:emergency") != NULL, i <= 1);
        if (write != NULL) {
            assert_string_equal(json_string_value(json_array_get(at(write, "calls"), 0)),
                                "POST " TOKENS);
        }
        json_decref(report);
    }
}

static void test_reach_has_role_limits_credits_and_networks(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(
        fixture, "{\"user_id\":\"alice\",\"name\":\"n\",\"scopes\":[\"orders:read\"],\"role\":"
                 "\"auditor\",\"tier\":\"free\",\"limits\":{\"minute\":7},\"credits\":"
                 "{\"remaining\":9},\"allowed_ips\":[\"10.0.0.0/8\"]}");
    json_t *report = report_on(fixture, made.id);
    assert_string_equal(text_at(report, "reach.role"), "auditor");
    assert_true(json_array_size(at(report, "reach.scopes")) > 1);
    assert_int_equal(json_array_size(at(report, "reach.own_scopes")), 1);
    assert_int_equal(number_at(report, "reach.limits.minute"), 7);
    assert_true(number_at(report, "reach.limits.day") > 0); /* of its tier */
    assert_true(json_is_null(at(report, "reach.user_limits.minute")));
    assert_int_equal(number_at(report, "reach.credits.remaining"), 9);
    assert_string_equal(json_string_value(json_array_get(at(report, "reach.networks"), 0)),
                        "10.0.0.0/8");
    json_decref(report);
}

static void test_it_says_whether_it_is_live_and_until_when(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    json_t *report = report_on(fixture, made.id);
    assert_true(json_is_true(at(report, "live")));
    assert_string_equal(text_at(report, "live_until"), text_at(report, "token.expires_at"));
    assert_string_equal(text_at(report, "made.by_token"), fixture->admin.id);
    assert_string_equal(text_at(report, "made.client"), "127.0.0.1");
    json_decref(report);
    manage(fixture, printed("DELETE " TOKENS "/%s?reason=leaked", made.id), NULL);
    report = report_on(fixture, made.id);
    assert_false(json_is_true(at(report, "live")));
    assert_true(json_is_null(at(report, "live_until")));
    assert_string_equal(text_at(report, "answer"), "revoked");
    json_decref(report);
}

/* --- what it did ------------------------------------------------------------------------------ */

static void test_requests_tries_and_changes_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, MAKER);
    ask(fixture, "GET /auth?endpoint=orders", bearer(made.text), NULL);
    ask(fixture, "GET /auth?scope=b:read", bearer(made.text), NULL);
    struct answer child = ask(fixture, "POST " TOKENS, bearer(made.text), SMALL);
    assert_int_equal(child.status, 201);
    fixture_secret(fixture, text_of(&child, "token"));
    manage(fixture, printed("DELETE " TOKENS "/%s", made.id), NULL);
    assert_int_equal(
        ask(fixture, "GET /auth", printed("%sUser-Agent: thief/1\r\n", bearer(made.text)), NULL)
            .status,
        401);
    json_t *report = report_on(fixture, made.id);
    assert_int_equal(number_at(report, "did.requests"), 1);
    assert_int_equal(number_at(report, "did.unattributed"), 0);
    assert_int_equal(number_at(report, "did.refused"), 2);
    assert_string_equal(text_at(report, "did.first_use"), "2026-01-01T00:00:00Z");
    assert_string_equal(text_at(report, "did.first_use_within"), "hour");
    assert_int_equal(number_at(element(at(report, "did.by_endpoint"), "label", "orders"), "count"),
                     1);
    assert_int_equal(
        number_at(element(at(report, "did.by_network"), "label", "127.0.0.0/24"), "count"), 3);
    assert_int_equal(number_at(report, "did.tries.count"), 1);
    const json_t *tried = json_array_get(at(report, "did.tries.newest"), 0);
    assert_string_equal(text_at(tried, "client"), "127.0.0.1");
    assert_string_equal(text_at(tried, "user_agent"), "thief/1");
    assert_string_equal(text_at(tried, "verdict"), "revoked");
    assert_int_equal(number_at(report, "did.changes.count"), 1);
    const json_t *change = json_array_get(at(report, "did.changes.newest"), 0);
    assert_string_equal(text_at(change, "type"), "token.create");
    assert_string_equal(text_at(change, "token_id"), text_of(&child, "id"));
    assert_int_equal(number_at(report, "history.count"), 3); /* made, revoked, told of */
    assert_int_equal(number_at(report, "family.live"), 1);
    json_decref(report);
}

/* Whoever may see tokens need not see who changed them, and from where. */
static void test_events_are_told_to_who_may_read_events(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, MAKER);
    struct answer child = ask(fixture, "POST " TOKENS, bearer(made.text), SMALL);
    fixture_secret(fixture, text_of(&child, "token"));
    struct made reader =
        fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"r\",\"scopes\":[\"tokens:read\"]}");
    struct made auditor = fixture_make(fixture, "{\"user_id\":\"bob\",\"name\":\"a\",\"scopes\":["
                                                "\"audit:read\",\"tokens:read\"]}");
    const struct {
        struct made by;
        size_t told;
    } rows[] = {{reader, 0}, {auditor, 1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer answer = ask(fixture, printed("GET " TOKENS "/%s/blast-radius", made.id),
                                   bearer(rows[i].by.text), NULL);
        assert_int_equal(answer.status, 200);
        json_t *report = json_of(&answer);
        assert_int_equal(number_at(report, "did.changes.count"), 1);
        assert_int_equal(json_array_size(at(report, "did.changes.newest")), rows[i].told);
        assert_int_equal(json_array_size(at(report, "history.newest")), rows[i].told);
        assert_int_equal(json_is_string(at(report, "made.client")), rows[i].told == 1);
        assert_int_equal(is_unknown(report, "audit:read"), rows[i].told == 0);
        json_decref(report);
    }
}

/* --- its kin ---------------------------------------------------------------------------------- */

static void test_versions_and_descendants_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, MAKER);
    struct answer child = ask(fixture, "POST " TOKENS, bearer(made.text), SMALL);
    fixture_secret(fixture, text_of(&child, "token"));
    manage(fixture, printed("PATCH " TOKENS "/%s", text_of(&child, "id")),
           "{\"scopes\":[\"orders:write\"]}");
    struct answer rotated =
        manage(fixture, printed("POST " TOKENS "/%s/rotate", made.id), "{\"grace\":\"1h\"}");
    assert_int_equal(rotated.status, 201);
    fixture_secret(fixture, text_of(&rotated, "token"));
    json_t *report = report_on(fixture, text_of(&rotated, "id"));
    const json_t *old = element(at(report, "versions.data"), "token_id", made.id);
    assert_true(json_is_true(at(old, "live")));
    assert_false(json_is_true(at(old, "current")));
    assert_string_equal(text_at(old, "ends_at"), "2026-01-01T01:00:00Z");
    const json_t *descendant = json_array_get(at(report, "family.data"), 0);
    assert_string_equal(text_at(descendant, "token_id"), text_of(&child, "id"));
    assert_string_equal(text_at(descendant, "created_by"), made.id);
    assert_string_equal(json_string_value(json_array_get(at(descendant, "exceeds"), 0)), "scopes");
    assert_int_equal(number_at(report, "family.reaching_more"), 1);
    assert_true(is_unknown(report, "all versions together"));
    json_decref(report);
}

/* --- what to do ------------------------------------------------------------------------------- */

static void act(struct fixture *fixture, const char *method, const char *token_id,
                const char *below)
{
    struct answer answer =
        manage(fixture, printed("%s " TOKENS "/%s%s", method, token_id, below), NULL);
    assert_true(answer.status < 300);
}

static const char *advice_on(struct fixture *fixture, const char *token_id)
{
    json_t *report = report_on(fixture, token_id);
    const char *names = actions_of(report);
    json_decref(report);
    return names;
}

static void test_actions_fit_the_state(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, MAKER);
    assert_string_equal(advice_on(fixture, made.id), "quarantine revoke rotate");
    struct answer child = ask(fixture, "POST " TOKENS, bearer(made.text), SMALL);
    fixture_secret(fixture, text_of(&child, "token"));
    const char *child_id = text_of(&child, "id");
    assert_string_equal(advice_on(fixture, made.id), "quarantine revoke_family rotate");
    act(fixture, "POST", made.id, "/quarantine");
    assert_string_equal(advice_on(fixture, made.id), "revoke_family restore");
    act(fixture, "POST", made.id, "/restore");
    act(fixture, "POST", made.id, "/disable");
    assert_string_equal(advice_on(fixture, made.id), "quarantine revoke_family restore");
    act(fixture, "DELETE", made.id, "");
    assert_string_equal(advice_on(fixture, made.id), "revoke_family");
    act(fixture, "DELETE", child_id, "");
    assert_string_equal(advice_on(fixture, made.id), "");
}

static void test_commands_name_the_token(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct answer rotated =
        manage(fixture, printed("POST " TOKENS "/%s/rotate", made.id), "{\"grace\":\"1h\"}");
    fixture_secret(fixture, text_of(&rotated, "token"));
    const char *successor_id = text_of(&rotated, "id");
    json_t *report = report_on(fixture, successor_id); /* the other one ends with it */
    assert_string_equal(actions_of(report), "quarantine revoke rotate");
    json_decref(report);
    report = report_on(fixture, made.id); /* which has been rotated already */
    assert_string_equal(actions_of(report), "quarantine revoke revoke_version");
    const json_t *actions = at(report, "actions");
    assert_string_equal(text_at(json_array_get(actions, 1), "command"),
                        printed("tokenry revoke %s --reason leaked", made.id));
    assert_string_equal(text_at(json_array_get(actions, 2), "command"),
                        printed("tokenry revoke %s --reason leaked", successor_id));
    json_decref(report);
}

/* --- the advice alone ------------------------------------------------------------------------- */

/* What is written of a report, with a user and an organisation of any name. */
static void emit_unknown(struct emitter *emitter, const struct blast_report *report)
{
    emit_blast_unknown(emitter, report, true);
}

static json_t *advice(void (*emit)(struct emitter *, const struct blast_report *),
                      const struct blast_report *report)
{
    struct buffer out CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&out, ANSWER_BYTES_MAX);
    emit_begin(&emitter, &out);
    emit_open(&emitter, NULL, '{');
    emit(&emitter, report);
    emit_close(&emitter, '}');
    json_t *json = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void test_a_family_beyond_the_maximum_advises_an_emergency_with_quoted_names(void **state)
{
    struct blast_report report = {
        .usage.token = {.id = "tok_1", .org_id = "acme", .user_id = "o'brien; rm -rf"},
        .answer = TKR_VERDICT_VALID,
        .versions.complete = true,
    };
    json_t *json = advice(emit_blast_actions, &report);
    assert_string_equal(actions_of(json),
                        "quarantine revoke_family revoke rotate emergency_revoke");
    assert_string_equal(text_at(json_array_get(at(json, "actions"), 4), "command"),
                        "tokenry emergency-revoke --reason leaked --org acme --user "
                        "'o'\\''brien; rm -rf'");
    json_decref(json);
}

static void test_the_longest_names_fit_a_command(void **state)
{
    char user[USER_ID_BYTES_MAX + 1], org[ORG_ID_BYTES_MAX + 1];
    memset(user, '\'', sizeof user - 1);
    memset(org, '\'', sizeof org - 1);
    user[sizeof user - 1] = org[sizeof org - 1] = '\0';
    struct blast_report report = {.usage.token = {.id = "tok_1", .org_id = org, .user_id = user}};
    json_t *json = advice(emit_blast_actions, &report);
    const json_t *last =
        json_array_get(at(json, "actions"), json_array_size(at(json, "actions")) - 1);
    const char *command = text_at(last, "command");
    assert_int_equal(strlen(command), strlen("tokenry emergency-revoke --reason leaked --org "
                                             " --user ") +
                                          4 * (strlen(user) + strlen(org)) + 4);
    assert_int_equal(command[strlen(command) - 1], '\'');
    json_decref(json);
}

static void test_a_honeytoken_is_neither_held_nor_rotated(void **state)
{
    struct blast_report report = {
        .usage.token = {.id = "tok_1", .org_id = "o", .user_id = "u", .honeytoken = true},
        .answer = TKR_VERDICT_NOT_FOUND,
        .versions.complete = true,
        .family.complete = true,
    };
    json_t *json = advice(emit_blast_actions, &report);
    assert_string_equal(actions_of(json), "revoke");
    json_decref(json);
}

static void test_what_is_not_known_fits_the_report(void **state)
{
    static const struct {
        struct blast_report report;
        const char *words;
    } rows[] = {
        {{.usage.requests = 1}, "`unattributed`"},
        {{.metering = false}, "Metering is off"},
        {{.usage = {.from_ms = 2, .token.created_at_ms = 1}}, "older than the time"},
        {{.versions.count = 2}, "all versions together"},
        {{.usage.token.replaced_by = "tok_2"}, "It was rotated"},
        {{.usage.token.status = TOKEN_REVOKED}, "Tries are stored once a minute"},
        {{.usage.token.source = TOKEN_SOURCE_ENVIRONMENT}, "environment of the daemon"},
        {{.all_orgs = false}, "other organisations"},
        {{.family.complete = false}, "was left out"},
    };
    struct blast_report nothing = {
        .metering = true,
        .all_orgs = true,
        .versions = {.count = 1, .complete = true},
        .family.complete = true,
        .seen.complete = true,
        .tries.complete = true,
        .about.complete = true,
        .acts.complete = true,
    };
    json_t *json = advice(emit_unknown, &nothing);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_false(is_unknown(json, rows[i].words));
        json_t *some = advice(emit_unknown, &rows[i].report);
        assert_true(is_unknown(some, rows[i].words));
        json_decref(some);
    }
    assert_true(is_unknown(json, "which of them are on record"));
    json_decref(json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_asks_wrongly_is_refused),
        TEST(test_another_organisation_has_no_such_token),
        TEST(test_abilities_are_those_of_the_route_table),
        TEST(test_reach_has_role_limits_credits_and_networks),
        TEST(test_it_says_whether_it_is_live_and_until_when),
        TEST(test_requests_tries_and_changes_are_told),
        TEST(test_events_are_told_to_who_may_read_events),
        TEST(test_versions_and_descendants_are_told),
        TEST(test_actions_fit_the_state),
        TEST(test_commands_name_the_token),
        cmocka_unit_test(test_a_family_beyond_the_maximum_advises_an_emergency_with_quoted_names),
        cmocka_unit_test(test_the_longest_names_fit_a_command),
        cmocka_unit_test(test_a_honeytoken_is_neither_held_nor_rotated),
        cmocka_unit_test(test_what_is_not_known_fits_the_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
