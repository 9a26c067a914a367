/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limiter of one host: windows in the usage lines of the segment, taken with atomic
 * operations by any thread of any process.
 *
 *     options.limiter = &limiter_local;
 */
#ifndef LIMITER_LOCAL_H
#define LIMITER_LOCAL_H

#include "engine/limiter_port.h"

extern const struct limiter_port limiter_local;

#endif
