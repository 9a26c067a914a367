/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of a test's own, removed with all that is in it.
 *
 *     struct temp_directory directory;
 *     temp_directory_make(&directory);
 *     open_something(directory.path);
 *     temp_directory_remove(&directory);
 */
#ifndef SUPPORT_TEMP_DIRECTORY_H
#define SUPPORT_TEMP_DIRECTORY_H

struct temp_directory {
    char path[256];
};

/* Below $TMPDIR, else /tmp. A failure ends the test program: nothing can be tested without. */
void temp_directory_make(struct temp_directory *directory);
void temp_directory_remove(struct temp_directory *directory);

#endif
