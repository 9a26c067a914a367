/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store keeps for the monitor (engine/monitor.h): the image of each sketch, and questions
 * about tokens that a watch asks.
 */
#ifndef ENGINE_SKETCHES_PORT_H
#define ENGINE_SKETCHES_PORT_H

#include <stdint.h>

#include "base/arena.h"
#include "engine/model.h"

/* Tokens whose end lies in (from, until], that are live, no honeytoken, and not a version whose
 * successor is in use. */
struct expiring_question {
    const char *org_id; /* NULL: of all */
    int64_t from_ms, until_ms;
    int64_t lifetime_ms;   /* only those that were given more than this */
    int64_t used_since_ms; /* those that were used since then come first */
    /* Only those about which this was not told: there is no alert with the key
     * `KEY` + id + "/" + end. NULL: all. */
    const char *key;
    uint32_t limit; /* of a list */
};
/* Current tokens that are live, no honeytokens, older than `before_ms`, and were not used since
 * then, among the rows from `next` on. */
struct unused_question {
    int64_t now_ms, before_ms;
    uint32_t rows; /* that are looked at */
};
struct watched_token {
    struct token token;
    int64_t used_ms; /* when some version of it was used last; 0: never */
    bool told;       /* unused: there is an alert with the key "unused/" + id + "/" + used_ms */
};

struct store;
struct store_sketches {
    /* --- the writer thread only --- */
    /* Inserts or replaces. `hour`: of the last use, since 1970. */
    tkr_error_t (*put)(struct store *store, uint32_t line, uint32_t hour, const void *image,
                       size_t bytes);
    /* All whose last use was before. */
    tkr_error_t (*forget)(struct store *store, uint32_t before_hour);
    /* The current version of the lineage that has the line. NOT_FOUND: it is of a user, or was
     * cleaned away. */
    tkr_error_t (*find_token)(struct store *store, uint32_t line,
                              char ret_token_id[TOKEN_ID_CHARS + 1]);

    /* --- any thread --- */
    /* At most `most`, those that were used last first. An error of `visit` stops and is returned.
     */
    tkr_error_t (*each)(struct store *store, uint32_t most,
                        tkr_error_t (*visit)(void *context, uint32_t line, const void *image,
                                             size_t bytes),
                        void *context);
    /* The used ones first, then by their end. */
    tkr_error_t (*list_expiring)(struct store *store, const struct expiring_question *question,
                                 struct arena *arena, struct watched_token **ret_tokens,
                                 size_t *ret_count);
    /* How many there are, and those of them that were used. */
    tkr_error_t (*tally_expiring)(struct store *store, const struct expiring_question *question,
                                  uint64_t *ret_count, uint64_t *ret_used);
    /* How many end in (from_ms, until_ms]; versions that have a successor do not count. */
    tkr_error_t (*count_expiring)(struct store *store, int64_t from_ms, int64_t until_ms,
                                  uint64_t *ret_count);
    /* *next: 0 at first; it is 0 again behind the last row. */
    tkr_error_t (*list_unused)(struct store *store, const struct unused_question *question,
                               int64_t *next, struct arena *arena,
                               struct watched_token **ret_tokens, size_t *ret_count);
};

#endif
