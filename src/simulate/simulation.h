/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording replayed: bytes come in, and at the end it is known who would have been limited.
 *
 *   recorded*   one line → a request
 *   recording   bytes → lines → requests; bad ones are left out
 *   subjects    names → numbers
 *   order       requests in the order of their times, within SIMULATE_HELD_MAX lines
 *   replay      requests → the limiter of production → counts
 *
 *     struct simulation *simulation CLEANUP(simulation_free_p) = NULL;
 *     TRY(simulation_new(&options, &simulation));
 *     TRY(simulation_feed(simulation, bytes, length, fault));
 *     TRY(simulation_end(simulation, fault));
 *
 * Memory: 33 MiB to put lines in order, and about 70 bytes and the length of its name for each
 * distinct token and user, with what replay.h says on top: some 200 bytes each with one
 * proposal. Not thread-safe. No I/O but what the callback does.
 */
#ifndef SIMULATE_SIMULATION_H
#define SIMULATE_SIMULATION_H

#include "base/random.h"
#include "simulate/recording.h"
#include "simulate/replay.h"
#include "simulate/subjects.h"

struct simulation_options {
    struct replay_options replay;
    enum recording_format format;
    const char *names[RECORDED_MEMBERS]; /* what the recording calls its members; they outlive it */
    struct token_prefixes prefixes;
    const struct random_source *random;
    size_t held_max; /* SIMULATE_HELD_MAX */
    bool strict;     /* the first bad line ends it */
    /* Each line that is left out, and why. */
    void (*bad)(void *context, uint64_t line, const struct fault *why);
    void *context;
};

struct simulation_summary {
    uint64_t requests, bad_lines;
    uint64_t late;             /* lines that stood behind one of a later time */
    int64_t first_ms, last_ms; /* -1: there was no request */
};

struct simulation;

/* Errors: TKR_MEMORY, those of the random source. */
MUST_USE tkr_error_t simulation_new(const struct simulation_options *options,
                                    struct simulation **ret_simulation);
void simulation_free_p(struct simulation **simulation); /* for CLEANUP */

/*
 * Errors: those of a header (recorded_read_header); a bad line when `strict`; TKR_OUT_OF_RANGE
 * (a line stands too far behind its place), TKR_CAPACITY (SIMULATE_SUBJECTS_MAX), TKR_MEMORY.
 * The detail names the line and says what to do.
 */
MUST_USE tkr_error_t simulation_feed(struct simulation *simulation, const char *bytes,
                                     size_t length, struct fault *fault);
/* The last line, and all that is still held. */
MUST_USE tkr_error_t simulation_end(struct simulation *simulation, struct fault *fault);

struct simulation_summary simulation_summary(const struct simulation *simulation);
const struct replay *simulation_replay(const struct simulation *simulation);
const struct subjects *simulation_subjects(const struct simulation *simulation);

#endif
