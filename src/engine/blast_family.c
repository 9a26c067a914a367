/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descendants of a token, breadth first: those that authority_family.c would revoke with it,
 * and those that are revoked already. There are two maxima, so that nobody hides a token that
 * works behind a thousand others that they made and revoked: what is not revoked has room of its
 * own, and comes first from the store.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/blast_internal.h"
#include "policy/scopes.h"

struct walk {
    struct blast *blast;
    struct blast_relative *items;
    size_t count;
    uint32_t open, revoked; /* of them, by the store's rows */
    uint32_t *room_of;      /* one of the two, for the call under way */
    uint32_t rows;          /* that it brought */
    uint32_t rows_left;     /* that may still be read, also of what is there or not shown */
    bool complete;
};

/* What was never rotated is made by one token, and comes once. */
static bool is_there(const struct walk *walk, const struct token *token)
{
    for (size_t i = 0; token->has_version_line && i < walk->count; i++) {
        if (strcmp(walk->items[i].token.id, token->id) == 0) {
            return true;
        }
    }
    return false;
}

static tkr_error_t visit(void *context, const struct store_relative *row)
{
    struct walk *walk = context;
    struct blast *blast = walk->blast;
    const struct token *root = &blast->report->usage.token;
    walk->rows++;
    if (strcmp(row->token.lineage_id, root->lineage_id) == 0) {
        blast->whole = true; /* it made a version of itself, which is it */
        return TKR_OK;
    }
    if (*walk->room_of < FAMILY_TOKENS_MAX && principal_sees(blast->by, &row->token) &&
        !is_there(walk, &row->token)) {
        ++*walk->room_of;
        blast_take(blast, row, &walk->items[walk->count++]);
    }
    return TKR_OK;
}

/* One row more than there is room for tells that there are more. Or that some were there already:
 * then it is not known. */
static tkr_error_t add_kin(struct walk *walk, enum store_kin kin, const char *id)
{
    const struct store_port *store = walk->blast->authority->store;
    walk->room_of = kin == KIN_MADE_REVOKED ? &walk->revoked : &walk->open;
    uint32_t most = FAMILY_TOKENS_MAX + 1 - *walk->room_of;
    most = most < walk->rows_left ? most : walk->rows_left;
    if (most <= 1 && !walk->complete) {
        return TKR_OK;
    }
    walk->rows = 0;
    TRY(store->blast.visit_kin(store->store, kin, id, most, walk->blast->arena, visit, walk));
    walk->rows_left -= walk->rows;
    walk->complete = walk->complete && walk->rows < most;
    return TKR_OK;
}

static tkr_error_t add_made(struct walk *walk, const char *token_id)
{
    TRY(add_kin(walk, KIN_MADE, token_id));
    return add_kin(walk, KIN_MADE_REVOKED, token_id);
}

/* The first of a lineage that is come to brings the others. */
static tkr_error_t add_versions(struct walk *walk, size_t number)
{
    const struct token *token = &walk->items[number].token;
    bool known = !token->has_version_line; /* it was never rotated */
    for (size_t i = 0; i < number && !known; i++) {
        known = strcmp(walk->items[i].token.lineage_id, token->lineage_id) == 0;
    }
    return known ? TKR_OK : add_kin(walk, KIN_VERSIONS, token->lineage_id);
}

/* `count` grows while the list is walked. */
static tkr_error_t walk_on(struct walk *walk, size_t *position)
{
    for (; *position < walk->count; ++*position) {
        TRY(add_made(walk, walk->items[*position].token.id));
        TRY(add_versions(walk, *position));
    }
    return TKR_OK;
}

static tkr_error_t walk_all(struct walk *walk)
{
    const struct blast_report *report = walk->blast->report;
    const char *root_id = report->usage.token.id;
    size_t position = 0;
    TRY(add_made(walk, root_id));
    TRY(walk_on(walk, &position));
    for (size_t i = 0; walk->blast->whole && i < report->versions.count; i++) {
        const char *id = report->versions.items[i].token.id;
        TRY(strcmp(id, root_id) == 0 ? TKR_OK : add_made(walk, id));
        TRY(walk_on(walk, &position));
    }
    return TKR_OK;
}

/* --- what they have that the token has not --------------------------------------------------- */

static bool network_within(const struct cidr *network, const struct token *token)
{
    bool within = token->allowed_ip_count == 0;
    for (size_t i = 0; i < token->allowed_ip_count; i++) {
        within = within || cidr_within(network, &token->allowed_ips[i]);
    }
    return within;
}

static bool has_more_networks(const struct token *token, const struct token *than)
{
    bool more = token->allowed_ip_count == 0 && than->allowed_ip_count != 0;
    for (size_t i = 0; i < token->allowed_ip_count; i++) {
        more = more || !network_within(&token->allowed_ips[i], than);
    }
    return more;
}

static unsigned excess_over(const struct token *token, const struct token *than)
{
    bool covered =
        scopes_cover(than->scopes, strlen(than->scopes), token->scopes, strlen(token->scopes));
    bool later = than->expires_at_ms != 0 &&
                 (token->expires_at_ms == 0 || token->expires_at_ms > than->expires_at_ms);
    return (covered ? 0 : BLAST_MORE_SCOPES) |
           (has_more_networks(token, than) ? BLAST_MORE_NETWORKS : 0) |
           (later ? BLAST_LATER_END : 0);
}

/* --- the answer ------------------------------------------------------------------------------ */

static int rank(const struct blast_relative *relative)
{
    if (relative->answer != TKR_VERDICT_VALID) {
        return 2;
    }
    return (relative->excess & BLAST_REACHES_MORE) != 0 ? 0 : 1;
}

/* What matters most first, then the newest. */
static int compare(const void *a, const void *b)
{
    const struct blast_relative *x = a, *y = b;
    if (rank(x) != rank(y)) {
        return rank(x) - rank(y);
    }
    return strcmp(y->token.id, x->token.id); /* which begins with the time */
}

static void judge(struct blast *blast, struct walk *walk)
{
    struct blast_report *report = blast->report;
    for (size_t i = 0; i < walk->count; i++) {
        struct blast_relative *relative = &walk->items[i];
        relative->excess = excess_over(&relative->token, &report->usage.token);
        report->family_live += rank(relative) < 2;
        report->family_reaching_more += rank(relative) == 0;
    }
    if (walk->count > 0) {
        qsort(walk->items, walk->count, sizeof(walk->items[0]), compare);
    }
    report->family_found = walk->count;
    report->family.items = walk->items;
    report->family.count = walk->count < BLAST_LISTED_MAX ? walk->count : BLAST_LISTED_MAX;
    report->family.complete = walk->complete && (report->versions.complete || !blast->whole);
}

tkr_error_t blast_read_family(struct blast *blast)
{
    size_t room = 2 * (size_t)FAMILY_TOKENS_MAX;
    struct walk walk = {.blast = blast, .rows_left = BLAST_ROWS_MAX, .complete = true};
    walk.items = arena_alloc(blast->arena, room * sizeof(walk.items[0]));
    ENSURE(walk.items != NULL, TKR_TOO_LARGE);
    TRY(walk_all(&walk));
    judge(blast, &walk);
    return TKR_OK;
}
