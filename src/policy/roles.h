/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles: named sets of scopes. These are built in; operators define others beside them. Pure.
 *
 *   admin     everything, in every organisation
 *   operator  the daily work in one organisation: all about tokens and users; reads the rest
 *   auditor   reads everything of one organisation and changes nothing
 *   user      what people may do with keys of their own
 *
 * Neither operator nor auditor may change roles, tiers or the policy of an organisation: these
 * say what an operator may do.
 */
#ifndef POLICY_ROLES_H
#define POLICY_ROLES_H

#include <stdbool.h>
#include <stddef.h>

struct role_built_in {
    const char *name;
    const char *scopes; /* canonical, see policy/scopes.h */
};
#define ROLES_BUILT_IN 4
extern const struct role_built_in roles_built_in[ROLES_BUILT_IN];
bool role_is_built_in(const char *name);
/* [a-z0-9_-], 1 to ROLE_NAME_BYTES_MAX. */
bool role_name_valid(const char *name, size_t length);

#endif
