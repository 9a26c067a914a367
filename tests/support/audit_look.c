/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static void write_key(const char *path, const uint8_t *seed)
{
    char hex[2 * SEAL_SEED_BYTES + 1];
    FILE *file = fopen(path, "we");
    text_hex(seed, SEAL_SEED_BYTES, hex);
    if (file == NULL || fprintf(file, "tokenry-audit-key-1 %s\n", hex) < 0 || fclose(file) != 0 ||
        chmod(path, 0600) != 0) {
        perror(path);
        exit(1);
    }
}

static void keep(void *context, const struct audit_finding *finding, const char *where)
{
    struct audit_look *look = context;
    if (look->finding_count < AUDIT_LOOK_FINDINGS) {
        snprintf(look->where[look->finding_count], sizeof(look->where[0]), "%s",
                 where != NULL ? where : "");
        look->findings[look->finding_count++] = *finding;
    }
}

void audit_look(struct audit_look *look)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/look.key", look->data);
    if (look->seed != NULL && access(path, F_OK) != 0) {
        write_key(path, look->seed);
    }
    const struct audit_log_check check = {
        .data = look->data,
        .archives = look->archives,
        .key_file = look->seed != NULL ? path : NULL,
        .kept = look->kept,
        .kept_count = look->kept_count,
        .found = keep,
        .context = look,
    };
    look->finding_count = 0;
    memset(&look->result, 0, sizeof(look->result));
    memset(&look->fault, 0, sizeof(look->fault));
    look->error = audit_log_verify(&check, &look->result, &look->fault);
}

bool audit_look_alarms(const struct audit_look *look)
{
    return look->error != TKR_OK || look->result.findings > 0;
}

bool audit_look_has(const struct audit_look *look, enum audit_finding_kind kind, uint64_t seq)
{
    for (size_t i = 0; i < look->finding_count; i++) {
        if (look->findings[i].kind == kind && look->findings[i].seq <= seq &&
            look->findings[i].until >= seq) {
            return true;
        }
    }
    return false;
}
