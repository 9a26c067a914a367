/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literal segments are compared with the bytes as they came, not decoded and not normalised:
 * what is authorised is what is routed, and `//`, `/./`, `%61uth` or a slash at the end are
 * other paths, which are not found. Only the values of {name} are decoded, when asked for.
 * There are some twenty rows, and the first bytes decide, so a table walk is enough (about
 * 30 ns for the last row).
 */
#include <stdio.h>
#include <string.h>

#include "http/internal.h"

static const struct {
    enum http_method method;
    const char *name;
} methods[] = {
    {HTTP_GET, "GET"},     {HTTP_HEAD, "HEAD"},     {HTTP_POST, "POST"},
    {HTTP_PATCH, "PATCH"}, {HTTP_DELETE, "DELETE"}, {HTTP_PUT, "PUT"},
};
#define METHOD_COUNT (sizeof(methods) / sizeof(methods[0]))

const char *http_method_name(enum http_method method)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (methods[i].method == method) {
            return methods[i].name;
        }
    }
    return "-";
}

unsigned router_method(const char *name)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return methods[i].method;
        }
    }
    return 0;
}

void router_allow(unsigned allowed, char text[ROUTER_ALLOW_BYTES])
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (allowed & methods[i].method) {
            length += (size_t)snprintf(text + length, ROUTER_ALLOW_BYTES - length, "%s%s",
                                       length > 0 ? ", " : "", methods[i].name);
        }
    }
}

void router_check(const struct http_route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *path = routes[i].path;
        size_t arguments = 0;
        ASSERT(path[0] == '/' && routes[i].handler != NULL && routes[i].methods != 0);
        for (const char *brace = strchr(path, '{'); brace != NULL; brace = strchr(brace, '{')) {
            const char *end = strchr(brace, '}');
            ASSERT(brace[-1] == '/' && end != NULL && (end[1] == '/' || end[1] == '\0'));
            arguments++;
            brace = end;
        }
        ASSERT(arguments <= HTTP_PATH_ARGUMENTS_MAX);
    }
}

static bool matches(const char *pattern, const char *path, const char *end,
                    struct path_span spans[HTTP_PATH_ARGUMENTS_MAX])
{
    size_t count = 0;
    while (*pattern != '\0') {
        if (*pattern == '{') {
            const char *slash = memchr(path, '/', (size_t)(end - path));
            const char *stop = slash != NULL ? slash : end;
            if (stop == path) {
                return false;
            }
            spans[count++] = (struct path_span){path, (size_t)(stop - path)};
            path = stop;
            pattern = strchr(pattern, '}') + 1;
        } else if (path == end || *path != *pattern) {
            return false;
        } else {
            path++;
            pattern++;
        }
    }
    return path == end;
}

void router_find(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    const struct http_options *options = &exchange->connection->thread->server->options;
    const char *end = now->path + now->path_length;
    now->allowed = 0;
    for (size_t i = 0; i < options->route_count; i++) {
        const struct http_route *route = &options->routes[i];
        if (!matches(route->path, now->path, end, now->spans)) {
            continue;
        }
        unsigned allowed = route->methods | (route->methods & HTTP_GET ? HTTP_HEAD : 0);
        if (allowed & now->method) {
            now->route = route;
            return;
        }
        now->allowed |= allowed;
    }
}
