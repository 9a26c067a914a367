/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/deliver.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct {
    const char *name;
    deliver_way *deliver;
} ways[DELIVER_TYPE_COUNT] = {
    [DELIVER_FILE] = {"file", deliver_to_file},
    [DELIVER_COMMAND] = {"command", deliver_to_command},
    [DELIVER_WEBHOOK] = {"webhook", deliver_to_webhook},
    [DELIVER_GITHUB] = {"github", deliver_to_github},
};

const char *deliver_type_name(enum deliver_type type)
{
    ASSERT((unsigned)type < DELIVER_TYPE_COUNT);
    return ways[type].name;
}

enum delivery_outcome deliver_failed(enum delivery_outcome outcome,
                                     char ret_error[DELIVER_ERROR_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_error, DELIVER_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return outcome;
}

static enum delivery_outcome deliver(void *context, const struct delivery *delivery,
                                     char ret_error[ROTATION_ERROR_BYTES_MAX + 1])
{
    const struct deliver_targets *targets = context;
    for (size_t i = 0; i < targets->count; i++) {
        const struct deliver_target *target = targets->list[i];
        if (strcmp(target->name, delivery->target) == 0) {
            return ways[target->type].deliver(target, delivery, ret_error);
        }
    }
    return deliver_failed(DELIVERY_FAILED, ret_error, "there is no such target");
}

struct deliver_port deliver_port_of(struct deliver_targets *targets)
{
    return (struct deliver_port){deliver, targets};
}
