/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/runtime_directory.h"

const struct doctor_check doctor_checks[] = {
    {"data_directory", false, doctor_look_data_directory},
    {"permissions", true, doctor_look_permissions},
    {"disk_data", true, doctor_look_disk_data},
    {"database", true, doctor_look_database},
    {"audit_log", true, doctor_look_audit_log},
    {"clock", true, doctor_look_clock},
    {"runtime_directory", false, doctor_look_runtime},
    {"disk_runtime", false, doctor_look_disk_runtime},
    {"segment", false, doctor_look_segment},
    {"open_files", false, doctor_look_open_files},
    {"address", false, doctor_look_address},
    {"certificate", false, doctor_look_certificate},
    {"channels", false, doctor_look_channels},
    {"rotation_targets", false, doctor_look_targets},
    {"daemon", false, doctor_look_daemon},
};
const size_t doctor_check_count = sizeof(doctor_checks) / sizeof(doctor_checks[0]);

const char *doctor_outcome_name(enum doctor_outcome outcome)
{
    static const char *const names[] = {
        [DOCTOR_SKIPPED] = "skipped",
        [DOCTOR_OK] = "ok",
        [DOCTOR_WARNING] = "warning",
        [DOCTOR_FAILED] = "failed",
    };
    return names[outcome];
}

/* --- what a check found ---------------------------------------------------------------------- */

__attribute__((format(printf, 2, 0))) static void say(struct doctor_finding *finding,
                                                      const char *format, va_list arguments)
{
    vsnprintf(finding->said, sizeof(finding->said), format, arguments);
    finding->to_do[0] = '\0';
}

void doctor_fine(struct doctor_finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(finding, format, arguments);
    va_end(arguments);
    finding->outcome = DOCTOR_OK;
}

void doctor_skip(struct doctor_finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(finding, format, arguments);
    va_end(arguments);
    finding->outcome = DOCTOR_SKIPPED;
}

void doctor_bad(struct doctor_finding *finding, enum doctor_outcome outcome, const char *to_do,
                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(finding, format, arguments);
    va_end(arguments);
    finding->outcome = outcome;
    snprintf(finding->to_do, sizeof(finding->to_do), "%s", to_do);
}

void doctor_look(const struct doctor *doctor, const struct doctor_check *check,
                 struct doctor_finding *ret_finding)
{
    doctor_skip(ret_finding, "there is no data directory");
    if (doctor->there || !check->in_data) {
        check->look(doctor, ret_finding);
    }
}

/* --- what is looked at first ----------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static void free_text(char **text)
{
    free(*text);
}

/* Who holds the data directory has the lock; the file says which process that is. The lock that
 * is tried here is a shared one, and gone at once. */
static void find_holder(struct doctor *doctor)
{
    CLEANUP(free_text) char *path = NULL;
    if (asprintf(&path, "%s/tokenry.lock", doctor->config->data) < 0) {
        path = NULL;
        return;
    }
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
        return;
    }
    char text[32];
    uint64_t pid = 0;
    ssize_t length = pread(fd, text, sizeof(text), 0);
    doctor->held = true;
    if (length > 1 && text_parse_u64(text, (size_t)length - 1, &pid) == TKR_OK) {
        doctor->holder = (pid_t)pid;
    }
}

/* Where the daemon that was here last put it; nothing is made. */
static char *find_runtime(const struct doctor *doctor)
{
    const char *configured = doctor->config->runtime_directory;
    return configured[0] != '\0' ? realpath(configured, NULL)
                                 : data_link_target(doctor->config->data, DATA_LINK_RUNTIME);
}

tkr_error_t doctor_open(struct doctor *doctor, const struct config *config,
                        char *const *environment)
{
    struct stat status;
    *doctor =
        (struct doctor){.config = config, .environment = environment, .clock = clock_system()};
    doctor->there = stat(config->data, &status) == 0;
    doctor->owner = doctor->there ? status.st_uid : geteuid();
    find_holder(doctor);
    doctor->runtime = find_runtime(doctor);
    return TKR_OK;
}

void doctor_close(struct doctor *doctor)
{
    free(doctor->runtime);
}
