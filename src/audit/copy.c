/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/copy.h"

#include <stdlib.h>
#include <string.h>

void audit_copy_init(struct audit_copy *copy,
                     void (*found)(void *context, const struct audit_finding *finding),
                     void *context)
{
    memset(copy, 0, sizeof(*copy));
    copy->found = found;
    copy->context = context;
}

void audit_copy_deinit(struct audit_copy *copy)
{
    audit_verifier_deinit(&copy->verifier);
}

tkr_error_t audit_copy_trust(struct audit_copy *copy, const uint8_t public_key[SEAL_PUBLIC_BYTES])
{
    ENSURE(copy->trusted_count < AUDIT_KEYS_MAX, TKR_CAPACITY);
    memcpy(copy->trusted[copy->trusted_count++], public_key, SEAL_PUBLIC_BYTES);
    return TKR_OK;
}

void audit_copy_expect(struct audit_copy *copy, const struct audit_checkpoint *kept, size_t count,
                       uint64_t before_seq)
{
    copy->kept = kept;
    copy->kept_count = count;
    copy->kept_before_seq = before_seq;
}

static tkr_error_t begin(struct audit_copy *copy, const struct audit_begin *at)
{
    audit_verifier_init(&copy->verifier, at->store_id, at->first_seq, at->base, copy->found,
                        copy->context);
    for (size_t i = 0; i < copy->trusted_count; i++) {
        TRY(audit_verifier_trust(&copy->verifier, copy->trusted[i]));
    }
    memcpy(copy->base, at->base, sizeof(copy->base));
    copy->begun = true;
    for (size_t i = 0; i < copy->kept_count; i++) {
        if (copy->kept[i].seq < copy->kept_before_seq) {
            TRY(audit_verifier_expect(&copy->verifier, &copy->kept[i]));
        }
    }
    return TKR_OK;
}

static void take_event(struct audit_copy *copy, const struct audit_line *line)
{
    audit_verifier_event(&copy->verifier, &line->event, line->has_digest ? line->digest : NULL);
    if (line->has_digest && line->event.seq == copy->watched_seq && !copy->watched_met) {
        memcpy(copy->watched, line->digest, sizeof(copy->watched));
        copy->watched_met = true;
    }
}

static void take_checkpoint(struct audit_copy *copy, const struct audit_checkpoint *checkpoint)
{
    uint64_t held = copy->verifier.checkpoints;
    audit_verifier_checkpoint(&copy->verifier, checkpoint);
    if (copy->verifier.checkpoints > held) {
        copy->signed_seq = checkpoint->seq;
    }
}

tkr_error_t audit_copy_line(struct audit_copy *copy, const char *text, size_t length)
{
    struct audit_line *line = &copy->line;
    copy->lines++;
    tkr_error_t error = audit_line_read(text, length, line);
    ENSURE(error != TKR_MEMORY, error);
    if (!copy->begun) {
        ENSURE(error == TKR_OK && line->kind == AUDIT_LINE_BEGIN, TKR_NOT_FOUND);
        return begin(copy, &line->begin);
    }
    if (error != TKR_OK) {
        audit_verifier_damaged(&copy->verifier);
        return TKR_OK;
    }
    switch (line->kind) {
    case AUDIT_LINE_BEGIN:
        audit_verifier_go_on(&copy->verifier, line->begin.store_id, line->begin.first_seq,
                             line->begin.base);
        break;
    case AUDIT_LINE_EVENT:
        take_event(copy, line);
        break;
    case AUDIT_LINE_CHECKPOINT:
        take_checkpoint(copy, &line->checkpoint);
        break;
    }
    return TKR_OK;
}

static void free_text(char **text)
{
    free(*text);
}

tkr_error_t audit_copy_read(struct audit_copy *copy, FILE *file)
{
    char *line CLEANUP(free_text) = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, file)) > 0) {
        bool ended = line[length - 1] == '\n';
        TRY(audit_copy_line(copy, line, ended ? (size_t)length - 1 : 0));
    }
    return ferror(file) ? TKR_IO : TKR_OK;
}

void audit_copy_end(struct audit_copy *copy)
{
    if (copy->begun) {
        audit_verifier_end(&copy->verifier, 0, NULL);
    }
}
