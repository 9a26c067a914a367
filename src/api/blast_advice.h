/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the report on a token: what to do now, and what nobody can know. */
#ifndef API_BLAST_ADVICE_H
#define API_BLAST_ADVICE_H

#include "api/json_emit.h"
#include "engine/blast.h"

/* The member `actions`: commands that fit its state, the one to begin with first. */
void emit_blast_actions(struct emitter *emitter, const struct blast_report *report);
/* The member `unknown`: sentences. `events`: the caller is told them one by one. */
void emit_blast_unknown(struct emitter *emitter, const struct blast_report *report, bool events);
/* Requests that were let through of which neither verdict, network nor endpoint is known. */
uint64_t blast_unattributed(const struct blast_report *report);

#endif
