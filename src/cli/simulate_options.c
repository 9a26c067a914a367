/* SPDX-License-Identifier: Apache-2.0 */
/* What `tokenry simulate` was given: the limits to try, and how to read the recording. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/simulate.h"

#define TOP_DEFAULT 10
#define PROPOSED "proposed"

/* --- how to read, and what to list ----------------------------------------------------------- */

static enum cli_exit read_fields(const struct cli *cli, const char *names[RECORDED_MEMBERS])
{
    size_t position = 0;
    const char *value;
    for (unsigned i = 0; i < RECORDED_MEMBERS; i++) {
        names[i] = recorded_names[i];
    }
    while ((value = arguments_next(&cli->arguments, "field", &position)) != NULL) {
        unsigned member = 0;
        size_t length = strcspn(value, "=");
        while (member < RECORDED_MEMBERS && (strlen(recorded_names[member]) != length ||
                                             strncmp(recorded_names[member], value, length) != 0)) {
            member++;
        }
        if (member == RECORDED_MEMBERS || value[length] == '\0' || value[length + 1] == '\0') {
            return cli_usage(cli->command, "--field is of the form MEMBER=NAME, and MEMBER one of "
                                           "time, token_id, user_id, cost");
        }
        names[member] = value + length + 1;
    }
    return CLI_DONE;
}

static enum cli_exit read_format(const struct cli *cli, enum recording_format *ret_format)
{
    const char *format = arguments_value(&cli->arguments, "format");
    *ret_format = RECORDING_ANY;
    if (format != NULL && strcmp(format, "ndjson") == 0) {
        *ret_format = RECORDING_NDJSON;
    } else if (format != NULL && strcmp(format, "csv") == 0) {
        *ret_format = RECORDING_CSV;
    } else if (format != NULL) {
        return cli_usage(cli->command, "--format is one of ndjson, csv");
    }
    return CLI_DONE;
}

static enum cli_exit read_top(const struct cli *cli, size_t *ret_top)
{
    const char *top = arguments_value(&cli->arguments, "top");
    uint64_t number = cli_json(cli) ? SIMULATE_TOP_MAX : TOP_DEFAULT;
    if (top != NULL &&
        (text_parse_u64(top, strlen(top), &number) != TKR_OK || number > SIMULATE_TOP_MAX)) {
        return cli_usage(cli->command, "--top is a whole number, 0 to %d", SIMULATE_TOP_MAX);
    }
    *ret_top = (size_t)number;
    return CLI_DONE;
}

enum cli_exit simulate_read_form(const struct cli *cli, struct simulation_options *options,
                                 size_t *ret_top)
{
    enum cli_exit status = read_fields(cli, options->names);
    status = status == CLI_DONE ? read_format(cli, &options->format) : status;
    return status == CLI_DONE ? read_top(cli, ret_top) : status;
}

/* --- what is proposed ------------------------------------------------------------------------ */

static void free_tiers(json_t **tiers)
{
    json_decref(*tiers);
}

/* The tiers, asked once; *ret_tiers is the array. */
static enum cli_exit ask_tiers(struct cli *cli, json_t **ret_tiers)
{
    struct client *client CLEANUP(client_close_p) = NULL;
    enum cli_exit status;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = "/api/v1/tiers"};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        *ret_tiers = json_incref(json_object_get(answer.json, "data"));
    }
    return status;
}

static bool tier_limits(const json_t *tier, struct limits *limits)
{
    const json_t *object = json_object_get(tier, "limits");
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        const json_t *limit = json_object_get(object, window_name((enum window)i));
        json_int_t number = json_integer_value(limit);
        limits->limit[i] = LIMIT_NONE;
        if (json_is_integer(limit) && (number < 0 || number > LIMIT_WINDOW_MAX)) {
            return false;
        }
        if (json_is_integer(limit)) {
            limits->set |= 1U << i;
            limits->limit[i] = (uint32_t)number;
        }
    }
    return true;
}

static enum cli_exit read_tier(const json_t *tiers, const char *name,
                               struct replay_proposal *proposal)
{
    size_t index;
    json_t *tier;
    json_array_foreach(tiers, index, tier)
    {
        if (strcmp(answer_text(tier, "name"), name) != 0) {
            continue;
        }
        const char *subject = answer_text(tier, "subject");
        *proposal = (struct replay_proposal){0};
        snprintf(proposal->name, sizeof(proposal->name), "%s", name);
        if (!tier_limits(tier, &proposal->limits) ||
            limits_subject_parse(subject, strlen(subject), &proposal->subject) != TKR_OK) {
            return cli_fail(CLI_REFUSED, "what answers is no Tokenry: tier %s has no limits", name);
        }
        return CLI_DONE;
    }
    return cli_fail(CLI_REFUSED, "there is no tier %s; see `tokenry tier list`", name);
}

/* `--limit` window by window over what the tier has. */
static tkr_error_t read_limits(const struct cli *cli, struct limits *limits, struct fault *fault)
{
    size_t position = 0;
    const char *value;
    uint32_t given = 0;
    while ((value = arguments_next(&cli->arguments, "limit", &position)) != NULL) {
        struct limits one;
        tkr_error_t error = limits_parse(value, strlen(value), &one);
        if (error != TKR_OK) {
            return fault_set(fault, error, "limit",
                             "--limit: \"%.20s\" is not of the form minute=60 or minute=none, up "
                             "to %u",
                             value, LIMIT_WINDOW_MAX);
        }
        if ((given & one.set) != 0) {
            return fault_set(fault, TKR_CONFLICT, "limit",
                             "--limit: %.20s is a second one for "
                             "its window",
                             value);
        }
        given |= one.set;
        *limits = limits_effective(limits, &one);
    }
    return TKR_OK;
}

static enum cli_exit propose(const struct cli *cli, const json_t *tiers,
                             struct replay_proposal *proposal)
{
    struct fault fault = {0};
    const struct arguments *arguments = &cli->arguments;
    const char *tier = arguments_value(arguments, "tier");
    const char *subject = arguments_value(arguments, "subject");
    *proposal = (struct replay_proposal){.name = PROPOSED,
                                         .limits = {.limit = {LIMIT_NONE, LIMIT_NONE, LIMIT_NONE}},
                                         .subject = LIMITS_OF_TOKEN};
    if (tier != NULL) {
        enum cli_exit status = read_tier(tiers, tier, proposal);
        if (status != CLI_DONE) {
            return status;
        }
    }
    if (subject != NULL &&
        limits_subject_parse(subject, strlen(subject), &proposal->subject) != TKR_OK) {
        return cli_usage(cli->command, "--subject is one of token, user, both");
    }
    if (read_limits(cli, &proposal->limits, &fault) != TKR_OK) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    if (subject != NULL || arguments_has(arguments, "limit")) {
        snprintf(proposal->name, sizeof(proposal->name), PROPOSED);
    }
    return CLI_DONE;
}

static enum cli_exit read_window(const struct cli *cli, const char *value,
                                 enum window_kind kinds[WINDOW_COUNT])
{
    const char *equals = strchr(value, '=');
    const char *kind = equals != NULL ? equals + 1 : "";
    bool fixed = strcmp(kind, "fixed") == 0;
    enum window window;
    if ((!fixed && strcmp(kind, "sliding") != 0) ||
        window_parse(value, (size_t)(equals - value), &window) != TKR_OK) {
        return cli_usage(cli->command, "--window is of the form hour=fixed or hour=sliding");
    }
    kinds[window] = fixed ? WINDOW_FIXED : WINDOW_SLIDING;
    return CLI_DONE;
}

static enum cli_exit read_windows(const struct cli *cli, struct replay_options *options)
{
    struct fault fault = {0};
    size_t position = 0;
    const char *value;
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        options->kinds[i] = (enum window_kind)cli->config->window_kinds[i];
    }
    while ((value = arguments_next(&cli->arguments, "window", &position)) != NULL) {
        enum cli_exit status = read_window(cli, value, options->kinds);
        if (status != CLI_DONE) {
            return status;
        }
    }
    for (size_t i = 0; i < options->proposal_count; i++) {
        if (limits_check(&options->proposals[i].limits, options->kinds, &fault) != TKR_OK) {
            return cli_usage(cli->command, "%s: %s: %s", options->proposals[i].name, fault.field,
                             fault.detail);
        }
    }
    return CLI_DONE;
}

enum cli_exit simulate_read_proposals(struct cli *cli, struct replay_options *options)
{
    const struct arguments *arguments = &cli->arguments;
    json_t *tiers CLEANUP(free_tiers) = NULL;
    enum cli_exit status = CLI_DONE;
    bool by_name = arguments_has(arguments, "tier") || arguments_has(arguments, "compare");
    if (!arguments_has(arguments, "tier") && !arguments_has(arguments, "limit")) {
        return cli_usage(cli->command, "what is proposed? --tier TIER, --limit WINDOW=N, or both");
    }
    if (by_name && (status = ask_tiers(cli, &tiers)) != CLI_DONE) {
        return status;
    }
    options->proposal_count = 1;
    status = propose(cli, tiers, &options->proposals[0]);
    size_t position = 0;
    const char *name;
    while (status == CLI_DONE && (name = arguments_next(arguments, "compare", &position)) != NULL) {
        if (options->proposal_count == SIMULATE_PROPOSALS_MAX) {
            return cli_usage(cli->command, "--compare: at most %d times",
                             SIMULATE_PROPOSALS_MAX - 1);
        }
        status = read_tier(tiers, name, &options->proposals[options->proposal_count++]);
    }
    return status == CLI_DONE ? read_windows(cli, options) : status;
}
