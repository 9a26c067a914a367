/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool of the build: writes what is made from the table of keys.
 *
 *     config-docs example > packaging/tokenry.conf
 *     config-docs manual > docs/man/tokenry.conf.5
 *     config-docs check packaging/tokenry.conf docs/man/tokenry.conf.5
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"

/* Whether the file holds exactly what `print` writes. */
static bool same(const char *path, void (*print)(FILE *out))
{
    char *wanted = NULL, *found = NULL;
    size_t wanted_size = 0;
    FILE *out = open_memstream(&wanted, &wanted_size);
    if (out == NULL) {
        return false;
    }
    print(out);
    fclose(out);
    FILE *in = fopen(path, "r");
    bool equal = false;
    if (in != NULL) {
        found = calloc(1, wanted_size + 1);
        equal = found != NULL && fread(found, 1, wanted_size + 1, in) == wanted_size &&
                memcmp(found, wanted, wanted_size) == 0;
        fclose(in);
    }
    if (!equal) {
        fprintf(stderr, "%s is not what the table of keys says: write it anew with config-docs\n",
                path);
    }
    free(found);
    free(wanted);
    return equal;
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "example") == 0) {
        config_print_example(stdout);
        return 0;
    }
    if (count == 2 && strcmp(words[1], "manual") == 0) {
        config_print_manual(stdout);
        return 0;
    }
    if (count == 4 && strcmp(words[1], "check") == 0) {
        bool example = same(words[2], config_print_example);
        bool manual = same(words[3], config_print_manual);
        return example && manual ? 0 : 1;
    }
    fputs("usage: config-docs example | manual | check EXAMPLE MANUAL\n", stderr);
    return 2;
}
