/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/runtime_directory.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/digest.h"

static tkr_error_t error_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return TKR_NO_SPACE;
    case EROFS:
        return TKR_READ_ONLY;
    case EACCES:
    case EPERM:
        return TKR_FORBIDDEN;
    default:
        return TKR_IO;
    }
}

static tkr_error_t make_parents(const char *path, const char *what, struct fault *fault)
{
    char parent[PATH_MAX];
    if (strlen(path) >= sizeof(parent)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "", "%s: the path is too long", what);
    }
    memcpy(parent, path, strlen(path) + 1);
    for (char *slash = strchr(parent + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(parent, 0755) != 0 && errno != EEXIST) {
            return fault_set(fault, error_of(errno), "", "%s: cannot make %s: %s", what, parent,
                             strerror(errno));
        }
        *slash = '/';
    }
    return TKR_OK;
}

tkr_error_t private_directory(const char *path, bool parents, const char *what, struct fault *fault)
{
    if (parents && access(path, F_OK) != 0) {
        TRY(make_parents(path, what, fault));
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fault_set(fault, error_of(errno), "", "%s: cannot make %s: %s", what, path,
                         strerror(errno));
    }
    struct stat status;
    if (lstat(path, &status) != 0) {
        return fault_set(fault, error_of(errno), "", "%s: %s: %s", what, path, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return fault_set(fault, TKR_FORBIDDEN, "", "%s: %s is not a directory%s", what, path,
                         S_ISLNK(status.st_mode) ? " but a symbolic link" : "");
    }
    if (status.st_uid != geteuid()) {
        return fault_set(fault, TKR_FORBIDDEN, "",
                         "%s: %s belongs to user %u, and this process runs as user %u", what, path,
                         (unsigned)status.st_uid, (unsigned)geteuid());
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fault_set(fault, TKR_FORBIDDEN, "",
                         "%s: %s may be written by others (mode %04o); chmod go-w it", what, path,
                         (unsigned)(status.st_mode & 07777));
    }
    return TKR_OK;
}

char *data_link_target(const char *data, const char *name)
{
    char *link = NULL, *target = NULL;
    if (asprintf(&link, "%s/%s", data, name) >= 0) {
        target = realpath(link, NULL);
        free(link);
    }
    return target;
}

void data_link(const char *data, const char *name, const char *target)
{
    char *link = NULL, *fresh = NULL;
    if (asprintf(&link, "%s/%s", data, name) < 0) {
        return;
    }
    if (target == NULL) {
        unlink(link);
    } else if (asprintf(&fresh, "%s.new", link) >= 0) {
        unlink(fresh);
        if (symlink(target, fresh) == 0 && rename(fresh, link) != 0) {
            unlink(fresh);
        }
        free(fresh);
    }
    free(link);
}

static char *from_environment(char *const *environment)
{
    static const char name[] = "RUNTIME_DIRECTORY=";
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, sizeof(name) - 1) == 0) {
            const char *value = environment[i] + sizeof(name) - 1;
            return value[0] == '/' ? strndup(value, strcspn(value, ":")) : NULL;
        }
    }
    return NULL;
}

static tkr_error_t in_shared_memory(const char *data, char **ret_path, struct fault *fault)
{
    char *real = realpath(data, NULL);
    if (real == NULL) {
        return fault_set(fault, error_of(errno), "server.data", "%s: %s", data, strerror(errno));
    }
    uint8_t digest[DIGEST_SHA256_BYTES];
    char hex[2 * sizeof(digest) + 1], *path = NULL;
    tkr_error_t error = digest_sha256(real, strlen(real), digest);
    free(real);
    TRY(error);
    text_hex(digest, sizeof(digest), hex);
    int printed = asprintf(&path, "/dev/shm/tokenry-%u-%.8s", (unsigned)geteuid(), hex);
    ENSURE(printed >= 0, TKR_MEMORY);
    *ret_path = path;
    return TKR_OK;
}

tkr_error_t runtime_directory_open(const char *configured, const char *data,
                                   char *const *environment, bool use_link, char **ret_path,
                                   struct fault *fault)
{
    char *path = NULL;
    if (configured[0] != '\0') {
        path = strdup(configured);
        ENSURE(path != NULL, TKR_MEMORY);
    }
    if (path == NULL && use_link) {
        path = data_link_target(data, DATA_LINK_RUNTIME);
    }
    if (path == NULL) {
        path = from_environment(environment);
    }
    if (path == NULL) {
        TRY(in_shared_memory(data, &path, fault));
    }
    tkr_error_t error = private_directory(path, false, "runtime directory", fault);
    if (error != TKR_OK) {
        free(path);
        return error;
    }
    *ret_path = path;
    return TKR_OK;
}
