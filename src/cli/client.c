/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/json_input.h"
#include "base/secret.h"
#include "cli/transport.h"
#include "daemon/runtime_directory.h"

/* The host of a URL whose connection is a Unix socket. */
#define SOCKET_URL "http://tokenry"

struct client {
    struct transport transport;
};

/* --- choosing the way ---------------------------------------------------------------------- */

enum socket_state { SOCKET_NOBODY, SOCKET_ANSWERS, SOCKET_FORBIDDEN };

static enum socket_state probe_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return SOCKET_NOBODY;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return SOCKET_NOBODY;
    }
    int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
    int number = errno;
    close(fd);
    if (result == 0) {
        return SOCKET_ANSWERS;
    }
    return number == EACCES || number == EPERM ? SOCKET_FORBIDDEN : SOCKET_NOBODY;
}

/* An empty variable is none, as the conventions of shells have it. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static void free_text(char **text)
{
    free(*text);
}

/* The daemon that holds the data directory, by the link that it left there. */
static bool open_linked(const struct cli *cli, struct transport *ret_transport)
{
    CLEANUP(free_text) char *path = data_link_target(cli->config->data, DATA_LINK_SOCKET);
    struct fault ignored = {0};
    return path != NULL && probe_socket(path) == SOCKET_ANSWERS &&
           transport_http(SOCKET_URL, path, variable("TOKENRY_TOKEN"), false, ret_transport,
                          &ignored) == TKR_OK;
}

static tkr_error_t open_direct(struct cli *cli, bool create, struct transport *ret_transport,
                               struct fault *fault)
{
    struct fault why = {0};
    const struct config *config = cli->config;
    tkr_error_t error = transport_direct(cli, create, ret_transport, &why);
    /* Only now that somebody holds the directory: the link of a daemon that is gone may lead to
     * the socket of another one. */
    if (error == TKR_LOCKED && !arguments_has(&cli->arguments, "socket") &&
        open_linked(cli, ret_transport)) {
        return TKR_OK;
    }
    if (error == TKR_LOCKED && config_has_socket(config)) {
        return fault_set(fault, error, "",
                         "%s. No daemon answers at %s: if one runs with another socket, name it "
                         "with --socket or --config, or set TOKENRY_URL",
                         why.detail, config->socket);
    }
    if (error == TKR_NOT_FOUND) {
        return fault_set(fault, error, "",
                         "%s. Make it with `tokenry init`, or name another with --data, or a "
                         "daemon elsewhere with TOKENRY_URL",
                         why.detail);
    }
    if (error != TKR_OK) {
        *fault = why;
        return error;
    }
    return TKR_OK;
}

static tkr_error_t open_transport(struct cli *cli, bool create, struct transport *ret_transport,
                                  struct fault *fault)
{
    const char *url = variable("TOKENRY_URL");
    const char *token = variable("TOKENRY_TOKEN");
    const struct config *config = cli->config;
    if (url != NULL && !arguments_has(&cli->arguments, "data") &&
        !arguments_has(&cli->arguments, "socket")) {
        return transport_http(url, NULL, token, arguments_has(&cli->arguments, "insecure-http"),
                              ret_transport, fault);
    }
    if (config_has_socket(config)) {
        switch (probe_socket(config->socket)) {
        case SOCKET_ANSWERS:
            return transport_http(SOCKET_URL, config->socket, token, false, ret_transport, fault);
        case SOCKET_FORBIDDEN:
            return fault_set(fault, TKR_FORBIDDEN, "",
                             "%s: permission denied; run this as root or as the user that "
                             "Tokenry runs as, or set TOKENRY_URL and TOKENRY_TOKEN",
                             config->socket);
        case SOCKET_NOBODY:
            break;
        }
    }
    return open_direct(cli, create, ret_transport, fault);
}

bool client_open(struct cli *cli, bool create, struct client **ret_client,
                 enum cli_exit *ret_status)
{
    if (!cli_configure(cli, false)) {
        *ret_status = CLI_USAGE;
        return false;
    }
    json_input_prepare();
    struct client *client = calloc(1, sizeof(*client));
    struct fault fault = {0};
    tkr_error_t error =
        client != NULL ? open_transport(cli, create, &client->transport, &fault) : TKR_MEMORY;
    if (error != TKR_OK) {
        free(client);
        *ret_status = cli_fail(cli_exit_of(error), "%s",
                               fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
        return false;
    }
    *ret_client = client;
    return true;
}

static void leave_open(void *context)
{
}

bool client_open_another(struct cli *cli, const struct client *client, struct client **ret_client)
{
    struct fault ignored = {0};
    struct client *another = calloc(1, sizeof(*another));
    if (another == NULL) {
        return false;
    }
    if (client->transport.alone) {
        another->transport = client->transport;
        another->transport.close = leave_open;
    } else if (open_transport(cli, false, &another->transport, &ignored) != TKR_OK) {
        free(another);
        return false;
    }
    *ret_client = another;
    return true;
}

void client_close(struct client *client)
{
    if (client != NULL) {
        client->transport.close(client->transport.context);
        free(client);
    }
}

void client_close_p(struct client **client)
{
    client_close(*client);
}

/* --- calling ------------------------------------------------------------------------------- */

void client_answer_release(struct client_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}

static enum cli_exit exit_of_status(unsigned status)
{
    switch (status) {
    case 400: /* a value is wrong, and it came from our command line */
    case 413:
    case 415:
    case 422:
        return CLI_USAGE;
    case 429:
    case 502:
    case 503:
    case 504:
        return CLI_UNREACHABLE;
    default:
        return CLI_REFUSED;
    }
}

/* Whether the detail says everything: "a value is not acceptable" before it is only noise. */
static bool detail_suffices(const char *code)
{
    static const tkr_error_t errors[] = {TKR_INVALID, TKR_OUT_OF_RANGE, TKR_NOT_FOUND,
                                         TKR_UNKNOWN_MEMBER, TKR_IDEMPOTENCY};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strcmp(code, tkr_error_name(errors[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a detail says itself which member it is about, in its first clause: what comes after
 * the colon explains, and may have the same word for something else. */
static bool detail_names(const char *detail, const char *member)
{
    const char *found = strstr(detail, member);
    return found != NULL && found < detail + strcspn(detail, ":");
}

/* One line out of a problem+json object (RFC 9457). */
static enum cli_exit report_problem(const struct cli *cli, const struct client_answer *answer)
{
    const json_t *problem = answer->json;
    enum cli_exit status = exit_of_status(answer->status);
    const char *title = answer_text(problem, "title");
    const char *detail = answer_text(problem, "detail");
    const char *member = answer_text(problem, "member");
    if (cli_json(cli) && problem != NULL) {
        answer_print(problem);
    }
    if (answer->status == 401 && variable("TOKENRY_TOKEN") == NULL) {
        return cli_fail(status, "a token is needed: set TOKENRY_TOKEN");
    }
    if (answer->status == 401 && title[0] != '\0') {
        return cli_fail(status, "TOKENRY_TOKEN is refused: %s", title);
    }
    if (title[0] == '\0' && detail[0] == '\0') {
        return cli_fail(status, "the answer was HTTP status %u", answer->status);
    }
    bool both = title[0] != '\0' && detail[0] != '\0' && strcmp(title, detail) != 0 &&
                !detail_suffices(answer_text(problem, "code"));
    bool named = member[0] != '\0' && !detail_names(detail, member);
    return cli_fail(status, "%s%s%s%s%s", named ? member : "", named ? ": " : "",
                    detail[0] != '\0' && !both ? detail : title, both ? ": " : "",
                    both ? detail : "");
}

static void free_secret_json(char **text)
{
    if (*text != NULL) {
        secret_wipe(*text, strlen(*text));
        free(*text);
    }
}

enum cli_exit client_call(struct cli *cli, struct client *client, const struct client_call *call,
                          struct client_answer *ret_answer)
{
    char *body CLEANUP(free_secret_json) = NULL;
    struct buffer answer CLEANUP(buffer_deinit);
    buffer_init_secret(&answer, CLI_ANSWER_BYTES_MAX);
    *ret_answer = (struct client_answer){0};
    if (call->body != NULL) {
        body = json_dumps(call->body, JSON_COMPACT);
        if (body == NULL) {
            return cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
        }
    }
    const char *sent = call->text != NULL ? call->text : body;
    struct transport_call transport_call = {call->method, call->path, call->query, sent,
                                            call->idempotency_key};
    struct fault fault = {0};
    tkr_error_t error = client->transport.call(client->transport.context, &transport_call,
                                               &ret_answer->status, &answer, &fault);
    if (error != TKR_OK) {
        return cli_fail(cli_exit_of(error), "%s",
                        fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
    }
    if (answer.length > 0) {
        ret_answer->json = json_loadb(answer.data, answer.length, 0, NULL);
    }
    if (ret_answer->status < 200 || ret_answer->status > 299) {
        return report_problem(cli, ret_answer);
    }
    if (ret_answer->json == NULL && answer.length > 0) {
        return cli_fail(CLI_REFUSED, "what answers is no Tokenry: its answer is not JSON");
    }
    return CLI_DONE;
}

const char *client_escape(const char *text, char *out, size_t size)
{
    size_t length = 0;
    for (const char *c = text; *c != '\0'; c++) {
        bool plain = isalnum((unsigned char)*c) || strchr("-._~", *c) != NULL;
        if (length + 4 > size) {
            return "";
        }
        length += (size_t)snprintf(out + length, size - length, plain ? "%c" : "%%%02X",
                                   (unsigned char)*c);
    }
    out[length] = '\0';
    return out;
}

const char *answer_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

void answer_print(const json_t *object)
{
    char *text CLEANUP(free_secret_json) = json_dumps(object, JSON_COMPACT);
    if (text != NULL) {
        puts(text);
    }
}
