/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal on the audit log, and what is said about it.
 *
 * Each commit that adds events has the MAC of the head; every AUDIT_CHECKPOINT_EVENTS or
 * AUDIT_CHECKPOINT_MS, and when the authority stops, a commit also has a signed checkpoint. Both
 * are written by the transaction that they are about. Checkpoints are then told, as lines of the
 * log and to the channels that want audit.checkpoint (put into the outbox by that transaction,
 * too): what is kept elsewhere is what shows later that the end of the log was cut off.
 *
 * What is due, and what is told, is known here and not read back: whoever can write the database
 * must not be able to say that nothing is due.
 *
 * At start the log is looked at: its head must be the one that was sealed, and the newest event
 * the head's. If not, that is told and becomes an event, and the chain goes on from the head as it
 * stands: verification of tokens does not depend on it, and `tokenry audit verify` finds that event
 * for ever, also when the key then seals what somebody made of the log.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "engine/authority_internal.h"

/* --- sealing ---------------------------------------------------------------------------------- */

static bool is_due(const struct audit_seals *seals, uint64_t seq, int64_t now_ms)
{
    return seq >= seals->first_seq && seq > seals->checkpoint_seq &&
           (seals->ending || seq - seals->checkpoint_seq >= AUDIT_CHECKPOINT_EVENTS ||
            now_ms - seals->checkpoint_at_ms >= AUDIT_CHECKPOINT_MS ||
            now_ms < seals->checkpoint_at_ms);
}

static int64_t now_ms_of(struct authority *authority)
{
    return authority->segment != NULL ? segment_writer_now_ms(authority->segment)
                                      : clock_wall_ms(authority->options.clock);
}

static tkr_error_t head_mac(const struct authority *authority, const struct store_head *head,
                            uint64_t checkpoint_seq, uint8_t ret_mac[SEAL_MAC_BYTES])
{
    const struct audit_head sealed = {
        .store_id = authority->audit.store_id,
        .first_seq = head->first_seq,
        .base = head->base,
        .seq = head->seq,
        .digest = head->digest,
        .checkpoint_seq = checkpoint_seq,
    };
    return audit_head_mac(authority->options.audit_key, &sealed, ret_mac);
}

static tkr_error_t make_checkpoint(const struct authority *authority, const struct store_head *head,
                                   int64_t now_ms, struct store_seal *seal)
{
    seal->has_checkpoint = true;
    seal->checkpoint.seq = head->seq;
    seal->checkpoint.at_ms = now_ms;
    memcpy(seal->checkpoint.store_id, authority->audit.store_id, AUDIT_STORE_ID_BYTES);
    memcpy(seal->checkpoint.digest, head->digest, AUDIT_DIGEST_BYTES);
    return audit_checkpoint_sign(authority->options.audit_key, &seal->checkpoint);
}

/* Without an event: one would make the log longer, and that another checkpoint due. */
static tkr_error_t post_checkpoint(struct authority *authority,
                                   const struct audit_checkpoint *checkpoint)
{
    char text[AUDIT_CHECKPOINT_SIZE], summary[ALERT_SUMMARY_BYTES_MAX];
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "checkpoint", audit_checkpoint_format(checkpoint, text));
    snprintf(summary, sizeof(summary), "the audit log is signed up to event %llu",
             (unsigned long long)checkpoint->seq);
    const struct alert alert = {
        .severity = ALERT_INFO,
        .type = "audit.checkpoint",
        .summary = summary,
        .details = details_finish(&details),
    };
    return alert_post(authority, &alert, checkpoint->at_ms);
}

static tkr_error_t seal(void *context, const struct store_head *head, struct store_seal *ret_seal)
{
    struct authority *authority = context;
    struct audit_seals *seals = &authority->audit;
    struct store_seal made = {0};
    int64_t now_ms = now_ms_of(authority);
    bool gone = head->checkpoint_seq < seals->checkpoint_seq; /* with the events that it was of */
    if (gone || is_due(seals, head->seq, now_ms)) {
        TRY(make_checkpoint(authority, head, now_ms, &made));
    }
    TRY(head_mac(authority, head, made.has_checkpoint ? head->seq : seals->checkpoint_seq,
                 made.mac));
    seals->made = true;
    seals->made_seq = head->seq;
    seals->made_checkpoint = made.has_checkpoint;
    seals->checkpoint = made.checkpoint;
    *ret_seal = made;
    return made.has_checkpoint ? post_checkpoint(authority, &made.checkpoint) : TKR_OK;
}

static void tell(struct authority *authority, const struct audit_checkpoint *checkpoint)
{
    char text[AUDIT_CHECKPOINT_SIZE];
    authority_report(authority, LOG_INFO, "audit_checkpoint", "%s",
                     audit_checkpoint_format(checkpoint, text));
}

tkr_error_t audit_commit(struct authority *authority, uint64_t *ret_seq)
{
    struct audit_seals *seals = &authority->audit;
    seals->made = false;
    TRY(authority->store->commit(authority->store->store, ret_seq));
    if (seals->made) {
        seals->seq = seals->made_seq;
    }
    if (seals->made && seals->made_checkpoint) {
        seals->checkpoint_seq = seals->checkpoint.seq;
        seals->checkpoint_at_ms = seals->checkpoint.at_ms;
        tell(authority, &seals->checkpoint);
    }
    alert_committed(authority);
    return TKR_OK;
}

/* --- at start --------------------------------------------------------------------------------- */

static tkr_error_t keep_newest(void *context, const struct store_log_event *event)
{
    *(struct store_log_event *)context = *event; /* its texts are gone then, and not looked at */
    return TKR_OK;
}

static tkr_error_t is_newest(struct authority *authority, const struct store_head *head,
                             bool *ret_is)
{
    const struct store_port *store = authority->store;
    struct store_log_event newest = {0};
    if (head->seq >= head->first_seq) { /* else it has no event yet */
        TRY(store->audit.each_event(store->store, head->seq, head->seq, keep_newest, &newest));
        *ret_is = newest.event.seq == head->seq && newest.has_digest &&
                  memcmp(newest.digest, head->digest, AUDIT_DIGEST_BYTES) == 0;
    } else {
        *ret_is = true;
    }
    return TKR_OK;
}

/* What is wrong with it; NULL: nothing that can be seen at a glance. */
static tkr_error_t find_break(struct authority *authority, const struct store_log *log,
                              const char **ret_reason)
{
    uint8_t mac[SEAL_MAC_BYTES];
    bool newest_is_head = false;
    TRY(head_mac(authority, &log->head, log->head.checkpoint_seq, mac));
    TRY(is_newest(authority, &log->head, &newest_is_head));
    *ret_reason = NULL;
    if (!log->has_mac && !authority->options.audit_key_is_new) {
        *ret_reason = "the seal of its head is missing";
    } else if (log->has_mac && !secret_equal(mac, log->mac, sizeof(mac))) {
        *ret_reason = "its head is not what was sealed, or was sealed with another key";
    } else if (log->newest > (int64_t)log->head.seq) {
        *ret_reason = "it has events behind its head";
    } else if (!newest_is_head) {
        *ret_reason = "its newest events are missing, or not those that were sealed";
    }
    return TKR_OK;
}

static tkr_error_t note_break(struct authority *authority, const char *reason)
{
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "reason", reason);
    const struct store_event event = {
        .at_ms = now_ms_of(authority),
        .type = AUDIT_TYPE_BROKEN,
        .actor_user = principal_system.user_id,
        .details = details_finish(&details),
    };
    const struct alert alert = {
        .severity = ALERT_CRITICAL,
        .type = AUDIT_TYPE_BROKEN,
        .summary = "the audit log is not as it was written; see `tokenry audit verify`",
        .details = event.details,
    };
    TRY(authority->store->note_event(authority->store->store, &event));
    return alert_post(authority, &alert, event.at_ms);
}

/* The first commit under this key: the event of a break, or of a log that nobody has sealed yet
 * only the seal. */
static tkr_error_t seal_start(struct authority *authority, const char *reason)
{
    const struct store_port *store = authority->store;
    uint64_t seq = 0;
    TRY(store->begin(store->store));
    store->audit.seal_now(store->store);
    tkr_error_t error = reason != NULL ? note_break(authority, reason) : TKR_OK;
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    return audit_commit(authority, &seq);
}

static tkr_error_t tell_ours(void *context, const struct audit_checkpoint *checkpoint)
{
    struct authority *authority = context;
    if (memcmp(checkpoint->public_key, seal_key_public(authority->options.audit_key),
               SEAL_PUBLIC_BYTES) == 0 &&
        audit_checkpoint_verify(checkpoint) == TKR_OK) {
        tell(authority, checkpoint);
    }
    return TKR_OK;
}

/* Once more: the one before may have died between the commit and the line. */
static tkr_error_t go_on(struct authority *authority, const struct store_log *log)
{
    const struct store_port *store = authority->store;
    authority->audit.checkpoint_seq = log->head.checkpoint_seq;
    authority->audit.checkpoint_at_ms = log->head.checkpoint_at_ms;
    if (!log->has_mac) {
        TRY(seal_start(authority, NULL));
    }
    return log->head.checkpoint_seq == 0
               ? TKR_OK
               : store->audit.each_checkpoint(store->store, log->head.checkpoint_seq, tell_ours,
                                              authority);
}

tkr_error_t audit_start(struct authority *authority)
{
    const struct store_port *store = authority->store;
    const struct store_sealer sealer = {seal, authority};
    const char *reason = NULL;
    struct store_log log;
    if (authority->options.audit_key == NULL) {
        return TKR_OK;
    }
    TRY(store->audit.read_log(store->store, &log));
    memcpy(authority->audit.store_id, log.store_id, sizeof(log.store_id));
    authority->audit.first_seq = log.head.first_seq;
    authority->audit.seq = log.head.seq;
    TRY(find_break(authority, &log, &reason));
    store->audit.set_sealer(store->store, &sealer);
    if (reason == NULL) {
        return go_on(authority, &log);
    }
    authority_report(authority, LOG_ERROR, "audit_broken",
                     "the audit log is not as it was written: %s; see `tokenry audit verify`",
                     reason);
    return seal_start(authority, reason); /* with a checkpoint: none of before is believed */
}

/* --- at each flush, and at the end ------------------------------------------------------------ */

void audit_flush(struct authority *authority, bool ending)
{
    const struct store_port *store = authority->store;
    struct audit_seals *seals = &authority->audit;
    seals->ending = ending;
    if (authority->options.audit_key == NULL ||
        !is_due(seals, seals->seq, segment_writer_now_ms(authority->segment)) ||
        !atomic_load(&authority->changes_accepted) || store->begin(store->store) != TKR_OK) {
        return;
    }
    store->audit.seal_now(store->store);
    (void)!writer_commit_usage(authority); /* the next flush tries again */
}
