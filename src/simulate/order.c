/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/order.h"

#include <stdlib.h>

#define CAPACITY_FIRST 1024

void order_init(struct order *order, size_t held_max)
{
    ASSERT(held_max > 0);
    *order = (struct order){.held_max = held_max, .given_ms = -1, .newest_ms = -1};
}

void order_deinit(struct order *order)
{
    free(order->held);
    order->held = NULL;
    order->count = order->capacity = 0;
}

static bool is_before(const struct order_request *a, const struct order_request *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->line < b->line;
}

static tkr_error_t reserve(struct order *order)
{
    if (order->count < order->capacity) {
        return TKR_OK;
    }
    size_t capacity = order->capacity == 0 ? CAPACITY_FIRST : 2 * order->capacity;
    capacity = capacity < order->held_max ? capacity : order->held_max;
    struct order_request *held = reallocarray(order->held, capacity, sizeof(*held));
    ENSURE(held != NULL, TKR_MEMORY);
    order->held = held;
    order->capacity = capacity;
    return TKR_OK;
}

tkr_error_t order_put(struct order *order, const struct order_request *request)
{
    ASSERT(!order_full(order));
    ENSURE(request->time_ms >= order->given_ms, TKR_OUT_OF_RANGE);
    TRY(reserve(order));
    order->late += request->time_ms < order->newest_ms;
    order->newest_ms = request->time_ms > order->newest_ms ? request->time_ms : order->newest_ms;
    size_t at = order->count++;
    while (at > 0 && is_before(request, &order->held[(at - 1) / 2])) {
        order->held[at] = order->held[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    order->held[at] = *request;
    return TKR_OK;
}

bool order_full(const struct order *order)
{
    return order->count == order->held_max;
}

bool order_take(struct order *order, struct order_request *ret_request)
{
    if (order->count == 0) {
        return false;
    }
    *ret_request = order->held[0];
    order->given_ms = ret_request->time_ms;
    const struct order_request last = order->held[--order->count];
    size_t at = 0;
    for (size_t child = 1; child < order->count; child = 2 * at + 1) {
        if (child + 1 < order->count && is_before(&order->held[child + 1], &order->held[child])) {
            child++;
        }
        if (!is_before(&order->held[child], &last)) {
            break;
        }
        order->held[at] = order->held[child];
        at = child;
    }
    if (order->count > 0) {
        order->held[at] = last;
    }
    return true;
}
