/* SPDX-License-Identifier: Apache-2.0 */
/* Users, organisations and roles, and changes of many tokens. */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

static const struct store_event event = {.at_ms = SAMPLE_NOW, .type = "test"};

static struct user sample_user(const char *id)
{
    return (struct user){.org_id = "acme",
                         .id = id,
                         .metadata = "{}",
                         .created_at_ms = SAMPLE_NOW,
                         .updated_at_ms = SAMPLE_NOW,
                         .version = 1};
}

static tkr_error_t insert_user(struct fixture *fixture, const struct user *user)
{
    begin(fixture);
    tkr_error_t error = fixture->port.tenancy.insert_user(fixture->store, user, &event);
    commit(fixture);
    return error;
}

static struct user get_user(struct fixture *fixture, const char *org, const char *id)
{
    struct user user;
    assert_int_equal(fixture->port.tenancy.get_user(fixture->store, org, id, fixture->arena, &user),
                     TKR_OK);
    return user;
}

static tkr_error_t put_role(struct fixture *fixture, struct role *role)
{
    begin(fixture);
    tkr_error_t error = fixture->port.tenancy.put_role(fixture->store, role, &event);
    commit(fixture);
    return error;
}

static struct role sample_role(const char *org, const char *name, const char *scopes)
{
    return (struct role){.org_id = org,
                         .name = name,
                         .scopes = scopes,
                         .created_at_ms = SAMPLE_NOW,
                         .updated_at_ms = SAMPLE_NOW};
}

/* --- users ------------------------------------------------------------------------------- */

static void test_a_user_is_kept_as_it_is_and_once(void **state)
{
    struct fixture *fixture = *state;
    struct user user = sample_user("alice");
    user.tier = "pro";
    user.email = "alice@example.org";
    user.metadata = "{\"a\":1}";
    user.overrides = (struct limits){1, {5, LIMIT_NONE, LIMIT_NONE}};
    user.suspended_at_ms = SAMPLE_NOW - 1;
    assert_int_equal(insert_user(fixture, &user), TKR_OK);
    assert_int_equal(insert_user(fixture, &user), TKR_CONFLICT);
    reopen_store(fixture);
    struct user kept = get_user(fixture, "acme", "alice");
    assert_string_equal(kept.tier, "pro");
    assert_string_equal(kept.email, "alice@example.org");
    assert_string_equal(kept.metadata, "{\"a\":1}");
    assert_int_equal(kept.overrides.limit[WINDOW_MINUTE], 5);
    assert_int_equal(kept.suspended_at_ms, SAMPLE_NOW - 1);
    assert_int_equal(kept.version, 1);
    struct user other;
    assert_int_equal(
        fixture->port.tenancy.get_user(fixture->store, "beta", "alice", fixture->arena, &other),
        TKR_NOT_FOUND);
}

static void test_a_user_of_an_unknown_tier_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct user user = sample_user("alice");
    struct org org;
    user.tier = "none";
    assert_int_equal(insert_user(fixture, &user), TKR_NOT_FOUND);
    assert_int_equal(fixture->port.tenancy.get_org(fixture->store, "acme", fixture->arena, &org),
                     TKR_NOT_FOUND);
}

static void test_a_user_that_a_token_made_is_one_too(void **state)
{
    struct fixture *fixture = *state;
    sample_store(&fixture->port, sample_token(1));
    struct user user = sample_user("alice");
    assert_int_equal(insert_user(fixture, &user), TKR_CONFLICT);
    user = get_user(fixture, "acme", "alice");
    assert_null(user.tier);
    assert_string_equal(user.metadata, "{}");
    assert_int_equal(user.updated_at_ms, user.created_at_ms);
}

static void test_a_change_of_another_version_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct user user = sample_user("alice");
    assert_int_equal(insert_user(fixture, &user), TKR_OK);
    struct user stale = user;
    user.email = "a@b";
    begin(fixture);
    assert_int_equal(fixture->port.tenancy.update_user(fixture->store, &user, &event), TKR_OK);
    assert_int_equal(user.version, 2);
    assert_int_equal(fixture->port.tenancy.update_user(fixture->store, &stale, &event),
                     TKR_PRECONDITION);
    commit(fixture);
    assert_string_equal(get_user(fixture, "acme", "alice").email, "a@b");
}

static void test_ensuring_a_user_tells_its_tier_and_suspension(void **state)
{
    struct fixture *fixture = *state;
    struct user user = sample_user("alice");
    user.tier = "pro";
    user.suspended_at_ms = SAMPLE_NOW;
    assert_int_equal(insert_user(fixture, &user), TKR_OK);
    struct store_user ensured = ensure_user(fixture, "acme", "alice", true, false);
    assert_string_equal(ensured.tier, "pro");
    assert_true(ensured.suspended);
    assert_int_not_equal(ensured.line, SEGMENT_NO_LINE);
    ensured = ensure_user(fixture, "acme", "bob", false, true);
    assert_null(ensured.tier);
}

static size_t count_users(struct fixture *fixture, struct user_filter filter)
{
    struct user_page page;
    filter.page.limit = LIST_PAGE_MAX;
    assert_int_equal(
        fixture->port.tenancy.list_users(fixture->store, &filter, fixture->arena, &page), TKR_OK);
    return page.count;
}

static void test_users_are_listed_by_filter_and_page(void **state)
{
    struct fixture *fixture = *state;
    char ids[12][16];
    for (unsigned i = 0; i < 12; i++) {
        snprintf(ids[i], sizeof(ids[i]), "u%u", i);
        struct user user = sample_user(ids[i]);
        user.org_id = i % 2 == 0 ? "acme" : "beta";
        user.tier = i % 3 == 0 ? "pro" : NULL;
        user.suspended_at_ms = i % 4 == 0 ? SAMPLE_NOW : 0;
        assert_int_equal(insert_user(fixture, &user), TKR_OK);
    }
    assert_int_equal(count_users(fixture, (struct user_filter){0}), 12);
    assert_int_equal(count_users(fixture, (struct user_filter){.org_id = "acme"}), 6);
    assert_int_equal(count_users(fixture, (struct user_filter){.tier = "pro"}), 4);
    assert_int_equal(count_users(fixture, (struct user_filter){.tier = "pro", .org_id = "acme"}),
                     2);
    assert_int_equal(
        count_users(fixture, (struct user_filter){.has_suspended = true, .suspended = true}), 3);
    assert_int_equal(count_users(fixture, (struct user_filter){.has_suspended = true}), 9);
    struct user_filter filter = {.page = {.limit = 5}};
    struct user_page page;
    size_t seen = 0;
    do {
        assert_int_equal(
            fixture->port.tenancy.list_users(fixture->store, &filter, fixture->arena, &page),
            TKR_OK);
        for (size_t i = 0; i < page.count; i++) {
            assert_string_equal(page.users[i].id, ids[11 - seen++]);
        }
        filter.page.cursor = page.next_cursor;
    } while (page.next_cursor != NULL);
    assert_int_equal(seen, 12);
    filter.page.cursor = "x1";
    assert_int_equal(
        fixture->port.tenancy.list_users(fixture->store, &filter, fixture->arena, &page),
        TKR_INVALID);
}

/* --- many tokens -------------------------------------------------------------------------- */

static size_t scan(struct fixture *fixture, struct token_scan scan,
                   struct scanned_token tokens[STORE_SCAN_TOKENS])
{
    size_t count = 0;
    begin(fixture);
    assert_int_equal(
        fixture->port.tenancy.scan_tokens(fixture->store, &scan, fixture->arena, tokens, &count),
        TKR_OK);
    commit(fixture);
    return count;
}

static void test_a_scan_shows_the_tokens_of_a_user_in_slices(void **state)
{
    struct fixture *fixture = *state;
    static struct scanned_token tokens[STORE_SCAN_TOKENS];
    begin(fixture);
    for (unsigned i = 0; i < STORE_SCAN_TOKENS + 20; i++) {
        struct token token = sample_token(i + 1);
        token.user_id = i % 20 == 0 ? "bob" : "alice";
        assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
    }
    commit(fixture);
    struct token_scan asked = {.org_id = "acme", .user_id = "alice"};
    size_t seen = 0, count;
    int64_t last = 0;
    while ((count = scan(fixture, asked, tokens)) > 0) {
        for (size_t i = 0; i < count; i++) {
            assert_true(tokens[i].number > last);
            last = tokens[i].number;
        }
        seen += count;
        asked.after = last;
    }
    assert_int_equal(seen, STORE_SCAN_TOKENS + 20 - (STORE_SCAN_TOKENS + 20 + 19) / 20);
    asked = (struct token_scan){.org_id = "acme", .user_id = "nobody"};
    assert_int_equal(scan(fixture, asked, tokens), 0);
}

static void test_an_inherited_tier_is_changed_and_no_other(void **state)
{
    struct fixture *fixture = *state;
    struct token inherits = sample_token(1), own = sample_token(2), other = sample_token(3);
    inherits.tier_inherited = true;
    other.tier_inherited = true;
    other.user_id = "bob";
    inherits = sample_store(&fixture->port, inherits);
    own = sample_store(&fixture->port, own);
    other = sample_store(&fixture->port, other);
    struct user user = sample_user("alice");
    begin(fixture);
    assert_int_equal(
        fixture->port.tenancy.set_inherited_tier(fixture->store, &user, "pro", SAMPLE_NOW + 9),
        TKR_OK);
    commit(fixture);
    struct token changed = get(fixture, inherits.id);
    assert_string_equal(changed.tier, "pro");
    assert_true(changed.tier_inherited);
    assert_int_equal(changed.version, inherits.version + 1);
    assert_int_equal(changed.updated_at_ms, SAMPLE_NOW + 9);
    assert_string_equal(get(fixture, own.id).tier, "free");
    assert_string_equal(get(fixture, other.id).tier, "free");
}

static void test_a_replacement_revokes_what_could_be_used_and_tells_each(void **state)
{
    struct fixture *fixture = *state;
    struct token tokens[9];
    for (unsigned i = 0; i < 9; i++) {
        tokens[i] = sample_token(i + 1);
    }
    tokens[1].disabled_at_ms = SAMPLE_NOW;
    tokens[2].not_before_ms = SAMPLE_NOW + 1000; /* these three and the first are replaced */
    tokens[3].quarantined_at_ms = SAMPLE_NOW;
    tokens[4].expires_at_ms = SAMPLE_NOW - 1;
    tokens[5].kind = TOKEN_KIND_SERVICE;
    tokens[6].env = TOKEN_ENV_TEST;
    tokens[7].honeytoken = true;
    for (unsigned i = 0; i < 9; i++) {
        tokens[i] = sample_store(&fixture->port, tokens[i]);
    }
    struct token_replacement replacement = {.org_id = "acme",
                                            .user_id = "alice",
                                            .kind = TOKEN_KIND_USER,
                                            .env = TOKEN_ENV_LIVE,
                                            .kept_lineage_id = tokens[8].lineage_id,
                                            .reason = "replaced",
                                            .at_ms = SAMPLE_NOW + 5};
    struct store_event told = sample_event("token.revoke", &tokens[8]);
    uint64_t count = 0;
    begin(fixture);
    assert_int_equal(
        fixture->port.tenancy.replace_tokens(fixture->store, &replacement, &told, &count), TKR_OK);
    commit(fixture);
    assert_int_equal(count, 3);
    for (unsigned i = 0; i < 9; i++) {
        struct token token = get(fixture, tokens[i].id);
        assert_int_equal(token.revoked_at_ms, i < 3 ? SAMPLE_NOW + 5 : 0);
        assert_int_equal(token.version, tokens[i].version + (i < 3));
        if (i < 3) {
            assert_string_equal(token.revoke_reason, "replaced");
        }
    }
    uint64_t seq = identity(fixture).seq;
    begin(fixture);
    assert_int_equal(
        fixture->port.tenancy.replace_tokens(fixture->store, &replacement, &told, &count), TKR_OK);
    commit(fixture);
    assert_int_equal(count, 0);
    assert_int_equal(identity(fixture).seq, seq);
}

/* --- organisations ------------------------------------------------------------------------- */

static void test_an_org_is_kept_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct org org = {.id = "acme",
                      .created_at_ms = SAMPLE_NOW,
                      .updated_at_ms = SAMPLE_NOW,
                      .version = 1,
                      .one_active_per_user = CHOICE_YES};
    struct org kept;
    char text[LIFETIMES_TEXT_SIZE];
    static const char said[] = "user.default=30d user.max=never admin.on_exceed=reject";
    assert_int_equal(lifetimes_parse(said, strlen(said), &org.lifetimes), TKR_OK);
    begin(fixture);
    assert_int_equal(fixture->port.tenancy.insert_org(fixture->store, &org, &event), TKR_OK);
    assert_int_equal(fixture->port.tenancy.insert_org(fixture->store, &org, &event), TKR_CONFLICT);
    commit(fixture);
    reopen_store(fixture);
    assert_int_equal(fixture->port.tenancy.get_org(fixture->store, "acme", fixture->arena, &kept),
                     TKR_OK);
    assert_string_equal(lifetimes_format(&kept.lifetimes, text), said);
    assert_int_equal(kept.one_active_per_user, CHOICE_YES);
    kept.one_active_per_user = CHOICE_OF_SERVER;
    kept.lifetimes = (struct lifetimes){0};
    begin(fixture);
    assert_int_equal(fixture->port.tenancy.update_org(fixture->store, &kept, &event), TKR_OK);
    assert_int_equal(kept.version, 2);
    assert_int_equal(fixture->port.tenancy.update_org(fixture->store, &org, &event),
                     TKR_PRECONDITION);
    commit(fixture);
    assert_int_equal(fixture->port.tenancy.get_org(fixture->store, "acme", fixture->arena, &kept),
                     TKR_OK);
    assert_int_equal(kept.one_active_per_user, CHOICE_OF_SERVER);
    assert_string_equal(lifetimes_format(&kept.lifetimes, text), "");
}

static void test_orgs_are_listed_newest_first(void **state)
{
    struct fixture *fixture = *state;
    static const char *const ids[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        ensure_user(fixture, ids[i], "u", false, true); /* a user makes its org, too */
    }
    struct page_of asked = {.limit = 2};
    struct org_page page;
    assert_int_equal(fixture->port.tenancy.list_orgs(fixture->store, &asked, fixture->arena, &page),
                     TKR_OK);
    assert_int_equal(page.count, 2);
    assert_string_equal(page.orgs[0].id, "c");
    asked.cursor = page.next_cursor;
    assert_int_equal(fixture->port.tenancy.list_orgs(fixture->store, &asked, fixture->arena, &page),
                     TKR_OK);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.orgs[0].id, "a");
    assert_null(page.next_cursor);
}

/* --- roles --------------------------------------------------------------------------------- */

static void test_a_role_is_of_one_org_or_of_all_but_not_both(void **state)
{
    struct fixture *fixture = *state;
    struct role of_all = sample_role(NULL, "reader", "a:read");
    struct role own = sample_role("acme", "writer", "a:write");
    struct role beta = sample_role("beta", "writer", "b:write");
    assert_int_equal(put_role(fixture, &of_all), TKR_OK);
    assert_int_equal(put_role(fixture, &own), TKR_OK);
    assert_int_equal(put_role(fixture, &beta), TKR_OK);
    struct role clash = sample_role("acme", "reader", "x");
    assert_int_equal(put_role(fixture, &clash), TKR_CONFLICT);
    clash = sample_role(NULL, "writer", "x");
    assert_int_equal(put_role(fixture, &clash), TKR_CONFLICT);
    struct role found;
    assert_int_equal(
        fixture->port.tenancy.get_role(fixture->store, "acme", "writer", fixture->arena, &found),
        TKR_OK);
    assert_string_equal(found.scopes, "a:write");
    assert_string_equal(found.org_id, "acme");
    assert_int_equal(
        fixture->port.tenancy.get_role(fixture->store, "beta", "reader", fixture->arena, &found),
        TKR_OK);
    assert_null(found.org_id);
    assert_int_equal(
        fixture->port.tenancy.get_role(fixture->store, "gamma", "writer", fixture->arena, &found),
        TKR_NOT_FOUND);
}

static void test_a_role_has_a_version_and_goes(void **state)
{
    struct fixture *fixture = *state;
    struct role role = sample_role("acme", "writer", "a:write");
    struct role found;
    assert_int_equal(put_role(fixture, &role), TKR_OK);
    struct role stale = role;
    role.scopes = "b:write";
    assert_int_equal(put_role(fixture, &role), TKR_OK);
    assert_int_equal(role.version, 2);
    assert_int_equal(put_role(fixture, &stale), TKR_PRECONDITION);
    begin(fixture);
    assert_int_equal(fixture->port.tenancy.delete_role(fixture->store, &role, &event), TKR_OK);
    commit(fixture);
    assert_int_equal(
        fixture->port.tenancy.get_role(fixture->store, "acme", "writer", fixture->arena, &found),
        TKR_NOT_FOUND);
}

static void test_a_token_keeps_its_role_and_its_own_scopes(void **state)
{
    struct fixture *fixture = *state;
    static struct scanned_token tokens[STORE_SCAN_TOKENS];
    struct role role = sample_role("acme", "writer", "a:write");
    uint64_t count = 0;
    assert_int_equal(put_role(fixture, &role), TKR_OK);
    struct token token = sample_token(1);
    token.role = "writer";
    token.own_scopes = "";
    token.scopes = "a:write";
    token = sample_store(&fixture->port, token);
    sample_store(&fixture->port, sample_token(2));
    struct token kept = get(fixture, token.id);
    assert_string_equal(kept.role, "writer");
    assert_string_equal(kept.own_scopes, "");
    struct token_scan asked = {.org_id = "acme", .role = "writer"};
    assert_int_equal(scan(fixture, asked, tokens), 1);
    assert_string_equal(tokens[0].scopes, "a:write");
    begin(fixture);
    assert_int_equal(fixture->port.tenancy.count_role(fixture->store, &role, &count), TKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(fixture->port.tenancy.set_token_scopes(fixture->store, tokens[0].number, "x",
                                                            SAMPLE_NOW + 1),
                     TKR_OK);
    commit(fixture);
    kept = get(fixture, token.id);
    assert_string_equal(kept.scopes, "x");
    assert_int_equal(kept.version, token.version + 1);
}

static void test_an_org_has_so_many_roles_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    char name[16];
    struct role role;
    begin(fixture);
    for (unsigned i = 0; i < ROLES_PER_ORG_MAX; i++) {
        snprintf(name, sizeof(name), "r%u", i);
        role = sample_role("acme", name, "");
        assert_int_equal(fixture->port.tenancy.put_role(fixture->store, &role, &event), TKR_OK);
    }
    role = sample_role("acme", "one-more", "");
    assert_int_equal(fixture->port.tenancy.put_role(fixture->store, &role, &event), TKR_CAPACITY);
    role = sample_role("beta", "one-more", "");
    assert_int_equal(fixture->port.tenancy.put_role(fixture->store, &role, &event), TKR_OK);
    commit(fixture);
    struct role_filter filter = {.org_id = "acme", .page = {.limit = LIST_PAGE_MAX}};
    struct role_page page;
    assert_int_equal(
        fixture->port.tenancy.list_roles(fixture->store, &filter, fixture->arena, &page), TKR_OK);
    assert_int_equal(page.count, ROLES_PER_ORG_MAX);
    filter.org_id = NULL;
    filter.page.limit = 100;
    assert_int_equal(
        fixture->port.tenancy.list_roles(fixture->store, &filter, fixture->arena, &page), TKR_OK);
    assert_int_equal(page.count, 100);
    assert_string_equal(page.roles[0].name, "one-more");
    assert_non_null(page.next_cursor);
}

int suite_tenancy(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_a_user_is_kept_as_it_is_and_once),
        SUITE_TEST(test_a_user_of_an_unknown_tier_leaves_nothing),
        SUITE_TEST(test_a_user_that_a_token_made_is_one_too),
        SUITE_TEST(test_a_change_of_another_version_is_refused),
        SUITE_TEST(test_ensuring_a_user_tells_its_tier_and_suspension),
        SUITE_TEST(test_users_are_listed_by_filter_and_page),
        SUITE_TEST(test_a_scan_shows_the_tokens_of_a_user_in_slices),
        SUITE_TEST(test_an_inherited_tier_is_changed_and_no_other),
        SUITE_TEST(test_a_replacement_revokes_what_could_be_used_and_tells_each),
        SUITE_TEST(test_an_org_is_kept_as_it_is),
        SUITE_TEST(test_orgs_are_listed_newest_first),
        SUITE_TEST(test_a_role_is_of_one_org_or_of_all_but_not_both),
        SUITE_TEST(test_a_role_has_a_version_and_goes),
        SUITE_TEST(test_a_token_keeps_its_role_and_its_own_scopes),
        SUITE_TEST(test_an_org_has_so_many_roles_and_no_more),
    };
    return cmocka_run_group_tests_name("tenancy", tests, NULL, NULL);
}
