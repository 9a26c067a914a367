/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation by schedule, with a receiver that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "engine/schedules.h"
#include "jobs/change_wait.h"
#include "jobs/deliver_port.h"
#include "jobs/handlers/handlers.h"
#include "jobs/scheduler_internal.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

struct context;

/* What it has, and what it says when something comes. */
struct receiver {
    char token[TOKEN_TEXT_BYTES_MAX + 1];
    enum delivery_outcome says;
    bool keeps; /* although it does not say so */
    unsigned count;
    void (*meanwhile)(struct context *context); /* once, while something is on its way */
    struct context *context;
};

struct context {
    struct authority_fixture fixture;
    struct job_settings settings;
    struct deliver_port port;
    struct receiver receiver;
    struct scheduler *scheduler;
    struct arena *arena;
    struct answer token;
};

static enum delivery_outcome receive(void *context, const struct delivery *delivery,
                                     char ret_error[ROTATION_ERROR_BYTES_MAX + 1])
{
    struct receiver *receiver = context;
    enum delivery_outcome says = receiver->says;
    receiver->count++;
    if (receiver->meanwhile != NULL) {
        void (*meanwhile)(struct context * context) = receiver->meanwhile;
        receiver->meanwhile = NULL;
        meanwhile(receiver->context);
    }
    if (says == DELIVERY_DONE || receiver->keeps) {
        snprintf(receiver->token, sizeof(receiver->token), "%s", delivery->token);
    } else {
        snprintf(ret_error, ROTATION_ERROR_BYTES_MAX + 1, "it burns");
    }
    return says;
}

static const char *const acme[] = {"acme"};
static const struct rotation_target targets[] = {
    {.name = "deploy", .type = "file", .orgs = acme, .org_count = 1},
    {.name = "vault", .type = "file"},
    {.name = "hook", .type = "webhook", .shared = true, .orgs = acme, .org_count = 1},
};

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    static const struct job_handler *const handlers[] = {&job_rotation};
    struct fault fault = {0};
    authority_fixture_init(&context->fixture);
    context->fixture.options.rotation_grace_ms = DAY_MS;
    context->fixture.options.rotation = (struct rotation_options){
        .max_age_s = 90 * 86400,
        .uses = 1000,
        .uses_age_s = 30 * 86400,
        .targets = targets,
        .target_count = sizeof(targets) / sizeof(targets[0]),
    };
    assert_int_equal(authority_fixture_start(&context->fixture, &fault), TKR_OK);
    context->port = (struct deliver_port){receive, &context->receiver};
    context->receiver.context = context;
    context->settings.deliver = &context->port;
    const struct scheduler_options options = {
        .authority = context->fixture.authority,
        .store = &context->fixture.port,
        .clock = &context->fixture.time.clock,
        .random = random_system(),
        .settings = &context->settings,
        .handlers = handlers,
        .handler_count = 1,
    };
    assert_int_equal(scheduler_new(&options, &context->scheduler, NULL), TKR_OK);
    assert_int_equal(arena_new(16 << 20, &context->arena), TKR_OK);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    arena_free(context->arena);
    assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
    scheduler_free(context->scheduler);
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

/* --- steps --------------------------------------------------------------------------------------
 */

/* A token that the receiver has, and that ends after so long; 0: never. */
static void create(struct context *context, int64_t lifetime_ms)
{
    struct token_create asked = fixture_token("deploy-bot");
    asked.lifetime.never = lifetime_ms == 0;
    asked.lifetime.has_expires_at = lifetime_ms != 0;
    asked.lifetime.expires_at_ms = authority_now_ms(context->fixture.authority) + lifetime_ms;
    context->token = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_equal(context->token.error, TKR_OK);
    strcpy(context->receiver.token, context->token.plaintext);
}

static tkr_error_t put_by(struct context *context, const struct principal *by,
                          struct schedule_asked asked, struct schedule_view *ret_view,
                          struct fault *fault)
{
    bool created = false;
    asked.target = asked.target != NULL ? asked.target : "deploy";
    return authority_put_schedule(context->fixture.authority, by, context->token.id, &asked,
                                  context->arena, ret_view, &created, fault);
}

static struct schedule_view put(struct context *context, struct schedule_asked asked)
{
    struct schedule_view view;
    struct fault fault = {0};
    if (put_by(context, &fixture_admin, asked, &view, &fault) != TKR_OK) {
        fail_msg("%s: %s", fault.field, fault.detail);
    }
    return view;
}

static struct schedule_view look(struct context *context)
{
    struct schedule_view view;
    assert_int_equal(authority_get_schedule(context->fixture.authority, &fixture_admin,
                                            context->token.id, context->arena, &view, NULL),
                     TKR_OK);
    return view;
}

static struct job_status run(struct context *context)
{
    struct job_status status;
    assert_int_equal(scheduler_run(context->scheduler, &fixture_admin, "rotation", &status, NULL),
                     TKR_OK);
    assert_int_equal(status.job.outcome, JOB_DONE);
    return status;
}

static void pass(struct context *context, int64_t ms)
{
    virtual_clock_advance(&context->fixture.time, ms);
    segment_writer_beat(context->fixture.authority->segment, NULL);
}

static bool works(struct context *context, const char *text)
{
    return fixture_verify(&context->fixture, text) == TKR_VERDICT_VALID;
}

static int64_t count_alerts(struct context *context, const char *type)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = 'alert.%s'", type);
    return fixture_query(&context->fixture, sql);
}

/* --- who may, and what ----------------------------------------------------------------------- */

static void test_what_cannot_be_is_refused_and_named(void **state)
{
    struct context *context = *state;
    static const struct {
        struct schedule_asked asked;
        tkr_error_t error;
        const char *field;
    } rows[] = {
        {{.target = "nowhere"}, TKR_NOT_FOUND, "target"},
        {{.has_max_age = true, .max_age_s = -1}, TKR_OUT_OF_RANGE, "max_age_s"},
        {{.has_overlap = true, .overlap_s = ROTATION_GRACE_S_MAX + 1},
         TKR_OUT_OF_RANGE,
         "overlap_s"},
        {{.window = "whenever"}, TKR_MALFORMED, "window"},
        {{.window = "0 2 30 feb * for 2h"}, TKR_OUT_OF_RANGE, "window"},
        {{.time_zone = "Europe/Nowhere"}, TKR_INVALID, "time_zone"},
        {{.if_version = 1}, TKR_PRECONDITION, "If-Match"},
    };
    create(context, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct schedule_view view;
        struct fault fault = {0};
        assert_int_equal(put_by(context, &fixture_admin, rows[i].asked, &view, &fault),
                         rows[i].error);
        assert_string_equal(fault.field, rows[i].field);
    }
}

static void test_an_organisation_has_the_targets_that_it_was_given(void **state)
{
    struct context *context = *state;
    struct schedule_view view;
    struct principal stranger = fixture_alice;
    stranger.org_id = "beta";
    create(context, 0);
    assert_int_equal(put_by(context, &stranger, (struct schedule_asked){0}, &view, NULL),
                     TKR_NOT_FOUND); /* the token */
    assert_int_equal(
        put_by(context, &fixture_alice, (struct schedule_asked){.target = "vault"}, &view, NULL),
        TKR_NOT_FOUND);
    assert_int_equal(
        put_by(context, &fixture_alice, (struct schedule_asked){.target = "deploy"}, &view, NULL),
        TKR_OK);
    put(context, (struct schedule_asked){.target = "vault"});
}

static void test_nobody_schedules_a_token_that_may_do_more(void **state)
{
    struct context *context = *state;
    struct schedule_view view;
    struct principal weak = fixture_alice;
    weak.scopes = "tokens:write";
    create(context, 0);
    assert_int_equal(put_by(context, &weak, (struct schedule_asked){0}, &view, NULL),
                     TKR_FORBIDDEN);
    put(context, (struct schedule_asked){0});
    assert_int_equal(
        authority_remove_schedule(context->fixture.authority, &weak, context->token.id, 0, NULL),
        TKR_FORBIDDEN);
    assert_int_equal(authority_wish_rotation(context->fixture.authority, &weak, context->token.id,
                                             context->arena, &view, NULL),
                     TKR_FORBIDDEN);
}

static void test_a_target_that_keeps_one_token_is_one_lineages(void **state)
{
    struct context *context = *state;
    struct schedule_view view;
    create(context, 0);
    put(context, (struct schedule_asked){.target = "deploy"});
    create(context, 0);
    assert_int_equal(put_by(context, &fixture_admin, (struct schedule_asked){0}, &view, NULL),
                     TKR_CONFLICT);
    put(context, (struct schedule_asked){.target = "hook"});
    create(context, 0);
    put(context, (struct schedule_asked){.target = "hook"});
}

static void test_each_change_of_a_schedule_is_an_event_and_counts(void **state)
{
    struct context *context = *state;
    create(context, 0);
    assert_int_equal(put(context, (struct schedule_asked){0}).schedule.version, 1);
    assert_int_equal(put(context, (struct schedule_asked){.if_version = 1}).schedule.version, 2);
    assert_int_equal(authority_remove_schedule(context->fixture.authority, &fixture_admin,
                                               context->token.id, 1, NULL),
                     TKR_PRECONDITION);
    assert_int_equal(authority_remove_schedule(context->fixture.authority, &fixture_admin,
                                               context->token.id, 2, NULL),
                     TKR_OK);
    assert_int_equal(authority_remove_schedule(context->fixture.authority, &fixture_admin,
                                               context->token.id, 0, NULL),
                     TKR_NOT_FOUND);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM events WHERE type = 'rotation.schedule'"
                                   " AND token_name = 'deploy-bot' AND actor_user = 'root'"),
                     2);
    assert_int_equal(
        fixture_query(&context->fixture,
                      "SELECT count(*) FROM events WHERE type = 'rotation.unschedule'"),
        1);
}

/* --- rotation ------------------------------------------------------------------------------------
 */

static void test_before_its_time_nothing_happens(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    pass(context, 90 * DAY_MS - 1000);
    assert_int_equal(run(context).job.count, 0);
    assert_int_equal(context->receiver.count, 0);
}

static void test_what_is_due_is_delivered_and_the_old_one_ends_after_the_overlap(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    pass(context, 90 * DAY_MS);
    assert_int_equal(run(context).job.count, 1);
    assert_string_not_equal(context->receiver.token, context->token.plaintext);
    pass(context, DAY_MS - 1000);
    assert_true(works(context, context->token.plaintext));
    assert_true(works(context, context->receiver.token));
    pass(context, 2000);
    assert_false(works(context, context->token.plaintext));
    assert_true(works(context, context->receiver.token));
    struct schedule_view view = look(context);
    assert_int_equal(view.schedule.outcome, SCHEDULE_DELIVERED);
    assert_int_equal(view.moment.due_ms - view.token.created_at_ms, 90 * DAY_MS);
    assert_int_equal(count_alerts(context, "rotation.done"), 1);
    assert_int_equal(run(context).job.count, 0);
}

static void test_many_uses_make_it_due_after_thirty_days(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    pass(context, 30 * DAY_MS);
    fixture_count(&context->fixture, context->token.line, 1000,
                  authority_now_ms(context->fixture.authority));
    assert_int_equal(run(context).job.count, 0);
    fixture_count(&context->fixture, context->token.line, 1,
                  authority_now_ms(context->fixture.authority));
    assert_int_equal(run(context).job.count, 1);
    /* the successor's uses count anew */
    pass(context, 31 * DAY_MS);
    assert_int_equal(run(context).job.count, 0);
}

static void test_a_token_is_rotated_before_it_ends(void **state)
{
    struct context *context = *state;
    create(context, 20 * DAY_MS);
    put(context, (struct schedule_asked){0});
    pass(context, 19 * DAY_MS);
    assert_int_equal(run(context).job.count, 1);
    pass(context, DAY_MS + 1000);
    assert_false(works(context, context->token.plaintext));
    assert_true(works(context, context->receiver.token));
}

static void test_a_refused_delivery_leaves_everything_as_it_was_and_alerts(void **state)
{
    struct context *context = *state;
    create(context, 89 * DAY_MS);
    put(context, (struct schedule_asked){.has_max_age = true, .max_age_s = 86400});
    context->receiver.says = DELIVERY_FAILED;
    pass(context, 2 * DAY_MS);
    run(context);
    struct schedule_view view = look(context);
    assert_string_equal(view.token.id, context->token.id);
    assert_int_equal(view.token.expires_at_ms, context->token.expires_at_ms);
    assert_int_equal(view.schedule.outcome, SCHEDULE_FAILED);
    assert_string_equal(view.schedule.error, "it burns");
    assert_true(works(context, context->token.plaintext));
    assert_int_equal(count_alerts(context, "rotation.failed"), 1);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL"),
                     1);
}

static void test_a_failed_delivery_is_tried_again_after_longer_and_longer(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    context->receiver.says = DELIVERY_FAILED;
    pass(context, 90 * DAY_MS);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(run(context).job.count, 1);
        int64_t wait_ms = ROTATION_RETRY_MS << i;
        pass(context, wait_ms - 1);
        assert_int_equal(run(context).job.count, 0);
        pass(context, 1);
    }
    pass(context, ROTATION_RETRY_MS_MAX);
    context->receiver.says = DELIVERY_DONE;
    run(context);
    assert_int_equal(look(context).schedule.failures, 0);
    assert_true(works(context, context->receiver.token));
}

static void test_what_the_receiver_may_have_lives_until_it_certainly_has_another(void **state)
{
    struct context *context = *state;
    char unsure[TOKEN_TEXT_BYTES_MAX + 1];
    create(context, 0);
    put(context, (struct schedule_asked){.window = "0 0 1 * * for 1h"});
    context->receiver.says = DELIVERY_UNSURE;
    context->receiver.keeps = true;
    pass(context, 90 * DAY_MS); /* to 2026-04-01T00:00 */
    assert_int_equal(run(context).job.count, 1);
    strcpy(unsure, context->receiver.token);
    assert_string_equal(look(context).token.id, context->token.id);
    pass(context, 10 * DAY_MS); /* far beyond the overlap; the next window is in May */
    run(context);
    assert_int_equal(context->receiver.count, 1);
    assert_true(works(context, context->token.plaintext));
    assert_true(works(context, unsure));
    assert_string_equal(rotation_reason_name(look(context).moment.reason), "retry");
    pass(context, 20 * DAY_MS);
    context->receiver.says = DELIVERY_DONE;
    assert_int_equal(run(context).job.count, 1);
    assert_true(works(context, context->token.plaintext));
    assert_true(works(context, unsure));
    pass(context, DAY_MS + 1000);
    assert_false(works(context, context->token.plaintext));
    assert_false(works(context, unsure));
    assert_true(works(context, context->receiver.token));
    assert_int_equal(look(context).schedule.unsure, 0);
}

static void test_no_version_lives_beyond_the_end_of_the_token(void **state)
{
    struct context *context = *state;
    create(context, 10 * DAY_MS);
    put(context, (struct schedule_asked){.has_max_age = true, .max_age_s = 86400});
    context->receiver.says = DELIVERY_UNSURE;
    context->receiver.keeps = true;
    pass(context, DAY_MS);
    run(context);
    pass(context, 9 * DAY_MS - 1000);
    assert_true(works(context, context->receiver.token));
    pass(context, 2000);
    assert_false(works(context, context->receiver.token));
    assert_false(works(context, context->token.plaintext));
}

static void test_too_many_unsure_deliveries_stop_it_until_somebody_asks(void **state)
{
    struct context *context = *state;
    struct schedule_view view;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    context->receiver.says = DELIVERY_UNSURE;
    pass(context, 90 * DAY_MS);
    for (int i = 0; i < ROTATION_UNSURE_MAX + 3; i++) {
        run(context);
        pass(context, ROTATION_RETRY_MS_MAX);
    }
    assert_int_equal(context->receiver.count, ROTATION_UNSURE_MAX);
    assert_int_equal(look(context).status, SCHEDULE_BLOCKED);
    assert_true(works(context, context->token.plaintext));
    context->receiver.says = DELIVERY_DONE;
    assert_int_equal(authority_wish_rotation(context->fixture.authority, &fixture_admin,
                                             context->token.id, context->arena, &view, NULL),
                     TKR_OK);
    assert_int_equal(run(context).job.count, 1);
    pass(context, DAY_MS + 1000);
    assert_int_equal(fixture_query(&context->fixture,
                                   "SELECT count(*) FROM tokens WHERE revoked_at IS NULL AND"
                                   " (expires_at IS NULL OR expires_at > 1775001600000 + 90000000"
                                   "  + 11 * 21600000)"),
                     1);
    assert_true(works(context, context->receiver.token));
}

static void begun(void *context, const struct change_result *result)
{
    strcpy(context, result->plaintext);
}

static void test_an_interrupted_rotation_is_unsure_and_tried_again(void **state)
{
    struct context *context = *state;
    char lost[TOKEN_TEXT_BYTES_MAX + 1] = "";
    struct change_wait wait;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    pass(context, 90 * DAY_MS);
    change_wait_init(&wait, begun, lost);
    assert_int_equal(change_wait_for(&wait, authority_begin_rotation(
                                                context->fixture.authority, context->token.id, 1,
                                                change_wait_done, &wait, &wait.fault)),
                     TKR_OK);
    assert_int_equal(look(context).status, SCHEDULE_ROTATING);
    assert_int_equal(authority_remove_schedule(context->fixture.authority, &fixture_admin,
                                               context->token.id, 0, NULL),
                     TKR_CONFLICT);
    pass(context, 7 * DAY_MS); /* down for a week */
    assert_true(works(context, lost));
    assert_true(works(context, context->token.plaintext));
    run(context);
    assert_int_equal(look(context).schedule.unsure, 1);
    pass(context, ROTATION_RETRY_MS_MAX);
    assert_int_equal(run(context).job.count, 1);
    pass(context, DAY_MS + 1000);
    assert_false(works(context, lost));
    assert_false(works(context, context->token.plaintext));
    assert_true(works(context, context->receiver.token));
}

static void test_a_successor_that_was_rotated_by_hand_meanwhile_is_left_alone(void **state)
{
    struct context *context = *state;
    struct change_wait wait;
    char lost[TOKEN_TEXT_BYTES_MAX + 1] = "";
    create(context, 0);
    put(context, (struct schedule_asked){0});
    pass(context, 90 * DAY_MS);
    change_wait_init(&wait, begun, lost);
    assert_int_equal(change_wait_for(&wait, authority_begin_rotation(
                                                context->fixture.authority, context->token.id, 1,
                                                change_wait_done, &wait, &wait.fault)),
                     TKR_OK);
    struct token_rotate by_hand = {0};
    struct answer third =
        fixture_rotate(&context->fixture, &fixture_admin, look(context).token.id, &by_hand);
    assert_int_equal(third.error, TKR_OK);
    run(context);
    assert_string_equal(look(context).token.id, third.id);
    assert_int_equal(look(context).schedule.unsure, 1);
    assert_true(works(context, third.plaintext));
}

static void test_a_receiver_that_failed_gets_nothing_more_in_the_run(void **state)
{
    struct context *context = *state;
    for (int i = 0; i < 5; i++) {
        create(context, 0);
        put(context, (struct schedule_asked){.target = "hook"});
    }
    context->receiver.says = DELIVERY_FAILED;
    pass(context, 90 * DAY_MS);
    assert_int_equal(run(context).job.count, 1);
    context->receiver.says = DELIVERY_DONE;
    assert_int_equal(run(context).job.count, 4);
}

static void test_a_clock_that_jumps_over_the_window_waits_for_the_next(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){.window = "0 2 * * sat for 2h"});
    pass(context, 92 * DAY_MS); /* Friday, 2026-04-03T00:00 */
    run(context);
    pass(context, DAY_MS + 4 * HOUR_MS); /* the suspended machine wakes up at the window's end */
    assert_int_equal(run(context).job.count, 0);
    assert_true(look(context).overdue);
    pass(context, 7 * DAY_MS - 2 * HOUR_MS);
    assert_int_equal(run(context).job.count, 1);
}

static void test_a_window_after_the_end_is_told_once(void **state)
{
    struct context *context = *state;
    create(context, 20 * DAY_MS);
    put(context, (struct schedule_asked){.window = "0 2 1 jul * for 2h"});
    run(context);
    run(context);
    assert_int_equal(look(context).status, SCHEDULE_TOO_LATE);
    assert_int_equal(count_alerts(context, "rotation.late"), 1);
}

static void test_a_held_token_waits(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    pass(context, 90 * DAY_MS);
    fixture_hold(&context->fixture, &fixture_admin, context->token.id, HOLD_DISABLE, NULL);
    assert_int_equal(run(context).job.count, 0);
    assert_string_equal(look(context).blocked, "the token is not active");
    fixture_hold(&context->fixture, &fixture_admin, context->token.id, HOLD_RESTORE, NULL);
    assert_int_equal(run(context).job.count, 1);
}

static void test_revoking_while_it_is_unsure_ends_every_version(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    context->receiver.says = DELIVERY_UNSURE;
    context->receiver.keeps = true;
    pass(context, 90 * DAY_MS);
    run(context);
    assert_true(works(context, context->receiver.token));
    fixture_revoke(&context->fixture, &fixture_admin, context->token.id, "leaked");
    assert_false(works(context, context->receiver.token));
    assert_false(works(context, context->token.plaintext));
}

/* --- meanwhile -----------------------------------------------------------------------------------
 */

static tkr_error_t begin(struct context *context, uint64_t version,
                         char out[TOKEN_TEXT_BYTES_MAX + 1])
{
    struct change_wait wait;
    change_wait_init(&wait, begun, out);
    return change_wait_for(&wait,
                           authority_begin_rotation(context->fixture.authority, context->token.id,
                                                    version, change_wait_done, &wait, &wait.fault));
}

static void take_nine_minutes(struct context *context)
{
    pass(context, 9 * 60000);
}

static void test_a_window_that_ends_during_a_delivery_is_over_for_the_next(void **state)
{
    struct context *context = *state;
    for (int i = 0; i < 2; i++) {
        pass(context, 1000); /* so that they come in this order */
        create(context, 0);
        put(context, (struct schedule_asked){.target = "hook", .window = "0 2 * * sat for 2h"});
    }
    context->receiver.meanwhile = take_nine_minutes;
    pass(context, 93 * DAY_MS + 4 * HOUR_MS - 5 * 60000); /* Saturday, 2026-04-04T03:55 */
    assert_int_equal(run(context).job.count, 1);
    assert_true(look(context).overdue);
}

static void move_the_last(struct context *context)
{
    put(context, (struct schedule_asked){.target = "vault"});
    context->receiver.says = DELIVERY_FAILED; /* vault has it, or nobody */
}

static void test_a_target_that_was_changed_gets_what_comes_next(void **state)
{
    struct context *context = *state;
    struct schedule_view view;
    char text[TOKEN_TEXT_BYTES_MAX + 1] = "";
    for (int i = 0; i < 2; i++) {
        pass(context, 1000); /* so that they come in this order */
        create(context, 0);
        put(context, (struct schedule_asked){.target = "hook"});
    }
    context->receiver.meanwhile = move_the_last;
    pass(context, 90 * DAY_MS);
    assert_int_equal(run(context).job.count, 2);
    assert_string_equal(look(context).schedule.target, "vault");
    assert_int_equal(look(context).schedule.failures, 1);
    assert_int_equal(begin(context, 1, text), TKR_CONFLICT); /* who has read `hook` */
    assert_int_equal(begin(context, 2, text), TKR_OK);
    assert_int_equal(
        put_by(context, &fixture_admin, (struct schedule_asked){.target = "hook"}, &view, NULL),
        TKR_CONFLICT);
    put(context, (struct schedule_asked){.target = "vault", .has_overlap = true, .overlap_s = 60});
}

static void rotate_by_hand(struct context *context)
{
    const struct token_rotate now = {.has_grace = true, .grace_ms = 0};
    assert_int_equal(
        fixture_rotate(&context->fixture, &fixture_admin, look(context).token.id, &now).error,
        TKR_OK);
}

static void test_a_successor_that_was_replaced_while_it_was_delivered_is_not_the_last(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    context->receiver.meanwhile = rotate_by_hand;
    pass(context, 90 * DAY_MS);
    run(context);
    assert_false(works(context, context->receiver.token)); /* somebody wanted it so */
    assert_int_equal(look(context).schedule.outcome, SCHEDULE_UNSURE);
    pass(context, ROTATION_RETRY_MS_MAX);
    assert_int_equal(run(context).job.count, 1);
    assert_true(works(context, context->receiver.token));
    assert_true(works(context, context->token.plaintext));
    pass(context, DAY_MS + 1000);
    assert_true(works(context, context->receiver.token));
    assert_false(works(context, context->token.plaintext)); /* not for the rest of a year */
    char sql[160];
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM tokens WHERE revoked_at IS NULL AND"
             " (expires_at IS NULL OR expires_at = 0 OR expires_at > %lld)",
             (long long)authority_now_ms(context->fixture.authority));
    assert_int_equal(fixture_query(&context->fixture, sql), 1);
}

/* --- what stands in the way --------------------------------------------------------------------
 */

static void cleaned(void *context, const struct change_result *result)
{
    *(uint32_t *)context += result->cleanup->count;
}

static void test_a_successor_that_is_gone_stops_nobody(void **state)
{
    struct context *context = *state;
    char text[TOKEN_TEXT_BYTES_MAX + 1] = "";
    uint32_t count = 0;
    struct change_wait wait;
    create(context, 0);
    put(context, (struct schedule_asked){.target = "hook"});
    pass(context, 90 * DAY_MS);
    assert_int_equal(begin(context, 1, text), TKR_OK);
    change_wait_init(&wait, NULL, NULL);
    assert_int_equal(
        change_wait_for(&wait, authority_rollback_token(context->fixture.authority, &fixture_admin,
                                                        context->token.id, 0, change_wait_done,
                                                        &wait, &wait.fault)),
        TKR_OK);
    pass(context, HOUR_MS);
    const struct cleanup all = {.before_ms = authority_now_ms(context->fixture.authority) - 1};
    change_wait_init(&wait, cleaned, &count);
    assert_int_equal(
        change_wait_for(&wait, authority_cleanup(context->fixture.authority, &fixture_admin, &all,
                                                 change_wait_done, &wait, &wait.fault)),
        TKR_OK);
    assert_int_equal(count, 1);
    struct answer first = context->token;
    create(context, 0);
    put(context, (struct schedule_asked){.target = "hook", .has_max_age = true, .max_age_s = 1});
    pass(context, HOUR_MS);
    run(context);
    assert_int_equal(context->receiver.count, 1);
    context->token = first;
    assert_int_equal(look(context).status, SCHEDULE_WAITS);
}

static void test_a_shorter_lifetime_that_was_set_since_holds(void **state)
{
    struct context *context = *state;
    create(context, 0);
    put(context, (struct schedule_asked){0});
    context->fixture.authority->options.lifetimes[TOKEN_KIND_USER] =
        (struct lifetime_policy){.max_s = 30 * 86400, .on_exceed = ON_EXCEED_REJECT};
    pass(context, 90 * DAY_MS);
    assert_int_equal(run(context).job.count, 1);
    assert_int_equal(look(context).token.expires_at_ms,
                     authority_now_ms(context->fixture.authority) + 30 * DAY_MS);
}

static void test_what_cannot_be_rotated_is_told_once(void **state)
{
    struct context *context = *state;
    const struct token_rotate long_overlap = {.has_grace = true, .grace_ms = 366 * DAY_MS};
    create(context, 0);
    put(context, (struct schedule_asked){0});
    for (int i = 0; i < VERSIONS_LIVE_MAX; i++) {
        assert_int_equal(
            fixture_rotate(&context->fixture, &fixture_admin, look(context).token.id, &long_overlap)
                .error,
            TKR_OK);
    }
    pass(context, 90 * DAY_MS);
    assert_int_equal(run(context).job.count, 0);
    run(context);
    assert_int_equal(count_alerts(context, "rotation.failed"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_cannot_be_is_refused_and_named),
        TEST(test_an_organisation_has_the_targets_that_it_was_given),
        TEST(test_nobody_schedules_a_token_that_may_do_more),
        TEST(test_a_target_that_keeps_one_token_is_one_lineages),
        TEST(test_each_change_of_a_schedule_is_an_event_and_counts),
        TEST(test_before_its_time_nothing_happens),
        TEST(test_what_is_due_is_delivered_and_the_old_one_ends_after_the_overlap),
        TEST(test_many_uses_make_it_due_after_thirty_days),
        TEST(test_a_token_is_rotated_before_it_ends),
        TEST(test_a_refused_delivery_leaves_everything_as_it_was_and_alerts),
        TEST(test_a_failed_delivery_is_tried_again_after_longer_and_longer),
        TEST(test_what_the_receiver_may_have_lives_until_it_certainly_has_another),
        TEST(test_no_version_lives_beyond_the_end_of_the_token),
        TEST(test_too_many_unsure_deliveries_stop_it_until_somebody_asks),
        TEST(test_an_interrupted_rotation_is_unsure_and_tried_again),
        TEST(test_a_successor_that_was_rotated_by_hand_meanwhile_is_left_alone),
        TEST(test_a_receiver_that_failed_gets_nothing_more_in_the_run),
        TEST(test_a_clock_that_jumps_over_the_window_waits_for_the_next),
        TEST(test_a_window_after_the_end_is_told_once),
        TEST(test_a_held_token_waits),
        TEST(test_revoking_while_it_is_unsure_ends_every_version),
        TEST(test_a_window_that_ends_during_a_delivery_is_over_for_the_next),
        TEST(test_a_target_that_was_changed_gets_what_comes_next),
        TEST(test_a_successor_that_was_replaced_while_it_was_delivered_is_not_the_last),
        TEST(test_a_successor_that_is_gone_stops_nobody),
        TEST(test_a_shorter_lifetime_that_was_set_since_holds),
        TEST(test_what_cannot_be_rotated_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
