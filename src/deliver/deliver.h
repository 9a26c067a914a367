/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing a new token to where it is used: one file a way. Each says what is certain afterwards,
 * see jobs/deliver_port.h, and holds the token in secret memory only.
 *
 *     struct deliver_targets targets = {list, count};
 *     struct deliver_port port = deliver_port_of(&targets);
 */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include <stddef.h>

#include "deliver/target.h"
#include "jobs/deliver_port.h"

struct deliver_targets {
    const struct deliver_target *const *list;
    size_t count;
};
/* As long as the targets live. Any thread. */
struct deliver_port deliver_port_of(struct deliver_targets *targets);

/* --- for deliver/ only ----------------------------------------------------------------------- */

#define DELIVER_ERROR_SIZE (ROTATION_ERROR_BYTES_MAX + 1)
typedef enum delivery_outcome deliver_way(const struct deliver_target *target,
                                          const struct delivery *delivery,
                                          char ret_error[DELIVER_ERROR_SIZE]);
deliver_way deliver_to_file, deliver_to_command, deliver_to_webhook, deliver_to_github;

/* Writes the words and returns the outcome. */
enum delivery_outcome deliver_failed(enum delivery_outcome outcome,
                                     char ret_error[DELIVER_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An HTTP request that hands over the token, and what its answer means: 2xx that it was taken,
 * another status below 500 that it was not, anything else that nobody knows; unless nothing was
 * sent at all. */
struct http_send_request;
enum delivery_outcome deliver_by_http(const struct http_send_request *request,
                                      char ret_error[DELIVER_ERROR_SIZE]);

#endif
