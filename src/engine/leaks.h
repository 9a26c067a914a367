/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scanner found in public. A report is taken once, as one change: those of its tokens that
 * are ours are quarantined or revoked, each with an event `token.leaked` that says where it was
 * found. Whoever calls has made sure that the scanner sent it.
 */
#ifndef ENGINE_LEAKS_H
#define ENGINE_LEAKS_H

#include "engine/lifecycle.h"

struct leaked {
    uint8_t digest[TOKEN_DIGEST_BYTES];
    const char *type, *url, *source; /* NULL: not told. None may hold a token */
    bool ours;                       /* what became of it */
};

/* Lives until `done`. */
struct leak_notice {
    uint8_t digest[TOKEN_DIGEST_BYTES]; /* of the report as it was signed */
    const char *scanner;                /* a literal */
    bool revoke;                        /* else quarantine */
    struct leaked *leaks;
    size_t count; /* at most LEAK_REPORT_TOKENS_MAX */
};

/* Errors, of the change too: CONFLICT (this report was taken before, and nothing is done), BUSY,
 * NO_SPACE, UNAVAILABLE. */
MUST_USE tkr_error_t authority_take_leaks(struct authority *authority, const struct principal *by,
                                          struct leak_notice *notice, change_done done,
                                          void *context, struct fault *fault);

#endif
