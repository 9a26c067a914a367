/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of another store into this one: rows from import/, a few hundred a call to the
 * authority. What is known there already changes nothing, so a run that was broken off is gone
 * on with by running it again; nothing has to be remembered between the two.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/json_emit.h"
#include "cli/import_report.h"
#include "import/import.h"

#define PATH_IMPORT "/api/v1/auth/tokens/import"
#define CALL_ROWS 500                   /* one transaction of the authority */
#define CALL_BYTES (1024 * 1024)        /* a call with more is sent, however few rows it has */
#define CALL_BYTES_MAX (4 * CALL_BYTES) /* one row has far less than the difference */
#define TRIES 6                         /* while the authority is busy, or cannot be reached */

struct sent {
    uint64_t number;
    char source_id[IMPORT_COLUMN_BYTES_MAX + 1];
};

struct importer {
    struct cli *cli;
    struct client *client;
    struct import_source *source;
    struct import_report *report;
    bool dry_run;
    struct buffer body;
    struct emitter emitter;
    struct sent sent[CALL_ROWS]; /* the rows of the body */
    size_t count;
};

/* --- options --------------------------------------------------------------------------------- */

struct chosen {
    struct import_options options;
    struct import_pair *pairs; /* maps, then tiers */
    char **texts;              /* that the pairs point into */
    size_t count;
};

static void chosen_release(struct chosen *chosen)
{
    for (size_t i = 0; i < chosen->count; i++) {
        free(chosen->texts[i]);
    }
    free(chosen->texts);
    free(chosen->pairs);
}

/* All values of a repeatable `FROM=TO` option, behind the pairs that are there. */
static bool add_pairs(const struct cli *cli, const char *option, struct chosen *chosen)
{
    size_t position = 0;
    const char *value;
    while ((value = arguments_next(&cli->arguments, option, &position)) != NULL) {
        char *text = strdup(value);
        if (text == NULL || !import_pair_split(text, &chosen->pairs[chosen->count])) {
            cli_usage(cli->command, "--%s: \"%.40s\" is not of the form OLD=NEW", option, value);
            free(text);
            return false;
        }
        chosen->texts[chosen->count++] = text;
    }
    return true;
}

static enum cli_exit choose(struct cli *cli, struct chosen *chosen)
{
    const struct arguments *arguments = &cli->arguments;
    struct import_options *options = &chosen->options;
    const char *zone = arguments_value(arguments, "assume-timezone");
    chosen->pairs = calloc(CLI_ARGUMENTS_MAX, sizeof(*chosen->pairs));
    chosen->texts = calloc(CLI_ARGUMENTS_MAX, sizeof(*chosen->texts));
    if (chosen->pairs == NULL || chosen->texts == NULL) {
        return cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
    }
    if (zone != NULL && import_zone_parse(zone, &options->zone) != TKR_OK) {
        return cli_usage(cli->command,
                         "--assume-timezone: no time zone %.40s; there are UTC, "
                         "+02:00, Europe/Berlin and the like",
                         zone);
    }
    if (!add_pairs(cli, "map", chosen)) {
        return CLI_USAGE;
    }
    options->map_count = chosen->count;
    if (!add_pairs(cli, "tier-map", chosen)) {
        return CLI_USAGE;
    }
    options->maps = chosen->pairs;
    options->tiers = chosen->pairs + options->map_count;
    options->tier_count = chosen->count - options->map_count;
    options->table = arguments_value(arguments, "table");
    options->default_org = arguments_value(arguments, "org");
    options->default_user = arguments_value(arguments, "user");
    options->environment = cli->environment;
    memcpy(options->prefixes.live, cli->config->prefix_live, sizeof(options->prefixes.live));
    memcpy(options->prefixes.test, cli->config->prefix_test, sizeof(options->prefixes.test));
    return CLI_DONE;
}

/* --- a call ---------------------------------------------------------------------------------- */

static void begin_body(struct importer *importer)
{
    buffer_clear(&importer->body);
    importer->count = 0;
    emit_begin(&importer->emitter, &importer->body);
    emit_open(&importer->emitter, NULL, '{');
    emit_bool(&importer->emitter, "dry_run", importer->dry_run);
    emit_open(&importer->emitter, "tokens", '[');
}

static void emit_if(struct emitter *emitter, const char *name, const char *text)
{
    if (text != NULL) {
        emit_text(emitter, name, text);
    }
}

static void emit_time_if(struct emitter *emitter, const char *name, int64_t unix_ms)
{
    if (unix_ms != 0) {
        emit_time(emitter, name, unix_ms);
    }
}

static void emit_lists(struct emitter *emitter, const struct import_row *row)
{
    emit_words(emitter, "scopes", row->scopes, strlen(row->scopes));
    if (row->limits.set != 0) {
        emit_open(emitter, "limits", '{');
        for (int i = 0; i < WINDOW_COUNT; i++) {
            const char *name = window_name((enum window)i);
            if ((row->limits.set & 1U << i) != 0 && row->limits.limit[i] == LIMIT_NONE) {
                emit_text(emitter, name, "unlimited");
            } else if ((row->limits.set & 1U << i) != 0) {
                emit_count(emitter, name, row->limits.limit[i]);
            }
        }
        emit_close(emitter, '}');
    }
    if (row->allowed_ip_count > 0) {
        emit_open(emitter, "allowed_ips", '[');
        for (size_t i = 0; i < row->allowed_ip_count; i++) {
            char text[CIDR_TEXT_SIZE];
            emit_text(emitter, NULL, cidr_format(&row->allowed_ips[i], text));
        }
        emit_close(emitter, ']');
    }
}

static void emit_state(struct emitter *emitter, const struct import_row *row)
{
    const struct {
        const char *name;
        bool set;
    } states[] = {
        {"disabled", row->disabled}, {"quarantined", row->quarantined}, {"revoked", row->revoked}};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (states[i].set) {
            emit_bool(emitter, states[i].name, true);
        }
    }
    emit_time_if(emitter, "not_before", row->not_before_ms);
    emit_time_if(emitter, "expires_at", row->expires_at_ms);
    emit_time_if(emitter, "created_at", row->created_at_ms);
    emit_time_if(emitter, "last_used_at", row->last_used_at_ms);
    emit_time_if(emitter, "revoked_at", row->revoked_at_ms);
    emit_if(emitter, "revoke_reason", row->revoke_reason);
    if (row->request_count > 0) {
        emit_count(emitter, "request_count", row->request_count);
    }
}

static void add_row(struct importer *importer, const struct import_row *row)
{
    struct emitter *emitter = &importer->emitter;
    char digest[2 * TOKEN_DIGEST_BYTES + 1];
    struct sent *sent = &importer->sent[importer->count++];
    sent->number = row->number;
    snprintf(sent->source_id, sizeof(sent->source_id), "%s",
             row->source_id != NULL ? row->source_id : "");
    text_hex(row->digest, sizeof(row->digest), digest);
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "digest", digest);
    emit_text(emitter, "user_id", row->user_id);
    emit_text(emitter, "name", row->name);
    emit_if(emitter, "org_id", row->org_id);
    emit_text(emitter, "kind", token_kind_name(row->kind));
    emit_text(emitter, "env", token_env_name(row->env));
    emit_if(emitter, "display_prefix", row->display_prefix);
    emit_if(emitter, "tier", row->tier);
    emit_lists(emitter, row);
    emit_json(emitter, "metadata", row->metadata, strlen(row->metadata));
    emit_state(emitter, row);
    emit_close(emitter, '}');
}

/* Every result belongs to a row that was sent, in that order. */
static enum cli_exit note_results(struct importer *importer, const json_t *answer)
{
    const json_t *results = json_object_get(answer, "results");
    if (json_array_size(results) != importer->count) {
        return cli_fail(CLI_REFUSED, "what answers is no Tokenry: there are not as many results "
                                     "as tokens");
    }
    for (size_t i = 0; i < importer->count; i++) {
        const struct sent *sent = &importer->sent[i];
        import_report_result(importer->report, sent->number, sent->source_id,
                             json_array_get(results, i));
    }
    return CLI_DONE;
}

/* A second, two, four...: an authority that is restarted is back by then. */
static void wait_before(unsigned try)
{
    struct timespec pause = {.tv_sec = 1 << try};
    nanosleep(&pause, NULL);
}

static enum cli_exit send_rows(struct importer *importer)
{
    if (importer->count == 0) {
        return CLI_DONE;
    }
    emit_close(&importer->emitter, ']');
    emit_close(&importer->emitter, '}');
    if (buffer_status(&importer->body) != TKR_OK) {
        return cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_TOO_LARGE));
    }
    struct client_call call = {
        .method = HTTP_POST, .path = PATH_IMPORT, .text = importer->body.data};
    enum cli_exit status = CLI_UNREACHABLE;
    for (unsigned try = 0; try < TRIES && status == CLI_UNREACHABLE; try++) {
        struct client_answer answer CLEANUP(client_answer_release) = {0};
        if (try > 0) {
            wait_before(try - 1);
        }
        status = client_call(importer->cli, importer->client, &call, &answer);
        if (status == CLI_DONE) {
            status = note_results(importer, answer.json);
        }
    }
    begin_body(importer);
    return status;
}

/* --- all ------------------------------------------------------------------------------------- */

static enum cli_exit read_rows(struct importer *importer)
{
    for (;;) {
        struct import_row row;
        struct fault fault = {0};
        enum import_outcome outcome = IMPORT_END;
        tkr_error_t error = import_next(importer->source, &row, &outcome, &fault);
        if (error != TKR_OK) {
            (void)send_rows(importer);
            return cli_fail(cli_exit_of(error), "%s",
                            fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
        }
        if (outcome == IMPORT_END) {
            return send_rows(importer);
        }
        if (outcome == IMPORT_BAD) {
            import_report_bad(importer->report, row.number, row.source_id, &fault);
            continue;
        }
        add_row(importer, &row);
        if (importer->count == CALL_ROWS || importer->body.length > CALL_BYTES) {
            enum cli_exit status = send_rows(importer);
            if (status != CLI_DONE) {
                return status;
            }
            import_report_progress(importer->report, import_progress(importer->source));
        }
    }
}

static void importer_release(struct importer *importer)
{
    buffer_deinit(&importer->body);
    import_close(importer->source);
    client_close(importer->client);
}

static enum cli_exit run(struct cli *cli, enum import_kind kind,
                         const struct import_options *options, struct import_report *report)
{
    struct importer importer CLEANUP(importer_release) = {
        .cli = cli,
        .report = report,
        .dry_run = arguments_has(&cli->arguments, "dry-run"),
    };
    struct fault fault = {0};
    enum cli_exit status;
    const char *where = cli->arguments.operand_count > 0 ? cli->arguments.operands[0] : NULL;
    buffer_init(&importer.body, CALL_BYTES_MAX);
    if (!client_open(cli, false, &importer.client, &status)) {
        return status;
    }
    tkr_error_t error = import_open(kind, where, options, &importer.source, &fault);
    if (error != TKR_OK) {
        return cli_fail(cli_exit_of(error), "%s",
                        fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
    }
    begin_body(&importer);
    status = read_rows(&importer);
    import_report_columns(report, importer.source);
    return status;
}

enum cli_exit cmd_import(struct cli *cli)
{
    const char *from = arguments_value(&cli->arguments, "from");
    enum import_kind kind;
    if (from == NULL) {
        return cli_usage(cli->command, "--from is needed: env, json, sqlite, postgres or csv");
    }
    if (import_kind_parse(from, &kind) != TKR_OK) {
        return cli_usage(cli->command, "--from is env, json, sqlite, postgres or csv");
    }
    if (!cli_configure(cli, false)) {
        return CLI_USAGE;
    }
    struct chosen chosen CLEANUP(chosen_release) = {0};
    enum cli_exit status = choose(cli, &chosen); /* the zone before any thread runs */
    if (status != CLI_DONE) {
        return status;
    }
    struct import_report *report CLEANUP(import_report_free_p) = NULL;
    if (!import_report_open(cli, &report)) {
        return CLI_REFUSED;
    }
    return import_report_finish(report, run(cli, kind, &chosen.options, report));
}
