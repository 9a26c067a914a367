/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An old store in a directory of the test's own, and what comes out of it as one line a row:
 *
 *     1 alice/laptop 6ca13d52 expires=2025-12-06T14:44:14Z revoked
 *     2 bad token_hash: it is a bcrypt hash; only SHA-256 can be kept
 *     error malformed: a quote of line 2 does not end
 *
 * `1` is the row's number, `6ca13d52` how its digest begins. Members that have their default are
 * left out.
 */
#ifndef UNIT_IMPORT_FIXTURE_H
#define UNIT_IMPORT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import/import.h"
#include "temp_directory.h"

#define FIXTURE_TEXT_BYTES_MAX (64 * 1024)
#define FIXTURE_PATH_SIZE 320

struct fixture {
    struct temp_directory directory;
    struct import_options options;
    char text[FIXTURE_TEXT_BYTES_MAX]; /* of the last reading */
};

int fixture_make(void **state);
int fixture_remove(void **state);
/* Writes the file and reads it. */
const char *fixture_read(struct fixture *fixture, enum import_kind kind, const char *content);
const char *fixture_read_bytes(struct fixture *fixture, enum import_kind kind, const char *content,
                               size_t length);
/* Reads what is there. */
const char *fixture_read_path(struct fixture *fixture, enum import_kind kind, const char *path);
const char *fixture_path(struct fixture *fixture, char out[FIXTURE_PATH_SIZE]);

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

/* SHA-256 of `tok-alice-0123456789`, which begins with a1dd82ea, in the tests below. */
#define TOKEN_ALICE "tok-alice-0123456789"
#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

#endif
