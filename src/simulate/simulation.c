/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/simulation.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"

struct simulation {
    struct recording recording;
    struct subjects *subjects;
    struct order order;
    struct replay *replay;
    bool counts[RECORDED_MEMBERS]; /* whether any proposal limits tokens, users */
    bool strict;
    void (*bad)(void *context, uint64_t line, const struct fault *why);
    void *context;
    uint64_t requests, bad_lines;
    int64_t first_ms, last_ms;
};

/* --- lines → order → replay ----------------------------------------------------------------- */

static tkr_error_t replay_next(struct simulation *simulation)
{
    struct order_request request;
    if (!order_take(&simulation->order, &request)) {
        return TKR_OK;
    }
    simulation->first_ms = simulation->requests == 0 ? request.time_ms : simulation->first_ms;
    simulation->last_ms = request.time_ms;
    simulation->requests++;
    return replay_request(simulation->replay, &request);
}

static tkr_error_t number_of(struct simulation *simulation, enum limits_subject kind,
                             const char *id, size_t length, uint32_t *ret_number,
                             struct fault *fault)
{
    tkr_error_t error = subjects_number(simulation->subjects, kind, id, length, ret_number);
    if (error != TKR_CAPACITY) {
        return error;
    }
    return fault_set(fault, error, "",
                     "there are more than %d distinct tokens and users; split the recording by "
                     "user and replay the parts one by one",
                     SIMULATE_SUBJECTS_MAX);
}

static tkr_error_t take_request(void *context, uint64_t line, const struct recorded *recorded,
                                struct fault *fault)
{
    struct simulation *simulation = context;
    struct order_request request = {.time_ms = recorded->time_ms,
                                    .line = line,
                                    .token = SUBJECT_NONE,
                                    .user = SUBJECT_NONE,
                                    .cost = recorded->cost};
    if (simulation->counts[RECORDED_TOKEN]) {
        TRY(number_of(simulation, LIMITS_OF_TOKEN, recorded->token_id, recorded->token_length,
                      &request.token, fault));
    }
    if (simulation->counts[RECORDED_USER]) {
        TRY(number_of(simulation, LIMITS_OF_USER, recorded->user_id, recorded->user_length,
                      &request.user, fault));
    }
    if (order_full(&simulation->order)) {
        TRY(replay_next(simulation));
    }
    tkr_error_t error = order_put(&simulation->order, &request);
    if (error != TKR_OUT_OF_RANGE) {
        return error;
    }
    char time[TEXT_TIME_SIZE];
    return fault_set(fault, error, "time",
                     "line %" PRIu64 ": its time, %s, belongs before lines that were replayed "
                     "already; a line may stand at most %zu lines behind its place: sort the "
                     "recording by time first",
                     line, text_format_time_ms(request.time_ms, time), simulation->order.held_max);
}

static tkr_error_t leave_out(void *context, uint64_t line, const struct fault *why)
{
    struct simulation *simulation = context;
    simulation->bad_lines++;
    simulation->bad(simulation->context, line, why);
    return simulation->strict ? why->error : TKR_OK;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void set_up(struct simulation *simulation, const struct simulation_options *options)
{
    for (size_t i = 0; i < options->replay.proposal_count; i++) {
        enum limits_subject subject = options->replay.proposals[i].subject;
        simulation->counts[RECORDED_TOKEN] |= (subject & LIMITS_OF_TOKEN) != 0;
        simulation->counts[RECORDED_USER] |= (subject & LIMITS_OF_USER) != 0;
    }
    struct recording_options recording = {.format = options->format,
                                          .rules = {.prefixes = options->prefixes},
                                          .request = take_request,
                                          .bad = leave_out,
                                          .context = simulation};
    for (unsigned i = 0; i < RECORDED_MEMBERS; i++) {
        recording.rules.names[i] = options->names[i];
        recording.rules.needed[i] = simulation->counts[i];
    }
    recording.rules.needed[RECORDED_TIME] = true;
    recording_init(&simulation->recording, &recording);
    simulation->strict = options->strict;
    simulation->bad = options->bad;
    simulation->context = options->context;
    simulation->first_ms = simulation->last_ms = -1;
}

tkr_error_t simulation_new(const struct simulation_options *options,
                           struct simulation **ret_simulation)
{
    struct simulation *simulation CLEANUP(simulation_free_p) = calloc(1, sizeof(*simulation));
    ENSURE(simulation != NULL, TKR_MEMORY);
    order_init(&simulation->order, options->held_max);
    TRY(subjects_new(options->random, &simulation->subjects));
    TRY(replay_new(&options->replay, &simulation->replay));
    set_up(simulation, options);
    *ret_simulation = simulation;
    simulation = NULL;
    return TKR_OK;
}

void simulation_free_p(struct simulation **simulation)
{
    if (*simulation != NULL) {
        replay_free((*simulation)->replay);
        subjects_free((*simulation)->subjects);
        order_deinit(&(*simulation)->order);
        free(*simulation);
        *simulation = NULL;
    }
}

tkr_error_t simulation_feed(struct simulation *simulation, const char *bytes, size_t length,
                            struct fault *fault)
{
    return recording_feed(&simulation->recording, bytes, length, fault);
}

tkr_error_t simulation_end(struct simulation *simulation, struct fault *fault)
{
    TRY(recording_end(&simulation->recording, fault));
    while (simulation->order.count > 0) {
        TRY(replay_next(simulation));
    }
    return TKR_OK;
}

struct simulation_summary simulation_summary(const struct simulation *simulation)
{
    return (struct simulation_summary){.requests = simulation->requests,
                                       .bad_lines = simulation->bad_lines,
                                       .late = simulation->order.late,
                                       .first_ms = simulation->first_ms,
                                       .last_ms = simulation->last_ms};
}

const struct replay *simulation_replay(const struct simulation *simulation)
{
    return simulation->replay;
}

const struct subjects *simulation_subjects(const struct simulation *simulation)
{
    return simulation->subjects;
}
