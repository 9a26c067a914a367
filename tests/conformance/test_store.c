/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include "store/sqlite/store_sqlite.h"

static tkr_error_t open_sqlite(const char *directory, const struct clock *clock,
                               struct store_port *port)
{
    struct store_sqlite_options options = {
        .directory = directory, .clock = clock, .random = random_system()};
    return store_sqlite_open(&options, port, NULL);
}

static const struct backend backends[] = {
    {"sqlite", open_sqlite, store_sqlite_close},
};

static int (*const suites[])(void) = {
    suite_batches, suite_tokens,  suite_lists,   suite_usage,     suite_load,
    suite_credits, suite_tenancy, suite_metered, suite_cleanup,   suite_blast,
    suite_audit,   suite_outbox,  suite_jobs,    suite_schedules, suite_sketches,
};

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        current_backend = &backends[i];
        for (size_t j = 0; j < sizeof(suites) / sizeof(suites[0]); j++) {
            failed += suites[j]();
        }
    }
    return failed;
}
