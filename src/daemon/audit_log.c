/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit_log.h"

#include <string.h>

#include "base/secret.h"
#include "daemon/audit_key.h"
#include "daemon/wire.h"

#define PROGRESS_EVENTS 50000

struct walk {
    const struct audit_log_check *check;
    struct audit_verifier verifier;
    const struct store_port *store;
    struct store_log log;
    uint64_t left; /* events until the next word of progress */
};

static void release(struct walk *walk)
{
    audit_verifier_deinit(&walk->verifier);
}

static tkr_error_t visit_checkpoint(void *context, const struct audit_checkpoint *checkpoint)
{
    struct walk *walk = context;
    /* Those that came while this reads are of events that are not looked at. */
    return checkpoint->seq > walk->log.head.checkpoint_seq
               ? TKR_OK
               : audit_verifier_expect(&walk->verifier, checkpoint);
}

static tkr_error_t visit_event(void *context, const struct store_log_event *event)
{
    struct walk *walk = context;
    const struct audit_log_check *check = walk->check;
    audit_verifier_event(&walk->verifier, &event->event, event->has_digest ? event->digest : NULL);
    if (check->progress != NULL && walk->left-- == 0) {
        walk->left = PROGRESS_EVENTS;
        check->progress(check->context, event->event.seq, walk->log.head.seq);
    }
    return TKR_OK;
}

/* With the key: its own signatures are trusted, and the head must be the one that it sealed. */
static tkr_error_t use_key(struct walk *walk, struct audit_log_result *result, struct fault *fault)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = NULL;
    const struct store_head *head = &walk->log.head;
    uint8_t mac[SEAL_MAC_BYTES];
    bool is_new = false;
    if (walk->check->key_file == NULL) {
        return TKR_OK;
    }
    TRY(audit_key_open(walk->check->key_file, NULL, &key, &is_new, fault));
    TRY(audit_verifier_trust(&walk->verifier, seal_key_public(key)));
    const struct audit_head sealed = {
        .store_id = walk->log.store_id,
        .first_seq = head->first_seq,
        .base = head->base,
        .seq = head->seq,
        .digest = head->digest,
        .checkpoint_seq = head->checkpoint_seq,
    };
    TRY(audit_head_mac(key, &sealed, mac));
    result->sealed = true;
    if (!walk->log.has_mac || !secret_equal(mac, walk->log.mac, sizeof(mac))) {
        audit_verifier_tell(&walk->verifier, AUDIT_NOT_AS_SEALED, head->seq, head->seq);
    }
    return TKR_OK;
}

static tkr_error_t expect_all(struct walk *walk)
{
    const struct audit_log_check *check = walk->check;
    for (size_t i = 0; i < check->trusted_count; i++) {
        TRY(audit_verifier_trust(&walk->verifier, check->trusted[i]));
    }
    for (size_t i = 0; i < check->kept_count; i++) {
        TRY(audit_verifier_expect(&walk->verifier, &check->kept[i]));
    }
    return walk->store->audit.each_checkpoint(walk->store->store, 0, visit_checkpoint, walk);
}

/* Rows that the chain cannot have, in front of all numbers and behind the head. */
static void tell_strangers(struct walk *walk)
{
    const struct store_log *log = &walk->log;
    if (log->oldest < 1) {
        audit_verifier_tell(&walk->verifier, AUDIT_ADDED, 0, 0);
    }
    if (log->newest > (int64_t)log->head.seq) {
        audit_verifier_tell(&walk->verifier, AUDIT_ADDED, log->head.seq + 1, (uint64_t)log->newest);
    }
}

static tkr_error_t walk_log(struct walk *walk, struct audit_log_result *result, struct fault *fault)
{
    const struct store_port *store = walk->store;
    const struct store_head *head = &walk->log.head;
    tkr_error_t error = store->audit.read_log(store->store, &walk->log);
    if (error == TKR_NOT_FOUND) {
        return fault_set(fault, TKR_CORRUPT, "",
                         "%s: it is not written where the audit log begins, which every daemon "
                         "writes when it starts: somebody took it away",
                         walk->check->data);
    }
    TRY(error);
    audit_verifier_init(&walk->verifier, walk->log.store_id, head->first_seq, head->base,
                        walk->check->found, walk->check->context);
    TRY(use_key(walk, result, fault));
    TRY(expect_all(walk));
    /* What comes in while this reads is left for the next time. */
    TRY(store->audit.each_event(store->store, head->first_seq, head->seq, visit_event, walk));
    tell_strangers(walk);
    audit_verifier_end(&walk->verifier, head->seq, head->digest);
    result->first_seq = head->first_seq;
    result->head_seq = head->seq;
    result->events = walk->verifier.events;
    result->checkpoints = walk->verifier.checkpoints;
    result->findings = walk->verifier.findings;
    return TKR_OK;
}

tkr_error_t audit_log_verify(const struct audit_log_check *check,
                             struct audit_log_result *ret_result, struct fault *fault)
{
    struct audit_log_result result = {0};
    struct store_port store = {0};
    TRY(wire_open_store_to_read(check->data, &store, fault));
    struct walk walk CLEANUP(release) = {.check = check, .store = &store};
    tkr_error_t error = walk_log(&walk, &result, fault);
    wire_close_store(&store);
    if (error != TKR_OK) {
        return fault != NULL && fault->error == error
                   ? error
                   : fault_set(fault, error, "", "%s: reading the audit log: %s", check->data,
                               tkr_error_text(error));
    }
    *ret_result = result;
    return TKR_OK;
}
