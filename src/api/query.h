/* SPDX-License-Identifier: Apache-2.0 */
/* Query strings of local calls; those of HTTP requests are the HTTP layer's. Pure. */
#ifndef API_QUERY_H
#define API_QUERY_H

#include <stddef.h>

#include "base/arena.h"
#include "http/server.h"

/* `query` is `a=b&c=d`, percent-encoded (RFC 3986 §2.1; `+` is a plus), or NULL. Errors:
 * TKR_OUT_OF_RANGE (more than HTTP_QUERY_ARGUMENTS_MAX), TKR_MALFORMED, TKR_MEMORY. */
MUST_USE tkr_error_t query_parse(const char *query, struct arena *arena,
                                 const struct http_argument **ret_arguments, size_t *ret_count);

#endif
