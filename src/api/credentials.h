/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the token stands in a request. Pure: no HTTP library, no I/O.
 *
 *     struct credential credential = {0};
 *     for each header line: credential_offer(&sources, &credential, name, ..., value, ...);
 *     switch (credential.state) { ... }
 *
 * Only header lines with exactly the configured names are looked at. `X_API_Key` or
 * `X.API.Key` are other headers (proxies that fold them into one are how names are
 * spoofed), and the query string, which ends up in logs, is never looked at.
 *
 * One request has one token. It may be repeated, on several lines or in several headers,
 * as long as every copy is the same; two different ones are a conflict, because the proxy
 * and the API behind it might each believe another one.
 */
#ifndef API_CREDENTIALS_H
#define API_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/fault.h"

/* The sources, prepared: `lengths` has bit n set when some header name has n characters. */
struct credential_sources {
    uint64_t lengths;
    size_t count;
    struct credential_source_row {
        char header[CREDENTIAL_NAME_BYTES_MAX + 1];
        char scheme[CREDENTIAL_NAME_BYTES_MAX + 1];
        size_t header_length, scheme_length;
    } rows[API_CREDENTIAL_SOURCES_MAX];
};

/* Errors: TKR_INVALID (a name that is no RFC 9110 token, or none at all), TKR_OUT_OF_RANGE
 * (too long, too many), with the source in `fault`. */
MUST_USE tkr_error_t credential_sources_init(struct credential_sources *sources,
                                             const struct api_credential_source *rows, size_t count,
                                             struct fault *fault);

enum credential_state {
    CREDENTIAL_NONE,
    CREDENTIAL_FOUND,    /* `text`; whether it can be a token is for verification to say */
    CREDENTIAL_CONFLICT, /* two different ones */
};

struct credential {
    enum credential_state state;
    const char *text; /* points into the header's value; any bytes, maybe none */
    size_t length;
    bool other_scheme; /* a header that is read has another scheme; not when one was found */
};

/* A name as RFC 9110 §5.1 has it. */
bool header_name_valid(const char *name);
/* Looks at one header line. */
void credential_offer(const struct credential_sources *sources, struct credential *credential,
                      const char *name, size_t name_length, const char *value, size_t value_length);

/* Why there is none, when the caller seems to have meant one: fills and returns `fault`, which
 * names the headers and schemes that are read and nothing of the request. Else NULL. */
const struct fault *credential_absence(const struct credential_sources *sources,
                                       const struct credential *credential, struct fault *fault);

#endif
