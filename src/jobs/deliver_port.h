/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a new token comes to where it is used; declared by the job that rotates, implemented by
 * deliver/. What matters is what is certain afterwards:
 *
 *     DONE     the receiver said that it has the token
 *     FAILED   it has not: nothing was sent, or it said no
 *     UNSURE   anything else: it may have it
 */
#ifndef JOBS_DELIVER_PORT_H
#define JOBS_DELIVER_PORT_H

#include <stdint.h>

#include "base/limits.h"

struct delivery {
    const char *target; /* a name of the configuration */
    const char *org_id, *user_id, *token_id, *token_name, *predecessor_id;
    int64_t at_ms;         /* now */
    int64_t expires_at_ms; /* of the token; 0: never */
    const char *token;     /* the plaintext, in secret memory, until the return */
};

enum delivery_outcome { DELIVERY_DONE, DELIVERY_FAILED, DELIVERY_UNSURE };

struct deliver_port {
    /* May block, for its own time-out at the most. `ret_error` is written unless it is DONE: a
     * clause for people without the token. */
    enum delivery_outcome (*deliver)(void *context, const struct delivery *delivery,
                                     char ret_error[ROTATION_ERROR_BYTES_MAX + 1]);
    void *context;
};

#endif
