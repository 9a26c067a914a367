/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/body.h"

#include <string.h>

#include "base/text.h"

/* How the API spells a window without a limit. */
#define UNLIMITED "unlimited"

void body_decref_p(json_t **body)
{
    json_decref(*body);
}

void body_text(json_t *body, const char *member, const struct cli *cli, const char *option)
{
    const char *value = arguments_value(&cli->arguments, option);
    if (value != NULL) {
        json_object_set_new(body, member, json_string(value));
    }
}

void body_list(json_t *body, const char *member, const struct cli *cli, const char *option)
{
    size_t position = 0;
    const char *value;
    json_t *list = NULL;
    while ((value = arguments_next(&cli->arguments, option, &position)) != NULL) {
        list = list != NULL ? list : json_array();
        json_array_append_new(list, json_string(value));
    }
    if (list != NULL) {
        json_object_set_new(body, member, list);
    }
}

static tkr_error_t add_limit(json_t *limits, const char *value, struct fault *fault)
{
    char window[16];
    uint64_t number = 0;
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value || (size_t)(equals - value) >= sizeof(window)) {
        return fault_set(fault, TKR_MALFORMED, "limit",
                         "--limit: \"%.20s\" is not of the form minute=60", value);
    }
    memcpy(window, value, (size_t)(equals - value));
    window[equals - value] = '\0';
    if (json_object_get(limits, window) != NULL) {
        return fault_set(fault, TKR_CONFLICT, "limit", "--limit: %s was given twice", window);
    }
    if (strcmp(equals + 1, "none") == 0 || strcmp(equals + 1, UNLIMITED) == 0) {
        json_object_set_new(limits, window, json_string(UNLIMITED));
        return TKR_OK;
    }
    if (text_parse_u64(equals + 1, strlen(equals + 1), &number) != TKR_OK || number > INT64_MAX) {
        return fault_set(fault, TKR_MALFORMED, "limit",
                         "--limit: \"%.20s\" is no whole number and not none", equals + 1);
    }
    json_object_set_new(limits, window, json_integer((json_int_t)number));
    return TKR_OK;
}

tkr_error_t body_limits(json_t *body, const struct cli *cli, struct fault *fault)
{
    size_t position = 0;
    const char *value;
    json_t *limits CLEANUP(body_decref_p) = json_object();
    while ((value = arguments_next(&cli->arguments, "limit", &position)) != NULL) {
        TRY(add_limit(limits, value, fault));
    }
    if (json_object_size(limits) > 0) {
        json_object_set(body, "limits", limits);
    }
    return TKR_OK;
}

tkr_error_t body_metadata(json_t *body, const struct cli *cli, struct fault *fault)
{
    size_t position = 0;
    const char *value;
    json_t *metadata CLEANUP(body_decref_p) = json_object();
    while ((value = arguments_next(&cli->arguments, "meta", &position)) != NULL) {
        char key[METADATA_BYTES_MAX + 1];
        const char *equals = strchr(value, '=');
        if (equals == NULL || equals == value || (size_t)(equals - value) >= sizeof(key)) {
            return fault_set(fault, TKR_MALFORMED, "meta",
                             "--meta: \"%.20s\" is not of the form key=value", value);
        }
        memcpy(key, value, (size_t)(equals - value));
        key[equals - value] = '\0';
        if (json_object_get(metadata, key) != NULL) {
            return fault_set(fault, TKR_CONFLICT, "meta", "--meta: %.20s was given twice", key);
        }
        if (json_object_set_new(metadata, key, json_string(equals + 1)) != 0) {
            return fault_set(fault, TKR_MALFORMED, "meta", "--meta: %.20s is not UTF-8", key);
        }
    }
    if (json_object_size(metadata) > 0) {
        json_object_set(body, "metadata", metadata);
    }
    return TKR_OK;
}

void body_lifetime(json_t *body, const struct cli *cli)
{
    const char *lifetime = arguments_value(&cli->arguments, "expires-in");
    if (lifetime != NULL) {
        bool never = strcmp(lifetime, "never") == 0;
        json_object_set_new(body, "expires_in", never ? json_null() : json_string(lifetime));
    }
    body_text(body, "expires_at", cli, "expires-at");
}

static tkr_error_t put_number(json_t *body, const char *member, const char *text,
                              const char *option, struct fault *fault)
{
    uint64_t number = 0;
    if (text_parse_u64(text, strlen(text), &number) != TKR_OK || number > INT64_MAX) {
        return fault_set(fault, TKR_MALFORMED, option, "--%s: \"%.20s\" is no whole number", option,
                         text);
    }
    json_object_set_new(body, member, json_integer((json_int_t)number));
    return TKR_OK;
}

tkr_error_t body_number(json_t *body, const char *member, const struct cli *cli, const char *option,
                        struct fault *fault)
{
    const char *text = arguments_value(&cli->arguments, option);
    return text != NULL ? put_number(body, member, text, option, fault) : TKR_OK;
}

tkr_error_t body_refill(json_t *body, const struct cli *cli, struct fault *fault)
{
    const char *text = arguments_value(&cli->arguments, "refill");
    if (text == NULL) {
        return TKR_OK;
    }
    if (strcmp(text, "none") == 0) {
        json_object_set_new(body, "refill", json_null());
        return TKR_OK;
    }
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        return fault_set(fault, TKR_MALFORMED, "refill",
                         "--refill: \"%.20s\" is not of the form daily=1000 or monthly=1000, and "
                         "not none",
                         text);
    }
    json_t *refill = json_object();
    json_object_set_new(refill, "interval", json_stringn(text, (size_t)(equals - text)));
    json_object_set_new(body, "refill", refill);
    return put_number(refill, "amount", equals + 1, "refill", fault);
}

tkr_error_t body_credits(json_t *body, const struct cli *cli, struct fault *fault)
{
    json_t *credits = json_object();
    json_object_set_new(body, "credits", credits);
    TRY(body_number(credits, "remaining", cli, "credits", fault));
    TRY(body_refill(credits, cli, fault));
    if (json_object_size(credits) == 0) {
        json_object_del(body, "credits");
    }
    return TKR_OK;
}

enum cli_exit body_key(const struct cli *cli, const char **ret_key)
{
    const char *key = arguments_value(&cli->arguments, "idempotency-key");
    if (key != NULL && (key[0] == '\0' || strlen(key) > IDEMPOTENCY_KEY_BYTES_MAX ||
                        !text_is_visible_ascii(key, strlen(key)))) {
        return cli_usage(cli->command, "--idempotency-key has 1 to %d visible ASCII characters",
                         IDEMPOTENCY_KEY_BYTES_MAX);
    }
    *ret_key = key;
    return CLI_DONE;
}
