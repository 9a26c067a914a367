/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

/* --- lists ------------------------------------------------------------------------------- */

static void test_pages_show_each_token_once_newest_first(void **state)
{
    struct fixture *fixture = *state;
    char cursor[STORE_CURSOR_BYTES_MAX + 1];
    struct token_filter filter = {.limit = 4};
    unsigned expected = 10;
    for (unsigned i = 1; i <= 10; i++) {
        sample_store(&fixture->port, sample_token(i));
    }
    for (unsigned pages = 1; pages <= 3; pages++) {
        struct token_page page = list(fixture, filter);
        for (size_t i = 0; i < page.count; i++) {
            struct token sample = sample_token(expected--);
            assert_string_equal(page.tokens[i].id, sample.id);
        }
        if (page.next_cursor == NULL) {
            assert_int_equal(pages, 3);
            break;
        }
        snprintf(cursor, sizeof(cursor), "%s", page.next_cursor);
        filter.cursor = cursor;
        sample_store(&fixture->port, sample_token(100 + pages)); /* newer ones do not shift it */
    }
    assert_int_equal(expected, 0);
}

static void test_a_last_page_that_is_full_has_no_next(void **state)
{
    struct fixture *fixture = *state;
    sample_store(&fixture->port, sample_token(1));
    sample_store(&fixture->port, sample_token(2));
    struct token_page page = list(fixture, (struct token_filter){.limit = 2});
    assert_int_equal(page.count, 2);
    assert_null(page.next_cursor);
}

static void test_lists_filter_by_org_user_and_name(void **state)
{
    struct fixture *fixture = *state;
    static const char *const who[][3] = {
        {"acme", "alice", "one"}, {"acme", "bob", "one"}, {"acme", "bob", "two"},
        {"beta", "alice", "two"}, {"beta", "bob", "one"},
    };
    for (unsigned i = 0; i < 5; i++) {
        struct token token = sample_token(i + 1);
        token.org_id = who[i][0];
        token.user_id = who[i][1];
        token.name = who[i][2];
        sample_store(&fixture->port, token);
    }
    static const char *const asked[][3] = {
        {NULL, NULL, NULL},    {"acme", NULL, NULL},   {NULL, "alice", NULL},
        {NULL, NULL, "two"},   {"acme", "bob", NULL},  {"acme", NULL, "one"},
        {NULL, "bob", "one"},  {"beta", "bob", "one"}, {"beta", "carol", NULL},
        {"gamma", NULL, NULL}, {NULL, NULL, "three"},
    };
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct token_page page =
            list(fixture, (struct token_filter){
                              .org_id = asked[i][0], .user_id = asked[i][1], .name = asked[i][2]});
        size_t found = 0;
        for (unsigned n = 5; n-- > 0;) {
            if ((asked[i][0] == NULL || strcmp(asked[i][0], who[n][0]) == 0) &&
                (asked[i][1] == NULL || strcmp(asked[i][1], who[n][1]) == 0) &&
                (asked[i][2] == NULL || strcmp(asked[i][2], who[n][2]) == 0)) {
                struct token sample = sample_token(n + 1);
                assert_in_range(found, 0, page.count - 1);
                assert_string_equal(page.tokens[found++].id, sample.id);
            }
        }
        assert_int_equal(page.count, found);
    }
}

/* Times that are past, now and to come, in all their combinations. */
#define MIXED_TOKENS 162
static struct token mixed_token(unsigned number)
{
    static const int64_t validity[] = {0, SAMPLE_NOW - 10, SAMPLE_NOW, SAMPLE_NOW + 10};
    struct token token = sample_token(number + 1);
    token.revoked_at_ms = number % 3 == 0 ? SAMPLE_NOW - 5 : 0;
    token.disabled_at_ms = number / 3 % 3 == 0 ? SAMPLE_NOW - 5 : 0;
    token.quarantined_at_ms = number / 9 % 3 == 0 ? SAMPLE_NOW - 5 : 0;
    token.not_before_ms = validity[number / 27 % 2 == 0 ? 0 : number % 4];
    token.expires_at_ms = validity[number / 54 % 3 == 0 ? 0 : (number / 7) % 4];
    return token;
}

static void store_mixed(struct fixture *fixture, uint64_t ret_counts[TOKEN_STATUS_COUNT])
{
    memset(ret_counts, 0, TOKEN_STATUS_COUNT * sizeof(ret_counts[0]));
    begin(fixture);
    for (unsigned i = 0; i < MIXED_TOKENS; i++) {
        struct token token = mixed_token(i);
        assert_int_equal(sample_insert(&fixture->port, &token), TKR_OK);
        ret_counts[token_status_at(&token, SAMPLE_NOW)]++;
    }
    commit(fixture);
    for (unsigned i = 0; i < TOKEN_STATUS_COUNT; i++) {
        assert_true(ret_counts[i] > 0); /* the mixture has all */
    }
}

/* Newest first; but by such a state alone, by the time that it goes by. */
static bool in_order(const struct token_filter *filter, const struct token *first,
                     const struct token *second)
{
    bool alone = filter->user_id == NULL && filter->name == NULL;
    bool newer = strcmp(first->id, second->id) > 0;
    if (alone && filter->status == TOKEN_EXPIRED) {
        return first->expires_at_ms > second->expires_at_ms ||
               (first->expires_at_ms == second->expires_at_ms && newer);
    }
    if (alone && filter->status == TOKEN_NOT_YET_VALID) {
        return first->not_before_ms < second->not_before_ms ||
               (first->not_before_ms == second->not_before_ms && !newer);
    }
    return newer;
}

/* Page by page, each token once, in the order of the list that has them all. */
static void test_pages_by_status_are_the_list_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    uint64_t counts[TOKEN_STATUS_COUNT];
    store_mixed(fixture, counts);
    for (unsigned status = 0; status < TOKEN_STATUS_COUNT; status++) {
        struct token_filter filter = {.org_id = "acme",
                                      .has_status = true,
                                      .status = (enum token_status)status,
                                      .limit = LIST_PAGE_MAX};
        struct token_page all = list(fixture, filter);
        char cursor[STORE_CURSOR_BYTES_MAX + 1];
        size_t seen = 0;
        filter.limit = 5;
        for (bool more = true; more;) {
            struct token_page page = list(fixture, filter);
            for (size_t n = 0; n < page.count; n++) {
                assert_string_equal(page.tokens[n].id, all.tokens[seen++].id);
            }
            more = page.next_cursor != NULL;
            snprintf(cursor, sizeof(cursor), "%s", more ? page.next_cursor : "");
            filter.cursor = cursor;
        }
        assert_int_equal(seen, counts[status]);
    }
}

static void test_a_cursor_of_another_order_is_none(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct token_filter filter;
        const char *cursor;
    } rows[] = {
        {{.org_id = "acme"}, "t1.1"},
        {{.org_id = "acme", .has_status = true, .status = TOKEN_EXPIRED}, "n1"},
        {{.org_id = "acme", .has_status = true, .status = TOKEN_EXPIRED}, "t1"},
        {{.org_id = "acme", .has_status = true, .status = TOKEN_EXPIRED}, "t.1"},
        {{.org_id = "acme", .has_status = true, .status = TOKEN_EXPIRED}, "t1."},
        {{.org_id = "acme", .has_status = true, .status = TOKEN_EXPIRED}, "t-1.1"},
        {{.org_id = "acme", .has_status = true, .status = TOKEN_NOT_YET_VALID},
         "t99999999999999999999.1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct token_filter filter = rows[i].filter;
        struct token_page page;
        filter.cursor = rows[i].cursor;
        filter.limit = 10;
        assert_int_equal(fixture->port.list_tokens(fixture->store, &filter, fixture->arena, &page),
                         TKR_INVALID);
    }
}

static void test_lists_filter_by_tier_kind_and_role(void **state)
{
    struct fixture *fixture = *state;
    struct role role = {.org_id = "acme", .name = "crew", .scopes = "a"};
    struct store_event event = {.at_ms = SAMPLE_NOW, .type = "test"};
    for (unsigned i = 0; i < 24; i++) {
        struct token token = sample_token(i + 1);
        token.tier = i % 2 == 0 ? "free" : "pro";
        token.kind = (enum token_kind)(i % 3);
        token.org_id = i % 4 == 0 ? "beta" : "acme";
        token = sample_store(&fixture->port, token);
        if (i == 0) {
            begin(fixture);
            assert_int_equal(fixture->port.tenancy.put_role(fixture->store, &role, &event), TKR_OK);
            commit(fixture);
        }
        if (i % 8 == 1) {
            token.role = "crew";
            token.own_scopes = "";
            assert_int_equal(update_alone(fixture, &token), TKR_OK);
        }
    }
    static const struct {
        struct token_filter filter;
        size_t count;
    } rows[] = {
        {{.tier = "pro"}, 12},
        {{.tier = "pro", .org_id = "acme"}, 12},
        {{.tier = "free", .org_id = "acme"}, 6},
        {{.tier = "none", .org_id = "acme"}, 0},
        {{.has_kind = true, .kind = TOKEN_KIND_SERVICE}, 8},
        {{.has_kind = true, .kind = TOKEN_KIND_SERVICE, .org_id = "acme"}, 6},
        {{.has_kind = true, .kind = TOKEN_KIND_SERVICE, .org_id = "beta"}, 2},
        {{.role = "crew"}, 3},
        {{.role = "crew", .org_id = "acme"}, 3},
        {{.role = "crew", .org_id = "beta"}, 0},
        {{.role = "none", .org_id = "acme"}, 0},
        {{.role = "crew", .tier = "pro", .org_id = "acme"}, 3},
        {{.tier = "pro", .has_kind = true, .kind = TOKEN_KIND_USER, .org_id = "acme"}, 4},
        {{.org_id = "acme", .include_inactive = true}, 18},
        {{.org_id = "acme", .include_inactive = true, .tier = "free"}, 6},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(list(fixture, rows[i].filter).count, rows[i].count);
    }
}

/* What is revoked and what is not come from two indexes. */
static void test_a_list_with_the_revoked_ones_is_in_order(void **state)
{
    struct fixture *fixture = *state;
    char cursor[STORE_CURSOR_BYTES_MAX + 1];
    struct token_filter filter = {.org_id = "acme", .include_inactive = true, .limit = 7};
    for (unsigned i = 1; i <= 30; i++) {
        struct token token = sample_token(i);
        token.revoked_at_ms = i % 3 == 0 || i > 24 ? SAMPLE_NOW : 0;
        sample_store(&fixture->port, token);
    }
    unsigned expected = 30;
    for (bool more = true; more;) {
        struct token_page page = list(fixture, filter);
        for (size_t n = 0; n < page.count; n++) {
            struct token sample = sample_token(expected--);
            assert_string_equal(page.tokens[n].id, sample.id);
        }
        more = page.next_cursor != NULL;
        snprintf(cursor, sizeof(cursor), "%s", more ? page.next_cursor : "");
        filter.cursor = cursor;
    }
    assert_int_equal(expected, 0);
}

static void test_lists_by_status_show_exactly_those(void **state)
{
    struct fixture *fixture = *state;
    uint64_t counts[TOKEN_STATUS_COUNT];
    static const struct token_filter with[] = {
        {.org_id = NULL}, {.org_id = "acme"}, {.user_id = "alice"}, {.name = "token"}};
    store_mixed(fixture, counts);
    for (unsigned status = 0; status < TOKEN_STATUS_COUNT; status++) {
        for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
            struct token_filter filter = with[i];
            filter.has_status = true;
            filter.status = (enum token_status)status;
            filter.limit = LIST_PAGE_MAX;
            struct token_page page = list(fixture, filter);
            assert_int_equal(page.count, counts[status]);
            for (size_t n = 0; n < page.count; n++) {
                assert_int_equal(page.tokens[n].status, status);
                assert_int_equal(token_status_at(&page.tokens[n], SAMPLE_NOW), status);
                assert_true(n == 0 || in_order(&filter, &page.tokens[n - 1], &page.tokens[n]));
            }
        }
    }
}

static void test_a_plain_list_leaves_out_expired_and_revoked_tokens(void **state)
{
    struct fixture *fixture = *state;
    uint64_t counts[TOKEN_STATUS_COUNT];
    store_mixed(fixture, counts);
    struct token_page page = list(fixture, (struct token_filter){.limit = LIST_PAGE_MAX});
    assert_int_equal(page.count, MIXED_TOKENS - counts[TOKEN_EXPIRED] - counts[TOKEN_REVOKED]);
    page = list(fixture, (struct token_filter){.limit = LIST_PAGE_MAX, .include_inactive = true});
    assert_int_equal(page.count, MIXED_TOKENS);
}

static void test_counts_by_status_are_those_of_the_tokens(void **state)
{
    struct fixture *fixture = *state;
    uint64_t expected[TOKEN_STATUS_COUNT];
    uint64_t counts[TOKEN_STATUS_COUNT];
    store_mixed(fixture, expected);
    assert_int_equal(fixture->port.count_tokens(fixture->store, SAMPLE_NOW, counts), TKR_OK);
    assert_memory_equal(counts, expected, sizeof(counts));
}

static void test_an_arena_that_is_too_small_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct arena *small = NULL;
    struct token_page page;
    struct token_filter filter = {.limit = 10};
    sample_store(&fixture->port, sample_token(1));
    assert_int_equal(arena_new(64, &small), TKR_OK);
    assert_int_equal(fixture->port.list_tokens(fixture->store, &filter, small, &page),
                     TKR_TOO_LARGE);
    arena_free(small);
}

int suite_lists(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_pages_show_each_token_once_newest_first),
        SUITE_TEST(test_a_last_page_that_is_full_has_no_next),
        SUITE_TEST(test_lists_filter_by_org_user_and_name),
        SUITE_TEST(test_pages_by_status_are_the_list_in_pieces),
        SUITE_TEST(test_a_cursor_of_another_order_is_none),
        SUITE_TEST(test_lists_filter_by_tier_kind_and_role),
        SUITE_TEST(test_a_list_with_the_revoked_ones_is_in_order),
        SUITE_TEST(test_lists_by_status_show_exactly_those),
        SUITE_TEST(test_a_plain_list_leaves_out_expired_and_revoked_tokens),
        SUITE_TEST(test_counts_by_status_are_those_of_the_tokens),
        SUITE_TEST(test_an_arena_that_is_too_small_is_an_error),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
