/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup: tokens that ended long ago leave the store and the segment, some hundred at a time,
 * so that no change waits long and no verification at all. Each has its event. Whoever wants
 * all of them gone calls until there are no more.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- on the caller's thread ----------------------------------------------------------------- */

static tkr_error_t check_cleanup(struct authority *authority, const struct principal *by,
                                 int64_t before_ms, struct fault *fault)
{
    if (!principal_is_global(by)) {
        return fault_set(fault, TKR_FORBIDDEN, "", "scope * is needed: it is about all of them");
    }
    if (before_ms <= 0 || before_ms > segment_writer_now_ms(authority->segment)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "older_than", "must be a time that has passed");
    }
    return TKR_OK;
}

tkr_error_t authority_cleanup(struct authority *authority, const struct principal *by,
                              const struct cleanup *cleanup, change_done done, void *context,
                              struct fault *fault)
{
    struct change *change = NULL;
    TRY(check_cleanup(authority, by, cleanup->before_ms, fault));
    TRY(change_new(authority, &change_cleanup, by, done, context, &change, fault));
    change->cleanup = (struct cleanup){
        .before_ms = cleanup->before_ms,
        .deactivate_only = cleanup->deactivate_only,
    };
    change->digests = arena_alloc(change->arena, CLEANUP_BATCH_MAX * sizeof(*change->digests));
    if (change->digests == NULL) {
        change_free(authority, change);
        return TKR_MEMORY;
    }
    return writer_submit(authority, change, fault);
}

tkr_error_t authority_count_cleanup(struct authority *authority, const struct principal *by,
                                    int64_t before_ms, uint64_t *ret_expired, uint64_t *ret_revoked,
                                    struct fault *fault)
{
    const struct store_port *store = authority->store;
    TRY(check_cleanup(authority, by, before_ms, fault));
    return store->count_ended(store->store, before_ms, ret_expired, ret_revoked);
}

/* --- on the writer thread ------------------------------------------------------------------- */

/* For the event: what it had been. */
static const char *details_of(const struct store_cleaned *cleaned, bool deactivated)
{
    return deactivated            ? "{\"reason\":\"expired\"}"
           : cleaned->revoked     ? "{\"was\":\"revoked\"}"
           : cleaned->quarantined ? "{\"was\":\"quarantined\"}"
                                  : "{\"was\":\"expired\"}";
}

struct visit {
    struct authority *authority;
    struct change *change;
};

static tkr_error_t visit(void *context, const struct store_cleaned *cleaned,
                         struct store_event *ret_event)
{
    struct visit *visit = context;
    struct change *change = visit->change;
    ASSERT(change->digest_count < CLEANUP_BATCH_MAX);
    memcpy(change->digests[change->digest_count++], cleaned->digest, TOKEN_DIGEST_BYTES);
    struct store_event event = change_event(visit->authority, change, NULL, NULL);
    event.type = change->cleanup.deactivate_only ? "token.revoke" : "token.cleanup";
    event.details = details_of(cleaned, change->cleanup.deactivate_only);
    event.org_id = cleaned->org_id;
    event.user_id = cleaned->user_id;
    event.token_id = cleaned->id;
    event.token_name = cleaned->name;
    *ret_event = event;
    return TKR_OK;
}

static tkr_error_t clean(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    struct visit context = {authority, change};
    uint32_t count = 0;
    change->digest_count = 0;
    TRY(store->cleanup(store->store, change->cleanup.before_ms, change->cleanup.deactivate_only,
                       CLEANUP_BATCH_MAX, segment_writer_now_ms(authority->segment), visit,
                       &context, &count));
    change->cleanup.count = count;
    change->cleanup.more = count == CLEANUP_BATCH_MAX;
    change->result.cleanup = &change->cleanup;
    change->changed = count > 0;
    return TKR_OK;
}

static tkr_error_t apply_cleanup(struct authority *authority, struct change *change)
{
    return change_apply_marked(authority, change, clean);
}

static tkr_error_t show_cleanup(struct authority *authority, struct change *change)
{
    static const struct segment_adjustment revoked = {.set_flags = SEGMENT_TOKEN_REVOKED};
    for (size_t i = 0; i < change->digest_count; i++) {
        const uint8_t *digest = change->digests[i];
        tkr_error_t error = change->cleanup.deactivate_only
                                ? segment_writer_adjust_token(authority->segment, digest, &revoked)
                                : segment_writer_remove_token(authority->segment, digest);
        ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    }
    return TKR_OK;
}

const struct change_kind change_cleanup = {"token.cleanup", apply_cleanup, show_cleanup};
