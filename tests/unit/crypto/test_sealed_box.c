/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/sealed_box.h"

static void test_a_key_that_nobody_has_is_refused(void **state)
{
    (void)state;
    uint8_t zeros[SEALED_BOX_KEY_BYTES] = {0}, box[5 + SEALED_BOX_MORE_BYTES];
    assert_int_equal(sealed_box_make(zeros, "hello", 5, box), TKR_INVALID);
}

static void test_only_the_secret_key_opens_it(void **state)
{
    (void)state;
    uint8_t public[SEALED_BOX_KEY_BYTES], secret[SEALED_BOX_KEY_BYTES];
    uint8_t box[5 + SEALED_BOX_MORE_BYTES], again[sizeof(box)], text[5];
    assert_true(sodium_init() >= 0);
    crypto_box_keypair(public, secret);
    assert_int_equal(sealed_box_make(public, "hello", 5, box), TKR_OK);
    assert_int_equal(sealed_box_make(public, "hello", 5, again), TKR_OK);
    assert_memory_not_equal(box, again, sizeof(box));
    assert_int_equal(crypto_box_seal_open(text, box, sizeof(box), public, secret), 0);
    assert_memory_equal(text, "hello", 5);
    secret[1] ^= 1;
    assert_int_not_equal(crypto_box_seal_open(text, box, sizeof(box), public, secret), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_that_nobody_has_is_refused),
        cmocka_unit_test(test_only_the_secret_key_opens_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
