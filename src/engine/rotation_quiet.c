/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A predecessor that nobody uses any more ends before its overlap does: when its successor has
 * been in use for rotation_quiet_ms, and it has not been used for as long.
 *
 * When a successor was first used stands nowhere. It is when it was first seen to be used here:
 * a second later than it was, and after a restart anew, which only makes the wait longer.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/authority_internal.h"

struct watched {
    char id[TOKEN_ID_CHARS + 1]; /* of the predecessor */
    int64_t since_ms;            /* its successor was seen in use */
};

struct quiet_watch {
    struct watched watched[ROTATION_WATCHED_MAX];
    struct store_overlap overlaps[ROTATION_WATCHED_MAX];
    size_t count;
};

static int64_t since(struct quiet_watch *watch, const char *id, int64_t now_ms)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (strcmp(watch->watched[i].id, id) == 0) {
            return watch->watched[i].since_ms;
        }
    }
    return now_ms;
}

static void ignore_result(void *context, const struct change_result *result)
{
}

static void end(struct authority *authority, const char *id)
{
    struct change *change = NULL;
    if (change_new(authority, &change_end_grace, &principal_system, ignore_result, NULL, &change,
                   NULL) != TKR_OK) {
        return; /* the next round tries again */
    }
    memcpy(change->asked.id, id, TOKEN_ID_CHARS + 1);
    change->reason = "nobody used it any more";
    (void)!writer_submit(authority, change, NULL);
}

/* Ends those that are due, and remembers since when the others' successors are in use. */
static void judge(struct authority *authority, size_t count, int64_t now_ms)
{
    struct quiet_watch *watch = authority->quiet;
    int64_t quiet_ms = authority->options.rotation_quiet_ms;
    struct watched *kept = calloc(count, sizeof(*kept));
    size_t kept_count = 0;
    for (size_t i = 0; kept != NULL && i < count; i++) {
        const struct store_overlap *overlap = &watch->overlaps[i];
        uint64_t total = 0;
        int64_t used_ms = 0;
        segment_writer_read_line(authority->segment, overlap->successor_line, &total, &used_ms);
        if (total == 0) {
            continue;
        }
        int64_t since_ms = since(watch, overlap->id, now_ms);
        segment_writer_read_line(authority->segment, overlap->line, &total, &used_ms);
        int64_t later_ms = used_ms > since_ms ? used_ms : since_ms;
        if (now_ms - later_ms >= quiet_ms) {
            end(authority, overlap->id);
        }
        memcpy(kept[kept_count].id, overlap->id, sizeof(overlap->id));
        kept[kept_count++].since_ms = since_ms;
    }
    memcpy(watch->watched, kept != NULL ? kept : watch->watched, kept_count * sizeof(*kept));
    watch->count = kept_count;
    free(kept);
}

void rotation_end_quiet(struct authority *authority)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    size_t count = 0;
    if (authority->options.rotation_quiet_ms == 0 || !atomic_load(&authority->changes_accepted)) {
        return;
    }
    if (authority->quiet == NULL) {
        authority->quiet = calloc(1, sizeof(*authority->quiet));
    }
    if (authority->quiet != NULL &&
        store->list_overlaps(store->store, now_ms, ROTATION_WATCHED_MAX, authority->quiet->overlaps,
                             &count) == TKR_OK &&
        count > 0) {
        judge(authority, count, now_ms);
    }
}
