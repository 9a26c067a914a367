/* SPDX-License-Identifier: Apache-2.0 */
/* Directories, the permissions of what is in them, room, and the limit of open files. */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/room.h"
#include "cli/doctor.h"

#define OTHERS (S_IRWXG | S_IRWXO)
#define MIB (UINT64_C(1) << 20)

void doctor_look_data_directory(const struct doctor *doctor, struct doctor_finding *finding)
{
    const char *path = doctor->config->data;
    struct stat status;
    if (lstat(path, &status) != 0) {
        doctor_bad(finding, DOCTOR_FAILED, "Make it with `tokenry init`, or name another: --data",
                   "%s: %s", path, strerror(errno));
    } else if (!S_ISDIR(status.st_mode)) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "It must be a directory of its own: a link may be led elsewhere",
                   "%s is no directory", path);
    } else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        doctor_bad(finding, DOCTOR_FAILED, "chmod 0700 it; no daemon starts like this",
                   "%s may be written by others (mode %04o)", path,
                   (unsigned)(status.st_mode & 07777));
    } else if (status.st_uid != geteuid()) {
        doctor_bad(finding, DOCTOR_FAILED, "Run this as that user, or as root",
                   "%s belongs to user %u, and this is user %u", path, (unsigned)status.st_uid,
                   (unsigned)geteuid());
    } else {
        doctor_fine(finding, "%s%s", path,
                    doctor->held ? ", held by a running daemon" : ", held by nobody");
    }
}

/* --- permissions ----------------------------------------------------------------------------- */

/* Bits that a file may not have, and whether it must be the owner's of the data directory. */
static bool look_at_file(const struct doctor *doctor, const char *path, mode_t forbidden, bool own,
                         struct doctor_finding *finding)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        if (errno == ENOENT) {
            return true;
        }
        doctor_bad(finding, DOCTOR_FAILED, "It must be readable for the user that runs Tokenry",
                   "%s: %s", path, strerror(errno));
        return false;
    }
    if (own && status.st_uid != doctor->owner) {
        doctor_bad(finding, DOCTOR_FAILED, "chown it: the daemon could not open it",
                   "%s belongs to user %u, and the data directory to %u", path,
                   (unsigned)status.st_uid, (unsigned)doctor->owner);
        return false;
    }
    if (!S_ISLNK(status.st_mode) && (status.st_mode & forbidden) != 0) {
        doctor_bad(finding, DOCTOR_FAILED, "chmod go-rwx it, and ask who has read it until now",
                   "%s is open to others (mode %04o)", path, (unsigned)(status.st_mode & 07777));
        return false;
    }
    return true;
}

static bool look_in_data(const struct doctor *doctor, struct doctor_finding *finding)
{
    static const char *const names[] = {"tokenry.db", "tokenry.db-wal", "tokenry.db-shm",
                                        "tokenry.lock"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", doctor->config->data, names[i]);
        if (!look_at_file(doctor, path, OTHERS, true, finding)) {
            return false;
        }
    }
    return true;
}

/* The segment has digests and users, and whoever could write it would make tokens: others may read
 * what was opened to them on purpose, and write the counters only. */
static bool look_in_runtime(const struct doctor *doctor, struct doctor_finding *finding)
{
    char path[4096];
    if (doctor->runtime == NULL) {
        return true;
    }
    snprintf(path, sizeof(path), "%s/keys", doctor->runtime);
    return look_at_file(doctor, path, S_IWGRP | S_IWOTH, true, finding);
}

void doctor_look_permissions(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = doctor->config;
    mode_t beyond = ~(mode_t)config->socket_mode & (OTHERS | S_IRWXU);
    bool fine = look_in_data(doctor, finding) &&
                look_at_file(doctor, config->audit_key_file, OTHERS, true, finding) &&
                look_in_runtime(doctor, finding);
    if (fine && config_has_socket(config)) {
        fine = look_at_file(doctor, config->socket, beyond, false, finding);
    }
    if (fine && config->tls_key[0] != '\0') {
        fine = look_at_file(doctor, config->tls_key, S_IWGRP | S_IRWXO, false, finding);
    }
    if (fine) {
        doctor_fine(finding, "database, keys, segment and socket are closed to others");
    }
}

/* --- where things are ------------------------------------------------------------------------ */

void doctor_look_runtime(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct statfs status;
    if (doctor->runtime == NULL) {
        doctor_skip(finding, "there is none until a daemon makes it");
        return;
    }
    if (statfs(doctor->runtime, &status) != 0) {
        doctor_bad(finding, DOCTOR_FAILED, "See server.runtime_directory", "%s: %s",
                   doctor->runtime, strerror(errno));
        return;
    }
    bool in_memory = status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC ||
                     status.f_type == HUGETLBFS_MAGIC;
    if (in_memory) {
        doctor_fine(finding, "%s, in memory", doctor->runtime);
    } else {
        doctor_bad(finding, DOCTOR_WARNING,
                   "Put it on a tmpfs (server.runtime_directory): verifications may wait for "
                   "the disk",
                   "%s is on a disk", doctor->runtime);
    }
}

/* A disk that is full refuses changes, and a full tmpfs new tokens. */
static void look_at_room(const char *path, uint64_t warning_bytes, uint64_t failed_bytes,
                         struct doctor_finding *finding)
{
    struct room room;
    if (room_look(path, warning_bytes, failed_bytes, &room) != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED, "See the check of that directory", "%s: %s", path,
                   strerror(errno));
        return;
    }
    unsigned long long free_mib = room.free_bytes / MIB;
    if (room.verdict == ROOM_NONE) {
        doctor_bad(finding, DOCTOR_FAILED, "Make room: what cannot be written is refused",
                   "%s: %llu MiB free%s", path, free_mib,
                   room.free_files < ROOM_FREE_FILES ? ", and no more files can be made" : "");
    } else if (room.verdict == ROOM_LOW) {
        doctor_bad(finding, DOCTOR_WARNING, "Make room soon: what cannot be written is refused",
                   "%s: %llu MiB free, %u %%", path, free_mib, room.percent);
    } else {
        doctor_fine(finding, "%s: %llu MiB free, %u %%", path, free_mib, room.percent);
    }
}

void doctor_look_disk_data(const struct doctor *doctor, struct doctor_finding *finding)
{
    look_at_room(doctor->config->data, ROOM_DATA_LOW_BYTES, ROOM_DATA_NONE_BYTES, finding);
}

/* The segment is made anew beside itself when it grows. */
void doctor_look_disk_runtime(const struct doctor *doctor, struct doctor_finding *finding)
{
    if (doctor->runtime == NULL) {
        doctor_skip(finding, "there is no runtime directory until a daemon makes it");
        return;
    }
    look_at_room(doctor->runtime, ROOM_RUNTIME_LOW_BYTES, ROOM_RUNTIME_NONE_BYTES, finding);
}

/* --- open files ------------------------------------------------------------------------------ */

/* Of the daemon when there is one: this process may have another limit. */
static bool limit_of(pid_t pid, uint64_t *ret_limit)
{
    struct rlimit limit;
    if (pid == 0) {
        bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0;
        *ret_limit = known ? limit.rlim_max : 0;
        return known;
    }
    if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0) {
        *ret_limit = limit.rlim_cur;
        return true;
    }
    return false;
}

void doctor_look_open_files(const struct doctor *doctor, struct doctor_finding *finding)
{
    uint64_t limit = 0;
    uint64_t wanted = (uint64_t)doctor->config->connections + DAEMON_FILES_SPARE +
                      HTTP_ACCEPT_BATCH_MAX + HTTP_CONNECTIONS_LOCAL;
    if (!limit_of(doctor->holder, &limit)) {
        doctor_skip(finding, "the limit of process %ld cannot be read: %s", (long)doctor->holder,
                    strerror(errno));
    } else if (limit < wanted) {
        doctor_bad(finding, DOCTOR_WARNING,
                   "Raise the limit (LimitNOFILE= in the unit, ulimit -n), or lower "
                   "server.connections",
                   "%llu files may be open, and server.connections wants %llu: fewer connections "
                   "are served",
                   (unsigned long long)limit, (unsigned long long)wanted);
    } else {
        doctor_fine(finding, "%llu may be open, %llu are wanted", (unsigned long long)limit,
                    (unsigned long long)wanted);
    }
}
