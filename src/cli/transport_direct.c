/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API in this process, for a data directory that no daemon holds. The same code answers
 * as in the daemon, as the local operator: whoever may open the files may do everything.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/transport.h"
#include "daemon/privilege.h"
#include "daemon/wire.h"

struct direct {
    struct wire *wire;
    struct log *log;
};

static tkr_error_t direct_call(void *context, const struct transport_call *call,
                               unsigned *ret_status, struct buffer *ret_body, struct fault *fault)
{
    struct direct *direct = context;
    return api_call_local(wire_api(direct->wire), API_ORG_DEFAULT, call->method, call->path,
                          call->query, call->body, call->idempotency_key, ret_status, ret_body);
}

static void direct_close(void *context)
{
    struct direct *direct = context;
    wire_close(direct->wire);
    log_free(direct->log);
    free(direct);
}

static void direct_close_p(struct direct **direct)
{
    if (*direct != NULL) {
        direct_close(*direct);
    }
}

/* Root on somebody else's directory becomes that somebody, or the daemon could not open the
 * files that root would leave there. */
static tkr_error_t become_owner(const char *data, struct fault *fault)
{
    struct stat status;
    if (geteuid() != 0 || stat(data, &status) != 0 || status.st_uid == 0) {
        return TKR_OK;
    }
    return privilege_become_id(status.st_uid, status.st_gid, fault);
}

tkr_error_t transport_direct(const struct cli *cli, bool create, struct transport *ret_transport,
                             struct fault *fault)
{
    umask(077);
    TRY(become_owner(cli->config->data, fault));
    secret_harden_process();
    struct direct *direct CLEANUP(direct_close_p) = calloc(1, sizeof(*direct));
    ENSURE(direct != NULL, TKR_MEMORY);
    TRY(log_new(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_WARNING, clock_system(), &direct->log));
    struct wire_options options = {
        .config = cli->config,
        .environment = cli->environment,
        .clock = clock_system(),
        .log = direct->log,
        .create = create,
        .follow_link = true,
    };
    TRY(wire_open(&options, &direct->wire, fault));
    *ret_transport = (struct transport){direct_call, direct_close, direct, true};
    direct = NULL;
    return TKR_OK;
}
