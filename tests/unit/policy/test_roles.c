/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "policy/roles.h"
#include "policy/scopes.h"

static const char *scopes_of(const char *name)
{
    for (size_t i = 0; i < ROLES_BUILT_IN; i++) {
        if (strcmp(roles_built_in[i].name, name) == 0) {
            return roles_built_in[i].scopes;
        }
    }
    fail_msg("there is no role %s", name);
    return "";
}

static bool grants(const char *role, const char *scope)
{
    const char *scopes = scopes_of(role);
    return scopes_grant(scopes, strlen(scopes), scope, strlen(scope));
}

static void test_a_name_has_few_characters(void **state)
{
    char longest[ROLE_NAME_BYTES_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    assert_true(role_name_valid(longest, ROLE_NAME_BYTES_MAX));
    assert_false(role_name_valid(longest, ROLE_NAME_BYTES_MAX + 1));
    assert_true(role_name_valid("on-call_2", 9));
    assert_false(role_name_valid("", 0));
    assert_false(role_name_valid("On", 2));
    assert_false(role_name_valid("a b", 3));
    assert_false(role_name_valid("a/b", 3));
}

static void test_the_built_in_ones_are_canonical(void **state)
{
    for (size_t i = 0; i < ROLES_BUILT_IN; i++) {
        CLEANUP(buffer_deinit) struct buffer text;
        const char *scopes = roles_built_in[i].scopes;
        buffer_init(&text, SCOPES_TEXT_BYTES_MAX);
        assert_int_equal(scopes_union(scopes, strlen(scopes), scopes, strlen(scopes), &text, NULL),
                         TKR_OK);
        assert_string_equal(text.data, scopes);
        assert_true(role_is_built_in(roles_built_in[i].name));
    }
    assert_false(role_is_built_in("root"));
}

static void test_an_auditor_changes_nothing(void **state)
{
    const char *scopes = scopes_of("auditor");
    size_t position = 0, length;
    const char *scope;
    while ((scope = scopes_next(scopes, strlen(scopes), &position, &length)) != NULL) {
        assert_memory_equal(scope + length - 5, ":read", 5);
    }
    assert_true(grants("auditor", "audit:read"));
}

static void test_an_operator_cannot_change_what_an_operator_may_do(void **state)
{
    static const char *const others[] = {"*",          "roles:write", "tiers:write",
                                         "orgs:write", "vault:read",  "audit:write"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(grants("operator", others[i]));
    }
    assert_true(grants("operator", "tokens:emergency"));
    assert_true(grants("operator", "users:write"));
    assert_true(grants("admin", "vault:write"));
    assert_false(grants("user", "tokens:read"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_has_few_characters),
        cmocka_unit_test(test_the_built_in_ones_are_canonical),
        cmocka_unit_test(test_an_auditor_changes_nothing),
        cmocka_unit_test(test_an_operator_cannot_change_what_an_operator_may_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
