/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make the report on a token share. */
#ifndef ENGINE_BLAST_INTERNAL_H
#define ENGINE_BLAST_INTERNAL_H

#include "engine/authority_internal.h"
#include "engine/blast.h"

/* One report that is being made. */
struct blast {
    struct authority *authority;
    const struct principal *by;
    struct arena *arena;
    struct epochs_noted noted; /* before the first row is read */
    int64_t now_ms;
    struct blast_report *report;
    bool whole; /* all versions are meant; the family's walk may find that out */
};

/* A row of the store as it is now. */
void blast_take(const struct blast *blast, const struct store_relative *row,
                struct blast_relative *ret_relative);
/* report->family, once report->versions is there. */
MUST_USE tkr_error_t blast_read_family(struct blast *blast);
/* What the token has been answered with, once its state is known. */
tkr_verdict_t blast_answer(const struct token *token, bool user_suspended);

#endif
