/* SPDX-License-Identifier: Apache-2.0 */
/* A message of which every member is something. */
#ifndef UNIT_NOTIFY_MESSAGE_H
#define UNIT_NOTIFY_MESSAGE_H

#include "engine/outbox_port.h"

#define MESSAGE_AT INT64_C(1767323045000) /* 2026-01-02T03:04:05Z */

static inline struct outbox_message message_full(void)
{
    return (struct outbox_message){
        .id = "msg_00000000000000000000000001",
        .channel = "ops",
        .at_ms = MESSAGE_AT,
        .severity = ALERT_HIGH,
        .type = "token.expiring",
        .org_id = "acme",
        .user_id = "alice",
        .token_id = "tok_00000000000000000000000001",
        .token_name = "ci",
        .summary = "token ci ends in 6 days",
        .details = "{\"days\":6,\"expires_at\":\"2026-01-08T00:00:00Z\",\"used\":true,"
                   "\"none\":null,\"of\":[1,2]}",
        .since_ms = MESSAGE_AT,
        .error = "",
    };
}

#endif
