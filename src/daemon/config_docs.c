/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool of the build: writes what is made from the tables of keys.
 *
 *     config-docs example > packaging/tokenry.conf
 *     config-docs manual > docs/man/tokenry.conf.5
 *     config-docs channels-example > packaging/channels.conf
 *     config-docs channels-manual > docs/man/tokenry-channels.5
 *     config-docs targets-example > packaging/targets.conf
 *     config-docs targets-manual > docs/man/tokenry-targets.5
 *     config-docs check packaging/tokenry.conf docs/man/tokenry.conf.5 ...
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/channels_file.h"
#include "daemon/targets_file.h"

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

static const struct {
    const char *name;
    void (*print)(FILE *out);
} texts[] = {
    {"example", config_print_example},
    {"manual", config_print_manual},
    {"channels-example", channels_print_example},
    {"channels-manual", channels_print_manual},
    {"targets-example", targets_print_example},
    {"targets-manual", targets_print_manual},
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

int main(int count, char **words)
{
    for (size_t i = 0; i < TEXTS && count == 2; i++) {
        if (strcmp(words[1], texts[i].name) == 0) {
            texts[i].print(stdout);
            return 0;
        }
    }
    if (count == 2 + (int)TEXTS && strcmp(words[1], "check") == 0) {
        bool all = true;
        for (size_t i = 0; i < TEXTS; i++) {
            all &= same(words[2 + i], texts[i].print);
        }
        return all ? 0 : 1;
    }
    fputs("usage: config-docs check FILE..., or one of:", stderr);
    for (size_t i = 0; i < TEXTS; i++) {
        fprintf(stderr, " %s", texts[i].name);
    }
    fputs("\n", stderr);
    return 2;
}
