/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: a table of commands, each with its options and one function. From the
 * table come the parser, `--help`, the suggestions for typos, the completion of three shells and
 * the manual pages: a new command is in all of them by its row.
 *
 *   commands.c    the table
 *   arguments.c   argv → struct arguments, by the options of the command
 *   completion.h  the table as a script of a shell
 *   manual.h      the table as manual pages
 *   client.c      how a command reaches the authority: HTTP, Unix socket, or the directory
 *   cmd_NAME.c    one command: arguments → a call of the API → text for people, or JSON
 *
 * What the API answers is the one truth: with --json it is printed as it is.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/limits.h"
#include "daemon/config.h"

/* Exit status of the program. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1,     /* refused, not found, or it failed */
    CLI_USAGE = 2,       /* the command line, the configuration or a value is wrong */
    CLI_UNREACHABLE = 3, /* the authority cannot be reached, or is busy: try again */
};

struct cli_option {
    const char *name;  /* without `--`; NULL ends a list */
    const char *value; /* what its value is called in the help; NULL: a switch */
    bool repeatable;   /* else a second one is an error */
    const char *help;
    const char *key; /* the configuration key that it sets, `server.data`; NULL: none */
    /* Values to offer while somebody types, with commas: all that there are, or the usual ones;
     * "minute=,hour=" where more follows. For completion only, nothing is refused by it. NULL: by
     * `value`: FILE and PATH are files, DIR is a directory, of others nothing is known. */
    const char *choices;
};

struct cli;

/* Where a command stands in `tokenry help` and tokenry(1); those that say nothing stand last. */
enum cli_group {
    CLI_GROUP_OTHER,
    CLI_GROUP_AUTHORITY,
    CLI_GROUP_TOKENS,
    CLI_GROUP_LIMITS,
    CLI_GROUP_TENANCY,
    CLI_GROUP_AUDIT,
};

struct cli_command {
    const char *name; /* "create", or two words: "tier set" */
    /* For the usage line; "" for none. `FILE` and `[FILE]` are completed as files, `COMMAND` as
     * one of these, `a|b|c` as these words. */
    const char *operands;
    size_t operands_max;
    const char *summary;              /* a line in the list of commands */
    const char *description;          /* paragraphs under its own help; "" for none */
    const struct cli_option *options; /* its own, beside the common ones; ends with NULL */
    bool talks;                       /* reaches an authority: has the common options of that */
    enum cli_exit (*run)(struct cli *cli);
    enum cli_group group;
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* The groups in the order in which they are shown. */
extern const struct cli_group_title {
    enum cli_group group;
    const char *title;
} cli_groups[];
extern const size_t cli_group_count;

/* The command that the first words of argv name, and how many words that took. NULL: none;
 * then *ret_nearest is what was meant, or NULL. */
const struct cli_command *cli_command_find(const char *const *words, size_t count,
                                           size_t *ret_taken, const char **ret_nearest);
/* The command's option of that name; NULL when it has none. */
const struct cli_option *cli_option_find(const struct cli_command *command, const char *name,
                                         size_t length);
/* Option `index` of a command, common ones last; NULL past the end. */
const struct cli_option *cli_option_at(const struct cli_command *command, size_t index);
/* Values to offer for it, with commas: its own, or those of its key; NULL: none. */
const char *cli_option_choices(const struct cli_option *option);
/* Whether it is no option of one command, but of all or of all that reach an authority. */
bool cli_option_is_common(const struct cli_option *option);

/* --- what a command was given -------------------------------------------------------------- */

struct argument {
    const struct cli_option *option;
    const char *value; /* "" for a switch */
};

struct arguments {
    struct argument options[CLI_ARGUMENTS_MAX];
    size_t option_count;
    const char *operands[CLI_ARGUMENTS_MAX];
    size_t operand_count;
};

/*
 * Reads `words` (without the program and the command). Options may stand anywhere, as
 * `--name value` or `--name=value`; `--` ends them. Values point into `words`. A word that
 * looks like a token is refused without repeating it (cli/token_input.h). Errors:
 * TKR_UNKNOWN_MEMBER, TKR_INVALID, TKR_CONFLICT, TKR_TOO_LARGE, with a sentence in `fault`.
 */
MUST_USE tkr_error_t arguments_parse(const struct cli_command *command, char *const *words,
                                     size_t count, struct arguments *ret_arguments,
                                     struct fault *fault);
bool arguments_has(const struct arguments *arguments, const char *name);
/* The value of the option, NULL when it was not given; the first of several. */
const char *arguments_value(const struct arguments *arguments, const char *name);
/* Each value in turn: start with *position = 0; NULL at the end. */
const char *arguments_next(const struct arguments *arguments, const char *name, size_t *position);

/* --- the running program ------------------------------------------------------------------- */

struct cli {
    const struct cli_command *command;
    struct arguments arguments;
    char *const *environment;
    struct config *config; /* NULL until cli_configure */
};

/* Default, file, environment and the options that are keys, checked and resolved, into
 * cli->config. `serving`: also what only the daemon needs. On an error every complaint is printed;
 * answer CLI_USAGE then. */
MUST_USE bool cli_configure(struct cli *cli, bool serving);
/* The file that was named, or the default one if it is there, else NULL. */
const char *cli_config_file(const struct cli *cli);
/* `tokenry: ` and the sentence on standard error; returns `status`. */
enum cli_exit cli_fail(enum cli_exit status, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same for a usage error, with a line on where to find help. */
enum cli_exit cli_usage(const struct cli_command *command, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* The usage error of a word that is no command; `nearest` is the one that may be meant, or NULL. */
enum cli_exit cli_unknown_command(const char *word, const char *nearest);
/* The exit status that an error of our own libraries means. */
enum cli_exit cli_exit_of(tkr_error_t error);
bool cli_json(const struct cli *cli);

/* Runs the program. */
int cli_main(int count, char *const *words, char *const *environment);

/* The commands. */
enum cli_exit cmd_serve(struct cli *cli);
enum cli_exit cmd_init(struct cli *cli);
enum cli_exit cmd_create(struct cli *cli);
enum cli_exit cmd_list(struct cli *cli);
enum cli_exit cmd_show(struct cli *cli);
enum cli_exit cmd_update(struct cli *cli);
enum cli_exit cmd_revoke(struct cli *cli);
enum cli_exit cmd_rotate(struct cli *cli);
enum cli_exit cmd_rollback(struct cli *cli);
enum cli_exit cmd_disable(struct cli *cli);
enum cli_exit cmd_quarantine(struct cli *cli);
enum cli_exit cmd_restore(struct cli *cli);
enum cli_exit cmd_emergency(struct cli *cli);
enum cli_exit cmd_cleanup(struct cli *cli);
enum cli_exit cmd_verify(struct cli *cli);
enum cli_exit cmd_check_config(struct cli *cli);
enum cli_exit cmd_doctor(struct cli *cli);
enum cli_exit cmd_check_token(struct cli *cli);
enum cli_exit cmd_credits_show(struct cli *cli);
enum cli_exit cmd_credits_set(struct cli *cli);
enum cli_exit cmd_credits_add(struct cli *cli);
enum cli_exit cmd_credits_subtract(struct cli *cli);
enum cli_exit cmd_credits_refund(struct cli *cli);
enum cli_exit cmd_tier_list(struct cli *cli);
enum cli_exit cmd_tier_set(struct cli *cli);
enum cli_exit cmd_status(struct cli *cli);
enum cli_exit cmd_import(struct cli *cli);
enum cli_exit cmd_export(struct cli *cli);
enum cli_exit cmd_completion(struct cli *cli);
enum cli_exit cmd_leak_rules(struct cli *cli);
enum cli_exit cmd_user_list(struct cli *cli);
enum cli_exit cmd_user_show(struct cli *cli);
enum cli_exit cmd_user_create(struct cli *cli);
enum cli_exit cmd_user_set(struct cli *cli);
enum cli_exit cmd_user_suspend(struct cli *cli);
enum cli_exit cmd_user_activate(struct cli *cli);
enum cli_exit cmd_org_list(struct cli *cli);
enum cli_exit cmd_org_show(struct cli *cli);
enum cli_exit cmd_org_create(struct cli *cli);
enum cli_exit cmd_org_set(struct cli *cli);
enum cli_exit cmd_role_list(struct cli *cli);
enum cli_exit cmd_role_show(struct cli *cli);
enum cli_exit cmd_role_set(struct cli *cli);
enum cli_exit cmd_role_delete(struct cli *cli);
enum cli_exit cmd_rotation_set(struct cli *cli);
enum cli_exit cmd_rotation_show(struct cli *cli);
enum cli_exit cmd_rotation_remove(struct cli *cli);
enum cli_exit cmd_rotation_run(struct cli *cli);
enum cli_exit cmd_rotation_plan(struct cli *cli);
enum cli_exit cmd_audit_list(struct cli *cli);
enum cli_exit cmd_audit_export(struct cli *cli);
enum cli_exit cmd_audit_record(struct cli *cli);
enum cli_exit cmd_audit_verify(struct cli *cli);
enum cli_exit cmd_monitor(struct cli *cli);
enum cli_exit cmd_job_list(struct cli *cli);
enum cli_exit cmd_job_run(struct cli *cli);
enum cli_exit cmd_notify_list(struct cli *cli);
enum cli_exit cmd_notify_test(struct cli *cli);
enum cli_exit cmd_notify_dead(struct cli *cli);
enum cli_exit cmd_notify_retry(struct cli *cli);
enum cli_exit cmd_notify_drop(struct cli *cli);
enum cli_exit cmd_analytics(struct cli *cli);
enum cli_exit cmd_blast_radius(struct cli *cli);
enum cli_exit cmd_help(struct cli *cli);
enum cli_exit cmd_version(struct cli *cli);
enum cli_exit cmd_simulate(struct cli *cli);

#endif
