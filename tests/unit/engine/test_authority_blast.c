/* SPDX-License-Identifier: Apache-2.0 */
/* What a token could reach and what it did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/auth_events.h"
#include "engine/authority_internal.h"
#include "engine/blast.h"

#define DAY_MS INT64_C(86400000)
#define MEMORY (32 << 20)

struct context {
    struct authority_fixture fixture;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    authority_fixture_open(&context->fixture);
    assert_int_equal(arena_new(MEMORY, &context->arena), TKR_OK);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    arena_free(context->arena);
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

/* --- steps --------------------------------------------------------------------------------- */

/* Whoever holds the token; with `*` it may make anything. */
static struct principal holder(const char *token_id)
{
    struct principal by = fixture_admin;
    by.via = VIA_TOKEN;
    by.token_id = token_id;
    return by;
}

static struct answer make_asked(struct context *context, const char *maker_id,
                                const struct token_create *asked)
{
    struct principal by = holder(maker_id);
    struct answer made = fixture_create(&context->fixture, &by, asked);
    assert_int_equal(made.error, TKR_OK);
    return made;
}

/* `maker_id` "": nobody's token made it. */
static struct answer make(struct context *context, const char *maker_id)
{
    struct token_create asked = fixture_token("ci");
    return make_asked(context, maker_id, &asked);
}

static struct answer rotate(struct context *context, const char *by_id, const char *token_id,
                            int64_t grace_ms)
{
    struct principal by = holder(by_id);
    struct token_rotate asked = {.has_grace = true, .grace_ms = grace_ms};
    struct answer rotated = fixture_rotate(&context->fixture, &by, token_id, &asked);
    assert_int_equal(rotated.error, TKR_OK);
    return rotated;
}

static void revoke(struct context *context, const char *by_id, const char *token_id)
{
    struct principal by = holder(by_id);
    assert_int_equal(fixture_revoke(&context->fixture, &by, token_id, "leaked").error, TKR_OK);
}

static struct blast_report report_by(struct context *context, const struct principal *by,
                                     const char *token_id)
{
    struct blast_report report;
    struct fault fault = {0};
    authority_flush(context->fixture.authority);
    assert_int_equal(authority_blast_radius(context->fixture.authority, by, token_id, 30,
                                            context->arena, &report, &fault),
                     TKR_OK);
    return report;
}

static struct blast_report report_on(struct context *context, const char *token_id)
{
    return report_by(context, &fixture_admin, token_id);
}

static const struct blast_relative *find(const struct blast_relatives *list, const char *token_id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].token.id, token_id) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

static uint64_t count_of(const struct event_answer *events, const char *type)
{
    uint64_t count = 0;
    for (size_t i = 0; i < events->type_count; i++) {
        count += strcmp(events->types[i].type, type) == 0 ? events->types[i].count : 0;
    }
    return count;
}

/* --- who may ------------------------------------------------------------------------------- */

static void test_a_token_of_another_organisation_is_not_found(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct principal by = fixture_alice;
    struct blast_report report;
    by.org_id = "beta";
    assert_int_equal(authority_blast_radius(context->fixture.authority, &by, made.id, 30,
                                            context->arena, &report, NULL),
                     TKR_NOT_FOUND);
    assert_int_equal(authority_blast_radius(context->fixture.authority, &fixture_alice, "tok_x", 30,
                                            context->arena, &report, NULL),
                     TKR_NOT_FOUND);
}

static void test_days_have_a_range(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    static const int64_t wrong[] = {INT64_MIN, 0, USAGE_DAYS_MAX + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct blast_report report;
        struct fault fault = {0};
        assert_int_equal(authority_blast_radius(context->fixture.authority, &fixture_admin, made.id,
                                                wrong[i], context->arena, &report, &fault),
                         TKR_OUT_OF_RANGE);
        assert_string_equal(fault.field, "days");
    }
}

static void test_what_is_of_another_organisation_is_left_out_for_who_has_no_star(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct token_create asked = fixture_token("abroad");
    asked.org_id = "beta";
    struct answer abroad = make_asked(context, made.id, &asked);
    make(context, abroad.id); /* back home, and reached only through what is not seen */
    struct blast_report all = report_on(context, made.id);
    assert_int_equal(all.family_found, 2);
    assert_int_equal(count_of(&all.acts, "token.create"), 1);
    assert_true(all.all_orgs);
    struct blast_report own = report_by(context, &fixture_alice, made.id);
    assert_int_equal(own.family_found, 0);
    assert_int_equal(own.acts.count, 0);
    assert_false(own.all_orgs);
}

/* --- what it is ---------------------------------------------------------------------------- */

static void test_it_says_what_a_request_would_be_answered_now(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct user_write suspend = {.id = "alice", .has_suspended = true, .suspended = true};
    assert_int_equal(report_on(context, made.id).answer, TKR_VERDICT_VALID);
    assert_int_equal(fixture_update_user(&context->fixture, &fixture_admin, &suspend).error,
                     TKR_OK);
    assert_int_equal(report_on(context, made.id).answer, TKR_VERDICT_USER_SUSPENDED);
    assert_int_equal(
        fixture_hold(&context->fixture, &fixture_admin, made.id, HOLD_QUARANTINE, NULL).error,
        TKR_OK);
    assert_int_equal(report_on(context, made.id).answer, TKR_VERDICT_QUARANTINED);
    revoke(context, "", made.id);
    assert_int_equal(report_on(context, made.id).answer, TKR_VERDICT_REVOKED);
    struct token_create bait = fixture_token("bait");
    bait.honeytoken = true;
    assert_int_equal(report_on(context, make_asked(context, "", &bait).id).answer,
                     TKR_VERDICT_NOT_FOUND);
}

static void test_an_emergency_counts_before_the_rows_say_it(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct answer child = make(context, made.id);
    struct emergency emergency = {.reason = "all"};
    assert_int_equal(fixture_emergency(&context->fixture, &fixture_admin, &emergency).error,
                     TKR_OK);
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.answer, TKR_VERDICT_REVOKED);
    assert_int_equal(find(&report.family, child.id)->answer, TKR_VERDICT_REVOKED);
    assert_int_equal(report.family_live, 0);
}

static void test_limits_are_those_in_force(void **state)
{
    struct context *context = *state;
    struct tier tier = {
        .name = "both", .limits = {.set = 3, .limit = {60, 1000}}, .subject = LIMITS_OF_BOTH};
    assert_int_equal(fixture_put_tier(&context->fixture, &fixture_admin, &tier).error, TKR_OK);
    struct token_create asked = fixture_token("ci");
    asked.tier = "both";
    asked.overrides = (struct limits){.set = 1, .limit = {7}};
    struct blast_report report = report_on(context, make_asked(context, "", &asked).id);
    assert_int_equal(report.token_limits.limit[WINDOW_MINUTE], 7);
    assert_int_equal(report.token_limits.limit[WINDOW_HOUR], 1000);
    assert_int_equal(report.user_limits.limit[WINDOW_MINUTE], 60);
    tier.subject = LIMITS_OF_TOKEN;
    assert_int_equal(fixture_put_tier(&context->fixture, &fixture_admin, &tier).error, TKR_OK);
    report = report_on(context, report.usage.token.id);
    assert_int_equal(report.user_limits.set, 0);
}

static void test_it_says_who_made_it(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    revoke(context, "", made.id);
    virtual_clock_advance(&context->fixture.time, 400 * DAY_MS); /* far before the days */
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.born.count, 1);
    assert_string_equal(report.born.newest[0].type, "token.create");
    assert_string_equal(report.born.newest[0].actor_user, "root");
    assert_string_equal(report.born.newest[0].client, "192.0.2.1");
    assert_int_equal(report.about.count, 0);
}

/* --- lineage ------------------------------------------------------------------------------- */

static void test_versions_say_which_of_them_is_still_accepted(void **state)
{
    struct context *context = *state;
    struct answer first = make(context, "");
    struct answer second = rotate(context, "", first.id, DAY_MS);
    struct answer third = rotate(context, "", second.id, 0);
    struct blast_report report = report_on(context, second.id);
    assert_int_equal(report.versions.count, 3);
    assert_string_equal(report.versions.items[0].token.id, third.id);
    assert_string_equal(report.versions.items[2].token.id, first.id);
    assert_int_equal(find(&report.versions, first.id)->answer, TKR_VERDICT_VALID);
    assert_int_equal(find(&report.versions, second.id)->answer, TKR_VERDICT_EXPIRED);
    assert_int_equal(find(&report.versions, third.id)->answer, TKR_VERDICT_VALID);
    virtual_clock_advance(&context->fixture.time, DAY_MS + 1000);
    report = report_on(context, second.id);
    assert_int_equal(find(&report.versions, first.id)->answer, TKR_VERDICT_EXPIRED);
}

static void test_requests_and_last_use_are_told_for_each_version(void **state)
{
    struct context *context = *state;
    struct answer first = make(context, "");
    struct answer second = rotate(context, "", first.id, DAY_MS);
    struct token token = fixture_stored(&context->fixture, first.id, context->arena);
    int64_t now_ms = authority_now_ms(context->fixture.authority);
    fixture_count(&context->fixture, token.line, 3, now_ms);
    fixture_count(&context->fixture, token.version_line, 3, now_ms);
    struct blast_report report = report_on(context, second.id);
    assert_int_equal(report.usage.requests, 3);
    assert_int_equal(find(&report.versions, first.id)->requests, 3);
    assert_int_equal(find(&report.versions, first.id)->token.last_used_at_ms, now_ms);
    assert_int_equal(find(&report.versions, second.id)->requests, 0);
    assert_int_equal(find(&report.versions, second.id)->token.last_used_at_ms, 0);
}

static void test_a_long_lineage_is_told_up_to_a_maximum(void **state)
{
    struct context *context = *state;
    struct answer last = make(context, "");
    for (int i = 0; i < BLAST_VERSIONS_MAX; i++) {
        last = rotate(context, "", last.id, 0);
    }
    struct blast_report report = report_on(context, last.id);
    assert_int_equal(report.versions.count, BLAST_VERSIONS_MAX);
    assert_string_equal(report.versions.items[0].token.id, last.id);
    assert_false(report.versions.complete);
    assert_false(report.family.complete);
    assert_false(report.acts.complete);
}

/* --- family -------------------------------------------------------------------------------- */

static void test_descendants_are_found_through_what_was_revoked(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct answer child = make(context, made.id);
    struct answer grandchild = make(context, child.id);
    make(context, ""); /* nobody's */
    revoke(context, "", made.id);
    revoke(context, child.id, child.id);
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.family_found, 2);
    assert_int_equal(report.family_live, 1);
    assert_string_equal(report.family.items[0].token.id, grandchild.id); /* live ones first */
    assert_string_equal(report.family.items[0].token.created_by, child.id);
    assert_int_equal(report.family.items[1].answer, TKR_VERDICT_REVOKED);
    assert_true(report.family.complete);
}

static void test_what_any_version_made_is_in_the_family(void **state)
{
    struct context *context = *state;
    struct answer first = make(context, "");
    struct answer by_first = make(context, first.id);
    struct answer second = rotate(context, first.id, first.id, 0);
    struct answer by_second = make(context, second.id);
    struct blast_report report = report_on(context, second.id);
    assert_int_equal(report.family_found, 2); /* the version that it made itself is none of them */
    assert_non_null(find(&report.family, by_first.id));
    assert_non_null(find(&report.family, by_second.id));
}

static void test_a_report_on_an_older_version_is_on_what_that_one_did(void **state)
{
    struct context *context = *state;
    struct answer first = make(context, "");
    struct answer by_first = make(context, first.id);
    struct answer second = rotate(context, "", first.id, DAY_MS);
    make(context, second.id);
    struct blast_report report = report_on(context, first.id);
    assert_int_equal(report.family_found, 1);
    assert_non_null(find(&report.family, by_first.id));
    assert_int_equal(report.acts.count, 1);
    assert_int_equal(report.versions.count, 2);
}

static void test_whoever_made_their_own_successor_did_what_that_one_did(void **state)
{
    struct context *context = *state;
    struct answer first = make(context, "");
    struct answer second = rotate(context, first.id, first.id, DAY_MS);
    struct answer by_second = make(context, second.id);
    struct blast_report report = report_on(context, first.id);
    assert_int_equal(report.family_found, 1);
    assert_non_null(find(&report.family, by_second.id));
    assert_int_equal(count_of(&report.acts, "token.create"), 2);
}

/* As many newer versions as are told, so that it is none of those itself. */
static void test_a_version_that_is_older_than_those_told_has_its_report(void **state)
{
    struct context *context = *state;
    struct answer first = make(context, "");
    make(context, first.id);
    struct answer last = first;
    for (int i = 0; i < BLAST_VERSIONS_MAX; i++) {
        last = rotate(context, "", last.id, 0);
    }
    struct blast_report report = report_on(context, first.id);
    assert_null(find(&report.versions, first.id));
    assert_int_equal(report.family_found, 1);
    assert_int_equal(report.acts.count, 1);
    assert_true(report.family.complete);
    assert_true(report.acts.complete);
}

/* It was somebody else's, until this one rotated it. */
static void test_all_versions_of_what_it_rotated_are_in_the_family(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct answer others = make(context, "");
    struct answer by_others = make(context, others.id);
    struct answer successor = rotate(context, made.id, others.id, DAY_MS);
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.family_found, 3);
    assert_non_null(find(&report.family, others.id));
    assert_non_null(find(&report.family, successor.id));
    assert_non_null(find(&report.family, by_others.id));
    assert_true(report.family.complete);
}

static void test_a_descendant_is_followed_through_its_rotation_by_others(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct answer child = make(context, made.id);
    struct answer successor = rotate(context, "", child.id, 0);
    struct answer grandchild = make(context, successor.id);
    struct answer again = rotate(context, made.id, successor.id, 0); /* made, and a successor */
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.family_found, 4);
    assert_non_null(find(&report.family, successor.id));
    assert_non_null(find(&report.family, grandchild.id));
    assert_int_equal(find(&report.family, again.id)->answer, TKR_VERDICT_VALID);
    assert_int_equal(find(&report.family, child.id)->answer, TKR_VERDICT_EXPIRED);
    assert_int_equal(report.family_live, 2);
}

static void test_it_says_which_descendants_reach_more(void **state)
{
    struct context *context = *state;
    static const char *const more[] = {"api:read", "api:write"};
    struct cidr home, part, elsewhere;
    assert_int_equal(cidr_parse("10.0.0.0/8", 10, &home), TKR_OK);
    assert_int_equal(cidr_parse("10.1.0.0/16", 11, &part), TKR_OK);
    assert_int_equal(cidr_parse("192.0.2.0/24", 12, &elsewhere), TKR_OK);
    struct cidr both[] = {part, elsewhere};
    struct token_create asked = fixture_token("bound");
    asked.allowed_ips = &home;
    asked.allowed_ip_count = 1;
    struct answer made = make_asked(context, "", &asked);
    asked.allowed_ips = &part;
    struct answer same = make_asked(context, made.id, &asked);
    asked.allowed_ips = both;
    asked.allowed_ip_count = 2;
    struct answer abroad = make_asked(context, made.id, &asked);
    asked.allowed_ip_count = 0;
    asked.scopes = more;
    asked.scope_count = 2;
    asked.lifetime = (struct lifetime_asked){
        .has_expires_at = true,
        .expires_at_ms = authority_now_ms(context->fixture.authority) + 200 * DAY_MS};
    struct answer all = make_asked(context, made.id, &asked);
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(find(&report.family, same.id)->excess, 0);
    assert_int_equal(find(&report.family, abroad.id)->excess, BLAST_MORE_NETWORKS);
    assert_int_equal(find(&report.family, all.id)->excess,
                     BLAST_MORE_SCOPES | BLAST_MORE_NETWORKS | BLAST_LATER_END);
    assert_int_equal(report.family_reaching_more, 2);
    assert_string_equal(report.family.items[2].token.id, same.id);
    revoke(context, "", all.id); /* what is refused reaches nothing */
    assert_int_equal(report_on(context, made.id).family_reaching_more, 1);
}

/* Rows as if `maker` had made `count` of them, revoked at `revoked_at` or not. */
static void make_many(struct context *context, const char *maker, int count, const char *revoked_at)
{
    char sql[2048];
    authority_fixture_stop(&context->fixture);
    snprintf(sql, sizeof(sql),
             "INSERT INTO tokens (digest, id, user, org, tier, line, kind, env, name, scopes,"
             " display_prefix, version, created_at, updated_at, created_by, revoked_at)"
             " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " SELECT randomblob(32), printf('tok_%%016d%%010d', random() & 0x7fffffff, i), user,"
             " org, tier, line, kind, env, name, scopes, display_prefix, 1, created_at, updated_at,"
             " id, %s FROM tokens, n WHERE id = '%s'",
             count, revoked_at, maker);
    fixture_run(&context->fixture, sql);
    struct fault fault = {0};
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
}

static void test_a_family_is_told_up_to_a_maximum(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    make_many(context, made.id, FAMILY_TOKENS_MAX, "NULL");
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.family_found, FAMILY_TOKENS_MAX);
    assert_int_equal(report.family.count, BLAST_LISTED_MAX);
    assert_true(report.family.complete);
    make(context, made.id);
    report = report_on(context, made.id);
    assert_int_equal(report.family_found, FAMILY_TOKENS_MAX);
    assert_false(report.family.complete);
}

static void test_revoked_ones_do_not_hide_one_that_works(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct answer hidden = make(context, made.id);
    make_many(context, made.id, 2 * FAMILY_TOKENS_MAX, "created_at");
    struct answer below = make(context, hidden.id);
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.family_live, 2);
    assert_non_null(find(&report.family, hidden.id));
    assert_non_null(find(&report.family, below.id));
    assert_int_equal(report.family_found, FAMILY_TOKENS_MAX + 2);
    assert_false(report.family.complete);
}

/* Stands before the store's own call, and counts what it brings. */
static struct {
    tkr_error_t (*visit_kin)(struct store *store, enum store_kin kin, const char *token_id,
                             uint32_t most, struct arena *arena, kin_visit visit, void *context);
    kin_visit visit;
    size_t rows;
} counted;

static tkr_error_t count_row(void *context, const struct store_relative *relative)
{
    counted.rows++;
    return counted.visit(context, relative);
}

static tkr_error_t visit_counted(struct store *store, enum store_kin kin, const char *token_id,
                                 uint32_t most, struct arena *arena, kin_visit visit, void *context)
{
    counted.visit = visit;
    return counted.visit_kin(store, kin, token_id, most, arena, count_row, context);
}

/* Whoever sees all organisations makes many in another one, with many tokens. */
static void test_what_is_not_shown_is_not_read_without_end(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    struct token_create asked = fixture_token("abroad");
    asked.org_id = "beta";
    const int children = BLAST_ROWS_MAX / FAMILY_TOKENS_MAX + 2;
    for (int i = 0; i < children; i++) {
        struct answer child = make(context, made.id);
        struct answer abroad = make_asked(context, child.id, &asked);
        make_many(context, abroad.id, FAMILY_TOKENS_MAX + 1, "NULL");
        char sql[256];
        snprintf(sql, sizeof(sql), "UPDATE tokens SET created_by = '%s' WHERE created_by = '%s'",
                 child.id, abroad.id);
        authority_fixture_stop(&context->fixture);
        fixture_run(&context->fixture, sql);
        struct fault fault = {0};
        assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
    }
    counted.visit_kin = context->fixture.port.blast.visit_kin;
    counted.rows = 0;
    context->fixture.port.blast.visit_kin = visit_counted;
    struct blast_report report = report_by(context, &fixture_alice, made.id);
    assert_int_equal(report.family_found, children);
    assert_false(report.family.complete);
    assert_true(counted.rows <= BLAST_ROWS_MAX + report.versions.count);
}

/* --- events -------------------------------------------------------------------------------- */

static void test_what_any_version_changed_is_counted_and_the_newest_told(void **state)
{
    struct context *context = *state;
    struct answer first = make(context, "");
    struct answer child = make(context, first.id);
    struct answer second = rotate(context, "", first.id, DAY_MS);
    virtual_clock_advance(&context->fixture.time, 1000);
    for (int i = 0; i < BLAST_EVENTS_KEPT; i++) {
        make(context, second.id);
    }
    virtual_clock_advance(&context->fixture.time, 1000);
    revoke(context, first.id, child.id);
    struct blast_report report = report_on(context, second.id);
    assert_int_equal(report.acts.count, BLAST_EVENTS_KEPT + 2);
    assert_int_equal(count_of(&report.acts, "token.create"), BLAST_EVENTS_KEPT + 1);
    assert_int_equal(count_of(&report.acts, "token.revoke"), 1);
    assert_int_equal(report.acts.newest_count, BLAST_EVENTS_KEPT);
    assert_string_equal(report.acts.newest[0].type, "token.revoke");
    assert_string_equal(report.acts.newest[0].actor_token, first.id);
    assert_string_equal(report.acts.newest[0].token_id, child.id);
    assert_true(report.acts.first_ms < report.acts.last_ms);
    assert_true(report.acts.complete);
}

static void test_events_are_looked_at_up_to_a_maximum(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    char sql[512];
    authority_fixture_stop(&context->fixture);
    snprintf(sql, sizeof(sql),
             "INSERT INTO events (at, type, org_id, actor_token)"
             " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= %d)"
             " SELECT at, 'token.update', 'acme', '%s' FROM events, n WHERE token_id = '%s'",
             BLAST_EVENTS_MAX, made.id, made.id);
    fixture_run(&context->fixture, sql);
    struct fault fault = {0};
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.acts.count, BLAST_EVENTS_MAX);
    assert_false(report.acts.complete);
    struct answer second = rotate(context, "", made.id, 0);
    make(context, second.id);
    report = report_on(context, second.id); /* the maximum is one for all versions */
    assert_int_equal(report.acts.count, BLAST_EVENTS_MAX);
    assert_int_equal(count_of(&report.acts, "token.create"), 1);
}

static void test_tries_of_a_refused_token_are_told_apart(void **state)
{
    struct context *context = *state;
    struct answer made = make(context, "");
    uint8_t id[TOKEN_ID_BYTES];
    assert_int_equal(token_id_parse(made.id, TOKEN_ID_CHARS, id), TKR_OK);
    revoke(context, "", made.id);
    struct auth_event event = {.outcome = TKR_VERDICT_REVOKED,
                               .token_id = id,
                               .client = {.family = 4, .bytes = {192, 0, 2, 7}},
                               .texts[AUTH_ORG] = {"acme", 4},
                               .texts[AUTH_ENDPOINT] = {"/auth", 5}};
    authority_auth_note(context->fixture.authority, &event);
    event.outcome = TKR_VERDICT_EXPIRED;
    authority_auth_note(context->fixture.authority, &event);
    authority_flush(context->fixture.authority);
    struct blast_report report = report_on(context, made.id);
    assert_int_equal(report.tries.count, 1);
    assert_string_equal(report.tries.newest[0].client, "192.0.2.7");
    assert_string_equal(report.tries.newest[0].verdict, "revoked");
    assert_string_equal(report.tries.newest[0].endpoint, "/auth");
    assert_int_equal(report.seen.count, 1);
    assert_string_equal(report.seen.newest[0].verdict, "expired");
    assert_int_equal(report.about.count, 3); /* made, revoked, and told of */
    assert_int_equal(report.acts.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_of_another_organisation_is_not_found),
        TEST(test_days_have_a_range),
        TEST(test_what_is_of_another_organisation_is_left_out_for_who_has_no_star),
        TEST(test_it_says_what_a_request_would_be_answered_now),
        TEST(test_an_emergency_counts_before_the_rows_say_it),
        TEST(test_limits_are_those_in_force),
        TEST(test_it_says_who_made_it),
        TEST(test_versions_say_which_of_them_is_still_accepted),
        TEST(test_requests_and_last_use_are_told_for_each_version),
        TEST(test_a_long_lineage_is_told_up_to_a_maximum),
        TEST(test_descendants_are_found_through_what_was_revoked),
        TEST(test_what_any_version_made_is_in_the_family),
        TEST(test_a_report_on_an_older_version_is_on_what_that_one_did),
        TEST(test_whoever_made_their_own_successor_did_what_that_one_did),
        TEST(test_a_version_that_is_older_than_those_told_has_its_report),
        TEST(test_all_versions_of_what_it_rotated_are_in_the_family),
        TEST(test_a_descendant_is_followed_through_its_rotation_by_others),
        TEST(test_it_says_which_descendants_reach_more),
        TEST(test_a_family_is_told_up_to_a_maximum),
        TEST(test_revoked_ones_do_not_hide_one_that_works),
        TEST(test_what_is_not_shown_is_not_read_without_end),
        TEST(test_what_any_version_changed_is_counted_and_the_newest_told),
        TEST(test_events_are_looked_at_up_to_a_maximum),
        TEST(test_tries_of_a_refused_token_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
