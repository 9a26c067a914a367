/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: one table (config_table.h) of section, key, type, range, default, unit and
 * description. From it come the file parser, the environment (`TOKENRY_SECTION_KEY`), the
 * flags of `serve`, `check-config`, the example file and the man page's list.
 *
 *     struct config *config CLEANUP(config_free_p) = NULL;
 *     TRY(config_new(&config));
 *     TRY(config_read_file(config, path, fault));
 *     TRY(config_read_environment(config, environ, fault));
 *     TRY(config_set(config, "server.listen", ":9000", "--listen", fault));
 *     TRY(config_check(config, fault));
 *     TRY(config_check_serve(config, fault));
 *     TRY(config_resolve(config, environ, fault));
 *
 * Order: default, file, environment, flag; a later one wins. An unknown key or a value out
 * of range names the file, the line, the key and the allowed range:
 *
 *     tokenry.conf:12: limits.minute: "sometimes" is not one of fixed, sliding
 *     TOKENRY_SERVER_IDLE_S: server.idle_s: 0 is outside 1..86400
 *
 * A reader goes on after an error and returns the first; config_on_complaint hears them all.
 * Not thread-safe (inih keeps its settings in globals): read once, at start.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fault.h"
#include "monitor/sketch.h"
#include "policy/cidr.h"
#include "policy/lifetime.h"
#include "policy/limits_spec.h"
#include "token/token_text.h"

#define CONFIG_FILE_DEFAULT "/etc/tokenry/tokenry.conf"
#define CONFIG_DATA_DEFAULT "/var/lib/tokenry"
#define CONFIG_SOCKET_NAME "tokenry.sock" /* in the data directory */
#define CONFIG_AUDIT_KEY_NAME "audit.key"
#define CONFIG_NO_ARCHIVE "none" /* of audit.archive_directory: old events are let go for good */
#define CONFIG_NO_SOCKET "none"
#define CONFIG_SOURCES_MAX 4 /* credential sources */

typedef void (*config_complaint)(void *context, const struct fault *fault);

/* A header that may carry the token. */
struct config_source {
    char *header; /* `Authorization` */
    char *scheme; /* `Bearer`; "" for the bare value */
};

struct config {
    /* [server] */
    char *data;              /* data directory; "" until config_resolve */
    char *runtime_directory; /* "": chosen, see daemon/runtime_directory.h */
    char *listen, *socket;   /* socket "" until config_resolve; "none": no socket */
    int64_t socket_mode;
    char *user;            /* "": stay */
    int64_t event_threads; /* 0: as many as processors */
    int64_t worker_threads, connections, connections_per_address, idle_s, request_s;
    int64_t stop_grace_s;
    char *tls_certificate, *tls_key;
    struct cidr *trusted_proxies;
    size_t trusted_proxy_count;
    /* [log] */
    char *log_file;                /* "": standard error */
    int64_t log_level, log_format; /* enum log_level; enum config_log_format */
    /* [token] */
    char *prefix_live, *prefix_test;
    /* [auth] */
    char *realm;
    struct config_source *credential_sources;
    size_t credential_source_count;
    char *attempt_header;
    int64_t auth_trials; /* 0 or 1 */
    /* [limits] */
    int64_t window_kinds[WINDOW_COUNT]; /* enum window_kind */
    /* [lifetime] */
    int64_t lifetime_default_s[3], lifetime_max_s[3]; /* by enum token_kind; 0: never */
    int64_t lifetime_on_exceed;                       /* enum on_exceed */
    int64_t one_active_per_user;                      /* 0 or 1 */
    /* [rotation] */
    int64_t rotation_grace_s, rotation_quiet_s;
    char *rotation_targets_file; /* "": none */
    int64_t rotation_max_age_s, rotation_high_use, rotation_high_use_age_s;
    char *rotation_window, *rotation_time_zone; /* "": at any time */
    /* [audit] */
    char *audit_key_file;
    int64_t audit_successes; /* enum audit_successes */
    int64_t audit_refusals_per_second;
    int64_t audit_keep_days;
    char *audit_archive_directory;
    /* [cleanup] */
    int64_t cleanup_after_days;
    /* [monitor] */
    int64_t monitor_tokens_max, monitor_unused_days;
    int64_t monitor_actions[MONITOR_KINDS];          /* enum monitor_action */
    int64_t monitor_expiry_days[MONITOR_EXPIRY_MAX]; /* the most first */
    size_t monitor_expiry_count;
    /* [usage] */
    int64_t usage_flush_ms;
    int64_t usage_metering; /* enum config_switch */
    int64_t usage_minutes_days, usage_hours_days, usage_days_days;
    /* [segment] */
    int64_t stale_s;
    /* [self_service] */
    int64_t self_service, own_keys_max; /* 0 is off */
    /* [environment] */
    char *environment_tier; /* "": no limits */
    /* [adopt] */
    char *adopt_url, *adopt_header, *adopt_scheme, *adopt_ca_file;
    int64_t adopt_timeout_ms, adopt_in_flight, adopt_per_second, adopt_refused_s,
        adopt_refused_tokens;
    char *adopt_accept, *adopt_refuse;
    char *adopt_user_member, *adopt_name_member, *adopt_tier_member, *adopt_scopes_member,
        *adopt_expires_member;
    char *adopt_user, *adopt_tier, *adopt_org;
    int64_t adopt_kind; /* enum token_kind */
    /* [leaks] */
    char *leaks_github_keys; /* "": nobody reports */
    int64_t leaks_revoke;    /* 1, else quarantine */
    /* [notify] */
    char *channels_file; /* "": none */
    /* [migration] */
    int64_t shared_token; /* enum shared_phase */

    config_complaint complain; /* may be NULL */
    void *complain_context;
};

enum config_switch { CONFIG_OFF, CONFIG_ON };
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_JSON, CONFIG_LOG_TEXT };

/* Every key at its default. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t config_new(struct config **ret_config);
void config_free(struct config *config);    /* NULL is allowed */
void config_free_p(struct config **config); /* for CLEANUP */

/* `complain` is called with each error that the readers below find. NULL ends that. */
void config_on_complaint(struct config *config, config_complaint complain, void *context);

/* Errors: TKR_NOT_FOUND, TKR_IO, TKR_TOO_LARGE, TKR_MALFORMED (no key = value, a value of the
 * wrong form), TKR_UNKNOWN_MEMBER, TKR_CONFLICT (a key twice), TKR_OUT_OF_RANGE; the fault's
 * detail reads `FILE:LINE: section.key: ...`, its field is `section.key`. */
MUST_USE tkr_error_t config_read_file(struct config *config, const char *path, struct fault *fault);
/* The same for text at hand; `name` stands for the file in errors. `text` may hold any bytes. */
MUST_USE tkr_error_t config_read_text(struct config *config, const char *text, size_t length,
                                      const char *name, struct fault *fault);
/* Every variable that begins with TOKENRY_ and names a section; TOKENRY_URL and TOKENRY_TOKEN
 * (the client's) are none, and TOKENRY_DATA is another name of TOKENRY_SERVER_DATA.
 * `environment` as environ(7). Errors as for the file. */
MUST_USE tkr_error_t config_read_environment(struct config *config, char *const *environment,
                                             struct fault *fault);
/* `name` is `section.key`; `origin` stands in the error, e.g. `--listen`. */
MUST_USE tkr_error_t config_set(struct config *config, const char *name, const char *value,
                                const char *origin, struct fault *fault);
/* What no single value shows: the two prefixes differ, a default lifetime is no longer than its
 * maximum. TKR_INVALID. */
MUST_USE tkr_error_t config_check(const struct config *config, struct fault *fault);
/* What the daemon needs beside that: both TLS files or neither, somewhere to listen. A command
 * that does not listen goes on without it. TKR_INVALID. */
MUST_USE tkr_error_t config_check_serve(const struct config *config, struct fault *fault);
/*
 * Decides what was left empty: the data directory (CONFIG_DATA_DEFAULT when it exists or the
 * user is root, else $XDG_DATA_HOME/tokenry, else $HOME/.local/share/tokenry), the socket, and the
 * audit log's key. Errors: TKR_MEMORY, TKR_OUT_OF_RANGE (a socket path that no socket can have).
 */
MUST_USE tkr_error_t config_resolve(struct config *config, char *const *environment,
                                    struct fault *fault);
/* Whether other hosts can connect without TLS. */
bool config_is_exposed(const struct config *config);
/* False when `server.socket` is `none`. */
bool config_has_socket(const struct config *config);

/* --- what the table says, for flags and documents ----------------------------------------- */

/* A key for people. The texts are static. */
struct config_key {
    const char *section, *key;
    const char *flag; /* "" for none */
    const char *description;
    const char *choices; /* all its values, with commas; "" when they cannot be counted */
};
/* Row `index` of the table; false past the last. */
bool config_key_at(size_t index, struct config_key *ret_key);
#define CONFIG_RANGE_SIZE 128 /* of the range of a key as a text */

void config_print(const struct config *config, FILE *out); /* as a file, effective values */
void config_print_example(FILE *out);                      /* commented example from the table */
void config_print_manual(FILE *out);                       /* tokenry.conf(5), man format */

#endif
