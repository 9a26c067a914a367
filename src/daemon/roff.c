/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/roff.h"

#include <string.h>

void roff_bytes(FILE *out, const char *text, size_t length)
{
    if (length > 0 && (*text == '.' || *text == '\'')) {
        fputs("\\&", out);
    }
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        default:
            fputc(text[i], out);
        }
    }
}

void roff_text(FILE *out, const char *text)
{
    roff_bytes(out, text, strlen(text));
}

void roff_sentences(FILE *out, const char *text)
{
    while (*text != '\0') {
        const char *end = strstr(text, ". ");
        size_t length = end != NULL ? (size_t)(end - text) + 1 : strlen(text);
        roff_bytes(out, text, length);
        fputc('\n', out);
        text += length;
        text += strspn(text, " ");
    }
}
