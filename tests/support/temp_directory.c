/* SPDX-License-Identifier: Apache-2.0 */
#include "temp_directory.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

void temp_directory_make(struct temp_directory *directory)
{
    const char *parent = getenv("TMPDIR");
    snprintf(directory->path, sizeof(directory->path), "%s/tokenry-test-XXXXXX",
             parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (mkdtemp(directory->path) == NULL) {
        perror(directory->path);
        exit(1);
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

void temp_directory_remove(struct temp_directory *directory)
{
    if (directory->path[0] != '\0') {
        (void)nftw(directory->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        directory->path[0] = '\0';
    }
}
