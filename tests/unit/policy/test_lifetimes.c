/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "policy/lifetimes.h"
#include "token/token_text.h"

#define DAY_S 86400

static tkr_error_t parse(const char *text, struct lifetimes *ret_lifetimes)
{
    return lifetimes_parse(text, strlen(text), ret_lifetimes);
}

static void test_what_is_not_of_the_form_is_refused(void **state)
{
    static const char *const wrong[] = {
        " ",
        "user.max=30d ",
        "user.max=30d  admin.max=30d",
        "user.max",
        "user.max=",
        "user=30d",
        "max=30d",
        "robot.max=30d",
        "user.least=30d",
        "user.max=30d user.max=30d",
        "user.max=thirty",
        "user.on_exceed=maybe",
        ".max=30d",
        "user.=30d",
    };
    struct lifetimes lifetimes;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse(wrong[i], &lifetimes), TKR_MALFORMED);
    }
    assert_int_equal(parse("user.max=0", &lifetimes), TKR_OUT_OF_RANGE);
    assert_int_equal(parse("user.max=99999999d", &lifetimes), TKR_OUT_OF_RANGE);
}

static void test_a_default_beyond_its_maximum_is_refused_by_name(void **state)
{
    struct lifetimes lifetimes;
    struct fault fault = {0};
    assert_int_equal(parse("service.default=31d service.max=30d", &lifetimes), TKR_OK);
    assert_int_equal(lifetimes_check(&lifetimes, &fault), TKR_OUT_OF_RANGE);
    assert_string_equal(fault.field, "lifetimes.service.default");
    assert_int_equal(parse("service.default=never service.max=30d", &lifetimes), TKR_OK);
    assert_int_equal(lifetimes_check(&lifetimes, NULL), TKR_OUT_OF_RANGE);
    assert_int_equal(parse("service.default=30d service.max=never", &lifetimes), TKR_OK);
    assert_int_equal(lifetimes_check(&lifetimes, NULL), TKR_OK);
}

static void test_the_text_form_says_the_same_again(void **state)
{
    static const char *const texts[] = {
        "",
        "user.default=30d user.max=never user.on_exceed=clamp",
        "user.default=36500d user.max=3155759999s user.on_exceed=reject service.default=36500d"
        " service.max=3155759999s service.on_exceed=reject admin.default=36500d"
        " admin.max=3155759999s admin.on_exceed=reject",
        "service.max=36h",
        "admin.default=never admin.on_exceed=reject",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct lifetimes lifetimes;
        char out[LIFETIMES_TEXT_SIZE];
        assert_int_equal(parse(texts[i], &lifetimes), TKR_OK);
        assert_string_equal(lifetimes_format(&lifetimes, out), texts[i]);
    }
}

static void test_where_an_org_is_silent_the_server_holds(void **state)
{
    const struct lifetime_policy server = {90 * DAY_S, 0, ON_EXCEED_CLAMP};
    struct lifetimes lifetimes;
    assert_int_equal(parse("user.max=30d admin.on_exceed=reject", &lifetimes), TKR_OK);
    struct lifetime_policy user = lifetimes_effective(&lifetimes, TOKEN_KIND_USER, &server);
    assert_int_equal(user.default_s, 90 * DAY_S);
    assert_int_equal(user.max_s, 30 * DAY_S);
    assert_int_equal(user.on_exceed, ON_EXCEED_CLAMP);
    struct lifetime_policy admin = lifetimes_effective(&lifetimes, TOKEN_KIND_ADMIN, &server);
    assert_int_equal(admin.max_s, 0);
    assert_int_equal(admin.on_exceed, ON_EXCEED_REJECT);
    struct lifetime_policy service = lifetimes_effective(&lifetimes, TOKEN_KIND_SERVICE, &server);
    assert_int_equal(service.default_s, server.default_s);
    assert_int_equal(service.max_s, server.max_s);
    assert_int_equal(service.on_exceed, server.on_exceed);
}

static void test_kinds_are_called_as_those_of_tokens(void **state)
{
    for (unsigned kind = 0; kind < LIFETIME_KINDS; kind++) {
        assert_string_equal(lifetimes_kind_name(kind), token_kind_name((enum token_kind)kind));
    }
    assert_int_equal(TOKEN_KIND_ADMIN, LIFETIME_KINDS - 1);
}

/* As document 001 has it. */
static void test_what_was_cut_is_said_in_words(void **state)
{
    char out[LIFETIME_SENTENCE_SIZE];
    assert_string_equal(lifetime_clamp_sentence(30 * DAY_S, 60 * DAY_S, out),
                        "Maximum expiry is 30 days. Setting expiry to 30 days instead of 60.");
    assert_string_equal(lifetime_clamp_sentence(30 * DAY_S, 0, out),
                        "Maximum expiry is 30 days. Setting expiry to 30 days instead of never.");
    assert_string_equal(lifetime_clamp_sentence(DAY_S, DAY_S + 1, out),
                        "Maximum expiry is 1 day. Setting expiry to 1 day instead of 2.");
    assert_string_equal(lifetime_clamp_sentence(36 * 3600, 2 * DAY_S, out),
                        "Maximum expiry is 36 hours. Setting expiry to 36 hours instead of 48.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_of_the_form_is_refused),
        cmocka_unit_test(test_a_default_beyond_its_maximum_is_refused_by_name),
        cmocka_unit_test(test_the_text_form_says_the_same_again),
        cmocka_unit_test(test_where_an_org_is_silent_the_server_holds),
        cmocka_unit_test(test_kinds_are_called_as_those_of_tokens),
        cmocka_unit_test(test_what_was_cut_is_said_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
