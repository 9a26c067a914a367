/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an organisation says about lifetimes, kind by kind. Where it is silent, the
 * configuration of the server holds, member by member. Pure.
 *
 *     lifetimes_parse("user.max=30d admin.on_exceed=reject", ..., &lifetimes);
 *     policy = lifetimes_effective(&lifetimes, TOKEN_KIND_USER, &servers_policy_for_users);
 */
#ifndef POLICY_LIFETIMES_H
#define POLICY_LIFETIMES_H

#include <stddef.h>

#include "policy/lifetime.h"

#define LIFETIME_KINDS 3                      /* in the order of enum token_kind */
const char *lifetimes_kind_name(size_t kind); /* "user", "service", "admin" */

enum lifetime_member {
    LIFETIME_DEFAULT = 1 << 0,
    LIFETIME_MAX = 1 << 1,
    LIFETIME_ON_EXCEED = 1 << 2,
};
struct lifetime_rule {
    unsigned set; /* bits of enum lifetime_member: what it speaks of */
    struct lifetime_policy policy;
};
struct lifetimes {
    struct lifetime_rule of[LIFETIME_KINDS];
};

struct lifetime_policy lifetimes_effective(const struct lifetimes *lifetimes, size_t kind,
                                           const struct lifetime_policy *server);

const char *on_exceed_name(enum on_exceed on_exceed); /* "clamp", "reject" */
/* Errors: TKR_INVALID. */
MUST_USE tkr_error_t on_exceed_parse(const char *text, size_t length, enum on_exceed *ret);

/* `30d`, `36h`, `90s`: the largest unit that says it exactly; `never` for 0. Returns `out`. */
#define LIFETIME_TEXT_SIZE 24
const char *lifetime_format(int64_t seconds, char out[LIFETIME_TEXT_SIZE]);
/* Also `90`, `15m`, `2w`. Errors: TKR_MALFORMED, TKR_OUT_OF_RANGE (0, or over LIFETIME_S_MAX). */
MUST_USE tkr_error_t lifetime_parse(const char *text, size_t length, int64_t *ret_seconds);

/* Text form for the store: `user.default=30d user.max=never admin.on_exceed=reject`; "" when it
 * is silent. Parsing takes any order, each once, single spaces between. Errors: TKR_MALFORMED,
 * TKR_OUT_OF_RANGE. */
#define LIFETIMES_TEXT_SIZE 320
const char *lifetimes_format(const struct lifetimes *lifetimes, char out[LIFETIMES_TEXT_SIZE]);
MUST_USE tkr_error_t lifetimes_parse(const char *text, size_t length,
                                     struct lifetimes *ret_lifetimes);

/* A default that is longer than the maximum beside it is somebody's mistake: TKR_OUT_OF_RANGE,
 * naming `lifetimes.user.default` or the like. */
MUST_USE tkr_error_t lifetimes_check(const struct lifetimes *lifetimes, struct fault *fault);

/*
 * For people, when the maximum cut a lifetime: `Maximum expiry is 30 days. Setting expiry to 30
 * days instead of 60.` `asked_s` 0 is "never". Returns `out`.
 */
#define LIFETIME_SENTENCE_SIZE 160
const char *lifetime_clamp_sentence(int64_t max_s, int64_t asked_s,
                                    char out[LIFETIME_SENTENCE_SIZE]);

#endif
