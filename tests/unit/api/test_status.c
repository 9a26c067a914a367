/* SPDX-License-Identifier: Apache-2.0 */
#include "api/status.h"
#include "unit.h"

static void test_every_error_has_a_status_of_its_category(void **state)
{
    for (tkr_error_t error = TKR_OK + 1; error < TKR_ERROR_COUNT; error++) {
        unsigned status = status_of_error(error);
        switch (tkr_error_category(error)) {
        case TKR_CATEGORY_CALLER:
        case TKR_CATEGORY_DENIED:
            assert_in_range(status, 400, 499);
            break;
        case TKR_CATEGORY_RETRYABLE:
            assert_int_equal(status, 503);
            assert_true(status_retryable(status));
            break;
        case TKR_CATEGORY_INTERNAL:
            assert_in_range(status, 500, 503);
            break;
        case TKR_CATEGORY_NONE:
            fail();
        }
    }
}

static void test_only_valid_is_200(void **state)
{
    for (tkr_verdict_t verdict = 0; verdict < TKR_VERDICT_COUNT; verdict++) {
        assert_int_equal(status_of_verdict(verdict).status == 200, verdict == TKR_VERDICT_VALID);
    }
}

static void test_unavailable_is_never_a_denial(void **state)
{
    assert_int_equal(status_of_verdict(TKR_VERDICT_UNAVAILABLE).status, 503);
    assert_null(status_of_verdict(TKR_VERDICT_UNAVAILABLE).bearer_error);
}

static void test_every_401_has_a_challenge_of_rfc_6750(void **state)
{
    for (tkr_verdict_t verdict = 0; verdict < TKR_VERDICT_COUNT; verdict++) {
        struct verdict_status row = status_of_verdict(verdict);
        if (row.status == 401) {
            assert_string_equal(row.bearer_error, "invalid_token");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_has_a_status_of_its_category),
        cmocka_unit_test(test_only_valid_is_200),
        cmocka_unit_test(test_unavailable_is_never_a_denial),
        cmocka_unit_test(test_every_401_has_a_challenge_of_rfc_6750),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
