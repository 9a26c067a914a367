/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/retry.h"

#include <stdbool.h>
#include <stddef.h>

#define PAUSE_FIRST_MS 500
#define LEAST_MS 1000

/* The same bytes will be refused again, or nobody is there for good (the Standard Webhooks say so
 * of 410). Any other status may be mended by somebody: a key, a deployment, a quota. */
static bool is_final(long status)
{
    static const long final[] = {400, 410, 413, 415, 422};
    bool found = false;
    for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
        found |= final[i] == status;
    }
    return found;
}

enum outbox_outcome retry_judge(const struct retry_try *tried)
{
    bool http = tried->status != 0;
    bool taken = http ? tried->status >= 200 && tried->status < 300 &&
                            (tried->error == TKR_OK || tried->error == TKR_TOO_LARGE)
                      : tried->error == TKR_OK;
    if (taken) {
        return OUTBOX_SENT;
    }
    return is_final(tried->status) || tried->tries >= NOTIFY_TRIES_MAX ||
                   tried->age_ms >= tried->give_up_ms
               ? OUTBOX_DEAD
               : OUTBOX_LATER;
}

/* `first` doubled so often, and no more than `most`. */
static int64_t doubled(int64_t first, uint32_t times, int64_t most)
{
    int64_t value = first;
    for (uint32_t i = 0; i < times && value < most; i++) {
        value *= 2;
    }
    return value < most ? value : most;
}

int64_t retry_delay_ms(const struct retry_try *tried, uint64_t draw)
{
    uint32_t before = tried->tries > 0 ? tried->tries - 1 : 0;
    int64_t bound = doubled(NOTIFY_RETRY_FIRST_MS, before, NOTIFY_RETRY_MOST_MS);
    int64_t delay = LEAST_MS + (int64_t)(draw % (uint64_t)(bound - LEAST_MS + 1));
    int64_t asked_s = tried->retry_after_s < NOTIFY_RETRY_MOST_MS / 1000
                          ? tried->retry_after_s
                          : NOTIFY_RETRY_MOST_MS / 1000;
    return asked_s * 1000 > delay ? asked_s * 1000 : delay;
}

int64_t retry_pause_ms(uint32_t failures, uint64_t draw)
{
    if (failures == 0) {
        return 0;
    }
    int64_t bound = doubled(PAUSE_FIRST_MS, failures - 1, NOTIFY_PAUSE_MOST_MS);
    return bound / 2 + (int64_t)(draw % (uint64_t)(bound / 2 + 1));
}
