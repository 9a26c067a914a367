/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that ended long ago, batch by batch until there are none. */
#include "jobs/change_wait.h"
#include "jobs/handlers/handlers.h"

static int64_t every_ms(const struct job_settings *settings)
{
    return settings->cleanup_after_ms > 0 ? CLEANUP_EVERY_MS : 0;
}

static void take(void *context, const struct change_result *result)
{
    *(struct cleanup *)context = *result->cleanup;
}

static tkr_error_t clean_batch(struct job_context *context, struct cleanup *cleanup)
{
    struct change_wait wait;
    change_wait_init(&wait, take, cleanup);
    tkr_error_t error =
        change_wait_for(&wait, authority_cleanup(context->authority, &principal_system, cleanup,
                                                 change_wait_done, &wait, &wait.fault));
    if (error != TKR_OK) {
        job_say(context, "%s", wait.fault.detail);
    }
    return error;
}

static tkr_error_t run(struct job_context *context)
{
    int64_t now_ms = authority_now_ms(context->authority);
    struct cleanup cleanup = {.before_ms = now_ms - context->settings->cleanup_after_ms};
    do {
        TRY(clean_batch(context, &cleanup));
        context->count += cleanup.count;
    } while (cleanup.more && !job_should_stop(context));
    context->more = cleanup.more;
    job_say(context, "%llu tokens cleaned away%s", (unsigned long long)context->count,
            cleanup.more ? "; there are more" : "");
    return TKR_OK;
}

const struct job_handler job_cleanup = {
    .name = "cleanup",
    .description = "Deletes tokens that ended longer ago than cleanup.after_days.",
    .every_ms = every_ms,
    .switch_key = "cleanup.after_days",
    .deadline_ms = 600000,
    .run = run,
};
