/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment in a directory of its own, with an org "acme", a user "alice" (with a usage line)
 * and the tier "free", on a virtual clock.
 *
 *     struct segment_fixture fixture;
 *     segment_fixture_init(&fixture, NULL);
 *     struct segment_token token = segment_fixture_token(&fixture, "sk_test_one_of_twenty_");
 *     token.expires_at_ms = 1;
 *     segment_fixture_put(&fixture, &token);
 *     ...
 *     segment_fixture_deinit(&fixture);
 *
 * Any failure ends the test.
 */
#ifndef SUPPORT_SEGMENT_FIXTURE_H
#define SUPPORT_SEGMENT_FIXTURE_H

#include "engine/verify.h"
#include "seeded_random.h"
#include "segment/segment.h"
#include "temp_directory.h"
#include "virtual_clock.h"

#define FIXTURE_WALL_MS 1767225600000 /* 2026-01-01T00:00:00Z */
#define FIXTURE_STALE_S 5

struct segment_fixture {
    struct temp_directory directory;
    struct virtual_clock time;
    struct seeded_random random;
    struct segment_options options;
    struct segment_writer *writer;
    uint64_t seq;
    uint16_t org, tier;
    uint32_t user, user_line;
    uint32_t next_line;
    struct tier tier_row;
};

extern const enum window_kind fixture_kinds_default[WINDOW_COUNT]; /* sliding, fixed, fixed */

/* `kinds` NULL: the default ones. Published, at seq 1. */
void segment_fixture_init(struct segment_fixture *fixture,
                          const enum window_kind kinds[WINDOW_COUNT]);
/* The same without a segment: directory, clock and options only. */
void segment_fixture_init_empty(struct segment_fixture *fixture,
                                const enum window_kind kinds[WINDOW_COUNT]);
/* Org, user and tier into a writer that was created. */
void segment_fixture_fill(struct segment_fixture *fixture);
void segment_fixture_deinit(struct segment_fixture *fixture);

/* An unlimited live user token of alice's, named "ci", on a line of its own; its id is made of
 * the text. */
struct segment_token segment_fixture_token(struct segment_fixture *fixture, const char *text);
void segment_fixture_put(struct segment_fixture *fixture, const struct segment_token *token);
/* Replaces the tier's limits: LIMIT_NONE for no limit. */
void segment_fixture_limit(struct segment_fixture *fixture, enum limits_subject subject,
                           uint32_t minute, uint32_t hour, uint32_t day);
/* Both clocks go on, and the heart beats. */
void segment_fixture_advance(struct segment_fixture *fixture, int64_t ms);

struct verifier *segment_fixture_verifier(struct segment_fixture *fixture);
/* Verifies `text` at cost 1 and nothing else asked. */
tkr_verdict_t segment_fixture_verify(struct verifier *verifier, const char *text,
                                     struct verify_result *ret_result);

#endif
