/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits as policy: three windows, each with a limit or none. Tiers carry limits;
 * a token's overrides beat its tier window by window. Pure.
 */
#ifndef POLICY_LIMITS_SPEC_H
#define POLICY_LIMITS_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"

enum window { WINDOW_MINUTE, WINDOW_HOUR, WINDOW_DAY, WINDOW_COUNT };
enum window_kind { WINDOW_FIXED, WINDOW_SLIDING };

const char *window_name(enum window window); /* "minute", "hour", "day" */
/* Errors: TKR_INVALID. */
MUST_USE tkr_error_t window_parse(const char *text, size_t length, enum window *ret_window);
int64_t window_ms(enum window window); /* 60,000, 3,600,000, 86,400,000 */

/* One limit for each window. `set` says which windows are spoken of; a window that is set
 * to LIMIT_NONE is explicitly unlimited. 0 is a limit like others: nothing passes. */
#define LIMIT_NONE UINT32_MAX
struct limits {
    uint32_t set; /* bit (1 << window) */
    uint32_t limit[WINDOW_COUNT];
};

enum limits_subject { LIMITS_OF_TOKEN = 1, LIMITS_OF_USER = 2, LIMITS_OF_BOTH = 3 };
const char *limits_subject_name(enum limits_subject subject); /* "token", "user", "both" */
/* Errors: TKR_INVALID. */
MUST_USE tkr_error_t limits_subject_parse(const char *text, size_t length,
                                          enum limits_subject *ret_subject);

/* A row of the tiers table; an operator edits it. */
struct tier {
    char name[TIER_NAME_BYTES_MAX + 1]; /* [a-z0-9_-], 1 to 50 */
    struct limits limits;               /* windows not set are unlimited */
    enum limits_subject subject;        /* of one token, of its user across tokens, or both */
};
bool tier_name_valid(const char *name, size_t length);
/* The three shipped rows: free, pro, enterprise. */
#define TIERS_SHIPPED 3
extern const struct tier tiers_shipped[TIERS_SHIPPED];

/* Overrides beat the tier window by window. What neither speaks of is LIMIT_NONE, not set. */
struct limits limits_effective(const struct limits *tier, const struct limits *overrides);

/* Range check by kind of window: TKR_OUT_OF_RANGE naming the window in `fault` (field
 * `limits.minute` and so on). A sliding minute may have LIMIT_SLIDING_MINUTE_MAX, all others
 * LIMIT_WINDOW_MAX. */
MUST_USE tkr_error_t limits_check(const struct limits *limits,
                                  const enum window_kind kinds[WINDOW_COUNT], struct fault *fault);

/* Text form for the store: `minute=60 hour=1000 day=none`; "" for nothing set. Parsing takes
 * any order, each window once, single spaces between. Errors: TKR_MALFORMED, TKR_OUT_OF_RANGE
 * beyond LIMIT_WINDOW_MAX. */
#define LIMITS_TEXT_SIZE 96
const char *limits_format(const struct limits *limits, char out[LIMITS_TEXT_SIZE]);
MUST_USE tkr_error_t limits_parse(const char *text, size_t length, struct limits *ret_limits);

#endif
