/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lifetimes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

static const char *const kinds[LIFETIME_KINDS] = {"user", "service", "admin"};
static const char *const exceeds[] = {
    [ON_EXCEED_CLAMP] = "clamp",
    [ON_EXCEED_REJECT] = "reject",
};

static bool is_word(const char *word, const char *text, size_t length)
{
    return strlen(word) == length && memcmp(word, text, length) == 0;
}

const char *lifetimes_kind_name(size_t kind)
{
    ASSERT(kind < LIFETIME_KINDS);
    return kinds[kind];
}

struct lifetime_policy lifetimes_effective(const struct lifetimes *lifetimes, size_t kind,
                                           const struct lifetime_policy *server)
{
    ASSERT(kind < LIFETIME_KINDS);
    const struct lifetime_rule *rule = &lifetimes->of[kind];
    struct lifetime_policy policy = *server;
    if ((rule->set & LIFETIME_DEFAULT) != 0) {
        policy.default_s = rule->policy.default_s;
    }
    if ((rule->set & LIFETIME_MAX) != 0) {
        policy.max_s = rule->policy.max_s;
    }
    if ((rule->set & LIFETIME_ON_EXCEED) != 0) {
        policy.on_exceed = rule->policy.on_exceed;
    }
    return policy;
}

const char *on_exceed_name(enum on_exceed on_exceed)
{
    ASSERT(on_exceed == ON_EXCEED_CLAMP || on_exceed == ON_EXCEED_REJECT);
    return exceeds[on_exceed];
}

tkr_error_t on_exceed_parse(const char *text, size_t length, enum on_exceed *ret)
{
    for (unsigned i = 0; i < sizeof(exceeds) / sizeof(exceeds[0]); i++) {
        if (is_word(exceeds[i], text, length)) {
            *ret = (enum on_exceed)i;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}

/* --- one lifetime ------------------------------------------------------------------------ */

static const struct {
    int64_t seconds;
    char letter;
    const char *one, *many;
} units[] = {
    {86400, 'd', "day", "days"},
    {3600, 'h', "hour", "hours"},
    {60, 'm', "minute", "minutes"},
    {1, 's', "second", "seconds"},
};

/* The largest that divides it. */
static size_t unit_of(int64_t seconds)
{
    size_t unit = 0;
    while (seconds % units[unit].seconds != 0) {
        unit++;
    }
    return unit;
}

const char *lifetime_format(int64_t seconds, char out[LIFETIME_TEXT_SIZE])
{
    size_t unit = unit_of(seconds);
    if (seconds == 0) {
        memcpy(out, "never", sizeof("never"));
    } else {
        snprintf(out, LIFETIME_TEXT_SIZE, "%" PRId64 "%c", seconds / units[unit].seconds,
                 units[unit].letter);
    }
    return out;
}

tkr_error_t lifetime_parse(const char *text, size_t length, int64_t *ret_seconds)
{
    int64_t seconds = 0;
    if (!is_word("never", text, length)) {
        TRY(text_parse_duration_s(text, length, &seconds));
        ENSURE(seconds >= 1 && seconds <= LIFETIME_S_MAX, TKR_OUT_OF_RANGE);
    }
    *ret_seconds = seconds;
    return TKR_OK;
}

const char *lifetime_clamp_sentence(int64_t max_s, int64_t asked_s,
                                    char out[LIFETIME_SENTENCE_SIZE])
{
    size_t unit = unit_of(max_s);
    int64_t size = units[unit].seconds;
    int64_t most = max_s / size;
    const char *name = most == 1 ? units[unit].one : units[unit].many;
    char asked[LIFETIME_TEXT_SIZE] = "never";
    if (asked_s != 0) { /* in the same unit, rounded up: it was more than the maximum */
        snprintf(asked, sizeof(asked), "%" PRId64, (asked_s + size - 1) / size);
    }
    snprintf(out, LIFETIME_SENTENCE_SIZE,
             "Maximum expiry is %" PRId64 " %s. Setting expiry to %" PRId64 " %s instead of %s.",
             most, name, most, name, asked);
    return out;
}

/* --- the text form ----------------------------------------------------------------------- */

static size_t add(char *out, size_t length, size_t kind, const char *member, const char *value)
{
    int added = snprintf(out + length, LIFETIMES_TEXT_SIZE - length, "%s%s.%s=%s",
                         length > 0 ? " " : "", kinds[kind], member, value);
    return length + (size_t)added; /* all nine take at most 260 bytes */
}

const char *lifetimes_format(const struct lifetimes *lifetimes, char out[LIFETIMES_TEXT_SIZE])
{
    size_t length = 0;
    char text[LIFETIME_TEXT_SIZE];
    out[0] = '\0';
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        const struct lifetime_rule *rule = &lifetimes->of[i];
        if ((rule->set & LIFETIME_DEFAULT) != 0) {
            length = add(out, length, i, "default", lifetime_format(rule->policy.default_s, text));
        }
        if ((rule->set & LIFETIME_MAX) != 0) {
            length = add(out, length, i, "max", lifetime_format(rule->policy.max_s, text));
        }
        if ((rule->set & LIFETIME_ON_EXCEED) != 0) {
            length = add(out, length, i, "on_exceed", on_exceed_name(rule->policy.on_exceed));
        }
    }
    return out;
}

static tkr_error_t parse_member(const char *name, size_t name_length, const char *value,
                                size_t value_length, struct lifetime_rule *rule)
{
    unsigned member = is_word("default", name, name_length)     ? LIFETIME_DEFAULT
                      : is_word("max", name, name_length)       ? LIFETIME_MAX
                      : is_word("on_exceed", name, name_length) ? LIFETIME_ON_EXCEED
                                                                : 0;
    ENSURE(member != 0 && (rule->set & member) == 0, TKR_MALFORMED);
    if (member == LIFETIME_ON_EXCEED) {
        ENSURE(on_exceed_parse(value, value_length, &rule->policy.on_exceed) == TKR_OK,
               TKR_MALFORMED);
    } else {
        int64_t *seconds = member == LIFETIME_MAX ? &rule->policy.max_s : &rule->policy.default_s;
        TRY(lifetime_parse(value, value_length, seconds));
    }
    rule->set |= member;
    return TKR_OK;
}

/* `user.max=30d` */
static tkr_error_t parse_one(const char *text, size_t length, struct lifetimes *lifetimes)
{
    const char *equals = memchr(text, '=', length);
    ENSURE(equals != NULL, TKR_MALFORMED);
    const char *dot = memchr(text, '.', (size_t)(equals - text));
    ENSURE(dot != NULL, TKR_MALFORMED);
    size_t kind = 0;
    while (kind < LIFETIME_KINDS && !is_word(kinds[kind], text, (size_t)(dot - text))) {
        kind++;
    }
    ENSURE(kind < LIFETIME_KINDS, TKR_MALFORMED);
    return parse_member(dot + 1, (size_t)(equals - dot) - 1, equals + 1,
                        length - (size_t)(equals - text) - 1, &lifetimes->of[kind]);
}

tkr_error_t lifetimes_parse(const char *text, size_t length, struct lifetimes *ret_lifetimes)
{
    struct lifetimes lifetimes = {0};
    size_t at = 0;
    while (at < length) {
        const char *space = memchr(text + at, ' ', length - at);
        size_t end = space != NULL ? (size_t)(space - text) : length;
        ENSURE(end > at && end != length - 1, TKR_MALFORMED); /* no double or last space */
        TRY(parse_one(text + at, end - at, &lifetimes));
        at = end + 1;
    }
    *ret_lifetimes = lifetimes;
    return TKR_OK;
}

tkr_error_t lifetimes_check(const struct lifetimes *lifetimes, struct fault *fault)
{
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        const struct lifetime_rule *rule = &lifetimes->of[i];
        const struct lifetime_policy *policy = &rule->policy;
        unsigned both = LIFETIME_DEFAULT | LIFETIME_MAX;
        if ((rule->set & both) == both && policy->max_s != 0 &&
            (policy->default_s == 0 || policy->default_s > policy->max_s)) {
            char field[FAULT_FIELD_BYTES];
            snprintf(field, sizeof(field), "lifetimes.%s.default", kinds[i]);
            return fault_set(fault, TKR_OUT_OF_RANGE, field, "is longer than the maximum");
        }
    }
    return TKR_OK;
}
