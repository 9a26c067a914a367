/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model.h"

#include <string.h>

static const char *const status_names[TOKEN_STATUS_COUNT] = {
    [TOKEN_ACTIVE] = "active",           [TOKEN_DISABLED] = "disabled",
    [TOKEN_QUARANTINED] = "quarantined", [TOKEN_NOT_YET_VALID] = "not_yet_valid",
    [TOKEN_EXPIRED] = "expired",         [TOKEN_REVOKED] = "revoked",
};

static const char *const source_names[TOKEN_SOURCE_COUNT] = {
    [TOKEN_SOURCE_MADE] = "made",       [TOKEN_SOURCE_CHOSEN] = "chosen",
    [TOKEN_SOURCE_ENVIRONMENT] = "env", [TOKEN_SOURCE_IMPORTED] = "imported",
    [TOKEN_SOURCE_ADOPTED] = "adopted",
};

const char *token_source_name(enum token_source source)
{
    ASSERT((unsigned)source < TOKEN_SOURCE_COUNT);
    return source_names[source];
}

const char *token_status_name(enum token_status status)
{
    ASSERT((unsigned)status < TOKEN_STATUS_COUNT);
    return status_names[status];
}

tkr_error_t token_status_parse(const char *text, size_t length, enum token_status *ret_status)
{
    for (unsigned status = 0; status < TOKEN_STATUS_COUNT; status++) {
        if (strlen(status_names[status]) == length &&
            memcmp(status_names[status], text, length) == 0) {
            *ret_status = (enum token_status)status;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}
