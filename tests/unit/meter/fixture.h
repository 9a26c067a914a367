/* SPDX-License-Identifier: Apache-2.0 */
/* A meter in a directory of its own, and what it drains, summed up. */
#ifndef METER_FIXTURE_H
#define METER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter/meter.h"
#include "seeded_random.h"
#include "temp_directory.h"

#define HOUR_MS 3600000
#define NOW_MS (490000LL * HOUR_MS + 1234)

struct scene {
    struct temp_directory directory;
    struct seeded_random random;
    struct meter_options options;
    struct meter *meter;
    struct meter_seat *seat;
    struct fault report;
    struct meter_drain drain;
};

static inline void scene_open(struct scene *scene, uint64_t stored_number)
{
    assert_int_equal(meter_open(&scene->options, &scene->meter, &scene->report), TKR_OK);
    meter_recover(scene->meter, stored_number);
    assert_int_equal(meter_seat_take(scene->meter, &scene->seat), TKR_OK);
}

static inline void scene_close(struct scene *scene)
{
    meter_close(scene->meter);
    scene->meter = NULL;
}

static inline int scene_set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    temp_directory_make(&scene->directory);
    seeded_random_init(&scene->random, 3);
    scene->options.directory = scene->directory.path;
    scene->options.random = &scene->random.source;
    scene->options.slots = 64;
    memset(scene->options.store_id, 0x5a, sizeof scene->options.store_id);
    scene_open(scene, 0);
    *state = scene;
    return 0;
}

static inline int scene_tear_down(void **state)
{
    struct scene *scene = *state;
    meter_close(scene->meter);
    temp_directory_remove(&scene->directory);
    free(scene);
    return 0;
}

static inline struct meter_event event_of(uint32_t line)
{
    return (struct meter_event){
        .line = line,
        .org = 7,
        .label = METER_LABEL_NONE,
        .verdict = 14,
        .network = 4ULL << 48 | 0xc00002,
        .now_ms = NOW_MS,
    };
}

static inline void count(struct scene *scene, uint32_t line, uint32_t times)
{
    struct meter_event event = event_of(line);
    meter_count(scene->seat, &event, times);
}

/* The next entries of a new pass; they are booked. */
static inline size_t drain(struct scene *scene)
{
    meter_drain_start(scene->meter);
    if (!meter_drain_next(scene->meter, &scene->drain)) {
        return 0;
    }
    meter_drain_end(scene->meter, true);
    return scene->drain.count;
}

/* The sum of the entries of the last drain that have this line; METER_NO_LINE: without one. */
static inline uint64_t drained(const struct scene *scene, uint32_t line)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < scene->drain.count; i++) {
        sum += scene->drain.entries[i].line == line ? scene->drain.entries[i].count : 0;
    }
    return sum;
}

static inline uint64_t drained_all(const struct scene *scene)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < scene->drain.count; i++) {
        sum += scene->drain.entries[i].count;
    }
    return sum;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)

#endif
