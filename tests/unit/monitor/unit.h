/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the monitor share. */
#ifndef TESTS_UNIT_MONITOR_UNIT_H
#define TESTS_UNIT_MONITOR_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/table.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define MONDAY_MS INT64_C(1767571200000) /* 2026-01-05, a Monday */
#define SEED 7
#define HOME (4ULL << 48 | 0xc00002)
#define AWAY (4ULL << 48 | 0xcb0071)

static inline uint8_t bit(enum monitor_kind kind)
{
    return (uint8_t)(1U << kind);
}

#endif
