/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One recorded request, as a line of a recording tells it: an object of JSON, or a row of CSV
 * under a header. What it has beside these four members is not looked at.
 *
 *     time      when: RFC 3339, or a number since 1970, below 100,000,000,000 of seconds (a
 *               fraction is allowed, as nginx writes $msec) and from there on of milliseconds,
 *               which are those after March 1973
 *     token_id  which token, by its ID or whatever stands for it; never the token itself
 *     user_id   which user
 *     cost      how much of the limits it takes; 1 when it is missing
 *
 * A text says the same as a number. A member that is null, "" or "-" is missing: access logs and
 * the headers of our own answers write "-" for nothing.
 */
#ifndef SIMULATE_RECORDED_H
#define SIMULATE_RECORDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "token/token_text.h"

enum recorded_member {
    RECORDED_TIME,
    RECORDED_TOKEN,
    RECORDED_USER,
    RECORDED_COST,
    RECORDED_MEMBERS
};
extern const char *const recorded_names[RECORDED_MEMBERS];

struct recorded_rules {
    const char *names[RECORDED_MEMBERS]; /* what the recording calls them; they outlive it */
    bool needed[RECORDED_MEMBERS];       /* a line without it is bad */
    struct token_prefixes prefixes;      /* to know a token when one stands where an ID should */
};

struct recorded {
    int64_t time_ms;
    uint32_t cost;
    uint16_t token_length, user_length; /* 0: not given */
    char token_id[USER_ID_BYTES_MAX], user_id[USER_ID_BYTES_MAX];
};

/*
 * A line without its end. Errors: TKR_MALFORMED, TKR_OUT_OF_RANGE, TKR_INVALID (a needed member
 * is missing, an ID is no printable text or is a token). The detail names the member and never
 * repeats a value: it may be a secret.
 */
MUST_USE tkr_error_t recorded_read_json(const struct recorded_rules *rules, const char *line,
                                        size_t length, struct recorded *ret_recorded,
                                        struct fault *fault);

/* Which members each column holds, bit by bit: one column may be two of them. */
struct recorded_columns {
    uint8_t members[SIMULATE_COLUMNS_MAX];
    size_t count;
};
/* The header of CSV (RFC 4180; a record is one line). TKR_TOO_LARGE, TKR_INVALID (a needed
 * column is missing, or comes twice), TKR_MALFORMED. */
MUST_USE tkr_error_t recorded_read_header(const struct recorded_rules *rules, const char *line,
                                          size_t length, struct recorded_columns *ret_columns,
                                          struct fault *fault);
MUST_USE tkr_error_t recorded_read_csv(const struct recorded_rules *rules,
                                       const struct recorded_columns *columns, const char *line,
                                       size_t length, struct recorded *ret_recorded,
                                       struct fault *fault);

/* --- for the two formats: one member at a time ---------------------------------------------- */

/* An empty request before its members. */
void recorded_clear(struct recorded *recorded);
MUST_USE tkr_error_t recorded_set(const struct recorded_rules *rules, struct recorded *recorded,
                                  enum recorded_member member, const char *text, size_t length,
                                  struct fault *fault);
/* After the last member: is something missing? */
MUST_USE tkr_error_t recorded_check(const struct recorded_rules *rules,
                                    const struct recorded *recorded, struct fault *fault);
/* A time that is a number with a fraction. TKR_OUT_OF_RANGE. */
MUST_USE tkr_error_t recorded_set_real_time(struct recorded *recorded, double number,
                                            struct fault *fault);

#endif
