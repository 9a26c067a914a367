/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rotation by schedule that is killed at every step, and once more at every step of the run that
 * comes after. A step is a commit of the store (killed before it, and after it, when nobody was
 * told yet) and the delivery (before the receiver has the token, and after). Each run is a process
 * of its own that ends by _exit, as by kill -9: nothing is flushed or closed.
 *
 * What must hold after each kill: the receiver's token works, and goes on working as long as the
 * token was given; a later run delivers; one overlap after that only the receiver's token works;
 * and at the end that the token was given nothing works that was made before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "engine/schedules.h"
#include "jobs/deliver_port.h"
#include "jobs/handlers/handlers.h"
#include "jobs/scheduler_internal.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define LIFETIME_MS (60 * DAY_MS)
#define DUE_MS (30 * DAY_MS)
#define KILLED 99
#define POINTS_MAX 64 /* more: the test does not end by itself */
#define SECOND_POINTS 3

/* --- what kills ----------------------------------------------------------------------------------
 */

enum moment { BEFORE, AFTER };
static atomic_int steps; /* so far */
static int kill_at = -1; /* twice the step, and its moment; -1: never */
static tkr_error_t (*commit)(struct store *store, uint64_t *ret_seq);

static void maybe_die(int step, enum moment moment)
{
    if (kill_at == 2 * step + (int)moment) {
        _exit(KILLED);
    }
}

static tkr_error_t deadly_commit(struct store *store, uint64_t *ret_seq)
{
    int step = atomic_fetch_add(&steps, 1);
    maybe_die(step, BEFORE);
    tkr_error_t error = commit(store, ret_seq);
    maybe_die(step, AFTER);
    return error;
}

/* --- a process -----------------------------------------------------------------------------------
 */

static struct authority_fixture fixture; /* its directories are the parent's */

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (killed at %d)\n", __FILE__, __LINE__, #condition,          \
                    kill_at);                                                                      \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void keep(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", fixture.data.path, name);
    FILE *file = fopen(path, "we");
    MUST(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static const char *kept(const char *name, char out[TOKEN_TEXT_BYTES_MAX + 1])
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", fixture.data.path, name);
    FILE *file = fopen(path, "re");
    MUST(file != NULL && fgets(out, TOKEN_TEXT_BYTES_MAX + 1, file) != NULL);
    fclose(file);
    return out;
}

static enum delivery_outcome receive(void *context, const struct delivery *delivery,
                                     char ret_error[ROTATION_ERROR_BYTES_MAX + 1])
{
    (void)context;
    (void)ret_error;
    int step = atomic_fetch_add(&steps, 1);
    maybe_die(step, BEFORE);
    keep("receiver", delivery->token);
    maybe_die(step, AFTER);
    return DELIVERY_DONE;
}

static bool works(const char *name)
{
    char text[TOKEN_TEXT_BYTES_MAX + 1];
    segment_writer_beat(fixture.authority->segment, NULL);
    return fixture_verify(&fixture, kept(name, text)) == TKR_VERDICT_VALID;
}

static struct schedule_view look(void)
{
    static struct arena *arena;
    struct schedule_view *views = NULL;
    size_t count = 0;
    const struct schedule_page_of page = {.org_id = "*", .limit = 10};
    arena_free(arena);
    MUST(arena_new(1 << 20, &arena) == TKR_OK);
    MUST(authority_list_schedules(fixture.authority, &principal_system, &page, arena, &views,
                                  &count, NULL) == TKR_OK);
    MUST(count == 1);
    return views[0];
}

static void start(int64_t ms_after_birth)
{
    static const struct rotation_target target = {.name = "deploy", .type = "file"};
    fixture.options.rotation_grace_ms = DAY_MS;
    fixture.options.rotation = (struct rotation_options){
        .max_age_s = DUE_MS / 1000, .targets = &target, .target_count = 1};
    virtual_clock_advance(&fixture.time, ms_after_birth);
    MUST(authority_fixture_start(&fixture, NULL) == TKR_OK);
    commit = fixture.port.commit;
    fixture.port.commit = deadly_commit;
}

static void run_job(void)
{
    static const struct job_handler *const handlers[] = {&job_rotation};
    static const struct deliver_port port = {receive, NULL};
    static const struct job_settings settings = {.deliver = &port};
    struct scheduler *scheduler = NULL;
    struct job_status status;
    const struct scheduler_options options = {
        .authority = fixture.authority,
        .store = &fixture.port,
        .clock = &fixture.time.clock,
        .random = random_system(),
        .settings = &settings,
        .handlers = handlers,
        .handler_count = 1,
    };
    MUST(scheduler_new(&options, &scheduler, NULL) == TKR_OK);
    MUST(scheduler_run(scheduler, &fixture_admin, "rotation", &status, NULL) == TKR_OK);
    MUST(status.job.outcome == JOB_DONE);
    MUST(scheduler_stop(scheduler) == TKR_OK);
    scheduler_free(scheduler);
}

/* Runs in a process of its own; its exit status. */
static int in_child(void (*body)(int argument), int argument)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        body(argument);
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* --- the processes
 * --------------------------------------------------------------------------------
 */

static void make_token(int unused)
{
    (void)unused;
    struct token_create asked = fixture_token("deploy-bot");
    struct schedule_view view;
    struct arena *arena = NULL;
    bool created = false;
    start(0);
    asked.lifetime.has_expires_at = true;
    asked.lifetime.expires_at_ms = authority_now_ms(fixture.authority) + LIFETIME_MS;
    struct answer made = fixture_create(&fixture, &fixture_admin, &asked);
    MUST(made.error == TKR_OK && arena_new(1 << 20, &arena) == TKR_OK);
    keep("first", made.plaintext);
    keep("receiver", made.plaintext);
    MUST(authority_put_schedule(fixture.authority, &fixture_admin, made.id,
                                &(struct schedule_asked){.target = "deploy"}, arena, &view,
                                &created, NULL) == TKR_OK);
}

static void rotate_first(int point)
{
    start(DUE_MS);
    kill_at = point;
    run_job();
}

/* An hour later: the dead one's lease is over, and so is the wait after a failure. */
static void rotate_second(int point)
{
    start(DUE_MS + HOUR_MS);
    MUST(works("receiver"));
    kill_at = point;
    run_job();
    MUST(works("receiver"));
    virtual_clock_advance(&fixture.time, HOUR_MS);
    run_job();
}

/* Nobody ran anything for weeks. */
static void look_late(int unused)
{
    (void)unused;
    start(LIFETIME_MS - 1000);
    MUST(works("receiver"));
}

static void finish(int unused)
{
    (void)unused;
    char text[TOKEN_TEXT_BYTES_MAX + 1], first[TOKEN_TEXT_BYTES_MAX + 1];
    start(DUE_MS + 4 * HOUR_MS);
    MUST(works("receiver"));
    run_job();
    MUST(works("receiver"));
    virtual_clock_advance(&fixture.time, HOUR_MS);
    run_job();
    struct schedule_view view = look();
    MUST(view.schedule.outcome == SCHEDULE_DELIVERED && view.schedule.unsure == 0);
    MUST(strcmp(kept("receiver", text), kept("first", first)) != 0);
    MUST(works("receiver") &&
         strncmp(text, view.token.display_prefix, strlen(view.token.display_prefix)) == 0);
    virtual_clock_advance(&fixture.time, DAY_MS + HOUR_MS);
    MUST(works("receiver") && !works("first"));
    MUST(fixture_query(&fixture,
                       "SELECT count(*) FROM tokens WHERE replaced_by IS NULL AND revoked_at IS "
                       "NULL") == 1);
    int64_t now_ms = authority_now_ms(fixture.authority);
    char sql[160];
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM tokens WHERE revoked_at IS NULL AND expires_at > %lld",
             (long long)now_ms);
    MUST(fixture_query(&fixture, sql) == 1);
}

/* --- the test ------------------------------------------------------------------------------------
 */

static void open_directories(void)
{
    kill_at = -1;
    authority_fixture_init(&fixture);
    assert_int_equal(in_child(make_token, 0), 0);
}

static void remove_directories(void)
{
    temp_directory_remove(&fixture.data);
    temp_directory_remove(&fixture.runtime);
}

/* False: the run was over before the second kill. */
static bool kill_twice(int first, int second)
{
    open_directories();
    assert_int_equal(in_child(rotate_first, first), KILLED);
    int status = in_child(rotate_second, second);
    assert_true(status == KILLED || status == 0);
    assert_int_equal(in_child(finish, 0), 0);
    remove_directories();
    return status == KILLED;
}

static void test_a_rotation_that_is_killed_anywhere_loses_no_token(void **state)
{
    (void)state;
    int point = 0;
    for (int status = KILLED; status == KILLED; point++) {
        assert_true(point < POINTS_MAX);
        open_directories();
        status = in_child(rotate_first, point);
        assert_true(status == KILLED || status == 0);
        assert_int_equal(in_child(look_late, 0), 0);
        remove_directories();
    }
    assert_true(point > 8); /* there were steps to die at */
}

static void test_what_was_killed_is_delivered_later(void **state)
{
    (void)state;
    int point = 0;
    for (int status = KILLED; status == KILLED; point++) {
        open_directories();
        status = in_child(rotate_first, point);
        assert_true(status == KILLED || status == 0);
        assert_int_equal(in_child(finish, 0), 0);
        remove_directories();
    }
}

static void test_a_run_that_mends_is_killed_as_well(void **state)
{
    (void)state;
    for (int first = 0; first < 2 * SECOND_POINTS; first++) {
        for (int second = first % 5; kill_twice(first, second); second += 5) {
            assert_true(second < POINTS_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rotation_that_is_killed_anywhere_loses_no_token),
        cmocka_unit_test(test_what_was_killed_is_delivered_later),
        cmocka_unit_test(test_a_run_that_mends_is_killed_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
