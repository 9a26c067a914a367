/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: what `tokenry serve` does after its configuration is read.
 *
 *   take tokens from the environment → harden the process → give up root → raise limits → store →
 * authority → API → HTTP → ready → wait for SIGTERM or SIGINT → stop accepting, answer what is in
 * flight, finish changes, flush usage → return
 *
 * Everything that can fail at start fails before the first connection is accepted, with one
 * error that names the file, address or key.
 *
 * Signals: SIGTERM and SIGINT stop; a second SIGINT ends the process at once (nothing that
 * was answered is lost by that). SIGHUP opens log.file anew, SIGPIPE is ignored. They are
 * blocked before the first thread starts, so that only the waiting thread takes them.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>

#include "base/fault.h"
#include "daemon/config.h"

struct daemon_options {
    struct config *config;    /* checked and resolved */
    char *const *environment; /* those of the service manager; API_TOKEN and API_TOKENS, whose
                                 values are overwritten */
    bool reset_clock;         /* see authority_options */
};

/*
 * Runs until it is told to stop; TKR_OK after a graceful stop. Call it from the main thread,
 * before any other thread exists. Errors: those of wire_open, privilege_become,
 * http_server_new (TKR_LOCKED: the address is in use), TKR_CAPACITY (open files).
 */
MUST_USE tkr_error_t daemon_run(const struct daemon_options *options, struct fault *fault);

#endif
