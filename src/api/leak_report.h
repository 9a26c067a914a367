/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of leaked tokens, as the scanners of GitHub's secret scanning partner program send
 * them, and the list of the keys that they sign with. Pure: bytes in, values out.
 *
 *     TRY(leak_keys_read(document, document_length, &keys, fault));   // now and then
 *     TRY(leak_keys_verify(keys, identifier, body, body_length, signature, fault));
 *     TRY(leak_report_read(body, body_length, &report, fault));
 *
 * First the signature over the raw body, then its meaning. GitHub may add members of its own to
 * either, so unknown ones are passed over here, unlike in requests to our API. A report is not
 * believed to be about tokens of ours: whoever asks a store with it finds that out. No fault
 * contains anything of a report.
 */
#ifndef API_LEAK_REPORT_H
#define API_LEAK_REPORT_H

#include <jansson.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/limits.h"

/* --- the report: [{"token", "type", "url", "source"}] --------------------------------------- */

struct leak {
    const char *token; /* as it was found, any text */
    size_t token_length;
    /* NULL: not told, or nothing that may be stored (control characters, longer than the maximum).
     * The url may contain the token: who stores it looks (token_text_within). */
    const char *type, *url, *source;
};

/* Start with zeros. Its texts are wiped when it is released. */
struct leak_report {
    json_t *root; /* what the texts are in */
    size_t count; /* 1 to LEAK_REPORT_TOKENS_MAX */
    struct leak leaks[LEAK_REPORT_TOKENS_MAX];
};
void leak_report_release(struct leak_report *report); /* for CLEANUP */

/* Errors: TKR_MALFORMED (no JSON array, or an empty one), TKR_INVALID (an element without a token),
 * TKR_TOO_LARGE (more than LEAK_REPORT_TOKENS_MAX elements or HTTP_BODY_BYTES_MAX bytes). */
MUST_USE tkr_error_t leak_report_read(const char *body, size_t length,
                                      struct leak_report *ret_report, struct fault *fault);

/* --- the keys: {"public_keys": [{"key_identifier", "key", "is_current"}]} -------------------- */

struct leak_keys;

/*
 * Reads the list. Keys of another kind than P-256 are passed over: they are for others. Errors:
 * TKR_MALFORMED (no such document), TKR_INVALID (an element without its members, two of one name,
 * or no usable key at all), TKR_TOO_LARGE (more than LEAK_KEYS_MAX elements or LEAK_KEYS_BYTES_MAX
 * bytes), TKR_MEMORY. A caller that had keys keeps them then.
 */
MUST_USE tkr_error_t leak_keys_read(const char *document, size_t length,
                                    struct leak_keys **ret_keys, struct fault *fault);
void leak_keys_free(struct leak_keys *keys);    /* NULL is allowed */
void leak_keys_free_p(struct leak_keys **keys); /* for CLEANUP */
size_t leak_keys_count(const struct leak_keys *keys);

/*
 * Whether the key of this name signed exactly this body. A key that is not current any more still
 * holds while it is in the list: reports may have been under way. Any number of threads at once.
 * Errors: TKR_NOT_FOUND (no such key: the list may be old), TKR_FORBIDDEN (it did not),
 * TKR_MALFORMED (no signature, an empty body), TKR_MEMORY, TKR_INTERNAL.
 */
MUST_USE tkr_error_t leak_keys_verify(const struct leak_keys *keys, const char *identifier,
                                      const char *body, size_t length, const char *signature,
                                      struct fault *fault);

#endif
