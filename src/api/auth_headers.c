/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth_headers.h"

#include <string.h>

static bool stands_for_itself(unsigned char c, bool keep_spaces)
{
    return (c > 0x20 && c < 0x7f && c != '%') || (c == ' ' && keep_spaces);
}

static char *encode_byte(char *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    *out++ = '%';
    *out++ = digits[c >> 4];
    *out++ = digits[c & 15];
    return out;
}

const char *header_encode(const char *text, size_t length, bool keep_spaces, char *out)
{
    char *end = out;
    if (length == 0) {
        *end++ = '-';
    } else if (length == 1 && *text == '-') {
        end = encode_byte(end, '-');
    } else {
        for (size_t i = 0; i < length; i++) {
            unsigned char c = (unsigned char)text[i];
            if (LIKELY(stands_for_itself(c, keep_spaces))) {
                *end++ = (char)c;
            } else {
                end = encode_byte(end, c);
            }
        }
    }
    *end = '\0';
    return out;
}

char *header_number(char *out, uint64_t number)
{
    char digits[20];
    size_t position = sizeof digits;
    do {
        digits[--position] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    memcpy(out, digits + position, sizeof digits - position);
    return out + (sizeof digits - position);
}

static char *put(char *out, const char *text, size_t length)
{
    memcpy(out, text, length);
    return out + length;
}

/* The row's name as it stands in both headers, with the separator before it. */
static char *put_name(char *out, const struct verify_window *window, bool first)
{
    static const struct {
        const char *text;
        size_t length;
    } names[2][WINDOW_COUNT] = {
        {{", \"minute\"", 10}, {", \"hour\"", 8}, {", \"day\"", 7}},
        {{", \"user-minute\"", 15}, {", \"user-hour\"", 13}, {", \"user-day\"", 12}},
    };
    size_t of_user = window->subject == LIMITS_OF_USER;
    size_t skip = first ? 2 : 0;
    return put(out, names[of_user][window->window].text + skip,
               names[of_user][window->window].length - skip);
}

static uint64_t seconds_until(const struct verify_window *window, int64_t now_ms)
{
    int64_t wait_ms = window->reset_at_ms - now_ms;
    return wait_ms > 0 ? (uint64_t)(wait_ms + 999) / 1000 : 0;
}

const char *ratelimit_policy(const struct verify_result *result, char out[RATELIMIT_SIZE])
{
    static const struct {
        const char *text;
        size_t length;
    } seconds[WINDOW_COUNT] = {{";w=60", 5}, {";w=3600", 7}, {";w=86400", 8}};
    char *end = out;
    for (uint32_t i = 0; i < result->window_count; i++) {
        const struct verify_window *window = &result->windows[i];
        end = put_name(end, window, i == 0);
        end = header_number(put(end, ";q=", 3), window->limit);
        end = put(end, seconds[window->window].text, seconds[window->window].length);
    }
    *end = '\0';
    return out;
}

const char *ratelimit_state(const struct verify_result *result, char out[RATELIMIT_SIZE])
{
    char *end = out;
    for (uint32_t i = 0; i < result->window_count; i++) {
        const struct verify_window *window = &result->windows[i];
        end = put_name(end, window, i == 0);
        end = header_number(put(end, ";r=", 3), window->remaining);
        end = header_number(put(end, ";t=", 3), seconds_until(window, result->now_ms));
    }
    *end = '\0';
    return out;
}

int64_t ratelimit_retry_after_s(const struct verify_result *result, uint32_t cost)
{
    int64_t wait_s = (result->retry_after_ms + 999) / 1000;
    uint32_t needed = cost > 0 ? cost : 1;
    for (uint32_t i = 0; i < result->window_count; i++) {
        const struct verify_window *window = &result->windows[i];
        int64_t full_s = (int64_t)seconds_until(window, result->now_ms);
        if (window->remaining < needed && full_s > wait_s) {
            wait_s = full_s;
        }
    }
    return wait_s >= 1 ? wait_s : 1;
}
