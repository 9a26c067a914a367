/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor is the number of the last row of a page, so that a page costs the same wherever it
 * is, and rows that come meanwhile shift nothing. */
#include <string.h>

#include "base/text.h"
#include "store/sqlite/store.h"

tkr_error_t page_before(const struct page_of *page, int64_t *ret_before)
{
    const char *cursor = page->cursor;
    uint64_t number = 0;
    *ret_before = INT64_MAX;
    if (cursor == NULL) {
        return TKR_OK;
    }
    ENSURE(strnlen(cursor, STORE_CURSOR_BYTES_MAX + 1) <= STORE_CURSOR_BYTES_MAX, TKR_INVALID);
    ENSURE(cursor[0] == 'n', TKR_INVALID);
    ENSURE(text_parse_u64(cursor + 1, strlen(cursor + 1), &number) == TKR_OK, TKR_INVALID);
    ENSURE(number <= INT64_MAX, TKR_INVALID);
    *ret_before = (int64_t)number;
    return TKR_OK;
}

tkr_error_t page_cursor(struct arena *arena, int64_t number, const char **ret_cursor)
{
    const char *cursor = arena_print(arena, "n%lld", (long long)number);
    ENSURE(cursor != NULL, TKR_TOO_LARGE);
    *ret_cursor = cursor;
    return TKR_OK;
}
