/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "simulate/recorded.h"

static void decref_p(json_t **value)
{
    json_decref(*value);
}

static tkr_error_t set_integer(const struct recorded_rules *rules, struct recorded *recorded,
                               enum recorded_member member, json_int_t number, struct fault *fault)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%lld", (long long)number);
    return recorded_set(rules, recorded, member, text, (size_t)length, fault);
}

static tkr_error_t set_value(const struct recorded_rules *rules, struct recorded *recorded,
                             enum recorded_member member, const json_t *value, struct fault *fault)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return recorded_set(rules, recorded, member, json_string_value(value),
                            json_string_length(value), fault);
    case JSON_INTEGER:
        return set_integer(rules, recorded, member, json_integer_value(value), fault);
    case JSON_NULL:
        return TKR_OK;
    case JSON_REAL:
        if (member == RECORDED_TIME) {
            return recorded_set_real_time(recorded, json_real_value(value), fault);
        }
        __attribute__((fallthrough));
    default:
        return fault_set(fault, TKR_MALFORMED, recorded_names[member],
                         "%s: neither a text nor a whole number", recorded_names[member]);
    }
}

tkr_error_t recorded_read_json(const struct recorded_rules *rules, const char *line, size_t length,
                               struct recorded *ret_recorded, struct fault *fault)
{
    json_error_t why;
    json_t *object CLEANUP(decref_p) = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL && json_error_code(&why) == json_error_out_of_memory) {
        return TKR_MEMORY;
    }
    if (!json_is_object(object)) {
        return fault_set(fault, TKR_MALFORMED, "", "no JSON object");
    }
    recorded_clear(ret_recorded);
    for (unsigned i = 0; i < RECORDED_MEMBERS; i++) {
        const json_t *value = json_object_get(object, rules->names[i]);
        if (value != NULL) {
            TRY(set_value(rules, ret_recorded, (enum recorded_member)i, value, fault));
        }
    }
    return recorded_check(rules, ret_recorded, fault);
}
