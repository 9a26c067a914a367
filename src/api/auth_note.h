/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request tells about itself when its verification becomes an event of the audit log (see
 * engine/auth_events.h): who asked, from where, with which program, for what.
 *
 *   method, endpoint   of the request that a proxy asks about, from X-Original-Method or
 *                      X-Forwarded-Method and the path in X-Original-URI or X-Forwarded-Uri; else
 *                      the label `endpoint=`, else our own path
 *   ray id             CF-Ray
 *
 * Such headers are believed of who is believed about the client's address: a trusted proxy, or a
 * process at the Unix socket. Of a path the query is left out, since it may carry secrets. A text
 * that holds the token, or any of ours, is left out whole: an event is no place for a token.
 *
 * A trial (`dry_run`) is no event unless it is of a honeytoken, which nobody has a reason to try; a
 * retry that is let through (api/attempts.h) is none of its own. What is read here is read only of
 * a request that becomes an event: with the shipped policy few successes do.
 */
#ifndef API_AUTH_NOTE_H
#define API_AUTH_NOTE_H

#include "api/call.h"
#include "engine/auth_events.h"

/* Of a proxy's question that was verified; and of one that could not be, AUTH_NO_TOKEN or
 * AUTH_CONFLICT. `result` is of before the next verification. */
void auth_note_exchange(struct api *api, struct http_exchange *exchange,
                        const struct verify_request *request, const struct verify_result *result);
void auth_note_absent(struct api *api, struct http_exchange *exchange,
                      const struct ip_address *client, unsigned outcome);
/* Of a call, about its own credential: by whom it is asked is known only later. `outcome` is that
 * of `result`, unless the caller was refused for something else. `result` NULL: it was not
 * verified. */
void auth_note_caller(struct api_call *call, unsigned outcome, const struct verify_result *result);
/* Of a call, about a token that it asks about. */
void auth_note_asked(struct api_call *call, const struct verify_request *request,
                     const struct verify_result *result);

/* Whether that is to be called. Asking counts, see authority_auth_wanted. */
static inline bool auth_note_wanted(struct api *api, const struct verify_request *request,
                                    const struct verify_result *result)
{
    return (!request->dry_run || result->honeytoken) &&
           authority_auth_wanted(api->options.authority, result);
}

#endif
