/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool of the build: writes section 1 of the manual.
 *
 *     command-docs DIRECTORY docs/man/tokenry.1 [docs/man/commands/NAME.roff]...
 *
 * DIRECTORY holds nothing but those pages afterwards: that of a command that is gone goes, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/completion.h"
#include "cli/manual.h"

#define TEXT_BYTES_MAX ((size_t)256 * 1024)

static int fail(const char *path, const char *what)
{
    fprintf(stderr, "command-docs: %s: %s\n", path, what);
    return 1;
}

/* NULL: it cannot be read, or is too long. The caller frees it. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = file != NULL ? calloc(1, TEXT_BYTES_MAX + 1) : NULL;
    if (text != NULL && fread(text, 1, TEXT_BYTES_MAX + 1, file) > TEXT_BYTES_MAX) {
        free(text);
        text = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static FILE *create_page(const char *directory, const char *name, size_t length)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/tokenry%s%.*s.1", directory, length > 0 ? "-" : "",
             (int)length, name);
    return fopen(path, "w");
}

/* An empty directory whose time is now: ninja goes by that. */
static bool clear_directory(const char *directory)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return false;
    }
    DIR *entries = opendir(directory);
    struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length > 2 && strcmp(entry->d_name + length - 2, ".1") == 0) {
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return entries != NULL && utimensat(AT_FDCWD, directory, NULL, 0) == 0;
}

static int write_overview(const char *directory, const char *source)
{
    char *text = read_text(source);
    char *mark = text != NULL ? strstr(text, MANUAL_LIST_MARK) : NULL;
    FILE *out = mark != NULL ? create_page(directory, "", 0) : NULL;
    if (out != NULL) {
        fwrite(text, 1, (size_t)(mark - text), out);
        manual_list(out);
        fputs(mark + strlen(MANUAL_LIST_MARK), out);
    }
    free(text);
    if (out == NULL) {
        return fail(source, "cannot be read, or has no place for the list of commands");
    }
    return fclose(out) == 0 ? 0 : fail(directory, strerror(errno));
}

/* The file among `notes` that is called NAME.roff; NULL: none. It is crossed off. */
static char *take_notes(char **notes, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        const char *slash = notes[i] != NULL ? strrchr(notes[i], '/') : NULL;
        const char *base = slash != NULL ? slash + 1 : notes[i];
        if (base != NULL && strncmp(base, name, length) == 0 &&
            strcmp(base + length, ".roff") == 0) {
            char *path = notes[i];
            notes[i] = NULL;
            return path;
        }
    }
    return NULL;
}

static int write_pages(const char *directory, char **notes, size_t count)
{
    for (size_t c = 0; c < cli_command_count; c++) {
        size_t length;
        if (!completion_first_word(c, &length)) {
            continue;
        }
        const char *path = take_notes(notes, count, cli_commands[c].name, length);
        char *text = path != NULL ? read_text(path) : NULL;
        if (path != NULL && text == NULL) {
            return fail(path, "cannot be read");
        }
        FILE *out = create_page(directory, cli_commands[c].name, length);
        if (out != NULL) {
            manual_page(out, c, text != NULL ? text : "");
        }
        free(text);
        if (out == NULL || fclose(out) != 0) {
            return fail(directory, strerror(errno));
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (notes[i] != NULL) {
            return fail(notes[i], "there is no such command");
        }
    }
    return 0;
}

int main(int count, char **words)
{
    if (count < 3) {
        fputs("usage: command-docs DIRECTORY OVERVIEW [NOTES]...\n", stderr);
        return 2;
    }
    if (!clear_directory(words[1])) {
        return fail(words[1], strerror(errno));
    }
    int status = write_overview(words[1], words[2]);
    return status != 0 ? status : write_pages(words[1], words + 3, (size_t)count - 3);
}
