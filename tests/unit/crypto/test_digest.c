/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "seeded_random.h"

typedef tkr_error_t (*digest_function)(const void *, size_t, uint8_t *);
static const digest_function functions[] = {digest_sha256, digest_sha256_evp};

static void assert_digest(const void *bytes, size_t length, const char *expected)
{
    for (size_t i = 0; i < 2; i++) {
        uint8_t digest[DIGEST_SHA256_BYTES];
        assert_int_equal(functions[i](bytes, length, digest), TKR_OK);
        char hex[2 * DIGEST_SHA256_BYTES + 1];
        text_hex(digest, sizeof(digest), hex);
        assert_string_equal(hex, expected);
    }
}

static void test_nothing_has_a_digest(void **state)
{
    static const char expected[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_digest("", 0, expected);
    assert_digest(NULL, 0, expected);
}

static void test_the_published_vectors(void **state)
{
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_digest(two_blocks, strlen(two_blocks),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    static char million[1000000];
    memset(million, 'a', sizeof(million));
    assert_digest(million, sizeof(million),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_both_ways_agree_at_every_length(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 11);
    uint8_t bytes[700];
    for (size_t length = 0; length < sizeof(bytes); length++) {
        assert_int_equal(random_fill(&random.source, bytes, length), TKR_OK);
        uint8_t a[DIGEST_SHA256_BYTES];
        uint8_t b[DIGEST_SHA256_BYTES];
        assert_int_equal(digest_sha256(bytes, length, a), TKR_OK);
        assert_int_equal(digest_sha256_evp(bytes, length, b), TKR_OK);
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void test_a_digest_leaves_nothing_for_the_next(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        uint8_t first[DIGEST_SHA256_BYTES];
        uint8_t other[DIGEST_SHA256_BYTES];
        uint8_t again[DIGEST_SHA256_BYTES];
        assert_int_equal(functions[i]("token", 5, first), TKR_OK);
        assert_int_equal(functions[i]("another token", 13, other), TKR_OK);
        assert_int_equal(functions[i]("token", 5, again), TKR_OK);
        assert_memory_equal(first, again, sizeof(first));
        assert_memory_not_equal(first, other, sizeof(first));
    }
}

struct work {
    size_t function;
    uint8_t seed;
    int wrong;
};

static void *digest_many(void *context)
{
    struct work *work = context;
    uint8_t bytes[57];
    memset(bytes, work->seed, sizeof(bytes));
    uint8_t expected[DIGEST_SHA256_BYTES];
    if (functions[work->function](bytes, sizeof(bytes), expected) != TKR_OK) {
        work->wrong++;
    }
    for (int i = 0; i < 2000; i++) {
        uint8_t digest[DIGEST_SHA256_BYTES];
        if (functions[work->function](bytes, sizeof(bytes), digest) != TKR_OK ||
            memcmp(digest, expected, sizeof(digest)) != 0) {
            work->wrong++;
        }
    }
    return NULL;
}

/* Under LeakSanitizer this also shows that the end of a thread frees its context. */
static void test_threads_do_not_disturb_each_other(void **state)
{
    struct work work[8];
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        work[i] = (struct work){i % 2, (uint8_t)i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, digest_many, &work[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(work[i].wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_has_a_digest),
        cmocka_unit_test(test_the_published_vectors),
        cmocka_unit_test(test_both_ways_agree_at_every_length),
        cmocka_unit_test(test_a_digest_leaves_nothing_for_the_next),
        cmocka_unit_test(test_threads_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
