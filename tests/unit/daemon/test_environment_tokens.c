/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "daemon/environment_tokens.h"

#define ONE "f3b1c09d5e7a42861b9cd4e05a7f36e8c2d915b07f4ea68390bd1c5f72e8a46d"
#define TWO "07c4e9a1f85d3b62a0e7194cd86fb35e2a9d04f7b1c683e5d97a20fc4b68e13a"

struct told {
    char text[2048]; /* all of it, a line each */
    size_t warnings, errors;
};

struct taken {
    tkr_error_t error;
    struct fault fault;
    struct told told;
    struct environment_tokens tokens;
};

static void tell(void *context, enum log_level level, const char *text)
{
    struct told *told = context;
    size_t length = strlen(told->text);
    snprintf(told->text + length, sizeof(told->text) - length, "%s\n", text);
    told->warnings += level == LOG_WARNING;
    told->errors += level == LOG_ERROR;
}

static struct taken take(const char *shared, const char *list, enum shared_phase phase)
{
    static char texts[2][60000];
    char *environment[4] = {(char *)(uintptr_t) "HOME=/root"};
    struct taken taken = {0};
    size_t count = 1;
    if (shared != NULL) {
        snprintf(texts[0], sizeof(texts[0]), "API_TOKEN=%s", shared);
        environment[count++] = texts[0];
    }
    if (list != NULL) {
        snprintf(texts[1], sizeof(texts[1]), "API_TOKENS=%s", list);
        environment[count++] = texts[1];
    }
    taken.error = environment_tokens_read(environment, &token_prefixes_default, phase, tell,
                                          &taken.told, &taken.tokens, &taken.fault);
    environment_tokens_wipe(environment);
    for (size_t i = 1; i < count; i++) { /* the names stay, for who looks for them */
        assert_null(strstr(environment[i], ONE));
        assert_null(strstr(environment[i], TWO));
        const char *value = strchr(environment[i], '=') + 1;
        assert_string_equal(value, "");
    }
    return taken;
}

static void assert_token(const struct taken *taken, size_t i, const char *user, const char *text)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];
    assert_true(i < taken->tokens.count);
    assert_int_equal(digest_sha256(text, strlen(text), digest), TKR_OK);
    assert_string_equal(taken->tokens.tokens[i].user_id, user);
    assert_memory_equal(taken->tokens.tokens[i].digest, digest, sizeof(digest));
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_an_entry_that_can_be_no_token_is_named_and_never_shown(void **state)
{
    static const struct {
        const char *list, *named, *hidden;
        tkr_error_t error;
    } rows[] = {
        {"admin:" ONE ",viewer:tooshort", "API_TOKENS, entry 2 (viewer)", "tooshort", TKR_INVALID},
        {"token1_user_admin," ONE, "API_TOKENS, entry 1:", "token1_user", TKR_INVALID},
        {"admin:" ONE " with blanks in it", "entry 1 (admin)", "blanks", TKR_INVALID},
        {"admin:", "entry 1 (admin)", "~", TKR_INVALID},
        {":" ONE, "entry 1: the label", ONE, TKR_INVALID},
        {"a:" ONE ",b:" ONE, "entry 2 (b): the same token as API_TOKENS, entry 1 (a)", ONE,
         TKR_CONFLICT},
        {ONE ":short", "entry 1 (f3b1c09d5e7a...)", ONE, TKR_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct taken taken = take(NULL, rows[i].list, SHARED_ACCEPT);
        assert_int_equal(taken.error, rows[i].error);
        assert_non_null(strstr(taken.fault.detail, rows[i].named));
        assert_null(strstr(taken.fault.detail, rows[i].hidden));
        assert_null(strstr(taken.told.text, rows[i].hidden));
    }
}

static void test_every_wrong_entry_is_told_and_the_first_is_the_fault(void **state)
{
    struct taken taken = take("short", "a:x,b:y," ONE, SHARED_ACCEPT);
    assert_int_equal(taken.error, TKR_INVALID);
    assert_int_equal(taken.told.errors, 3);
    assert_memory_equal(taken.fault.detail, "API_TOKEN: ", 11);
}

static void test_the_shared_token_may_not_be_somebodys_too(void **state)
{
    struct taken taken = take(ONE, "admin:" ONE, SHARED_WARN);
    assert_int_equal(taken.error, TKR_CONFLICT);
}

static void test_more_tokens_than_the_maximum_are_refused(void **state)
{
    static char list[(ENVIRONMENT_TOKENS_MAX + 1) * 40];
    size_t length = 0;
    for (int i = 0; i <= ENVIRONMENT_TOKENS_MAX; i++) {
        length += (size_t)snprintf(list + length, sizeof(list) - length,
                                   "%snumber-%08d-of-the-list", i > 0 ? "," : "", i);
        if (i == ENVIRONMENT_TOKENS_MAX - 1) {
            struct taken taken = take(NULL, list, SHARED_ACCEPT);
            assert_int_equal(taken.error, TKR_OK);
            assert_int_equal(taken.tokens.count, ENVIRONMENT_TOKENS_MAX);
            environment_tokens_free(&taken.tokens);
        }
    }
    assert_int_equal(take(NULL, list, SHARED_ACCEPT).error, TKR_OUT_OF_RANGE);
}

/* --- what is taken -------------------------------------------------------------------------- */

static void test_nothing_is_no_tokens(void **state)
{
    static const char *const lists[] = {NULL, "", "  "};
    for (size_t i = 0; i < 3; i++) {
        struct taken taken = take(lists[i], lists[i], SHARED_ACCEPT);
        assert_int_equal(taken.error, TKR_OK);
        assert_int_equal(taken.tokens.count, 0);
        assert_int_equal(taken.told.warnings, 0);
        environment_tokens_free(&taken.tokens);
    }
}

static void test_labels_are_users_and_entries_without_one_are_numbered(void **state)
{
    struct taken taken = take(NULL, " admin : " ONE " ,\n" TWO "\t", SHARED_ACCEPT);
    assert_int_equal(taken.error, TKR_OK);
    assert_int_equal(taken.tokens.count, 2);
    assert_token(&taken, 0, "admin", ONE);
    assert_token(&taken, 1, "env-2", TWO);
    assert_true(taken.tokens.tokens[0].labelled);
    assert_false(taken.tokens.tokens[1].labelled);
    assert_string_equal(taken.tokens.tokens[0].display_prefix, "f3b1");
    environment_tokens_free(&taken.tokens);
}

static void test_two_tokens_of_one_label_are_both_taken(void **state)
{
    struct taken taken = take(NULL, "admin:" ONE ",admin:" TWO, SHARED_ACCEPT);
    assert_int_equal(taken.error, TKR_OK);
    assert_int_equal(taken.tokens.count, 2);
    environment_tokens_free(&taken.tokens);
}

static void test_empty_and_repeated_entries_warn_only(void **state)
{
    struct taken taken = take(NULL, "admin:" ONE ",,admin:" ONE ",", SHARED_ACCEPT);
    assert_int_equal(taken.error, TKR_OK);
    assert_int_equal(taken.tokens.count, 1);
    assert_int_equal(taken.told.warnings, 3);
    assert_non_null(strstr(taken.told.text, "API_TOKENS, entry 2: it is empty"));
    assert_non_null(strstr(taken.told.text, "entry 3 (admin): the same as API_TOKENS, entry 1"));
    environment_tokens_free(&taken.tokens);
}

static void test_a_weak_token_warns_only_and_is_not_shown(void **state)
{
    struct taken taken = take(NULL, "admin:password-password-password", SHARED_ACCEPT);
    assert_int_equal(taken.error, TKR_OK);
    assert_int_equal(taken.tokens.count, 1);
    assert_int_equal(taken.told.warnings, 1);
    assert_non_null(strstr(taken.told.text, "API_TOKENS, entry 1 (admin): it is weak"));
    assert_null(strstr(taken.told.text, "password"));
    environment_tokens_free(&taken.tokens);
}

static void test_the_phase_is_of_the_shared_token_alone(void **state)
{
    static const struct {
        enum shared_phase phase;
        bool warned, refused;
    } rows[] = {
        {SHARED_ACCEPT, false, false}, {SHARED_WARN, true, false}, {SHARED_REFUSE, false, true}};
    for (size_t i = 0; i < 3; i++) {
        struct taken taken = take(ONE, "admin:" TWO, rows[i].phase);
        assert_int_equal(taken.error, TKR_OK);
        assert_token(&taken, 0, "shared", ONE);
        assert_int_equal(taken.tokens.tokens[0].warned, rows[i].warned);
        assert_int_equal(taken.tokens.tokens[0].refused, rows[i].refused);
        assert_false(taken.tokens.tokens[1].warned || taken.tokens.tokens[1].refused);
        environment_tokens_free(&taken.tokens);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_that_can_be_no_token_is_named_and_never_shown),
        cmocka_unit_test(test_every_wrong_entry_is_told_and_the_first_is_the_fault),
        cmocka_unit_test(test_the_shared_token_may_not_be_somebodys_too),
        cmocka_unit_test(test_more_tokens_than_the_maximum_are_refused),
        cmocka_unit_test(test_nothing_is_no_tokens),
        cmocka_unit_test(test_labels_are_users_and_entries_without_one_are_numbered),
        cmocka_unit_test(test_two_tokens_of_one_label_are_both_taken),
        cmocka_unit_test(test_empty_and_repeated_entries_warn_only),
        cmocka_unit_test(test_a_weak_token_warns_only_and_is_not_shown),
        cmocka_unit_test(test_the_phase_is_of_the_shared_token_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
