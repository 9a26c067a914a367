/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a file of notification channels. What must hold: an error has a sentence that begins
 * with the file's name, a listener hears of it, and what is accepted is in range. Files that it
 * names are opened as in earnest; the corpus names none that is there.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "daemon/channels_file.h"

static void count(void *context, const struct fault *fault)
{
    (*(unsigned *)context)++;
    ASSERT(fault->error != TKR_OK);
    ASSERT(strncmp(fault->detail, "fuzz.conf:", 10) == 0);
}

static void check(const struct channels *channels)
{
    size_t list_count = 0, alert_count = 0;
    const struct notify_channel *const *list = channels_list(channels, &list_count);
    const struct alert_channel *alerts = channels_alerts(channels, &alert_count);
    ASSERT(list_count == alert_count && list_count <= NOTIFY_CHANNELS_MAX);
    for (size_t i = 0; i < list_count; i++) {
        const struct notify_channel *channel = list[i];
        ASSERT(channel->type >= 0 && channel->type < NOTIFY_TYPE_COUNT);
        ASSERT(channel->in_flight >= 1 && channel->in_flight <= NOTIFY_IN_FLIGHT_MAX);
        ASSERT(channel->timeout_s >= 1 && channel->timeout_s <= 60);
        ASSERT(channel->where != NULL);
        ASSERT(channel->type != NOTIFY_EMAIL || channel->recipient_count >= 1);
        ASSERT(alerts[i].type_count >= 1 && alerts[i].type_count <= CONFIG_LIST_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channels *channels = NULL;
    struct fault fault = {0};
    unsigned complaints = 0;
    tkr_error_t error = channels_read_text((const char *)data, size, "fuzz.conf", count,
                                           &complaints, &channels, &fault);
    ASSERT((error == TKR_OK) == (complaints == 0));
    ASSERT(error == fault.error);
    if (error == TKR_OK) {
        check(channels);
    }
    channels_free(channels);
    return 0;
}
