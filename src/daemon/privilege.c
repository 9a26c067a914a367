/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static tkr_error_t refuse(struct fault *fault, const char *what)
{
    return fault_set(fault, TKR_FORBIDDEN, "server.user", "cannot give up root: %s: %s", what,
                     strerror(errno));
}

/* The order matters: groups while still root, the user last. */
static tkr_error_t change_ids(uid_t uid, gid_t gid, struct fault *fault)
{
    if (setresgid(gid, gid, gid) != 0) {
        return refuse(fault, "setresgid");
    }
    if (setresuid(uid, uid, uid) != 0) {
        return refuse(fault, "setresuid");
    }
    uid_t real, effective, saved;
    bool changed = getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid &&
                   saved == uid && getegid() == gid;
    if (!changed || (uid != 0 && setuid(0) == 0)) {
        return fault_set(fault, TKR_INTERNAL, "server.user", "root was given up and came back");
    }
    return TKR_OK;
}

tkr_error_t privilege_become(const char *user, struct fault *fault)
{
    if (user[0] == '\0') {
        return TKR_OK;
    }
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL) {
        return fault_set(fault, TKR_NOT_FOUND, "server.user", "server.user: no user %s", user);
    }
    if (geteuid() == entry->pw_uid && entry->pw_uid != 0) {
        return TKR_OK;
    }
    if (geteuid() != 0) {
        return fault_set(fault, TKR_FORBIDDEN, "server.user",
                         "server.user: only root can become %s; start as root or as %s", user,
                         user);
    }
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    if (initgroups(user, gid) != 0) {
        return refuse(fault, "initgroups");
    }
    return change_ids(uid, gid, fault);
}

tkr_error_t privilege_become_id(uid_t uid, gid_t gid, struct fault *fault)
{
    if (setgroups(0, NULL) != 0) {
        return refuse(fault, "setgroups");
    }
    return change_ids(uid, gid, fault);
}

tkr_error_t privilege_raise_files(uint64_t needed, uint64_t *ret_limit)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        *ret_limit = 0;
        return TKR_CAPACITY;
    }
    if (limit.rlim_cur < needed) {
        struct rlimit wanted = {.rlim_cur = needed, .rlim_max = limit.rlim_max};
        if (wanted.rlim_max < needed) {
            wanted.rlim_max = needed;
        }
        if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) {
            wanted = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
            (void)setrlimit(RLIMIT_NOFILE, &wanted); /* as much as there is */
        }
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    *ret_limit = limit.rlim_cur;
    return limit.rlim_cur >= needed ? TKR_OK : TKR_CAPACITY;
}
