/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every store has to do, whatever it is made of: test_store.c runs these suites over each
 * backend. A backend is how to open it on a directory, and how to close it. Each test gets a
 * new, empty store.
 */
#ifndef CONFORMANCE_STORE_SUITE_H
#define CONFORMANCE_STORE_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/store_port.h"
#include "store_samples.h"
#include "temp_directory.h"
#include "virtual_clock.h"

struct backend {
    const char *name;
    tkr_error_t (*open)(const char *directory, const struct clock *clock, struct store_port *port);
    void (*close)(struct store_port *port);
};
extern const struct backend *current_backend;

struct fixture {
    const struct backend *backend;
    struct temp_directory directory;
    struct virtual_clock time;
    struct store_port port;
    struct store *store;
    struct arena *arena;
};

int suite_set_up(void **state);
int suite_tear_down(void **state);
#define SUITE_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, suite_set_up, suite_tear_down)

/* Each answers the number of tests that failed. */
int suite_audit(void);
int suite_batches(void);
int suite_tokens(void);
int suite_lists(void);
int suite_usage(void);
int suite_load(void);
int suite_credits(void);
int suite_tenancy(void);
int suite_metered(void);
int suite_cleanup(void);
int suite_blast(void);
int suite_outbox(void);
int suite_jobs(void);
int suite_schedules(void);
int suite_sketches(void);

/* Steps: what is not expected to fail fails the test. */
void reopen_store(struct fixture *fixture);
void begin(struct fixture *fixture);
uint64_t commit(struct fixture *fixture);
struct store_identity identity(struct fixture *fixture);
struct token get(struct fixture *fixture, const char *token_id);
void assert_no_token(struct fixture *fixture, const char *token_id);
tkr_error_t update(struct fixture *fixture, struct token *token);
/* In a batch of its own, which is committed whatever the change says. */
tkr_error_t update_alone(struct fixture *fixture, struct token *token);
struct store_user ensure_user(struct fixture *fixture, const char *org, const char *id,
                              bool want_line, bool expect_created);
/* A limit of 0 is 100, a time of 0 is SAMPLE_NOW. */
struct token_page list(struct fixture *fixture, struct token_filter filter);
/* One line in a batch of its own. */
void flush(struct fixture *fixture, uint32_t line, uint64_t total, int64_t last_used_ms);

/* A token of which every member is something. */
struct token full_token(void);
/* What the segment shows of them. */
void assert_same_for_segment(const struct token *a, const struct token *b);
void assert_same(const struct token *a, const struct token *b);

#endif
