/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who can write the archives of an audit log and has not the key: thousands of edits of
 * real archives, one at a time, each of which must be found by a look at archives and log together;
 * and when it is taken back, nothing must be. Another order is chosen by TOKENRY_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/line.h"
#include "audit_look.h"
#include "authority_fixture.h"
#include "jobs/handlers/handlers.h"
#include "jobs/scheduler.h"
#include "seeded_random.h"

#define SEED 20261126
#define EDITS 3000
#define LOOK_AGAIN 10 /* edits after which what was taken back is looked at, too */
#define ARCHIVES 4
#define TOKENS 25 /* for each of them, and for the log */
#define DAY_MS INT64_C(86400000)
#define FILE_BYTES_MAX (256 * 1024)

static const uint8_t key_seed[SEAL_SEED_BYTES] = {9, 8, 6};

struct archive_file {
    char name[64], path[600];
    char bytes[FILE_BYTES_MAX];
    size_t length, lines;
};

struct run {
    struct authority_fixture fixture;
    struct temp_directory archives;
    struct seal_key *key;
    struct job_settings settings;
    struct seeded_random random;
    uint64_t seed;
    struct archive_file files[ARCHIVES]; /* by their first event */
    char edited[FILE_BYTES_MAX + 4096];
    struct audit_look look;
    unsigned step;
    char what[256]; /* the edit, for a failure */
};

static void fail_run(struct run *run, const char *words)
{
    fail_msg("seed %llu, edit %u, %s: %s", (unsigned long long)run->seed, run->step, run->what,
             words);
}

static uint64_t below(struct run *run, uint64_t most)
{
    return seeded_random_below(&run->random, most);
}

/* --- files -------------------------------------------------------------------------------------
 */

static void write_file(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void read_file(struct archive_file *file)
{
    FILE *in = fopen(file->path, "re");
    assert_non_null(in);
    file->length = fread(file->bytes, 1, sizeof(file->bytes), in);
    fclose(in);
    assert_true(file->length < sizeof(file->bytes));
    for (size_t i = 0; i < file->length; i++) {
        file->lines += file->bytes[i] == '\n';
    }
}

static void take_back(struct run *run)
{
    for (size_t i = 0; i < ARCHIVES; i++) {
        write_file(run->files[i].path, run->files[i].bytes, run->files[i].length);
    }
}

/* The line's first byte, and how long it is with its line feed. */
static const char *line_of(const struct archive_file *file, size_t line, size_t *ret_length)
{
    const char *at = file->bytes, *end = file->bytes + file->length;
    while (line-- > 0) {
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    }
    *ret_length = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at) + 1;
    return at;
}

static struct archive_file *any_file(struct run *run)
{
    return &run->files[below(run, ARCHIVES)];
}

/* --- edits -------------------------------------------------------------------------------------
 */

static void flip(struct run *run)
{
    struct archive_file *file = any_file(run);
    size_t at = below(run, file->length);
    unsigned bit = (unsigned)below(run, 8);
    memcpy(run->edited, file->bytes, file->length);
    run->edited[at] ^= (char)(1 << bit);
    write_file(file->path, run->edited, file->length);
    snprintf(run->what, sizeof(run->what), "flip bit %u at %zu of %s", bit, at, file->name);
}

/* Events only: a checkpoint in the middle would say what the last one says, too. */
static void delete_lines(struct run *run)
{
    struct archive_file *file = any_file(run);
    size_t first = below(run, file->lines), count = 1 + below(run, file->lines - first), length = 0;
    const char *from = line_of(file, first, &length);
    const char *last = line_of(file, first + count - 1, &length);
    size_t before = (size_t)(from - file->bytes);
    size_t behind = (size_t)(file->bytes + file->length - (last + length));
    memcpy(run->edited, file->bytes, before);
    memcpy(run->edited + before, last + length, behind);
    write_file(file->path, run->edited, before + behind);
    snprintf(run->what, sizeof(run->what), "delete %zu lines from %zu of %s", count, first,
             file->name);
}

static void swap_lines(struct run *run)
{
    struct archive_file *file = any_file(run);
    size_t a = below(run, file->lines - 1), b = a + 1 + below(run, file->lines - a - 1);
    size_t lengths[2];
    const char *lines[2] = {line_of(file, a, &lengths[0]), line_of(file, b, &lengths[1])};
    char *out = run->edited;
    size_t before = (size_t)(lines[0] - file->bytes);
    const char *between = lines[0] + lengths[0];
    out = mempcpy(out, file->bytes, before);
    out = mempcpy(out, lines[1], lengths[1]);
    out = mempcpy(out, between, (size_t)(lines[1] - between));
    out = mempcpy(out, lines[0], lengths[0]);
    const char *rest = lines[1] + lengths[1];
    out = mempcpy(out, rest, (size_t)(file->bytes + file->length - rest));
    write_file(file->path, run->edited, (size_t)(out - run->edited));
    snprintf(run->what, sizeof(run->what), "swap lines %zu and %zu of %s", a, b, file->name);
}

/* A line of whatever archive, once more or at another place. */
static void insert_line(struct run *run)
{
    struct archive_file *file = any_file(run), *other = any_file(run);
    size_t at = below(run, file->lines), from = below(run, other->lines), length = 0, ignored = 0;
    const char *place = line_of(file, at, &ignored), *line = line_of(other, from, &length);
    char *out = mempcpy(run->edited, file->bytes, (size_t)(place - file->bytes));
    out = mempcpy(out, line, length);
    out = mempcpy(out, place, (size_t)(file->bytes + file->length - place));
    write_file(file->path, run->edited, (size_t)(out - run->edited));
    snprintf(run->what, sizeof(run->what), "line %zu of %s before line %zu of %s", from,
             other->name, at, file->name);
}

static void cut(struct run *run)
{
    struct archive_file *file = any_file(run);
    size_t length = below(run, file->length);
    write_file(file->path, file->bytes, length);
    snprintf(run->what, sizeof(run->what), "cut %s to %zu", file->name, length);
}

static void append(struct run *run)
{
    static const char *const ends[] = {"\n", "x", "{}\n", "\0"};
    struct archive_file *file = any_file(run);
    size_t which = below(run, 4);
    memcpy(run->edited, file->bytes, file->length);
    memcpy(run->edited + file->length, ends[which], which == 3 ? 1 : strlen(ends[which]));
    write_file(file->path, run->edited, file->length + (which == 3 ? 1 : strlen(ends[which])));
    snprintf(run->what, sizeof(run->what), "append %zu to %s", which, file->name);
}

static void remove_file(struct run *run)
{
    struct archive_file *file = any_file(run);
    assert_int_equal(unlink(file->path), 0);
    snprintf(run->what, sizeof(run->what), "remove %s", file->name);
}

static void swap_files(struct run *run)
{
    size_t a = below(run, ARCHIVES), b = (a + 1 + below(run, ARCHIVES - 1)) % ARCHIVES;
    write_file(run->files[a].path, run->files[b].bytes, run->files[b].length);
    if (below(run, 2) == 0) {
        write_file(run->files[b].path, run->files[a].bytes, run->files[a].length);
    }
    snprintf(run->what, sizeof(run->what), "%s for %s", run->files[b].name, run->files[a].name);
}

/* An event is rewritten, and with it every later digest of its file, as whoever has not the key can
 * do it. */
static void rewrite(struct run *run)
{
    static struct audit_line line;
    struct archive_file *file = any_file(run);
    size_t at = 1 + below(run, file->lines - 2), length = 0;
    uint8_t digest[AUDIT_DIGEST_BYTES];
    FILE *out = fopen(file->path, "we");
    assert_non_null(out);
    for (size_t i = 0; i < file->lines; i++) {
        struct buffer text CLEANUP(buffer_deinit);
        const char *from = line_of(file, i, &length);
        buffer_init(&text, AUDIT_LINE_BYTES_MAX);
        assert_int_equal(audit_line_read(from, length - 1, &line), TKR_OK);
        if (line.kind == AUDIT_LINE_EVENT && i >= at) {
            if (i == at) {
                line.event.fields[AUDIT_FIELD_USER] = "mallory";
            }
            assert_int_equal(audit_chain_next(digest, &line.event, digest), TKR_OK);
            const char *details = line.event.fields[AUDIT_FIELD_DETAILS];
            audit_line_put_event(&text, &line.event, digest, details[0] == '{');
        } else {
            memcpy(digest, line.kind == AUDIT_LINE_BEGIN ? line.begin.base : line.digest,
                   sizeof(digest));
            buffer_add(&text, from, length - 1);
        }
        buffer_add_char(&text, '\n');
        fwrite(text.data, 1, text.length, out);
    }
    assert_int_equal(fclose(out), 0);
    snprintf(run->what, sizeof(run->what), "rewrite from line %zu of %s", at, file->name);
}

/* What says again what is said there anyway. */
static void say_again(struct run *run)
{
    size_t index = below(run, ARCHIVES - 1), length = 0, ignored = 0;
    struct archive_file *file = &run->files[index];
    bool begins = below(run, 2) == 0;
    const char *line = begins ? line_of(&run->files[index + 1], 0, &length)
                              : line_of(file, file->lines - 1, &length);
    const char *place = line_of(file, file->lines - 1, &ignored);
    char *out = mempcpy(run->edited, file->bytes, (size_t)(place - file->bytes));
    out = mempcpy(out, line, length);
    out = mempcpy(out, place, (size_t)(file->bytes + file->length - place));
    write_file(file->path, run->edited, (size_t)(out - run->edited));
    snprintf(run->what, sizeof(run->what), "say %s again in %s",
             begins ? "where the next one begins" : "the checkpoint", file->name);
}

static const struct {
    void (*edit)(struct run *run);
    unsigned weight;
} edits[] = {
    {flip, 49}, {delete_lines, 12}, {swap_lines, 8},  {insert_line, 9}, {say_again, 2},
    {cut, 8},   {append, 4},        {remove_file, 2}, {swap_files, 3},  {rewrite, 3},
};

static void any_edit(struct run *run)
{
    uint64_t dice = below(run, 100);
    size_t i = 0;
    while (dice >= edits[i].weight) {
        dice -= edits[i++].weight;
    }
    edits[i].edit(run);
}

/* --- the run -----------------------------------------------------------------------------------
 */

static void make_tokens(struct run *run)
{
    for (int i = 0; i < TOKENS; i++) {
        struct token_create asked = fixture_token("n");
        assert_int_equal(fixture_create(&run->fixture, &fixture_admin, &asked).error, TKR_OK);
    }
    virtual_clock_advance(&run->fixture.time, 2 * 60000);
    struct token_create asked = fixture_token("checkpoint");
    assert_int_equal(fixture_create(&run->fixture, &fixture_admin, &asked).error, TKR_OK);
}

static void archive_what_is_old(struct run *run)
{
    static const struct job_handler *const handlers[] = {&job_audit_retention};
    const struct scheduler_options options = {
        .authority = run->fixture.authority,
        .store = &run->fixture.port,
        .clock = &run->fixture.time.clock,
        .random = random_system(),
        .settings = &run->settings,
        .handlers = handlers,
        .handler_count = 1,
    };
    struct scheduler *scheduler = NULL;
    struct job_status status;
    assert_int_equal(scheduler_new(&options, &scheduler, NULL), TKR_OK);
    assert_int_equal(scheduler_run(scheduler, &fixture_admin, "audit_retention", &status, NULL),
                     TKR_OK);
    assert_int_equal(status.job.outcome, JOB_DONE);
    assert_true(status.job.count > TOKENS);
    scheduler_free(scheduler);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct archive_file *)a)->name, ((const struct archive_file *)b)->name);
}

static void keep_files(struct run *run)
{
    DIR *directory = opendir(run->archives.path);
    const struct dirent *entry;
    size_t count = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == 'a') {
            assert_true(count < ARCHIVES);
            struct archive_file *file = &run->files[count++];
            snprintf(file->name, sizeof(file->name), "%.60s", entry->d_name);
            snprintf(file->path, sizeof(file->path), "%s/%s", run->archives.path, file->name);
            read_file(file);
        }
    }
    closedir(directory);
    assert_int_equal(count, ARCHIVES);
    qsort(run->files, ARCHIVES, sizeof(run->files[0]), by_name);
}

static void set_up(struct run *run)
{
    const char *seed = getenv("TOKENRY_SEED");
    run->seed = seed != NULL ? strtoull(seed, NULL, 10) : SEED;
    seeded_random_init(&run->random, run->seed);
    temp_directory_make(&run->archives);
    assert_int_equal(seal_key_new(key_seed, &run->key), TKR_OK);
    authority_fixture_init(&run->fixture);
    run->fixture.options.audit_key = run->key;
    run->fixture.options.audit_key_is_new = true;
    assert_int_equal(authority_fixture_start(&run->fixture, NULL), TKR_OK);
    run->settings = (struct job_settings){.audit_keep_ms = 30 * DAY_MS,
                                          .audit_archive_directory = run->archives.path,
                                          .audit_public_key = seal_key_public(run->key)};
    for (int i = 0; i < ARCHIVES; i++) {
        make_tokens(run);
        virtual_clock_advance(&run->fixture.time, 31 * DAY_MS);
        archive_what_is_old(run);
    }
    make_tokens(run);
    authority_fixture_stop(&run->fixture);
    keep_files(run);
    run->look = (struct audit_look){
        .data = run->fixture.data.path, .archives = run->archives.path, .seed = key_seed};
}

static void tear_down(struct run *run)
{
    seal_key_free(run->key);
    temp_directory_remove(&run->archives);
    authority_fixture_close(&run->fixture);
}

static void test_every_edit_of_an_archive_is_found(void **state)
{
    static struct run run;
    set_up(&run);
    audit_look(&run.look);
    assert_false(audit_look_alarms(&run.look));
    assert_int_equal(run.look.result.archives, ARCHIVES);
    uint64_t events = run.look.result.archived_events;
    for (run.step = 0; run.step < EDITS; run.step++) {
        any_edit(&run);
        audit_look(&run.look);
        if (!audit_look_alarms(&run.look)) {
            fail_run(&run, "not found");
        }
        take_back(&run);
        if (run.step % LOOK_AGAIN == 0) {
            audit_look(&run.look);
            if (audit_look_alarms(&run.look)) {
                fail_run(&run, "taken back, and still told");
            }
        }
    }
    printf("%d edits of %d archives with %llu events, all found\n", EDITS, ARCHIVES,
           (unsigned long long)events);
    tear_down(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_edit_of_an_archive_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
