/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long JSON text taken apart into its entries, without having all of it in memory. The frame is
 * read here, strictly: brackets, commas, keys; each entry is left to jansson as a text of its own.
 *
 * Three frames, told apart by what comes first:
 *
 *     {"<key>": {entry}, "<key>": {entry}, ...}         document 000's tokens.json
 *     [{entry}, {entry}, ...]                           rows that some tool dumped
 *     {"version": 1, ..., "tokens": [{entry}, ...]}     `tokenry export`
 *
 * In an object every member that is an object is an entry by its key, and every member that is an
 * array is a list of entries; other members are the frame's own.
 */
#ifndef IMPORT_JSON_SPLIT_H
#define IMPORT_JSON_SPLIT_H

#include "base/buffer.h"
#include "import/bytes.h"

enum json_piece {
    JSON_PIECE_ENTRY, /* `text` is it, `key` its key (empty in a list) */
    JSON_PIECE_FRAME, /* a member of the frame: `key` and `text` */
    JSON_PIECE_END,
};

struct json_split {
    struct bytes *bytes;
    struct buffer key,
        text;           /* secret; of the piece at hand: the key is what is between the quotes */
    const char *reason; /* the piece is well framed and cannot be taken: too long, too deep */
    bool begun, in_object, in_list, ended;
    bool first; /* of the innermost frame: no comma is due */
};

void json_split_init(struct json_split *split, struct bytes *bytes);
void json_split_deinit(struct json_split *split);
/* The next piece. Errors: TKR_MALFORMED, with the place: the frame is broken, which ends it;
 * TKR_IO. */
MUST_USE tkr_error_t json_split_next(struct json_split *split, enum json_piece *ret_piece,
                                     struct fault *fault);

#endif
