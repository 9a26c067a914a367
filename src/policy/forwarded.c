/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X-Forwarded-For: each proxy appends the address that it was called from, so the right end is
 * what our own proxies vouch for and the left end is whatever the client wrote. Only a walk
 * from the right that stops at the first address which is not ours cannot be steered by it.
 */
#include <string.h>

#include "base/text.h"
#include "policy/cidr.h"

static bool is_trusted(const struct cidr *trusted, size_t trusted_count,
                       const struct ip_address *address)
{
    for (size_t i = 0; i < trusted_count; i++) {
        if (cidr_contains(&trusted[i], address)) {
            return true;
        }
    }
    return false;
}

static tkr_error_t check_port(const char *text, size_t length)
{
    uint64_t port;
    ENSURE(length <= 5 && text_parse_u64(text, length, &port) == TKR_OK, TKR_MALFORMED);
    ENSURE(port <= 65535, TKR_MALFORMED);
    return TKR_OK;
}

/* `[ip6]` or `[ip6]:port`. */
static tkr_error_t parse_bracketed(const char *text, size_t length, struct ip_address *ret_address)
{
    const char *end = memchr(text, ']', length);
    ENSURE(end != NULL, TKR_MALFORMED);
    size_t inside = (size_t)(end - text) - 1;
    ENSURE(memchr(text + 1, ':', inside) != NULL, TKR_MALFORMED); /* brackets are for IPv6 */
    size_t rest = length - inside - 2;
    if (rest > 0) {
        ENSURE(end[1] == ':', TKR_MALFORMED);
        TRY(check_port(end + 2, rest - 1));
    }
    return ip_parse(text + 1, inside, ret_address);
}

static tkr_error_t parse_entry(const char *text, size_t length, struct ip_address *ret_address)
{
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    ENSURE(length > 0, TKR_MALFORMED);
    if (text[0] == '[') {
        return parse_bracketed(text, length, ret_address);
    }
    const char *first = memchr(text, ':', length);
    const char *last = memrchr(text, ':', length);
    if (first != NULL && first == last) { /* one colon: IPv4 and a port */
        size_t address_length = (size_t)(first - text);
        TRY(check_port(first + 1, length - address_length - 1));
        length = address_length;
    }
    return ip_parse(text, length, ret_address);
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != ' ' && text[i] != '\t') {
            return false;
        }
    }
    return true;
}

static size_t count_entries(const char *text, size_t length)
{
    size_t count = 1;
    for (size_t i = 0; i < length; i++) {
        count += text[i] == ',';
    }
    return count;
}

tkr_error_t forwarded_client(const struct cidr *trusted, size_t trusted_count,
                             const struct ip_address *peer, const char *header,
                             size_t header_length, struct ip_address *ret_client)
{
    struct ip_address at_hand = *peer;
    if (!is_trusted(trusted, trusted_count, peer) || is_blank(header, header_length)) {
        *ret_client = at_hand;
        return TKR_OK;
    }
    ENSURE(count_entries(header, header_length) <= HTTP_FORWARDED_HOPS_MAX, TKR_MALFORMED);
    size_t end = header_length;
    bool more = true;
    while (more && is_trusted(trusted, trusted_count, &at_hand)) {
        const char *comma = end > 0 ? memrchr(header, ',', end) : NULL;
        size_t start = comma != NULL ? (size_t)(comma - header) + 1 : 0;
        TRY(parse_entry(header + start, end - start, &at_hand));
        more = comma != NULL;
        end = more ? start - 1 : 0;
    }
    *ret_client = at_hand;
    return TKR_OK;
}
