/* SPDX-License-Identifier: Apache-2.0 */
/* Old events leave the log for an archive, whatever goes wrong on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_look.h"
#include "authority_fixture.h"
#include "engine/task.h"
#include "jobs/archive.h"
#include "jobs/handlers/handlers.h"
#include "jobs/scheduler_internal.h"

#define DAY_MS INT64_C(86400000)
#define KEEP_MS (30 * DAY_MS)

static const uint8_t key_seed[SEAL_SEED_BYTES] = {5, 4, 3};

struct context {
    struct authority_fixture fixture;
    struct temp_directory archives;
    struct seal_key *key;
    struct job_settings settings;
    struct scheduler *scheduler;
    struct audit_look look;
};

/* --- steps --------------------------------------------------------------------------------------
 */

static void start_jobs(struct context *context)
{
    static const struct job_handler *const handlers[] = {&job_audit_retention};
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
}

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    temp_directory_make(&context->archives);
    assert_int_equal(seal_key_new(key_seed, &context->key), TKR_OK);
    authority_fixture_init(&context->fixture);
    context->fixture.options.audit_key = context->key;
    context->fixture.options.audit_key_is_new = true;
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    context->fixture.options.audit_key_is_new = false;
    context->settings = (struct job_settings){.audit_keep_ms = KEEP_MS,
                                              .audit_archive_directory = context->archives.path,
                                              .audit_public_key = seal_key_public(context->key)};
    context->look = (struct audit_look){.data = context->fixture.data.path, .seed = key_seed};
    start_jobs(context);
    *state = context;
    return 0;
}

static void stop(struct context *context)
{
    assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
    scheduler_free(context->scheduler);
    authority_fixture_stop(&context->fixture);
}

static void start(struct context *context)
{
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    start_jobs(context);
}

static int tear_down(void **state)
{
    struct context *context = *state;
    assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
    scheduler_free(context->scheduler);
    authority_fixture_close(&context->fixture);
    seal_key_free(context->key);
    temp_directory_remove(&context->archives);
    free(context);
    return 0;
}

static tkr_error_t note_hundred(const struct store_port *store, void *at_ms)
{
    for (int i = 0; i < 100; i++) {
        const struct store_event event = {.at_ms = *(int64_t *)at_ms,
                                          .type = "test",
                                          .details = "{\"real\":1.50,\"ä\":\"\\\\\"}"};
        TRY(store->note_event(store->store, &event));
    }
    return TKR_OK;
}

/* So many events of now, and a checkpoint of them. */
static void add_events(struct context *context, int hundreds)
{
    for (int i = 0; i < hundreds; i++) {
        int64_t now_ms = authority_now_ms(context->fixture.authority);
        assert_int_equal(authority_run(context->fixture.authority, note_hundred, &now_ms), TKR_OK);
    }
    virtual_clock_advance(&context->fixture.time, 2 * 60000);
    struct token_create asked = fixture_token("n");
    assert_int_equal(fixture_create(&context->fixture, &fixture_admin, &asked).error, TKR_OK);
}

static void advance(struct context *context, int days)
{
    virtual_clock_advance(&context->fixture.time, days * DAY_MS);
}

static struct store_job run_job(struct context *context)
{
    struct job_status status;
    assert_int_equal(
        scheduler_run(context->scheduler, &fixture_admin, "audit_retention", &status, NULL),
        TKR_OK);
    return status.job;
}

static int64_t query(struct context *context, const char *sql)
{
    return fixture_query(&context->fixture, sql);
}

static int64_t first_seq(struct context *context)
{
    return query(context, "SELECT audit_first FROM meta");
}

static unsigned count_files(struct context *context, const char *suffix)
{
    DIR *directory = opendir(context->archives.path);
    const struct dirent *entry;
    unsigned count = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        const char *end = strrchr(entry->d_name, '.');
        count += entry->d_name[0] != '.' && end != NULL && strcmp(end, suffix) == 0;
    }
    closedir(directory);
    return count;
}

/* The path of the only archive. */
static const char *only_file(struct context *context)
{
    static char path[600];
    DIR *directory = opendir(context->archives.path);
    const struct dirent *entry;
    assert_int_equal(count_files(context, ".ndjson"), 1);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == 'a') {
            snprintf(path, sizeof(path), "%s/%s", context->archives.path, entry->d_name);
        }
    }
    closedir(directory);
    return path;
}

/* The log by itself, and with its archives from the first event on. */
static void assert_all_intact(struct context *context, uint64_t events)
{
    for (int with = 0; with < 2; with++) {
        context->look.archives = with ? context->archives.path : NULL;
        audit_look(&context->look);
        if (audit_look_alarms(&context->look)) {
            const struct audit_finding *finding = &context->look.findings[0];
            fail_msg("%s; %s at %llu in %s", context->look.fault.detail,
                     context->look.finding_count > 0 ? audit_finding_name(finding->kind) : "-",
                     (unsigned long long)finding->seq, context->look.where[0]);
        }
    }
    /* Each event once, in either. */
    const struct audit_log_result *result = &context->look.result;
    uint64_t overlap = result->first_seq - 1 < result->archived_events
                           ? result->archived_events - (result->first_seq - 1)
                           : 0;
    assert_int_equal(result->archived_events + result->events - overlap, result->head_seq);
    assert_true(result->head_seq >= events);
}

/* --- what goes, and what stays ------------------------------------------------------------------
 */

static void test_without_a_time_to_keep_it_is_off(void **state)
{
    assert_int_equal(job_audit_retention.every_ms(&(struct job_settings){0}), 0);
    assert_string_equal(job_audit_retention.switch_key, "audit.keep_days");
}

static void test_what_is_not_old_enough_stays(void **state)
{
    struct context *context = *state;
    add_events(context, 1);
    advance(context, 29);
    struct store_job job = run_job(context);
    assert_int_equal(job.outcome, JOB_DONE);
    assert_string_equal(job.result, "0 events archived");
    assert_int_equal(first_seq(context), 1);
    assert_int_equal(count_files(context, ".ndjson"), 0);
}

static void test_old_events_go_to_a_file_and_the_chain_holds(void **state)
{
    struct context *context = *state;
    struct stat status;
    add_events(context, 30);
    advance(context, 31);
    add_events(context, 1);
    struct store_job job = run_job(context);
    assert_int_equal(job.outcome, JOB_DONE);
    int64_t first = first_seq(context);
    assert_true(first > 3000);
    assert_int_equal(job.count, first - 1);
    assert_int_equal(query(context, "SELECT min(number) FROM events"), first);
    assert_int_equal(query(context, "SELECT count(*) FROM checkpoints WHERE seq < (SELECT "
                                    "audit_first FROM meta)"),
                     0);
    assert_int_equal(stat(only_file(context), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(query(context, "SELECT count(*) FROM events WHERE type = 'audit.archived'"
                                    " AND details LIKE '{\"first\":1,\"last\":3%'"),
                     1);
    assert_all_intact(context, 3000);
    assert_int_equal(run_job(context).count, 0);
    advance(context, 31);
    run_job(context);
    assert_int_equal(count_files(context, ".ndjson"), 2);
    assert_all_intact(context, 3100);
    stop(context);
    start(context); /* and the next start finds it as it was sealed */
    assert_int_equal(fixture_reports(&context->fixture, "audit_broken"), 0);
    assert_all_intact(context, 3100);
}

static void test_a_log_of_which_everything_is_old_goes_on(void **state)
{
    struct context *context = *state;
    add_events(context, 1);
    stop(context);
    start(context);
    advance(context, 100);
    assert_int_equal(run_job(context).outcome, JOB_DONE);
    assert_true(first_seq(context) > 100);
    stop(context);
    start(context);
    assert_int_equal(fixture_reports(&context->fixture, "audit_broken"), 0);
    assert_all_intact(context, 100);
}

static void test_without_a_directory_events_are_let_go_for_good(void **state)
{
    struct context *context = *state;
    context->settings.audit_archive_directory = NULL;
    add_events(context, 12);
    advance(context, 31);
    struct store_job job = run_job(context);
    assert_int_equal(job.outcome, JOB_DONE);
    assert_true(first_seq(context) > 1200);
    assert_int_equal(query(context, "SELECT count(*) FROM events WHERE type = 'audit.discarded'"
                                    " AND json_extract(details, '$.last') > 1200"),
                     1);
    audit_look(&context->look);
    assert_false(audit_look_alarms(&context->look));
    assert_true(context->look.result.left);
}

/* A checkpoint that was kept elsewhere is of an event that is in an archive now. */
static void test_checkpoints_that_were_kept_hold_with_the_archives(void **state)
{
    struct context *context = *state;
    struct audit_checkpoint kept = {0};
    struct store_log log;
    add_events(context, 1);
    assert_int_equal(context->fixture.port.audit.read_log(context->fixture.port.store, &log),
                     TKR_OK);
    memcpy(kept.store_id, log.store_id, sizeof(kept.store_id));
    kept.seq = log.head.seq;
    memcpy(kept.digest, log.head.digest, sizeof(kept.digest));
    assert_int_equal(audit_checkpoint_sign(context->key, &kept), TKR_OK);
    add_events(context, 1);
    advance(context, 31);
    run_job(context);
    context->look.kept = &kept;
    context->look.kept_count = 1;
    audit_look(&context->look);
    assert_false(audit_look_alarms(&context->look));
    assert_int_equal(context->look.result.early, 1);
    assert_all_intact(context, 200);
    kept.digest[0] ^= 1;
    assert_int_equal(audit_checkpoint_sign(context->key, &kept), TKR_OK);
    context->look.archives = context->archives.path;
    audit_look(&context->look);
    assert_true(audit_look_has(&context->look, AUDIT_NOT_AS_SIGNED, kept.seq));
}

/* --- refusals -----------------------------------------------------------------------------------
 */

static void assert_refused(struct context *context, enum job_outcome outcome, const char *words)
{
    int64_t first = first_seq(context);
    int64_t events = query(context, "SELECT count(*) FROM events WHERE type = 'test'");
    struct store_job job = run_job(context);
    if (job.outcome != outcome || strstr(job.result, words) == NULL) {
        fail_msg("%d: %s", (int)job.outcome, job.result);
    }
    assert_int_equal(first_seq(context), first);
    assert_int_equal(query(context, "SELECT count(*) FROM events WHERE type = 'test'"), events);
    assert_int_equal(count_files(context, ".new"), 0);
}

static void test_a_log_that_was_changed_stays_and_is_told_once(void **state)
{
    struct context *context = *state;
    add_events(context, 3);
    advance(context, 31);
    fixture_run(&context->fixture, "UPDATE events SET user_id = 'mallory' WHERE number = 150");
    assert_refused(context, JOB_FAILED, "event 150: changed");
    assert_refused(context, JOB_FAILED, "event 150: changed");
    assert_int_equal(count_files(context, ".ndjson"), 0);
    assert_int_equal(
        query(context, "SELECT count(*) FROM events WHERE type = 'alert.audit.broken'"), 1);
    context->settings.audit_archive_directory = NULL;
    assert_refused(context, JOB_FAILED, "event 150: changed");
}

static void test_a_directory_that_is_not_there_loses_nothing(void **state)
{
    struct context *context = *state;
    add_events(context, 1);
    advance(context, 31);
    context->settings.audit_archive_directory = "/nowhere/at/all";
    assert_refused(context, JOB_FAILED, "No such file or directory");
    context->settings.audit_archive_directory = context->archives.path;
    assert_int_equal(run_job(context).outcome, JOB_DONE);
    assert_all_intact(context, 100);
}

/* --- killed on the way --------------------------------------------------------------------------
 */

static void copy_file(const char *from, const char *to)
{
    char command[1400];
    snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* Everything as it was before the run, but the archive is there: killed before the transaction. */
static void test_a_file_that_the_log_knows_nothing_of_is_used(void **state)
{
    struct context *context = *state;
    char database[400], before[400];
    add_events(context, 25);
    stop(context);
    snprintf(database, sizeof(database), "%s/tokenry.db", context->fixture.data.path);
    snprintf(before, sizeof(before), "%s/before", context->fixture.data.path);
    copy_file(database, before);
    start(context);
    advance(context, 31);
    run_job(context);
    struct stat first, second;
    assert_int_equal(stat(only_file(context), &first), 0);
    stop(context);
    copy_file(before, database);
    start(context);
    struct store_job job = run_job(context);
    assert_int_equal(job.outcome, JOB_DONE);
    assert_true(job.count > 2500);
    assert_int_equal(stat(only_file(context), &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_all_intact(context, 2500);
}

static tkr_error_t drop_some(const struct store_port *store, void *unused)
{
    uint64_t first = 0;
    const struct store_event event = {.at_ms = 1,
                                      .type = "audit.archived",
                                      .details = "{\"first\":1,\"last\":2501,\"digest\":\"\"}"};
    TRY(store->note_event(store->store, &event));
    return store->audit.drop_events(store->store, 700, 700, &first);
}

/* The file is there and some of its events have gone: killed between two slices. */
static void test_what_a_kill_left_in_the_log_goes_with_the_next_run(void **state)
{
    struct context *context = *state;
    struct store_log log;
    struct audit_checkpoint checkpoint = {0};
    add_events(context, 25);
    assert_int_equal(context->fixture.port.audit.read_log(context->fixture.port.store, &log),
                     TKR_OK);
    struct archive archive = {.directory = context->archives.path,
                              .public_key = seal_key_public(context->key)};
    memcpy(archive.store_id, log.store_id, sizeof(archive.store_id));
    memcpy(checkpoint.store_id, log.store_id, sizeof(checkpoint.store_id));
    checkpoint.seq = log.head.seq;
    memcpy(checkpoint.digest, log.head.digest, sizeof(checkpoint.digest));
    assert_int_equal(audit_checkpoint_sign(context->key, &checkpoint), TKR_OK);
    assert_int_equal(
        archive_write(&archive, &context->fixture.port, &log.head, &checkpoint, NULL, NULL, NULL),
        TKR_OK);
    assert_int_equal(authority_run(context->fixture.authority, drop_some, NULL), TKR_OK);
    assert_all_intact(context, 2500);
    advance(context, 31);
    struct store_job job = run_job(context);
    assert_int_equal(job.outcome, JOB_DONE);
    assert_true(first_seq(context) > 2501);
    assert_int_equal(query(context, "SELECT count(*) FROM events WHERE type = 'audit.archived'"
                                    " AND details LIKE '{\"first\":1,%'"),
                     1);
    assert_all_intact(context, 2500);
}

static void test_half_a_file_is_written_anew(void **state)
{
    struct context *context = *state;
    char path[700];
    add_events(context, 1);
    advance(context, 31);
    run_job(context);
    snprintf(path, sizeof(path), "%s.new", only_file(context));
    assert_int_equal(rename(only_file(context), path), 0);
    assert_int_equal(truncate(path, 1000), 0);
    stop(context);
    start(context);
    add_events(context, 1);
    advance(context, 31);
    run_job(context);
    assert_int_equal(count_files(context, ".ndjson"), 1);
    assert_int_equal(count_files(context, ".new"), 1); /* of another range: for somebody to see */
}

/* Somebody put another file in the place of one that a kill left. */
static void test_a_file_of_other_events_is_not_used(void **state)
{
    struct context *context = *state;
    add_events(context, 1);
    advance(context, 31);
    char path[700], name[ARCHIVE_NAME_SIZE];
    struct store_log log;
    assert_int_equal(context->fixture.port.audit.read_log(context->fixture.port.store, &log),
                     TKR_OK);
    struct archive archive = {.directory = context->archives.path};
    memcpy(archive.store_id, log.store_id, sizeof(archive.store_id));
    snprintf(path, sizeof(path), "%s/%s", context->archives.path,
             archive_name(&archive, &(struct archive_range){1, 50}, name));
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("{\"object\":\"audit_log\"}\n", file);
    fclose(file);
    assert_refused(context, JOB_FAILED, "no archive of an audit log");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(run_job(context).outcome, JOB_DONE);
    assert_all_intact(context, 100);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_time_to_keep_it_is_off),
        TEST(test_what_is_not_old_enough_stays),
        TEST(test_old_events_go_to_a_file_and_the_chain_holds),
        TEST(test_a_log_of_which_everything_is_old_goes_on),
        TEST(test_without_a_directory_events_are_let_go_for_good),
        TEST(test_checkpoints_that_were_kept_hold_with_the_archives),
        TEST(test_a_log_that_was_changed_stays_and_is_told_once),
        TEST(test_a_directory_that_is_not_there_loses_nothing),
        TEST(test_a_file_that_the_log_knows_nothing_of_is_used),
        TEST(test_what_a_kill_left_in_the_log_goes_with_the_next_run),
        TEST(test_half_a_file_is_written_anew),
        TEST(test_a_file_of_other_events_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
