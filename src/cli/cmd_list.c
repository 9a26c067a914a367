/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pages.h"

enum cli_exit cmd_list(struct cli *cli)
{
    static const char *const headings[] = {"ID",   "PREFIX", "NAME",    "USER",    "KIND",
                                           "TIER", "STATUS", "EXPIRES", "REQUESTS"};
    static const char *const members[] = {"id",      "display_prefix", "name",
                                          "user_id", "kind",           "tier",
                                          "status",  "expires_at",     "request_count"};
    static const char *const filters[][2] = {
        {"user_id", "user"}, {"status", "status"},
        {"tier", "tier"},    {"kind", "kind"},
        {"role", "role"},    {"org_id", "org"},
        {"name", "name"},    {"include_inactive", "inactive"},
    };
    static const struct pages pages = {"/api/v1/auth/tokens",
                                       headings,
                                       members,
                                       sizeof(headings) / sizeof(headings[0]),
                                       filters,
                                       sizeof(filters) / sizeof(filters[0]),
                                       "No tokens."};
    return pages_print(cli, &pages);
}
