/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. A new command is its options, a row, and a file cmd_NAME.c. */
#include <string.h>

#include "cli/command.h"
#include "daemon/config_table.h"
#include "daemon/suggest.h"

/* What is usual, for completion. */
#define LIFETIMES "24h,7d,30d,90d,never"
#define TIERS "free,pro,enterprise"
#define WINDOWS "minute=,hour=,day="
#define KINDS "user,service,admin"
#define ROLES "admin,operator,auditor,user"

#define OPTIONS_END                                                                                \
    {                                                                                              \
        .name = NULL                                                                               \
    }

#define EVENT_FILTERS                                                                              \
    {"type", "TYPE", false, "only of this type: token.create, or token.*"},                        \
        {"token", "TOKEN-ID", false, "only about this token"},                                     \
        {"actor", "TOKEN-ID", false, "only what was done with this token"},                        \
        {"user", "USER", false, "only about this user"},                                           \
        {"org", "ORG", false, "only of this organisation"},                                        \
        {"verdict", "VERDICT", false, "only with this verdict"},                                   \
        {"client", "ADDRESS", false, "only from this address"},                                    \
        {"from", "TIME", false, "not before: 2026-01-02T03:04:05Z"},                               \
    {                                                                                              \
        "until", "TIME", false, "before this time"                                                 \
    }

/* Of every command. */
static const struct cli_option every_options[] = {
    {"json", NULL, false, "print the object that the API answers"},
    {"help", NULL, false, "explain the command"},
    OPTIONS_END,
};

/* Of every command that reaches an authority. */
static const struct cli_option talk_options[] = {
    {"data", "DIR", false, "the data directory", "server.data"},
    {"config", "FILE", false, "the configuration file"},
    {"socket", "PATH", false, "the daemon's Unix socket, when it is not in the data directory",
     "server.socket"},
    {"insecure-http", NULL, false, "send TOKENRY_TOKEN over plain HTTP to another host"},
    OPTIONS_END,
};

static const struct cli_option no_options[] = {OPTIONS_END};

#define TOKEN_STDIN                                                                                \
    {                                                                                              \
        "token-stdin", NULL, false, "read the token from standard input, or ask for it"            \
    }

static const struct cli_option serve_options[] = {
#define SERVE_FLAG(section, key, type, member, least, most, fallback, unit, flag, description)     \
    {flag, #type, false, description, #section "." #key},
    CONFIG_TABLE(SERVE_FLAG) /* a row without a flag is an option without a name: skipped */
#undef SERVE_FLAG
    {"config", "FILE", false, "the configuration file"},
    {"set", "SECTION.KEY=VALUE", true, "any other key of the configuration"},
    {"reset-clock", NULL, false,
     "the machine's clock is right now: forget that it was ahead. Else time goes on from where it "
     "was, as it never goes back"},
    OPTIONS_END,
};

static const struct cli_option init_options[] = {
    {"user", "USER", false, "whose token it is; admin unless given"},
    {"name", "NAME", false, "what it is called; \"first admin\" unless given"},
    {"expires-in", "TIME", false, "how long it lives: 24h, 30d, 2w, or never",
     .choices = LIFETIMES},
    {"force", NULL, false, "make another one though there is an admin token: for a lost one"},
    OPTIONS_END,
};

static const struct cli_option create_options[] = {
    {"user", "USER", false, "whose token it is; needed; the user is made when new"},
    {"name", "NAME", false, "what it is called; needed"},
    {"kind", "KIND", false, "user, service or admin; user unless given", .choices = KINDS},
    {"env", "ENV", false, "live or test; live unless given", .choices = "live,test"},
    {"tier", "TIER", false,
     "its rate limits: free, pro, enterprise or your own; those of its user unless given",
     .choices = TIERS},
    {"scope", "SCOPE", true, "what it may do, like orders:read, orders:* or *"},
    {"role", "ROLE", false,
     "whose scopes it has beside its own: admin, operator, auditor, user or your own",
     .choices = ROLES},
    {"limit", "WINDOW=N", true,
     "a limit of its own, which beats its tier's: minute=60, hour=1000, day=none",
     .choices = WINDOWS},
    {"expires-in", "TIME", false, "how long it lives: 24h, 30d, 2w, or never",
     .choices = LIFETIMES},
    {"expires-at", "TIME", false, "when it ends, like 2027-01-31T00:00:00Z"},
    {"not-before", "TIME", false, "when it begins, likewise"},
    {"credits", "N", false, "how much it may use in all; unlimited unless given"},
    {"refill", "INTERVAL=N", false, "daily=1000 or monthly=1000: so many each UTC day or month",
     .choices = "daily=,monthly="},
    {"allow-ip", "CIDR", true, "where it may be used from, like 10.0.0.0/8"},
    {"meta", "KEY=VALUE", true, "something to remember with it"},
    {"idempotency-key", "KEY", false, "the same key again makes no second token"},
    {"token-stdin", NULL, false, "use the token on standard input instead of a new one"},
    {"force", NULL, false, "with --token-stdin: take it though it is weak"},
    {"honeytoken", NULL, false,
     "it never works, and whoever tries it is told of: to be left where only a thief looks"},
    OPTIONS_END,
};

/* Of every list that comes in pages. */
#define PAGE_OPTIONS                                                                               \
    {"limit", "N", false, "how many at a time, at most 1000; 100 unless given"},                   \
        {"cursor", "CURSOR", false, "go on where a list ended"},                                   \
    {                                                                                              \
        "all", NULL, false, "to the end, page by page"                                             \
    }

static const struct cli_option list_options[] = {
    {"user", "USER", false, "of this user only"},
    {"status", "STATUS", false,
     "active, disabled, quarantined, not_yet_valid, expired or revoked only",
     .choices = "active,disabled,quarantined,not_yet_valid,expired,revoked"},
    {"tier", "TIER", false, "of this tier only", .choices = TIERS},
    {"kind", "KIND", false, "user, service or admin only", .choices = KINDS},
    {"role", "ROLE", false, "that have this role only", .choices = ROLES},
    {"name", "NAME", false, "that are called so only"},
    {"org", "ORG", false, "of another organisation; * for all"},
    {"inactive", NULL, false, "expired and revoked ones, too"},
    PAGE_OPTIONS,
    OPTIONS_END,
};

static const struct cli_option show_options[] = {
    {"name", "NAME", false, "the token of this name"}, TOKEN_STDIN, OPTIONS_END};

static const struct cli_option update_options[] = {
    {"name", "NAME", false, "the token of this name, unless it expired or was revoked"},
    TOKEN_STDIN,
    {"rename", "NAME", false, "what it is called from now on"},
    {"tier", "TIER", false, "its rate limits: free, pro, enterprise or your own", .choices = TIERS},
    {"user-tier", NULL, false, "the tier of its user, now and whenever that changes"},
    {"limit", "WINDOW=N", true, "limits of its own instead of all former ones of its own",
     .choices = WINDOWS},
    {"no-limits", NULL, false, "no limits of its own, which would beat those of its tier"},
    {"scope", "SCOPE", true, "what it may do, instead of all that it may do now"},
    {"role", "ROLE", false, "whose scopes it has beside its own", .choices = ROLES},
    {"no-role", NULL, false, "its own scopes only"},
    {"allow-ip", "CIDR", true, "where it may be used from, instead of where it may be now"},
    {"any-ip", NULL, false, "it may be used from everywhere"},
    {"meta", "KEY=VALUE", true, "something to remember with it, instead of everything now"},
    {"expires-in", "TIME", false, "how long it lives from now on: 24h, 30d, 2w, or never",
     .choices = LIFETIMES},
    {"expires-at", "TIME", false, "when it ends, like 2027-01-31T00:00:00Z"},
    {"credits", "N", false, "what is left of its credits from now on"},
    {"refill", "INTERVAL=N", false,
     "daily=1000 or monthly=1000: so many each UTC day or month; or none",
     .choices = "daily=,monthly=,none"},
    {"no-credits", NULL, false, "count no credits: it may use as much as its limits let it"},
    {"disable", NULL, false, "refuse it until it is enabled again"},
    {"enable", NULL, false, "no longer disabled"},
    {"idempotency-key", "KEY", false, "the same key again changes nothing more"},
    OPTIONS_END,
};

static const struct cli_option revoke_options[] = {
    {"name", "NAME", false, "the active token of this name"},
    TOKEN_STDIN,
    {"reason", "TEXT", false, "why; it stays in the record"},
    {"children", NULL, false, "and every token that it made, and what those made"},
    {"yes", NULL, false, "do not ask first"},
    OPTIONS_END,
};

static const struct cli_option rotate_options[] = {
    {"name", "NAME", false, "the active token of this name"},
    TOKEN_STDIN,
    {"grace", "TIME", false,
     "how long the old one goes on beside the new one: 24h, 7d, 0 for at once; as configured "
     "unless given"},
    {"expires-in", "TIME", false,
     "how long the new one lives: as long as the old one unless given"},
    {"expires-at", "TIME", false, "when it ends, like 2027-01-31T00:00:00Z"},
    {"reason", "TEXT", false, "why; it stays in the audit log"},
    {"idempotency-key", "KEY", false, "the same key again rotates no second time"},
    OPTIONS_END,
};

static const struct cli_option rollback_options[] = {
    {"name", "NAME", false, "the active token of this name"},
    TOKEN_STDIN,
    {"grace", "TIME", false, "how long the new one goes on; it is revoked at once unless given"},
    OPTIONS_END,
};

static const struct cli_option hold_options[] = {
    {"name", "NAME", false, "the token of this name"},
    TOKEN_STDIN,
    {"reason", "TEXT", false, "why; it stays in the record"},
    OPTIONS_END,
};

static const struct cli_option emergency_options[] = {
    {"reason", "TEXT", false, "why; it stays in the record; needed"},
    {"user", "USER", false, "all tokens of this user"},
    {"org", "ORG", false, "all tokens of this organisation"},
    {"kind", "KIND", false, "all tokens of this kind", .choices = "user,service,admin"},
    {"everything", NULL, false, "all tokens there are"},
    {"own-too", NULL, false, "also the token that this command uses itself"},
    {"list", NULL, false, "show the emergency revocations so far, and do nothing"},
    {"yes", NULL, false, "do not ask"},
    OPTIONS_END,
};

static const struct cli_option cleanup_options[] = {
    {"older-than", "TIME", false,
     "how long ago they ended: 90d unless given, and with --deactivate-only 0s"},
    {"dry-run", NULL, false, "say how many, and do nothing"},
    {"deactivate-only", NULL, false, "revoke what expired, and delete nothing"},
    {"yes", NULL, false, "do not ask"},
    OPTIONS_END,
};

static const struct cli_option verify_options[] = {
    TOKEN_STDIN,
    {"scope", "SCOPE", true, "what it must be allowed to do"},
    {"user", "USER", false, "whose it must be"},
    {"ip", "ADDRESS", false, "where the request is said to come from"},
    {"cost", "N", false, "how much of its limits to take; 1 unless given"},
    {"dry-run", NULL, false, "decide the same and count nothing"},
    {"explain", NULL, false, "every check and how it came out"},
    OPTIONS_END,
};

static const struct cli_option check_config_options[] = {
    {"config", "FILE", false, "the configuration file"},
    {"print", NULL, false, "print the configuration as it would be in effect"},
    {"example", NULL, false, "print a file with every key and its default"},
    OPTIONS_END,
};

static const struct cli_option doctor_options[] = {
    {"data", "DIR", false, "the data directory", "server.data"},
    {"config", "FILE", false, "the configuration file"},
    OPTIONS_END,
};

static const struct cli_option check_token_options[] = {
    TOKEN_STDIN,
    {"config", "FILE", false, "the configuration file, for the prefixes of tokens"},
    OPTIONS_END,
};

static const struct cli_option leak_rules_options[] = {
    {"format", "FORMAT", false, "gitleaks, regex or github; gitleaks unless given",
     .choices = "gitleaks,regex,github"},
    {"config", "FILE", false, "the configuration file, for the prefixes of tokens"},
    OPTIONS_END,
};

static const struct cli_option analytics_options[] = {
    {"name", "NAME", false, "of the token of this name"},
    TOKEN_STDIN,
    {"user", "USER", false, "of all tokens of this user"},
    {"org", "ORG", false, "of this organisation, or of --user in it"},
    {"days", "N", false, "up to today; 30 unless given, with --by hour 2"},
    {"by", "WHAT", false, "day, hour, verdict, endpoint or network; day unless given",
     .choices = "day,hour,verdict,endpoint,network"},
    OPTIONS_END,
};

static const struct cli_option blast_radius_options[] = {
    {"name", "NAME", false, "the token of this name"},
    TOKEN_STDIN,
    {"days", "N", false, "what it did in so many days up to today; 30 unless given"},
    OPTIONS_END,
};

static const struct cli_option tier_set_options[] = {
    {"limit", "WINDOW=N", true,
     "minute=60, hour=1000, day=none; at least one; a window not given is unlimited",
     .choices = WINDOWS},
    {"subject", "SUBJECT", false,
     "what is limited: each token, its user across tokens, or both; token unless given",
     .choices = "token,user,both"},
    OPTIONS_END,
};

static const struct cli_option simulate_options[] = {
    {"tier", "TIER", false, "the limits of this tier, as it is today"},
    {"limit", "WINDOW=N", true, "minute=60, hour=1000, day=none; beats the tier's",
     .choices = "minute=,hour=,day="},
    {"subject", "SUBJECT", false,
     "what is limited: token, user or both; as the tier says, else token",
     .choices = "token,user,both"},
    {"compare", "TIER", true, "replay against this tier, too, and show it beside"},
    {"window", "WINDOW=KIND", true, "hour=sliding, hour=fixed; as configured unless given",
     .choices = "minute=,hour=,day="},
    {"format", "FORMAT", false, "ndjson or csv; as the first line looks unless given",
     .choices = "ndjson,csv"},
    {"field", "MEMBER=NAME", true, "what the recording calls time, token_id, user_id or cost",
     .choices = "time=,token_id=,user_id=,cost="},
    {"top", "N", false, "how many of those limited to list; 10 unless given, all with --json"},
    {"strict", NULL, false, "the first bad line is an error"},
    {"fail-if-limited", NULL, false, "exit status 1 when the proposal would have limited anybody"},
    OPTIONS_END,
};

#define ORG_OPTION                                                                                 \
    {                                                                                              \
        "org", "ORG", false, "of another organisation than your own"                               \
    }

static const struct cli_option user_list_options[] = {
    {"status", "STATUS", false, "active or suspended only", .choices = "active,suspended"},
    {"tier", "TIER", false, "with this tier of their own only", .choices = TIERS},
    {"org", "ORG", false, "of another organisation; * for all"},
    PAGE_OPTIONS,
    OPTIONS_END,
};

static const struct cli_option org_option[] = {ORG_OPTION, OPTIONS_END};

static const struct cli_option user_create_options[] = {
    {"tier", "TIER", false, "of tokens that are given none; free unless given", .choices = TIERS},
    {"email", "ADDRESS", false, "where to reach them"},
    {"limit", "WINDOW=N", true, "a limit across all their tokens: minute=60, day=none",
     .choices = WINDOWS},
    {"meta", "KEY=VALUE", true, "something to remember with them"},
    ORG_OPTION,
    OPTIONS_END,
};

static const struct cli_option user_set_options[] = {
    {"tier", "TIER", false, "of tokens that are given none, now and from then on",
     .choices = TIERS},
    {"no-tier", NULL, false, "no tier of their own: free"},
    {"email", "ADDRESS", false, "where to reach them"},
    {"no-email", NULL, false, "forget the address"},
    {"limit", "WINDOW=N", true, "limits across all their tokens instead of all former ones",
     .choices = WINDOWS},
    {"no-limits", NULL, false, "no limits across their tokens but those of the tier"},
    {"meta", "KEY=VALUE", true, "something to remember, instead of everything now"},
    ORG_OPTION,
    OPTIONS_END,
};

static const struct cli_option page_options[] = {PAGE_OPTIONS, OPTIONS_END};

static const struct cli_option audit_list_options[] = {EVENT_FILTERS, PAGE_OPTIONS, OPTIONS_END};
static const struct cli_option audit_export_options[] = {
    EVENT_FILTERS,
    {"format", "FORMAT", false, "ndjson or csv; ndjson unless given", .choices = "ndjson,csv"},
    OPTIONS_END,
};
static const struct cli_option audit_record_options[] = {
    {"repository", "NAME", false, "of what: acme/shop"},
    {"ref", "REF", false, "the branch or tag"},
    {"commit", "HASH", false, "the commit"},
    {"workflow", "NAME", false, "the workflow or pipeline that ran"},
    {"run-id", "ID", false, "which run of it"},
    {"run-url", "URL", false, "where to see that run"},
    {"environment", "NAME", false, "where to: production"},
    {"actor", "NAME", false, "who made it run"},
    {"message", "TEXT", false, "a sentence for people"},
    {"meta", "KEY=VALUE", true, "something to remember with it"},
    {"idempotency-key", "KEY", false, "the same key again records nothing more"},
    OPTIONS_END,
};
static const struct cli_option audit_verify_options[] = {
    {"checkpoints", "FILE", false, "checkpoints that were kept; - is standard input"},
    {"public-key", "HEX", true, "a key whose checkpoints are trusted, beside the one that is here"},
    {"archives", "DIR", false,
     "with the archives of older events that are there; - is their lines on standard input"},
    {"file", "FILE", false, "an export or archives instead of the log; - is standard input"},
    OPTIONS_END,
};

#define BY_NAME                                                                                    \
    {                                                                                              \
        "name", "NAME", false, "the token of this name"                                            \
    }

static const struct cli_option rotation_options[] = {BY_NAME, TOKEN_STDIN, OPTIONS_END};

static const struct cli_option rotation_set_options[] = {
    BY_NAME,
    TOKEN_STDIN,
    {"target", "TARGET", false, "where each new token is brought, see tokenry-targets(5); needed"},
    {"max-age", "TIME", false, "how old it becomes: 90d, or never"},
    {"high-use", "N", false, "after how many uses it is rotated earlier"},
    {"high-use-age", "TIME", false, "and at which age then: 30d, or never"},
    {"overlap", "TIME", false, "how long the old one goes on after the new one was delivered"},
    {"window", "WHEN", false, "\"0 2 * * sat for 2h\"; \"\" is at any time"},
    {"time-zone", "ZONE", false, "whose wall clock that is: Europe/Berlin"},
    OPTIONS_END,
};

static const struct cli_option rotation_plan_options[] = {
    {"days", "N", false, "how far ahead; 90 unless given"},
    {"org", "ORG", false, "of another organisation; * for all"},
    OPTIONS_END,
};

static const struct cli_option job_run_options[] = {
    {"no-wait", NULL, false, "do not wait until it has ended"},
    OPTIONS_END,
};

static const struct cli_option monitor_options[] = {
    {"days", "N", false, "tokens that end within so many days; 30 unless given"},
    {"limit", "N", false, "at most so many tokens; 100 unless given"},
    {"org", "ORG", false, "of another organisation; * for all"},
    OPTIONS_END,
};

static const struct cli_option notify_dead_options[] = {
    {"channel", "CHANNEL", false, "of this channel only"},
    PAGE_OPTIONS,
    OPTIONS_END,
};

static const struct cli_option notify_retry_options[] = {
    {"all", NULL, false, "all of them"},
    OPTIONS_END,
};

static const struct cli_option notify_drop_options[] = {
    {"all", NULL, false, "all of them"},
    {"yes", NULL, false, "do not ask"},
    OPTIONS_END,
};

static const struct cli_option org_set_options[] = {
    {"lifetime", "KIND.PART=VALUE", true,
     "user.max=30d, service.default=never, admin.on_exceed=reject; server: as the server has it",
     .choices = "user.default=,user.max=,user.on_exceed=,service.default=,service.max=,"
                "service.on_exceed=,admin.default=,admin.max=,admin.on_exceed="},
    {"one-active", "WHEN", false,
     "on: a new token revokes its user's older ones; off; server: as the server has it",
     .choices = "on,off,server"},
    OPTIONS_END,
};

static const struct cli_option role_list_options[] = {
    {"org", "ORG", false, "of another organisation; * for all"},
    PAGE_OPTIONS,
    OPTIONS_END,
};

static const struct cli_option role_set_options[] = {
    {"scope", "SCOPE", true, "what tokens of the role may do; at least one"},
    {"org", "ORG", false, "of another organisation; * makes a role of all"},
    OPTIONS_END,
};

static const struct cli_option role_options[] = {
    {"org", "ORG", false, "of another organisation; * for a role of all"},
    OPTIONS_END,
};

static const struct cli_option import_options[] = {
    {"from", "STORE", false, "what SOURCE is: env, json, sqlite, postgres or csv; needed",
     .choices = "env,json,sqlite,postgres,csv"},
    {"table", "TABLE", false, "the table of a database, when it is none of the usual ones"},
    {"map", "COLUMN=MEMBER", true, "what a column is, when its name does not say it; or ignore"},
    {"tier-map", "OLD=NEW", true, "what a tier is called here"},
    {"org", "ORG", false, "the organisation of rows that name none"},
    {"user", "USER", false,
     "the user of rows that name none; their own name unless given, and they become service "
     "tokens"},
    {"assume-timezone", "ZONE", false,
     "where the old store's clock stood, like Europe/Berlin or "
     "+02:00, when its times do not say it; UTC unless given"},
    {"dry-run", NULL, false, "say what would be done, and what the columns are taken for"},
    {"report", "FILE", false, "write every row that was not made anew, a JSON object a line"},
    OPTIONS_END,
};

static const struct cli_option export_options[] = {
    {"org", "ORG", false, "another organisation's, or * for all; needs scope *"},
    {"user", "USER", false, "of this user only"},
    OPTIONS_END,
};

static const struct cli_option credits_set_options[] = {
    {"name", "NAME", false, "the active token of this name"},
    TOKEN_STDIN,
    {"remaining", "N", false, "what is left from now on"},
    {"refill", "INTERVAL=N", false,
     "daily=1000 or monthly=1000: so many from the next UTC day or month on; or none",
     .choices = "daily=,monthly=,none"},
    {"unlimited", NULL, false, "count no credits"},
    {"idempotency-key", "KEY", false, "the same key again sets nothing more"},
    OPTIONS_END,
};

static const struct cli_option credits_amount_options[] = {
    {"name", "NAME", false, "the active token of this name"},
    TOKEN_STDIN,
    {"amount", "N", false, "how many"},
    {"idempotency-key", "KEY", false, "the same key again gives or takes nothing more"},
    OPTIONS_END,
};

const struct cli_command cli_commands[] = {
    {"serve", "", 0, "run the authority",
     "Runs in the foreground until SIGTERM or SIGINT, then answers what is in flight and\n"
     "stops. The log goes to standard error.",
     serve_options, false, cmd_serve, CLI_GROUP_AUTHORITY},
    {"init", "", 0, "make the first admin token",
     "Makes the data directory when there is none and an admin token with every scope. The\n"
     "token is printed once, on standard output. When there is an active admin token of this\n"
     "user already, nothing is done and the exit status is 1.",
     init_options, true, cmd_init, CLI_GROUP_AUTHORITY},
    {"create", "", 0, "make a token",
     "The new token is printed once, on standard output, alone on its line, so that\n"
     "TOKEN=$(tokenry create ...) works; what else there is to say goes to standard error.",
     create_options, true, cmd_create, CLI_GROUP_TOKENS},
    {"list", "", 0, "list tokens, newest first",
     "Without --inactive or --status, those that expired or were revoked are left out.",
     list_options, true, cmd_list, CLI_GROUP_TOKENS},
    {"show", "TOKEN-ID", 1, "show one token", "Name it by its ID, by --name or by itself.",
     show_options, true, cmd_show, CLI_GROUP_TOKENS},
    {"update", "TOKEN-ID", 1, "change a token",
     "Name it by its ID, by --name or by itself. What no option names stays as it is; the next\n"
     "request has what changed. Versions that live on beside it get the same.",
     update_options, true, cmd_update, CLI_GROUP_TOKENS},
    {"revoke", "TOKEN-ID", 1, "revoke a token for good",
     "Name it by its ID, by --name or by itself. From then on it is refused everywhere. This\n"
     "cannot be undone, so it asks; where there is nobody to ask, --yes is needed.\n"
     "Of a token that was rotated, name the newest version to end them all, or one that is\n"
     "still in its overlap to end that one. --children is for a leak: what somebody may have\n"
     "given themselves goes in the same change, all of it or nothing, and at most 1,000 tokens.",
     revoke_options, true, cmd_revoke, CLI_GROUP_TOKENS},
    {"rotate", "TOKEN-ID", 1, "give a token a successor",
     "Name it by its ID, by --name or by itself. The successor has the same configuration and\n"
     "is printed once, on standard output. Both work until the overlap ends; limits, counts and\n"
     "credits are one for both.",
     rotate_options, true, cmd_rotate, CLI_GROUP_TOKENS},
    {"rollback", "TOKEN-ID", 1, "make the predecessor current again",
     "Within the overlap of a rotation; name either of the two. The successor is revoked,\n"
     "unless --grace lets it go on for a while.",
     rollback_options, true, cmd_rollback, CLI_GROUP_TOKENS},
    {"disable", "TOKEN-ID", 1, "refuse a token until it is restored", "", hold_options, true,
     cmd_disable, CLI_GROUP_TOKENS},
    {"quarantine", "TOKEN-ID", 1, "refuse a token that may have leaked, and watch for it",
     "It is refused like a disabled one, and whoever tries it leaves an event behind.",
     hold_options, true, cmd_quarantine, CLI_GROUP_TOKENS},
    {"restore", "TOKEN-ID", 1, "accept a disabled or quarantined token again",
     "A revoked one stays revoked.", hold_options, true, cmd_restore, CLI_GROUP_TOKENS},
    {"emergency-revoke", "", 0, "revoke many tokens at once",
     "Everything that was made until now and matches is refused from the moment this returns,\n"
     "however many tokens that are. The token that this command uses is spared, so that nobody\n"
     "locks themselves out, unless --own-too. This cannot be undone.",
     emergency_options, true, cmd_emergency, CLI_GROUP_TOKENS},
    {"cleanup", "", 0, "delete tokens that ended long ago",
     "Expired and revoked ones, disabled or not. One in quarantine is evidence, and goes when its\n"
     "quarantine is that long ago, too. What was revoked or in quarantine never comes back, also\n"
     "not by an import.",
     cleanup_options, true, cmd_cleanup, CLI_GROUP_TOKENS},
    {"verify", "", 0, "verify a token as a request would",
     "The exit status is 0 when it is valid and 1 when it is refused. This counts as a\n"
     "request unless --dry-run.",
     verify_options, true, cmd_verify, CLI_GROUP_TOKENS},
    {"check-config", "[FILE]", 1, "check a configuration file",
     "Says what is wrong with it, line by line; then the exit status is 2.", check_config_options,
     false, cmd_check_config, CLI_GROUP_AUTHORITY},
    {"doctor", "", 0, "look whether an installation is sound",
     "Configuration, files and who may read them, database, audit log, clock, room, segment,\n"
     "limits, address, certificate, and whether the daemon answers; with what to do about what is\n"
     "not as it should be. It changes nothing, and works with a daemon and without. The exit\n"
     "status is 1 when something failed; a warning is no failure.",
     doctor_options, false, cmd_doctor, CLI_GROUP_AUTHORITY},
    {"check-token", "", 0, "check a token's form and checksum, offline",
     "Tells a mistyped or cut token from a whole one, without asking an authority. The exit\n"
     "status is 1 when it cannot be right.",
     check_token_options, false, cmd_check_token, CLI_GROUP_TOKENS},
    {"tier list", "", 0, "list the tiers and their limits", "", no_options, true, cmd_tier_list,
     CLI_GROUP_LIMITS},
    {"tier set", "TIER", 1, "make or change a tier",
     "Tokens of the tier have the new limits with their next request.", tier_set_options, true,
     cmd_tier_set, CLI_GROUP_LIMITS},
    {"credits show", "TOKEN-ID", 1, "show what a token has left",
     "Name it by its ID, by --name or by itself. Credits belong to a token and to all that came\n"
     "from it by rotation.",
     show_options, true, cmd_credits_show, CLI_GROUP_LIMITS},
    {"credits set", "TOKEN-ID", 1, "give a token credits, or make them unlimited",
     "Each request uses its cost of them. What is left when a refill comes is not carried over.\n"
     "With --refill alone, what is left stays; a token that had none begins with one refill.",
     credits_set_options, true, cmd_credits_set, CLI_GROUP_LIMITS},
    {"credits add", "TOKEN-ID", 1, "give a token more credits", "", credits_amount_options, true,
     cmd_credits_add, CLI_GROUP_LIMITS},
    {"credits subtract", "TOKEN-ID", 1, "take credits away from a token", "It ends at 0.",
     credits_amount_options, true, cmd_credits_subtract, CLI_GROUP_LIMITS},
    {"credits refund", "RESERVATION-ID", 1, "give back what a reservation took",
     "For one that nobody will settle; it would be given back when its time ends.", no_options,
     true, cmd_credits_refund, CLI_GROUP_LIMITS},
    {"user list", "", 0, "list users, newest first", "", user_list_options, true, cmd_user_list,
     CLI_GROUP_TENANCY},
    {"user show", "USER", 1, "show one user", "", org_option, true, cmd_user_show,
     CLI_GROUP_TENANCY},
    {"user create", "USER", 1, "make a user before its first token",
     "A token makes its user when it is new. This is for users who are to have a tier, limits\n"
     "or an address before that.",
     user_create_options, true, cmd_user_create, CLI_GROUP_TENANCY},
    {"user set", "USER", 1, "change a user",
     "What no option names stays as it is. Tokens that were given no tier have the new one with\n"
     "their next request.",
     user_set_options, true, cmd_user_set, CLI_GROUP_TENANCY},
    {"user suspend", "USER", 1, "refuse a user with every token",
     "From the next request on, until the user is activated again. There is no deleting: a name\n"
     "that came back for somebody else would have the former one's tokens and history.",
     org_option, true, cmd_user_suspend, CLI_GROUP_TENANCY},
    {"user activate", "USER", 1, "end a suspension", "", org_option, true, cmd_user_activate,
     CLI_GROUP_TENANCY},
    {"org list", "", 0, "list organisations, newest first", "", page_options, true, cmd_org_list,
     CLI_GROUP_TENANCY},
    {"org show", "ORG", 1, "show what an organisation says about its tokens", "", no_options, true,
     cmd_org_show, CLI_GROUP_TENANCY},
    {"org create", "ORG", 1, "make an organisation", "", org_set_options, true, cmd_org_create,
     CLI_GROUP_TENANCY},
    {"org set", "ORG", 1, "change what an organisation says about its tokens",
     "It holds for tokens that are made or prolonged from then on.", org_set_options, true,
     cmd_org_set, CLI_GROUP_TENANCY},
    {"role list", "", 0, "list the roles and their scopes", "", role_list_options, true,
     cmd_role_list, CLI_GROUP_TENANCY},
    {"role show", "ROLE", 1, "show one role", "", role_options, true, cmd_role_show,
     CLI_GROUP_TENANCY},
    {"role set", "ROLE", 1, "make or change a role",
     "Tokens that have the role have its new scopes, beside their own, with their next request.",
     role_set_options, true, cmd_role_set, CLI_GROUP_TENANCY},
    {"role delete", "ROLE", 1, "delete a role that no token has", "", role_options, true,
     cmd_role_delete, CLI_GROUP_TENANCY},
    {"import", "[SOURCE]", 1, "take over the tokens of another store",
     "By their SHA-256, so that no client changes its token. SOURCE is a .env file (or nothing,\n"
     "for the environment), a JSON or CSV file (- is standard input), a SQLite database, or what\n"
     "libpq calls a connection string, without a password: that comes from PGPASSWORD, ~/.pgpass\n"
     "or a service file. What exists already is left as it is, so the same command again goes on\n"
     "where it was broken off. Bad rows are told by number and do not stop the rest; the exit\n"
     "status is 1 when there were some.",
     import_options, true, cmd_import, CLI_GROUP_TOKENS},
    {"export", "", 0, "write all tokens as JSON, by their hashes",
     "What `tokenry import --from json` reads. Plaintexts are not in it: nobody has them.",
     export_options, true, cmd_export, CLI_GROUP_TOKENS},
    {"status", "", 0, "how the authority is doing",
     "Its version and time, how many tokens of each status there are, and whether changes are\n"
     "stored; --json prints everything that it knows. Without a daemon it says how the data\n"
     "directory is doing.",
     no_options, true, cmd_status, CLI_GROUP_AUTHORITY},
    {"leak rules", "", 0, "print rules that find leaked tokens, offline",
     "For a scanner of repositories, logs or mail: a file for gitleaks, a bare regular\n"
     "expression, or the fields of a custom pattern of GitHub. They find the tokens that are\n"
     "made with the prefixes of the configuration.",
     leak_rules_options, false, cmd_leak_rules, CLI_GROUP_TOKENS},
    {"blast-radius", "TOKEN-ID", 1, "report what a token could reach and did",
     "Name it by its ID, by --name or by itself: who found a leaked token pastes it with\n"
     "--token-stdin. What it may do, its other versions, what it made and whether that reaches\n"
     "more, what it did and changed, tries since it ended, what nobody can know, and the commands\n"
     "that fit. Nothing is changed.",
     blast_radius_options, true, cmd_blast_radius, CLI_GROUP_TOKENS},
    {"completion", "bash|zsh|fish", 1, "print what makes a shell complete commands",
     "For a shell that the installed scripts do not reach. Completing asks no authority.\n"
     "\n"
     "  bash  source <(tokenry completion bash), in ~/.bashrc\n"
     "  zsh   tokenry completion zsh >_tokenry, in a directory of $fpath\n"
     "  fish  tokenry completion fish >~/.config/fish/completions/tokenry.fish",
     no_options, false, cmd_completion},
    {"help", "[COMMAND]", 2, "explain a command", "", no_options, false, cmd_help},
    {"version", "", 0, "print the version", "", no_options, false, cmd_version},
    {"simulate", "[FILE]", 1, "replay recorded traffic against other limits",
     "Says who would have been limited, by the limiter itself with the recorded times as its\n"
     "clock. Nothing is changed, and no token is limited. The recording, a file or standard\n"
     "input, has a JSON object a line, or is CSV with a header: time (RFC 3339, or seconds or\n"
     "milliseconds since 1970), token_id or user_id or both, and cost when it is not 1. Bad\n"
     "lines are left out, and told.",
     simulate_options, true, cmd_simulate, CLI_GROUP_LIMITS},
    {"audit list", "", 0, "list audit events, newest first",
     "Every change, and verifications: refusals, tries of tokens that had ended, and successes as\n"
     "far as audit.successes says. A type like token.* or auth.* stands for all that begin so.",
     audit_list_options, true, cmd_audit_list, CLI_GROUP_AUDIT},
    {"audit export", "", 0, "copy audit events, oldest first",
     "A line each: JSON objects, or CSV. Without filters, and for who may read all events, the "
     "JSON\n"
     "also has a line that says where the chain begins and one with its newest checkpoint: such a\n"
     "copy is verified anywhere with `audit verify --file`.",
     audit_export_options, true, cmd_audit_export, CLI_GROUP_AUDIT},
    {"audit record", "EVENT started|success|failure|cancelled", 2,
     "put what a CI/CD system did on record",
     "EVENT is a word like build, test, deploy, release or rollback: the event's type is "
     "cicd.EVENT,\n"
     "its verdict the status. It is on disk when the command ends. Needs scope audit:write.",
     audit_record_options, true, cmd_audit_record, CLI_GROUP_AUDIT},
    {"audit verify", "", 0, "look whether the audit log is as it was written",
     "Reads the data directory itself, beside the daemon: any event that was changed, added,\n"
     "taken out or moved is told, and whether the end was cut off. Checkpoints that were kept\n"
     "elsewhere (the daemon writes them to its log, `audit_checkpoint`) show also what somebody\n"
     "with the key could hide. The exit status is 1 when the log was changed.\n"
     "With --archives it goes back to the first event, and tells an archive that is missing or "
     "was\n"
     "changed. With --file a copy is verified by itself, anywhere: an export without filters, or\n"
     "archives one behind the other; then --public-key is needed.",
     audit_verify_options, true, cmd_audit_verify, CLI_GROUP_AUDIT},
    {"monitor", "", 0, "tokens that end soon, and alerts about tokens",
     "Tokens that end soon, those that are in use first, and what was told of tokens in the last\n"
     "seven days: ends, long disuse, use that is unlike before, and honeytokens. All alerts:\n"
     "`tokenry audit list --type 'alert.*'`, those of one kind: `--type alert.token.anomaly.rise`.",
     monitor_options, true, cmd_monitor, CLI_GROUP_AUDIT},
    {"job list", "", 0, "what the authority does by itself, and how it went",
     "Each job with its last and its next run. One that runs longer than it may is told as\n"
     "`hangs`, here, in the log (job_hangs) and in the metrics.",
     no_options, true, cmd_job_list, CLI_GROUP_AUTHORITY},
    {"rotation set", "[TOKEN-ID]", 1, "have a token rotated by itself",
     "From now on it is rotated when it is due, and each new token is brought to its target. What\n"
     "is not given is as the configuration has it ([rotation]); what was given before is\n"
     "forgotten. It is due by its age, by its age after many uses, and before it ends; what is\n"
     "due waits for the window.",
     rotation_set_options, true, cmd_rotation_set, CLI_GROUP_TOKENS},
    {"rotation show", "[TOKEN-ID]", 1, "show when a token is rotated by itself, and how it went",
     "", rotation_options, true, cmd_rotation_show, CLI_GROUP_TOKENS},
    {"rotation remove", "[TOKEN-ID]", 1, "have a token rotated by itself no longer",
     "Versions that live on beside the current one go on to the end that they have.",
     rotation_options, true, cmd_rotation_remove, CLI_GROUP_TOKENS},
    {"rotation run", "[TOKEN-ID]", 1, "rotate a token with a schedule now",
     "Whatever its window, and also when too many deliveries had no certain end. The answer does\n"
     "not wait for the delivery: `rotation show` tells how it went.",
     rotation_options, true, cmd_rotation_run, CLI_GROUP_TOKENS},
    {"rotation plan", "", 0, "show what will be rotated, and when",
     "First what somebody has to look at: what is blocked, and what ends before its window opens.\n"
     "`overdue` waits for its window, or for the next try.",
     rotation_plan_options, true, cmd_rotation_plan, CLI_GROUP_TOKENS},
    {"job run", "NAME", 1, "run a job now",
     "Waits until it has ended; the exit status is 1 when it failed. Without a daemon the job\n"
     "runs in this process.",
     job_run_options, true, cmd_job_run, CLI_GROUP_AUTHORITY},
    {"notify list", "", 0, "list the channels that alerts are told to",
     "With what waits for each, and why the last message could not be delivered. Channels are in\n"
     "the file notify.channels_file, see tokenry-channels(5).",
     no_options, true, cmd_notify_list, CLI_GROUP_AUTHORITY},
    {"notify test", "[CHANNEL]", 1, "send a message over a channel, or each of them",
     "Says what the receiver said. The message goes the way of all others, but at once and\n"
     "without another try. The exit status is 1 when it was not delivered.",
     no_options, true, cmd_notify_test, CLI_GROUP_AUTHORITY},
    {"notify dead", "", 0, "list messages that could not be delivered",
     "They have been tried for as long as their channel says (give_up_after), or their receiver\n"
     "said that it will never take them.",
     notify_dead_options, true, cmd_notify_dead, CLI_GROUP_AUTHORITY},
    {"notify retry", "[MESSAGE-ID]", 1, "try again to deliver a dead letter", "",
     notify_retry_options, true, cmd_notify_retry, CLI_GROUP_AUTHORITY},
    {"notify drop", "[MESSAGE-ID]", 1, "forget a dead letter",
     "The alert stays in the audit log. This cannot be undone, so it asks; where there is nobody\n"
     "to ask, --yes is needed.",
     notify_drop_options, true, cmd_notify_drop, CLI_GROUP_AUTHORITY},
    {"analytics", "[TOKEN-ID]", 1, "plot how tokens were used",
     "Of one token, of a user, or of an organisation; without any of them, of one's own\n"
     "organisation. Days are UTC; counts are as of a second ago. Bars are of block characters\n"
     "on a UTF-8 terminal, else of #.",
     analytics_options, true, cmd_analytics, CLI_GROUP_LIMITS},
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

const struct cli_group_title cli_groups[] = {
    {CLI_GROUP_AUTHORITY, "The authority"}, {CLI_GROUP_TOKENS, "Tokens"},
    {CLI_GROUP_LIMITS, "Limits"},           {CLI_GROUP_TENANCY, "Users, organisations, roles"},
    {CLI_GROUP_AUDIT, "The audit log"},     {CLI_GROUP_OTHER, "Other"},
};
const size_t cli_group_count = sizeof(cli_groups) / sizeof(cli_groups[0]);

const struct cli_command *cli_command_find(const char *const *words, size_t count,
                                           size_t *ret_taken, const char **ret_nearest)
{
    *ret_nearest = NULL;
    if (count == 0) {
        return NULL;
    }
    char typed[2 * SUGGEST_WORD_BYTES_MAX];
    for (size_t taken = count < 2 ? 1 : 2; taken > 0; taken--) {
        snprintf(typed, sizeof(typed), "%s%s%s", words[0], taken == 2 ? " " : "",
                 taken == 2 ? words[1] : "");
        struct suggestion suggestion = {.word = typed};
        for (size_t i = 0; i < cli_command_count; i++) {
            if (strcmp(cli_commands[i].name, typed) == 0) {
                *ret_taken = taken;
                return &cli_commands[i];
            }
            /* A command of one word is no guess for two: the second is an operand. */
            if (taken == 1 || strchr(cli_commands[i].name, ' ') != NULL) {
                suggest_offer(&suggestion, cli_commands[i].name);
            }
        }
        *ret_nearest = suggestion.best != NULL ? suggestion.best : *ret_nearest;
    }
    return NULL;
}

const struct cli_option *cli_option_at(const struct cli_command *command, size_t index)
{
    const struct cli_option *lists[] = {command->options,
                                        command->talks ? talk_options : no_options, every_options};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct cli_option *option = lists[i];
        for (; option->name != NULL; option++) {
            if (option->name[0] != '\0' && index-- == 0) {
                return option;
            }
        }
    }
    return NULL;
}

bool cli_option_is_common(const struct cli_option *option)
{
    const struct cli_option *lists[] = {talk_options, every_options};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (const struct cli_option *common = lists[i]; common->name != NULL; common++) {
            if (common == option) {
                return true;
            }
        }
    }
    return false;
}

const char *cli_option_choices(const struct cli_option *option)
{
    struct config_key key;
    if (option->choices != NULL || option->key == NULL) {
        return option->choices;
    }
    for (size_t i = 0; config_key_at(i, &key); i++) {
        size_t section = strlen(key.section);
        if (strncmp(option->key, key.section, section) == 0 && option->key[section] == '.' &&
            strcmp(option->key + section + 1, key.key) == 0) {
            return key.choices[0] != '\0' ? key.choices : NULL;
        }
    }
    return NULL;
}
