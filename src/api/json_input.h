/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reading of JSON bodies: what is not known is refused by name, never ignored, so
 * that a misspelt `expires_at` cannot silently make a token that lives too long.
 *
 *     enum { USER, COST, MEMBERS };
 *     static const struct json_member members[MEMBERS] = {
 *         [USER] = {"user_id", JSON_IS_TEXT, .required = true, .most = USER_ID_BYTES_MAX},
 *         [COST] = {"cost", JSON_IS_INTEGER, .most = VERIFY_COST_MAX},
 *     };
 *     struct json_given given[MEMBERS];
 *     TRY(json_read(root, "", members, MEMBERS, given, fault));
 *     if (given[COST].present) { ... given[COST].integer ... }
 *
 * Refused: anything that is no RFC 8259 text, duplicate members, bytes behind the value,
 * invalid UTF-8, NUL in any spelling, nesting deeper than JSON_DEPTH_MAX (counted before
 * anything is parsed, so that depth cannot cost stack), numbers that do not fit.
 */
#ifndef API_JSON_INPUT_H
#define API_JSON_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/* Once a process, before any JSON is read: makes jansson wipe what it frees, because a body
 * may hold a token. */
void json_input_prepare(void);

/* Parses; the outermost value must be an object. The caller calls json_decref. Errors:
 * TKR_MALFORMED with the place in `fault` and nothing of the text itself. */
MUST_USE tkr_error_t json_parse(const char *text, size_t length, json_t **ret_root,
                                struct fault *fault);
/* The same for an array as the outermost value. */
MUST_USE tkr_error_t json_parse_array(const char *text, size_t length, json_t **ret_root,
                                      struct fault *fault);
void json_decref_p(json_t **value); /* for CLEANUP */

enum json_type {
    JSON_IS_TEXT,    /* `least` to `most` bytes, no control or invisible ones unless `raw` */
    JSON_IS_INTEGER, /* `least` to `most` */
    JSON_IS_BOOL,
    JSON_IS_OBJECT,
    JSON_IS_ARRAY,     /* of anything, `least` to `most` elements */
    JSON_IS_TEXT_LIST, /* array of texts of any length, `least` to `most` of them */
    JSON_IS_DURATION,  /* text or integer; the reader of the value decides */
};

struct json_member {
    const char *name;
    enum json_type type;
    bool required;
    bool nullable; /* null is a value of its own; else null is a wrong type */
    bool raw;      /* text: any bytes; who uses the value checks them */
    int64_t least, most;
};

struct json_given {
    bool present; /* also when null */
    bool null;
    const char *text; /* as long as the root lives */
    size_t length;    /* of the text */
    int64_t integer;
    bool boolean;
    const json_t *value; /* object, array, list, duration */
};

/*
 * Reads the members of `object` into `ret_given`, one for each row of `members`. `path` stands
 * before member names in faults: "" or e.g. `requests[3].`. Errors: TKR_UNKNOWN_MEMBER,
 * TKR_INVALID (wrong type, missing), TKR_OUT_OF_RANGE.
 */
MUST_USE tkr_error_t json_read(const json_t *object, const char *path,
                               const struct json_member *members, size_t count,
                               struct json_given *ret_given, struct fault *fault);

/* A JSON_IS_DURATION: `90s`, `15m`, `24h`, `30d`, `2w`, or seconds as a number; `least` to `most`
 * seconds. Errors: TKR_INVALID, TKR_OUT_OF_RANGE, naming `name`. */
MUST_USE tkr_error_t json_seconds(const struct json_given *given, const char *name, int64_t least,
                                  int64_t most, int64_t *ret_seconds, struct fault *fault);

/* A name that a caller made up, for a fault: whole when it is too short to be a token, else
 * its first 12 characters; `?` when it cannot be printed. Returns `out` or a literal. */
#define JSON_NAME_SHOWN_SIZE 24
const char *json_name_shown(const char *name, char out[JSON_NAME_SHOWN_SIZE]);
/* A member's name for a fault: `path` and the name as it may be shown. */
void json_field(char out[FAULT_FIELD_BYTES], const char *path, const char *name);

#endif
