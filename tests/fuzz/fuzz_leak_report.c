/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a report of leaked tokens. What must hold: it is read with every bound held, or
 * refused with an error of the caller whose words have nothing of the input; what may be stored is
 * printable.
 */
#include "fuzz.h"

#include <string.h>

#include "api/json_input.h"
#include "api/leak_report.h"
#include "base/text.h"

static void check_text(const char *text, size_t bytes_max)
{
    ASSERT(text == NULL || (text[0] != '\0' && strlen(text) <= bytes_max &&
                            text_is_printable_utf8(text, strlen(text))));
}

static void check_refused(tkr_error_t error, const struct fault *fault)
{
    ASSERT(error == TKR_MALFORMED || error == TKR_INVALID || error == TKR_TOO_LARGE);
    ASSERT(fault->error == error && fault->detail[0] != '\0');
    ASSERT(strcmp(fault->field, "") == 0 || strcmp(fault->field, "token") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = {0};
    struct leak_report report CLEANUP(leak_report_release) = {0};
    json_input_prepare();
    tkr_error_t error = leak_report_read((const char *)data, size, &report, &fault);
    if (error != TKR_OK) {
        check_refused(error, &fault);
        ASSERT(report.root == NULL && report.count == 0);
        return 0;
    }
    ASSERT(size <= HTTP_BODY_BYTES_MAX);
    ASSERT(report.count >= 1 && report.count <= LEAK_REPORT_TOKENS_MAX);
    for (size_t i = 0; i < report.count; i++) {
        const struct leak *leak = &report.leaks[i];
        ASSERT(leak->token_length > 0 && strlen(leak->token) == leak->token_length);
        check_text(leak->type, LEAK_WORD_BYTES_MAX);
        check_text(leak->source, LEAK_WORD_BYTES_MAX);
        check_text(leak->url, LEAK_URL_BYTES_MAX);
    }
    return 0;
}
