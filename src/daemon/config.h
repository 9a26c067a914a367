/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: one table (config_table.h) of section, key, type, range, default, unit and
 * description. From it come the file parser, the environment (`TOKENRY_SECTION_KEY`), the
 * flags of `serve`, `check-config`, the example file and the man page's table.
 *
 * Order: default, file, environment, flag; a later one wins. An unknown key or a value out
 * of range names the file, the line, the key and the allowed range.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fault.h"
#include "policy/cidr.h"
#include "policy/lifetime.h"
#include "policy/limits_spec.h"
#include "token/token_text.h"

struct config {
    /* [server] */
    char *data;              /* data directory */
    char *runtime_directory; /* "": chosen, see config_runtime_directory */
    char *listen, *socket;   /* socket "": DATA/tokenry.sock; "none": no socket */
    int64_t socket_mode;     /* octal in the file */
    int64_t event_threads;   /* 0: as many as processors */
    int64_t worker_threads, connections, connections_per_address, idle_s, stop_grace_s;
    char *tls_certificate, *tls_key;
    struct cidr *trusted_proxies;
    size_t trusted_proxy_count;
    /* [log] */
    int64_t log_level, log_format; /* enum log_level; 0 auto, 1 json, 2 text */
    /* [token] */
    char *prefix_live, *prefix_test;
    /* [auth] */
    char *realm;
    char **credential_sources; /* `Authorization: Bearer`, `X-API-Key` */
    size_t credential_source_count;
    /* [limits] */
    int64_t window_kinds[WINDOW_COUNT]; /* enum window_kind */
    /* [lifetime] */
    int64_t lifetime_default_s[3], lifetime_max_s[3]; /* by enum token_kind */
    int64_t lifetime_on_exceed;
    /* [usage] */
    int64_t usage_flush_ms;
    /* [segment] */
    int64_t stale_s;
};

MUST_USE tkr_error_t config_new(struct config **ret_config); /* defaults */
void config_free(struct config *config);
/* Errors: TKR_NOT_FOUND, TKR_TOO_LARGE, TKR_MALFORMED, TKR_UNKNOWN_MEMBER, TKR_OUT_OF_RANGE; the
 * fault's detail reads `FILE:LINE: section.key: ...`. */
MUST_USE tkr_error_t config_read_file(struct config *config, const char *path,
                                      struct fault *fault);
/* Every variable that begins with TOKENRY_ and names a section; TOKENRY_URL and TOKENRY_TOKEN
 * (the client's) are none. */
MUST_USE tkr_error_t config_read_environment(struct config *config, char *const *environment,
                                             struct fault *fault);
/* `name` is `section.key`; `origin` stands in the error, e.g. `--listen`. */
MUST_USE tkr_error_t config_set(struct config *config, const char *name, const char *value,
                                const char *origin, struct fault *fault);
/* What no single value shows: both TLS files or neither, the two prefixes differ ... */
MUST_USE tkr_error_t config_check(const struct config *config, struct fault *fault);
void config_print(const struct config *config, FILE *out);  /* as a file, effective values */
void config_print_example(FILE *out);                       /* commented example from the table */

#endif
