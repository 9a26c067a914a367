/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target is: one function, libFuzzer's, that takes any bytes, returns 0, keeps
 * nothing between calls, and ASSERTs what must hold for every input. See README.md.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
