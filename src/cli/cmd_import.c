/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of another store into this one: rows from import/, a few hundred a call to the
 * authority. What is known there already changes nothing, so a run that was broken off is gone
 * on with by running it again; nothing has to be remembered between the two.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/import_report.h"
#include "cli/import_send.h"
#include "import/import.h"

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

/* --- all ------------------------------------------------------------------------------------- */

static enum cli_exit read_rows(struct import_source *source, struct import_sender *sender,
                               struct import_report *report)
{
    for (;;) {
        struct import_row row;
        struct fault fault = {0};
        enum import_outcome outcome = IMPORT_END;
        bool sent = false;
        tkr_error_t error = import_next(source, &row, &outcome, &fault);
        if (error != TKR_OK) {
            enum cli_exit failed =
                cli_fail(cli_exit_of(error), "%s",
                         fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
            enum cli_exit status = import_sender_finish(sender); /* what was read stays */
            return status != CLI_DONE ? status : failed;
        }
        switch (outcome) {
        case IMPORT_END:
            return import_sender_finish(sender);
        case IMPORT_BAD:
            import_report_bad(report, row.number, row.source_id, &fault);
            break;
        case IMPORT_ROW: {
            enum cli_exit status = import_sender_add(sender, &row, &sent);
            if (status != CLI_DONE) {
                return status;
            }
            break;
        }
        }
        if (sent) {
            import_report_progress(report, import_progress(source));
        }
    }
}

static enum cli_exit run(struct cli *cli, enum import_kind kind,
                         const struct import_options *options, struct import_report *report)
{
    struct import_source *source CLEANUP(import_close_p) = NULL;
    struct import_sender *sender CLEANUP(import_sender_free_p) = NULL;
    struct client *client = NULL;
    struct fault fault = {0};
    enum cli_exit status;
    const char *where = cli->arguments.operand_count > 0 ? cli->arguments.operands[0] : NULL;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    status =
        import_sender_open(cli, client, report, arguments_has(&cli->arguments, "dry-run"), &sender);
    if (status != CLI_DONE) {
        return status;
    }
    tkr_error_t error = import_open(kind, where, options, &source, &fault);
    if (error != TKR_OK) {
        return cli_fail(cli_exit_of(error), "%s",
                        fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
    }
    status = read_rows(source, sender, report);
    import_report_columns(report, source);
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
