/* SPDX-License-Identifier: Apache-2.0 */
/* A target: where new tokens are brought, as somebody configured it. daemon/targets_file.h fills
 * it. */
#ifndef DELIVER_TARGET_H
#define DELIVER_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "notify/channel.h"

/* In the order of daemon/targets_table.h. */
enum deliver_type {
    DELIVER_FILE,
    DELIVER_COMMAND,
    DELIVER_WEBHOOK,
    DELIVER_GITHUB,
    DELIVER_TYPE_COUNT
};
const char *deliver_type_name(enum deliver_type type); /* "file", "command", ... */

struct deliver_target {
    const char *name;
    int64_t type; /* enum deliver_type */
    char *orgs;   /* with commas */
    char *path;
    char *command; /* words with a space between */
    char *url;     /* of the webhook, a secret; or where GitHub's API is */
    char *repository, *secret;
    char *secret_file, *token_file, *ca_file;
    int64_t allow_private; /* 0 or 1 */
    int64_t timeout_s;

    /* Made of it. */
    char *words; /* of the command, cut */
    char *argv[DELIVER_WORDS_MAX + 1];
    struct notify_keys *keys; /* secret memory; webhook */
    char *bearer; /* secret memory of DELIVER_BEARER_BYTES_MAX + 1; github: "Bearer …" */
};

#endif
