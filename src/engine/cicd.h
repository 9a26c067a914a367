/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CI/CD system did, put into the audit log beside what was done to tokens: a deployment, and
 * the rotation that went before it, stand in one chain.
 *
 * An event of type `cicd.EVENT`, so that it can never pass for one of ours; its verdict is the
 * status, its actor the caller's token, and the rest is in its details.
 */
#ifndef ENGINE_CICD_H
#define ENGINE_CICD_H

#include "engine/lifecycle.h"

enum cicd_field {
    CICD_REPOSITORY,
    CICD_REF,
    CICD_COMMIT,
    CICD_WORKFLOW,
    CICD_RUN_ID,
    CICD_RUN_URL,
    CICD_ENVIRONMENT,
    CICD_ACTOR,
    CICD_MESSAGE,
    CICD_FIELDS
};

/* Its name in the API and in the details, and how many bytes it may have. */
struct cicd_field_row {
    const char *name;
    size_t bytes_max;
};
extern const struct cicd_field_row cicd_fields[CICD_FIELDS];

struct cicd_event {
    const char *event;               /* `deploy`; a word of a-z, 0-9, `-` and `_`, a letter first */
    const char *status;              /* started, success, failure or cancelled */
    const char *fields[CICD_FIELDS]; /* NULL: not told */
    const char *metadata;            /* JSON object text; NULL: none */
    const char *idempotency_key;     /* NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES]; /* for the key */
};

/* result->noted says which event it became; with a key that came before, which one it was then.
 * Errors: OUT_OF_RANGE, INVALID (naming the member; it contains a token), TOO_LARGE (more than
 * EVENT_DETAILS_BYTES_MAX in all), IDEMPOTENCY, BUSY, NO_SPACE, UNAVAILABLE. */
MUST_USE tkr_error_t authority_record_cicd(struct authority *authority, const struct principal *by,
                                           const struct cicd_event *event, change_done done,
                                           void *context, struct fault *fault);

#endif
