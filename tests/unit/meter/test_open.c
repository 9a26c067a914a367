/* SPDX-License-Identifier: Apache-2.0 */
/* Taking up what a former process left, and when that is not possible. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

#define LOG_AT (4096 + METER_LABELS_MAX * METER_LABEL_BYTES_MAX)

static void path_of(const struct scene *scene, char out[300])
{
    snprintf(out, 300, "%s/meter", scene->directory.path);
}

static void change(const struct scene *scene, off_t at, const void *bytes, size_t length)
{
    char path[300];
    path_of(scene, path);
    int file = open(path, O_WRONLY);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, bytes, length, at), length);
    close(file);
}

static void assert_begun_anew(struct scene *scene, tkr_error_t why)
{
    scene_open(scene, 0);
    assert_int_equal(scene->report.error, why);
    assert_int_not_equal(scene->report.detail[0], '\0');
    assert_int_equal(drain(scene), 0);
    count(scene, 1, 1);
    assert_int_equal(drain(scene), 1);
}

static void test_the_file_is_for_its_owner_only(void **state)
{
    struct scene *scene = *state;
    char path[300];
    path_of(scene, path);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_counts_outlive_the_process(void **state)
{
    struct scene *scene = *state;
    uint64_t id = meter_id(scene->meter);
    struct meter_event event = event_of(1);
    event.label = meter_label_intern(scene->meter, "orders", 6);
    meter_count(scene->seat, &event, 3);
    scene_close(scene);
    scene_open(scene, 0);
    assert_int_equal(scene->report.error, TKR_OK);
    assert_int_equal(meter_id(scene->meter), id);
    assert_int_equal(drain(scene), 1);
    assert_int_equal(drained(scene, 1), 3);
    char text[METER_LABEL_SIZE];
    assert_string_equal(meter_label_text(scene->meter, scene->drain.entries[0].label, text),
                        "orders");
}

static void test_labels_begin_anew_when_nothing_refers_to_them(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(meter_label_intern(scene->meter, "orders", 6), 0);
    scene_close(scene);
    scene_open(scene, 0);
    assert_int_equal(meter_label_intern(scene->meter, "users", 5), 0);
}

static void test_a_drain_under_way_that_the_store_has_is_not_booked_again(void **state)
{
    struct scene *scene = *state;
    count(scene, 1, 3);
    assert_true(meter_drain_next(scene->meter, &scene->drain));
    count(scene, 1, 2);
    uint64_t number = scene->drain.number;
    scene_close(scene);
    scene_open(scene, number);
    assert_int_equal(drain(scene), 1);
    assert_int_equal(drained(scene, 1), 2);
    assert_int_equal(scene->drain.number, number + 1);
}

static void test_a_drain_under_way_that_the_store_lacks_comes_again(void **state)
{
    struct scene *scene = *state;
    count(scene, 1, 3);
    assert_true(meter_drain_next(scene->meter, &scene->drain));
    uint64_t number = scene->drain.number;
    scene_close(scene);
    scene_open(scene, number - 1);
    assert_int_equal(drain(scene), 1);
    assert_int_equal(drained(scene, 1), 3);
    assert_int_equal(scene->drain.number, number);
}

/* As after the store was restored from a copy. */
static void test_numbers_go_on_after_what_either_side_knows(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    scene_open(scene, 50);
    count(scene, 1, 3);
    drain(scene);
    assert_int_equal(scene->drain.number, 51);
    scene_close(scene);
    scene_open(scene, 20);
    count(scene, 1, 3);
    drain(scene);
    assert_int_equal(scene->drain.number, 52);
}

static void test_another_store_begins_anew(void **state)
{
    struct scene *scene = *state;
    uint64_t id = meter_id(scene->meter);
    count(scene, 1, 3);
    scene_close(scene);
    scene->options.store_id[0]++;
    assert_begun_anew(scene, TKR_CONFLICT);
    assert_int_not_equal(meter_id(scene->meter), id);
}

static void test_another_start_of_the_machine_begins_anew(void **state)
{
    struct scene *scene = *state;
    count(scene, 1, 3);
    scene_close(scene);
    scene->options.boot_id[15]++;
    assert_begun_anew(scene, TKR_CONFLICT);
}

/* Offset in the file, bytes that are there then, what the report says. */
static void test_a_damaged_file_begins_anew(void **state)
{
    static const struct {
        off_t at;
        uint32_t value;
        tkr_error_t why;
    } rows[] = {
        {0, 0, TKR_CORRUPT},        /* magic: killed while it was made */
        {8, 2, TKR_CONFLICT},       /* version */
        {12, 64, TKR_CORRUPT},      /* bytes of the header */
        {72, 128, TKR_CORRUPT},     /* slots */
        {128, 70000, TKR_CORRUPT},  /* seats */
        {132, 257, TKR_CORRUPT},    /* labels */
        {132, 1, TKR_CORRUPT},      /* labels: one that is empty */
        {208, 100000, TKR_CORRUPT}, /* length of the log */
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        count(scene, 1, 3);
        scene_close(scene);
        change(scene, rows[i].at, &rows[i].value, sizeof rows[i].value);
        assert_begun_anew(scene, rows[i].why);
    }
}

static void test_a_log_that_leads_outside_begins_anew(void **state)
{
    struct scene *scene = *state;
    count(scene, 1, 3);
    assert_true(meter_drain_next(scene->meter, &scene->drain));
    scene_close(scene);
    uint32_t seat = 1;
    change(scene, LOG_AT, &seat, sizeof seat);
    assert_begun_anew(scene, TKR_CORRUPT);
}

static void test_a_file_of_another_length_begins_anew(void **state)
{
    struct scene *scene = *state;
    char path[300];
    path_of(scene, path);
    scene_close(scene);
    assert_int_equal(truncate(path, 4096), 0);
    assert_begun_anew(scene, TKR_CORRUPT);
    scene_close(scene);
    assert_int_equal(truncate(path, 0), 0);
    assert_begun_anew(scene, TKR_CORRUPT);
}

static void test_words_of_a_slot_that_are_no_counts_do_not_stay_for_ever(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    uint64_t rubbish[64 * 4];
    memset(rubbish, 0xfb, sizeof rubbish);
    change(scene, LOG_AT + (METER_DRAIN_MAX * 16 + 4095) / 4096 * 4096, rubbish, sizeof rubbish);
    scene_open(scene, 0);
    drain(scene);
    assert_int_equal(drain(scene), 0);
    count(scene, 1, 3);
    drain(scene);
    assert_int_equal(drained(scene, 1), 3);
}

static void test_without_its_directory_there_is_no_meter(void **state)
{
    struct scene *scene = *state;
    struct meter *other;
    scene->options.directory = "/nonexistent";
    assert_int_equal(meter_open(&scene->options, &other, &scene->report), TKR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_file_is_for_its_owner_only),
        TEST(test_counts_outlive_the_process),
        TEST(test_labels_begin_anew_when_nothing_refers_to_them),
        TEST(test_a_drain_under_way_that_the_store_has_is_not_booked_again),
        TEST(test_a_drain_under_way_that_the_store_lacks_comes_again),
        TEST(test_numbers_go_on_after_what_either_side_knows),
        TEST(test_another_store_begins_anew),
        TEST(test_another_start_of_the_machine_begins_anew),
        TEST(test_a_damaged_file_begins_anew),
        TEST(test_a_log_that_leads_outside_begins_anew),
        TEST(test_a_file_of_another_length_begins_anew),
        TEST(test_words_of_a_slot_that_are_no_counts_do_not_stay_for_ever),
        TEST(test_without_its_directory_there_is_no_meter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
