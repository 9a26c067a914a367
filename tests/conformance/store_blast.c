/* SPDX-License-Identifier: Apache-2.0 */
/* Kin of a token, and the events that it is in. */
#include "store_suite.h"

#include <stdio.h>
#include <string.h>

#define ROOM 8

/* --- kin ----------------------------------------------------------------------------------- */

struct seen {
    char ids[ROOM][TOKEN_ID_CHARS + 1];
    bool suspended[ROOM];
    size_t count;
    size_t stop_at; /* 0: never */
};

static tkr_error_t note(void *context, const struct store_relative *relative)
{
    struct seen *seen = context;
    assert_true(seen->count < ROOM);
    assert_string_equal(relative->token.org_id, "acme");
    memcpy(seen->ids[seen->count], relative->token.id, TOKEN_ID_CHARS + 1);
    seen->suspended[seen->count++] = relative->user_suspended;
    return seen->count == seen->stop_at ? TKR_CAPACITY : TKR_OK;
}

static struct seen visit(struct fixture *fixture, enum store_kin kin, const char *token_id,
                         uint32_t most)
{
    struct seen seen = {0};
    assert_int_equal(fixture->port.blast.visit_kin(fixture->store, kin, token_id, most,
                                                   fixture->arena, note, &seen),
                     TKR_OK);
    return seen;
}

static void assert_seen(const struct seen *seen, size_t count, const struct token *const *tokens)
{
    assert_int_equal(seen->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(seen->ids[i], tokens[i]->id);
    }
}

/* Token `number`, of the lineage of `first`. */
static struct token store_version(struct fixture *fixture, unsigned number,
                                  const struct token *first)
{
    struct token token = sample_token(number);
    memcpy(token.lineage_id, first->id, sizeof(token.lineage_id));
    return sample_store(&fixture->port, token);
}

static struct token store_made(struct fixture *fixture, unsigned number, const char *maker_id,
                               int64_t revoked_at_ms)
{
    struct token token = sample_token(number);
    memcpy(token.created_by, maker_id, sizeof(token.created_by));
    token = sample_store(&fixture->port, token);
    if (revoked_at_ms != 0) {
        token.revoked_at_ms = revoked_at_ms;
        assert_int_equal(update_alone(fixture, &token), TKR_OK);
    }
    return token;
}

static void test_versions_are_those_of_the_lineage_and_the_newest_comes_first(void **state)
{
    struct fixture *fixture = *state;
    struct token first = sample_store(&fixture->port, sample_token(1));
    struct token other = sample_store(&fixture->port, sample_token(2));
    struct token second = store_version(fixture, 3, &first);
    struct token third = store_version(fixture, 4, &first);
    store_version(fixture, 5, &other);
    struct seen seen = visit(fixture, KIN_VERSIONS, first.id, ROOM);
    assert_seen(&seen, 3, (const struct token *[]){&third, &second, &first});
    seen = visit(fixture, KIN_VERSIONS, first.id, 2);
    assert_seen(&seen, 2, (const struct token *[]){&third, &second});
    seen = visit(fixture, KIN_VERSIONS, sample_token(9).id, ROOM);
    assert_int_equal(seen.count, 0);
}

static void test_what_a_token_made_comes_apart_by_whether_it_is_revoked(void **state)
{
    struct fixture *fixture = *state;
    struct token maker = sample_store(&fixture->port, sample_token(1));
    struct token a = store_made(fixture, 2, maker.id, 0);
    struct token late = store_made(fixture, 3, maker.id, SAMPLE_NOW + 2);
    struct token early = store_made(fixture, 4, maker.id, SAMPLE_NOW + 1);
    struct token b = store_made(fixture, 5, maker.id, 0);
    store_made(fixture, 6, a.id, 0);
    struct seen seen = visit(fixture, KIN_MADE, maker.id, ROOM);
    assert_seen(&seen, 2, (const struct token *[]){&b, &a});
    seen = visit(fixture, KIN_MADE_REVOKED, maker.id, ROOM);
    assert_seen(&seen, 2, (const struct token *[]){&late, &early});
    seen = visit(fixture, KIN_MADE, maker.id, 1);
    assert_seen(&seen, 1, (const struct token *[]){&b});
}

static void test_a_relative_tells_that_its_user_is_suspended(void **state)
{
    struct fixture *fixture = *state;
    struct token maker = sample_store(&fixture->port, sample_token(1));
    store_made(fixture, 2, maker.id, 0);
    struct user user = {0};
    assert_int_equal(
        fixture->port.tenancy.get_user(fixture->store, "acme", "alice", fixture->arena, &user),
        TKR_OK);
    user.suspended_at_ms = SAMPLE_NOW;
    struct store_event event = sample_event("user.suspend", &maker);
    assert_false(visit(fixture, KIN_MADE, maker.id, ROOM).suspended[0]);
    begin(fixture);
    assert_int_equal(fixture->port.tenancy.update_user(fixture->store, &user, &event), TKR_OK);
    commit(fixture);
    assert_true(visit(fixture, KIN_MADE, maker.id, ROOM).suspended[0]);
}

static void test_an_error_of_who_visits_stops_and_is_returned(void **state)
{
    struct fixture *fixture = *state;
    struct token maker = sample_store(&fixture->port, sample_token(1));
    store_made(fixture, 2, maker.id, 0);
    store_made(fixture, 3, maker.id, 0);
    struct seen seen = {.stop_at = 1};
    assert_int_equal(fixture->port.blast.visit_kin(fixture->store, KIN_MADE, maker.id, ROOM,
                                                   fixture->arena, note, &seen),
                     TKR_CAPACITY);
    assert_int_equal(seen.count, 1);
    assert_int_equal(visit(fixture, KIN_MADE, maker.id, ROOM).count,
                     2); /* it gave its reader back */
}

/* --- events -------------------------------------------------------------------------------- */

static void store_event_at(struct fixture *fixture, const char *type, const char *actor_token,
                           const struct token *about, const char *org_id, int64_t at_ms)
{
    struct store_event event = sample_event(type, about);
    event.actor_token = actor_token;
    event.org_id = org_id;
    event.at_ms = at_ms;
    begin(fixture);
    assert_int_equal(fixture->port.note_event(fixture->store, &event), TKR_OK);
    commit(fixture);
}

static struct event_answer ask(struct fixture *fixture, struct event_question question)
{
    struct event_answer answer;
    question.most = question.most != 0 ? question.most : 100;
    question.keep = question.keep != 0 ? question.keep : 100;
    assert_int_equal(
        fixture->port.blast.read_events(fixture->store, &question, fixture->arena, &answer),
        TKR_OK);
    return answer;
}

static uint64_t count_of(const struct event_answer *answer, const char *type)
{
    uint64_t count = 0;
    for (size_t i = 0; i < answer->type_count; i++) {
        count += strcmp(answer->types[i].type, type) == 0 ? answer->types[i].count : 0;
    }
    return count;
}

static void test_what_a_token_did_is_counted_by_type_and_the_newest_told(void **state)
{
    struct fixture *fixture = *state;
    struct token actor = sample_store(&fixture->port, sample_token(1));
    struct token made = sample_store(&fixture->port, sample_token(2));
    store_event_at(fixture, "token.create", actor.id, &made, "acme", SAMPLE_NOW + 10);
    store_event_at(fixture, "token.create", made.id, &actor, "acme", SAMPLE_NOW + 11);
    store_event_at(fixture, "token.create", actor.id, &made, "acme", SAMPLE_NOW + 20);
    store_event_at(fixture, "token.update", actor.id, &made, "acme", SAMPLE_NOW + 30);
    struct event_answer answer =
        ask(fixture, (struct event_question){.which = EVENTS_BY, .token_id = actor.id, .keep = 2});
    assert_int_equal(answer.count, 3);
    assert_int_equal(count_of(&answer, "token.create"), 2);
    assert_int_equal(count_of(&answer, "token.update"), 1);
    assert_int_equal(answer.first_ms, SAMPLE_NOW + 10);
    assert_int_equal(answer.last_ms, SAMPLE_NOW + 30);
    assert_int_equal(answer.newest_count, 2);
    assert_string_equal(answer.newest[0].type, "token.update");
    assert_string_equal(answer.newest[0].token_id, made.id);
    assert_string_equal(answer.newest[0].client, "192.0.2.1");
    assert_string_equal(answer.newest[0].details, "{\"sample\":true}");
    assert_string_equal(answer.newest[1].type, "token.create");
    assert_true(answer.complete);
}

static void test_tries_and_what_else_happened_come_apart(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1)); /* one token.create */
    store_event_at(fixture, EVENT_TRIED, NULL, &token, "acme", SAMPLE_NOW + 10);
    store_event_at(fixture, "token.revoke", NULL, &token, "acme", SAMPLE_NOW + 20);
    store_event_at(fixture, EVENT_HONEYTOKEN_TRIED, NULL, &token, "acme", SAMPLE_NOW + 30);
    store_event_at(fixture, EVENT_ALLOWED, NULL, &token, "acme", SAMPLE_NOW + 40);
    store_event_at(fixture, EVENT_REFUSED, NULL, &token, "acme", SAMPLE_NOW + 50);
    struct event_answer tried =
        ask(fixture, (struct event_question){.which = EVENTS_TRIED, .token_id = token.id});
    struct event_answer seen =
        ask(fixture, (struct event_question){.which = EVENTS_SEEN, .token_id = token.id});
    struct event_answer about =
        ask(fixture, (struct event_question){.which = EVENTS_ABOUT, .token_id = token.id});
    struct event_answer first = ask(
        fixture, (struct event_question){.which = EVENTS_FIRST, .token_id = token.id, .most = 1});
    assert_int_equal(tried.count, 2);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.newest[0].type, EVENT_REFUSED);
    assert_int_equal(about.count, 2);
    assert_int_equal(about.looked_at, 4); /* verifications are not even looked at */
    assert_string_equal(about.newest[0].type, "token.revoke");
    assert_int_equal(first.count, 1);
    assert_string_equal(first.newest[0].type, "token.create");
}

/* So many that the store cannot find them in one place. */
static void test_verifications_are_read_over_all_of_a_long_log(void **state)
{
    struct fixture *fixture = *state;
    const struct store_port *port = &fixture->port;
    struct token token = sample_store(port, sample_token(1));
    uint64_t seq = 0;
    for (int i = 0; i < 3; i++) {
        store_event_at(fixture, EVENT_ALLOWED, NULL, &token, "acme", SAMPLE_NOW + 20000 * i);
        assert_int_equal(port->begin(port->store), TKR_OK);
        for (int j = 1; j < 10000; j++) {
            const struct store_event other = {.type = EVENT_ALLOWED,
                                              .at_ms = SAMPLE_NOW + 20000 * i + j};
            assert_int_equal(port->note_event(port->store, &other), TKR_OK);
        }
        assert_int_equal(port->commit(port->store, &seq), TKR_OK);
    }
    struct event_question question = {.which = EVENTS_SEEN, .token_id = token.id};
    assert_int_equal(ask(fixture, question).count, 3);
    question.from_ms = SAMPLE_NOW + 20000;
    assert_int_equal(ask(fixture, question).count, 2);
    question.most = 1;
    struct event_answer answer = ask(fixture, question);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.last_ms, SAMPLE_NOW + 40000);
    assert_false(answer.complete);
}

static void test_events_before_the_time_or_of_another_organisation_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct token actor = sample_store(&fixture->port, sample_token(1));
    store_event_at(fixture, "tier.put", actor.id, &actor, NULL, SAMPLE_NOW + 9);
    store_event_at(fixture, "token.create", actor.id, &actor, "acme", SAMPLE_NOW + 10);
    store_event_at(fixture, "token.create", actor.id, &actor, "beta", SAMPLE_NOW + 11);
    store_event_at(fixture, "tier.put", actor.id, &actor, NULL, SAMPLE_NOW + 12);
    struct event_question question = {
        .which = EVENTS_BY, .token_id = actor.id, .from_ms = SAMPLE_NOW + 10};
    assert_int_equal(ask(fixture, question).count, 3);
    question.org_id = "acme";
    struct event_answer answer = ask(fixture, question);
    assert_int_equal(answer.count, 2);
    assert_int_equal(count_of(&answer, "tier.put"), 1);
    assert_true(answer.complete);
}

static void test_no_more_events_are_looked_at_than_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct token actor = sample_store(&fixture->port, sample_token(1));
    for (int i = 0; i < 5; i++) {
        store_event_at(fixture, "token.update", actor.id, &actor, "acme", SAMPLE_NOW + i);
    }
    struct event_question question = {.which = EVENTS_BY, .token_id = actor.id, .most = 5};
    struct event_answer answer = ask(fixture, question);
    assert_int_equal(answer.count, 5);
    assert_true(answer.complete);
    question.most = 4;
    answer = ask(fixture, question);
    assert_int_equal(answer.count, 4);
    assert_int_equal(answer.looked_at, 4);
    assert_int_equal(answer.first_ms, SAMPLE_NOW + 1);
    assert_false(answer.complete);
    question.from_ms = SAMPLE_NOW + 1; /* what is left out is older than that */
    assert_true(ask(fixture, question).complete);
}

static void test_more_types_than_there_is_room_for_are_counted_in_the_sum(void **state)
{
    struct fixture *fixture = *state;
    struct token actor = sample_store(&fixture->port, sample_token(1));
    char type[32];
    for (int i = 0; i < EVENT_TYPES_MAX + 3; i++) {
        snprintf(type, sizeof(type), "type.%d", i);
        store_event_at(fixture, type, actor.id, &actor, "acme", SAMPLE_NOW + i);
    }
    struct event_answer answer =
        ask(fixture, (struct event_question){.which = EVENTS_BY, .token_id = actor.id});
    assert_int_equal(answer.count, EVENT_TYPES_MAX + 3);
    assert_int_equal(answer.type_count, EVENT_TYPES_MAX);
}

int suite_blast(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_versions_are_those_of_the_lineage_and_the_newest_comes_first),
        SUITE_TEST(test_what_a_token_made_comes_apart_by_whether_it_is_revoked),
        SUITE_TEST(test_a_relative_tells_that_its_user_is_suspended),
        SUITE_TEST(test_an_error_of_who_visits_stops_and_is_returned),
        SUITE_TEST(test_what_a_token_did_is_counted_by_type_and_the_newest_told),
        SUITE_TEST(test_tries_and_what_else_happened_come_apart),
        SUITE_TEST(test_verifications_are_read_over_all_of_a_long_log),
        SUITE_TEST(test_events_before_the_time_or_of_another_organisation_are_left_out),
        SUITE_TEST(test_no_more_events_are_looked_at_than_asked_for),
        SUITE_TEST(test_more_types_than_there_is_room_for_are_counted_in_the_sum),
    };
    return cmocka_run_group_tests_name("blast", tests, NULL, NULL);
}
