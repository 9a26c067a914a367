/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation: a successor takes the place of a token, which lives on for a while beside it.
 *
 *     V1 ──rotate──▶ V1 (until grace_until) + V2 ──rotate──▶ V2 (until …) + V3
 *            V1 ◀──rollback── V2 (ends)
 *
 * All versions have one lineage: one usage line, so that windows, totals and credits neither
 * start anew nor count twice while two versions are in use. Exactly one version is current;
 * every other names the one that took its place (replaced_by). The end of an overlap is the
 * predecessor's expiry, so verification knows nothing of rotation, and no job has to run in
 * time for a token to end.
 *
 * The successor is shown before the predecessor is cut short, and at a rollback the predecessor
 * before the successor ends: there is no moment in which neither works.
 *
 * From the first rotation on each version also has a line of its own, which tells when this
 * version was last used: that is how one knows that the predecessor can go.
 */
#include <string.h>

#include "base/secret.h"
#include "crypto/digest.h"
#include "engine/authority_internal.h"

static const char rolled_back[] = "rolled back";

/* --- on the caller's thread -------------------------------------------------------------- */

static tkr_error_t check_grace(int64_t grace_ms, struct fault *fault)
{
    if (grace_ms < 0 || grace_ms > ROTATION_GRACE_S_MAX * INT64_C(1000)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "grace", "must be 0 to %d days",
                         ROTATION_GRACE_S_MAX / 86400);
    }
    return TKR_OK;
}

/* As with an update (change_check_bound): a token is bound by an end that it was set. */
static bool is_own(const struct change *change, const struct token *token)
{
    return strcmp(change->by.token_id, token->id) == 0 && !principal_is_global(&change->by);
}

static tkr_error_t prepare_rotate(struct authority *authority, const char *token_id,
                                  const struct token_rotate *rotate, struct change *change,
                                  struct fault *fault)
{
    struct token_create made = {
        .env = TOKEN_ENV_LIVE, /* of the predecessor, on the writer's thread */
        .chosen = rotate->chosen,
        .chosen_length = rotate->chosen_length,
        .force = rotate->force,
        .idempotency_key = rotate->idempotency_key,
    };
    memcpy(made.request_digest, rotate->request_digest, sizeof(made.request_digest));
    TRY(change_copy_id(token_id, change));
    TRY(change_copy_reason(authority, rotate->reason, change, fault));
    TRY(check_grace(rotate->grace_ms, fault));
    TRY(change_check_force(&change->by, &made, fault));
    if (rotate->idempotency_key != NULL) {
        TRY(check_text(authority, "Idempotency-Key", rotate->idempotency_key,
                       IDEMPOTENCY_KEY_BYTES_MAX, fault));
    }
    change->grace_ms = rotate->has_grace ? rotate->grace_ms : authority->options.rotation_grace_ms;
    change->update.has_expires = rotate->has_lifetime;
    change->update.lifetime = rotate->lifetime;
    change->if_version = rotate->if_version;
    change->scheduled = rotate->schedule_version != 0;
    change->step.version = rotate->schedule_version;
    change_copy_key(change, made.idempotency_key, made.request_digest);
    if (rotate->chosen != NULL) {
        TRY(change_make_text(authority, &made, change, fault));
    } else { /* which prefix it has is the predecessor's to say */
        change->plaintext = plaintexts_take(&authority->plaintexts);
        ENSURE(change->plaintext != NULL, TKR_BUSY);
    }
    return arena_overflowed(change->arena) ? TKR_TOO_LARGE : TKR_OK;
}

tkr_error_t authority_rotate_token(struct authority *authority, const struct principal *by,
                                   const char *token_id, const struct token_rotate *rotate,
                                   change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    if (atomic_load(&authority->segment_full)) {
        return fault_set(fault, TKR_NO_SPACE, "", "the runtime directory is full");
    }
    TRY(change_new(authority, &change_rotate, by, done, context, &change, fault));
    tkr_error_t error = prepare_rotate(authority, token_id, rotate, change, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

tkr_error_t authority_rollback_token(struct authority *authority, const struct principal *by,
                                     const char *token_id, int64_t grace_ms, change_done done,
                                     void *context, struct fault *fault)
{
    struct change *change = NULL;
    TRY(check_grace(grace_ms, fault));
    TRY(change_new(authority, &change_rollback, by, done, context, &change, fault));
    tkr_error_t error = change_copy_id(token_id, change);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    change->grace_ms = grace_ms;
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread: rotate -------------------------------------------------------- */

static tkr_error_t check_rotatable(struct change *change, const struct token *token)
{
    struct fault *fault = &change->result.fault;
    if (token->replaced_by[0] != '\0') {
        return fault_set(fault, TKR_CONFLICT, "", "it was rotated already: its successor is %s",
                         token->replaced_by);
    }
    if (token->revoked_at_ms != 0) {
        return fault_set(fault, TKR_CONFLICT, "", "the token is revoked");
    }
    /* Its successor would be neither. */
    if (token->disabled_at_ms != 0 || token->quarantined_at_ms != 0) {
        return fault_set(fault, TKR_CONFLICT, "", "the token is %s: restore it first",
                         token->disabled_at_ms != 0 ? "disabled" : "quarantined");
    }
    if (token->honeytoken) {
        return fault_set(fault, TKR_CONFLICT, "", "a honeytoken has no successor");
    }
    return change_check_source(change, token);
}

/* As long as the predecessor was given, unless something else is asked for. */
static struct lifetime_asked lifetime_of(const struct change *change, const struct token *token,
                                         int64_t now_ms)
{
    if (change->update.has_expires) {
        return change->update.lifetime;
    }
    int64_t given_ms = token->expires_at_ms - token->created_at_ms;
    return (struct lifetime_asked){
        .never = token->expires_at_ms == 0,
        .has_expires_at = token->expires_at_ms != 0,
        .expires_at_ms = now_ms + (given_ms > 1000 ? given_ms : 1000),
    };
}

/* The text of a successor that nobody chose. */
static tkr_error_t make_text(struct authority *authority, struct change *change, enum token_env env)
{
    if (change->chosen) {
        return TKR_OK;
    }
    struct token_create made = {.env = env};
    plaintexts_return(&authority->plaintexts, change->plaintext);
    change->plaintext = NULL;
    return change_make_text(authority, &made, change, &change->result.fault);
}

static tkr_error_t make_successor(struct authority *authority, struct change *change,
                                  const struct token *token, int64_t now_ms,
                                  struct token *ret_successor)
{
    struct token successor = *token;
    struct lifetime_asked lifetime = lifetime_of(change, token, now_ms);
    TRY(make_text(authority, change, token->env));
    successor.display_prefix = change->asked.display_prefix;
    memcpy(successor.digest, change->asked.digest, sizeof(successor.digest));
    TRY(token_give_birth(authority, now_ms, &successor));
    memcpy(successor.rotated_from, token->id, sizeof(successor.rotated_from));
    memcpy(successor.created_by, change->by.token_id, strlen(change->by.token_id) + 1);
    TRY(org_decide_expiry(authority, change, &successor, &lifetime, now_ms));
    successor.not_before_ms = token->not_before_ms > now_ms ? token->not_before_ms : 0;
    successor.source = change->chosen ? TOKEN_SOURCE_CHOSEN : TOKEN_SOURCE_MADE;
    successor.spared_at_ms = 0;
    successor.has_version_line = true;
    successor.version_line = SEGMENT_NO_LINE;
    successor.version_count = 0;
    successor.last_used_at_ms = 0;
    *ret_successor = successor;
    return TKR_OK;
}

/* Ends after the overlap, unless it ends before by itself. */
static void begin_grace(struct token *token, int64_t now_ms, int64_t grace_ms)
{
    token->grace_until_ms = now_ms + grace_ms;
    token->expires_ungraced_ms = token->expires_at_ms;
    if (token->expires_at_ms == 0 || token->expires_at_ms > token->grace_until_ms) {
        token->expires_at_ms = token->grace_until_ms;
    }
    token->updated_at_ms = now_ms;
}

static void retire(struct token *token, const char *replaced_by, int64_t now_ms, int64_t grace_ms)
{
    memcpy(token->replaced_by, replaced_by, sizeof(token->replaced_by));
    begin_grace(token, now_ms, grace_ms);
    if (!token->has_version_line) {
        token->has_version_line = true;
        token->version_line = SEGMENT_NO_LINE;
    }
}

static tkr_error_t store_rotation(struct authority *authority, struct change *change,
                                  struct token *successor, struct token *token)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details made;
    CLEANUP(details_deinit) struct details retired;
    details_init(&made);
    details_init(&retired);
    details_text(&made, "rotated_from", token->id);
    details_time(&made, "expires_at", successor->expires_at_ms);
    details_flag(&made, "chosen", change->chosen);
    details_flag(&made, "forced", change->result.weak);
    details_text(&retired, "replaced_by", successor->id);
    details_time(&retired, "grace_until", token->grace_until_ms);
    details_text(&retired, "reason", change->reason);
    struct store_event event = change_event(authority, change, successor, details_finish(&made));
    event.type = "token.create";
    TRY(store->insert_token(store->store, successor, &event));
    event = change_event(authority, change, token, details_finish(&retired));
    TRY(store->update_token(store->store, token, &event));
    if (change->idempotency_key != NULL) {
        TRY(store->put_idempotency(store->store, change->by.org_id, change->idempotency_key,
                                   change->request_digest, successor->id,
                                   successor->created_at_ms));
    }
    return TKR_OK;
}

/* No version outlives its successor: neither this one nor those that live on beside it. */
static tkr_error_t end_by_successor(struct authority *authority, struct change *change,
                                    const struct token *token, const struct token *successor)
{
    if (successor->expires_at_ms == 0) {
        return TKR_OK;
    }
    int64_t left_ms = successor->expires_at_ms - successor->created_at_ms;
    change->grace_ms = change->grace_ms < left_ms ? change->grace_ms : left_ms;
    return lineage_follow(authority, change, token, successor);
}

static tkr_error_t rotate(struct authority *authority, struct change *change)
{
    struct token successor;
    struct token *token = arena_alloc(change->arena, sizeof(*token));
    ENSURE(token != NULL, TKR_MEMORY);
    TRY(change_read_current(authority, change, change->asked.id, token));
    TRY(change_check_reach(change, token));
    TRY(change_check_version(change, token));
    if (change->update.has_expires) {
        TRY(change_check_bound(authority, change, token, BOUND_BY_CONFIGURATION, "expires_at"));
    }
    TRY(check_rotatable(change, token));
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    TRY(lineage_check_room(authority, change, token, now_ms));
    TRY(make_successor(authority, change, token, now_ms, &successor));
    change->version_is_new = !token->has_version_line;
    TRY(end_by_successor(authority, change, token, &successor));
    retire(token, successor.id, now_ms, change->grace_ms);
    TRY(tiers_ensure_user(authority, change, token, now_ms));
    TRY(store_rotation(authority, change, &successor, token));
    if (change->scheduled) {
        TRY(rotation_note_begin(authority, change, &successor));
    }
    change->result.token = successor;
    change->result.plaintext = change->plaintext != NULL ? change->plaintext->text : NULL;
    change->result.predecessor = token;
    change->other = token;
    change->other_denies = token->expires_at_ms <= now_ms;
    change->changed = true;
    return TKR_OK;
}

static tkr_error_t apply_rotate(struct authority *authority, struct change *change)
{
    bool replayed = false;
    TRY(change_replay(authority, change, &replayed));
    return replayed ? TKR_OK : change_apply_marked(authority, change, rotate);
}

/* The line of the predecessor's version begins with what the lineage counted: until now that
 * was the predecessor alone. */
static tkr_error_t seed_version(struct authority *authority, const struct change *change)
{
    const struct token *token = change->other;
    uint64_t total = 0;
    int64_t last_used_ms = 0;
    if (!change->version_is_new) {
        return TKR_OK;
    }
    segment_writer_read_line(authority->segment, token->line, &total, &last_used_ms);
    TRY(segment_writer_seed_line(authority->segment, token->version_line, total, last_used_ms));
    segment_writer_mark_line(authority->segment, token->version_line); /* it may never be used */
    return TKR_OK;
}

static tkr_error_t show_rotate(struct authority *authority, struct change *change)
{
    TRY(seed_version(authority, change));
    TRY(show_token(authority, &change->result.token, &change->user));
    return show_token(authority, change->other, &change->user);
}

const struct change_kind change_rotate = {"token.rotate", apply_rotate, show_rotate};

/* --- rollback ---------------------------------------------------------------------------- */

/* Of the two, named by either: the successor, which is current, and the one before it. */
static tkr_error_t read_both(struct authority *authority, struct change *change,
                             struct token *ret_successor, struct token *ret_token)
{
    struct fault *fault = &change->result.fault;
    struct token named;
    TRY(change_read_current(authority, change, change->asked.id, &named));
    const char *other = named.replaced_by[0] != '\0' ? named.replaced_by : named.rotated_from;
    if (other[0] == '\0') {
        return fault_set(fault, TKR_CONFLICT, "", "the token was never rotated");
    }
    struct token second;
    tkr_error_t error = change_read_current(authority, change, other, &second);
    if (error == TKR_NOT_FOUND) { /* the one that was named is there all the same */
        return fault_set(fault, TKR_CONFLICT, "", "%s ended and was cleaned away", other);
    }
    TRY(error);
    bool named_is_successor = other == named.rotated_from;
    *ret_successor = named_is_successor ? named : second;
    *ret_token = named_is_successor ? second : named;
    return TKR_OK;
}

static tkr_error_t check_overlap(struct change *change, const struct token *successor,
                                 const struct token *token, int64_t now_ms)
{
    struct fault *fault = &change->result.fault;
    if (strcmp(token->replaced_by, successor->id) != 0 || successor->replaced_by[0] != '\0') {
        return fault_set(fault, TKR_CONFLICT, "", "%s is not what came before the current version",
                         token->id);
    }
    if (token->revoked_at_ms != 0) {
        return fault_set(fault, TKR_CONFLICT, "", "the predecessor %s is revoked", token->id);
    }
    if (token->expires_at_ms <= now_ms) {
        return fault_set(fault, TKR_CONFLICT, "", "the overlap is over: %s has ended", token->id);
    }
    return TKR_OK;
}

static void make_current(struct token *token, int64_t now_ms)
{
    token->replaced_by[0] = '\0';
    token->expires_at_ms = token->expires_ungraced_ms;
    token->expires_ungraced_ms = 0;
    token->grace_until_ms = 0;
    token->updated_at_ms = now_ms;
}

/* At once is for good; with an overlap it may still be in use somewhere. */
static void end_successor(struct token *successor, const char *replaced_by, int64_t now_ms,
                          int64_t grace_ms)
{
    if (grace_ms > 0) {
        retire(successor, replaced_by, now_ms, grace_ms);
        return;
    }
    memcpy(successor->replaced_by, replaced_by, sizeof(successor->replaced_by));
    successor->updated_at_ms = now_ms;
    if (successor->revoked_at_ms == 0) {
        successor->revoked_at_ms = now_ms;
        successor->revoke_reason = rolled_back;
    }
}

static tkr_error_t store_rollback_of(struct authority *authority, struct change *change,
                                     struct token *successor, struct token *token)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    CLEANUP(details_deinit) struct details ended;
    details_init(&details);
    details_init(&ended);
    details_text(&details, "instead_of", successor->id);
    details_time(&details, "expires_at", token->expires_at_ms);
    struct store_event event = change_event(authority, change, token, details_finish(&details));
    TRY(store->update_token(store->store, token, &event));
    details_text(&ended, "replaced_by", token->id);
    details_time(&ended, "grace_until", successor->grace_until_ms);
    details_text(&ended, "reason", successor->revoke_reason);
    event = change_event(authority, change, successor, details_finish(&ended));
    event.type = successor->revoked_at_ms != 0 ? "token.revoke" : "token.update";
    return store->update_token(store->store, successor, &event);
}

/* Somebody who rolls back says how long the successor lives on. By itself it is as long as what
 * takes its place. */
static int64_t grace_of_successor(const struct change *change, const struct token *token,
                                  int64_t now_ms)
{
    int64_t left_ms = token->expires_at_ms - now_ms;
    bool longer = token->expires_at_ms != 0 && change->grace_ms > left_ms;
    return longer && change->kind == &change_undelivered ? left_ms : change->grace_ms;
}

tkr_error_t rotation_roll_back(struct authority *authority, struct change *change)
{
    struct token token;
    struct token *successor = arena_alloc(change->arena, sizeof(*successor));
    ENSURE(successor != NULL, TKR_MEMORY);
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    TRY(read_both(authority, change, successor, &token));
    TRY(change_check_reach(change, &token));
    TRY(check_overlap(change, successor, &token, now_ms));
    if (is_own(change, &token)) {
        return fault_set(&change->result.fault, TKR_FORBIDDEN, "",
                         "a token that was rotated cannot make itself the current version");
    }
    make_current(&token, now_ms);
    end_successor(successor, token.id, now_ms, grace_of_successor(change, &token, now_ms));
    TRY(tiers_ensure_user(authority, change, &token, now_ms));
    TRY(store_rollback_of(authority, change, successor, &token));
    change->result.token = token;
    change->other = successor;
    change->other_denies = successor->revoked_at_ms != 0;
    change->changed = true;
    return TKR_OK;
}

static tkr_error_t apply_rollback(struct authority *authority, struct change *change)
{
    return change_apply_marked(authority, change, rotation_roll_back);
}

tkr_error_t show_rollback(struct authority *authority, struct change *change)
{
    TRY(show_token(authority, &change->result.token, &change->user));
    return show_token(authority, change->other, &change->user);
}

const struct change_kind change_rollback = {"token.rollback", apply_rollback, show_rollback};

/* --- the end of a quiet predecessor ------------------------------------------------------- */

static tkr_error_t apply_end_grace(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct token token;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    TRY(change_read_current(authority, change, change->asked.id, &token));
    if (token.grace_until_ms <= now_ms || token.revoked_at_ms != 0) {
        change->result.token = token; /* it ended, or came back, meanwhile */
        return TKR_OK;
    }
    token.expires_at_ms = token.expires_ungraced_ms;
    begin_grace(&token, now_ms, 0);
    TRY(tiers_ensure_user(authority, change, &token, now_ms));
    details_text(&details, "reason", change->reason);
    details_text(&details, "replaced_by", token.replaced_by);
    struct store_event event = change_event(authority, change, &token, details_finish(&details));
    TRY(store->update_token(store->store, &token, &event));
    change->result.token = token;
    change->changed = true;
    change->denies = true;
    return TKR_OK;
}

static tkr_error_t show_end_grace(struct authority *authority, struct change *change)
{
    return show_token(authority, &change->result.token, &change->user);
}

const struct change_kind change_end_grace = {"token.end_grace", apply_end_grace, show_end_grace};
