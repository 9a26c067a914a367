/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones of the system, /usr/share/zoneinfo. */
#ifndef DAEMON_ZONE_FILES_H
#define DAEMON_ZONE_FILES_H

#include "engine/rotation.h"

struct zone_source zone_files(void);

#endif
