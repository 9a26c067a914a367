/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every maximum of the product, with its unit and what happens there. A maximum that is
 * also configurable states the ceiling of the configuration. Nothing else in the tree may
 * define one.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* --- token text ------------------------------------------------------------------- */
#define TOKEN_TEXT_BYTES_MIN 20   /* shorter: malformed */
#define TOKEN_TEXT_BYTES_MAX 512  /* longer: malformed */
#define TOKEN_PREFIX_BYTES_MAX 32 /* `sk_live_` and the like; longer: configuration error */
#define TOKEN_DISPLAY_BYTES_MAX (TOKEN_PREFIX_BYTES_MAX + 4)
#define TOKEN_DIGEST_BYTES 32
#define TOKEN_ID_CHARS 30 /* "tok_" and 26 characters */

/* --- names and values that callers choose; more: out_of_range, naming the member ---- */
#define ORG_ID_BYTES_MAX 64
#define USER_ID_BYTES_MAX 255
#define TOKEN_NAME_BYTES_MAX 255
#define TIER_NAME_BYTES_MAX 50
#define SCOPE_BYTES_MAX 100
#define SCOPES_PER_TOKEN_MAX 64
#define SCOPES_TEXT_BYTES_MAX 2048 /* all scopes of a token, separated by one space */
#define CIDRS_PER_TOKEN_MAX 32
#define METADATA_BYTES_MAX 4096
#define REVOKE_REASON_BYTES_MAX 255
#define IDEMPOTENCY_KEY_BYTES_MAX 255

#define EMAIL_BYTES_MAX 254 /* RFC 5321 4.5.3.1.3, without the brackets */
#define ROLE_NAME_BYTES_MAX 50
#define ROLES_PER_ORG_MAX 256 /* and as many of all organisations; more: capacity */

#define DURATION_S_MAX (100LL * 366 * 86400) /* a century; longer durations: out_of_range */

/* --- limits and windows ------------------------------------------------------------ */
#define LIMIT_SLIDING_MINUTE_MAX 1000000 /* requests in any 60 s; more: out_of_range */
#define LIMIT_WINDOW_MAX 4000000000U     /* requests in an hour or a day window */
#define VERIFY_COST_MAX 1000000          /* cost of one call; more: out_of_range */
#define VERIFY_BATCH_MAX 1000            /* tokens in one batch; more: too_large */
#define CREDITS_MAX 1000000000000ULL /* credits given at once, or a refill; more: out_of_range */

#define CREDITS_RESERVATION_S_DEFAULT 300     /* of a reservation without `ttl` */
#define CREDITS_RESERVATION_S_MAX (7 * 86400) /* longer `ttl`: out_of_range */
#define CREDITS_EXPIRE_MAX 100  /* reservations that one flush ends; the rest waits for the next */
#define VERSIONS_LIVE_MAX 32    /* of a lineage, still in their overlap; more: capacity */
#define LINEAGE_TOKENS_MAX 1000 /* unrevoked tokens that share credits; more: capacity */

/* --- the segment ------------------------------------------------------------------- */
#define SEGMENT_TOKENS_MAX 1000000000U /* more: create answers capacity */
#define SEGMENT_TIERS_MAX 256
#define SEGMENT_ORGS_MAX 65536
#define SEGMENT_USERS_MAX 1000000000U        /* more: create answers capacity */
#define SEGMENT_LINES_MAX (1U << 31)         /* usage lines; more: create answers capacity */
#define SEGMENT_TEXT_BYTES_MAX (32ULL << 30) /* names, metadata, networks of all tokens */
#define SEGMENT_EPOCHS_MAX 32                /* pending emergency revocations; more: busy */
#define SEGMENT_STALE_S_DEFAULT 5            /* heartbeat older than this: unavailable */

/* --- the meter ----------------------------------------------------------------------- */
#define METER_SEATS_MAX 1024 /* threads that count by dimension; more do not */
#define METER_SLOTS_DEFAULT                                                                        \
    16384U                       /* combinations that wait to be drained, a thread; more: `other` */
#define METER_LABELS_MAX 256     /* endpoint labels between two starts; more: `other` */
#define METER_LABEL_BYTES_MAX 32 /* a longer endpoint label: invalid_request */
#define METER_VERDICTS_MAX 32    /* verdicts that fit the format */
#define METER_DRAIN_MAX 500      /* combinations in one transaction */

/* --- the monitor --------------------------------------------------------------------- */
#define MONITOR_SKETCHES_MAX                                                                       \
    4000000                         /* tokens that are watched; then the one unused longest goes   \
                                     */
#define MONITOR_ALARMS_MAX 64       /* that wait to be acted on or stored; more: counted */
#define MONITOR_ALERTS_PER_HOUR 100 /* alarms that are told one by one; more: one alert */
#define MONITOR_ACTIONS_PER_HOUR 20 /* tokens throttled or held by it; more are only told of */
#define MONITOR_THROTTLE_LEAST 40   /* requests an hour that a throttle leaves */
#define MONITOR_SAVE_MS 300000      /* from one pass over the changed sketches to the next */
#define MONITOR_SAVE_SLICE 1000     /* sketches kept in one transaction, one a flush */
#define EXPIRING_COUNTS_MS 300000   /* tokens that end soon are counted at most this often */
#define EXPIRY_ALERTS_EVERY_MS 3600000  /* between two looks at tokens that end soon */
#define UNUSED_TOKENS_EVERY_MS 86400000 /* likewise at unused ones */
#define MONITOR_EXPIRY_MAX 8            /* days before an end that are told of; more: an error */
#define MONITOR_EXPIRY_DAYS_MAX 3650    /* each of them; more: an error */
#define MONITOR_TOLD_ONE_BY_ONE 50      /* alerts of a run of a job about tokens; the rest is one */
#define MONITOR_MARK_SLICE 200          /* tokens of that rest that are marked in one transaction */
#define MONITOR_SCAN_ROWS 500           /* rows looked at for unused tokens in one go */
#define MONITOR_RUN_BYTES_MAX (8 << 20) /* memory of one slice of such a run */
#define MONITOR_FORGET_HOURS                                                                       \
    (92 * 24) /* without use: its sketch is forgotten at the next start                            \
               */

/* --- HTTP ---------------------------------------------------------------------------- */
#define HTTP_BODY_BYTES_MAX (64 * 1024)          /* more: 413 */
#define HTTP_BATCH_BODY_BYTES_MAX (1024 * 1024)  /* body of the batch call; more: 413 */
#define HTTP_BODIES_BYTES_MAX (64 * 1024 * 1024) /* larger bodies of all connections; more: 503 */
#define HTTP_BODY_UNBOOKED_BYTES_MAX 4096        /* bodies up to this do not count there */
#define HTTP_CONNECTIONS_DEFAULT 4096            /* more: closed at accept */
#define HTTP_CONNECTIONS_LOCAL 64                /* beyond the maximum, for the Unix socket only */
#define HTTP_IDLE_S_DEFAULT 60                   /* idle or slow longer: closed */
#define HTTP_REQUEST_S_DEFAULT 30                /* request or answer under way longer: closed */
#define HTTP_HEADER_BYTES_MAX (8 * 1024)         /* request line and headers; more: 431 or 414 */
#define HTTP_HEADER_LINES_MAX 64                 /* more: 431 */
#define HTTP_CONNECTION_MEMORY_BYTES (16 * 1024) /* libmicrohttpd's pool of a connection */
#define HTTP_ANSWER_HEADERS_MAX 24               /* more: assertion, a row of ours is wrong */
#define HTTP_ANSWER_HEADER_BYTES_MAX 4096        /* longer: `-` is sent instead */
#define HTTP_DISCARD_BYTES_MAX (4 * 1024 * 1024) /* refused body read to its end; more: closed */
#define HTTP_KEPT_BYTES_MAX 4096                 /* buffer an idle connection keeps; more: freed */
#define HTTP_ARENA_BYTES_MAX (16 * 1024 * 1024)  /* memory of one exchange; more: 500 or 503 */
#define HTTP_PATH_ARGUMENTS_MAX 4                /* {name} in a route; more: assertion */
#define HTTP_EVENT_THREADS_MAX 256               /* more: invalid_request at start */
#define HTTP_WORKER_THREADS_MAX 256              /* likewise */
#define HTTP_ACCEPT_BATCH_MAX 256                /* accepted in a row before looking around */
#define HTTP_PEM_BYTES_MAX (256 * 1024)          /* certificate or key file; more: too_large */
#define HTTP_PROBLEM_BYTES_MAX 8192              /* a problem's JSON; more: `{}` */
#define HTTP_BACKLOG_MAX 4096                    /* connections not accepted yet; more: refused */
#define HTTP_HALF_CLOSED_MS 500                  /* no step forward: look whether more can come */
#define HTTP_QUIET_MS 250                        /* without a request, stopping: who is idle goes */
#define HTTP_GIVE_UP_MS 200                      /* for the 503 of those who waited, stopping */
#define HTTP_QUERY_ARGUMENTS_MAX 64              /* more: 400 */
#define HTTP_SCOPE_ARGUMENTS_MAX 16              /* `scope=` in one /auth; more: 400 */
#define HTTP_FORWARDED_HOPS_MAX 32               /* addresses in X-Forwarded-For; more: 400 */
/* Longer or odd ones are replaced by ours. Ids are logged and echoed, so the maximum is below
 * the 51 characters of the shortest token that Tokenry makes: none can come in as an id. */
#define HTTP_REQUEST_ID_BYTES_MAX 48
#define JSON_DEPTH_MAX 16  /* deeper: malformed */
#define LIST_PAGE_MAX 1000 /* `limit=` beyond: out_of_range */
#define LIST_PAGE_DEFAULT 100
#define WORK_QUEUE_MAX 4096 /* waiting management calls; more: 503 */

/* --- the API ------------------------------------------------------------------------- */
#define CREDENTIAL_NAME_BYTES_MAX                                                                  \
    63                             /* header name, scheme of a credential source; more:            \
                                      configuration error; below 64 (a bit each) */
#define API_EVENT_THREADS_MAX 1024 /* event threads with a verifier; beyond: unavailable */
#define API_ANSWER_BYTES_MAX (64 * 1024 * 1024) /* a JSON answer; more: internal error */
#define API_PAGE_BYTES_MAX (32 * 1024 * 1024)   /* memory of one list or batch call */
#define API_METRICS_BYTES_MAX (256 * 1024)      /* text of `/metrics` */
#define API_CALL_BYTES_MAX (1024 * 1024)        /* memory of one local call, without its page */
#define API_ATTEMPTS_MAX 65536      /* recent attempts of proxies; older ones are forgotten */
#define API_ATTEMPT_S 60            /* a retry that comes later counts again */
#define API_ATTEMPT_RETRIES_MAX 8   /* further ones count again */
#define API_ATTEMPT_ID_BYTES_MAX 64 /* a longer id, or an odd one, is none */
#define LIFETIME_S_MAX INT64_C(3155760000) /* `expires_in`, 100 years; more: out_of_range */
#define USER_AGENT_BYTES_MAX 255           /* in audit events; more is cut */

/* --- keys and reports of others ------------------------------------------------------ */
#define PEM_BYTES_MAX 1024              /* one public key of ours to verify with; more: too_large */
#define LEAK_REPORT_TOKENS_MAX 100      /* in one report of a scanner; more: too_large */
#define LEAK_URL_BYTES_MAX 2048         /* where a token was found; a longer one is left out */
#define LEAK_WORD_BYTES_MAX 64          /* its type, and in what it was found; likewise */
#define LEAK_KEYS_MAX 16                /* in a scanner's list of keys; more: too_large */
#define LEAK_KEYS_BYTES_MAX (64 * 1024) /* that list; more: too_large */
#define LEAK_REPORTS_PER_SECOND 100     /* looked at; more: 503 */
#define LEAK_KEY_NAME_BYTES_MAX 128     /* key identifier; longer: invalid_request */

/* --- asking an old endpoint ----------------------------------------------------------- */
#define ADOPT_IN_FLIGHT_MAX 64             /* questions at once (`adopt.in_flight`) */
#define ADOPT_FLIGHTS_MAX 256              /* tokens that are asked about or queued; more: 503 */
#define ADOPT_WAITING_MAX 1024             /* requests that wait for it; more: 503 */
#define ADOPT_ANSWER_BYTES_MAX (64 * 1024) /* an answer of the endpoint; more: 503 */
#define ADOPT_TIMEOUT_MS_MAX 10000         /* `adopt.timeout_ms`, the whole wait for it */
#define ADOPT_PER_SECOND_MAX 10000         /* `adopt.per_second`: questions; more: 503 */
#define ADOPT_REFUSED_MAX (1024 * 1024)    /* refused tokens remembered; more: the oldest goes */

/* --- the store ----------------------------------------------------------------------- */
#define STORE_BATCH_MAX 512       /* changes in one group commit */
#define STORE_BATCH_ROWS_MAX 8000 /* tokens of imports in one; more: the next one */
#define STORE_SLICE_ROWS 1000     /* the same where another change waits */
#define STORE_BUSY_MS 5000        /* wait for a lock that another process holds, then `locked` */
#define IDEMPOTENCY_TTL_S 86400   /* an Idempotency-Key is remembered this long */
#define IDEMPOTENCY_EXPIRE_MAX 4  /* expired keys deleted with each new one */
#define STORE_SCAN_TOKENS 256     /* tokens that a change of many reads at a time */
#define STORE_SCAN_BYTES_MAX (2 * 1024 * 1024) /* their texts */
#define STORE_READERS 4 /* reading connections; more readers wait, then `busy` */
#define STORE_LOAD_WORKERS_MAX 16
#define STORE_CURSOR_BYTES_MAX 64                /* a longer cursor: invalid_request */
#define STORE_CHECK_BYTES_MAX (16 * 1024 * 1024) /* larger databases skip quick_check at open */
#define STORE_WRITER_CACHE_KIB 65536
#define STORE_READER_CACHE_KIB 8192
#define STORE_WAL_PAGES 4000 /* pages in the write-ahead log that start a checkpoint */
#define STORE_WAL_PAGES_BULK (8 * STORE_WAL_PAGES)  /* the same after very large commits */
#define STORE_WAL_PAGES_WAIT (16 * STORE_WAL_PAGES) /* from here on it waits for readers */
#define STORE_WAL_BYTES_KEPT (64 * 1024 * 1024)     /* a longer log is cut when it starts over */
#define CHANGE_BYTES_MAX (64 * 1024) /* memory of one change with its texts; more: too_large */
#define INVISIBLE_TOKENS_MAX                                                                       \
    4096 /* stored tokens that a full segment could not take; more wait                            \
            for the next start */
#define EVENT_DETAILS_BYTES_MAX 4096 /* an audit event's details; longer values are left out */
#define USAGE_FLUSH_LINES_MAX 20000  /* lines written a flush; the rest stays for the next */
#define USAGE_FLUSH_SLICE 1000       /* lines in one transaction, between two batches of changes */
#define USAGE_FLUSH_COUNT_MAX (1ULL << 40) /* requests a flush books on a line; not the rest */
#define OWN_KEYS_MAX 10000 /* of a user, by self-service (`self_service.keys_max`): capacity */
#define ENVIRONMENT_TOKENS_MAX 256 /* in API_TOKEN and API_TOKENS; more: it does not start */
#define FAMILY_TOKENS_MAX 1000     /* descendants revoked with a token; more: capacity */
#define BLAST_VERSIONS_MAX 100     /* of a lineage in a report on a token, the newest */
#define BLAST_LISTED_MAX 100       /* descendants that it lists; all that were found are counted */
#define BLAST_ROWS_MAX 4000        /* rows of tokens that it reads for that; more are not found */
#define BLAST_EVENTS_MAX 10000     /* audit events that it looks at, the newest */
#define BLAST_EVENTS_KEPT 20       /* of a kind that it tells one by one */
#define EVENT_TYPES_MAX 64         /* of events counted by type; more are in the sum only */
#define STATUS_COUNTS_MS 10000     /* tokens by status are counted at most this often */
#define CLOCK_FLUSH_MS 60000       /* an idle authority writes its clock this often */
#define USAGE_ENDPOINTS_MAX 256    /* labels of an hour of a line; more: `other` */
#define USAGE_NETWORKS_MAX 64      /* likewise */
#define USAGE_SWEEP_LINES 64       /* lines looked at in one slice of a sweep */
#define USAGE_SWEEP_ROWS 2000      /* rows moved in one slice, or a day of one line */
#define USAGE_SWEEP_S 3600         /* a sweep begins this often */
#define USAGE_SHARES_MAX 256       /* labels of a dimension in an answer, the largest */
#define USAGE_POINTS_MAX 9000      /* points of a series; more: out_of_range */
#define USAGE_DAYS_MAX 3660        /* days of one question; more: out_of_range */
#define USAGE_VERSIONS_MAX 1000    /* versions of a lineage in an answer, the newest */

/* --- the audit log ------------------------------------------------------------------------- */
#define AUDIT_EVENT_BYTES_MAX 8192   /* an event as it is hashed; more: the change fails */
#define AUDIT_CHECKPOINT_EVENTS 1000 /* events between two checkpoints at the most */
#define AUDIT_CHECKPOINT_MS 60000    /* and time, when there are some */
#define AUDIT_KEYS_MAX 16            /* public keys that one verification trusts; more: capacity */
#define AUDIT_PAGE_BYTES_MAX (1024 * 1024) /* texts of one page, which is then short */
#define AUDIT_SCAN_EVENTS 100000           /* looked at for one page, which is then short */
#define AUDIT_SCAN_STRIPS 4096             /* of 8192 events, looked into for one page; likewise */
#define AUDIT_SEQ_MAX (INT64_C(1) << 53)   /* numbers that we give out; more: no_space */
#define CICD_EVENT_BYTES_MAX 32            /* the word for what a CI/CD system did */
#define CICD_METADATA_BYTES_MAX 2048       /* of such an event, as JSON; more: out_of_range */
#define AUDIT_ARCHIVE_EVENTS_MAX 1000000   /* in one file of an archive; more: the next one */
#define AUDIT_DROP_EVENTS 1000             /* deleted in one transaction, once they are archived */
#define AUDIT_RETENTION_EVERY_MS 86400000
#define AUDIT_LINE_BYTES_MAX 65536 /* an event as a line; it never is longer than 50,000 */
#define AUDIT_SLICE_EVENTS 1000    /* read in one go, so that a long reader holds up nobody */

/* --- verifications as events ----------------------------------------------------------------- */
#define AUTH_RING_BYTES (8 * 1024 * 1024)         /* events that wait to be stored; more: counted */
#define AUTH_RING_BYTES_ALL (4 * AUTH_RING_BYTES) /* the same when all successes are events */
#define AUTH_SLICE_EVENTS 1000 /* stored in one transaction, between two of changes */
#define AUTH_BATCH_EVENTS (8 * AUTH_SLICE_EVENTS) /* the same while no change waits */
#define AUTH_TEXT_BYTES_MAX 255                   /* of each text of an event; more is cut */
#define AUTH_RAY_BYTES_MAX 50                     /* the proxy's ray id; a longer one is none */
#define AUTH_METHOD_BYTES_MAX 16                  /* the method that a proxy names; likewise */
#define AUTH_SEEN_TOKENS (128 * 1024)       /* whose success in a minute is known; more: events */
#define AUTH_REPEATS_MAX 4096               /* refusals of a minute that are known; more: events */
#define AUTH_REFUSALS_PER_SECOND_MAX 100000 /* ceiling of `audit.refusals_per_second` */
/* Tries of honeytokens that are stored, half as many of ended tokens; likewise. */
#define AUTH_TRIES_PER_SECOND 50

/* --- the lifecycle ------------------------------------------------------------------------- */
#define ROTATION_GRACE_S_MAX (366 * 86400) /* overlap of two versions; more: out_of_range */
#define ROTATION_EVERY_MS 60000            /* schedules are looked at this often */
#define ROTATION_RETRY_MS 60000            /* after a failed delivery, doubled for each ... */
#define ROTATION_RETRY_MS_MAX 21600000     /* ... up to this */
#define ROTATION_TARGETS_MAX 64            /* in the targets file; more: capacity */
#define ROTATION_TARGET_NAME_BYTES_MAX 63  /* of a-z, 0-9, _ and - */
#define DELIVER_PATH_BYTES_MAX 1023        /* of a file; more: refused */
#define DELIVER_WORDS_MAX 32               /* of a command; more: refused */
#define DELIVER_BEARER_BYTES_MAX 1023      /* of GitHub's token; more: refused */
#define DELIVER_URL_SIZE 4096
#define DELIVER_BODY_BYTES_MAX 8192    /* message with a token; more: not sent */
#define DELIVER_ANSWER_BYTES_MAX 65536 /* of a receiver; more: unsure */
#define ROTATION_UNSURE_MAX 8 /* deliveries without a certain end; more: somebody asks first */
#define ROTATION_ERROR_BYTES_MAX 200 /* why one failed; longer is cut */
#define ROTATION_WATCHED_MAX 4096    /* overlaps that are watched for quiet; more end by time */
#define EMERGENCY_SETTLE_ROWS 2000   /* rows that an emergency revocation settles at once */
#define EMERGENCY_SETTLE_RANGE 20000 /* row numbers that it looks through at once */
#define CLEANUP_BATCH_MAX 500        /* tokens cleaned away in one transaction */
#define CLEANUP_EVERY_MS 3600000     /* between two cleanups that found all there was */

/* --- answers from outside -------------------------------------------------------------------- */
#define OUTSIDE_HEADER_BYTES_MAX (64 * 1024) /* lines of headers of one; more: not read */

/* --- alerts and notifications ---------------------------------------------------------------- */
#define ALERT_SUMMARY_BYTES_MAX 256   /* longer is cut */
#define ALERT_DETAILS_BYTES_MAX 2900  /* so that they fit an event; more: left out, and told */
#define ALERT_KEY_BYTES_MAX 255       /* longer: an assertion, keys are made here */
#define ALERT_KEY_TTL_S (400 * 86400) /* a key is remembered so long, then raises once more */
#define ALERT_KEYS_FORGOTTEN 4        /* old keys that go with each new one */
#define ALERT_TYPE_BYTES_MAX 63
#define NOTIFY_CHANNELS_MAX 32        /* in the channels file; more: capacity */
#define NOTIFY_KEYS_MAX 4             /* of one webhook at a time; more: too_large */
#define NOTIFY_KEY_BYTES_MAX 64       /* of them each, and at least NOTIFY_KEY_BYTES_MIN */
#define NOTIFY_KEY_BYTES_MIN 24       /* as the Standard Webhooks want it */
#define NOTIFY_PASSWORD_BYTES_MAX 256 /* for a mail server; more: too_large */
#define NOTIFY_SECRET_FILE_BYTES_MAX 4096
#define NOTIFY_IN_FLIGHT_MAX 8               /* messages that one channel sends at once */
#define NOTIFY_ANSWER_BYTES_MAX 8192         /* of a receiver; more: not read */
#define NOTIFY_SAID_BYTES_MAX 200            /* of an answer that is shown; longer is cut */
#define NOTIFY_PAYLOAD_BYTES_MAX (24 * 1024) /* a message as it is sent; below Teams' 28 KB */
#define NOTIFY_FACTS_MAX 16                  /* lines about an alert; more are left out */
#define NOTIFY_FACT_BYTES_MAX 300            /* of one; longer is cut */
#define NOTIFY_TRIES_MAX 25                  /* then a message is a dead letter */
#define NOTIFY_RETRY_FIRST_MS 5000           /* the most before the second try; doubles with each */
#define NOTIFY_RETRY_MOST_MS 3600000 /* between two tries; also what a receiver may ask for */
#define NOTIFY_PAUSE_MOST_MS 60000   /* of a channel whose receiver cannot be reached */
#define NOTIFY_TESTS_MAX 16          /* that wait; more: busy */
#define NOTIFY_STOP_MS 2000          /* what is being sent at a stop has so long */
#define OUTBOX_WAITING_MAX 10000     /* critical messages of a channel that wait; others fewer */
#define OUTBOX_DEAD_MAX 1000         /* dead letters of a channel; more: the oldest goes */
#define OUTBOX_ERROR_BYTES_MAX 200   /* why a try failed; longer is cut */
#define OUTBOX_CHANNELS_MAX 64       /* listed, also those that are no longer configured */

/* --- jobs ------------------------------------------------------------------------------------ */
#define JOBS_MAX 32             /* in the table of handlers, and at once; more: it does not start */
#define JOB_NAME_BYTES_MAX 31   /* a longer name is found when it starts */
#define JOB_HOLDER_BYTES_MAX 32 /* of a running authority */
#define JOB_RESULT_BYTES_MAX 255 /* the sentence of a run; longer is cut */
#define JOBS_TICK_MS 500         /* between two looks at what is due */
#define JOB_LEASE_MS 60000       /* then a run whose authority died is anybody's */
#define JOB_RETRY_MS 600000      /* at the latest after a run that failed */
#define JOB_CLAIM_RETRY_MS 10000 /* after a lease that could not be written */
#define JOB_STOP_MS 10000        /* to end, once asked to or beyond its deadline; then: it hangs */

/* --- configuration --------------------------------------------------------------------- */
#define CONFIG_FILE_BYTES_MAX (256 * 1024) /* more: an error that says so */
#define CONFIG_VALUE_BYTES_MAX 4096
#define CONFIG_LINE_BYTES_MAX (CONFIG_VALUE_BYTES_MAX + 256) /* more: an error that says so */
#define RECORD_NAME_BYTES_MAX 32 /* of a section that somebody names; more: malformed */
#define CONFIG_LIST_MAX 64       /* entries in a list value */

/* --- memory ---------------------------------------------------------------------------- */
#define SECRET_SPARE_PAGES_MAX 32 /* locked pages kept for the next secret; more: unmapped */

/* --- rings of records ------------------------------------------------------------------- */
#define RING_RECORD_BYTES_MAX 4096 /* a record of a ring; more: assertion */

/* --- room on disks, as doctor and the job `health` judge it --------------------------------- */
#define ROOM_DATA_LOW_BYTES (512ULL << 20)    /* of the data directory; less: a warning */
#define ROOM_DATA_NONE_BYTES (64ULL << 20)    /* less: failed */
#define ROOM_RUNTIME_LOW_BYTES (128ULL << 20) /* of the runtime directory, likewise */
#define ROOM_RUNTIME_NONE_BYTES (32ULL << 20)
#define ROOM_FREE_PERCENT 5 /* less: a warning */
#define ROOM_FREE_FILES 64  /* that can still be made; fewer: failed */

/* --- the log ------------------------------------------------------------------------- */
#define LOG_DENIED_PER_SECOND 20 /* lines about refused callers; more are counted, and told so */
#define LOG_LINE_BYTES_MAX 4096  /* PIPE_BUF; a longer line is cut, and says "truncated" */

/* --- the daemon -------------------------------------------------------------------------- */
#define DAEMON_CONNECTIONS_LEAST 16 /* room for fewer open files: it does not start */
#define WATCHDOG_MS_LEAST 500       /* between two looks; a watchdog of less than 1 s is not fed */
#define DAEMON_FILES_SPARE 128      /* open files beside connections: database, segment, epoll */

/* --- maintenance windows --------------------------------------------------------------------- */
#define ZONE_BYTES_MAX (64 * 1024)  /* a TZif file; more: malformed */
#define TIME_ZONE_NAME_BYTES_MAX 63 /* more: no such zone */
#define ZONES_KEPT_MAX 640       /* of which schedules speak; there are about 600. More: capacity */
#define CALENDAR_BYTES_MAX 200   /* text of a window; more: malformed */
#define CALENDAR_WINDOW_S_MIN 60 /* how long one lasts; less: out_of_range */
#define CALENDAR_WINDOW_S_MAX 604800 /* more: out_of_range */

/* --- import from other stores ---------------------------------------------------------------- */
#define IMPORT_CALL_ROWS_MAX 1000            /* tokens in one call; more: too_large */
#define IMPORT_CHANGE_ROWS_MAX 500           /* of them in one transaction; more: the next one */
#define IMPORT_CHANGE_BYTES_MAX (4 << 20)    /* memory of one such change; more: too_large */
#define HTTP_IMPORT_BODY_BYTES_MAX (4 << 20) /* body of the import call; more: 413 */
#define IMPORT_ENTRY_BYTES_MAX (64 * 1024)   /* a line of CSV, an entry of JSON; more: a bad row */
#define IMPORT_CELL_BYTES_MAX (64 << 20)     /* a row of SQLite; more: an error, at its row */
#define IMPORT_ROW_BYTES_MAX (512 * 1024)    /* memory of one row's values; more: out_of_memory */
#define IMPORT_READ_BYTES (64 * 1024)        /* of a file at a time */
#define IMPORT_ENV_BYTES_MAX (1024 * 1024)   /* a .env file; more: too_large */
#define IMPORT_COLUMNS_MAX 256               /* of a table; more: an error. Of JSON: not told */
#define IMPORT_COLUMN_BYTES_MAX 63           /* a longer name is no member */
#define IMPORT_REQUESTS_MAX (1LL << 48)      /* a request count; more: a bad row */
#define IMPORT_WAIT_S 60                     /* for the next row of a database; then: timeout */

/* --- the command line ---------------------------------------------------------------------- */
#define CLI_ARGUMENTS_MAX 512                     /* words behind a command; more: usage error */
#define CLI_ANSWER_BYTES_MAX API_ANSWER_BYTES_MAX /* an answer of the API; more: an error */
#define CLI_INPUT_BYTES_MAX 4096                  /* of standard input with --token-stdin */
#define CLI_CONNECT_S 5                           /* wait for a connection; then: unreachable */
#define DOCTOR_CHECK_BYTES_MAX                                                                     \
    (INT64_C(1) << 30)    /* of a database that is read whole for damage                           \
                           */
#define DOCTOR_ANSWER_S 5 /* wait for the daemon; then it does not answer */
#define DOCTOR_CERTIFICATE_WARNING_DAYS 30
#define DOCTOR_CERTIFICATE_FAILED_DAYS 7
#define DOCTOR_CLOCK_AHEAD_MS 60000                  /* of the wall clock; more: failed */
#define DOCTOR_CLOCK_LEAST_MS INT64_C(1735689600000) /* 2025: a wall clock before it is wrong */
#define CLI_ANSWER_S 60                              /* wait for an answer; then: unreachable */

/* --- replaying recorded traffic ------------------------------------------------------------- */
#define SIMULATE_LINE_BYTES_MAX (16 * 1024) /* a longer line is left out, and told so */
#define SIMULATE_COLUMNS_MAX 256            /* of a CSV file; more: too_large */
#define SIMULATE_SUBJECTS_MAX 2000000       /* tokens and users in one recording; more: capacity */
#define SIMULATE_HELD_MAX (1 << 20) /* lines that wait for earlier ones; later still: an error */
#define SIMULATE_PROPOSALS_MAX 8    /* limits replayed side by side; more: usage error */
#define SIMULATE_STEPS_MAX 60       /* of a timeline; a longer recording has wider ones */
#define SIMULATE_BAD_SHOWN_MAX 20   /* lines left out that are told of one by one */
#define SIMULATE_TOP_MAX 100000     /* subjects listed by one report; more: usage error */

#endif
