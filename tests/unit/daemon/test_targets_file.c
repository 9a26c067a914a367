/* SPDX-License-Identifier: Apache-2.0 */
/* The file of rotation targets: what is in it, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/targets_file.h"
#include "temp_directory.h"

static struct temp_directory directory;

static int set_up(void **state)
{
    (void)state;
    temp_directory_make(&directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_directory_remove(&directory);
    return 0;
}

/* The path of a file that only its owner reads. */
static const char *secret(const char *text)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/secret", directory.path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
    return path;
}

static tkr_error_t read_text(const char *text, struct targets **ret_targets, struct fault *fault)
{
    return targets_read_text(text, strlen(text), "t.conf", NULL, NULL, ret_targets, fault);
}

static void test_without_a_file_there_is_no_target(void **state)
{
    (void)state;
    CLEANUP(targets_free_p) struct targets *targets = NULL;
    size_t count = 1;
    assert_int_equal(targets_read("", NULL, NULL, &targets, NULL), TKR_OK);
    targets_list(targets, &count);
    assert_int_equal(count, 0);
    targets_rotation(targets, &count);
    assert_int_equal(count, 0);
}

static void test_what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"[a]\ntype = pigeon\n", "t.conf:2: a.type"},
        {"[a]\ntype = file\n", "a.path"},
        {"[a]\ntype = file\npath = token\n", "t.conf:3: a.path"},
        {"[a]\ntype = file\npath = /etc/\n", "a.path"},
        {"[a]\ntype = file\npath = /t\ncommand = /bin/cat\n", "a.command"},
        {"[a]\ntype = file\npath = /t\norgs = acme,,beta\n", "a.orgs"},
        {"[a]\ntype = command\ncommand = cat\n", "a.command"},
        {"[a]\ntype = webhook\nurl = http://example.com/\n", "a.url"},
        {"[a]\ntype = webhook\nurl = https://example.com/\n", "a.secret_file"},
        {"[a]\ntype = github\nrepository = shop\nsecret = S\n", "a.repository"},
        {"[a]\ntype = github\nrepository = acme/../x\nsecret = S\n", "a.repository"},
        {"[a]\ntype = github\nrepository = acme/shop\nsecret = 1S\n", "a.secret"},
        {"[a]\ntype = github\nrepository = acme/shop\nsecret = GitHub_S\n", "a.secret"},
        {"[a]\ntype = github\nrepository = acme/shop\nsecret = S\n", "a.token_file"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP(targets_free_p) struct targets *targets = NULL;
        struct fault fault = {0};
        if (read_text(rows[i].text, &targets, &fault) == TKR_OK) {
            fail_msg("%s", rows[i].text);
        }
        if (strstr(fault.detail, rows[i].says) == NULL) {
            fail_msg("%s: %s", rows[i].text, fault.detail);
        }
    }
}

static void test_a_token_of_github_is_one_word_of_a_private_file(void **state)
{
    (void)state;
    char text[1024];
    struct fault fault = {0};
    CLEANUP(targets_free_p) struct targets *targets = NULL;
    static const char form[] =
        "[ci]\ntype = github\nrepository = acme/shop\nsecret = DEPLOY\ntoken_file = %s\n";
    snprintf(text, sizeof(text), form, secret("two words\n"));
    assert_int_equal(read_text(text, &targets, &fault), TKR_INVALID);
    const char *path = secret("ghp_abc\nmore\n");
    chmod(path, 0644);
    assert_int_equal(read_text(text, &targets, &fault), TKR_FORBIDDEN);
    chmod(path, 0600);
    assert_int_equal(read_text(text, &targets, &fault), TKR_OK);
    size_t count = 0;
    const struct deliver_target *target = targets_list(targets, &count)[0];
    assert_string_equal(target->bearer, "Bearer ghp_abc");
    assert_string_equal(target->url, "https://api.github.com");
}

static void test_targets_have_their_organisations_and_words(void **state)
{
    (void)state;
    CLEANUP(targets_free_p) struct targets *targets = NULL;
    size_t count = 0;
    assert_int_equal(read_text("[a]\ntype = file\npath = /srv/token\norgs = acme, beta\n"
                               "[b]\ntype = command\ncommand = /bin/take  --app  shop\norgs = *\n",
                               &targets, NULL),
                     TKR_OK);
    const struct rotation_target *rotation = targets_rotation(targets, &count);
    assert_int_equal(count, 2);
    assert_string_equal(rotation[0].type, "file");
    assert_false(rotation[0].shared);
    assert_int_equal(rotation[0].org_count, 2);
    assert_string_equal(rotation[0].orgs[1], "beta");
    assert_true(rotation[1].shared);
    assert_string_equal(rotation[1].orgs[0], "*");
    const struct deliver_target *command = targets_list(targets, &count)[1];
    assert_string_equal(command->argv[0], "/bin/take");
    assert_string_equal(command->argv[2], "shop");
    assert_null(command->argv[3]);
}

static void test_a_command_has_a_maximum_of_words(void **state)
{
    (void)state;
    char text[256] = "[a]\ntype = command\ncommand = /bin/x";
    struct fault fault = {0};
    for (int i = 1; i < DELIVER_WORDS_MAX; i++) {
        strcat(text, " w");
    }
    CLEANUP(targets_free_p) struct targets *targets = NULL;
    assert_int_equal(read_text(text, &targets, &fault), TKR_OK);
    CLEANUP(targets_free_p) struct targets *more = NULL;
    strcat(text, " w");
    assert_int_equal(read_text(text, &more, &fault), TKR_INVALID);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_file_there_is_no_target),
        TEST(test_what_is_wrong_is_named_with_its_line),
        TEST(test_a_token_of_github_is_one_word_of_a_private_file),
        TEST(test_targets_have_their_organisations_and_words),
        TEST(test_a_command_has_a_maximum_of_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
