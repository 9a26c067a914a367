/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call what: each route without a token, with a wrong one, with a weak one, with exactly
 * its scope, and from another organisation; and the peers of the Unix socket. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define NO_SUCH_ID "tok_00000000000000000000000000"
#define NO_RESERVATION "rsv_00000000000000000000000000"

/* Every route that is not public. `with_scope` is what exactly the right scope leads to. */
static const struct route {
    const char *request, *body, *scope;
    unsigned with_scope;
} routes[] = {
    {"POST /api/v1/verify", "{\"token\":\"x\"}", "tokens:verify", 200},
    {"POST /api/v1/verify/batch", "{\"requests\":[{\"token\":\"x\"}]}", "tokens:verify", 200},
    {"GET /api/v1/system/status", NULL, "system:read", 200},
    {"GET /metrics", NULL, "system:read", 200},
    {"GET /api/v1/system/jobs", NULL, "system:read", 200},
    {"GET /api/v1/audit/chain", NULL, "audit:read", 200},
    {"POST /api/v1/system/jobs/none/run", NULL, "system:write", 404},
    {"GET /api/v1/monitor", NULL, "tokens:read", 200},
    {"GET /api/v1/notify/channels", NULL, "system:read", 200},
    {"POST /api/v1/notify/channels/none/test", NULL, "*", 404},
    {"GET /api/v1/notify/dead", NULL, "*", 200},
    {"DELETE /api/v1/notify/dead", NULL, "*", 200},
    {"POST /api/v1/notify/dead/retry", NULL, "*", 200},
    {"POST /api/v1/notify/dead/msg_0/retry", NULL, "*", 404},
    {"DELETE /api/v1/notify/dead/msg_0", NULL, "*", 404},
    {"POST " TOKENS, "{\"user_id\":\"a\",\"name\":\"n\"}", "tokens:write", 201},
    {"GET " TOKENS, NULL, "tokens:read", 200},
    {"GET " TOKENS "/" NO_SUCH_ID, NULL, "tokens:read", 404},
    {"PATCH " TOKENS "/" NO_SUCH_ID, "{\"name\":\"x\"}", "tokens:write", 404},
    {"DELETE " TOKENS "/" NO_SUCH_ID, NULL, "tokens:write", 404},
    {"POST " TOKENS "/" NO_SUCH_ID "/rotate", NULL, "tokens:write", 404},
    {"POST " TOKENS "/" NO_SUCH_ID "/rollback", NULL, "tokens:write", 404},
    {"POST " TOKENS "/" NO_SUCH_ID "/disable", NULL, "tokens:write", 404},
    {"POST " TOKENS "/" NO_SUCH_ID "/quarantine", NULL, "tokens:write", 404},
    {"POST " TOKENS "/" NO_SUCH_ID "/restore", NULL, "tokens:write", 404},
    {"GET " TOKENS "/" NO_SUCH_ID "/rotation-schedule", NULL, "tokens:read", 404},
    {"PUT " TOKENS "/" NO_SUCH_ID "/rotation-schedule", "{\"target\":\"x\"}", "tokens:write", 404},
    {"DELETE " TOKENS "/" NO_SUCH_ID "/rotation-schedule", NULL, "tokens:write", 404},
    {"POST " TOKENS "/" NO_SUCH_ID "/rotation-schedule/run", NULL, "tokens:write", 404},
    {"GET /api/v1/rotation/plan", NULL, "tokens:read", 200},
    {"POST /api/v1/auth/emergency-revoke", "{\"reason\":\"r\",\"user_id\":\"nobody\"}",
     "tokens:emergency", 404},
    {"GET /api/v1/auth/emergency-revoke", NULL, "tokens:read", 200},
    {"POST /api/v1/auth/cleanup", "{\"older_than\":\"90d\"}", "*", 200},
    {"POST " TOKENS "/import", "{}", "tokens:write", 400},
    {"GET " TOKENS "/export", NULL, "tokens:export", 200},
    {"GET /api/v1/tiers", NULL, "tiers:read", 200},
    {"PUT /api/v1/tiers/new", "{\"limits\":{}}", "tiers:write", 200},
    {"GET /api/v1/users", NULL, "users:read", 200},
    {"POST /api/v1/users", "{\"id\":\"new\"}", "users:write", 201},
    {"GET /api/v1/users/nobody", NULL, "users:read", 404},
    {"PATCH /api/v1/users/nobody", "{\"email\":\"a@example.org\"}", "users:write", 404},
    {"GET /api/v1/orgs", NULL, "orgs:read", 200},
    {"POST /api/v1/orgs", "{}", "orgs:write", 400}, /* one more needs * */
    {"GET /api/v1/orgs/default", NULL, "orgs:read", 200},
    {"PATCH /api/v1/orgs/default", "{\"one_active_per_user\":false}", "orgs:write", 200},
    {"GET /api/v1/roles", NULL, "roles:read", 200},
    {"GET /api/v1/roles/none", NULL, "roles:read", 404},
    {"PUT /api/v1/roles/new", "{\"scopes\":[]}", "roles:write", 201},
    {"DELETE /api/v1/roles/none", NULL, "roles:write", 404},
    {"GET " TOKENS "/" NO_SUCH_ID "/analytics", NULL, "tokens:read", 404},
    {"GET " TOKENS "/" NO_SUCH_ID "/blast-radius", NULL, "tokens:read", 404},
    {"GET /api/v1/users/nobody/analytics", NULL, "tokens:read", 404},
    {"GET /api/v1/orgs/nowhere/analytics", NULL, "tokens:read", 404},
    {"GET " TOKENS "/" NO_SUCH_ID "/credits", NULL, "tokens:read", 404},
    {"PUT " TOKENS "/" NO_SUCH_ID "/credits", "{\"add\":1}", "credits:write", 404},
    {"POST /api/v1/credits/reserve", "{\"token_id\":\"" NO_SUCH_ID "\",\"amount\":1}",
     "credits:write", 404},
    {"POST /api/v1/credits/" NO_RESERVATION "/settle", "{\"amount\":1}", "credits:write", 404},
    {"POST /api/v1/credits/" NO_RESERVATION "/refund", NULL, "credits:write", 404},
    {"GET /api/v1/audit/events", NULL, "audit:read", 200},
    {"POST /api/v1/audit/cicd-event", "{\"event\":\"deploy\",\"status\":\"started\"}",
     "audit:write", 201},
};

static struct made make_scoped(struct fixture *fixture, const char *scope)
{
    return fixture_make(fixture,
                        printed("{\"user_id\":\"u\",\"name\":\"n\",\"scopes\":[\"%s\"]}", scope));
}

static void test_every_route_but_health_and_auth_is_in_the_table_above(void **state)
{
    size_t count;
    const struct http_route *rows = api_routes(&count);
    size_t methods = 0;
    for (size_t i = 0; i < count; i++) {
        methods += (size_t)__builtin_popcount(rows[i].methods);
    }
    /* Three methods of /auth, two of health, one of me, one of revoke, five of self-service
     * (test_keys.c), one of a scanner (test_leaks.c). */
    assert_int_equal(methods, COUNT_OF(routes) + 3 + 2 + 1 + 1 + 5 + 1);
}

static void test_no_route_answers_without_a_token(void **state)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        struct answer answer = ask(*state, routes[i].request, "", routes[i].body);
        assert_int_equal(answer.status, 401);
        assert_code(answer, "unauthenticated");
        assert_string_equal(header_of(&answer, "WWW-Authenticate"), "Bearer realm=\"test\"");
    }
}

static void test_no_route_answers_an_unknown_token(void **state)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        struct answer answer =
            ask(*state, routes[i].request, "Authorization: Bearer sk_live_00000000000000000000\r\n",
                routes[i].body);
        assert_int_equal(answer.status, 401);
        assert_code(answer, "not_found");
        assert_non_null(strstr(header_of(&answer, "WWW-Authenticate"), "invalid_token"));
    }
}

static void test_no_route_answers_two_different_tokens(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        struct answer answer =
            ask(fixture, routes[i].request,
                printed("Authorization: Bearer %s\r\nX-API-Key: xxxxxxxxxxxxxxxxxxxxxxxx\r\n",
                        fixture->admin.text),
                routes[i].body);
        assert_int_equal(answer.status, 400);
        assert_code(answer, "invalid_request");
    }
}

static void test_no_route_answers_a_revoked_token(void **state)
{
    struct fixture *fixture = *state;
    struct made made = make_scoped(fixture, "*");
    assert_int_equal(manage(fixture, printed("DELETE " TOKENS "/%s", made.id), NULL).status, 200);
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        struct answer answer = ask(fixture, routes[i].request, bearer(made.text), routes[i].body);
        assert_int_equal(answer.status, 401);
        assert_code(answer, "revoked");
    }
}

static void test_each_route_refuses_every_scope_but_its_own(void **state)
{
    static const char *const scopes[] = {
        "tokens:verify", "tokens:read", "tokens:write", "tokens:emergency", "tokens:export",
        "system:read",   "tiers:read",  "tiers:write",  "users:read",       "users:write",
        "orgs:read",     "orgs:write",  "roles:read",   "roles:write",      "audit:read",
        "audit:write",   "tokens"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        struct made made = make_scoped(fixture, scopes[i]);
        for (size_t j = 0; j < COUNT_OF(routes); j++) {
            struct answer answer =
                ask(fixture, routes[j].request, bearer(made.text), routes[j].body);
            if (strcmp(scopes[i], routes[j].scope) == 0) {
                assert_int_equal(answer.status, routes[j].with_scope);
                continue;
            }
            assert_int_equal(answer.status, 403);
            assert_code(answer, "insufficient_scope");
            assert_non_null(strstr(header_of(&answer, "WWW-Authenticate"), routes[j].scope));
        }
    }
}

static unsigned lines_of(const struct fixture *fixture, const char *event)
{
    static char log[1024 * 1024];
    FILE *file = fopen(fixture->log_path, "r");
    assert_non_null(file);
    size_t length = fread(log, 1, sizeof log - 1, file);
    fclose(file);
    log[length] = '\0';
    unsigned count = 0;
    for (const char *at = log; (at = strstr(at, event)) != NULL; at++) {
        count++;
    }
    return count;
}

static void test_a_flood_of_refusals_does_not_fill_the_log(void **state)
{
    struct fixture *fixture = *state;
    const char *wrong = bearer("sk_live_00000000000000000000");
    for (unsigned i = 0; i < 3 * LOG_DENIED_PER_SECOND; i++) {
        assert_int_equal(ask(fixture, "GET " TOKENS, wrong, NULL).status, 401);
    }
    assert_int_equal(lines_of(fixture, "\"api_denied\""), LOG_DENIED_PER_SECOND);
    assert_int_equal(lines_of(fixture, "\"api_denied_left_out\""), 0);
    fixture_advance(fixture, 1000);
    assert_int_equal(ask(fixture, "GET " TOKENS, wrong, NULL).status, 401);
    assert_int_equal(ask(fixture, "GET " TOKENS, wrong, NULL).status, 401);
    assert_int_equal(lines_of(fixture, "\"api_denied\""), LOG_DENIED_PER_SECOND + 2);
    assert_int_equal(lines_of(fixture, "\"api_denied_left_out\""), 1);
    assert_int_equal(lines_of(fixture, printed("\"count\":%d", 2 * LOG_DENIED_PER_SECOND)), 1);
}

static void test_wildcards_grant(void **state)
{
    struct fixture *fixture = *state;
    struct made tokens = make_scoped(fixture, "tokens:*");
    struct made star = make_scoped(fixture, "*");
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        bool covered = strncmp(routes[i].scope, "tokens:", 7) == 0;
        assert_int_equal(
            ask(fixture, routes[i].request, bearer(tokens.text), routes[i].body).status,
            covered ? routes[i].with_scope : 403);
        assert_int_equal(ask(fixture, routes[i].request, bearer(star.text), routes[i].body).status,
                         routes[i].with_scope);
    }
}

static void test_a_token_bound_to_a_network_manages_only_from_there(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, "{\"user_id\":\"u\",\"name\":\"n\",\"scopes\":[\"*\"],"
                                             "\"allowed_ips\":[\"203.0.113.0/24\"]}");
    struct answer answer = ask(fixture, "GET " TOKENS, bearer(made.text), NULL);
    assert_int_equal(answer.status, 403);
    assert_code(answer, "ip_not_allowed");
}

/* --- organisations --------------------------------------------------------------------------- */

static void test_a_token_of_another_org_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct made ours = fixture_make(fixture, "{\"user_id\":\"u\",\"name\":\"n\"}");
    struct made other =
        fixture_make(fixture, "{\"user_id\":\"u\",\"name\":\"n\",\"org_id\":\"acme\","
                              "\"scopes\":[\"tokens:read\",\"tokens:write\"]}");
    const char *path = printed(TOKENS "/%s", ours.id);
    struct answer answer = ask(fixture, printed("GET %s", path), bearer(other.text), NULL);
    assert_int_equal(answer.status, 404);
    answer = ask(fixture, printed("PATCH %s", path), bearer(other.text), "{\"name\":\"mine\"}");
    assert_int_equal(answer.status, 404);
    answer = ask(fixture, printed("DELETE %s", path), bearer(other.text), NULL);
    assert_int_equal(answer.status, 404);
    answer = ask(fixture, "GET " TOKENS, bearer(other.text), NULL);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(answer.body, ours.id));
    assert_non_null(strstr(answer.body, other.id));
    assert_int_equal(ask(fixture, "GET /auth", bearer(ours.text), NULL).status, 200);
}

static void test_another_org_cannot_be_named_without_star(void **state)
{
    struct fixture *fixture = *state;
    struct made other =
        fixture_make(fixture, "{\"user_id\":\"u\",\"name\":\"n\",\"org_id\":\"acme\","
                              "\"scopes\":[\"tokens:read\",\"tokens:write\"]}");
    struct answer answer = ask(fixture, "POST " TOKENS, bearer(other.text),
                               "{\"user_id\":\"u\",\"name\":\"n\",\"org_id\":\"default\"}");
    assert_int_equal(answer.status, 403);
    assert_code(answer, "forbidden");
    answer = ask(fixture, "GET " TOKENS "?org_id=default", bearer(other.text), NULL);
    assert_int_equal(answer.status, 403);
}

static void test_nobody_gives_more_scope_than_they_have(void **state)
{
    static const char *const scopes[] = {"*", "system:read", "tokens:*", "tokens:read"};
    struct fixture *fixture = *state;
    struct made maker = make_scoped(fixture, "tokens:write");
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        struct answer answer =
            ask(fixture, "POST " TOKENS, bearer(maker.text),
                printed("{\"user_id\":\"u\",\"name\":\"n\",\"scopes\":[\"%s\"]}", scopes[i]));
        assert_int_equal(answer.status, 403);
        assert_string_equal(text_of(&answer, "member"), "scopes");
        answer = ask(fixture, printed("PATCH " TOKENS "/%s", maker.id), bearer(maker.text),
                     printed("{\"scopes\":[\"%s\"]}", scopes[i]));
        assert_int_equal(answer.status, 403);
    }
}

/* --- the Unix socket -------------------------------------------------------------------------- */

static void test_the_administrator_at_the_socket_needs_no_token(void **state)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        struct answer answer = ask_socket(*state, routes[i].request, "", routes[i].body);
        assert_int_equal(answer.status, routes[i].with_scope);
    }
}

static void test_a_proxy_at_the_socket_does_not_lend_its_identity(void **state)
{
    static const char *const traces[] = {"X-Forwarded-For: 203.0.113.9\r\n",
                                         "x-forwarded-proto: https\r\n",
                                         "X-Forwarded-Host: x\r\n",
                                         "Forwarded: for=203.0.113.9\r\n",
                                         "Via: 1.1 proxy\r\n",
                                         "X-Real-IP: 203.0.113.9\r\n"};
    for (size_t i = 0; i < COUNT_OF(traces); i++) {
        for (size_t j = 0; j < COUNT_OF(routes); j++) {
            struct answer answer = ask_socket(*state, routes[j].request, traces[i], routes[j].body);
            assert_int_equal(answer.status, 401);
        }
    }
}

/* nginx, unless it is told to, adds no header by which one could know it. */
static void test_a_peer_that_does_not_claim_its_rights_has_none(void **state)
{
    static const char *const others[] = {"",
                                         "Tokenry-Peer: yes\r\n",
                                         "Connection: keep-alive\r\n",
                                         "Connection: Tokenry-Peers\r\n",
                                         "Connection: not Tokenry-Peer\r\n",
                                         "X-Connection: Tokenry-Peer\r\n"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        for (size_t j = 0; j < COUNT_OF(routes); j++) {
            struct answer answer =
                ask_socket_unclaimed(*state, routes[j].request, others[i], routes[j].body);
            assert_int_equal(answer.status, 401);
        }
    }
}

static void test_the_claim_may_stand_among_other_options(void **state)
{
    static const char *const claims[] = {"Connection: close, Tokenry-Peer\r\n",
                                         "connection: ,tokenry-peer\t, close\r\n"};
    for (size_t i = 0; i < COUNT_OF(claims); i++) {
        struct answer answer = ask_socket_unclaimed(*state, "GET /api/v1/auth/me", claims[i], NULL);
        assert_int_equal(answer.status, 200);
    }
}

/* Over TCP there is no peer whose rights it could be. */
static void test_a_claim_over_tcp_is_nothing(void **state)
{
    struct answer answer = ask(*state, "GET /api/v1/auth/me", "Connection: Tokenry-Peer\r\n", NULL);
    assert_int_equal(answer.status, 401);
}

static void test_a_credential_at_the_socket_counts_and_not_the_peer(void **state)
{
    struct fixture *fixture = *state;
    struct made weak = make_scoped(fixture, "vault:read");
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        struct answer answer =
            ask_socket(fixture, routes[i].request, bearer(weak.text), routes[i].body);
        assert_int_equal(answer.status, 403);
        answer = ask_socket(fixture, routes[i].request, "X-API-Key: no-such-token-anywhere\r\n",
                            routes[i].body);
        assert_int_equal(answer.status, 401);
    }
}

static void test_another_local_process_may_verify_and_read_metrics_only(void **state)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        bool allowed = strstr(routes[i].request, "/verify") != NULL ||
                       strstr(routes[i].request, "/metrics") != NULL;
        assert_int_equal(ask_socket_as_nobody(*state, routes[i].request, "", routes[i].body),
                         allowed ? 200 : 401);
    }
    assert_int_equal(ask_socket_as_nobody(*state, "GET /api/v1/auth/me", "", NULL), 401);
}

static void test_a_token_works_for_another_local_process(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        ask_socket_as_nobody(fixture, "GET " TOKENS, bearer(fixture->admin.text), NULL), 200);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
#define WITH_OTHER_UID(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, fixture_setup_other_uid, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_but_health_and_auth_is_in_the_table_above),
        WITH_FIXTURE(test_no_route_answers_without_a_token),
        WITH_FIXTURE(test_no_route_answers_an_unknown_token),
        WITH_FIXTURE(test_no_route_answers_two_different_tokens),
        WITH_FIXTURE(test_no_route_answers_a_revoked_token),
        WITH_FIXTURE(test_each_route_refuses_every_scope_but_its_own),
        WITH_FIXTURE(test_a_flood_of_refusals_does_not_fill_the_log),
        WITH_FIXTURE(test_wildcards_grant),
        WITH_FIXTURE(test_a_token_bound_to_a_network_manages_only_from_there),
        WITH_FIXTURE(test_a_token_of_another_org_is_not_found),
        WITH_FIXTURE(test_another_org_cannot_be_named_without_star),
        WITH_FIXTURE(test_nobody_gives_more_scope_than_they_have),
        WITH_FIXTURE(test_the_administrator_at_the_socket_needs_no_token),
        WITH_FIXTURE(test_a_proxy_at_the_socket_does_not_lend_its_identity),
        WITH_FIXTURE(test_a_peer_that_does_not_claim_its_rights_has_none),
        WITH_FIXTURE(test_the_claim_may_stand_among_other_options),
        WITH_FIXTURE(test_a_claim_over_tcp_is_nothing),
        WITH_FIXTURE(test_a_credential_at_the_socket_counts_and_not_the_peer),
        WITH_OTHER_UID(test_another_local_process_may_verify_and_read_metrics_only),
        WITH_OTHER_UID(test_a_token_works_for_another_local_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
