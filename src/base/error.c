/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenry/error.h"

struct row {
    const char *name;
    const char *text;
    tkr_error_category_t category;
};

static const struct row rows[TKR_ERROR_COUNT] = {
#define ROW(code, name, category, text) [TKR_##code] = {name, text, TKR_CATEGORY_##category},
    TKR_ERROR_TABLE(ROW)
#undef ROW
};

/* A number that is no error of ours (a newer library, a damaged variable) reads as a defect. */
static const struct row *row_of(tkr_error_t error)
{
    return (unsigned)error < TKR_ERROR_COUNT ? &rows[error] : &rows[TKR_INTERNAL];
}

const char *tkr_error_name(tkr_error_t error)
{
    return row_of(error)->name;
}

const char *tkr_error_text(tkr_error_t error)
{
    return row_of(error)->text;
}

tkr_error_category_t tkr_error_category(tkr_error_t error)
{
    return row_of(error)->category;
}
