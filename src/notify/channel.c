/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/channel.h"

#include "base/check.h"

const char *notify_type_name(enum notify_type type)
{
    static const char *const names[NOTIFY_TYPE_COUNT] = {
        [NOTIFY_LOG] = "log",     [NOTIFY_WEBHOOK] = "webhook", [NOTIFY_EMAIL] = "email",
        [NOTIFY_SLACK] = "slack", [NOTIFY_TEAMS] = "teams",     [NOTIFY_DISCORD] = "discord",
    };
    ASSERT((unsigned)type < NOTIFY_TYPE_COUNT);
    return names[type];
}
