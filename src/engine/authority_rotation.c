/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation by schedule: how a successor comes to its receiver although anything may die anywhere.
 *
 *     begin       V2 is made, V1 lives on until the end that it has anyway; the schedule says
 *                 that V2 is on its way. One transaction.
 *     deliver     outside of here
 *     end         DELIVERED   V1 ends one overlap from now
 *                 FAILED      the receiver has V1 for certain: V1 is current again, V2 is revoked
 *                 UNSURE      V1 is current again, and V2 lives on beside it until V1's end
 *                 ... and the schedule says so. One transaction.
 *
 * The rule behind it: a version that the receiver may have is not ended before another one has
 * certainly arrived, and none lives longer than the token was given at first. So the overlap begins
 * with the delivery, not with the rotation: a daemon that was down for a week between the two finds
 * both versions alive.
 *
 * After UNSURE it is tried anew, from V1, with a V3: the plaintext of V2 is nowhere any more. What
 * was unsure is remembered by time: the delivery that succeeds in the end cuts V1 and all that was
 * made since down to the overlap. Each unsure try leaves one more version alive, so after
 * ROTATION_UNSURE_MAX of them it stops until somebody asks.
 *
 * A delivery of a version that somebody replaced by hand meanwhile is unsure, too: its receiver
 * has one that is about to end.
 *
 * When V1 cannot be current again (somebody rotated or revoked by hand, or it came to its end
 * while nothing ran), only the schedule is written: what is current then stays so.
 *
 * Rejected: keeping the plaintext of V2, sealed, to deliver the same again after a crash. It would
 * be the first secret of a user that the store keeps (design: none), to spare one more version.
 */
#include <stdio.h>
#include <string.h>

#include "engine/alerts.h"
#include "engine/authority_internal.h"
#include "engine/schedules.h"

/* --- on the caller's thread --------------------------------------------------------------------
 */

tkr_error_t authority_begin_rotation(struct authority *authority, const char *token_id,
                                     uint64_t schedule_version, change_done done, void *context,
                                     struct fault *fault)
{
    const struct token_rotate rotate = {
        .has_grace = true,
        .grace_ms = ROTATION_GRACE_S_MAX * INT64_C(1000), /* V1's own end comes first */
        .schedule_version = schedule_version,
        .reason = "by its schedule",
    };
    return authority_rotate_token(authority, &principal_system, token_id, &rotate, done, context,
                                  fault);
}

static tkr_error_t copy_end(const struct rotation_end *end, struct change *change)
{
    TRY(change_copy_id(end->rotating_id, change));
    ENSURE(strlen(end->lineage_id) == TOKEN_ID_CHARS, TKR_NOT_FOUND);
    memcpy(change->step.lineage_id, end->lineage_id, sizeof(change->step.lineage_id));
    change->step.outcome = end->outcome;
    change->step.next_at_ms = end->next_at_ms;
    const char *error = end->error != NULL ? end->error : "";
    size_t length = strnlen(error, ROTATION_ERROR_BYTES_MAX);
    change->step.error = arena_copy(change->arena, error, length);
    change->grace_ms = end->outcome == SCHEDULE_UNSURE ? ROTATION_GRACE_S_MAX * INT64_C(1000) : 0;
    return arena_overflowed(change->arena) ? TKR_MEMORY : TKR_OK;
}

tkr_error_t authority_end_rotation(struct authority *authority, const struct rotation_end *end,
                                   change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    bool delivered = end->outcome == SCHEDULE_DELIVERED;
    TRY(change_new(authority, delivered ? &change_delivered : &change_undelivered,
                   &principal_system, done, context, &change, fault));
    tkr_error_t error = copy_end(end, change);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ------------------------------------------------------------------------
 */

tkr_error_t rotation_note_begin(struct authority *authority, struct change *change,
                                const struct token *successor)
{
    const struct store_port *store = authority->store;
    struct schedule schedule;
    TRY(store->schedules.read(store->store, successor->lineage_id, change->arena, &schedule));
    if (schedule.rotating_id[0] != '\0') {
        return fault_set(&change->result.fault, TKR_CONFLICT, "", "%s is on its way already",
                         schedule.rotating_id);
    }
    if (schedule.version != change->step.version) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "",
                         "the schedule was changed meanwhile");
    }
    memcpy(schedule.rotating_id, successor->id, sizeof(schedule.rotating_id));
    schedule.since_ms = successor->created_at_ms;
    schedule.wished = false;
    return store->schedules.put(store->store, &schedule, NULL);
}

/* The schedule that a change ends a rotation of. */
static tkr_error_t read_schedule(struct authority *authority, struct change *change,
                                 struct schedule *ret_schedule)
{
    const struct store_port *store = authority->store;
    TRY(store->schedules.read(store->store, change->step.lineage_id, change->arena, ret_schedule));
    if (strcmp(ret_schedule->rotating_id, change->asked.id) != 0) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "", "%s is not on its way",
                         change->asked.id);
    }
    return TKR_OK;
}

static void note_outcome(const struct change *change, int64_t now_ms, struct schedule *schedule)
{
    const struct rotation_step *step = &change->step;
    schedule->outcome = step->outcome;
    schedule->outcome_at_ms = now_ms;
    schedule->error = step->error;
    schedule->next_at_ms = step->next_at_ms;
    schedule->failures++;
    if (step->outcome == SCHEDULE_UNSURE) {
        schedule->unsure++;
        schedule->unsure_since_ms =
            schedule->unsure_since_ms != 0 ? schedule->unsure_since_ms : schedule->since_ms;
    }
    if (step->outcome == SCHEDULE_DELIVERED) {
        schedule->delivered_at_ms = now_ms;
        schedule->failures = schedule->unsure = 0;
        schedule->unsure_since_ms = schedule->next_at_ms = 0;
        schedule->error = "";
    }
    schedule->rotating_id[0] = '\0';
    schedule->since_ms = 0;
}

static tkr_error_t raise_alert(struct authority *authority, const struct change *change,
                               const struct schedule *schedule, const struct token *token)
{
    bool delivered = schedule->outcome == SCHEDULE_DELIVERED, raised = false;
    bool stopped = schedule->unsure >= ROTATION_UNSURE_MAX;
    char summary[ALERT_SUMMARY_BYTES_MAX + 1];
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "target", schedule->target);
    details_text(&details, "outcome", schedule_outcome_name(schedule->outcome));
    details_text(&details, "version", change->asked.id);
    if (!delivered) {
        details_text(&details, "error", schedule->error);
        details_count(&details, "failures", schedule->failures);
        details_flag(&details, "stopped", stopped);
        details_time(&details, "next_at", schedule->next_at_ms);
    }
    snprintf(summary, sizeof(summary),
             delivered ? "token %s was rotated and delivered to %s"
                       : "token %s was not rotated: delivery to %s failed%s%s",
             token->name, schedule->target, delivered ? "" : ": ",
             delivered ? "" : schedule->error);
    const struct alert alert = {
        .severity = delivered ? ALERT_INFO
                    : stopped ? ALERT_CRITICAL
                              : ALERT_HIGH,
        .type = delivered ? "rotation.done" : "rotation.failed",
        .org_id = token->org_id,
        .user_id = token->user_id,
        .token_id = token->id,
        .token_name = token->name,
        .summary = summary,
        .details = details_finish(&details),
    };
    return alert_raise(authority, &alert, &raised);
}

static tkr_error_t write_outcome(struct authority *authority, struct change *change,
                                 struct schedule *schedule, const struct token *token)
{
    const struct store_port *store = authority->store;
    note_outcome(change, segment_writer_now_ms(authority->segment), schedule);
    TRY(store->schedules.put(store->store, schedule, NULL));
    return raise_alert(authority, change, schedule, token);
}

/* --- neither the one nor the other --- */

/* What V2 took the place of is cut with it by the delivery that succeeds, unless it is current. */
static tkr_error_t note_predecessor(struct authority *authority, struct change *change,
                                    const struct token *successor, struct schedule *schedule)
{
    struct token token;
    ENSURE(successor->rotated_from[0] != '\0', TKR_OK);
    tkr_error_t error = change_read_current(authority, change, successor->rotated_from, &token);
    ENSURE(error != TKR_NOT_FOUND, TKR_OK);
    TRY(error);
    int64_t since_ms = schedule->unsure_since_ms;
    if (since_ms == 0 || token.created_at_ms < since_ms) {
        schedule->unsure_since_ms = token.created_at_ms;
    }
    return TKR_OK;
}

/* Only the schedule is written. A version that was cleaned away has nobody who is to be told. */
static tkr_error_t settle(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    struct schedule schedule;
    struct token token;
    change->step.outcome = SCHEDULE_UNSURE;
    TRY(read_schedule(authority, change, &schedule));
    tkr_error_t error = change_read_current(authority, change, change->asked.id, &token);
    if (error == TKR_NOT_FOUND) {
        note_outcome(change, segment_writer_now_ms(authority->segment), &schedule);
        return store->schedules.put(store->store, &schedule, NULL);
    }
    TRY(error);
    TRY(note_predecessor(authority, change, &token, &schedule));
    change->result.token = token;
    return write_outcome(authority, change, &schedule, &token);
}

/* --- delivered --- */

/* Whether this version is one that the receiver may have had until now: the one before, and all
 * that were made since it was unsure. Others were made by hand and have the end they were given. */
static bool was_tried(const struct schedule *schedule, const struct token *current,
                      const struct token *version)
{
    bool since =
        schedule->unsure_since_ms != 0 && version->created_at_ms >= schedule->unsure_since_ms;
    return since || strcmp(version->id, current->rotated_from) == 0;
}

static tkr_error_t cut_version(struct authority *authority, struct change *change,
                               const struct schedule *schedule, const struct token *current,
                               const char *version_id)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    int64_t until_ms = now_ms + schedule_overlap_ms(authority, schedule);
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct token version;
    TRY(change_read_current(authority, change, version_id, &version));
    if (current->expires_at_ms != 0 && until_ms > current->expires_at_ms) {
        until_ms = current->expires_at_ms; /* none outlives its successor */
    }
    ENSURE(was_tried(schedule, current, &version) && version.grace_until_ms > until_ms, TKR_OK);
    version.grace_until_ms = until_ms;
    version.expires_at_ms = version.expires_ungraced_ms;
    if (version.expires_at_ms == 0 || version.expires_at_ms > until_ms) {
        version.expires_at_ms = until_ms;
    }
    version.updated_at_ms = now_ms;
    details_text(&details, "reason", "its successor was delivered");
    details_time(&details, "grace_until", until_ms);
    struct store_event event = change_event(authority, change, &version, details_finish(&details));
    TRY(store->update_token(store->store, &version, &event));
    return change_add_id(change, version_id);
}

static tkr_error_t deliver(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    char ids[VERSIONS_LIVE_MAX][TOKEN_ID_CHARS + 1];
    struct schedule schedule;
    struct token token;
    uint32_t count = 0;
    TRY(read_schedule(authority, change, &schedule));
    TRY(change_read_current(authority, change, change->asked.id, &token));
    ENSURE(token.replaced_by[0] == '\0', TKR_CONFLICT);
    TRY(store->list_overlapping(store->store, token.lineage_id,
                                segment_writer_now_ms(authority->segment), VERSIONS_LIVE_MAX, ids,
                                &count));
    for (uint32_t i = 0; i < count; i++) {
        TRY(cut_version(authority, change, &schedule, &token, ids[i]));
    }
    change->result.token = token;
    change->changed = count > 0;
    return write_outcome(authority, change, &schedule, &token);
}

static tkr_error_t apply_delivered(struct authority *authority, struct change *change)
{
    tkr_error_t error = change_apply_marked(authority, change, deliver);
    ENSURE(error == TKR_CONFLICT || error == TKR_NOT_FOUND, error);
    change->result.fault = (struct fault){0};
    change->changed = false;
    change->step.error = "somebody replaced it by hand while it was delivered";
    return change_apply_marked(authority, change, settle);
}

/* The versions that were cut are shown with all other identifiers of the change. */
static tkr_error_t show_delivered(struct authority *authority, struct change *change)
{
    (void)authority;
    (void)change;
    return TKR_OK;
}

const struct change_kind change_delivered = {"token.end_grace", apply_delivered, show_delivered};

/* --- not delivered --- */

static tkr_error_t roll_back_and_settle(struct authority *authority, struct change *change)
{
    struct schedule schedule;
    struct token successor;
    TRY(read_schedule(authority, change, &schedule));
    TRY(change_read_current(authority, change, change->asked.id, &successor));
    ENSURE(successor.replaced_by[0] == '\0', TKR_CONFLICT); /* else its own successor would go */
    TRY(rotation_roll_back(authority, change));
    return write_outcome(authority, change, &schedule, &change->result.token);
}

/* What cannot be rolled back has to be tried again, whatever its age: so it counts as unsure. */
static tkr_error_t apply_undelivered(struct authority *authority, struct change *change)
{
    tkr_error_t error = change_apply_marked(authority, change, roll_back_and_settle);
    ENSURE(error == TKR_CONFLICT || error == TKR_NOT_FOUND, error);
    change->result.fault = (struct fault){0};
    change->other = NULL;
    change->changed = false;
    return change_apply_marked(authority, change, settle);
}

const struct change_kind change_undelivered = {"token.rollback", apply_undelivered, show_rollback};
