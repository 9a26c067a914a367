/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "crypto/hmac.h"

/* RFC 4231 §4.3, §4.7 (a key longer than a block) */
static void test_the_published_vectors(void **state)
{
    uint8_t long_key[131], mac[HMAC_SHA256_BYTES];
    char text[2 * HMAC_SHA256_BYTES + 1];
    memset(long_key, 0xaa, sizeof(long_key));
    assert_int_equal(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac), TKR_OK);
    text_hex(mac, sizeof(mac), text);
    assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(hmac_sha256(long_key, sizeof(long_key),
                                 "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac),
                     TKR_OK);
    text_hex(mac, sizeof(mac), text);
    assert_string_equal(text, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
