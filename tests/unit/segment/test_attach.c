/* SPDX-License-Identifier: Apache-2.0 */
/* What an authority accepts of a segment that another left, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "segment/format.h"
#include "segment/reader.h"
#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct scene {
    struct segment_fixture fixture;
    struct fault fault;
};

/* A segment with one token, that its authority has left cleanly. */
static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    segment_fixture_init(&scene->fixture, NULL);
    struct segment_token token = segment_fixture_token(&scene->fixture, TOKEN);
    segment_fixture_put(&scene->fixture, &token);
    segment_writer_close(scene->fixture.writer);
    scene->fixture.writer = NULL;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

static tkr_error_t attach(struct scene *scene)
{
    segment_writer_close(scene->fixture.writer);
    scene->fixture.writer = NULL;
    return segment_writer_attach(&scene->fixture.options, scene->fixture.seq,
                                 &scene->fixture.writer, &scene->fault);
}

static tkr_error_t create(struct scene *scene, bool *ret_kept)
{
    segment_writer_close(scene->fixture.writer);
    scene->fixture.writer = NULL;
    return segment_writer_create(&scene->fixture.options, scene->fixture.seq,
                                 &scene->fixture.writer, ret_kept, &scene->fault);
}

/* Overwrites bytes of a file of the segment. */
static void scribble(struct scene *scene, const char *name, off_t at, const void *bytes,
                     size_t length)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", scene->fixture.directory.path, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, at), length);
    assert_int_equal(close(fd), 0);
}

static void cut(struct scene *scene, const char *name, off_t length)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", scene->fixture.directory.path, name);
    assert_int_equal(truncate(path, length), 0);
}

static void test_a_segment_of_another_store_is_refused(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.store_id[0] ^= 1;
    assert_int_equal(attach(scene), TKR_UNAVAILABLE);
    assert_string_not_equal(scene->fault.detail, "");
}

static void test_a_segment_behind_or_ahead_of_the_store_is_refused(void **state)
{
    struct scene *scene = *state;
    scene->fixture.seq++;
    assert_int_equal(attach(scene), TKR_UNAVAILABLE);
    scene->fixture.seq -= 2;
    assert_int_equal(attach(scene), TKR_UNAVAILABLE);
}

static void test_a_segment_left_in_the_middle_of_a_change_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(attach(scene), TKR_OK);
    segment_writer_begin(scene->fixture.writer);
    assert_int_equal(attach(scene), TKR_UNAVAILABLE);
    assert_non_null(strstr(scene->fault.detail, "middle of a change"));
}

static void test_other_kinds_of_windows_are_refused(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.window_kinds[WINDOW_DAY] = WINDOW_SLIDING;
    assert_int_equal(attach(scene), TKR_UNAVAILABLE);
}

static void test_a_clock_to_be_reset_is_refused(void **state)
{
    struct scene *scene = *state;
    scene->fixture.options.reset_clock = true;
    assert_int_equal(attach(scene), TKR_UNAVAILABLE);
}

static void test_a_directory_that_is_held_is_locked(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(attach(scene), TKR_OK);
    struct segment_writer *second = NULL;
    bool kept;
    assert_int_equal(
        segment_writer_attach(&scene->fixture.options, scene->fixture.seq, &second, &scene->fault),
        TKR_LOCKED);
    assert_int_equal(segment_writer_create(&scene->fixture.options, scene->fixture.seq, &second,
                                           &kept, &scene->fault),
                     TKR_LOCKED);
}

static void test_who_is_locked_out_leaves_a_half_made_segment_alone(void **state)
{
    struct scene *scene = *state;
    bool kept;
    assert_int_equal(create(scene, &kept), TKR_OK);
    segment_fixture_fill(&scene->fixture);
    struct segment_writer *second = NULL;
    assert_int_equal(segment_writer_create(&scene->fixture.options, scene->fixture.seq, &second,
                                           &kept, &scene->fault),
                     TKR_LOCKED);
    assert_int_equal(segment_writer_publish(scene->fixture.writer, scene->fixture.seq), TKR_OK);
}

static void test_a_directory_that_others_may_write_is_refused(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(chmod(scene->fixture.directory.path, 0777), 0);
    assert_int_equal(attach(scene), TKR_FORBIDDEN);
}

static void test_cut_files_are_refused(void **state)
{
    static const struct {
        const char *name;
        off_t length;
    } rows[] = {{"usage", SEGMENT_LINES_OFFSET + 64},
                {"usage", 100},
                {"usage", 0},
                {"keys", 1 << 20},
                {"keys", 4096},
                {"keys", 10},
                {"keys", 0}};
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cut(scene, rows[i].name, rows[i].length);
        assert_int_equal(attach(scene), TKR_UNAVAILABLE);
    }
}

static void test_each_scribbled_number_of_a_header_is_refused(void **state)
{
    struct scene *scene = *state;
    static const uint64_t wrong[] = {0, 7, 1ULL << 31, 1ULL << 40, UINT64_MAX};
    static const struct {
        const char *name;
        size_t at, length;
    } rows[] = {
        {"keys", offsetof(struct segment_keys_header, magic), 8},
        {"keys", offsetof(struct segment_keys_header, version), 4},
        {"keys", offsetof(struct segment_keys_header, header_bytes), 4},
        {"keys", offsetof(struct segment_keys_header, file_bytes), 8},
        {"keys", offsetof(struct segment_keys_header, capacity), 8},
        {"keys", offsetof(struct segment_keys_header, user_capacity), 4},
        {"keys", offsetof(struct segment_keys_header, user_index_capacity), 4},
        {"keys", offsetof(struct segment_keys_header, usage_nonce), 8},
        {"keys", offsetof(struct segment_keys_header, regions[REGION_RECORDS].offset), 8},
        {"keys", offsetof(struct segment_keys_header, regions[REGION_RECORDS].bytes), 8},
        {"keys", offsetof(struct segment_keys_header, regions[REGION_TEXT].offset), 8},
        {"keys", offsetof(struct segment_keys_header, regions[REGION_TEXT].bytes), 8},
        {"usage", offsetof(struct segment_usage_header, magic), 8},
        {"usage", offsetof(struct segment_usage_header, version), 4},
        {"usage", offsetof(struct segment_usage_header, stride), 4},
        {"usage", offsetof(struct segment_usage_header, nonce), 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[300];
        uint64_t right = 0;
        snprintf(path, sizeof path, "%s/%s", scene->fixture.directory.path, rows[i].name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(pread(fd, &right, rows[i].length, (off_t)rows[i].at), rows[i].length);
        assert_int_equal(close(fd), 0);
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            scribble(scene, rows[i].name, (off_t)rows[i].at, &wrong[j], rows[i].length);
            assert_int_equal(attach(scene), TKR_UNAVAILABLE);
        }
        scribble(scene, rows[i].name, (off_t)rows[i].at, &right, rows[i].length);
    }
    assert_int_equal(attach(scene), TKR_OK);
}

static void test_a_newer_format_is_named(void **state)
{
    struct scene *scene = *state;
    uint32_t version = SEGMENT_VERSION + 1;
    scribble(scene, "keys", offsetof(struct segment_keys_header, version), &version,
             sizeof version);
    assert_int_equal(attach(scene), TKR_UNAVAILABLE);
    char format[16];
    snprintf(format, sizeof format, "format %u", version);
    assert_non_null(strstr(scene->fault.detail, format));
    struct verifier_options options = {.directory = scene->fixture.directory.path,
                                       .clock = &scene->fixture.time.clock,
                                       .stale_s = 5};
    struct verifier *verifier;
    assert_int_equal(verifier_new(&options, &verifier, NULL), TKR_VERSION_NEWER);
}

static void test_a_directory_full_of_noise_never_crashes(void **state)
{
    struct scene *scene = *state;
    uint8_t noise[8192];
    for (int round = 0; round < 200; round++) {
        assert_int_equal(random_fill(&scene->fixture.random.source, noise, sizeof noise), TKR_OK);
        size_t at = seeded_random_below(&scene->fixture.random, 600);
        size_t length = 1 + seeded_random_below(&scene->fixture.random, 16);
        scribble(scene, round % 3 == 0 ? "usage" : "keys", (off_t)at, noise, length);
        tkr_error_t error = attach(scene);
        assert_true(error == TKR_OK || error == TKR_UNAVAILABLE);
    }
}

static void test_a_segment_that_was_left_cleanly_is_taken_over(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(attach(scene), TKR_OK);
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_int_equal(stats.tokens, 1);
    assert_int_equal(stats.users, 1);
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    struct verify_result result;
    assert_int_equal(segment_fixture_verify(verifier, TOKEN, &result), TKR_VERDICT_VALID);
    verifier_free(verifier);
}

static void test_a_reader_of_the_former_authority_sees_what_the_next_one_writes(void **state)
{
    struct scene *scene = *state;
    struct verify_result result;
    assert_int_equal(attach(scene), TKR_OK);
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    assert_int_equal(attach(scene), TKR_OK);
    struct segment_token token = segment_fixture_token(&scene->fixture, TOKEN "2");
    segment_fixture_put(&scene->fixture, &token);
    assert_int_equal(segment_fixture_verify(verifier, TOKEN "2", &result), TKR_VERDICT_VALID);

    bool kept;
    assert_int_equal(create(scene, &kept), TKR_OK);
    assert_true(kept);
    segment_fixture_fill(&scene->fixture);
    assert_int_equal(segment_fixture_verify(verifier, TOKEN "2", &result), TKR_VERDICT_VALID);
    assert_int_equal(segment_writer_publish(scene->fixture.writer, scene->fixture.seq), TKR_OK);
    assert_int_equal(segment_fixture_verify(verifier, TOKEN "2", &result), TKR_VERDICT_NOT_FOUND);
    verifier_free(verifier);
}

static void test_a_created_segment_that_is_not_published_leaves_the_old_one(void **state)
{
    struct scene *scene = *state;
    bool kept;
    scene->fixture.options.store_id[0] ^= 1;
    assert_int_equal(create(scene, &kept), TKR_OK);
    assert_false(kept);
    scene->fixture.options.store_id[0] ^= 1;
    assert_int_equal(attach(scene), TKR_OK);
}

static void test_what_a_killed_authority_left_half_made_is_removed(void **state)
{
    struct scene *scene = *state;
    static const char *const names[] = {"keys.new", "keys.grown", "usage.new"};
    char path[300];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", scene->fixture.directory.path, names[i]);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
    }
    assert_int_equal(attach(scene), TKR_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", scene->fixture.directory.path, names[i]);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void test_usage_from_the_future_of_the_store_is_begun_anew(void **state)
{
    struct scene *scene = *state;
    bool kept;
    scene->fixture.seq--; /* the store was put back to an older copy */
    assert_int_equal(create(scene, &kept), TKR_OK);
    assert_false(kept);
}

/* A verifier that means harm: writes the numbers of the usage file while they are judged. */
struct scribbler {
    uint8_t *header;
    _Atomic bool stop;
};

static void *scribble_without_end(void *context)
{
    struct scribbler *scribbler = context;
    static const uint32_t strides[] = {64, 0, 128, 4096, UINT32_MAX, 64};
    static const uint32_t lines[] = {2, UINT32_MAX, SEGMENT_LINES_MAX, 2};
    volatile uint32_t *stride =
        (void *)(scribbler->header + offsetof(struct segment_usage_header, stride));
    _Atomic uint32_t *claimed =
        (void *)(scribbler->header + offsetof(struct segment_usage_header, lines));
    volatile uint8_t *kinds = scribbler->header + offsetof(struct segment_usage_header, kinds);
    for (uint32_t i = 0; !atomic_load(&scribbler->stop); i++) {
        *stride = strides[i % COUNT_OF(strides)];
        atomic_store(claimed, lines[i / 7 % COUNT_OF(lines)]);
        kinds[1] = i % 5 == 0 ? 0xff : WINDOW_FIXED;
    }
    return NULL;
}

static void test_numbers_that_change_while_they_are_judged_harm_nobody(void **state)
{
    enum { ROUNDS = 400 };
    struct scene *scene = *state;
    struct segment_options *options = &scene->fixture.options;
    pthread_t thread;
    unsigned opened = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/usage", options->directory);
        int fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        struct scribbler scribbler = {
            .header = mmap(NULL, SEGMENT_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)};
        assert_ptr_not_equal(scribbler.header, MAP_FAILED);
        close(fd);
        assert_int_equal(pthread_create(&thread, NULL, scribble_without_end, &scribbler), 0);
        bool kept;
        uint64_t total;
        int64_t last_used_ms;
        options->window_kinds[WINDOW_DAY] = i % 2 == 0 ? WINDOW_SLIDING : WINDOW_FIXED;
        struct segment_reader *reader = NULL;
        if (segment_reader_open(options->directory, options->clock, 5, &reader, NULL) == TKR_OK) {
            segment_reader_close(reader);
        }
        if (attach(scene) == TKR_OK || create(scene, &kept) == TKR_OK) {
            opened++;
            segment_writer_read_line(scene->fixture.writer, SEGMENT_LINES_MAX - 1, &total,
                                     &last_used_ms);
            assert_int_equal(total, 0);
        }
        atomic_store(&scribbler.stop, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(munmap(scribbler.header, SEGMENT_HEADER_BYTES), 0);
    }
    assert_true(opened > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_segment_of_another_store_is_refused),
        TEST(test_a_segment_behind_or_ahead_of_the_store_is_refused),
        TEST(test_a_segment_left_in_the_middle_of_a_change_is_refused),
        TEST(test_other_kinds_of_windows_are_refused),
        TEST(test_a_clock_to_be_reset_is_refused),
        TEST(test_a_directory_that_is_held_is_locked),
        TEST(test_who_is_locked_out_leaves_a_half_made_segment_alone),
        TEST(test_a_directory_that_others_may_write_is_refused),
        TEST(test_cut_files_are_refused),
        TEST(test_each_scribbled_number_of_a_header_is_refused),
        TEST(test_a_newer_format_is_named),
        TEST(test_a_directory_full_of_noise_never_crashes),
        TEST(test_a_segment_that_was_left_cleanly_is_taken_over),
        TEST(test_a_reader_of_the_former_authority_sees_what_the_next_one_writes),
        TEST(test_a_created_segment_that_is_not_published_leaves_the_old_one),
        TEST(test_what_a_killed_authority_left_half_made_is_removed),
        TEST(test_usage_from_the_future_of_the_store_is_begun_anew),
        TEST(test_numbers_that_change_while_they_are_judged_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
