/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a .env file. What must hold: as for CSV; and every row stands for a text of the file
 * that a token can be.
 */
#include "fuzz.h"

#include "fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_import(IMPORT_ENV, data, size);
    return 0;
}
