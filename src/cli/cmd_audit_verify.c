/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the data directory itself, beside the daemon, and asks nobody: who audits does not rely on
 * what is audited. Checkpoints that were kept elsewhere (lines of the daemon's log) show also what
 * somebody with the key could hide.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "daemon/audit_log.h"

#include <jansson.h>

#define SHOWN_MAX 20 /* findings that are told one by one */

struct told {
    struct cli *cli;
    json_t *findings; /* of the object that --json prints */
    uint64_t count;
    bool progress;
};

static const char *sentence(enum audit_finding_kind kind)
{
    static const char *const sentences[AUDIT_FINDING_KINDS] = {
        [AUDIT_CHANGED] = "is not what was written, or does not follow from the one before",
        [AUDIT_MISSING] = "missing",
        [AUDIT_OUT_OF_ORDER] = "comes again, or after a later one",
        [AUDIT_CUT_OFF] = "missing: the end of the log was cut off",
        [AUDIT_ADDED] = "were added behind the end of the log",
        [AUDIT_NOT_AS_SIGNED] = "is not the one that a checkpoint was signed for",
        [AUDIT_BAD_SIGNATURE] = "has a checkpoint that no known key has signed for this log",
        [AUDIT_NOT_AS_SEALED] = "should be the newest, and the end of the log is not sealed so",
        [AUDIT_FOREIGN] = "should be in what is of another log, or of other events",
        [AUDIT_BROKEN] = "says that the log was found changed when the daemon started",
    };
    return sentences[kind];
}

static void found(void *context, const struct audit_finding *finding, const char *where)
{
    struct told *told = context;
    unsigned long long seq = finding->seq, until = finding->until;
    if (told->count++ >= SHOWN_MAX) {
        return;
    }
    json_array_append_new(told->findings,
                          json_pack("{s:s, s:I, s:I, s:s?}", "finding",
                                    audit_finding_name(finding->kind), "seq", (json_int_t)seq,
                                    "until", (json_int_t)until, "archive", where));
    if (cli_json(told->cli)) {
        return;
    }
    printf("%s%s", where != NULL ? where : "", where != NULL ? ": " : "");
    if (seq == until) {
        printf("event %llu %s%s\n", seq, finding->kind == AUDIT_MISSING ? "is " : "",
               sentence(finding->kind));
    } else {
        printf("events %llu to %llu %s%s\n", seq, until,
               finding->kind == AUDIT_MISSING || finding->kind == AUDIT_CUT_OFF ? "are " : "",
               sentence(finding->kind));
    }
}

static void show_progress(void *context, uint64_t done, uint64_t of)
{
    const struct told *told = context;
    if (told->progress && of > 0) {
        fprintf(stderr, "\r%3d %%", (int)(100 * done / of));
    }
}

/* --- what is asked ---------------------------------------------------------------------------- */

struct asked {
    struct audit_checkpoint *kept;
    size_t kept_count, kept_room;
    uint8_t trusted[AUDIT_KEYS_MAX - 1][SEAL_PUBLIC_BYTES];
    size_t trusted_count;
    char *key_file;
};

static void asked_release(struct asked *asked)
{
    free(asked->kept);
    free(asked->key_file);
}

static void close_file(FILE **file)
{
    if (*file != NULL && *file != stdin) {
        fclose(*file);
    }
}

static void free_text(char **text)
{
    free(*text);
}

static enum cli_exit keep(struct asked *asked, const struct audit_checkpoint *checkpoint)
{
    if (asked->kept_count == asked->kept_room) {
        size_t room = asked->kept_room > 0 ? 2 * asked->kept_room : 64;
        void *grown = reallocarray(asked->kept, room, sizeof(asked->kept[0]));
        if (grown == NULL) {
            return cli_fail(CLI_REFUSED, "out of memory");
        }
        asked->kept = grown;
        asked->kept_room = room;
    }
    asked->kept[asked->kept_count++] = *checkpoint;
    return CLI_DONE;
}

/* Each line that has a checkpoint in it, whatever stands around. */
static enum cli_exit read_checkpoints(const char *path, struct asked *asked)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file CLEANUP(close_file) = standard ? stdin : fopen(path, "re");
    char *line CLEANUP(free_text) = NULL;
    size_t size = 0, number = 0, before = asked->kept_count;
    ssize_t length;
    if (file == NULL) {
        return cli_fail(CLI_USAGE, "%s: %s", path, strerror(errno));
    }
    while ((length = getline(&line, &size, file)) >= 0) {
        struct audit_checkpoint checkpoint;
        number++;
        tkr_error_t error = audit_checkpoint_find(line, (size_t)length, &checkpoint);
        if (error == TKR_MALFORMED) { /* or only looks like one: a log has words of strangers */
            fprintf(stderr, "%s: line %zu: a damaged checkpoint is left out\n", path, number);
        }
        if (error == TKR_OK && keep(asked, &checkpoint) != CLI_DONE) {
            return CLI_REFUSED;
        }
    }
    return asked->kept_count > before
               ? CLI_DONE
               : cli_fail(CLI_USAGE, "%s: there is no checkpoint in it", path);
}

static enum cli_exit read_keys(struct cli *cli, struct asked *asked)
{
    size_t position = 0;
    const char *value;
    while ((value = arguments_next(&cli->arguments, "public-key", &position)) != NULL) {
        if (asked->trusted_count == AUDIT_KEYS_MAX - 1) {
            return cli_usage(cli->command, "at most %d public keys", AUDIT_KEYS_MAX - 1);
        }
        if (strlen(value) != 2 * SEAL_PUBLIC_BYTES ||
            text_unhex(value, strlen(value), asked->trusted[asked->trusted_count]) != TKR_OK) {
            return cli_usage(cli->command, "--public-key: %d hexadecimal digits",
                             2 * SEAL_PUBLIC_BYTES);
        }
        asked->trusted_count++;
    }
    return CLI_DONE;
}

/* The key of the directory, unless it is not there for who asks: an auditor may have none. */
static enum cli_exit read_asked(struct cli *cli, struct asked *asked)
{
    const char *checkpoints = arguments_value(&cli->arguments, "checkpoints");
    enum cli_exit status = read_keys(cli, asked);
    if (status == CLI_DONE && checkpoints != NULL) {
        status = read_checkpoints(checkpoints, asked);
    }
    if (status != CLI_DONE) {
        return status;
    }
    asked->key_file = strdup(cli->config->audit_key_file);
    if (asked->key_file != NULL && access(asked->key_file, R_OK) != 0 && asked->trusted_count > 0) {
        free(asked->key_file);
        asked->key_file = NULL;
    }
    return CLI_DONE;
}

/* --- the verdict ------------------------------------------------------------------------------ */

#define PLURAL(count) ((count) == 1 ? "" : "s")

/* A copy in which no checkpoint holds proves nothing. */
static bool is_good(const struct audit_log_check *check, const struct audit_log_result *result)
{
    return result->findings == 0 && (check->file == NULL || result->signed_seq > 0);
}

static void print_json(const struct told *told, const struct audit_log_check *check,
                       const struct audit_log_result *result)
{
    json_t *object = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:b, s:I, s:O}", "intact", is_good(check, result),
        "first_seq", (json_int_t)result->first_seq, "head_seq", (json_int_t)result->head_seq,
        "events", (json_int_t)result->events, "checkpoints", (json_int_t)result->checkpoints,
        "sealed", result->sealed, "archives", (json_int_t)result->archives, "archived_events",
        (json_int_t)result->archived_events, "left", result->left, "finding_count",
        (json_int_t)result->findings, "findings", told->findings);
    if (check->file != NULL) {
        json_object_set_new(object, "signed_seq", json_integer((json_int_t)result->signed_seq));
    }
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

/* What could not be looked at, a line each. */
static void print_notes(const struct audit_log_check *check, const struct audit_log_result *result)
{
    if (result->left) {
        printf("events before %llu left the log; with --archives they are looked at, too\n",
               (unsigned long long)result->first_seq);
    }
    if (check->file != NULL && result->signed_seq == 0) {
        printf("no checkpoint of a known key is in it: it may be anybody's\n");
    } else if (check->file != NULL && result->signed_seq < result->head_seq) {
        printf("events behind %llu are not covered by a checkpoint yet\n",
               (unsigned long long)result->signed_seq);
    }
}

static void print_result(const struct told *told, const struct audit_log_check *check,
                         const struct audit_log_result *result)
{
    const char *what = check->file != NULL ? "copy" : "log";
    bool good = is_good(check, result);
    if (cli_json(told->cli)) {
        print_json(told, check, result);
        return;
    }
    if (told->count > SHOWN_MAX) {
        printf("and %llu more\n", (unsigned long long)(told->count - SHOWN_MAX));
    }
    print_notes(check, result);
    if (check->archives != NULL) {
        printf("%llu archive%s with %llu events; ", (unsigned long long)result->archives,
               PLURAL(result->archives), (unsigned long long)result->archived_events);
    }
    printf("%llu events from %llu on, %llu checkpoints: ", (unsigned long long)result->events,
           (unsigned long long)result->first_seq, (unsigned long long)result->checkpoints);
    if (good || result->findings > 0) {
        printf(good ? "the %s is as it was written%s\n" : "THE %s WAS CHANGED%s\n",
               good ? what : (check->file != NULL ? "COPY" : "LOG"),
               result->sealed || check->file != NULL
                   ? ""
                   : " (the seal of its end was not looked at: there is no key here)");
    } else {
        printf("THE COPY PROVES NOTHING\n");
    }
}

/* A copy is held against keys that the caller knows: whatever stands here may be of another log. */
static enum cli_exit check_asked(struct cli *cli, const struct asked *asked)
{
    const char *file = arguments_value(&cli->arguments, "file");
    const char *archives = arguments_value(&cli->arguments, "archives");
    const char *kept = arguments_value(&cli->arguments, "checkpoints");
    const char *inputs[] = {file, archives, kept};
    int standard = 0;
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        standard += inputs[i] != NULL && strcmp(inputs[i], "-") == 0;
    }
    if (standard > 1) {
        return cli_usage(cli->command, "only one of them can be standard input");
    }
    if (file != NULL && archives != NULL) {
        return cli_usage(cli->command, "--file is one copy, --archives are those of the log here");
    }
    if (file != NULL && asked->trusted_count == 0) {
        return cli_usage(cli->command, "--file needs --public-key");
    }
    return CLI_DONE;
}

enum cli_exit cmd_audit_verify(struct cli *cli)
{
    struct asked asked CLEANUP(asked_release) = {0};
    struct fault fault = {0};
    struct audit_log_result result;
    if (!cli_configure(cli, false)) {
        return CLI_USAGE;
    }
    enum cli_exit status = read_asked(cli, &asked);
    if (status == CLI_DONE) {
        status = check_asked(cli, &asked);
    }
    if (status != CLI_DONE) {
        return status;
    }
    struct told told = {.cli = cli,
                        .findings = json_array(),
                        .progress = !cli_json(cli) && isatty(STDERR_FILENO) == 1};
    const struct audit_log_check check = {
        .data = cli->config->data,
        .archives = arguments_value(&cli->arguments, "archives"),
        .file = arguments_value(&cli->arguments, "file"),
        .key_file = asked.key_file,
        .trusted = (const uint8_t(*)[SEAL_PUBLIC_BYTES])asked.trusted,
        .trusted_count = asked.trusted_count,
        .kept = asked.kept,
        .kept_count = asked.kept_count,
        .found = found,
        .progress = show_progress,
        .context = &told,
    };
    tkr_error_t error = audit_log_verify(&check, &result, &fault);
    if (told.progress) {
        fputs("\r     \r", stderr);
    }
    if (error == TKR_OK) {
        print_result(&told, &check, &result);
    }
    json_decref(told.findings);
    if (error != TKR_OK) {
        return cli_fail(CLI_REFUSED, "%s", fault.detail);
    }
    return is_good(&check, &result) ? CLI_DONE : CLI_REFUSED;
}
