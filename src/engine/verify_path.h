/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a verification, shared by the one and the batch. Nothing outside
 * engine/verify*.c includes this. */
#ifndef ENGINE_VERIFY_PATH_H
#define ENGINE_VERIFY_PATH_H

#include "crypto/digest.h"
#include "engine/verify.h"
#include "segment/reader.h"

struct verifier {
    struct segment_reader *reader;
    const struct limiter_port *limiter;
};

/* A token on its way: what is known of it so far. */
struct verify_step {
    enum segment_found found;
    bool shaped; /* it looks like a token and was hashed */
    bool epochs; /* some were pending before the record was read */
    uint64_t hash;
    uint64_t digest[4];
    uint64_t record[RECORD_WORDS];
};

typedef int8_t verify_bytes __attribute__((vector_size(16)));

/* 20 to 512 visible ASCII characters, sixteen at a time, the last sixteen perhaps twice. */
static inline bool verify_shape(const char *text, size_t length)
{
    if (UNLIKELY(length < TOKEN_TEXT_BYTES_MIN || length > TOKEN_TEXT_BYTES_MAX)) {
        return false;
    }
    verify_bytes good = ~(verify_bytes){0};
    size_t last = length - sizeof good;
    for (size_t i = 0;; i = i + sizeof good < last ? i + sizeof good : last) {
        verify_bytes bytes;
        memcpy(&bytes, text + i, sizeof bytes);
        good &= (bytes > 0x20) & (bytes < 0x7f); /* signed: from 0x80 on they are negative */
        if (i == last) {
            break;
        }
    }
    uint64_t halves[2];
    memcpy(halves, &good, sizeof halves);
    return (halves[0] & halves[1]) == UINT64_MAX;
}

/* Shape, digest and place; begins to fetch the record. */
static inline void verify_locate(const struct segment_view *view,
                                 const struct verify_request *request, struct verify_step *step)
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    step->found = SEGMENT_ABSENT;
    step->epochs = false;
    step->shaped = request->token != NULL && verify_shape(request->token, request->token_length);
    if (UNLIKELY(!step->shaped)) {
        return;
    }
    if (UNLIKELY(digest_sha256(request->token, request->token_length, digest) != TKR_OK)) {
        step->found = SEGMENT_UNDECIDED;
        return;
    }
    memcpy(step->digest, digest, sizeof step->digest);
    step->hash = segment_view_hash(view, step->digest);
    segment_view_prefetch(view, step->hash);
}

/* The record; begins to fetch the usage line. */
static inline void verify_find(const struct segment_reader *reader, struct verify_step *step)
{
    if (UNLIKELY(!step->shaped || step->found == SEGMENT_UNDECIDED)) {
        return;
    }
    const struct segment_view *view = segment_reader_view(reader);
    step->epochs = segment_view_has_epochs(view); /* before the record: see check_epochs */
    step->found = segment_view_find(view, step->hash, step->digest, step->record);
    if (LIKELY(step->found == SEGMENT_FOUND)) {
        /* What is found was copied; the analyzer thinks the const digest in the same struct
         * keeps the record from being written. */
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        void *line = segment_reader_line(reader, (uint32_t)(step->record[2] >> 32));
        if (LIKELY(line != NULL)) {
            __builtin_prefetch(line, 1);
        }
    }
}

/* The verdict on what was found. */
void verify_decide(const struct verifier *verifier, const struct verify_request *request,
                   const struct verify_step *step, int64_t now_ms,
                   struct verify_result *ret_result);
/* The segment could not be read at all. */
void verify_undecided_request(const struct verify_request *request,
                              struct verify_result *ret_result);

#endif
