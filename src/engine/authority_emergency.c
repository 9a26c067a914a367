/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emergency revocation, by epoch and not by loop.
 *
 *     one row in the store ──▶ one entry in the segment ──▶ answered
 *                                                          │
 *       later, in slices: rows revoked, records flagged ◀──┘   "settling"
 *                                │
 *       the entry leaves the segment; the row stays for the record
 *
 * The epoch says: what was born up to this moment, and is of this org, user or kind, is revoked.
 * A verification holds the time in the token's id against it, so a million tokens are refused
 * as soon as the entry is there. A token that is made after it is born after it, by
 * token_give_birth, also in the same millisecond and also when it was asked for before.
 *
 * Until it is settled the rows of the tokens do not say that they are revoked. Everybody who
 * reads one from the store asks epochs_overlay (not on the writer thread: with what was pending
 * before the reading, epochs_note); lists are told by filter->epochs_pending.
 *
 * A slice that committed and could not flag its records (a crash between the two) is no hole:
 * the store is ahead of the segment then, which is built anew at the next start.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- what is pending ----------------------------------------------------------------------- */

int64_t epochs_newest_ms(const struct authority *authority)
{
    return atomic_load(&authority->epochs.newest_ms);
}

bool epochs_pending(struct authority *authority)
{
    pthread_mutex_lock(&authority->epochs.mutex);
    bool pending = authority->epochs.count > 0;
    pthread_mutex_unlock(&authority->epochs.mutex);
    return pending;
}

static bool same_or_all(const char *mine, const char *theirs)
{
    return mine == NULL || strcmp(mine, theirs) == 0;
}

static bool covers(const struct store_epoch *epoch, const struct token *token, int64_t born_ms)
{
    return born_ms <= epoch->at_ms && same_or_all(epoch->org_id, token->org_id) &&
           same_or_all(epoch->user_id, token->user_id) &&
           (!epoch->has_kind || epoch->kind == token->kind);
}

static void overlay(const struct pending_epoch *pending, size_t count, struct token *token)
{
    uint8_t id[TOKEN_ID_BYTES];
    if (token->revoked_at_ms != 0 || token_id_parse(token->id, TOKEN_ID_CHARS, id) != TKR_OK) {
        return;
    }
    int64_t born_ms = token_id_ms(id);
    born_ms = token->spared_at_ms > born_ms ? token->spared_at_ms : born_ms;
    for (size_t i = 0; i < count; i++) {
        const struct store_epoch *epoch = &pending[i].epoch;
        if (covers(epoch, token, born_ms)) {
            token->revoked_at_ms = epoch->at_ms;
            token->revoke_reason = EMERGENCY_REASON; /* its own goes away when it is settled */
            return;
        }
    }
}

void epochs_overlay(struct authority *authority, struct token *token)
{
    overlay(authority->epochs.pending, authority->epochs.count, token);
}

void epochs_overlay_noted(const struct epochs_noted *noted, struct token *token)
{
    overlay(noted->pending, noted->count, token);
}

static const char *keep(char **end, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    char *copy = *end;
    *end = stpcpy(copy, text) + 1;
    return copy;
}

static void remember(struct epochs *epochs, const struct store_epoch *epoch)
{
    pthread_mutex_lock(&epochs->mutex);
    ASSERT(epochs->count < SEGMENT_EPOCHS_MAX);
    struct pending_epoch *pending = &epochs->pending[epochs->count++];
    char *end = pending->texts;
    pending->epoch = *epoch;
    pending->epoch.org_id = keep(&end, epoch->org_id);
    pending->epoch.user_id = keep(&end, epoch->user_id);
    pending->epoch.reason = NULL;
    pthread_mutex_unlock(&epochs->mutex);
    if (epoch->at_ms > atomic_load(&epochs->newest_ms)) {
        atomic_store(&epochs->newest_ms, epoch->at_ms);
    }
}

/* The pointers into `texts` move along. */
static void move(struct pending_epoch *to, const struct pending_epoch *from)
{
    *to = *from;
    if (from->epoch.org_id != NULL) {
        to->epoch.org_id = to->texts + (from->epoch.org_id - from->texts);
    }
    if (from->epoch.user_id != NULL) {
        to->epoch.user_id = to->texts + (from->epoch.user_id - from->texts);
    }
}

void epochs_note(struct authority *authority, struct epochs_noted *ret_noted)
{
    struct epochs *epochs = &authority->epochs;
    pthread_mutex_lock(&epochs->mutex);
    ret_noted->count = epochs->count;
    for (size_t i = 0; i < epochs->count; i++) {
        move(&ret_noted->pending[i], &epochs->pending[i]);
    }
    pthread_mutex_unlock(&epochs->mutex);
}

static void forget_first(struct epochs *epochs)
{
    pthread_mutex_lock(&epochs->mutex);
    for (size_t i = 1; i < epochs->count; i++) {
        move(&epochs->pending[i - 1], &epochs->pending[i]);
    }
    epochs->count--;
    pthread_mutex_unlock(&epochs->mutex);
}

/* --- in the segment ------------------------------------------------------------------------ */

/* False: the org or user has nothing in the segment, so there is nothing to refuse. */
static bool resolve(struct authority *authority, const struct store_epoch *epoch,
                    struct segment_epoch *ret_epoch)
{
    uint16_t org = 0;
    *ret_epoch = (struct segment_epoch){
        .at_ms = epoch->at_ms,
        .org = SEGMENT_ANY,
        .user = SEGMENT_ANY,
        .kinds = epoch->has_kind ? (uint8_t)(1U << epoch->kind) : UINT8_MAX,
    };
    if (epoch->org_id == NULL) {
        return true;
    }
    if (segment_writer_find_org(authority->segment, epoch->org_id, strlen(epoch->org_id), &org) !=
        TKR_OK) {
        return false;
    }
    ret_epoch->org = org;
    return epoch->user_id == NULL ||
           segment_writer_find_user(authority->segment, org, epoch->user_id, strlen(epoch->user_id),
                                    &ret_epoch->user) == TKR_OK;
}

/* The writer thread alone writes what is pending, so it reads it without the mutex. */
static void show_epochs(struct authority *authority)
{
    struct segment_epoch shown[SEGMENT_EPOCHS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < authority->epochs.count; i++) {
        count += resolve(authority, &authority->epochs.pending[i].epoch, &shown[count]);
    }
    segment_writer_set_epochs(authority->segment, shown, count);
}

tkr_error_t epochs_load(struct authority *authority)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct store_epoch *epochs = NULL;
    size_t count = 0;
    int64_t newest_ms = 0;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    TRY(store->newest_epoch(store->store, &newest_ms));
    atomic_store(&authority->epochs.newest_ms, newest_ms);
    TRY(store->list_epochs(store->store, NULL, true, SEGMENT_EPOCHS_MAX, arena, &epochs, &count));
    authority->epochs.count = 0;         /* building may be tried again */
    for (size_t i = count; i > 0; i--) { /* the oldest first, as they came */
        remember(&authority->epochs, &epochs[i - 1]);
    }
    show_epochs(authority);
    return TKR_OK;
}

/* --- on the caller's thread ----------------------------------------------------------------- */

static tkr_error_t copy_emergency(struct authority *authority, const struct emergency *asked,
                                  struct change *change, struct fault *fault)
{
    struct emergency *emergency = &change->emergency;
    const char *org = asked->org_id != NULL ? asked->org_id : change->by.org_id;
    bool all = strcmp(org, "*") == 0 && asked->org_id != NULL;
    TRY(check_text(authority, "reason", asked->reason, REVOKE_REASON_BYTES_MAX, fault));
    if (strcmp(org, change->by.org_id) != 0 && !principal_is_global(&change->by)) {
        return fault_set(fault, TKR_FORBIDDEN, "org_id",
                         "only scope * reaches other organisations");
    }
    if (all && asked->user_id != NULL) {
        return fault_set(fault, TKR_INVALID, "user_id", "a user is of one organisation: name it");
    }
    *emergency = (struct emergency){
        .reason = arena_copy(change->arena, asked->reason, strlen(asked->reason)),
        .org_id = all ? NULL : arena_copy(change->arena, org, strlen(org)),
        .has_kind = asked->has_kind,
        .kind = asked->kind,
        .spare_caller = asked->spare_caller,
    };
    if (asked->user_id != NULL) {
        emergency->user_id = arena_copy(change->arena, asked->user_id, strlen(asked->user_id));
    }
    return arena_overflowed(change->arena) ? TKR_TOO_LARGE : TKR_OK;
}

tkr_error_t authority_emergency_revoke(struct authority *authority, const struct principal *by,
                                       const struct emergency *emergency, change_done done,
                                       void *context, struct fault *fault)
{
    struct change *change = NULL;
    TRY(change_new(authority, &change_emergency, by, done, context, &change, fault));
    tkr_error_t error = copy_emergency(authority, emergency, change, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

tkr_error_t authority_list_epochs(struct authority *authority, const struct principal *by,
                                  uint32_t limit, struct arena *arena,
                                  struct store_epoch **ret_epochs, size_t *ret_count)
{
    const struct store_port *store = authority->store;
    const char *org = principal_is_global(by) ? NULL : by->org_id;
    return store->list_epochs(store->store, org, false, limit, arena, ret_epochs, ret_count);
}

/* --- on the writer thread ------------------------------------------------------------------- */

/* The caller's token counts as born after the epoch, if that covers it at all. */
static tkr_error_t spare(struct authority *authority, struct change *change,
                         const struct store_epoch *epoch)
{
    const struct store_port *store = authority->store;
    struct emergency *emergency = &change->emergency;
    struct token token;
    if (!emergency->spare_caller || change->by.token_id[0] == '\0') {
        return TKR_OK;
    }
    TRY(change_read_current(authority, change, change->by.token_id, &token));
    if (token.revoked_at_ms != 0 || !covers(epoch, &token, 0)) {
        return TKR_OK;
    }
    token.spared_at_ms = epoch->at_ms + 1;
    token.updated_at_ms = epoch->at_ms;
    TRY(tiers_ensure_user(authority, change, &token, epoch->at_ms));
    struct store_event event = change_event(authority, change, &token, NULL);
    event.type = "token.spare";
    TRY(store->update_token(store->store, &token, &event));
    change->result.token = token;
    emergency->spared = true;
    return TKR_OK;
}

static struct store_event event_of(struct authority *authority, struct change *change,
                                   struct details *details)
{
    const struct emergency *emergency = &change->emergency;
    details_text(details, "reason", emergency->reason);
    details_text(details, "org_id", emergency->org_id);
    details_text(details, "user_id", emergency->user_id);
    details_text(details, "kind", emergency->has_kind ? token_kind_name(emergency->kind) : NULL);
    details_flag(details, "spare_caller", emergency->spare_caller);
    struct store_event event = change_event(authority, change, NULL, details_finish(details));
    event.user_id = emergency->user_id;
    return event;
}

static tkr_error_t revoke_all(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    struct emergency *emergency = &change->emergency;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    if (authority->epochs.count >= SEGMENT_EPOCHS_MAX) {
        return fault_set(&change->result.fault, TKR_BUSY, "",
                         "%d emergency revocations are being settled: try again in a second",
                         SEGMENT_EPOCHS_MAX);
    }
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    int64_t newest_ms = epochs_newest_ms(authority);
    struct store_epoch epoch = {
        .at_ms = now_ms > newest_ms ? now_ms : newest_ms + 1,
        .org_id = emergency->org_id,
        .user_id = emergency->user_id,
        .has_kind = emergency->has_kind,
        .kind = emergency->kind,
        .reason = emergency->reason,
    };
    struct store_event event = event_of(authority, change, &details);
    TRY(store->put_epoch(store->store, &epoch, &event));
    TRY(spare(authority, change, &epoch));
    emergency->number = epoch.number;
    emergency->at_ms = epoch.at_ms;
    change->result.emergency = emergency;
    change->changed = true;
    change->epoch = epoch;
    return TKR_OK;
}

static tkr_error_t apply_emergency(struct authority *authority, struct change *change)
{
    tkr_error_t error = change_apply_marked(authority, change, revoke_all);
    if (error == TKR_NOT_FOUND) {
        fault_set(&change->result.fault, error,
                  change->emergency.user_id != NULL ? "user_id" : "org_id",
                  "there is none of this name");
    }
    return error;
}

/* Who is spared is shown first, so that there is no moment in which they are refused. The epoch
 * itself needs no space. */
static tkr_error_t show_emergency(struct authority *authority, struct change *change)
{
    tkr_error_t error = TKR_OK;
    if (change->emergency.spared) {
        error = show_token(authority, &change->result.token, &change->user);
    }
    remember(&authority->epochs, &change->epoch);
    show_epochs(authority);
    return error;
}

const struct change_kind change_emergency = {"emergency.revoke", apply_emergency, show_emergency};

/* --- settling --------------------------------------------------------------------------------- */

struct settled {
    uint8_t digests[EMERGENCY_SETTLE_ROWS][TOKEN_DIGEST_BYTES];
    size_t count;
};

static tkr_error_t collect(void *context, const uint8_t digest[TOKEN_DIGEST_BYTES])
{
    struct settled *settled = context;
    ASSERT(settled->count < EMERGENCY_SETTLE_ROWS);
    memcpy(settled->digests[settled->count++], digest, TOKEN_DIGEST_BYTES);
    return TKR_OK;
}

static tkr_error_t settle_rows(struct authority *authority, struct settled *settled, bool *ret_last,
                               uint64_t *ret_seq)
{
    const struct store_port *store = authority->store;
    uint64_t number = authority->epochs.pending[0].epoch.number;
    settled->count = 0;
    TRY(store->begin(store->store));
    tkr_error_t error = store->settle_epoch(store->store, number, collect, settled, ret_last);
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    error = audit_commit(authority, ret_seq);
    if (error != TKR_OK && !writer_outcome_known(error)) {
        writer_refuse_changes(authority, error);
    }
    return error;
}

static void flag_records(struct authority *authority, const struct settled *settled)
{
    static const struct segment_adjustment revoked = {.set_flags = SEGMENT_TOKEN_REVOKED};
    for (size_t i = 0; i < settled->count; i++) {
        /* NOT_FOUND: it could not be shown, or was taken away; then nobody lets it in. */
        (void)!segment_writer_adjust_token(authority->segment, settled->digests[i], &revoked);
    }
}

static void note_outcome(struct authority *authority, tkr_error_t error)
{
    if (error != TKR_OK && !authority->epochs.settle_failed) {
        authority_report(authority, LOG_WARNING, "settle_failed",
                         "%s: an emergency revocation is not written into its rows yet; its tokens "
                         "are refused all the same",
                         tkr_error_name(error));
    }
    authority->epochs.settle_failed = error != TKR_OK;
}

bool epochs_settle_slice(struct authority *authority)
{
    struct settled settled; /* 64 KiB */
    struct epochs *epochs = &authority->epochs;
    bool last = false;
    uint64_t seq = 0;
    if (epochs->count == 0 || !atomic_load(&authority->changes_accepted)) {
        return false;
    }
    tkr_error_t error = settle_rows(authority, &settled, &last, &seq);
    note_outcome(authority, error);
    if (error != TKR_OK) {
        return false; /* the next flush tries again */
    }
    segment_writer_begin(authority->segment);
    flag_records(authority, &settled);
    if (last) {
        forget_first(epochs);
        show_epochs(authority);
    }
    writer_shown(authority, seq);
    return epochs->count > 0;
}
