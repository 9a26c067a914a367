/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as each kind of receiver wants it, one file a kind. Pure.
 *
 * What stands in a message was chosen by somebody: the name of a token, a user. So each kind puts
 * texts where its receiver takes them for nothing but text: no mention that wakes a room, no link
 * under other words, no second header.
 */
#ifndef NOTIFY_PAYLOAD_H
#define NOTIFY_PAYLOAD_H

#include <jansson.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/check.h"
#include "engine/outbox_port.h"

/* JSON, at most NOTIFY_PAYLOAD_BYTES_MAX. Errors: TKR_MEMORY, TKR_TOO_LARGE. */
MUST_USE tkr_error_t payload_webhook(const struct outbox_message *message, struct buffer *out);
MUST_USE tkr_error_t payload_slack(const struct outbox_message *message, struct buffer *out);
MUST_USE tkr_error_t payload_teams(const struct outbox_message *message, struct buffer *out);
MUST_USE tkr_error_t payload_discord(const struct outbox_message *message, struct buffer *out);

/* RFC 5322, with CRLF. */
struct mail_head {
    const char *from;
    const char *const *to;
    size_t to_count;
    int64_t date_ms;
};
MUST_USE tkr_error_t payload_mail(const struct mail_head *head,
                                  const struct outbox_message *message, struct buffer *out);

/* --- facts.c: what all of them tell ------------------------------------------------------- */

struct fact {
    char name[40];
    char value[NOTIFY_FACT_BYTES_MAX + 1]; /* no control characters */
};
/* About whom and what: the members of the message, then those of its details. At most
 * NOTIFY_FACTS_MAX. */
size_t facts_of(const struct outbox_message *message, struct fact ret_facts[NOTIFY_FACTS_MAX]);
/* `High: token.expiring` */
#define FACTS_TITLE_SIZE (ALERT_TYPE_BYTES_MAX + 20)
const char *facts_title(const struct outbox_message *message, char out[FACTS_TITLE_SIZE]);
/* Writes the value and releases it. NULL (memory was short while it was built) is TKR_MEMORY. */
MUST_USE tkr_error_t payload_write(json_t *value, struct buffer *out);

#endif
