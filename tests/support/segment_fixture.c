/* SPDX-License-Identifier: Apache-2.0 */
#include "segment_fixture.h"

#include <string.h>

#include "base/check.h"
#include "crypto/digest.h"
#include "limiter/local/limiter_local.h"

const enum window_kind fixture_kinds_default[WINDOW_COUNT] = {WINDOW_SLIDING, WINDOW_FIXED,
                                                              WINDOW_FIXED};

static void must(tkr_error_t error)
{
    ASSERT(error == TKR_OK);
}

void segment_fixture_init_empty(struct segment_fixture *fixture,
                                const enum window_kind kinds[WINDOW_COUNT])
{
    *fixture = (struct segment_fixture){0};
    temp_directory_make(&fixture->directory);
    virtual_clock_init(&fixture->time, FIXTURE_WALL_MS);
    seeded_random_init(&fixture->random, 7);
    memset(fixture->options.store_id, 0x5a, sizeof fixture->options.store_id);
    memcpy(fixture->options.window_kinds, kinds == NULL ? fixture_kinds_default : kinds,
           sizeof fixture->options.window_kinds);
    fixture->options.directory = fixture->directory.path;
    fixture->options.clock = &fixture->time.clock;
    fixture->options.random = &fixture->random.source;
}

void segment_fixture_fill(struct segment_fixture *fixture)
{
    struct limits unlimited = {0};
    fixture->tier_row = (struct tier){.name = "free", .subject = LIMITS_OF_TOKEN};
    fixture->tier_row.limits = unlimited;
    must(segment_writer_put_tier(fixture->writer, &fixture->tier_row, &fixture->tier));
    must(segment_writer_put_org(fixture->writer, "acme", 4, &fixture->org));
    fixture->user_line = fixture->next_line++;
    must(segment_writer_reserve_lines(fixture->writer, fixture->next_line));
    must(segment_writer_put_user(fixture->writer, fixture->org, "alice", 5, 0, fixture->user_line,
                                 NULL, &fixture->user));
}

void segment_fixture_init(struct segment_fixture *fixture,
                          const enum window_kind kinds[WINDOW_COUNT])
{
    segment_fixture_init_empty(fixture, kinds);
    bool kept;
    must(segment_writer_create(&fixture->options, 1, &fixture->writer, &kept, NULL));
    segment_fixture_fill(fixture);
    fixture->seq = 1;
    must(segment_writer_publish(fixture->writer, fixture->seq));
}

void segment_fixture_deinit(struct segment_fixture *fixture)
{
    segment_writer_close(fixture->writer);
    temp_directory_remove(&fixture->directory);
}

struct segment_token segment_fixture_token(struct segment_fixture *fixture, const char *text)
{
    struct segment_token token = {
        .kind = TOKEN_KIND_USER,
        .env = TOKEN_ENV_LIVE,
        .line = fixture->next_line++,
        .user = fixture->user,
        .tier = fixture->tier,
        .name = "ci",
        .name_length = 2,
    };
    must(digest_sha256(text, strlen(text), token.digest));
    memcpy(token.id, token.digest, sizeof token.id);
    must(segment_writer_reserve_lines(fixture->writer, fixture->next_line));
    return token;
}

void segment_fixture_put(struct segment_fixture *fixture, const struct segment_token *token)
{
    segment_writer_begin(fixture->writer);
    must(segment_writer_put_token(fixture->writer, token));
    segment_writer_end(fixture->writer, ++fixture->seq);
}

void segment_fixture_limit(struct segment_fixture *fixture, enum limits_subject subject,
                           uint32_t minute, uint32_t hour, uint32_t day)
{
    fixture->tier_row.subject = subject;
    fixture->tier_row.limits = (struct limits){.set = 7, .limit = {minute, hour, day}};
    must(segment_writer_put_tier(fixture->writer, &fixture->tier_row, &fixture->tier));
}

void segment_fixture_advance(struct segment_fixture *fixture, int64_t ms)
{
    virtual_clock_advance(&fixture->time, ms);
    (void)segment_writer_beat(fixture->writer, NULL);
}

struct verifier *segment_fixture_verifier(struct segment_fixture *fixture)
{
    struct verifier_options options = {
        .directory = fixture->directory.path,
        .clock = &fixture->time.clock,
        .stale_s = FIXTURE_STALE_S,
        .limiter = &limiter_local,
    };
    struct verifier *verifier = NULL;
    must(verifier_new(&options, &verifier, NULL));
    return verifier;
}

tkr_verdict_t segment_fixture_verify(struct verifier *verifier, const char *text,
                                     struct verify_result *ret_result)
{
    struct verify_request request = {.token = text, .token_length = strlen(text), .cost = 1};
    return verify_token(verifier, &request, ret_result);
}
