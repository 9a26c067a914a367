/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "notify/signature.h"

#define KEY "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static tkr_error_t read_keys(const char *text, struct notify_keys *keys)
{
    struct fault fault = {0};
    tkr_error_t error = signature_keys_read(text, strlen(text), keys, &fault);
    assert_null(strstr(fault.detail, "MfKQ"));
    return error;
}

static void test_what_is_no_key_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8=",
        "whsec_!!KQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        KEY "\nwhsec_x",
        KEY " ",
        KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY,
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAA",
    };
    struct notify_keys keys;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(read_keys(bad[i], &keys), TKR_OK);
    }
}

/* The example of the Standard Webhooks' own libraries. */
static void test_the_published_signature(void **state)
{
    static const char body[] = "{\"test\": 2432232314}";
    struct notify_keys keys;
    char signature[SIGNATURE_SIZE];
    assert_int_equal(read_keys(KEY "\n", &keys), TKR_OK);
    assert_int_equal(signature_make(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body,
                                    sizeof(body) - 1, signature),
                     TKR_OK);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void test_each_key_signs(void **state)
{
    struct notify_keys keys;
    char signature[SIGNATURE_SIZE], one[SIGNATURE_SIZE], both[2 * SIGNATURE_SIZE];
    assert_int_equal(read_keys(KEY, &keys), TKR_OK);
    assert_int_equal(signature_make(&keys, "msg_1", 1, "x", 1, one), TKR_OK);
    assert_int_equal(read_keys(KEY "\r\n\n" KEY "\n", &keys), TKR_OK);
    assert_int_equal(signature_make(&keys, "msg_1", 1, "x", 1, signature), TKR_OK);
    snprintf(both, sizeof(both), "%s %s", one, one);
    assert_string_equal(signature, both);
    assert_int_equal(read_keys(KEY "\n" KEY "\n" KEY "\n" KEY, &keys), TKR_OK);
    assert_int_equal(signature_make(&keys, "msg_1", 1, "x", 1, signature), TKR_OK);
    assert_int_equal(strlen(signature), 4 * strlen(one) + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_key_is_refused),
        cmocka_unit_test(test_the_published_signature),
        cmocka_unit_test(test_each_key_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
