/* SPDX-License-Identifier: Apache-2.0 */
#include "api/metering.h"

static struct meter_seat *seat_of(struct meter *meter, struct api_thread *thread)
{
    if (UNLIKELY(thread->seat == NULL && !thread->no_seat)) {
        struct meter_seat *seat;
        if (meter_seat_take(meter, &seat) == TKR_OK) {
            thread->seat = seat;
        }
        thread->no_seat = thread->seat == NULL; /* asked once: it is the hot path */
    }
    return thread->seat;
}

void metering_count(struct api *api, struct api_thread *thread,
                    const struct verify_request *request, const struct verify_result *result)
{
    struct meter *meter = api->meter;
    struct meter_seat *seat = meter != NULL ? seat_of(meter, thread) : NULL;
    if (seat == NULL || request->dry_run) {
        return;
    }
    bool has_line = result->known || result->honeytoken;
    struct meter_event event = {
        .line = has_line ? result->line : METER_NO_LINE,
        .org = has_line ? result->org_number : METER_NO_ORG,
        .label = request->endpoint == NULL
                     ? METER_LABEL_NONE
                     : meter_label_intern(meter, request->endpoint, request->endpoint_length),
        .verdict = (uint8_t)result->verdict,
        .network = meter_network(&request->client),
        .now_ms = result->now_ms != 0 ? result->now_ms : clock_wall_ms(api->options.clock),
    };
    meter_count(seat, &event, 1);
}
