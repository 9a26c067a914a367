/* SPDX-License-Identifier: Apache-2.0 */
/* What cmocka wants to be included before it, and the tests' way to list themselves. */
#ifndef UNIT_API_UNIT_H
#define UNIT_API_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
