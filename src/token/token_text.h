/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a token: `sk_live_` + 43 base62 characters (256 bits) + 6 characters of
 * CRC-32 (zlib's polynomial) in base62 over the 43, GitHub's scheme: digits `0-9A-Za-z`,
 * left-padded with `0`. Foreign tokens (chosen by others or imported) are 20 to 512
 * visible ASCII characters. Pure: no state, no I/O; randomness is injected.
 */
#ifndef TOKEN_TOKEN_TEXT_H
#define TOKEN_TOKEN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/random.h"

#define TOKEN_BODY_CHARS 43
#define TOKEN_CHECKSUM_CHARS 6
#define TOKEN_GENERATED_BYTES_MAX (TOKEN_PREFIX_BYTES_MAX + TOKEN_BODY_CHARS + TOKEN_CHECKSUM_CHARS)

enum token_env { TOKEN_ENV_LIVE, TOKEN_ENV_TEST };
enum token_kind { TOKEN_KIND_USER, TOKEN_KIND_SERVICE, TOKEN_KIND_ADMIN };

/* "live"/"test", "user"/"service"/"admin". The parse functions: TKR_INVALID. */
const char *token_env_name(enum token_env env);
const char *token_kind_name(enum token_kind kind);
MUST_USE tkr_error_t token_env_parse(const char *text, size_t length, enum token_env *ret_env);
MUST_USE tkr_error_t token_kind_parse(const char *text, size_t length, enum token_kind *ret_kind);

/* The prefixes of generated tokens, e.g. {"sk_live_", "sk_test_"}. */
struct token_prefixes {
    char live[TOKEN_PREFIX_BYTES_MAX + 1];
    char test[TOKEN_PREFIX_BYTES_MAX + 1];
};
extern const struct token_prefixes token_prefixes_default;
/* A prefix: 2 to 32 of [a-z0-9_], ends with `_`. live and test must differ. */
bool token_prefix_valid(const char *prefix);

/* Writes a new token and its NUL; the caller wipes it. `prefix` must be valid. Errors: those of
 * the source; TKR_INTERNAL when it gives nothing usable. */
MUST_USE tkr_error_t token_generate(const struct random_source *random, const char *prefix,
                                    char ret_text[TOKEN_GENERATED_BYTES_MAX + 1]);

enum token_shape {
    TOKEN_SHAPE_BAD,          /* not 20 to 512 visible ASCII characters */
    TOKEN_SHAPE_FOREIGN,      /* acceptable, and not of our form */
    TOKEN_SHAPE_OURS,         /* our prefix and length, and the checksum holds */
    TOKEN_SHAPE_BAD_CHECKSUM, /* our prefix and length, and the checksum does not hold */
};
/* Whether token_shape would say anything but TOKEN_SHAPE_BAD, without the work of telling
 * which: all that verification needs. */
bool token_acceptable(const char *text, size_t length);
/*
 * Classifies. A text with our prefix whose checksum does not hold is still looked up (it
 * may be an imported token of that look), so verification treats only SHAPE_BAD as
 * malformed; leak scanners and check-token use the difference.
 */
enum token_shape token_shape(const struct token_prefixes *prefixes, const char *text,
                             size_t length);

/*
 * Whether the text contains a token of our form anywhere: a prefix followed by 43 and 6 base62
 * characters whose checksum holds. For texts that are stored or logged, into which somebody may
 * have pasted one. One pass for each prefix: 64 KiB of them take well below a millisecond.
 */
bool token_text_within(const struct token_prefixes *prefixes, const char *text, size_t length);

/* CRC-32 of `body` in base62, 6 characters and a NUL. `zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ`
 * gives `0mLq17`. */
void token_checksum(const char *body, size_t length, char ret_text[TOKEN_CHECKSUM_CHARS + 1]);

/* The prefix (if of our form) and the first 4 characters of the body, with a NUL. For a
 * foreign token its first 4 characters only. What is not visible ASCII is shown as `?`. */
void token_display_prefix(const struct token_prefixes *prefixes, const char *text, size_t length,
                          char ret_display[TOKEN_DISPLAY_BYTES_MAX + 1]);

/* --- token identifiers: "tok_" and 26 Crockford base32 characters of 48 bits of Unix
 * milliseconds and 80 random bits, so that they sort by time of creation -------------- */
#define TOKEN_ID_BYTES 16
/* A time before 1970 counts as 1970. Errors: those of the source. */
MUST_USE tkr_error_t token_id_new(const struct random_source *random, int64_t unix_ms,
                                  uint8_t ret_id[TOKEN_ID_BYTES]);
/* The time in it. */
int64_t token_id_ms(const uint8_t id[TOKEN_ID_BYTES]);
/* The last identifier of a time: all of that time and before are not after it, as texts. */
void token_id_last(int64_t unix_ms, uint8_t ret_id[TOKEN_ID_BYTES]);
void token_id_format(const uint8_t id[TOKEN_ID_BYTES], char ret_text[TOKEN_ID_CHARS + 1]);
/* Exactly 30 characters, upper or lower case accepted, but not Crockford's look-alikes (I, L,
 * O): apart from case an identifier has one text. Errors: TKR_MALFORMED. */
MUST_USE tkr_error_t token_id_parse(const char *text, size_t length,
                                    uint8_t ret_id[TOKEN_ID_BYTES]);

#endif
