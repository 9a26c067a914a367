/* SPDX-License-Identifier: Apache-2.0 */
/* What a verification may not do: allocate, or leave mappings and descriptors behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"

/* The linker puts these before libc's (-Wl,--wrap). They count for all threads; there is one. */
static uint64_t allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    allocations++;
    return __real_realloc(old, bytes);
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

/* Of readers: the writer's may be written. */
static size_t mappings(void)
{
    size_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    char line[512];
    while (fgets(line, sizeof line, file) != NULL) {
        lines += strstr(line, " r--s ") != NULL && strstr(line, "/keys") != NULL;
    }
    fclose(file);
    return lines;
}

static void test_the_allocations_of_the_tested_code_are_counted(void **state)
{
    (void)state;
    struct segment_fixture fixture;
    segment_fixture_init(&fixture, NULL);
    uint64_t before = allocations;
    struct verifier *verifier = segment_fixture_verifier(&fixture);
    assert_true(allocations > before);
    verifier_free(verifier);
    segment_fixture_deinit(&fixture);
}

static void test_no_verification_allocates(void **state)
{
    (void)state;
    struct segment_fixture fixture;
    segment_fixture_init(&fixture, NULL);
    segment_fixture_limit(&fixture, LIMITS_OF_BOTH, 100, 1000, 10000);
    struct segment_token token = segment_fixture_token(&fixture, TOKEN);
    segment_fixture_put(&fixture, &token);
    struct verifier *verifier = segment_fixture_verifier(&fixture);
    static struct verify_request requests[300];
    static struct verify_result results[300];
    for (int i = 0; i < 300; i++) {
        const char *text = i % 3 == 0 ? TOKEN "unknown" : TOKEN;
        requests[i] =
            (struct verify_request){.token = text, .token_length = strlen(text), .cost = 1};
    }
    (void)verify_token(verifier, &requests[0], &results[0]); /* the thread's first */
    uint64_t before = allocations;
    for (int i = 0; i < 300; i++) {
        (void)verify_token(verifier, &requests[i], &results[i]);
    }
    verify_batch(verifier, requests, 300, results);
    assert_int_equal(allocations, before);
    verifier_free(verifier);
    segment_fixture_deinit(&fixture);
}

static void test_verifiers_share_one_mapping_and_leave_none(void **state)
{
    (void)state;
    struct segment_fixture fixture;
    segment_fixture_init(&fixture, NULL);
    size_t descriptors = open_descriptors(), maps = mappings();
    struct verifier *verifiers[8];
    for (int i = 0; i < 8; i++) {
        verifiers[i] = segment_fixture_verifier(&fixture);
    }
    assert_int_equal(mappings(), maps + 1);
    assert_int_equal(open_descriptors(), descriptors);
    struct verify_result result;
    for (int i = 0; i < 40000; i++) { /* grows several times; all but the first lag behind */
        char text[64];
        snprintf(text, sizeof text, "sk_live_token_of_the_table_%08d", i);
        struct segment_token token = segment_fixture_token(&fixture, text);
        segment_fixture_put(&fixture, &token);
    }
    for (int i = 0; i < 8; i++) {
        (void)segment_fixture_verify(verifiers[i], TOKEN, &result);
    }
    assert_int_equal(mappings(), maps + 1);
    for (int i = 0; i < 8; i++) {
        verifier_free(verifiers[i]);
    }
    assert_int_equal(mappings(), maps);
    assert_int_equal(open_descriptors(), descriptors);
    segment_fixture_deinit(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_allocations_of_the_tested_code_are_counted),
        cmocka_unit_test(test_no_verification_allocates),
        cmocka_unit_test(test_verifiers_share_one_mapping_and_leave_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
