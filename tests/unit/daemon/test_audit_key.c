/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/audit_key.h"
#include "temp_directory.h"

struct context {
    struct temp_directory directory;
    char path[300], fresh[310];
};

static int set_up(void **state)
{
    static struct context context;
    temp_directory_make(&context.directory);
    snprintf(context.path, sizeof(context.path), "%s/audit.key", context.directory.path);
    snprintf(context.fresh, sizeof(context.fresh), "%s.new", context.path);
    *state = &context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    temp_directory_remove(&context->directory);
    return 0;
}

static tkr_error_t open_key(struct context *context, bool make, uint8_t *ret_public, bool *ret_new)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = NULL;
    struct fault fault = {0};
    tkr_error_t error =
        audit_key_open(context->path, make ? random_system() : NULL, &key, ret_new, &fault);
    if (error == TKR_OK) {
        memcpy(ret_public, seal_key_public(key), SEAL_PUBLIC_BYTES);
    } else {
        assert_non_null(strstr(fault.detail, context->path));
    }
    return error;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, mode) == 0);
}

#define KEY "tokenry-audit-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void test_what_is_no_key_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        KEY,
        KEY "\n\n",
        KEY "0\n",
        "tokenry-audit-key-2 00\n",
        "tokenry-audit-key-1 x00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
    };
    struct context *context = *state;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    bool is_new;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_file(context->path, texts[i], 0600);
        assert_int_equal(open_key(context, true, public_key, &is_new), TKR_MALFORMED);
    }
}

static void test_a_key_that_others_may_read_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0611};
    struct context *context = *state;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    bool is_new;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        write_file(context->path, KEY "\n", modes[i]);
        assert_int_equal(open_key(context, true, public_key, &is_new), TKR_FORBIDDEN);
    }
}

static void test_a_pipe_is_no_key_and_nobody_waits_for_it(void **state)
{
    struct context *context = *state;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    bool is_new;
    assert_int_equal(mkfifo(context->path, 0600), 0);
    assert_int_equal(open_key(context, true, public_key, &is_new), TKR_FORBIDDEN);
}

static void test_without_a_source_of_randomness_none_is_made(void **state)
{
    struct context *context = *state;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    bool is_new;
    assert_int_equal(open_key(context, false, public_key, &is_new), TKR_NOT_FOUND);
    assert_int_equal(access(context->fresh, F_OK), -1);
}

static void test_a_new_key_stays_the_same_until_it_is_kept(void **state)
{
    struct context *context = *state;
    uint8_t first[SEAL_PUBLIC_BYTES], again[SEAL_PUBLIC_BYTES];
    struct stat status;
    bool is_new = false;
    assert_int_equal(open_key(context, true, first, &is_new), TKR_OK);
    assert_true(is_new);
    assert_int_equal(open_key(context, true, again, &is_new), TKR_OK); /* as after a crash */
    assert_true(is_new);
    assert_memory_equal(again, first, sizeof(first));
    assert_int_equal(audit_key_keep(context->path, NULL), TKR_OK);
    assert_int_equal(open_key(context, false, again, &is_new), TKR_OK);
    assert_false(is_new);
    assert_memory_equal(again, first, sizeof(first));
    assert_int_equal(stat(context->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(access(context->fresh, F_OK), -1);
}

static void test_a_half_written_new_key_is_made_anew(void **state)
{
    struct context *context = *state;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    bool is_new = false;
    write_file(context->fresh, "tokenry-audit-key-1 00", 0600);
    assert_int_equal(open_key(context, true, public_key, &is_new), TKR_OK);
    assert_true(is_new);
}

#define KEY_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_TEST(test_what_is_no_key_is_refused),
        KEY_TEST(test_a_key_that_others_may_read_is_refused),
        KEY_TEST(test_a_pipe_is_no_key_and_nobody_waits_for_it),
        KEY_TEST(test_without_a_source_of_randomness_none_is_made),
        KEY_TEST(test_a_new_key_stays_the_same_until_it_is_kept),
        KEY_TEST(test_a_half_written_new_key_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
