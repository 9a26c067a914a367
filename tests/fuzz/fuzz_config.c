/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a configuration file. What must hold: an error has a sentence that begins with
 * the file's name, a listener hears at least one complaint exactly when there is an error, and
 * what is accepted is in range and reads back the same from what config_print writes.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "daemon/config.h"

static void count(void *context, const struct fault *fault)
{
    (*(unsigned *)context)++;
    ASSERT(fault->error != TKR_OK);
    ASSERT(strncmp(fault->detail, "fuzz.conf:", 10) == 0);
}

static void check_ranges(const struct config *config)
{
    ASSERT(config->idle_s >= 1 && config->idle_s <= 86400);
    ASSERT(config->worker_threads >= 1 && config->worker_threads <= 256);
    ASSERT(config->socket_mode >= 0 && config->socket_mode <= 0777);
    ASSERT(config->log_format >= CONFIG_LOG_AUTO && config->log_format <= CONFIG_LOG_TEXT);
    ASSERT(config->credential_source_count >= 1);
    ASSERT(config->credential_source_count <= CONFIG_SOURCES_MAX);
    ASSERT(config->trusted_proxy_count <= CONFIG_LIST_MAX);
    ASSERT(token_prefix_valid(config->prefix_live) && token_prefix_valid(config->prefix_test));
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        ASSERT(config->window_kinds[i] == WINDOW_FIXED ||
               config->window_kinds[i] == WINDOW_SLIDING);
    }
}

static char *printed(const struct config *config, size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);
    ASSERT(out != NULL);
    config_print(config, out);
    ASSERT(fclose(out) == 0);
    return text;
}

/* A text that inih would cut (it has a comment's sign behind a space) cannot come from a file,
 * so what was read from one is written and read back unchanged. */
static void check_round_trip(const struct config *config)
{
    size_t size = 0, size_again = 0;
    char *text = printed(config, &size);
    struct config *again = NULL;
    ASSERT(config_new(&again) == TKR_OK);
    struct fault fault = {0};
    ASSERT(config_read_text(again, text, size, "printed", &fault) == TKR_OK);
    char *text_again = printed(again, &size_again);
    ASSERT(size == size_again && memcmp(text, text_again, size) == 0);
    config_free(again);
    free(text_again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct fault fault = {0};
    unsigned complaints = 0;
    ASSERT(config_new(&config) == TKR_OK);
    config_on_complaint(config, count, &complaints);
    tkr_error_t error = config_read_text(config, (const char *)data, size, "fuzz.conf", &fault);
    ASSERT((error == TKR_OK) == (complaints == 0));
    ASSERT(error == fault.error);
    check_ranges(config); /* a refused value leaves the old one */
    if (error == TKR_OK) {
        check_round_trip(config);
    }
    config_free(config);
    return 0;
}
