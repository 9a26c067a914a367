/* SPDX-License-Identifier: Apache-2.0 */
/* Where it listens, the certificate, and whether somebody answers there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/doctor.h"
#include "cli/transport.h"
#include "crypto/certificate.h"
#include "daemon/channels_file.h"
#include "daemon/runtime_directory.h"
#include "daemon/targets_file.h"

#include <jansson.h>

#define DAY_MS INT64_C(86400000)

void doctor_look_address(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = doctor->config;
    if (config_is_exposed(config)) {
        doctor_bad(finding, DOCTOR_WARNING,
                   "Set server.tls_certificate, or listen on 127.0.0.1 behind a proxy with TLS",
                   "%s is open to other hosts without TLS: whoever sees the network sees tokens",
                   config->listen);
    } else if (config->listen[0] == '\0') {
        doctor_fine(finding, "the Unix socket only");
    } else {
        doctor_fine(finding, "%s, %s", config->listen,
                    config->tls_certificate[0] != '\0' ? "with TLS" : "this machine only");
    }
}

/* --- the certificate -------------------------------------------------------------------------- */

static void judge(const struct certificate_look *look, int64_t now_ms,
                  struct doctor_finding *finding)
{
    char text[TEXT_TIME_SIZE];
    long long days = (long long)((look->not_after_ms - now_ms) / DAY_MS);
    const char *until = text_format_time(look->not_after_ms, text);
    static const char renew[] = "Renew it and restart the daemon";
    if (!look->fits) {
        doctor_bad(finding, DOCTOR_FAILED, "Give the key that the certificate was made for",
                   "the key does not belong to the certificate");
    } else if (look->not_before_ms > now_ms) {
        doctor_bad(finding, DOCTOR_FAILED, "Look at the clock, or take the certificate of before",
                   "it does not hold before %s", text_format_time(look->not_before_ms, text));
    } else if (look->not_after_ms <= now_ms) {
        doctor_bad(finding, DOCTOR_FAILED, renew, "it ended %s", until);
    } else if (days < DOCTOR_CERTIFICATE_FAILED_DAYS) {
        doctor_bad(finding, DOCTOR_FAILED, renew, "it ends in %lld days, %s", days, until);
    } else if (days < DOCTOR_CERTIFICATE_WARNING_DAYS) {
        doctor_bad(finding, DOCTOR_WARNING, renew, "it ends in %lld days, %s", days, until);
    } else {
        doctor_fine(finding, "it ends in %lld days, and the key belongs to it", days);
    }
}

void doctor_look_certificate(const struct doctor *doctor, struct doctor_finding *finding)
{
    const struct config *config = doctor->config;
    struct certificate_look look;
    const char *wrong = "";
    if (config->tls_certificate[0] == '\0') {
        doctor_skip(finding, "none is configured");
        return;
    }
    tkr_error_t error =
        certificate_look_at_files(config->tls_certificate, config->tls_key, &look, &wrong);
    if (error == TKR_IO) {
        doctor_bad(finding, DOCTOR_FAILED, "It must be readable for the user that runs Tokenry",
                   "%s: %s", wrong, strerror(errno));
        return;
    }
    if (error != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED, "Both are PEM files, and the key has no password",
                   "there is no %s in %s",
                   error == TKR_INVALID ? "usable key" : "whole certificate", wrong);
        return;
    }
    judge(&look, clock_wall_ms(doctor->clock), finding);
}

/* --- notification channels -------------------------------------------------------------------- */

/* What can be seen without sending anything; `tokenry notify test` does the rest. */
void doctor_look_channels(const struct doctor *doctor, struct doctor_finding *finding)
{
    struct channels *channels CLEANUP(channels_free_p) = NULL;
    struct fault fault = {0};
    size_t count = 0;
    if (doctor->config->channels_file[0] == '\0') {
        doctor_skip(finding, "none is configured: alerts go to the log");
        return;
    }
    tkr_error_t error = channels_read(doctor->config->channels_file, NULL, NULL, &channels, &fault);
    if (error != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED, "Mend it: a daemon with this file does not start", "%s",
                   fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
        return;
    }
    channels_list(channels, &count);
    doctor_fine(finding, "%zu in %s", count, doctor->config->channels_file);
}

/* --- targets of rotation ------------------------------------------------------------------------
 */

void doctor_look_targets(const struct doctor *doctor, struct doctor_finding *finding)
{
    const char *path = doctor->config->rotation_targets_file;
    struct targets *targets CLEANUP(targets_free_p) = NULL;
    struct fault fault = {0};
    size_t count = 0;
    if (path[0] == '\0') {
        doctor_skip(finding, "none is configured: nothing is rotated by itself");
        return;
    }
    tkr_error_t error = targets_read(path, NULL, NULL, &targets, &fault);
    if (error != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED, "Mend it: a daemon with this file does not start", "%s",
                   fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
        return;
    }
    targets_list(targets, &count);
    doctor_fine(finding, "%zu in %s", count, path);
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void free_text(char **text)
{
    free(*text);
}

static void transport_end(struct transport *transport)
{
    if (transport->close != NULL) {
        transport->close(transport->context);
    }
}

static void json_release(json_t **value)
{
    json_decref(*value);
}

/* Over its Unix socket: the one that it left a link to, or else the configured one. */
static tkr_error_t ask(const struct doctor *doctor, json_t **ret_status, struct fault *fault)
{
    CLEANUP(free_text) char *linked = data_link_target(doctor->config->data, DATA_LINK_SOCKET);
    struct transport transport CLEANUP(transport_end) = {0};
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init_secret(&body, CLI_ANSWER_BYTES_MAX);
    const struct transport_call call = {
        .method = HTTP_GET, .path = "/api/v1/system/status", .answer_s = DOCTOR_ANSWER_S};
    unsigned status = 0;
    TRY(transport_http("http://localhost", linked != NULL ? linked : doctor->config->socket, NULL,
                       false, &transport, fault));
    TRY(transport.call(transport.context, &call, &status, &body, fault));
    *ret_status = status == 200 ? json_loadb(body.data, body.length, 0, NULL) : NULL;
    return *ret_status != NULL ? TKR_OK
                               : fault_set(fault, TKR_FORBIDDEN, "", "its answer is %u", status);
}

static void judge_status(const json_t *status, struct doctor_finding *finding)
{
    const json_t *store = json_object_get(status, "store");
    const char *version = json_string_value(json_object_get(status, "version"));
    const char *commit = json_string_value(json_object_get(store, "last_commit"));
    if (version == NULL || strcmp(version, TOKENRY_VERSION) != 0) {
        doctor_bad(finding, DOCTOR_WARNING, "Restart it, so that it is the one that is installed",
                   "version %s runs, and this is %s", version != NULL ? version : "?",
                   TOKENRY_VERSION);
    } else if (json_is_false(json_object_get(store, "changes_accepted"))) {
        doctor_bad(finding, DOCTOR_FAILED, "Look into its log, mend the disk, and restart it",
                   "it accepts no changes since a commit had an unknown outcome");
    } else if (commit != NULL && strcmp(commit, tkr_error_name(TKR_OK)) != 0) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "Look into its log; disk_data says whether there is room",
                   "its last commit failed: %s", commit);
    } else {
        doctor_fine(finding, "version %s answers, and its last commit was good", version);
    }
}

void doctor_look_daemon(const struct doctor *doctor, struct doctor_finding *finding)
{
    json_t *status CLEANUP(json_release) = NULL;
    struct fault fault = {0};
    if (!doctor->held) {
        doctor_skip(finding, "none holds the data directory");
        return;
    }
    if (!config_has_socket(doctor->config)) {
        doctor_skip(finding, "it has no Unix socket (server.socket = none)");
        return;
    }
    if (ask(doctor, &status, &fault) != TKR_OK) {
        doctor_bad(finding, DOCTOR_FAILED,
                   "It starts, stops or hangs: look into its log, and ask again",
                   "process %ld holds the data directory and does not answer: %s",
                   (long)doctor->holder, fault.detail);
        return;
    }
    judge_status(status, finding);
}
