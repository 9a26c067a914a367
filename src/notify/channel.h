/* SPDX-License-Identifier: Apache-2.0 */
/* A channel: a receiver of messages as somebody configured it. daemon/channels_file.h fills it. */
#ifndef NOTIFY_CHANNEL_H
#define NOTIFY_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/* In the order of daemon/channels_table.h, like the two below. */
enum notify_type {
    NOTIFY_LOG,
    NOTIFY_WEBHOOK,
    NOTIFY_EMAIL,
    NOTIFY_SLACK,
    NOTIFY_TEAMS,
    NOTIFY_DISCORD,
    NOTIFY_TYPE_COUNT
};
enum notify_starttls { NOTIFY_STARTTLS_REQUIRED, NOTIFY_STARTTLS_NONE };

/* Keys that webhooks are signed with, the newest first: while a receiver changes its key, both. */
struct notify_keys {
    uint8_t bytes[NOTIFY_KEYS_MAX][NOTIFY_KEY_BYTES_MAX];
    size_t lengths[NOTIFY_KEYS_MAX];
    size_t count;
};

#define NOTIFY_RECIPIENTS_MAX CONFIG_LIST_MAX

struct notify_channel {
    const char *name;
    int64_t type;     /* enum notify_type */
    int64_t severity; /* enum alert_severity: the least */
    char *types;      /* patterns, with commas */
    char *url;        /* a secret */
    char *secret_file, *ca_file;
    int64_t allow_private; /* 0 or 1 */
    int64_t timeout_s, give_up_s, in_flight;
    char *server;     /* smtp://HOST:PORT or smtps://… */
    int64_t starttls; /* enum notify_starttls */
    char *user, *password_file, *from, *to;

    /* Made of it. */
    struct notify_keys *keys; /* secret memory; webhook */
    char *password;           /* secret memory; "" for none */
    char *where;              /* the host: what may be shown of url and server; "" for a log */
    char *recipients[NOTIFY_RECIPIENTS_MAX];
    size_t recipient_count;
};

/* "log", "webhook", ... */
static inline const char *notify_type_name(enum notify_type type)
{
    static const char *const names[NOTIFY_TYPE_COUNT] = {"log",   "webhook", "email",
                                                         "slack", "teams",   "discord"};
    return names[type];
}

#endif
