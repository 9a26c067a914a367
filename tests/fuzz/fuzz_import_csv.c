/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a CSV file of an old store. What must hold: rows come in the order of their lines;
 * a row that is taken has a digest, a user and a name of printable text; a reason is there for each
 * that is not, and shows nothing that the file holds in its cells.
 */
#include "fuzz.h"

#include "fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_import(IMPORT_CSV, data, size);
    return 0;
}
