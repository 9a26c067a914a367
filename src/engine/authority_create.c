/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating a token. All that does not depend on what is stored happens on the caller's thread:
 * checks, the random text, its digest. The writer thread looks up the Idempotency-Key and what the
 * organisation, the role and the user say, makes the user if it is new, and inserts.
 */
#include <string.h>

#include "base/secret.h"
#include "crypto/digest.h"
#include "engine/authority_internal.h"
#include "policy/scopes.h"
#include "token/token_strength.h"

/* --- on the caller's thread -------------------------------------------------------------- */

/* The kind is told to whoever verifies, and chooses the lifetime policy: no label that a lesser
 * token may print. */
tkr_error_t check_kind(const struct principal *by, enum token_kind kind, struct fault *fault)
{
    if (kind == TOKEN_KIND_ADMIN && !principal_is_global(by)) {
        return fault_set(fault, TKR_FORBIDDEN, "kind", "only scope * makes admin tokens");
    }
    return TKR_OK;
}

static tkr_error_t check_create(const struct authority *authority,
                                const struct token_create *create, struct fault *fault)
{
    ENSURE((unsigned)create->kind <= TOKEN_KIND_ADMIN, TKR_INVALID);
    ENSURE((unsigned)create->env <= TOKEN_ENV_TEST, TKR_INVALID);
    TRY(check_text(authority, "user_id", create->user_id, USER_ID_BYTES_MAX, fault));
    TRY(check_text(authority, "name", create->name, TOKEN_NAME_BYTES_MAX, fault));
    TRY(limits_check(&create->overrides, authority->options.window_kinds, fault));
    TRY(check_networks(create->allowed_ip_count, fault));
    if (create->credits != NULL) {
        TRY(credits_check(create->credits, fault));
    }
    TRY(check_metadata(authority, create->metadata, fault));
    if (create->idempotency_key != NULL) {
        TRY(check_text(authority, "Idempotency-Key", create->idempotency_key,
                       IDEMPOTENCY_KEY_BYTES_MAX, fault));
    }
    return TKR_OK;
}

tkr_error_t check_tier_exists(struct authority *authority, const char *name, struct fault *fault)
{
    struct known_tier tier;
    if (name != NULL && tiers_find(authority, name, &tier) != TKR_OK) {
        return fault_set(fault, TKR_NOT_FOUND, "tier", "there is no such tier");
    }
    return TKR_OK;
}

/*
 * A token that somebody thought up is guessed, whatever the limits say: the store keeps a digest
 * without salt, and a copy of it can be tried in peace. Who has every scope may take it all the
 * same, for a client that cannot be changed yet; the answer and the audit event say so.
 */
static tkr_error_t check_strength(const struct token_create *create, struct change *change,
                                  struct fault *fault)
{
    const char *about[] = {create->user_id, create->name}; /* a rotation knows them later */
    struct token_strength strength = token_strength(create->chosen, create->chosen_length, about,
                                                    create->user_id != NULL ? 2 : 0);
    change->result.weak = strength.weakness != TOKEN_STRONG;
    if (change->result.weak && !create->force) {
        return fault_set(fault, TKR_INVALID, "token",
                         "is too weak: it %s. `openssl rand -hex 32` makes a good one",
                         token_weakness_text(strength.weakness));
    }
    return TKR_OK;
}

tkr_error_t change_check_force(const struct principal *by, const struct token_create *create,
                               struct fault *fault)
{
    if (create->force && create->chosen == NULL) {
        return fault_set(fault, TKR_INVALID, "force", "is for a token that you chose");
    }
    if (create->force && !principal_is_global(by)) {
        return fault_set(fault, TKR_FORBIDDEN, "force", "only scope * takes a weak token");
    }
    return TKR_OK;
}

/* The token's text: chosen by the caller, or made here and kept for the answer. */
tkr_error_t change_make_text(struct authority *authority, const struct token_create *create,
                             struct change *change, struct fault *fault)
{
    const struct token_prefixes *prefixes = &authority->options.prefixes;
    const char *text = create->chosen;
    size_t length = create->chosen_length;
    char display[TOKEN_DISPLAY_BYTES_MAX + 1];
    if (text != NULL) {
        if (token_shape(prefixes, text, length) == TOKEN_SHAPE_BAD) {
            return fault_set(fault, TKR_INVALID, "token",
                             "must be %d to %d visible ASCII characters", TOKEN_TEXT_BYTES_MIN,
                             TOKEN_TEXT_BYTES_MAX);
        }
        TRY(check_strength(create, change, fault));
        change->chosen = true;
    } else {
        change->plaintext = plaintexts_take(&authority->plaintexts);
        ENSURE(change->plaintext != NULL, TKR_BUSY);
        bool test = create->env == TOKEN_ENV_TEST;
        TRY(token_generate(authority->options.random, test ? prefixes->test : prefixes->live,
                           change->plaintext->text));
        text = change->plaintext->text;
        length = strlen(text);
    }
    token_display_prefix(prefixes, text, length, display);
    change->asked.display_prefix = arena_copy(change->arena, display, strlen(display));
    return digest_sha256(text, length, change->asked.digest);
}

static const char *copied(struct arena *arena, const char *text)
{
    return text != NULL ? arena_copy(arena, text, strlen(text)) : NULL;
}

static void copy_networks(struct change *change, const struct cidr *networks, size_t count)
{
    struct cidr *copy = count > 0 ? arena_alloc(change->arena, count * sizeof(*copy)) : NULL;
    if (copy != NULL) {
        memcpy(copy, networks, count * sizeof(*copy));
    }
    change->asked.allowed_ips = copy;
    change->asked.allowed_ip_count = count;
}

static tkr_error_t prepare(struct authority *authority, const struct token_create *create,
                           struct change *change, struct fault *fault)
{
    struct token *token = &change->asked;
    const char *org = NULL;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    TRY(check_create(authority, create, fault));
    TRY(check_kind(&change->by, create->kind, fault));
    TRY(change_check_force(&change->by, create, fault));
    TRY(check_org(authority, &change->by, create->org_id, &org, fault));
    TRY(check_tier_exists(authority, create->tier, fault));
    TRY(check_scopes(authority, &change->by, create->scopes, create->scope_count, change->arena,
                     &token->scopes, fault));
    TRY(change_make_text(authority, create, change, fault));
    token->org_id = copied(change->arena, org);
    token->user_id = copied(change->arena, create->user_id);
    token->name = copied(change->arena, create->name);
    token->kind = create->kind;
    token->env = create->env;
    token->tier = copied(change->arena, create->tier);
    token->tier_inherited = create->tier == NULL;
    token->role = copied(change->arena, create->role);
    token->own_scopes = token->role != NULL ? token->scopes : NULL;
    change->lifetime = create->lifetime;
    token->overrides = create->overrides;
    token->metadata = copied(change->arena, create->metadata != NULL ? create->metadata : "{}");
    token->not_before_ms = create->not_before_ms;
    token->created_at_ms = now_ms; /* anew when it is stored: see token_give_birth */
    token->line = SEGMENT_NO_LINE;
    token->source = create->adopted          ? TOKEN_SOURCE_ADOPTED
                    : create->chosen != NULL ? TOKEN_SOURCE_CHOSEN
                                             : TOKEN_SOURCE_MADE;
    memcpy(token->created_by, change->by.token_id, strlen(change->by.token_id) + 1);
    token->honeytoken = create->honeytoken;
    change->own = create->own;
    change->own_tier = create->own_tier;
    if (create->credits != NULL && !create->credits->unlimited) {
        change->credits = *create->credits;
        token->has_credit_line = true;
        token->credit_line = SEGMENT_NO_LINE;
    }
    copy_networks(change, create->allowed_ips, create->allowed_ip_count);
    change_copy_key(change, create->idempotency_key, create->request_digest);
    return arena_overflowed(change->arena) ? TKR_TOO_LARGE : TKR_OK;
}

tkr_error_t authority_create_token(struct authority *authority, const struct principal *by,
                                   const struct token_create *create, change_done done,
                                   void *context, struct fault *fault)
{
    struct change *change = NULL;
    if (atomic_load(&authority->segment_full)) {
        return fault_set(fault, TKR_NO_SPACE, "", "the runtime directory is full");
    }
    const struct change_kind *kind = create->adopted ? &change_adopt : &change_create;
    TRY(change_new(authority, kind, by, done, context, &change, fault));
    tkr_error_t error = prepare(authority, create, change, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

static const char *write_details(struct details *details, const struct change *change,
                                 const struct token *token)
{
    char limits[LIMITS_TEXT_SIZE];
    details_text(details, "kind", token_kind_name(token->kind));
    details_text(details, "env", token_env_name(token->env));
    details_text(details, "tier", token->tier);
    details_text(details, "scopes", token->scopes);
    details_text(details, "role", token->role);
    details_text(details, "limits", limits_format(&token->overrides, limits));
    details_time(details, "not_before", token->not_before_ms);
    details_time(details, "expires_at", token->expires_at_ms);
    if (token->has_credit_line) {
        details_count(details, "credits",
                      change->credits.operation == CREDITS_KEEP ? change->credits.refill
                                                                : change->credits.amount);
    }
    details_flag(details, "networks", token->allowed_ip_count > 0);
    details_flag(details, "chosen", change->chosen);
    details_flag(details, "honeytoken", token->honeytoken);
    details_flag(details, "forced", change->result.weak);
    details_flag(details, "clamped", change->result.clamped);
    return details_finish(details);
}

/* A stock that begins: with a refill alone, with one of it. */
static tkr_error_t give_credits(struct authority *authority, const struct change *change,
                                uint32_t line)
{
    const struct credits_asked *asked = &change->credits;
    enum credits_interval interval = asked->has_refill ? asked->interval : CREDITS_NO_REFILL;
    uint64_t remaining = asked->operation == CREDITS_KEEP ? asked->refill : asked->amount;
    struct store_credits credits = {
        .line = line,
        .allowance = credits_leaving(remaining, interval, (struct credits_amount){0, 0},
                                     segment_writer_now_ms(authority->segment)),
        .refill = interval == CREDITS_NO_REFILL ? 0 : asked->refill,
    };
    return credits_write(authority, &credits, NULL);
}

static tkr_error_t insert(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    struct token token = change->asked;
    TRY(token_give_birth(authority, segment_writer_now_ms(authority->segment), &token));
    memcpy(token.lineage_id, token.id, sizeof(token.lineage_id));
    TRY(org_decide_expiry(authority, change, &token, &change->lifetime, token.created_at_ms));
    own_key_cut(change, &token);
    TRY(check_validity(token.not_before_ms, token.expires_at_ms, &change->result.fault));
    TRY(role_join(authority, change, &token));
    TRY(tiers_ensure_user(authority, change, &token, token.created_at_ms));
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct store_event event =
        change_event(authority, change, &token, write_details(&details, change, &token));
    bool wants_credits = token.has_credit_line && token.credit_line == SEGMENT_NO_LINE;
    TRY(store->insert_token(store->store, &token, &event));
    if (wants_credits) { /* else it shares those of the token that makes it */
        TRY(give_credits(authority, change, token.credit_line));
    }
    if (change->kind != &change_adopt) { /* which is older than what was made here */
        TRY(org_replace_older(authority, change, &token));
    }
    if (change->idempotency_key != NULL) {
        TRY(store->put_idempotency(store->store, change->by.org_id, change->idempotency_key,
                                   change->request_digest, token.id, token.created_at_ms));
    }
    change->result.token = token;
    change->result.plaintext = change->plaintext != NULL ? change->plaintext->text : NULL;
    change->changed = true;
    return TKR_OK;
}

/* Only a chosen token can turn out to exist after its user was made; 256 random bits do not. */
static tkr_error_t apply_create(struct authority *authority, struct change *change)
{
    bool replayed = false;
    TRY(change_replay(authority, change, &replayed));
    if (replayed) {
        return TKR_OK;
    }
    if (change->own) {
        TRY(own_key_bound(authority, change));
    }
    return change->chosen ? change_apply_marked(authority, change, insert)
                          : insert(authority, change);
}

static tkr_error_t show_create(struct authority *authority, struct change *change)
{
    TRY(org_show_replaced(authority, change));
    return show_token(authority, &change->result.token, &change->user);
}

const struct change_kind change_create = {"token.create", apply_create, show_create};
const struct change_kind change_adopt = {"token.adopt", apply_create, show_create};
