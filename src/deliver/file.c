/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that holds the token and a line feed, mode 0600. Who reads it finds the old token or the
 * new one, whole, also after a power cut: written beside it, synced, renamed, the folder synced.
 * The owner stays whoever it was.
 *
 * The folder is opened once and everything is done in it, so nobody can put another in its place
 * meanwhile. It must be root's or the daemon's, and nobody else's to write: whoever may write there
 * could have the token written elsewhere, or take the file away. What is there and is no plain file
 * is left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/deliver.h"

#define MODE 0600

struct place {
    int folder; /* descriptor */
    char name[DELIVER_PATH_BYTES_MAX + 1], temporary[DELIVER_PATH_BYTES_MAX + 16];
    bool exists;
    uid_t owner;
    gid_t group;
};

static void close_folder(struct place *place)
{
    if (place->folder >= 0) {
        (void)close(place->folder);
    }
}

static enum delivery_outcome refuse(char error[DELIVER_ERROR_SIZE], const char *why)
{
    return deliver_failed(DELIVERY_FAILED, error, "%s", why);
}

static enum delivery_outcome refuse_errno(char error[DELIVER_ERROR_SIZE], const char *what)
{
    return deliver_failed(DELIVERY_FAILED, error, "%s: %s", what, strerror(errno));
}

static enum delivery_outcome open_folder(const char *path, struct place *place,
                                         char error[DELIVER_ERROR_SIZE])
{
    char folder[DELIVER_PATH_BYTES_MAX + 1];
    struct stat status;
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    if (slash == NULL || path[0] != '/' || slash[1] == '\0' || strlen(path) >= sizeof(folder)) {
        return refuse(error, "its path does not name a file");
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    snprintf(place->name, sizeof(place->name), "%s", slash + 1);
    snprintf(place->temporary, sizeof(place->temporary), ".%s.new", slash + 1);
    place->folder =
        open(length > 0 ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (place->folder < 0 || fstat(place->folder, &status) != 0) {
        return refuse_errno(error, "its folder");
    }
    bool ours = status.st_uid == 0 || status.st_uid == geteuid();
    return ours && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0
               ? DELIVERY_DONE
               : refuse(error, "its folder can be written by others");
}

static enum delivery_outcome look_at_file(struct place *place, char error[DELIVER_ERROR_SIZE])
{
    struct stat status;
    if (fstatat(place->folder, place->name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? DELIVERY_DONE : refuse_errno(error, "the file");
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(error, "what is there is no plain file");
    }
    place->exists = true;
    place->owner = status.st_uid;
    place->group = status.st_gid;
    return DELIVERY_DONE;
}

static bool write_all(int file, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, text, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        text += written;
        length -= (size_t)written;
    }
    return true;
}

static bool fill(const struct place *place, int file, const char *token)
{
    bool other = place->exists && (place->owner != geteuid() || place->group != getegid());
    return (!other || fchown(file, place->owner, place->group) == 0) && fchmod(file, MODE) == 0 &&
           write_all(file, token, strlen(token)) && write_all(file, "\n", 1) && fsync(file) == 0;
}

static enum delivery_outcome write_beside(const struct place *place, const char *token,
                                          char error[DELIVER_ERROR_SIZE])
{
    (void)unlinkat(place->folder, place->temporary, 0); /* of one that was killed */
    int file = openat(place->folder, place->temporary,
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    if (file < 0) {
        return refuse_errno(error, "a file beside it");
    }
    bool filled = fill(place, file, token);
    int reason = errno;
    if (close(file) != 0 && filled) {
        filled = false;
        reason = errno;
    }
    if (!filled) {
        (void)unlinkat(place->folder, place->temporary, 0);
        errno = reason;
        return refuse_errno(error, "a file beside it");
    }
    return DELIVERY_DONE;
}

static enum delivery_outcome replace(const struct place *place, char error[DELIVER_ERROR_SIZE])
{
    if (renameat(place->folder, place->temporary, place->folder, place->name) != 0) {
        int reason = errno;
        (void)unlinkat(place->folder, place->temporary, 0);
        errno = reason;
        return refuse_errno(error, "the file");
    }
    return fsync(place->folder) == 0
               ? DELIVERY_DONE
               : deliver_failed(DELIVERY_UNSURE, error, "syncing its folder: %s", strerror(errno));
}

enum delivery_outcome deliver_to_file(const struct deliver_target *target,
                                      const struct delivery *delivery,
                                      char ret_error[DELIVER_ERROR_SIZE])
{
    struct place place __attribute__((cleanup(close_folder))) = {.folder = -1};
    enum delivery_outcome outcome = open_folder(target->path, &place, ret_error);
    if (outcome == DELIVERY_DONE) {
        outcome = look_at_file(&place, ret_error);
    }
    if (outcome == DELIVERY_DONE) {
        outcome = write_beside(&place, delivery->token, ret_error);
    }
    return outcome == DELIVERY_DONE ? replace(&place, ret_error) : outcome;
}
