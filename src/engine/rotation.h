/* SPDX-License-Identifier: Apache-2.0 */
/* What the authority has to know of the configuration to rotate by schedule. */
#ifndef ENGINE_ROTATION_H
#define ENGINE_ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/zone.h"

/* Where a token can be delivered to. */
struct rotation_target {
    const char *name;
    const char *type;        /* "file", "command", "webhook", "github" */
    bool shared;             /* several tokens may go there: it is told which one it gets */
    const char *const *orgs; /* whose tokens may go there without scope `*`; "*": everybody's */
    size_t org_count;
};

/* Reads a zone. Any thread. Errors: TKR_NOT_FOUND, TKR_MALFORMED, TKR_IO, TKR_MEMORY. */
struct zone_source {
    tkr_error_t (*load)(void *context, const char *name, struct zone **ret_zone);
    void *context;
};

/* What holds where a schedule says nothing. Its overlap is that of any rotation. */
struct rotation_options {
    int64_t max_age_s;
    uint64_t uses;
    int64_t uses_age_s;
    const char *window;                    /* "" or NULL: at any time */
    const char *time_zone;                 /* NULL: UTC */
    const struct rotation_target *targets; /* the caller's, as all of this */
    size_t target_count;
    struct zone_source zones; /* zeros: only UTC */
};

#endif
