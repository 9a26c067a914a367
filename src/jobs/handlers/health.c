/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ends by itself while nobody looks: room on the disks, and the certificate. Each is told once
 * a day, the certificate once for each threshold of the days that are left; `tokenry doctor` says
 * the same whenever it is asked.
 */
#include <stdio.h>
#include <string.h>

#include "base/room.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "engine/alerts.h"
#include "jobs/handlers/handlers.h"

#define EVERY_MS 3600000
#define DAY_MS INT64_C(86400000)
#define MIB (1ULL << 20)

static int64_t every_ms(const struct job_settings *settings)
{
    (void)settings;
    return EVERY_MS;
}

static tkr_error_t raise(struct job_context *context, const struct alert *alert)
{
    size_t raised = 0;
    TRY(authority_alert(context->authority, alert, 1, &raised));
    context->count += raised;
    return TKR_OK;
}

static tkr_error_t look_at_room(struct job_context *context, const char *what, const char *path,
                                uint64_t low_bytes, uint64_t none_bytes)
{
    struct room room;
    char key[64], summary[ALERT_SUMMARY_BYTES_MAX];
    ENSURE(path != NULL && room_look(path, low_bytes, none_bytes, &room) == TKR_OK, TKR_OK);
    ENSURE(room.verdict != ROOM_ENOUGH, TKR_OK);
    snprintf(key, sizeof(key), "disk.low/%s/%d/%lld", what, (int)room.verdict,
             (long long)(authority_now_ms(context->authority) / DAY_MS));
    snprintf(summary, sizeof(summary), "the disk of the %s directory has %llu MiB left (%u %%)",
             what, (unsigned long long)(room.free_bytes / MIB), room.percent);
    const struct alert alert = {
        .severity = room.verdict == ROOM_NONE ? ALERT_CRITICAL : ALERT_MEDIUM,
        .type = "disk.low",
        .key = key,
        .summary = summary,
    };
    return raise(context, &alert);
}

/* The severities are those of tokens that end. */
static const struct {
    int64_t days;
    enum alert_severity severity;
} thresholds[] = {{1, ALERT_CRITICAL}, {7, ALERT_HIGH}, {14, ALERT_MEDIUM}, {30, ALERT_LOW}};
#define THRESHOLDS (sizeof(thresholds) / sizeof(thresholds[0]))

static tkr_error_t look_at_certificate(struct job_context *context, const char *path)
{
    struct certificate_look look;
    const char *wrong;
    char key[96], summary[ALERT_SUMMARY_BYTES_MAX], time[TEXT_TIME_SIZE];
    ENSURE(path != NULL && path[0] != '\0', TKR_OK);
    ENSURE(certificate_look_at_files(path, NULL, &look, &wrong) == TKR_OK, TKR_OK);
    int64_t left_ms = look.not_after_ms - authority_now_ms(context->authority);
    size_t i = 0;
    while (i < THRESHOLDS && left_ms >= thresholds[i].days * DAY_MS) {
        i++;
    }
    ENSURE(i < THRESHOLDS, TKR_OK);
    text_format_time(look.not_after_ms, time);
    snprintf(key, sizeof(key), "certificate.expiring/%s/%lld", time, (long long)thresholds[i].days);
    snprintf(summary, sizeof(summary), "the TLS certificate %s %s: renew it and restart the daemon",
             left_ms > 0 ? "ends at" : "ended at", time);
    const struct alert alert = {.severity = thresholds[i].severity,
                                .type = "certificate.expiring",
                                .key = key,
                                .summary = summary};
    return raise(context, &alert);
}

static tkr_error_t run(struct job_context *context)
{
    const struct job_settings *settings = context->settings;
    TRY(look_at_room(context, "data", settings->data, ROOM_DATA_LOW_BYTES, ROOM_DATA_NONE_BYTES));
    TRY(look_at_room(context, "runtime", settings->runtime, ROOM_RUNTIME_LOW_BYTES,
                     ROOM_RUNTIME_NONE_BYTES));
    TRY(look_at_room(context, "archive", settings->audit_archive_directory, ROOM_DATA_LOW_BYTES,
                     ROOM_DATA_NONE_BYTES));
    TRY(look_at_certificate(context, settings->tls_certificate));
    job_say(context, "%llu alerts", (unsigned long long)context->count);
    return TKR_OK;
}

const struct job_handler job_health = {
    .name = "health",
    .description = "Tells before a disk is full or the TLS certificate ends.",
    .every_ms = every_ms,
    .deadline_ms = 60000,
    .run = run,
};
