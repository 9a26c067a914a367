/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control flow and attributes that the whole tree shares. The only two control-flow
 * macros are TRY and ENSURE.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "tokenry/error.h"

#define MUST_USE __attribute__((warn_unused_result))
#define CLEANUP(function) __attribute__((cleanup(function)))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Returns the error of a failed call to the caller. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        tkr_error_t try_error_ = (call);                                                           \
        if (UNLIKELY(try_error_ != TKR_OK)) {                                                      \
            return try_error_;                                                                     \
        }                                                                                          \
    } while (0)

/* Returns `error` unless `condition` holds. For what came from outside. */
#define ENSURE(condition, error)                                                                   \
    do {                                                                                           \
        if (UNLIKELY(!(condition))) {                                                              \
            return (error);                                                                        \
        }                                                                                          \
    } while (0)

/*
 * Asserts what only a programmer can break; always compiled in. Nothing from the network,
 * a file or another process may reach one.
 */
#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (UNLIKELY(!(condition))) {                                                              \
            check_failed(__FILE__, __LINE__, #condition);                                          \
        }                                                                                          \
    } while (0)

__attribute__((noreturn, cold)) void check_failed(const char *file, int line, const char *what);

#endif
