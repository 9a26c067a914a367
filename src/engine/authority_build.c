/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment at start: taken over from the former authority when it says what the store says,
 * else built from the store.
 */
#include <string.h>
#include <unistd.h>

#include "engine/authority_internal.h"

/* Fewer tokens are not worth a second thread. */
#define TOKENS_FOR_WORKERS 20000
/* The store's own count sizes the segment. Should somebody have put rows in by hand, the
 * loader says so, and the next try has more room. */
#define BUILD_TRIES 4

struct build {
    struct authority *authority;
    struct segment_loader *loaders[STORE_LOAD_WORKERS_MAX];
};

/* --- what the store shows ---------------------------------------------------------------- */

static tkr_error_t load_tier(void *context, const struct tier *tier, uint16_t *ret_number)
{
    struct build *build = context;
    TRY(segment_writer_put_tier(build->authority->segment, tier, ret_number));
    return tiers_remember(build->authority, tier, *ret_number);
}

static tkr_error_t load_org(void *context, const char *id, size_t id_length, uint16_t *ret_number)
{
    struct build *build = context;
    return segment_writer_put_org(build->authority->segment, id, id_length, ret_number);
}

static tkr_error_t load_user(void *context, uint16_t org, const struct store_user *user,
                             uint32_t *ret_number)
{
    struct build *build = context;
    return segment_writer_put_user(build->authority->segment, org, user->id, strlen(user->id),
                                   user->suspended ? SEGMENT_USER_SUSPENDED : 0, user->line,
                                   &user->overrides, ret_number);
}

static tkr_error_t load_line(void *context, uint32_t line, const uint8_t *image, size_t bytes)
{
    struct build *build = context;
    return segment_writer_restore_line(build->authority->segment, line, image, bytes);
}

static tkr_error_t load_token(void *context, unsigned worker,
                              const struct store_loaded_token *loaded)
{
    struct build *build = context;
    struct segment_token token;
    TRY(segment_token_from(loaded->token, &token));
    token.user = loaded->user;
    token.tier = loaded->tier;
    if (build->loaders[worker] == NULL) { /* each worker is one thread */
        TRY(segment_loader_new(build->authority->segment, &build->loaders[worker]));
    }
    return segment_loader_put(build->loaders[worker], &token);
}

/* --- building ---------------------------------------------------------------------------- */

static unsigned count_workers(uint64_t tokens)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (tokens < TOKENS_FOR_WORKERS || processors < 2) {
        return 1;
    }
    return processors < STORE_LOAD_WORKERS_MAX ? (unsigned)processors : STORE_LOAD_WORKERS_MAX;
}

/* The usage file is not the authority's alone, and a former one may have been killed while it
 * held a charge: what may be used is what the store says. */
static tkr_error_t load_credits(void *context, const struct store_credits *credits)
{
    struct authority *authority = context;
    struct segment_credits shown = {credits->allowance, credits->refill};
    return segment_writer_put_credits(authority->segment, credits->line, &shown);
}

static tkr_error_t show_credits(struct authority *authority)
{
    return authority->store->load_credits(authority->store->store, load_credits, authority);
}

static tkr_error_t fill(struct authority *authority, const struct store_identity *identity,
                        bool with_lines, struct fault *fault)
{
    struct build build = {.authority = authority};
    struct store_loader loader = {&build, load_tier, load_org, load_user, load_line, load_token};
    TRY(segment_writer_reserve_lines(authority->segment, (uint32_t)identity->lines));
    tkr_error_t error = authority->store->load(authority->store->store, &loader,
                                               count_workers(identity->tokens), with_lines, fault);
    for (size_t i = 0; i < STORE_LOAD_WORKERS_MAX; i++) {
        tkr_error_t finished = segment_loader_finish(build.loaders[i]);
        error = error == TKR_OK ? finished : error;
    }
    TRY(error);
    TRY(show_credits(authority)); /* behind the lines, whose images have older ones */
    TRY(epochs_load(authority));  /* first: rows that are not settled say that they work */
    return segment_writer_publish(authority->segment, identity->seq);
}

static tkr_error_t build_once(struct authority *authority, const struct segment_options *options,
                              const struct store_identity *identity, struct fault *fault)
{
    bool usage_kept = false;
    TRY(segment_writer_create(options, identity->seq, &authority->segment, &usage_kept, fault));
    tkr_error_t error = fill(authority, identity, !usage_kept, fault);
    if (error == TKR_OK && !usage_kept && identity->lines > 0) {
        authority_report(authority, LOG_WARNING, "usage_restored",
                         "counts are as of the last flush: the usage file was not there");
    }
    if (error != TKR_OK) {
        segment_writer_close(authority->segment);
        authority->segment = NULL;
    }
    return error;
}

static tkr_error_t build(struct authority *authority, struct segment_options *options,
                         const struct store_identity *identity, struct fault *fault)
{
    tkr_error_t error = build_once(authority, options, identity, fault);
    for (int i = 1; i < BUILD_TRIES && error == TKR_CAPACITY; i++) {
        options->tokens_hint = options->tokens_hint * 2 + 1024;
        error = build_once(authority, options, identity, fault);
    }
    if (error != TKR_OK && fault != NULL && fault->error != error) {
        fault_set(fault, error, "", "building the segment in %s: %s", authority->runtime_directory,
                  tkr_error_text(error));
    }
    return error;
}

/* --- taking over ------------------------------------------------------------------------- */

/* An operator may have edited the tiers while nothing ran: they are put again. */
static tkr_error_t put_tiers(struct authority *authority, uint64_t store_seq)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct tier *tiers = NULL;
    size_t count = 0;
    TRY(arena_new(SEGMENT_TIERS_MAX * sizeof(struct tier) + 64, &arena));
    TRY(authority->store->list_tiers(authority->store->store, arena, &tiers, &count));
    segment_writer_begin(authority->segment);
    for (size_t i = 0; i < count; i++) {
        TRY(show_tier(authority, &tiers[i]));
    }
    segment_writer_end(authority->segment, store_seq);
    return TKR_OK;
}

static tkr_error_t attach(struct authority *authority, const struct segment_options *options,
                          const struct store_identity *identity, struct fault *fault)
{
    TRY(segment_writer_attach(options, identity->seq, &authority->segment, fault));
    tkr_error_t error = put_tiers(authority, identity->seq);
    if (error == TKR_OK) {
        error = show_credits(authority);
    }
    if (error == TKR_OK) {
        error = epochs_load(authority);
    }
    if (error != TKR_OK) {
        segment_writer_close(authority->segment);
        authority->segment = NULL;
        return fault_set(fault, TKR_UNAVAILABLE, "", "tiers, credits and epochs: %s",
                         tkr_error_text(error));
    }
    return TKR_OK;
}

/* --- both -------------------------------------------------------------------------------- */

static tkr_error_t ignore_user(void *context, const struct store_user *user)
{
    return TKR_OK; /* loading shows it */
}

/* Before anything is shown: the users of a tier that an operator made one of users get lines, and
 * the roles that are built in are there. */
static tkr_error_t prepare_store(struct authority *authority)
{
    const struct store_port *store = authority->store;
    uint64_t seq = 0;
    TRY(store->begin(store->store));
    tkr_error_t error = store->give_user_lines(store->store, ignore_user, NULL);
    if (error == TKR_OK) {
        error = roles_sync(authority);
    }
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    return audit_commit(authority, &seq);
}

static uint32_t at_most_32_bits(uint64_t value)
{
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

tkr_error_t authority_build(struct authority *authority, struct fault *fault)
{
    struct store_identity identity;
    struct fault reason = {0};
    int64_t started_ns = clock_monotonic_ns(authority->options.clock);
    tkr_error_t error = prepare_store(authority);
    if (error == TKR_OK) {
        error = authority->store->identity(authority->store->store, &identity);
    }
    if (error != TKR_OK) {
        return fault_set(fault, error, "", "reading the store: %s", tkr_error_text(error));
    }
    struct segment_options options = {
        .directory = authority->runtime_directory,
        .clock = authority->options.clock,
        .random = authority->options.random,
        .clock_floor_ms = authority->options.reset_clock ? 0 : identity.clock_ms,
        .reset_clock = authority->options.reset_clock,
        .tokens_hint = at_most_32_bits(identity.tokens),
        .users_hint = at_most_32_bits(identity.users),
    };
    memcpy(options.store_id, identity.store_id, sizeof(options.store_id));
    memcpy(options.window_kinds, authority->options.window_kinds, sizeof(options.window_kinds));
    error = attach(authority, &options, &identity, &reason);
    authority->attached = error == TKR_OK;
    if (error == TKR_UNAVAILABLE) {
        error = build(authority, &options, &identity, fault);
    } else if (error != TKR_OK && fault != NULL) {
        *fault = reason;
    }
    TRY(error);
    authority->store_seq = identity.seq;
    authority->usage.clock_ms = identity.clock_ms;
    authority->load_ms = (clock_monotonic_ns(authority->options.clock) - started_ns) / 1000000;
    if (!authority->attached) {
        authority_report(authority, LOG_INFO, "segment_built", "%llu tokens in %lld ms: %s",
                         (unsigned long long)identity.tokens, (long long)authority->load_ms,
                         reason.detail);
    }
    TRY(meter_start(authority, identity.store_id));
    return monitor_start(authority, &identity);
}
