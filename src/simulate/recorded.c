/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/recorded.h"

#include <string.h>

#include "base/text.h"

/* Numbers from here on are milliseconds. As seconds it is the year 5138, as milliseconds 1973. */
#define MILLISECONDS_FROM 100000000000U
#define NOT_GIVEN (-1)

const char *const recorded_names[RECORDED_MEMBERS] = {
    [RECORDED_TIME] = "time",
    [RECORDED_TOKEN] = "token_id",
    [RECORDED_USER] = "user_id",
    [RECORDED_COST] = "cost",
};

void recorded_clear(struct recorded *recorded)
{
    recorded->time_ms = NOT_GIVEN;
    recorded->cost = 1;
    recorded->token_length = recorded->user_length = 0;
}

/* --- times --------------------------------------------------------------------------------- */

static tkr_error_t beyond(struct fault *fault)
{
    return fault_set(fault, TKR_OUT_OF_RANGE, "time", "time: not within the years 1970 to 9999");
}

/* Up to three digits of a fraction; what is behind them is cut off. */
static tkr_error_t parse_fraction(const char *text, size_t length, uint64_t *ret_ms)
{
    static const uint32_t units[] = {100, 10, 1};
    ENSURE(length > 0, TKR_MALFORMED);
    *ret_ms = 0;
    for (size_t i = 0; i < length; i++) {
        ENSURE(text[i] >= '0' && text[i] <= '9', TKR_MALFORMED);
        *ret_ms += i < 3 ? (uint64_t)(text[i] - '0') * units[i] : 0;
    }
    return TKR_OK;
}

static tkr_error_t parse_number(const char *text, size_t length, int64_t *ret_ms)
{
    const char *point = memchr(text, '.', length);
    size_t whole = point != NULL ? (size_t)(point - text) : length;
    uint64_t number, fraction_ms = 0;
    TRY(text_parse_u64(text, whole, &number));
    if (point != NULL) {
        TRY(parse_fraction(point + 1, length - whole - 1, &fraction_ms));
    }
    ENSURE(number <= TEXT_TIME_MS_MAX, TKR_OUT_OF_RANGE);
    uint64_t ms = number >= MILLISECONDS_FROM ? number : number * 1000 + fraction_ms;
    *ret_ms = (int64_t)ms;
    return TKR_OK;
}

static tkr_error_t set_time(struct recorded *recorded, const char *text, size_t length,
                            struct fault *fault)
{
    /* A number has no `-` and no `T` at these places; a date has both. */
    bool date = length > 10 && text[4] == '-';
    tkr_error_t error = date ? text_parse_time(text, length, &recorded->time_ms)
                             : parse_number(text, length, &recorded->time_ms);
    if (error == TKR_OUT_OF_RANGE) {
        return beyond(fault);
    }
    return error == TKR_OK
               ? TKR_OK
               : fault_set(fault, TKR_MALFORMED, "time",
                           "time: neither RFC 3339 nor seconds or milliseconds since 1970");
}

tkr_error_t recorded_set_real_time(struct recorded *recorded, double number, struct fault *fault)
{
    if (!(number >= 0 && number <= (double)TEXT_TIME_MS_MAX)) {
        return beyond(fault);
    }
    /* 1767225600.123 is a little less in binary: a microsecond up, so that .123 it stays. */
    double ms = number >= MILLISECONDS_FROM ? number : number * 1000 + 0.001;
    recorded->time_ms = (int64_t)ms;
    return recorded->time_ms <= TEXT_TIME_MS_MAX ? TKR_OK : beyond(fault);
}

/* --- the others ---------------------------------------------------------------------------- */

static tkr_error_t set_cost(struct recorded *recorded, const char *text, size_t length,
                            struct fault *fault)
{
    uint64_t cost;
    tkr_error_t error = text_parse_u64(text, length, &cost);
    if (error != TKR_OK || cost > VERIFY_COST_MAX) {
        return fault_set(fault, error == TKR_MALFORMED ? error : TKR_OUT_OF_RANGE, "cost",
                         "cost: no whole number from 0 to %d", VERIFY_COST_MAX);
    }
    recorded->cost = (uint32_t)cost;
    return TKR_OK;
}

static tkr_error_t set_id(const struct recorded_rules *rules, enum recorded_member member,
                          const char *text, size_t length, char *id, uint16_t *id_length,
                          struct fault *fault)
{
    const char *name = recorded_names[member];
    if (length > USER_ID_BYTES_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, name, "%s: longer than %d bytes", name,
                         USER_ID_BYTES_MAX);
    }
    if (!text_is_printable_utf8(text, length)) {
        return fault_set(fault, TKR_INVALID, name, "%s: no printable UTF-8", name);
    }
    /* Reports are printed and kept; a token may be in neither. */
    if (token_text_within(&rules->prefixes, text, length)) {
        return fault_set(fault, TKR_INVALID, name,
                         "%s: a token stands there, and not its ID; take care of the recording",
                         name);
    }
    memcpy(id, text, length);
    *id_length = (uint16_t)length;
    return TKR_OK;
}

tkr_error_t recorded_set(const struct recorded_rules *rules, struct recorded *recorded,
                         enum recorded_member member, const char *text, size_t length,
                         struct fault *fault)
{
    if (length == 0 || (length == 1 && text[0] == '-')) {
        return TKR_OK;
    }
    switch (member) {
    case RECORDED_TIME:
        return set_time(recorded, text, length, fault);
    case RECORDED_TOKEN:
        return set_id(rules, member, text, length, recorded->token_id, &recorded->token_length,
                      fault);
    case RECORDED_USER:
        return set_id(rules, member, text, length, recorded->user_id, &recorded->user_length,
                      fault);
    default:
        return set_cost(recorded, text, length, fault);
    }
}

tkr_error_t recorded_check(const struct recorded_rules *rules, const struct recorded *recorded,
                           struct fault *fault)
{
    const bool given[RECORDED_MEMBERS] = {
        [RECORDED_TIME] = recorded->time_ms != NOT_GIVEN,
        [RECORDED_TOKEN] = recorded->token_length > 0,
        [RECORDED_USER] = recorded->user_length > 0,
        [RECORDED_COST] = true,
    };
    for (unsigned i = 0; i < RECORDED_MEMBERS; i++) {
        if (rules->needed[i] && !given[i]) {
            return fault_set(fault, TKR_INVALID, recorded_names[i], "%s: missing",
                             recorded_names[i]);
        }
    }
    return TKR_OK;
}
