/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a JSON file of an old store. What must hold: as for CSV; and a file that is read to
 * its end is a whole JSON text for jansson as well, unless single entries of it were bad. (Keys are
 * not read as texts: a wrong escape in one is not seen.)
 */
#include "fuzz.h"

#include <jansson.h>

#include "fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_import_result result = fuzz_import(IMPORT_JSON, data, size);
    size_t mark = size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (result.error == TKR_OK && result.bad == 0) {
        json_error_t error;
        json_t *whole = json_loadb((const char *)data + mark, size - mark, 0, &error);
        enum json_error_code code = whole == NULL ? json_error_code(&error) : json_error_unknown;
        ASSERT(code != json_error_premature_end_of_input);
        ASSERT(code != json_error_end_of_input_expected && code != json_error_stack_overflow);
        json_decref(whole);
    }
    return 0;
}
