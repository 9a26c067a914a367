/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sketch: what is remembered of a token's use, in 224 bytes, so that what is unlike it can be
 * told. No clock, no store, no allocation; a sketch has no pointers and is stored as it is.
 *
 * Five kinds of alarm, each at most once in a UTC day:
 *
 *   rise       an hour with many more requests than the busiest of the last weeks, or than this
 *              hour of the day has
 *   network    a network that it was not used from in the last 90 days
 *   agent      likewise a user agent
 *   refusals   far more of an hour's requests were refused than is usual for it
 *   hour       use at an hour of the day (UTC) at which it is hardly ever used
 *
 * How. Time goes by hours. The hour that is being counted has two counts; when it is over they
 * become levels (eighths of a doubling, one byte for any count), and those move what is usual:
 *
 *   peak, refused_peak   an envelope: up at once, down an eighth of a doubling every third day
 *   levels               the same for each hour of a working day and of a day of the weekend, down
 *                        each time that the hour passes with less
 *   hours                how often each of the 24 hours had a request, with a half-life of 21 days
 *   share                refused among all, a mean that decays by hours with requests
 *   networks, agents     prints of 12 bits with the weeks for which they stay known, newest first:
 *                        the one that was not used for the longest is forgotten for a new one.
 *                        `wide` has the /16 or /32 around each network, for tokens whose /24
 *                        changes with every run. Of two strangers in a hundred and fifty one has
 *                        a known print by chance
 *
 * After it has learned (a week; two for the hour, a day for refusals) a jump of an envelope is
 * bounded, so that one outbreak does not hide the next one for weeks.
 *
 * Each kind keeps to tokens that it can describe. A kind that finds a token surprising day after
 * day is wrong about that token: a surprising day counts for 32 days (one of the time of learning
 * for 16), and while two of them count the kind is silent. So nobody gets an alarm a day for a
 * token that comes from another network every day: at most three of a kind in a month, and one in
 * the long run. The price is that such a token's networks are not watched. What came of all that
 * when it was measured: docs/adr/0013-a-sketch-of-each-token.md.
 *
 * Time may go wrong. An hour before the present one counts as the present one; one that is two
 * hours or more before it means that the clock went back, and the hour begins anew. After four
 * weeks without use the profile of hours is forgotten, the envelopes stay.
 *
 * The image is the structure in the byte order of the machine. An image of another version, size
 * or byte order is not taken (monitor_sketch_valid), and its token begins to learn anew. To change
 * the structure: count MONITOR_SKETCH_VERSION up.
 *
 * Threads: whoever has the sketch.
 */
#ifndef MONITOR_SKETCH_H
#define MONITOR_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"

enum monitor_kind {
    MONITOR_RISE,
    MONITOR_NETWORK,
    MONITOR_AGENT,
    MONITOR_REFUSALS,
    MONITOR_HOUR,
    MONITOR_KINDS,
};
/* "rise", "network", "user_agent", "refusals", "hour". */
const char *monitor_kind_name(enum monitor_kind kind);

#define MONITOR_SKETCH_VERSION 1
#define MONITOR_NETWORKS 16
#define MONITOR_WIDE 24
#define MONITOR_AGENTS 8
#define MONITOR_SURPRISES (MONITOR_KINDS + 1) /* each kind, and the wide networks */

struct monitor_sketch {
    uint16_t version;
    uint16_t share;                       /* of refused requests, in 65536ths */
    uint32_t born_hour, hour;             /* since 1970: the first, and the one that is counted */
    uint32_t count, refused;              /* in it; they stay at their maximum */
    uint8_t surprises[MONITOR_SURPRISES]; /* days for which surprising ones count */
    uint8_t surprised;                    /* today, a bit for each */
    uint8_t active_days;                  /* with requests, since the first; stays at 255 */
    uint8_t peak, refused_peak;           /* levels */
    uint16_t hours[24];                   /* 2048 for each day that had a request then, decayed */
    uint8_t levels[2][24];                /* of a working day, of a day of the weekend */
    /* weeks left:4 | print:12; 0: none */
    uint16_t networks[MONITOR_NETWORKS], wide[MONITOR_WIDE], agents[MONITOR_AGENTS];
};
_Static_assert(sizeof(struct monitor_sketch) == 224, "the size that is documented");

struct monitor_observation {
    int64_t at_ms;
    /* As meter_network has it: the family in the top byte; 0: not known. */
    uint64_t network;
    uint64_t agent; /* from monitor_agent; 0: not known */
    uint32_t count; /* requests; 0: only what they came from is told */
    bool refused;   /* all of them */
};

struct monitor_alarms {
    uint8_t kinds; /* a bit for each (1 << kind) */
    /* Of the hour: requests, refused ones, and the most that is usual. */
    uint32_t count, refused, usual_count, usual_refused;
    uint16_t usual_share; /* of refused ones, in 1000ths */
};

void monitor_sketch_init(struct monitor_sketch *sketch, int64_t at_ms);
/* Whether an image that was stored is one of ours. */
bool monitor_sketch_valid(const void *image, size_t length);
/* Whether the time is in the hour that is being counted. */
bool monitor_sketch_is_at(const struct monitor_sketch *sketch, int64_t at_ms);
/*
 * `seed` is the same for all observations of a sketch, and known to nobody outside: otherwise
 * somebody could look for a network whose print is that of a known one.
 */
void monitor_sketch_observe(struct monitor_sketch *sketch, uint64_t seed,
                            const struct monitor_observation *observation,
                            struct monitor_alarms *ret_alarms);

/*
 * A user agent as a number, never 0. Digits, full stops and underscores are left out, and case:
 * what is new is the program, not its version.
 */
uint64_t monitor_agent(const char *text, size_t length);

#endif
