/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/deliver.h"
#include "notify/http_send.h"

enum delivery_outcome deliver_by_http(const struct http_send_request *request,
                                      char ret_error[DELIVER_ERROR_SIZE])
{
    struct http_send_answer answer CLEANUP(http_send_answer_deinit) = {0};
    struct fault fault = {0};
    tkr_error_t error = http_send(request, &answer, &fault);
    if (error == TKR_OK && answer.status >= 200 && answer.status < 300) {
        return DELIVERY_DONE;
    }
    enum delivery_outcome outcome = answer.sent ? DELIVERY_UNSURE : DELIVERY_FAILED;
    if (error != TKR_OK) {
        return deliver_failed(outcome, ret_error, "%s",
                              fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
    }
    bool refused = answer.status >= 300 && answer.status < 500 && answer.status != 408;
    return deliver_failed(refused ? DELIVERY_FAILED : DELIVERY_UNSURE, ret_error, "it answered %ld",
                          answer.status);
}
