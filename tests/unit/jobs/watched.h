/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the jobs about tokens share: one job over an authority, and its alerts. */
#ifndef TESTS_UNIT_JOBS_WATCHED_H
#define TESTS_UNIT_JOBS_WATCHED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "authority_fixture.h"
#include "engine/authority_internal.h"
#include "jobs/handlers/handlers.h"
#include "jobs/scheduler_internal.h"

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

struct context {
    struct authority_fixture fixture;
    struct job_settings settings;
    struct scheduler *scheduler;
    const struct job_handler *handler;
};

static inline void open_scheduler(struct context *context)
{
    const struct scheduler_options options = {
        .authority = context->fixture.authority,
        .store = &context->fixture.port,
        .clock = &context->fixture.time.clock,
        .random = random_system(),
        .settings = &context->settings,
        .handlers = &context->handler,
        .handler_count = 1,
    };
    assert_int_equal(scheduler_new(&options, &context->scheduler, NULL), TKR_OK);
}

static inline void close_scheduler(struct context *context)
{
    assert_int_equal(scheduler_stop(context->scheduler), TKR_OK);
    scheduler_free(context->scheduler);
}

static inline struct context *open_job(const struct job_handler *handler,
                                       const struct job_settings *settings)
{
    struct context *context = calloc(1, sizeof(*context));
    context->handler = handler;
    context->settings = *settings;
    authority_fixture_open(&context->fixture);
    open_scheduler(context);
    return context;
}

static inline int close_job(void **state)
{
    struct context *context = *state;
    close_scheduler(context);
    authority_fixture_close(&context->fixture);
    free(context);
    return 0;
}

static inline void restart(struct context *context)
{
    close_scheduler(context);
    authority_fixture_stop(&context->fixture);
    assert_int_equal(authority_fixture_start(&context->fixture, NULL), TKR_OK);
    open_scheduler(context);
}

/* The authority's clock follows within a beat. */
static inline void wait_ms(struct context *context, int64_t ms)
{
    int64_t until = authority_now_ms(context->fixture.authority) + ms;
    virtual_clock_advance(&context->fixture.time, ms);
    while (authority_now_ms(context->fixture.authority) < until) {
        authority_flush(context->fixture.authority);
    }
}

static inline struct job_status run(struct context *context)
{
    struct job_status status[JOBS_MAX];
    struct fault fault = {0};
    assert_int_equal(scheduler_run(context->scheduler, &principal_system, context->handler->name,
                                   &status[0], &fault),
                     TKR_OK);
    scheduler_settle(context->scheduler);
    assert_int_equal(scheduler_list(context->scheduler, status), 1);
    assert_int_equal(status[0].job.outcome, JOB_DONE);
    return status[0];
}

/* As it is with other settings. */
static inline void assert_off(struct context *context)
{
    struct job_status status[JOBS_MAX];
    close_scheduler(context);
    open_scheduler(context);
    assert_int_equal(scheduler_list(context->scheduler, status), 1);
    assert_int_equal(status[0].state, JOB_OFF);
}

static inline struct answer create(struct context *context, const char *name, int64_t lifetime_ms)
{
    struct token_create asked = fixture_token(name);
    asked.lifetime.has_expires_at = true;
    asked.lifetime.expires_at_ms = authority_now_ms(context->fixture.authority) + lifetime_ms;
    struct answer answer = fixture_create(&context->fixture, &fixture_admin, &asked);
    assert_int_equal(answer.error, TKR_OK);
    return answer;
}

static inline int64_t query(struct context *context, const char *sql)
{
    return fixture_query(&context->fixture, sql);
}

static inline int64_t alerts(struct context *context, const char *type)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = 'alert.%s'", type);
    return query(context, sql);
}

/* How many alerts have the words in their details. */
static inline int64_t alerts_saying(struct context *context, const char *words)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM events WHERE type LIKE 'alert.%%' AND instr(details, '%s') > 0",
             words);
    return query(context, sql);
}

#endif
