/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says how, the rest is a recording. What must hold: read in one piece and in
 * small ones it is the same requests and the same bad lines; a request is within its ranges and
 * has what it needs; and a reason can be printed.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "simulate/recording.h"

/* What was heard, as one number, and its last line. */
struct heard {
    uint64_t sum, line;
    bool strict;
};

static void add(struct heard *heard, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        heard->sum = (heard->sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    }
}

static void next_line(struct heard *heard, uint64_t line)
{
    ASSERT(line > heard->line);
    heard->line = line;
    add(heard, &line, sizeof(line));
}

static tkr_error_t on_request(void *context, uint64_t line, const struct recorded *recorded,
                              struct fault *fault)
{
    struct heard *heard = context;
    (void)fault;
    next_line(heard, line);
    ASSERT(recorded->time_ms >= 0 && recorded->time_ms <= TEXT_TIME_MS_MAX);
    ASSERT(recorded->cost <= VERIFY_COST_MAX);
    ASSERT(recorded->token_length > 0 && recorded->token_length <= USER_ID_BYTES_MAX);
    ASSERT(recorded->user_length <= USER_ID_BYTES_MAX);
    ASSERT(text_is_printable_utf8(recorded->token_id, recorded->token_length));
    ASSERT(text_is_printable_utf8(recorded->user_id, recorded->user_length));
    add(heard, &recorded->time_ms, sizeof(recorded->time_ms));
    add(heard, &recorded->cost, sizeof(recorded->cost));
    add(heard, recorded->token_id, recorded->token_length);
    add(heard, recorded->user_id, recorded->user_length);
    return TKR_OK;
}

static tkr_error_t on_bad(void *context, uint64_t line, const struct fault *why)
{
    struct heard *heard = context;
    next_line(heard, line);
    ASSERT(why->detail[0] != '\0' && text_is_printable_utf8(why->detail, strlen(why->detail)));
    add(heard, why->detail, strlen(why->detail));
    return heard->strict ? why->error : TKR_OK;
}

static tkr_error_t read_pieces(uint8_t how, const char *bytes, size_t length, size_t piece,
                               struct heard *heard)
{
    static struct recording recording;
    struct fault fault = {0};
    struct recording_options options = {
        .format = (enum recording_format)(how % 3),
        .rules = {.names = {"time", "token_id", (how & 4) != 0 ? "token_id" : "user_id", "cost"},
                  .needed = {[RECORDED_TIME] = true, [RECORDED_TOKEN] = true},
                  .prefixes = {"sk_live_", "sk_test_"}},
        .request = on_request,
        .bad = on_bad,
        .context = heard};
    *heard = (struct heard){.strict = (how & 8) != 0};
    recording_init(&recording, &options);
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        TRY(recording_feed(&recording, bytes + at, part, &fault));
    }
    return recording_end(&recording, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct heard whole, pieces;
    const char *bytes = (const char *)data + 1;
    tkr_error_t error = read_pieces(data[0], bytes, size - 1, size, &whole);
    ASSERT(read_pieces(data[0], bytes, size - 1, 1 + data[0] / 16, &pieces) == error);
    ASSERT(whole.sum == pieces.sum && whole.line == pieces.line);
    return 0;
}
