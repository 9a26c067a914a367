/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that end soon, for people and for figures. See engine/monitor.h. */
#include <string.h>

#include "engine/authority_internal.h"
#include "engine/monitor.h"

#define DAY_MS INT64_C(86400000)

const int64_t expiring_steps_days[EXPIRING_STEPS] = {1, 7, 14, 30};

tkr_error_t authority_list_expiring(struct authority *authority, const struct principal *by,
                                    const struct expiring_filter *filter, struct arena *arena,
                                    struct expiring_list *ret_list, struct fault *fault)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    struct expiring_list list = {.now_ms = now_ms};
    struct expiring_question question = {
        .from_ms = now_ms,
        .until_ms = now_ms + filter->days * DAY_MS,
        .used_since_ms = now_ms - EXPIRING_USED_DAYS * DAY_MS,
        .limit = filter->limit,
    };
    TRY(check_list_org(by, filter->org_id, &question.org_id, fault));
    TRY(check_page(&(struct page_of){.limit = filter->limit}, fault));
    TRY(store->sketches.list_expiring(store->store, &question, arena, &list.tokens, &list.count));
    TRY(store->sketches.tally_expiring(store->store, &question, &list.all, &list.used));
    *ret_list = list;
    return TKR_OK;
}

static void count(struct authority *authority, uint64_t counts[EXPIRING_STEPS])
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    for (size_t i = 0; i < EXPIRING_STEPS; i++) {
        uint64_t found = 0;
        int64_t from_ms = i > 0 ? now_ms + expiring_steps_days[i - 1] * DAY_MS : now_ms;
        int64_t until_ms = now_ms + expiring_steps_days[i] * DAY_MS;
        if (store->sketches.count_expiring(store->store, from_ms, until_ms, &found) != TKR_OK) {
            return; /* what was counted before stays */
        }
        counts[i] = found + (i > 0 ? counts[i - 1] : 0);
    }
}

/* Who comes while another counts gets the numbers from before. */
void authority_count_expiring(struct authority *authority, uint64_t ret_counts[EXPIRING_STEPS])
{
    int64_t now_ns = clock_monotonic_ns(authority->options.clock);
    pthread_mutex_lock(&authority->counts_mutex);
    int64_t *at_ns = &authority->expiring_at_ns;
    bool due = *at_ns == 0 || now_ns - *at_ns >= EXPIRING_COUNTS_MS * INT64_C(1000000);
    *at_ns = due ? now_ns : *at_ns;
    memcpy(ret_counts, authority->expiring, sizeof(authority->expiring));
    pthread_mutex_unlock(&authority->counts_mutex);
    if (due) {
        count(authority, ret_counts);
        pthread_mutex_lock(&authority->counts_mutex);
        memcpy(authority->expiring, ret_counts, sizeof(authority->expiring));
        pthread_mutex_unlock(&authority->counts_mutex);
    }
}
