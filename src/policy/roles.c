/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/roles.h"

#include <string.h>

#include "base/limits.h"

const struct role_built_in roles_built_in[ROLES_BUILT_IN] = {
    {"admin", "*"},
    {"operator",
     "audit:read credits:* orgs:read roles:read system:read tiers:read tokens:* users:*"},
    {"auditor", "audit:read orgs:read roles:read system:read tiers:read tokens:read users:read"},
    {"user", "keys:*"},
};

bool role_is_built_in(const char *name)
{
    for (size_t i = 0; i < ROLES_BUILT_IN; i++) {
        if (strcmp(roles_built_in[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool role_name_valid(const char *name, size_t length)
{
    if (length == 0 || length > ROLE_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z';
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && !digit && name[i] != '_' && name[i] != '-') {
            return false;
        }
    }
    return true;
}
