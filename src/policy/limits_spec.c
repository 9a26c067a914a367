/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/limits_spec.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define ALL_WINDOWS ((1U << WINDOW_COUNT) - 1)

static const struct {
    const char *name;
    int64_t ms;
} windows[WINDOW_COUNT] = {
    [WINDOW_MINUTE] = {"minute", 60 * 1000},
    [WINDOW_HOUR] = {"hour", 60 * 60 * 1000},
    [WINDOW_DAY] = {"day", 24 * 60 * 60 * 1000},
};

static const char *const subjects[] = {
    [LIMITS_OF_TOKEN] = "token",
    [LIMITS_OF_USER] = "user",
    [LIMITS_OF_BOTH] = "both",
};

const struct tier tiers_shipped[TIERS_SHIPPED] = {
    {"free", {ALL_WINDOWS, {60, 1000, 10000}}, LIMITS_OF_TOKEN},
    {"pro", {ALL_WINDOWS, {600, 20000, 500000}}, LIMITS_OF_TOKEN},
    {"enterprise", {ALL_WINDOWS, {6000, 200000, 10000000}}, LIMITS_OF_TOKEN},
};

static bool is_word(const char *word, const char *text, size_t length)
{
    return strlen(word) == length && memcmp(word, text, length) == 0;
}

const char *window_name(enum window window)
{
    ASSERT((unsigned)window < WINDOW_COUNT);
    return windows[window].name;
}

int64_t window_ms(enum window window)
{
    ASSERT((unsigned)window < WINDOW_COUNT);
    return windows[window].ms;
}

tkr_error_t window_parse(const char *text, size_t length, enum window *ret_window)
{
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        if (is_word(windows[i].name, text, length)) {
            *ret_window = (enum window)i;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}

const char *limits_subject_name(enum limits_subject subject)
{
    ASSERT(subject >= LIMITS_OF_TOKEN && subject <= LIMITS_OF_BOTH);
    return subjects[subject];
}

tkr_error_t limits_subject_parse(const char *text, size_t length, enum limits_subject *ret_subject)
{
    for (unsigned i = LIMITS_OF_TOKEN; i <= LIMITS_OF_BOTH; i++) {
        if (is_word(subjects[i], text, length)) {
            *ret_subject = (enum limits_subject)i;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}

bool tier_name_valid(const char *name, size_t length)
{
    if (length == 0 || length > TIER_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z';
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && !digit && name[i] != '_' && name[i] != '-') {
            return false;
        }
    }
    return true;
}

struct limits limits_effective(const struct limits *tier, const struct limits *overrides)
{
    struct limits effective = {.set = (tier->set | overrides->set) & ALL_WINDOWS};
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        uint32_t bit = 1U << i;
        effective.limit[i] = (overrides->set & bit) != 0 ? overrides->limit[i]
                             : (tier->set & bit) != 0    ? tier->limit[i]
                                                         : LIMIT_NONE;
    }
    return effective;
}

tkr_error_t limits_check(const struct limits *limits, const enum window_kind kinds[WINDOW_COUNT],
                         struct fault *fault)
{
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        bool sliding_minute = i == WINDOW_MINUTE && kinds[i] == WINDOW_SLIDING;
        uint32_t most = sliding_minute ? LIMIT_SLIDING_MINUTE_MAX : LIMIT_WINDOW_MAX;
        bool limited = (limits->set & 1U << i) != 0 && limits->limit[i] != LIMIT_NONE;
        if (limited && limits->limit[i] > most) {
            char field[FAULT_FIELD_BYTES];
            snprintf(field, sizeof(field), "limits.%s", windows[i].name);
            return fault_set(fault, TKR_OUT_OF_RANGE, field, "%u is outside 0..%u",
                             (unsigned)limits->limit[i], (unsigned)most);
        }
    }
    return TKR_OK;
}

const char *limits_format(const struct limits *limits, char out[LIMITS_TEXT_SIZE])
{
    size_t length = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        if ((limits->set & 1U << i) == 0) {
            continue;
        }
        char number[16] = "none";
        if (limits->limit[i] != LIMIT_NONE) {
            snprintf(number, sizeof(number), "%u", (unsigned)limits->limit[i]);
        }
        int added = snprintf(out + length, LIMITS_TEXT_SIZE - length, "%s%s=%s",
                             length > 0 ? " " : "", windows[i].name, number);
        length += (size_t)added; /* three windows take at most 51 bytes */
    }
    return out;
}

/* `minute=60` */
static tkr_error_t parse_one(const char *text, size_t length, struct limits *limits)
{
    const char *equals = memchr(text, '=', length);
    ENSURE(equals != NULL, TKR_MALFORMED);
    size_t name_length = (size_t)(equals - text);
    enum window window;
    ENSURE(window_parse(text, name_length, &window) == TKR_OK, TKR_MALFORMED);
    ENSURE((limits->set & 1U << window) == 0, TKR_MALFORMED);
    const char *value = equals + 1;
    size_t value_length = length - name_length - 1;
    uint64_t number = LIMIT_NONE;
    if (!is_word("none", value, value_length)) {
        TRY(text_parse_u64(value, value_length, &number));
        ENSURE(number <= LIMIT_WINDOW_MAX, TKR_OUT_OF_RANGE);
    }
    limits->set |= 1U << window;
    limits->limit[window] = (uint32_t)number;
    return TKR_OK;
}

tkr_error_t limits_parse(const char *text, size_t length, struct limits *ret_limits)
{
    struct limits limits = {0, {LIMIT_NONE, LIMIT_NONE, LIMIT_NONE}};
    size_t at = 0;
    while (at < length) {
        const char *space = memchr(text + at, ' ', length - at);
        size_t end = space != NULL ? (size_t)(space - text) : length;
        ENSURE(end > at && end != length - 1, TKR_MALFORMED); /* no double or last space */
        TRY(parse_one(text + at, end - at, &limits));
        at = end + 1;
    }
    *ret_limits = limits;
    return TKR_OK;
}
