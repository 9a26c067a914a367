/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of configuration. A row is
 *
 *     X(section, key, TYPE, member, least, most, default, unit, flag, description)
 *
 *   TYPE     how the text is read and kept, see enum config_type
 *   member   of struct config
 *   least, most   of a number, in `unit`; of a text, its length in bytes; of a list, its
 *            entries. Of a CHOICE `most` is unused.
 *   default  as it would stand in a file
 *   unit     for people; for a CHOICE its values, in the order of the enum, with commas
 *   flag     of `tokenry serve`, without `--`; "" for none (then only `--set` reaches it)
 *   description   sentences for people; they stand in the example file and in
 *            tokenry.conf(5)
 *
 * The parser, the environment's names, `check-config`, the flags of `serve`, the example
 * file and the man page's list come from here and nowhere else: a new key is a member of
 * struct config and a row.
 */
#ifndef DAEMON_CONFIG_TABLE_H
#define DAEMON_CONFIG_TABLE_H

#include "base/limits.h"

/* X(section, description), in the order of the example file. */
/* clang-format off */
#define CONFIG_SECTIONS(X) \
    X(server,   "Where Tokenry listens, where it keeps its data and as whom it runs.") \
    X(log,      "One line an event.") \
    X(token,    "The look of the tokens that Tokenry makes.") \
    X(auth,     "Where callers put their token, and what a refusal says.") \
    X(limits,   "How the three windows of a rate limit move.") \
    X(lifetime, "How long a new token lives, by its kind: 30s, 15m, 24h, 30d, 2w or never.") \
    X(rotation, "How long a token goes on beside its successor.") \
    X(audit,    "The log of every change, as a chain that shows when somebody changed it.") \
    X(cleanup,  "What becomes of tokens that ended.") \
    X(monitor,  "Watching how tokens are used, and alerts about them. Each of the on_ keys says what " \
                "happens then: ignore it, alert, throttle (and alert: the hour's limit becomes what " \
                "was the most usual), or quarantine (and alert: the token is refused until somebody " \
                "restores it). Tokens of administrators are only told of.") \
    X(usage,    "Counting of requests.") \
    X(self_service, "Keys that users make for themselves, under /api/keys.") \
    X(environment, "Tokens in the daemon's own environment: API_TOKEN and API_TOKENS.") \
    X(adopt, "An old endpoint that is asked once about a token that is unknown here, to adopt it.") \
    X(migration, "Phases of leaving an old way behind.") \
    X(leaks, "Reports of tokens that were found in public.") \
    X(notify, "Whom alerts are told to.") \
    X(segment,  "The shared memory from which every verification is answered.")

#define CONFIG_TABLE(X) \
    X(server, data, PATH, data, 0, 1024, "", "", "data", \
      "The data directory: the database and its lock. Made with mode 0700 when it is missing. " \
      "Empty: /var/lib/tokenry if it exists or root asks, else ~/.local/share/tokenry.") \
    X(server, runtime_directory, PATH, runtime_directory, 0, 1024, "", "", "runtime-directory", \
      "Where the shared memory segment lives. It must be on a tmpfs: the verification path " \
      "never waits for a disk. Empty: $RUNTIME_DIRECTORY (which systemd sets), else a " \
      "directory of its own under /dev/shm.") \
    X(server, listen, ADDRESS, listen, 0, 128, "127.0.0.1:8080", "", "listen", \
      "Address and port for HTTP: 127.0.0.1:8080, [::1]:8080, or :8080 for every address. " \
      "Empty: no TCP.") \
    X(server, socket, PATH, socket, 0, 107, "", "", "socket", \
      "The Unix socket for HTTP. Empty: tokenry.sock in the data directory; none: no socket.") \
    X(server, socket_mode, OCTAL, socket_mode, 0, 0777, "0660", "octal", "", \
      "The permissions of the Unix socket. Whoever may connect may ask for verifications; " \
      "only root and the user that runs Tokenry may manage tokens without one.") \
    X(server, user, TEXT, user, 0, 32, "", "", "user", \
      "The user to become when started as root, before anything is opened. Empty: stay.") \
    X(server, event_threads, INTEGER, event_threads, 0, HTTP_EVENT_THREADS_MAX, "0", "threads", "event-threads", \
      "Threads that answer verifications. 0: one for each processor.") \
    X(server, worker_threads, INTEGER, worker_threads, 1, HTTP_WORKER_THREADS_MAX, "4", \
      "threads", "", "Threads for management calls, which may wait for the disk.") \
    X(server, connections, INTEGER, connections, DAEMON_CONNECTIONS_LEAST, 1000000, "4096", "connections", "", \
      "Connections at once, over TCP and the Unix socket together. More are closed at accept, " \
      "but for 64 over the Unix socket.") \
    X(server, connections_per_address, INTEGER, connections_per_address, 0, 1000000, "0", \
      "connections", "", "Connections at once from one address. 0: no maximum, as is right " \
      "behind a proxy.") \
    X(server, idle_s, SECONDS, idle_s, 1, 86400, "60", "seconds", "", \
      "A connection that is idle for longer is closed.") \
    X(server, request_s, SECONDS, request_s, 1, 3600, "30", "seconds", "", \
      "A request that takes longer to arrive, or an answer that takes longer to be read, ends " \
      "its connection, however its bytes trickle.") \
    X(server, stop_grace_s, SECONDS, stop_grace_s, 0, 300, "10", "seconds", "", \
      "How long a stopping daemon waits for requests in flight.") \
    X(server, tls_certificate, PATH, tls_certificate, 0, 1024, "", "", "tls-certificate", \
      "PEM file with the certificate chain for TCP. With tls_key, or neither.") \
    X(server, tls_key, PATH, tls_key, 0, 1024, "", "", "tls-key", \
      "PEM file with the private key.") \
    X(server, trusted_proxies, NETWORKS, trusted_proxies, 0, CONFIG_LIST_MAX, "", \
      "addresses and networks, with commas", "trusted-proxies", \
      "Proxies whose X-Forwarded-For is believed. From anybody else it is ignored.") \
    X(log, level, CHOICE, log_level, 0, 0, "info", "debug,info,warning,error", "log-level", \
      "The least level that is written. debug has a line for every request.") \
    X(log, format, CHOICE, log_format, 0, 0, "auto", "auto,json,text", "log-format", \
      "auto: text on a terminal, JSON elsewhere.") \
    X(log, file, PATH, log_file, 0, 1024, "", "", "", \
      "Where the log goes. It is opened anew at SIGHUP, so that it can be renamed away. Empty: " \
      "standard error.") \
    X(token, prefix_live, PREFIX, prefix_live, 2, TOKEN_PREFIX_BYTES_MAX, "sk_live_", "", "", \
      "How live tokens begin: 2 to 32 of a-z, 0-9 and _, with a _ at the end.") \
    X(token, prefix_test, PREFIX, prefix_test, 2, TOKEN_PREFIX_BYTES_MAX, "sk_test_", "", "", \
      "How test tokens begin. It differs from prefix_live.") \
    X(auth, realm, TEXT, realm, 1, 128, "tokenry", "", "", \
      "The realm that a refusal names in WWW-Authenticate.") \
    X(auth, credentials, SOURCES, credential_sources, 1, CONFIG_SOURCES_MAX, "Authorization: Bearer, X-API-Key", \
      "headers with their scheme, with commas", "", \
      "Headers that may carry the token, in order of preference.") \
    X(auth, attempt_header, TEXT, attempt_header, 0, CREDENTIAL_NAME_BYTES_MAX, "", "", "", \
      "A header in which a trusted proxy, or one at the Unix socket, sends an id of the request " \
      "that it makes itself: when it asks again with the same id and token within 60 seconds, " \
      "that is not counted again. The proxy must not pass on what its client sent. Empty: none.") \
    X(auth, trials, CHOICE, auth_trials, 0, 0, "off", "off,on", "", \
      "on: trusted proxies, and any at the Unix socket, may ask /auth with dry_run=true, which takes " \
      "nothing from any limit, and explain=true, which tells every check. Only where no client " \
      "reaches the query of /auth. A peer of the Unix socket that speaks for itself always may.") \
    X(limits, minute, CHOICE, window_kinds[WINDOW_MINUTE], 0, 0, "sliding", "fixed,sliding", "", \
      "sliding: at most the limit in any 60 seconds. fixed: in each minute of the clock.") \
    X(limits, hour, CHOICE, window_kinds[WINDOW_HOUR], 0, 0, "fixed", "fixed,sliding", "", \
      "The same for the hour. fixed windows begin at the full hour, UTC.") \
    X(limits, day, CHOICE, window_kinds[WINDOW_DAY], 0, 0, "fixed", "fixed,sliding", "", \
      "The same for the day. fixed windows begin at midnight, UTC.") \
    X(lifetime, user_default, LIFETIME, lifetime_default_s[TOKEN_KIND_USER], 1, 3155760000, \
      "90d", "duration", "", "Of a user's token that asks for none.") \
    X(lifetime, user_max, LIFETIME, lifetime_max_s[TOKEN_KIND_USER], 1, 3155760000, "never", \
      "duration", "", "The longest that may be asked for; never: no maximum.") \
    X(lifetime, service_default, LIFETIME, lifetime_default_s[TOKEN_KIND_SERVICE], 1, 3155760000, \
      "180d", "duration", "", "The same for service tokens.") \
    X(lifetime, service_max, LIFETIME, lifetime_max_s[TOKEN_KIND_SERVICE], 1, 3155760000, \
      "never", "duration", "", "The same for service tokens.") \
    X(lifetime, admin_default, LIFETIME, lifetime_default_s[TOKEN_KIND_ADMIN], 1, 3155760000, \
      "30d", "duration", "", "The same for admin tokens.") \
    X(lifetime, admin_max, LIFETIME, lifetime_max_s[TOKEN_KIND_ADMIN], 1, 3155760000, "never", \
      "duration", "", "The same for admin tokens.") \
    X(lifetime, on_exceed, CHOICE, lifetime_on_exceed, 0, 0, "clamp", "clamp,reject", "", \
      "What happens to a request for a longer life: clamp cuts it and says so in the answer; " \
      "reject refuses it.") \
    X(lifetime, one_active_per_user, CHOICE, one_active_per_user, 0, 0, "off", "off,on", "", \
      "on: a new token revokes the older ones of its user that are of the same kind and " \
      "environment. An organisation may say otherwise, as about the lifetimes.") \
    X(rotation, grace_s, SECONDS, rotation_grace_s, 0, ROTATION_GRACE_S_MAX, "86400", "seconds", "", \
      "The overlap of a rotation that names none. 0: the predecessor ends at once.") \
    X(rotation, targets_file, PATH, rotation_targets_file, 0, 1024, "", "", "", \
      "The file of targets, to which tokens are brought that are rotated by schedule, see " \
      "tokenry-targets(5). Empty: there are none, and nothing is rotated by itself.") \
    X(rotation, max_age, SECONDS, rotation_max_age_s, 0, LIFETIME_S_MAX, "7776000", "seconds", "", \
      "The age at which a token with a schedule is due, unless the schedule says another. 0: not " \
      "by age.") \
    X(rotation, high_use, INTEGER, rotation_high_use, 0, INT64_C(1) << 53, "1000", "requests", "", \
      "A token that was used more often than so since it was made is due at high_use_age.") \
    X(rotation, high_use_age, SECONDS, rotation_high_use_age_s, 0, LIFETIME_S_MAX, "2592000", \
      "seconds", "", \
      "The age at which such a token is due. 0: not by use.") \
    X(rotation, window, TEXT, rotation_window, 0, CALENDAR_BYTES_MAX, "", "", "", \
      "When tokens are rotated that are due: minute, hour, day, month and weekday as in crontab(5), " \
      "and for how long, as in `0 2 * * sat for 2h`. Empty: at any time.") \
    X(rotation, time_zone, TEXT, rotation_time_zone, 1, TIME_ZONE_NAME_BYTES_MAX, "UTC", "", "", \
      "The zone whose wall clock the window goes by, like Europe/Berlin.") \
    X(rotation, quiet_s, SECONDS, rotation_quiet_s, 0, ROTATION_GRACE_S_MAX, "0", "seconds", "", \
      "A predecessor that nobody used for so long, while its successor was in use, ends before its " \
      "overlap does. 0: it does not.") \
    X(audit, key_file, PATH, audit_key_file, 0, 1024, "", "", "", \
      "The key that seals the audit log, made when it is missing. Whoever can read it can forge " \
      "the log: keep it apart from the database and its copies where you can. Empty: audit.key " \
      "in the data directory.") \
    X(audit, successes, CHOICE, audit_successes, 0, 0, "first_per_minute", \
      "none,first_per_minute,all", "", \
      "Which successful verifications become events of the audit log: none; the first of each " \
      "token in each minute; or all, which takes about half a kilobyte of disk for each request.") \
    X(audit, refusals_per_second, INTEGER, audit_refusals_per_second, 0, \
      AUTH_REFUSALS_PER_SECOND_MAX, "100", "events", "", \
      "Refused verifications that become events of their own in a second, half of them for " \
      "requests without a token that is known; more are counted by their reason. The same refusal of the " \
      "same token from the same address is one a minute and a number in any case.") \
    X(audit, keep_days, INTEGER, audit_keep_days, 0, 36500, "0", "days", "", \
      "Events older than that leave the log for an archive, once a day. 0: they stay.") \
    X(audit, archive_directory, PATH, audit_archive_directory, 0, 1024, "", "", "", \
      "Where archives of old events are written, for keep_days. It is not made: it may be on another " \
      "disk, which has to be there. none: old events are deleted, and only their number and digest " \
      "stay.") \
    X(cleanup, after_days, INTEGER, cleanup_after_days, 0, 36500, "0", "days", "", \
      "Tokens that expired or were revoked so long ago are deleted; those in quarantine when that is " \
      "so long ago, too. 0: they stay.") \
    X(monitor, tokens_max, INTEGER, monitor_tokens_max, 0, MONITOR_SKETCHES_MAX, "200000", "tokens", "", \
      "Tokens whose use is watched, at 250 bytes each. Of more, those unused longest are forgotten " \
      "and learned anew. It needs usage.metering. 0: none.") \
    X(monitor, on_rise, CHOICE, monitor_actions[MONITOR_RISE], 0, 0, "alert", "ignore,alert,throttle,quarantine", "", \
      "An hour with far more requests than the token ever had.") \
    X(monitor, on_new_network, CHOICE, monitor_actions[MONITOR_NETWORK], 0, 0, "alert", "ignore,alert,throttle,quarantine", "", \
      "Use from a network (/24 or /48) that it was not used from in the last 90 days.") \
    X(monitor, on_new_user_agent, CHOICE, monitor_actions[MONITOR_AGENT], 0, 0, "alert", "ignore,alert,throttle,quarantine", "", \
      "Use with a program that it was not used with in the last 90 days; a new version is no new " \
      "program. Only what audit.successes records is seen.") \
    X(monitor, on_refusals, CHOICE, monitor_actions[MONITOR_REFUSALS], 0, 0, "alert", "ignore,alert,throttle,quarantine", "", \
      "Far more of an hour's requests were refused than is usual for it.") \
    X(monitor, on_unusual_hour, CHOICE, monitor_actions[MONITOR_HOUR], 0, 0, "ignore", "ignore,alert,throttle,quarantine", "", \
      "Use at an hour of the day at which it hardly ever is. People who work late make an alert " \
      "about every five months.") \
    X(monitor, expiry_days, DAYS, monitor_expiry_days, 0, MONITOR_EXPIRY_MAX, "30, 14, 7, 1", \
      "days, with commas", "", \
      "Alerts when a token ends in so many days: each once. At most 1: critical, 7: high, 14: medium, " \
      "more: low. Empty: none.") \
    X(monitor, unused_days, INTEGER, monitor_unused_days, 0, 36500, "90", "days", "", \
      "An alert when a token was not used for so long: once. 0: none.") \
    X(usage, flush_ms, INTEGER, usage_flush_ms, 100, 60000, "1000", "milliseconds", "", \
      "How often counts go from the segment to the database: what a power cut may lose.") \
    X(usage, metering, CHOICE, usage_metering, 0, 0, "on", "off,on", "", \
      "Whether the requests that the daemon answers are also counted by verdict, endpoint and " \
      "network of the client (/24 or /48).") \
    X(usage, minutes_days, INTEGER, usage_minutes_days, 1, 400, "2", "days", "", \
      "How long counts are kept by the minute, and those by verdict, endpoint and network by the " \
      "hour. Then they become hours, and days.") \
    X(usage, hours_days, INTEGER, usage_hours_days, 1, USAGE_DAYS_MAX, "90", "days", "", \
      "How long counts are kept by the hour. Then they become days.") \
    X(usage, days_days, INTEGER, usage_days_days, 0, 100000, "730", "days", "", \
      "How long counts are kept at all. 0: for ever.") \
    X(segment, stale_s, SECONDS, stale_s, 1, 3600, "5", "seconds", "", \
      "A verifier whose authority has not been heard for longer answers unavailable.") \
    X(self_service, enabled, CHOICE, self_service, 0, 0, "on", "off,on", "", \
      "Whether whoever has a token may make, list and revoke keys of its own user. No key gets " \
      "more than the token that makes it has.") \
    X(self_service, keys_max, INTEGER, own_keys_max, 1, OWN_KEYS_MAX, "100", "keys", "", \
      "Live keys of one user that tokens made; one more is refused.") \
    X(environment, tier, TEXT, environment_tier, 0, TIER_NAME_BYTES_MAX, "", "", "", \
      "The tier of tokens that come from the environment, when they are new. Empty: no limits.") \
    X(migration, shared_token, CHOICE, shared_token, 0, 0, "accept", "accept,warn,refuse", "", \
      "What becomes of the token of API_TOKEN, which all share: accept; warn lets it through and " \
      "says so in X-Auth-Warning and in a metric, until nobody uses it any more; refuse " \
      "disables it.") \
    X(adopt, url, TEXT, adopt_url, 0, 1024, "", "", "", \
      "Asked with GET and the token in a header, as http:// or https://. It answers with one of " \
      "adopt.accept and a JSON object that says whose the token is. Empty: nobody is asked.") \
    X(adopt, header, TEXT, adopt_header, 1, CREDENTIAL_NAME_BYTES_MAX, "Authorization", "", "", \
      "The header that carries the token.") \
    X(adopt, scheme, TEXT, adopt_scheme, 0, CREDENTIAL_NAME_BYTES_MAX, "Bearer", "", "", \
      "What stands before the token in it. Empty: nothing.") \
    X(adopt, ca_file, PATH, adopt_ca_file, 0, 1024, "", "", "", \
      "PEM file with the authorities that an https endpoint is verified with. Empty: the system's.") \
    X(adopt, timeout_ms, INTEGER, adopt_timeout_ms, 50, ADOPT_TIMEOUT_MS_MAX, "2000", \
      "milliseconds", "", "How long a request waits for the endpoint; then it is answered 503.") \
    X(adopt, in_flight, INTEGER, adopt_in_flight, 1, ADOPT_IN_FLIGHT_MAX, "8", "questions", "", \
      "Questions at once.") \
    X(adopt, per_second, INTEGER, adopt_per_second, 1, ADOPT_PER_SECOND_MAX, "50", "questions", "", \
      "Questions a second. A request that finds them used up is answered 503.") \
    X(adopt, refused_s, SECONDS, adopt_refused_s, 1, 86400, "60", "seconds", "", \
      "A token that the endpoint refused is not asked about again for so long.") \
    X(adopt, refused_tokens, INTEGER, adopt_refused_tokens, 64, ADOPT_REFUSED_MAX, "65536", \
      "tokens", "", "How many refused tokens are remembered.") \
    X(adopt, accept, TEXT, adopt_accept, 1, 64, "200", "", "", \
      "Statuses that say yes, with commas.") \
    X(adopt, refuse, TEXT, adopt_refuse, 1, 64, "401,403,404", "", "", \
      "Statuses that say no, with commas. Any other one leaves it undecided: 503.") \
    X(adopt, user_member, TEXT, adopt_user_member, 0, 255, "user_id", "", "", \
      "The member of the answer that names the user; a dot goes into an object, as data.user_id.") \
    X(adopt, name_member, TEXT, adopt_name_member, 0, 255, "name", "", "", \
      "The same for the name of the token.") \
    X(adopt, tier_member, TEXT, adopt_tier_member, 0, 255, "tier", "", "", \
      "The same for its tier; one that does not exist here counts as adopt.tier.") \
    X(adopt, scopes_member, TEXT, adopt_scopes_member, 0, 255, "scopes", "", "", \
      "The same for its scopes, a list or a text. Those that would open Tokenry's own API are " \
      "left out.") \
    X(adopt, expires_member, TEXT, adopt_expires_member, 0, 255, "expires_at", "", "", \
      "The same for its end: RFC 3339, or a number of seconds; null is never.") \
    X(adopt, user, TEXT, adopt_user, 0, USER_ID_BYTES_MAX, "", "", "", \
      "The user of a token whose answer names none. Empty: such a token is not adopted.") \
    X(adopt, tier, TEXT, adopt_tier, 1, TIER_NAME_BYTES_MAX, "free", "", "", \
      "The tier of a token whose answer names none.") \
    X(adopt, kind, CHOICE, adopt_kind, 0, 0, "user", "user,service", "", \
      "The kind of adopted tokens.") \
    X(adopt, org, TEXT, adopt_org, 1, ORG_ID_BYTES_MAX, "default", "", "", \
      "The organisation of adopted tokens.") \
    X(notify, channels_file, PATH, channels_file, 0, 1024, "", "", "", \
      "The file of notification channels, see tokenry-channels(5). Others must not be able to read " \
      "it: it has secrets. Empty: alerts are lines of the log.") \
    X(leaks, github_keys, PATH, leaks_github_keys, 0, 1024, "", "", "", \
      "File with GitHub's keys, as https://api.github.com/meta/public_keys/secret_scanning gives " \
      "them; it is read at the start. With it, POST /api/v1/leaks/github takes reports that one " \
      "of them signed. Empty: there is no such endpoint.") \
    X(leaks, action, CHOICE, leaks_revoke, 0, 0, "quarantine", "quarantine,revoke", "", \
      "What becomes of our token in such a report. quarantine can be undone with tokenry restore.")
/* clang-format on */

#endif
