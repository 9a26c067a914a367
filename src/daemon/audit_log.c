/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit_log.h"

#include <string.h>

#include "base/secret.h"
#include "daemon/audit_archives.h"
#include "daemon/audit_key.h"
#include "daemon/wire.h"

#define PROGRESS_EVENTS 50000
#define TRIES_MAX 100 /* beside a daemon that lets old events go, a slice after the other */

struct walk {
    const struct audit_log_check *check;
    struct audit_verifier verifier;
    const struct store_port *store;
    struct store_log log;
    struct seal_key *key; /* NULL: none is at hand */
    uint64_t left;        /* events until the next word of progress */
    bool archives_begun;  /* they have what stands before the log */
    bool moved;           /* the log began later, before the first finding: all is read again */
};

static void release(struct walk *walk)
{
    audit_verifier_deinit(&walk->verifier);
    seal_key_free(walk->key);
}

/* Old events may leave the log while this reads, and then what seems to be missing is not. */
static bool has_moved(struct walk *walk)
{
    struct store_log now;
    return walk->store->audit.read_log(walk->store->store, &now) == TKR_OK &&
           now.head.first_seq != walk->log.head.first_seq;
}

static void found(void *context, const struct audit_finding *finding)
{
    struct walk *walk = context;
    walk->moved |= walk->verifier.findings == 1 && has_moved(walk);
    if (!walk->moved) {
        walk->check->found(walk->check->context, finding, NULL);
    }
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
    return walk->moved ? TKR_BUSY : TKR_OK;
}

/* --- the log ---------------------------------------------------------------------------------- */

/* Whether the end of the log is the one that the key has sealed. */
static tkr_error_t check_seal(const struct store_log *log, const struct seal_key *key,
                              bool *ret_as_sealed)
{
    const struct store_head *head = &log->head;
    uint8_t mac[SEAL_MAC_BYTES];
    const struct audit_head sealed = {
        .store_id = log->store_id,
        .first_seq = head->first_seq,
        .base = head->base,
        .seq = head->seq,
        .digest = head->digest,
        .checkpoint_seq = head->checkpoint_seq,
    };
    TRY(audit_head_mac(key, &sealed, mac));
    *ret_as_sealed = log->has_mac && secret_equal(mac, log->mac, sizeof(mac));
    return TKR_OK;
}

/* With the key: its own signatures are trusted, and the head must be the one that it sealed. */
static tkr_error_t use_key(struct walk *walk)
{
    bool as_sealed = false;
    if (walk->key == NULL) {
        return TKR_OK;
    }
    TRY(audit_verifier_trust(&walk->verifier, seal_key_public(walk->key)));
    TRY(check_seal(&walk->log, walk->key, &as_sealed));
    if (!as_sealed) {
        uint64_t seq = walk->log.head.seq;
        audit_verifier_tell(&walk->verifier, AUDIT_NOT_AS_SEALED, seq, seq);
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
        if (!walk->archives_begun || check->kept[i].seq >= walk->log.head.first_seq) {
            TRY(audit_verifier_expect(&walk->verifier, &check->kept[i]));
        }
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

/* What comes in while this reads is left for the next time. */
static tkr_error_t walk_log(struct walk *walk)
{
    const struct store_port *store = walk->store;
    const struct store_head *head = &walk->log.head;
    audit_verifier_init(&walk->verifier, walk->log.store_id, head->first_seq, head->base, found,
                        walk);
    TRY(use_key(walk));
    TRY(expect_all(walk));
    TRY(store->audit.each_event(store->store, head->first_seq, head->seq, visit_event, walk));
    tell_strangers(walk);
    audit_verifier_end(&walk->verifier, head->seq, head->digest);
    return walk->moved ? TKR_BUSY : TKR_OK;
}

static tkr_error_t read_log(const struct store_port *store, const char *data,
                            struct store_log *ret_log, struct fault *fault)
{
    tkr_error_t error = store->audit.read_log(store->store, ret_log);
    if (error == TKR_NOT_FOUND) {
        return fault_set(fault, TKR_CORRUPT, "",
                         "%s: it is not written where the audit log begins, which every daemon "
                         "writes when it starts: somebody took it away",
                         data);
    }
    return error;
}

static tkr_error_t walk_archives(struct walk *walk, struct audit_log_result *result,
                                 struct fault *fault)
{
    const uint8_t *key = walk->key != NULL ? seal_key_public(walk->key) : NULL;
    struct audit_archives archives CLEANUP(audit_archives_deinit);
    TRY(audit_archives_init(&archives, walk->check, key));
    TRY(audit_archives_read(&archives, &walk->log, fault));
    walk->archives_begun = archives.copy.begun;
    result->archives = archives.files;
    result->archived_events = archives.copy.verifier.events;
    result->checkpoints = archives.copy.verifier.checkpoints;
    result->findings = archives.findings;
    return TKR_OK;
}

static tkr_error_t walk_all(struct walk *walk, struct audit_log_result *result, struct fault *fault)
{
    walk->moved = false;
    TRY(read_log(walk->store, walk->check->data, &walk->log, fault));
    if (walk->check->archives != NULL) {
        TRY(walk_archives(walk, result, fault));
    }
    TRY(walk_log(walk));
    result->first_seq = walk->log.head.first_seq;
    result->head_seq = walk->log.head.seq;
    result->events = walk->verifier.events;
    result->checkpoints += walk->verifier.checkpoints;
    result->findings += walk->verifier.findings;
    result->sealed = walk->key != NULL;
    result->left = walk->verifier.left && walk->check->archives == NULL;
    result->early = walk->verifier.early;
    return TKR_OK;
}

/* --- a copy ----------------------------------------------------------------------------------- */

static tkr_error_t look_at_copy(const struct audit_log_check *check,
                                struct audit_log_result *result, struct fault *fault)
{
    struct audit_archives archives CLEANUP(audit_archives_deinit);
    TRY(audit_archives_init(&archives, check, NULL));
    TRY(audit_archives_read_file(&archives, check->file, fault));
    const struct audit_verifier *verifier = &archives.copy.verifier;
    *result = (struct audit_log_result){
        .first_seq = verifier->first_seq,
        .head_seq = verifier->next_seq - 1,
        .events = verifier->events,
        .checkpoints = verifier->checkpoints,
        .findings = archives.findings,
        .signed_seq = archives.copy.signed_seq,
    };
    return TKR_OK;
}

/* An error that has no words of its own yet. */
static tkr_error_t told(tkr_error_t error, const char *what, struct fault *fault)
{
    return error == TKR_OK || (fault != NULL && fault->error == error)
               ? error
               : fault_set(fault, error, "", "%s: reading the audit log: %s", what,
                           tkr_error_text(error));
}

static tkr_error_t look(const struct store_port *store, const char *data, const char *key_file,
                        struct audit_log_head *ret_head, struct fault *fault)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = NULL;
    struct store_log log;
    bool is_new = false;
    TRY(audit_key_open(key_file, NULL, &key, &is_new, fault));
    TRY(read_log(store, data, &log, fault));
    *ret_head = (struct audit_log_head){.seq = log.head.seq,
                                        .checkpoint_seq = log.head.checkpoint_seq,
                                        .checkpoint_at_ms = log.head.checkpoint_at_ms};
    return check_seal(&log, key, &ret_head->as_sealed);
}

tkr_error_t audit_log_look(const char *data, const char *key_file, struct audit_log_head *ret_head,
                           struct fault *fault)
{
    struct store_port store = {0};
    TRY(wire_open_store_to_read(data, &store, fault));
    tkr_error_t error = look(&store, data, key_file, ret_head, fault);
    wire_close_store(&store);
    return told(error, data, fault);
}

tkr_error_t audit_log_verify(const struct audit_log_check *check,
                             struct audit_log_result *ret_result, struct fault *fault)
{
    struct audit_log_result result = {0};
    struct store_port store = {0};
    bool is_new = false;
    if (check->file != NULL) {
        return told(look_at_copy(check, ret_result, fault), check->file, fault);
    }
    struct walk walk CLEANUP(release) = {.check = check, .store = &store};
    if (check->key_file != NULL) {
        TRY(audit_key_open(check->key_file, NULL, &walk.key, &is_new, fault));
    }
    TRY(wire_open_store_to_read(check->data, &store, fault));
    tkr_error_t error;
    int tries = 0;
    do {
        audit_verifier_deinit(&walk.verifier);
        result = (struct audit_log_result){0};
        error = walk_all(&walk, &result, fault);
    } while (error == TKR_BUSY && walk.moved && ++tries < TRIES_MAX);
    wire_close_store(&store);
    TRY(told(error, check->data, fault));
    *ret_result = result;
    return TKR_OK;
}
