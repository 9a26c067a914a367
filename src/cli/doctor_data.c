/* SPDX-License-Identifier: Apache-2.0 */
/* The database, the audit log in it, the segment, and the clock that both know. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/doctor.h"
#include "daemon/audit_log.h"
#include "daemon/wire.h"
#include "segment/reader.h"

static void reader_close(struct segment_reader **reader)
{
    segment_reader_close(*reader);
}

/* The words of an error, whether it has any of its own or not. */
static const char *words(tkr_error_t error, const struct fault *fault)
{
    return fault->error == error && fault->detail[0] != '\0' ? fault->detail
                                                             : tkr_error_text(error);
}

void doctor_look_database(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct store_look look;
    struct fault fault = {0};
    tkr_error_t error =
        wire_look_at_store(doctor->config->data, DOCTOR_CHECK_BYTES_MAX, &look, &fault);
    if (error == TKR_CORRUPT) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "Stop the daemon, keep these files, and restore the newest copy "
                   "(docs/operations.md)",
                   "%s", words(error, &fault));
    } else if (error == TKR_CONFLICT) {
        doctor_bad(finding, DOCTOR_WARNING,
                   "Make a copy and start the daemon of this version, which brings it up to date",
                   "%s", words(error, &fault));
    } else if (error != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED, "See what the file says, and the program's version",
                   "%s", words(error, &fault));
    } else if (!look.checked) {
        doctor_fine(finding,
                    "schema version %lld, %lld MiB: too large to look at each page here; with "
                    "time: sqlite3 -readonly tokenry.db 'PRAGMA quick_check'",
                    (long long)look.version, (long long)(look.bytes >> 20));
    } else {
        doctor_fine(finding, "schema version %lld, %lld KiB, no page is damaged",
                    (long long)look.version, (long long)(look.bytes >> 10));
    }
}

void doctor_look_audit_log(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct audit_log_head head;
    struct fault fault = {0};
    const struct config *config = doctor->config;
    tkr_error_t error = audit_log_look(config->data, config->audit_key_file, &head, &fault);
    if (error != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "Find the key (audit.key_file), and run `tokenry audit verify`", "%s",
                   words(error, &fault));
    } else if (!head.as_sealed) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "Run `tokenry audit verify` with the checkpoints that were kept elsewhere",
                   "event %llu is the newest, and the end of the log is not sealed so",
                   (unsigned long long)head.seq);
    } else {
        doctor_fine(finding, "%llu events, the newest is the one that was sealed",
                    (unsigned long long)head.seq);
    }
}

/* --- segment and clock ----------------------------------------------------------------------- */

static tkr_error_t read_segment(const struct doctor *doctor, int64_t *ret_now_ms,
                                struct fault *fault)
{
    CLEANUP(reader_close) struct segment_reader *reader = NULL;
    TRY(segment_reader_open(doctor->runtime, doctor->clock, doctor->config->stale_s, &reader,
                            fault));
    return segment_reader_begin(reader, ret_now_ms) ? TKR_OK : TKR_TIMEOUT;
}

void doctor_look_segment(const struct doctor *doctor, struct doctor_finding *finding)
{
    int64_t now_ms = 0;
    struct fault fault = {0};
    if (!doctor->held || doctor->runtime == NULL) {
        doctor_skip(finding, "no daemon keeps it up to date");
        return;
    }
    tkr_error_t error = read_segment(doctor, &now_ms, &fault);
    if (error == TKR_TIMEOUT) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "The daemon hangs or another machine's directory is meant: verifications "
                   "answer unavailable. Look into its log, and restart it",
                   "%s was not heard of for more than %lld s", doctor->runtime,
                   (long long)doctor->config->stale_s);
    } else if (error != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "Stop the daemon, remove the runtime directory, and start it: the segment is "
                   "made anew from the database",
                   "%s", words(error, &fault));
    } else {
        doctor_fine(finding, "%s is fresh", doctor->runtime);
    }
}

/* Logical time never goes back, so after a clock that was ahead it stands until the wall clock has
 * caught up. */
void doctor_look_clock(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct store_look look = {0};
    struct fault fault = {0};
    char text[TEXT_TIME_SIZE];
    int64_t wall_ms = clock_wall_ms(doctor->clock), logical_ms = 0;
    bool fresh = doctor->held && doctor->runtime != NULL &&
                 read_segment(doctor, &logical_ms, &fault) == TKR_OK;
    if (!fresh) {
        tkr_error_t error = wire_look_at_store(doctor->config->data, 0, &look, &fault);
        if (error != TKR_OK) {
            doctor_skip(finding, "the database does not tell its time");
            return;
        }
        logical_ms = look.clock_ms;
    }
    int64_t ahead_ms = logical_ms - wall_ms;
    if (wall_ms < DOCTOR_CLOCK_LEAST_MS) {
        doctor_bad(finding, DOCTOR_FAILED, "Set the clock of this machine",
                   "it is %s here, which cannot be", text_format_time(wall_ms, text));
    } else if (ahead_ms >= DOCTOR_CLOCK_AHEAD_MS) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "Set the clock. If it is right now: restart with `tokenry serve --reset-clock`",
                   "it was %lld s later here before: the machine's clock was ahead, or is behind",
                   (long long)(ahead_ms / 1000));
    } else {
        doctor_fine(finding, "%s, and never was later here", text_format_time(wall_ms, text));
    }
}
