/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/record.h"

#define REASONS_SHOWN 20
#define BAR_MS 200
#define BAR_COLUMNS 24

enum { CREATED, EXISTS, REVOKED, BAD, RESULT_COUNT };
static const char *const result_names[RESULT_COUNT] = {"created", "exists", "revoked", "refused"};

struct import_report {
    struct cli *cli;
    FILE *file; /* NULL: none was asked for */
    bool dry_run, bar, bar_shown;
    uint64_t counts[RESULT_COUNT], clamped;
    int64_t started_ns, shown_ns;
    json_t *columns;
};

static int64_t now_ns(void)
{
    return clock_monotonic_ns(clock_system());
}

bool import_report_open(struct cli *cli, struct import_report **ret_report)
{
    const char *path = arguments_value(&cli->arguments, "report");
    struct import_report *report CLEANUP(import_report_free_p) = calloc(1, sizeof(*report));
    if (report == NULL || (report->columns = json_object()) == NULL) {
        cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
        return false;
    }
    report->cli = cli;
    report->dry_run = arguments_has(&cli->arguments, "dry-run");
    report->bar = isatty(STDERR_FILENO) == 1;
    report->started_ns = now_ns();
    if (path != NULL) { /* names of users and tokens stand in it */
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
        report->file = fd >= 0 ? fdopen(fd, "w") : NULL;
        if (report->file == NULL) {
            cli_fail(CLI_REFUSED, "%s: %s", path, strerror(errno));
            return false;
        }
    }
    *ret_report = report;
    report = NULL;
    return true;
}

void import_report_free_p(struct import_report **report)
{
    if (*report != NULL) {
        if ((*report)->file != NULL) {
            fclose((*report)->file);
        }
        json_decref((*report)->columns);
        free(*report);
    }
}

/* --- rows ------------------------------------------------------------------------------------ */

static void clear_bar(struct import_report *report)
{
    if (report->bar_shown) {
        fputs("\r\033[K", stderr);
        report->bar_shown = false;
    }
}

static void write_line(struct import_report *report, uint64_t number, const char *source_id,
                       const char *result, const char *member, const char *detail)
{
    json_t *line = json_pack("{s:I, s:s, s:s*, s:s*, s:s*}", "row", (json_int_t)number, "result",
                             result, "source_id", source_id, "member", member, "detail", detail);
    if (line != NULL && report->file != NULL) {
        json_dumpf(line, report->file, JSON_COMPACT);
        fputc('\n', report->file);
    }
    json_decref(line);
}

static const char *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static void add_bad(struct import_report *report, uint64_t number, const char *source_id,
                    const char *member, const char *detail)
{
    report->counts[BAD]++;
    source_id = text_or_null(source_id);
    write_line(report, number, source_id, result_names[BAD], text_or_null(member), detail);
    if (report->counts[BAD] <= REASONS_SHOWN) {
        bool named = text_or_null(member) != NULL && strncmp(detail, member, strlen(member)) != 0;
        clear_bar(report);
        fprintf(stderr, "row %llu%s%s%s: %s%s%s\n", (unsigned long long)number,
                source_id != NULL ? " (" : "", source_id != NULL ? source_id : "",
                source_id != NULL ? ")" : "", named ? member : "", named ? ": " : "", detail);
    } else if (report->counts[BAD] == REASONS_SHOWN + 1) {
        fprintf(stderr, "further bad rows are counted%s\n",
                report->file != NULL ? ", and stand in the report" : "; --report FILE has all");
    }
}

void import_report_bad(struct import_report *report, uint64_t number, const char *source_id,
                       const struct fault *fault)
{
    add_bad(report, number, source_id, fault->field, fault->detail);
}

void import_report_result(struct import_report *report, uint64_t number, const char *source_id,
                          const json_t *result)
{
    const char *name = answer_text(result, "result");
    report->clamped += json_is_true(json_object_get(result, "clamped"));
    for (int i = 0; i < BAD; i++) {
        if (strcmp(name, result_names[i]) == 0) {
            report->counts[i]++;
            if (i != CREATED) {
                write_line(report, number, text_or_null(source_id), name, NULL, NULL);
            }
            return;
        }
    }
    add_bad(report, number, source_id, answer_text(result, "member"),
            answer_text(result, "detail"));
}

void import_report_columns(struct import_report *report, const struct import_source *source)
{
    const char *column, *member;
    for (size_t i = 0; import_column(source, i, &column, &member); i++) {
        json_t *value = member[0] != '\0' ? json_string(member) : json_null();
        json_object_set_new(report->columns, column, value);
    }
}

/* --- progress -------------------------------------------------------------------------------- */

static uint64_t rows_of(const struct import_report *report)
{
    uint64_t rows = 0;
    for (int i = 0; i < RESULT_COUNT; i++) {
        rows += report->counts[i];
    }
    return rows;
}

void import_report_progress(struct import_report *report, double share)
{
    int64_t now = now_ns();
    if (!report->bar || now - report->shown_ns < BAR_MS * INT64_C(1000000)) {
        return;
    }
    uint64_t rows = rows_of(report);
    double seconds = (double)(now - report->started_ns) / 1e9;
    report->shown_ns = now;
    report->bar_shown = true;
    fputc('\r', stderr);
    if (share >= 0) {
        int full = (int)(share * BAR_COLUMNS);
        fputc('[', stderr);
        for (int i = 0; i < BAR_COLUMNS; i++) {
            fputc(i < full ? '#' : '.', stderr);
        }
        fprintf(stderr, "] %3d %%, ", (int)(share * 100));
    }
    fprintf(stderr, "%llu rows, %.0f a second\033[K", (unsigned long long)rows,
            seconds > 0 ? (double)rows / seconds : 0);
}

/* --- the end --------------------------------------------------------------------------------- */

static json_t *summary(const struct import_report *report, bool whole)
{
    return json_pack(
        "{s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "complete", whole, "dry_run",
        report->dry_run, "rows", (json_int_t)rows_of(report), "created",
        (json_int_t)report->counts[CREATED], "exists", (json_int_t)report->counts[EXISTS],
        "revoked", (json_int_t)report->counts[REVOKED], "refused", (json_int_t)report->counts[BAD],
        "clamped", (json_int_t)report->clamped, "columns", report->columns);
}

static void print_columns(const struct import_report *report)
{
    const char *column;
    json_t *member;
    json_object_foreach(report->columns, column, member)
    {
        const char *name = json_string_value(member);
        printf("  %-24s %s\n", column, name != NULL ? name : "(left behind)");
    }
}

static void print_summary(const struct import_report *report)
{
    const uint64_t *counts = report->counts;
    printf("%llu rows: %llu %s, %llu exist already, %llu are revoked here and stay so, %llu bad\n",
           (unsigned long long)rows_of(report), (unsigned long long)counts[CREATED],
           report->dry_run ? "would be made" : "made", (unsigned long long)counts[EXISTS],
           (unsigned long long)counts[REVOKED], (unsigned long long)counts[BAD]);
    if (report->clamped > 0) {
        printf("%llu end earlier than in the old store: the policy allows no longer lifetime\n",
               (unsigned long long)report->clamped);
    }
    if (report->dry_run && json_object_size(report->columns) > 0) {
        puts("Columns and what they are taken for:");
        print_columns(report);
    }
}

enum cli_exit import_report_finish(struct import_report *report, enum cli_exit status)
{
    clear_bar(report);
    json_t *object = summary(report, status == CLI_DONE);
    bool written = object != NULL;
    if (report->file != NULL) {
        json_dumpf(object, report->file, JSON_COMPACT);
        fputc('\n', report->file);
        written = fclose(report->file) == 0 && written;
        report->file = NULL;
    }
    if (status != CLI_DONE && rows_of(report) > 0) {
        fputs("tokenry: the rest was not read. What was imported stays: run the same command "
              "again, and it goes on\n",
              stderr);
    }
    if (cli_json(report->cli) && object != NULL) {
        answer_print(object);
    } else if (status == CLI_DONE || rows_of(report) > 0) {
        print_summary(report);
    }
    json_decref(object);
    if (!written) {
        return cli_fail(CLI_REFUSED, "the report could not be written to its end");
    }
    return status == CLI_DONE && report->counts[BAD] > 0 ? CLI_REFUSED : status;
}
