/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a line with a name, and the text of a token. What must hold: every acceptable text
 * is judged, in the same way each time; the reason follows from the estimate; knowing a name makes
 * nothing stronger.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "token/token_strength.h"
#include "token/token_text.h"

static void check(struct token_strength strength)
{
    ASSERT((unsigned)strength.weakness < TOKEN_WEAKNESS_COUNT);
    ASSERT(token_weakness_text(strength.weakness)[0] != '\0');
    ASSERT(strength.bits <= 7 * TOKEN_TEXT_BYTES_MAX);
    bool enough = strength.bits >= TOKEN_STRENGTH_BITS_MIN;
    ASSERT(strength.weakness != TOKEN_STRONG || enough);
    ASSERT(strength.weakness == TOKEN_STRONG || strength.weakness == TOKEN_WEAK_UUID || !enough);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *feed = memchr(text, '\n', size);
    size_t name_length = feed != NULL ? (size_t)(feed - text) : 0;
    char name[256];
    if (name_length >= sizeof(name)) {
        return 0;
    }
    memcpy(name, text, name_length);
    name[name_length] = '\0';
    if (feed != NULL) {
        text = feed + 1;
        size -= name_length + 1;
    }
    if (!token_acceptable(text, size)) {
        return 0;
    }
    char *exact = malloc(size); /* without a NUL: reading past the end is found */
    ASSERT(exact != NULL);
    memcpy(exact, text, size);
    const char *about[] = {name};
    struct token_strength without = token_strength(exact, size, NULL, 0);
    struct token_strength with = token_strength(exact, size, about, 1);
    struct token_strength again = token_strength(exact, size, about, 1);
    check(without);
    check(with);
    ASSERT(with.bits <= without.bits);
    ASSERT(with.bits == again.bits && with.weakness == again.weakness);
    free(exact);
    return 0;
}
