/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over kept inputs, with any compiler: `replay_NAME PATH...`, where a path
 * is an input or a folder of them. A folder without inputs is a failure: a corpus that is lost
 * must not look like a corpus that passes. The name of each input is told before it runs, so
 * that a crash has a name.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (1024 * 1024)
#define PATH_BYTES_MAX 4096

static unsigned replayed;

/* The target gets a heap block of just the input's size, so that a sanitizer sees an overread. */
static bool replay_file(const char *path)
{
    static uint8_t content[INPUT_BYTES_MAX + 1];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    size_t size = fread(content, 1, sizeof(content), file);
    bool good = ferror(file) == 0 && size <= INPUT_BYTES_MAX;
    fclose(file);
    uint8_t *input = malloc(size);
    if (!good || (input == NULL && size > 0)) {
        fprintf(stderr, "%s: cannot be read or is larger than %d bytes\n", path, INPUT_BYTES_MAX);
        free(input);
        return false;
    }
    memcpy(input, content, size);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    replayed++;
    return true;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, visible, alphasort);
    if (count <= 0) {
        fprintf(stderr, "%s: there is no input in it\n", path);
        return false;
    }
    bool good = true;
    for (int i = 0; i < count; i++) {
        char file[PATH_BYTES_MAX];
        int length = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        good = length < (int)sizeof(file) && replay_file(file) && good;
        free(entries[i]);
    }
    free(entries);
    return good;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct stat status;
        bool folder = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
        good = (folder ? replay_folder(argv[i]) : replay_file(argv[i])) && good;
    }
    printf("%u inputs replayed%s\n", replayed, good ? "" : ", and something is missing");
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
