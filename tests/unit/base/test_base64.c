/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base64.h"

static void test_what_is_not_the_one_text_of_some_bytes_is_refused(void **state)
{
    static const char *const bad[] = {
        "Zg",      "Zg=",  "Z===",   "====",  "=",     "Zg==Zg==",   "Zm9=v",
        "Zh==",    "Zm9=", "Zm9v\n", "Zm9v ", " Zm9v", "Zm\n9",      "Zm9v====",
        "Zm9\xC3", "Zm-_", "Zm9v=",  "Z=g=",  "Zg=v",  "Zm9vYg==\n", "Zm9*",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t bytes[16];
        size_t length = 99;
        assert_int_equal(base64_decode(bad[i], strlen(bad[i]), bytes, sizeof(bytes), &length),
                         TKR_MALFORMED);
        assert_int_equal(length, 99);
    }
    uint8_t bytes[16];
    size_t length;
    assert_int_equal(base64_decode("Zm9\0", 4, bytes, sizeof(bytes), &length), TKR_MALFORMED);
}

static void test_more_than_there_is_room_for_is_too_large(void **state)
{
    uint8_t bytes[6] = {0};
    size_t length = 99;
    assert_int_equal(base64_decode("Zm9vYmFy", 8, bytes, 5, &length), TKR_TOO_LARGE);
    assert_int_equal(bytes[5], 0);
    assert_int_equal(base64_decode("Zm8=", 4, bytes, 1, &length), TKR_TOO_LARGE);
    assert_int_equal(length, 99);
    assert_int_equal(base64_decode("Zm9vYmFy", 8, bytes, 6, &length), TKR_OK);
}

/* RFC 4648 §10 */
static void test_the_published_vectors(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xFB\xFF\xBF"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[16];
        size_t length;
        assert_int_equal(
            base64_decode(rows[i][0], strlen(rows[i][0]), bytes, sizeof(bytes), &length), TKR_OK);
        char text[BASE64_CHARS(sizeof(bytes)) + 1];
        assert_string_equal(base64_encode(rows[i][1], strlen(rows[i][1]), text), rows[i][0]);
        assert_int_equal(BASE64_CHARS(strlen(rows[i][1])), strlen(rows[i][0]));
        assert_int_equal(length, strlen(rows[i][1]));
        assert_memory_equal(bytes, rows[i][1], length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_the_one_text_of_some_bytes_is_refused),
        cmocka_unit_test(test_more_than_there_is_room_for_is_too_large),
        cmocka_unit_test(test_the_published_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
