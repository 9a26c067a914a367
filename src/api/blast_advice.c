/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables. Whoever reads this was woken up: a command stands here only if it would do
 * something in the state that the token is in, with the identifier filled in; and what the report
 * cannot tell is said, so that nobody takes silence for innocence.
 */
#include "api/blast_advice.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

#define COMMAND_SIZE (256 + 4 * (USER_ID_BYTES_MAX + ORG_ID_BYTES_MAX))
#define SENTENCE_SIZE 256

/* --- what to do ------------------------------------------------------------------------------ */

static enum token_status status_of(const struct blast_report *report)
{
    return report->usage.token.status;
}

static bool is_replaced(const struct blast_report *report)
{
    return report->usage.token.replaced_by[0] != '\0';
}

static bool may_hold(const struct blast_report *report)
{
    enum token_status status = status_of(report);
    return !report->usage.token.honeytoken &&
           (status == TOKEN_ACTIVE || status == TOKEN_DISABLED || status == TOKEN_NOT_YET_VALID);
}

static bool has_family(const struct blast_report *report)
{
    return report->family_live > 0 || !report->family.complete;
}

static bool may_revoke_alone(const struct blast_report *report)
{
    return status_of(report) != TOKEN_REVOKED &&
           (report->family_live == 0 || !report->family.complete);
}

static bool may_revoke_current(const struct blast_report *report)
{
    return may_revoke_alone(report) && !is_replaced(report);
}

static bool may_revoke_older(const struct blast_report *report)
{
    return may_revoke_alone(report) && is_replaced(report);
}

static bool may_rotate(const struct blast_report *report)
{
    return report->answer == TKR_VERDICT_VALID && !is_replaced(report) &&
           report->usage.token.source != TOKEN_SOURCE_ENVIRONMENT;
}

static bool is_held(const struct blast_report *report)
{
    return status_of(report) == TOKEN_QUARANTINED || status_of(report) == TOKEN_DISABLED;
}

/* Each command is `tokenry`, the words, the identifier, the options. */
static const struct action {
    const char *name;
    bool (*fits)(const struct blast_report *report);
    const char *words, *options, *why;
} actions[] = {
    {"quarantine", may_hold, "quarantine", " --reason 'suspected leak'",
     "it is refused from the next request on, whoever tries it leaves evidence, and `tokenry "
     "restore` undoes it; what it made goes on"},
    {"revoke_family", has_family, "revoke", " --children --reason leaked",
     "ends it and what descends from it, for good and in one change, also what was made "
     "rightfully; beyond 1,000 tokens it refuses and does nothing"},
    {"revoke", may_revoke_current, "revoke", " --reason leaked",
     "ends it for good, and its older versions that are still accepted"},
    {"revoke", may_revoke_older, "revoke", " --reason leaked",
     "ends it for good; the version that took its place goes on"},
    {"rotate", may_rotate, "rotate", " --grace 0",
     "where its program must go on: prints a successor, and this one is refused at once; what it "
     "made goes on"},
    {"restore", is_held, "restore", "", "if it was nothing: it is accepted again"},
};

static void emit_action(struct emitter *emitter, const char *name, const char *command,
                        const char *why)
{
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "action", name);
    emit_text(emitter, "command", command);
    emit_text(emitter, "why", why);
    emit_close(emitter, '}');
}

/* They are too many for one revocation, so it ends with what is stronger. */
static void emit_emergency(struct emitter *emitter, const struct blast_report *report)
{
    char command[COMMAND_SIZE] = "tokenry emergency-revoke --reason leaked --org ";
    if (report->family.complete) {
        return;
    }
    text_append_word(command, sizeof command, report->usage.token.org_id);
    strncat(command, " --user ", sizeof command - strlen(command) - 1);
    text_append_word(command, sizeof command, report->usage.token.user_id);
    emit_action(emitter, "emergency_revoke", command,
                "where more descend from it than can be told or revoked one by one: ends all "
                "tokens of its user");
}

/* Those of a current one end with it. */
static void emit_versions(struct emitter *emitter, const struct blast_report *report)
{
    if (!is_replaced(report)) {
        return;
    }
    for (size_t i = 0; i < report->versions.count; i++) {
        const struct blast_relative *version = &report->versions.items[i];
        bool itself = strcmp(version->token.id, report->usage.token.id) == 0;
        if (version->answer == TKR_VERDICT_VALID && !itself) {
            char command[COMMAND_SIZE];
            snprintf(command, sizeof command, "tokenry revoke %s --reason leaked",
                     version->token.id);
            emit_action(emitter, "revoke_version", command,
                        "another version of it that is accepted: if it may have leaked, too");
        }
    }
}

void emit_blast_actions(struct emitter *emitter, const struct blast_report *report)
{
    emit_open(emitter, "actions", '[');
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        char command[COMMAND_SIZE];
        if (actions[i].fits(report)) {
            snprintf(command, sizeof command, "tokenry %s %s%s", actions[i].words,
                     report->usage.token.id, actions[i].options);
            emit_action(emitter, actions[i].name, command, actions[i].why);
        }
    }
    emit_versions(emitter, report);
    emit_emergency(emitter, report);
    emit_close(emitter, ']');
}

/* --- what is not known ------------------------------------------------------------------------ */

uint64_t blast_unattributed(const struct blast_report *report)
{
    const struct usage_answer *answer = &report->usage.answer;
    uint64_t known = 0;
    for (size_t i = 0; i < answer->share_counts[USAGE_VERDICT]; i++) {
        const struct usage_share *share = &answer->shares[USAGE_VERDICT][i];
        bool passed = strcmp(share->label, tkr_verdict_name(TKR_VERDICT_VALID)) == 0;
        known += passed ? share->count : 0;
    }
    return report->usage.requests > known ? report->usage.requests - known : 0;
}

static bool always(const struct blast_report *report)
{
    return true;
}

static bool has_unattributed(const struct blast_report *report)
{
    return blast_unattributed(report) > 0;
}

static bool is_unmetered(const struct blast_report *report)
{
    return !report->metering;
}

static bool is_older(const struct blast_report *report)
{
    return report->usage.token.created_at_ms < report->usage.from_ms;
}

static bool has_versions(const struct blast_report *report)
{
    return report->versions.count > 1;
}

static bool was_tried(const struct blast_report *report)
{
    return report->tries.count > 0 || status_of(report) == TOKEN_REVOKED ||
           status_of(report) == TOKEN_QUARANTINED;
}

static bool is_of_one_org(const struct blast_report *report)
{
    return !report->all_orgs;
}

static bool is_cut(const struct blast_report *report)
{
    return !report->versions.complete || !report->family.complete || !report->tries.complete ||
           !report->seen.complete || !report->about.complete || !report->acts.complete;
}

static bool is_from_environment(const struct blast_report *report)
{
    return report->usage.token.source == TOKEN_SOURCE_ENVIRONMENT;
}

static const struct gap {
    bool (*fits)(const struct blast_report *report);
    const char *sentence;
} gaps[] = {
    {always, "Requests are counted; which of them are on record one by one (`verifications`) "
             "says `audit.successes`: as shipped the first success of a minute, and each refusal "
             "once a minute for each address."},
    {always, "Networks are /24 or /48, never single addresses. Only changes, tries and what is "
             "on record have the address that they came from."},
    {has_unattributed, "Of some requests (`unattributed`) nothing but their number is known: a "
                       "verifier in another process let them through, or metering was off."},
    {is_unmetered, "Metering is off: verdicts, networks and endpoints are not counted."},
    {always, "Calls of Tokenry's own API are not among the requests. Reading it (lists, exports) "
             "changes nothing; that it was called is on record like any verification."},
    {has_versions, "Requests are those of all versions together; `versions` tells them apart only "
                   "from the first rotation on."},
    {is_replaced, "It was rotated: what newer versions made and changed is in the report on the "
                  "current one, unless it made its successor itself."},
    {is_older, "It is older than the time looked at: ask for more days to see what it did before."},
    {was_tried, "Tries are stored once a minute for each address, and in a flood only counted "
                "(events `auth.repeated` and `auth.left_out`)."},
    {is_from_environment, "It stands in the environment of the daemon: whoever could read that "
                          "has it, and what replaces it has to be put there."},
    {is_of_one_org, "Tokens and events of other organisations are not shown to you."},
    {is_cut, "There is more than a report looks at: where `complete` is false, the rest was left "
             "out."},
    {always, "Tokens that a cleanup deleted are not told; what they made counts as made by what "
             "made them."},
};

void emit_blast_unknown(struct emitter *emitter, const struct blast_report *report, bool events)
{
    emit_open(emitter, "unknown", '[');
    if (!events) {
        emit_text(emitter, NULL,
                  "Events are only counted for you: who may read them (`audit:read`) "
                  "is told whose they were, and from where.");
    }
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        if (gaps[i].fits(report)) {
            emit_text(emitter, NULL, gaps[i].sentence);
        }
    }
    emit_close(emitter, ']');
}
