/* SPDX-License-Identifier: Apache-2.0 */
/* A message on its way: what sender.c has in a slot. The sender's thread only. */
#ifndef NOTIFY_SENDER_LETTER_H
#define NOTIFY_SENDER_LETTER_H

#include "base/buffer.h"
#include "base/fault.h"
#include "engine/outbox_port.h"
#include "notify/channel.h"
#include "notify/transfer.h"

enum letter_state { LETTER_FREE, LETTER_SENDING, LETTER_DONE };

struct letter {
    enum letter_state state;
    const struct notify_channel *channel;
    char id[OUTBOX_ID_CHARS + 1], type[ALERT_TYPE_BYTES_MAX + 1];
    uint32_t tries; /* before this one */
    int64_t since_ms;
    struct buffer body; /* what is sent; the transfer points into it */
    struct transfer *transfer;
    /* What came of it. */
    tkr_error_t error;
    struct transfer_result result;
    struct fault fault;
    int64_t next_at_ms; /* of the next try, once it is judged */
    bool judged;
    enum outbox_outcome outcome;
};

/* Builds what is to be sent and the transfer of it; of a channel of type log there is none. Errors:
 * those of building. The letter is to be closed in any case. */
MUST_USE tkr_error_t letter_open(struct letter *letter, const struct notify_channel *channel,
                                 const struct outbox_message *message, int64_t now_ms);
/* When curl says so: fills error, result and fault. */
void letter_end(struct letter *letter, CURLcode code);
/* It is free again. */
void letter_close(struct letter *letter);

/* Why it was not delivered, for people. */
const char *letter_error(const struct letter *letter, char out[OUTBOX_ERROR_BYTES_MAX + 1]);
/* The beginning of the answer, without what a terminal would act upon. */
const char *letter_answer(const struct letter *letter, char out[NOTIFY_SAID_BYTES_MAX + 1]);

#endif
