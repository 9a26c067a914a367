/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of GitHub's secret scanning, signed with a key of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "api/json_input.h"
#include "fixture.h"
#include "signer.h"
#include "unit.h"

#define LEAKS "POST /api/v1/leaks/github"
#define KEY "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a"
#define SMALL "{\"user_id\":\"alice\",\"name\":\"ci\",\"scopes\":[\"api:read\"]}"
#define HONEY "{\"user_id\":\"alice\",\"name\":\"bait\",\"honeytoken\":true}"
#define PLACE "https://github.com/acme/shop/blob/main/.env"

static struct signer *signer;

static struct answer send_signed(struct fixture *fixture, const char *body, const char *signature)
{
    return ask(fixture, LEAKS,
               printed("Github-Public-Key-Identifier: " KEY "\r\n"
                       "Github-Public-Key-Signature: %s\r\n",
                       signature),
               body);
}

static struct answer report(struct fixture *fixture, const char *body)
{
    char signature[SIGNER_TEXT_SIZE];
    signer_sign(signer, body, strlen(body), signature);
    return send_signed(fixture, body, signature);
}

static const char *found(const char *token)
{
    return printed("[{\"token\":\"%s\",\"type\":\"tokenry\",\"url\":\"" PLACE "\","
                   "\"source\":\"content\"}]",
                   token);
}

static unsigned auth(struct fixture *fixture, const char *text)
{
    return ask(fixture, "GET /auth", bearer(text), NULL).status;
}

static const char *label(const struct answer *answer, size_t index)
{
    json_t *root CLEANUP(json_decref_p) = json_of(answer);
    const char *text = json_string_value(json_object_get(json_array_get(root, index), "label"));
    return printed("%s", text != NULL ? text : "");
}

static void test_a_token_that_was_found_is_quarantined(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    assert_int_equal(auth(fixture, made.text), 200);
    struct answer answer = report(fixture, found(made.text));
    assert_int_equal(answer.status, 200);
    assert_string_equal(label(&answer, 0), "true_positive");
    assert_int_equal(auth(fixture, made.text), 401);
    answer = manage(fixture, printed("GET " TOKENS "/%s", made.id), NULL);
    assert_string_equal(text_of(&answer, "status"), "quarantined");
    assert_int_equal(fixture_events(fixture, "token.leaked"), 1);
}

static void test_a_replay_does_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    const char *body = found(made.text);
    assert_int_equal(report(fixture, body).status, 200);
    assert_int_equal(manage(fixture, printed("POST " TOKENS "/%s/restore", made.id), NULL).status,
                     200);
    assert_int_equal(report(fixture, body).status, 409); /* another signature, the same body */
    assert_int_equal(auth(fixture, made.text), 200);
    assert_int_equal(fixture_events(fixture, "token.leaked"), 1);
}

static void test_only_the_scanner_is_believed(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    const char *body = found(made.text);
    char signature[SIGNER_TEXT_SIZE];
    signer_sign(signer, body, strlen(body), signature);
    struct signer *other = signer_new("P-256");
    char wrong[SIGNER_TEXT_SIZE];
    signer_sign(other, body, strlen(body), wrong);
    signer_free(other);
    assert_int_equal(send_signed(fixture, body, wrong).status, 403);
    assert_int_equal(send_signed(fixture, body, "AAAA").status, 403);
    assert_int_equal(send_signed(fixture, printed("%s ", body), signature).status, 403);
    assert_int_equal(ask(fixture, LEAKS, "", body).status, 403);
    struct answer answer =
        ask(fixture, LEAKS,
            printed("Github-Public-Key-Identifier: x\r\nGithub-Public-Key-Signature: %s\r\n",
                    signature),
            body);
    assert_int_equal(answer.status, 403);
    assert_int_equal(auth(fixture, made.text), 200);
    assert_int_equal(fixture_events(fixture, "token.leaked"), 0);
    assert_int_equal(send_signed(fixture, body, signature).status, 200); /* it was not used up */
}

static void test_others_are_told_apart_and_a_honeytoken_stays(void **state)
{
    struct fixture *fixture = *state;
    struct made made = fixture_make(fixture, SMALL);
    struct made bait = fixture_make(fixture, HONEY);
    struct answer answer =
        report(fixture, printed("[{\"token\":\"AKIAIOSFODNN7EXAMPLE\"},{\"token\":\"%s\"},"
                                "{\"token\":\"%s\",\"url\":\"https://x.example/%s\"},"
                                "{\"token\":\"%s\"}]",
                                bait.text, made.text, made.text, made.text));
    assert_int_equal(answer.status, 200);
    assert_string_equal(label(&answer, 0), "false_positive");
    for (size_t i = 1; i < 4; i++) {
        assert_string_equal(label(&answer, i), "true_positive");
    }
    answer = manage(fixture, printed("GET " TOKENS "/%s", bait.id), NULL);
    assert_string_equal(text_of(&answer, "status"), "active");
    assert_int_equal(fixture_events(fixture, "token.leaked"), 3);
}

static void test_a_wrong_report_is_refused_after_its_signature(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(report(fixture, "{}").status, 400);
    assert_int_equal(report(fixture, "[{\"type\":\"x\"}]").status, 400);
    assert_int_equal(fixture_events(fixture, "token.leaked"), 0);
}

static void test_it_is_off_unless_there_are_keys(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(report(fixture, found("AKIAIOSFODNN7EXAMPLE")).status, 404);
}

static int set_up(void **state)
{
    json_t *text CLEANUP(json_decref_p) = json_string(signer_pem(signer));
    char *pem = json_dumps(text, JSON_ENCODE_ANY);
    fixture_leak_keys = printed("{\"public_keys\":[{\"key_identifier\":\"" KEY "\",\"key\":%s,"
                                "\"is_current\":true}]}",
                                pem);
    free(pem);
    int status = fixture_setup(state);
    fixture_leak_keys = NULL;
    return status;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_that_was_found_is_quarantined),
        TEST(test_a_replay_does_nothing),
        TEST(test_only_the_scanner_is_believed),
        TEST(test_others_are_told_apart_and_a_honeytoken_stays),
        TEST(test_a_wrong_report_is_refused_after_its_signature),
        cmocka_unit_test_setup_teardown(test_it_is_off_unless_there_are_keys, fixture_setup,
                                        fixture_teardown),
    };
    signer = signer_new("P-256");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    signer_free(signer);
    return failed;
}
