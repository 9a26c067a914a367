/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate and its key as a TLS server has them: how long, and whether they are a pair. */
#ifndef CRYPTO_CERTIFICATE_H
#define CRYPTO_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct certificate_look {
    int64_t not_before_ms, not_after_ms; /* of the first one; of a chain, the earliest end */
    bool fits;                           /* the key is the first one's */
};

/*
 * PEM texts; `key` NULL: it is not looked at, and `fits` is false. Errors: TKR_MALFORMED (there is
 * no certificate, or an unreadable one), TKR_INVALID (there is no key, or it needs a password),
 * TKR_MEMORY.
 */
MUST_USE tkr_error_t certificate_look(const char *certificate, size_t length, const char *key,
                                      size_t key_length, struct certificate_look *ret_look);
/* The same of files; `key_path` NULL likewise. *ret_wrong is the one that an error is about. Beside
 * the errors of above: TKR_IO (it cannot be read; errno says why). */
MUST_USE tkr_error_t certificate_look_at_files(const char *path, const char *key_path,
                                               struct certificate_look *ret_look,
                                               const char **ret_wrong);

#endif
