/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation with somebody outside, over libcurl: what HTTP and mail have in common.
 *
 * Where it goes is judged when a socket is opened for it, by the address that the name resolved to
 * at that moment, and no connection is used twice: a name that later means another address is
 * judged again, and what one receiver may reach no other one inherits. Nothing is followed, no
 * proxy of the environment is asked, certificates are verified, the whole has a time, and the
 * answer a maximum.
 *
 *     http_transfer_new ─▶ transfer_handle ─▶ curl_easy_perform or curl_multi ─▶ transfer_end
 *
 * For notify/ only; others use notify/http_send.h.
 */
#ifndef NOTIFY_TRANSFER_H
#define NOTIFY_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/fault.h"

struct transfer {
    CURL *handle;
    struct curl_slist *headers, *recipients, *resolve; /* the first may hold secrets: wiped */
    struct buffer answer;
    size_t header_bytes; /* of the answer, those behind its body too */
    bool allow_private;
    bool refused;   /* some address was not public */
    bool too_large; /* the answer: what is there of it is its beginning */
    bool is_mail;
    const char *upload; /* what is left to be sent, for mail */
    size_t upload_left;
};

struct transfer_options {
    const char *url, *protocols; /* protocols: as curl lists them */
    const char *ca_file;         /* "": the system's */
    bool allow_private;
    int64_t timeout_ms; /* of the whole; to connect it has the half */
    size_t answer_bytes_max;
    const char *resolve; /* for tests: HOST:PORT:ADDRESS instead of the resolver's; NULL: none */
};

/* What is told of the answer. */
struct transfer_result {
    long status;           /* of HTTP; 0: there was none, or it is mail */
    int64_t retry_after_s; /* 0: not asked for */
    bool sent;             /* some of the request was: they may have it, whatever became of it */
};

/* Errors: TKR_MEMORY. */
MUST_USE tkr_error_t transfer_new(const struct transfer_options *options,
                                  struct transfer **ret_transfer);
void transfer_free(struct transfer *transfer);    /* NULL is allowed */
void transfer_free_p(struct transfer **transfer); /* for CLEANUP */
/* TKR_MEMORY. */
MUST_USE tkr_error_t transfer_add_header(struct transfer *transfer, const char *name,
                                         const char *value);
/*
 * What came of it, when curl says `code`. *ret_result is written in any case. Errors, with words
 * that hold nothing of the address or what was sent: TKR_FORBIDDEN (the receiver's address is not
 * public), TKR_TIMEOUT, TKR_TOO_LARGE (the answer; the status is known), TKR_UNAVAILABLE.
 */
MUST_USE tkr_error_t transfer_end(struct transfer *transfer, CURLcode code,
                                  struct transfer_result *ret_result, struct fault *fault);

#endif
