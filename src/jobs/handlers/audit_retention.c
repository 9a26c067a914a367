/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Old events leave the audit log for an archive.
 *
 *   1. What is older than audit.keep_days, up to a checkpoint, is written to a file and read back.
 *   2. In one transaction: the first of its events are deleted, the chain begins behind them, and
 * an event `audit.archived` says what went where. The rest of them follows in further ones, so that
 *      no change waits for long.
 *
 * A kill leaves at most a file without its name, which is written anew; or one that has events that
 * the log still has, which is found the next time by its range, held against chain and log, and
 * used. A log that is not as it was written stays as it is: it is evidence, and an archive of it
 * would pass for a good one.
 *
 * With `audit.archive_directory = none` nothing is written, and the event is `audit.discarded`.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/alerts.h"
#include "engine/task.h"
#include "jobs/archive.h"
#include "jobs/handlers/handlers.h"

static int64_t every_ms(const struct job_settings *settings)
{
    return settings->audit_keep_ms > 0 ? AUDIT_RETENTION_EVERY_MS : 0;
}

static bool should_stop(void *context)
{
    return job_should_stop(context);
}

/* --- what may go ------------------------------------------------------------------------------ */

struct candidate {
    const uint8_t *public_key;
    uint64_t first_seq;
    int64_t before_ms;
    bool found, full; /* `full`: the range has its maximum */
    struct audit_checkpoint checkpoint;
};

/* The newest checkpoint of ours that is old enough: what it is of was written before. */
static tkr_error_t choose(void *context, const struct audit_checkpoint *checkpoint)
{
    struct candidate *choice = context;
    if (checkpoint->at_ms >= choice->before_ms || choice->full) {
        return TKR_OK;
    }
    if (memcmp(checkpoint->public_key, choice->public_key, SEAL_PUBLIC_BYTES) != 0) {
        return TKR_OK; /* of a key of before: a later one covers its events */
    }
    if (choice->found && checkpoint->seq - choice->first_seq >= AUDIT_ARCHIVE_EVENTS_MAX) {
        choice->full = true;
        return TKR_OK;
    }
    choice->found = true;
    choice->checkpoint = *checkpoint;
    return TKR_OK;
}

/* --- letting go ------------------------------------------------------------------------------- */

struct leaving {
    struct archive_range range;
    uint8_t digest[AUDIT_DIGEST_BYTES]; /* of the last one */
    const char *file;                   /* NULL: discarded */
    bool told;                          /* its event is there */
    int64_t now_ms;
    uint64_t first_seq; /* of the log, after a slice */
};

static tkr_error_t note(const struct store_port *store, const struct leaving *leaving)
{
    char digest[2 * AUDIT_DIGEST_BYTES + 1], details[256 + ARCHIVE_NAME_SIZE];
    const char *file = leaving->file;
    text_hex(leaving->digest, sizeof(leaving->digest), digest);
    snprintf(details, sizeof(details), "{\"first\":%llu,\"last\":%llu,\"digest\":\"%s\"%s%s%s}",
             (unsigned long long)leaving->range.first_seq,
             (unsigned long long)leaving->range.last_seq, digest,
             file != NULL ? ",\"file\":\"" : "", file != NULL ? file : "",
             file != NULL ? "\"" : "");
    const struct store_event event = {
        .at_ms = leaving->now_ms,
        .type = file != NULL ? AUDIT_TYPE_ARCHIVED : AUDIT_TYPE_DISCARDED,
        .actor_user = principal_system.user_id,
        .details = details,
    };
    return store->note_event(store->store, &event);
}

static tkr_error_t let_slice_go(const struct store_port *store, void *context)
{
    struct leaving *leaving = context;
    if (!leaving->told) {
        TRY(note(store, leaving));
    }
    return store->audit.drop_events(store->store, leaving->range.last_seq, AUDIT_DROP_EVENTS,
                                    &leaving->first_seq);
}

static tkr_error_t let_go(struct job_context *context, struct leaving *leaving)
{
    uint64_t before = leaving->first_seq;
    while (leaving->first_seq <= leaving->range.last_seq) {
        if (job_should_stop(context)) {
            context->more = true;
            return TKR_OK;
        }
        TRY(authority_run(context->authority, let_slice_go, leaving));
        leaving->told = true;
        context->count += leaving->first_seq - before;
        before = leaving->first_seq;
    }
    return TKR_OK;
}

/* --- a range ---------------------------------------------------------------------------------- */

/* Once for what the log begins with: the job fails every day until somebody has looked. */
static void raise_broken(struct job_context *context, uint64_t first_seq, const struct fault *fault)
{
    char key[64];
    snprintf(key, sizeof(key), "audit_retention/%llu", (unsigned long long)first_seq);
    const struct alert alert = {
        .severity = ALERT_CRITICAL, .type = "audit.broken", .key = key, .summary = fault->detail};
    (void)!authority_alert(context->authority, &alert, 1, NULL);
}

/* The file that has the log's first event already: of a run that was killed. */
static tkr_error_t use_left_over(const struct archive *archive, const struct store_port *store,
                                 const struct store_head *head, struct leaving *leaving,
                                 struct fault *fault)
{
    uint8_t logged[AUDIT_DIGEST_BYTES];
    TRY(archive_find(archive, head->first_seq, &leaving->range, fault));
    TRY(archive_check(archive, &leaving->range, head, leaving->digest, fault));
    TRY(archive_check_log(archive, store, head, leaving->range.last_seq, logged, fault));
    if (memcmp(logged, leaving->digest, sizeof(logged)) != 0) {
        return fault_set(fault, TKR_CORRUPT, "audit.archive_directory",
                         "an archive has other events than the log from number %llu on",
                         (unsigned long long)head->first_seq);
    }
    leaving->told = leaving->range.first_seq < head->first_seq;
    return TKR_OK;
}

static tkr_error_t check_signature(const struct audit_checkpoint *checkpoint, struct fault *fault)
{
    if (audit_checkpoint_verify(checkpoint) == TKR_OK) {
        return TKR_OK;
    }
    return fault_set(fault, TKR_CORRUPT, "",
                     "the audit log: the checkpoint of event %llu is not "
                     "signed",
                     (unsigned long long)checkpoint->seq);
}

static tkr_error_t choose_range(struct job_context *context, const struct store_head *head,
                                struct candidate *ret_choice, struct fault *fault)
{
    const struct store_port *store = context->store;
    struct candidate choice = {
        .public_key = context->settings->audit_public_key,
        .first_seq = head->first_seq,
        .before_ms = authority_now_ms(context->authority) - context->settings->audit_keep_ms,
    };
    TRY(store->audit.each_checkpoint(store->store, head->first_seq, choose, &choice));
    ENSURE(choice.found, TKR_NOT_FOUND);
    TRY(check_signature(&choice.checkpoint, fault));
    *ret_choice = choice;
    return TKR_OK;
}

/* Discarded, not archived: held against the chain all the same. */
static tkr_error_t prepare_none(struct job_context *context, const struct archive *archive,
                                const struct store_head *head,
                                const struct audit_checkpoint *checkpoint, struct fault *fault)
{
    uint8_t digest[AUDIT_DIGEST_BYTES];
    TRY(archive_check_log(archive, context->store, head, checkpoint->seq, digest, fault));
    if (memcmp(digest, checkpoint->digest, sizeof(digest)) != 0) {
        return fault_set(fault, TKR_CORRUPT, "", "the audit log: event %llu is not as signed",
                         (unsigned long long)checkpoint->seq);
    }
    return TKR_OK;
}

/* NOT_FOUND without words: nothing is old enough. */
static tkr_error_t prepare(struct job_context *context, const struct archive *archive,
                           const struct store_head *head, struct leaving *leaving,
                           struct fault *fault)
{
    struct candidate choice;
    bool files = archive->directory != NULL;
    tkr_error_t error =
        files ? use_left_over(archive, context->store, head, leaving, fault) : TKR_NOT_FOUND;
    if (error != TKR_NOT_FOUND || fault->error != TKR_OK) {
        return error;
    }
    TRY(choose_range(context, head, &choice, fault));
    TRY(files ? archive_write(archive, context->store, head, &choice.checkpoint, should_stop,
                              context, fault)
              : prepare_none(context, archive, head, &choice.checkpoint, fault));
    leaving->range = (struct archive_range){head->first_seq, choice.checkpoint.seq};
    memcpy(leaving->digest, choice.checkpoint.digest, sizeof(leaving->digest));
    return TKR_OK;
}

/* One range. NOT_FOUND: there is none (any more). */
static tkr_error_t run_range(struct job_context *context, struct fault *fault)
{
    struct store_log log;
    char name[ARCHIVE_NAME_SIZE];
    struct archive archive = {.directory = context->settings->audit_archive_directory,
                              .public_key = context->settings->audit_public_key};
    TRY(context->store->audit.read_log(context->store->store, &log));
    memcpy(archive.store_id, log.store_id, sizeof(archive.store_id));
    struct leaving leaving = {.now_ms = authority_now_ms(context->authority),
                              .first_seq = log.head.first_seq};
    tkr_error_t error = prepare(context, &archive, &log.head, &leaving, fault);
    if (error == TKR_CORRUPT) {
        raise_broken(context, log.head.first_seq, fault);
    }
    TRY(error);
    leaving.file = archive.directory != NULL ? archive_name(&archive, &leaving.range, name) : NULL;
    return let_go(context, &leaving);
}

static tkr_error_t run(struct job_context *context)
{
    struct fault fault = {0};
    tkr_error_t error = TKR_OK;
    while (error == TKR_OK && !context->more && !job_should_stop(context)) {
        error = run_range(context, &fault);
    }
    bool files = context->settings->audit_archive_directory != NULL;
    if (error == TKR_NOT_FOUND && fault.error == TKR_OK) {
        error = TKR_OK; /* that was all */
    } else if (error == TKR_UNAVAILABLE && job_should_stop(context)) {
        context->more = true;
        error = TKR_OK;
    }
    if (error == TKR_OK) {
        job_say(context, "%llu events %s%s", (unsigned long long)context->count,
                files ? "archived" : "discarded", context->more ? "; there are more" : "");
        return TKR_OK;
    }
    job_say(context, "%s", fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
    return error;
}

const struct job_handler job_audit_retention = {
    .name = "audit_retention",
    .description = "Moves events older than audit.keep_days from the audit log to archives.",
    .every_ms = every_ms,
    .switch_key = "audit.keep_days",
    .deadline_ms = 3600000,
    .run = run,
};
