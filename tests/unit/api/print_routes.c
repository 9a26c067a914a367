/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the route table, `METHOD path` a line, for check_openapi.py. */
#include <stdio.h>

#include "api/api.h"

int main(void)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_HEAD,  HTTP_POST,
                                               HTTP_PUT, HTTP_PATCH, HTTP_DELETE};
    size_t count;
    const struct http_route *routes = api_routes(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof methods / sizeof methods[0]; j++) {
            if ((routes[i].methods & methods[j]) != 0) {
                printf("%s %s\n", http_method_name(methods[j]), routes[i].path);
            }
        }
    }
    return 0;
}
