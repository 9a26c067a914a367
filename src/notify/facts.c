/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "notify/payload.h"

/* Cut at the maximum and not within a character; what would begin a line becomes a space. */
static void keep_value(struct fact *fact, const char *value)
{
    size_t length = 0;
    for (size_t left = strlen(value); left > 0;) {
        uint32_t point = 0;
        size_t bytes = text_utf8_next(value, left, &point);
        bool shown = bytes > 0 && text_is_printable(point);
        size_t kept = shown ? bytes : 1;
        if (length + kept >= sizeof(fact->value)) {
            break;
        }
        memcpy(fact->value + length, shown ? value : " ", kept);
        length += kept;
        bytes = bytes > 0 ? bytes : 1;
        value += bytes;
        left -= bytes;
    }
    fact->value[length] = '\0';
}

/* White space of Unicode in a value, where control characters are spaces already. */
static bool is_blank(const char *text)
{
    bool blank = true;
    for (size_t left = strlen(text); left > 0 && blank;) {
        uint32_t point = 0;
        size_t bytes = text_utf8_next(text, left, &point);
        blank = point == ' ' || point == 0xA0 || point == 0x1680 ||
                (point >= 0x2000 && point <= 0x200A) || point == 0x202F || point == 0x205F ||
                point == 0x3000;
        text += bytes;
        left -= bytes;
    }
    return blank;
}

static void keep_name(struct fact *fact, const char *name)
{
    size_t length = 0;
    for (; length < sizeof(fact->name) - 1 && name[length] != '\0'; length++) {
        unsigned char c = (unsigned char)name[length];
        fact->name[length] = isalnum(c) ? (char)c : ' ';
    }
    fact->name[length] = '\0';
    fact->name[0] = (char)toupper((unsigned char)fact->name[0]);
}

struct facts {
    struct fact *facts;
    size_t count;
};

static void add(struct facts *facts, const char *name, const char *value)
{
    if (facts->count < NOTIFY_FACTS_MAX && value[0] != '\0') {
        struct fact *fact = &facts->facts[facts->count++];
        keep_name(fact, name);
        keep_value(fact, value);
        if (is_blank(fact->value)) { /* there are receivers that refuse a message for it */
            snprintf(fact->value, sizeof(fact->value), "(blank)");
        }
    }
}

static void add_value(struct facts *facts, const char *name, const json_t *value)
{
    if (json_is_string(value)) {
        add(facts, name, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    add(facts, name, text != NULL && !json_is_null(value) ? text : "");
    free(text);
}

static void free_value(json_t **value)
{
    json_decref(*value);
}

size_t facts_of(const struct outbox_message *message, struct fact ret_facts[NOTIFY_FACTS_MAX])
{
    struct facts facts = {ret_facts, 0};
    char time[TEXT_TIME_SIZE];
    add(&facts, "token", message->token_name);
    add(&facts, "token_id", message->token_id);
    add(&facts, "user", message->user_id);
    add(&facts, "organisation", message->org_id);
    add(&facts, "time", text_format_time(message->at_ms, time));
    json_t *details CLEANUP(free_value) = json_loads(message->details, 0, NULL);
    const char *name;
    json_t *value;
    json_object_foreach(details, name, value)
    {
        add_value(&facts, name, value);
    }
    return facts.count;
}

const char *facts_title(const struct outbox_message *message, char out[FACTS_TITLE_SIZE])
{
    snprintf(out, FACTS_TITLE_SIZE, "%s: %s", outbox_severity_name(message->severity),
             message->type);
    out[0] = (char)toupper((unsigned char)out[0]);
    return out;
}

static int take(const char *bytes, size_t length, void *context)
{
    struct buffer *out = context;
    buffer_add(out, bytes, length);
    return 0;
}

tkr_error_t payload_write(json_t *value, struct buffer *out)
{
    ENSURE(value != NULL, TKR_MEMORY);
    int failed = json_dump_callback(value, take, out, JSON_COMPACT);
    json_decref(value);
    ENSURE(failed == 0, TKR_MEMORY);
    return buffer_status(out);
}
