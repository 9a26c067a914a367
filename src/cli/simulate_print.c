/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "api/json_emit.h"
#include "api/token_json.h"
#include "base/text.h"
#include "cli/simulate.h"
#include "cli/table.h"

#define CELL_SIZE 128
/* Pieces of JSON are written out when they are this long. */
#define PIECE_BYTES (64 * 1024)

static void free_numbers(uint32_t **numbers)
{
    free(*numbers);
}

/* --- for people ------------------------------------------------------------------------------ */

/* Tenths of a percent; what is less than that and not nothing does not look like nothing. */
static const char *share_text(uint64_t part, uint64_t whole, char out[CELL_SIZE])
{
    double share = whole > 0 ? 100.0 * (double)part / (double)whole : 0;
    bool tiny = part > 0 && share < 0.1;
    snprintf(out, CELL_SIZE, tiny ? "<0.1 %%" : "%.1f %%", share);
    return out;
}

static const char *count_text(uint64_t count, char out[CELL_SIZE])
{
    snprintf(out, CELL_SIZE, "%" PRIu64, count);
    return out;
}

/* In the largest unit that leaves a number to look at. */
static const char *duration_text(int64_t ms, char out[CELL_SIZE])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    snprintf(out, CELL_SIZE, "%" PRId64 " ms", ms);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        bool whole = ms > 0 && ms % units[i].ms == 0;
        if (whole || ms >= 2 * units[i].ms) {
            snprintf(out, CELL_SIZE, whole ? "%.0f %s" : "%.1f %s",
                     (double)ms / (double)units[i].ms, units[i].unit);
            break;
        }
    }
    return out;
}

static void add_proposal(struct table *table, const struct replay *replay, size_t proposal)
{
    char text[CELL_SIZE], limits[LIMITS_TEXT_SIZE];
    const struct replay_proposal *proposed = replay_proposal(replay, proposal);
    const struct replay_totals *totals = replay_totals(replay, proposal);
    enum table_colour colour = totals->refused > 0 ? TABLE_BAD : TABLE_GOOD;
    table_cell(table, proposed->name, TABLE_BOLD);
    table_cell(table, limits_format(&proposed->limits, limits), TABLE_PLAIN);
    table_cell(table, limits_subject_name(proposed->subject), TABLE_PLAIN);
    table_cell(table, count_text(totals->refused, text), colour);
    table_cell(table, share_text(totals->refused, totals->requests, text), colour);
    snprintf(text, sizeof(text), "%u of %u", totals->subjects_refused, totals->subjects);
    table_cell(table, text, TABLE_PLAIN);
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        table_cell(table, count_text(totals->by_window[i], text), TABLE_PLAIN);
    }
    table_cell(table, duration_text(totals->longest_wait_ms, text), TABLE_PLAIN);
}

static void print_proposals(const struct simulate_report *report)
{
    static const char *const headings[] = {"PROPOSAL", "LIMITS",      "SUBJECT", "REFUSED",
                                           "SHARE",    "WHO",         "MINUTE",  "HOUR",
                                           "DAY",      "LONGEST WAIT"};
    const size_t columns = sizeof(headings) / sizeof(headings[0]);
    struct table table CLEANUP(table_release);
    table_init(&table, headings, columns, terminal_colour(stdout));
    for (size_t i = 0; i < report->options->proposal_count; i++) {
        add_proposal(&table, simulation_replay(report->simulation), i);
    }
    table_print(&table, stdout);
}

static void add_subject(struct table *table, const struct simulate_report *report, size_t proposal,
                        uint32_t number)
{
    char text[CELL_SIZE], id[USER_ID_BYTES_MAX + 1];
    size_t length;
    const struct subjects *subjects = simulation_subjects(report->simulation);
    const char *name = subjects_id(subjects, number, &length);
    struct replay_account account =
        replay_account(simulation_replay(report->simulation), proposal, number);
    snprintf(id, sizeof(id), "%.*s", (int)length, name);
    table_cell(table, limits_subject_name(subjects_kind(subjects, number)), TABLE_FAINT);
    table_cell(table, id, TABLE_BOLD);
    table_cell(table, count_text(account.requests, text), TABLE_PLAIN);
    table_cell(table, count_text(account.refused, text), TABLE_BAD);
    table_cell(table, share_text(account.refused, account.requests, text), TABLE_PLAIN);
    table_cell(table, text_format_time(account.first_refused_ms, text), TABLE_PLAIN);
    table_cell(table, duration_text(account.longest_wait_ms, text), TABLE_PLAIN);
}

static tkr_error_t print_subjects(const struct simulate_report *report, size_t proposal)
{
    static const char *const headings[] = {
        "SUBJECT", "ID", "REQUESTS", "REFUSED", "SHARE", "FIRST REFUSED", "LONGEST WAIT"};
    const struct replay *replay = simulation_replay(report->simulation);
    uint32_t *numbers CLEANUP(free_numbers) = NULL;
    size_t count = 0;
    TRY(replay_refused(replay, proposal, &numbers, &count));
    size_t shown = count < report->top ? count : report->top;
    if (shown == 0) {
        return TKR_OK;
    }
    struct table table CLEANUP(table_release);
    table_init(&table, headings, sizeof(headings) / sizeof(headings[0]), terminal_colour(stdout));
    printf("\nRefused most often by %s:\n", replay_proposal(replay, proposal)->name);
    for (size_t i = 0; i < shown; i++) {
        add_subject(&table, report, proposal, numbers[i]);
    }
    table_print(&table, stdout);
    if (shown < count) {
        printf("and %zu more; --top N lists more of them\n", count - shown);
    }
    return TKR_OK;
}

/* A bar for each step, of the eight heights that a character can have. */
static void print_timeline(const struct replay *replay, size_t proposal)
{
    static const char *const bars[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    const struct replay_totals *totals = replay_totals(replay, proposal);
    const struct timeline *timeline = &totals->timeline;
    char width[CELL_SIZE], begin[TEXT_TIME_SIZE], end[TEXT_TIME_SIZE];
    uint64_t most = 0;
    for (size_t i = 0; i < timeline->count; i++) {
        most = timeline->refused[i] > most ? timeline->refused[i] : most;
    }
    if (most == 0) {
        return;
    }
    printf("\nRefusals by %s over time, at most %" PRIu64 " in %s:\n|",
           replay_proposal(replay, proposal)->name, most, duration_text(timeline->width_ms, width));
    for (size_t i = 0; i < timeline->count; i++) {
        fputs(bars[(timeline->refused[i] * 8 + most - 1) / most], stdout);
    }
    int64_t ends_ms = timeline->begins_ms + (int64_t)timeline->count * timeline->width_ms;
    printf("|\n%s to %s\n", text_format_time(timeline->begins_ms, begin),
           text_format_time(ends_ms, end));
}

tkr_error_t simulate_print(const struct simulate_report *report)
{
    struct simulation_summary summary = simulation_summary(report->simulation);
    const struct replay *replay = simulation_replay(report->simulation);
    char first[TEXT_TIME_SIZE], last[TEXT_TIME_SIZE];
    printf("%" PRIu64 " request%s from %s to %s; %" PRIu64 " line%s left out\n\n", summary.requests,
           summary.requests == 1 ? "" : "s", text_format_time(summary.first_ms, first),
           text_format_time(summary.last_ms, last), summary.bad_lines,
           summary.bad_lines == 1 ? "" : "s");
    print_proposals(report);
    for (size_t i = 0; i < report->options->proposal_count; i++) {
        print_timeline(replay, i);
        TRY(print_subjects(report, i));
    }
    return TKR_OK;
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* As the API writes those of a tier. */
static void emit_proposed_limits(struct emitter *emitter, const struct limits *limits)
{
    emit_open(emitter, "limits", '{');
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        const char *name = window_name((enum window)i);
        if ((limits->set >> i & 1) == 0) {
            emit_null(emitter, name);
        } else if (limits->limit[i] == LIMIT_NONE) {
            emit_text(emitter, name, LIMIT_UNLIMITED_TEXT);
        } else {
            emit_count(emitter, name, limits->limit[i]);
        }
    }
    emit_close(emitter, '}');
}

static void emit_share(struct emitter *emitter, uint64_t part, uint64_t whole)
{
    json_t *share = json_real(whole > 0 ? (double)part / (double)whole : 0);
    emit_value(emitter, "share", share);
    json_decref(share);
}

static void emit_subject(struct emitter *emitter, const struct simulate_report *report,
                         size_t proposal, uint32_t number)
{
    size_t length;
    const struct subjects *subjects = simulation_subjects(report->simulation);
    const char *id = subjects_id(subjects, number, &length);
    struct replay_account account =
        replay_account(simulation_replay(report->simulation), proposal, number);
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "subject", limits_subject_name(subjects_kind(subjects, number)));
    emit_text_n(emitter, "id", id, length);
    emit_count(emitter, "requests", account.requests);
    emit_count(emitter, "refused", account.refused);
    emit_share(emitter, account.refused, account.requests);
    emit_time(emitter, "first_refused_at", account.first_refused_ms);
    emit_number(emitter, "longest_wait_ms", account.longest_wait_ms);
    emit_close(emitter, '}');
}

static void emit_timeline(struct emitter *emitter, const struct timeline *timeline)
{
    emit_open(emitter, "timeline", '{');
    emit_time(emitter, "begins_at", timeline->begins_ms);
    emit_number(emitter, "step_ms", timeline->width_ms);
    emit_open(emitter, "requests", '[');
    for (size_t i = 0; i < timeline->count; i++) {
        emit_count(emitter, NULL, timeline->requests[i]);
    }
    emit_close(emitter, ']');
    emit_open(emitter, "refused", '[');
    for (size_t i = 0; i < timeline->count; i++) {
        emit_count(emitter, NULL, timeline->refused[i]);
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
}

static void emit_totals(struct emitter *emitter, const struct replay_totals *totals)
{
    emit_count(emitter, "requests", totals->requests);
    emit_count(emitter, "refused", totals->refused);
    emit_share(emitter, totals->refused, totals->requests);
    emit_open(emitter, "refused_by_window", '{');
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        emit_count(emitter, window_name((enum window)i), totals->by_window[i]);
    }
    emit_close(emitter, '}');
    emit_count(emitter, "never_possible", totals->hopeless);
    emit_count(emitter, "subjects", totals->subjects);
    emit_count(emitter, "subjects_refused", totals->subjects_refused);
    emit_time(emitter, "first_refused_at", totals->first_refused_ms);
    emit_time(emitter, "last_refused_at", totals->last_refused_ms);
    emit_number(emitter, "longest_wait_ms", totals->longest_wait_ms);
    emit_timeline(emitter, &totals->timeline);
}

/* What was emitted so far; the next goes on behind it. */
static void write_piece(struct buffer *out, size_t least)
{
    if (out->length >= least) {
        fwrite(out->data, 1, out->length, stdout);
        buffer_clear(out);
    }
}

static tkr_error_t emit_proposal(struct emitter *emitter, const struct simulate_report *report,
                                 size_t proposal)
{
    const struct replay *replay = simulation_replay(report->simulation);
    const struct replay_proposal *proposed = replay_proposal(replay, proposal);
    uint32_t *numbers CLEANUP(free_numbers) = NULL;
    size_t count = 0;
    TRY(replay_refused(replay, proposal, &numbers, &count));
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "name", proposed->name);
    emit_proposed_limits(emitter, &proposed->limits);
    emit_text(emitter, "subject", limits_subject_name(proposed->subject));
    emit_totals(emitter, replay_totals(replay, proposal));
    emit_open(emitter, "limited", '[');
    for (size_t i = 0; i < count && i < report->top; i++) {
        emit_subject(emitter, report, proposal, numbers[i]);
        write_piece(emitter->out, PIECE_BYTES);
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
    return TKR_OK;
}

static void emit_bad(struct emitter *emitter, const struct simulate_bad *bad)
{
    emit_open(emitter, "bad_lines", '[');
    for (size_t i = 0; i < bad->count; i++) {
        emit_open(emitter, NULL, '{');
        emit_count(emitter, "line", bad->kept[i].line);
        emit_text(emitter, "reason", bad->kept[i].reason);
        emit_close(emitter, '}');
    }
    emit_close(emitter, ']');
}

tkr_error_t simulate_print_json(const struct simulate_report *report)
{
    struct simulation_summary summary = simulation_summary(report->simulation);
    struct buffer out CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&out, CLI_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &out);
    emit_open(&emitter, NULL, '{');
    emit_count(&emitter, "requests", summary.requests);
    emit_time(&emitter, "first_at", summary.first_ms);
    emit_time(&emitter, "last_at", summary.last_ms);
    emit_count(&emitter, "out_of_order", summary.late);
    emit_count(&emitter, "bad_line_count", summary.bad_lines);
    emit_bad(&emitter, report->bad);
    emit_open(&emitter, "windows", '{');
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        bool fixed = report->options->kinds[i] == WINDOW_FIXED;
        emit_text(&emitter, window_name((enum window)i), fixed ? "fixed" : "sliding");
    }
    emit_close(&emitter, '}');
    emit_open(&emitter, "proposals", '[');
    for (size_t i = 0; i < report->options->proposal_count; i++) {
        TRY(emit_proposal(&emitter, report, i));
    }
    emit_close(&emitter, ']');
    emit_close(&emitter, '}');
    buffer_add_char(&out, '\n');
    ENSURE(buffer_status(&out) == TKR_OK, TKR_MEMORY);
    write_piece(&out, 0);
    return TKR_OK;
}
