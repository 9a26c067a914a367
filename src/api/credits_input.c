/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/token_json.h"

enum { REMAINING, REFILL, ADD, SUBTRACT, UNLIMITED, CREDITS_MEMBERS };
#define INITIAL_MEMBERS ADD /* those before it */

static const struct json_member credits_members[CREDITS_MEMBERS] = {
    [REMAINING] = {"remaining", JSON_IS_INTEGER, .most = (int64_t)CREDITS_MAX},
    [REFILL] = {"refill", JSON_IS_OBJECT, .nullable = true},
    [ADD] = {"add", JSON_IS_INTEGER, .most = (int64_t)CREDITS_MAX},
    [SUBTRACT] = {"subtract", JSON_IS_INTEGER, .most = (int64_t)CREDITS_MAX},
    [UNLIMITED] = {"unlimited", JSON_IS_BOOL},
};

static tkr_error_t read_refill(const struct json_given *given, const char *path,
                               struct credits_asked *asked, struct fault *fault)
{
    enum { INTERVAL, AMOUNT, COUNT };
    static const struct json_member members[COUNT] = {
        [INTERVAL] = {"interval", JSON_IS_TEXT, .required = true, .most = TIER_NAME_BYTES_MAX},
        [AMOUNT] = {"amount", JSON_IS_INTEGER, .required = true, .most = (int64_t)CREDITS_MAX},
    };
    struct json_given inner[COUNT];
    char field[FAULT_FIELD_BYTES], inside[FAULT_FIELD_BYTES];
    asked->has_refill = given->present;
    if (!given->present || given->null) {
        return TKR_OK;
    }
    json_field(inside, path, "refill.");
    TRY(json_read(given->value, inside, members, COUNT, inner, fault));
    if (credits_interval_parse(inner[INTERVAL].text, inner[INTERVAL].length, &asked->interval) !=
            TKR_OK ||
        asked->interval == CREDITS_NO_REFILL) {
        json_field(field, inside, "interval");
        return fault_set(fault, TKR_INVALID, field, "must be `daily` or `monthly`");
    }
    asked->refill = (uint64_t)inner[AMOUNT].integer;
    return TKR_OK;
}

tkr_error_t credits_read(const json_t *object, const char *path, bool initial,
                         struct credits_asked *ret_asked, struct fault *fault)
{
    static const enum credits_operation operations[] = {
        [REMAINING] = CREDITS_SET, [ADD] = CREDITS_ADD, [SUBTRACT] = CREDITS_SUBTRACT};
    struct json_given given[CREDITS_MEMBERS] = {0};
    struct credits_asked asked = {.operation = CREDITS_KEEP};
    TRY(json_read(object, path, credits_members, initial ? INITIAL_MEMBERS : CREDITS_MEMBERS, given,
                  fault));
    unsigned ways = 0;
    for (int i = REMAINING; i <= SUBTRACT; i++) {
        if (given[i].present && i != REFILL) {
            asked.operation = operations[i];
            asked.amount = (uint64_t)given[i].integer;
            ways++;
        }
    }
    TRY(read_refill(&given[REFILL], path, &asked, fault));
    asked.unlimited = given[UNLIMITED].boolean;
    if (ways > 1 || (asked.unlimited && json_object_size(object) > 1)) {
        return fault_set(fault, TKR_INVALID, "",
                         "one of `remaining`, `add`, `subtract` and `unlimited`");
    }
    *ret_asked = asked;
    return TKR_OK;
}
