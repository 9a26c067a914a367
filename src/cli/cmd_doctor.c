/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/table.h"
#include "daemon/privilege.h"

#include <jansson.h>

struct told {
    struct cli *cli;
    struct table table;
    json_t *checks; /* of the object that --json prints */
    unsigned warnings, failed;
};

static void tell(struct told *told, const char *name, const struct doctor_finding *finding)
{
    static const enum table_colour colours[] = {
        [DOCTOR_SKIPPED] = TABLE_FAINT,
        [DOCTOR_OK] = TABLE_GOOD,
        [DOCTOR_WARNING] = TABLE_BOLD,
        [DOCTOR_FAILED] = TABLE_BAD,
    };
    told->warnings += finding->outcome == DOCTOR_WARNING;
    told->failed += finding->outcome == DOCTOR_FAILED;
    json_array_append_new(told->checks,
                          json_pack("{s:s, s:s, s:s, s:s?}", "name", name, "outcome",
                                    doctor_outcome_name(finding->outcome), "detail", finding->said,
                                    "to_do", finding->to_do[0] != '\0' ? finding->to_do : NULL));
    table_cell(&told->table, name, TABLE_PLAIN);
    table_cell(&told->table, doctor_outcome_name(finding->outcome), colours[finding->outcome]);
    table_cell(&told->table, finding->said, TABLE_PLAIN);
    if (finding->to_do[0] != '\0') {
        table_cell(&told->table, " ", TABLE_PLAIN);
        table_cell(&told->table, " ", TABLE_PLAIN);
        table_cell(&told->table, finding->to_do, TABLE_FAINT);
    }
}

/* As who the daemon runs: root may read what the daemon could not, and would leave files behind
 * that it could not open. */
static enum cli_exit become(const struct config *config)
{
    struct stat status;
    struct fault fault = {0};
    tkr_error_t error = TKR_OK;
    if (geteuid() == 0 && config->user[0] != '\0') {
        error = privilege_become(config->user, &fault);
    } else if (geteuid() == 0 && stat(config->data, &status) == 0 && status.st_uid != 0) {
        error = privilege_become_id(status.st_uid, status.st_gid, &fault);
    }
    return error == TKR_OK ? CLI_DONE : cli_fail(CLI_REFUSED, "%s", fault.detail);
}

static void look(struct told *told, const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor_check_count; i++) {
        struct doctor_finding finding;
        doctor_look(doctor, &doctor_checks[i], &finding);
        tell(told, doctor_checks[i].name, &finding);
    }
}

static void print(struct told *told)
{
    if (cli_json(told->cli)) {
        json_t *object =
            json_pack("{s:b, s:i, s:i, s:O}", "ok", told->failed == 0, "failed", (int)told->failed,
                      "warnings", (int)told->warnings, "checks", told->checks);
        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(object);
        return;
    }
    (void)table_print(&told->table, stdout);
    printf("%u failed, %u warnings\n", told->failed, told->warnings);
}

enum cli_exit cmd_doctor(struct cli *cli)
{
    static const char *const headings[] = {"CHECK", "OUTCOME", "FOUND"};
    struct doctor doctor CLEANUP(doctor_close) = {0};
    struct doctor_finding configuration = {.outcome = DOCTOR_OK};
    struct told told = {.cli = cli, .checks = json_array()};
    table_init(&told.table, headings, 3, terminal_colour(stdout));
    bool configured = cli_configure(cli, true);
    enum cli_exit status = configured ? become(cli->config) : CLI_DONE;
    if (configured) {
        const char *file = cli_config_file(cli);
        doctor_fine(&configuration, "%s", file != NULL ? file : "no file: defaults, environment");
    } else {
        doctor_bad(&configuration, DOCTOR_FAILED,
                   "Mend it first: the other checks depend on it. See `tokenry check-config`",
                   "what is wrong stands above");
    }
    tell(&told, "configuration", &configuration);
    if (configured && status == CLI_DONE &&
        doctor_open(&doctor, cli->config, cli->environment) == TKR_OK) {
        look(&told, &doctor);
    }
    if (status == CLI_DONE) {
        print(&told);
    }
    table_release(&told.table);
    json_decref(told.checks);
    return status == CLI_DONE && told.failed > 0 ? CLI_REFUSED : status;
}
