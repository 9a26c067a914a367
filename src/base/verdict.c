/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenry/verdict.h"

struct row {
    const char *name;
    const char *text;
};

static const struct row rows[TKR_VERDICT_COUNT] = {
#define ROW(code, name, text) [TKR_VERDICT_##code] = {name, text},
    TKR_VERDICT_TABLE(ROW)
#undef ROW
};

/* A number that is no verdict reads as the one that every verification starts from. */
static const struct row *row_of(tkr_verdict_t verdict)
{
    return (unsigned)verdict < TKR_VERDICT_COUNT ? &rows[verdict] : &rows[TKR_VERDICT_UNAVAILABLE];
}

const char *tkr_verdict_name(tkr_verdict_t verdict)
{
    return row_of(verdict)->name;
}

const char *tkr_verdict_text(tkr_verdict_t verdict)
{
    return row_of(verdict)->text;
}
