/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <math.h>

#define MS_PER_HOUR 3600000

const char *traffic_name(enum traffic_profile profile)
{
    static const char *const names[TRAFFIC_PROFILES] = {"ci",      "office",   "cron",   "weekend",
                                                        "growing", "rotating", "bursty", "limited"};
    return names[profile];
}

const char *traffic_attack_name(enum traffic_attack attack)
{
    static const char *const names[TRAFFIC_ATTACKS] = {"rise", "stranger", "tool", "stuffing",
                                                       "night"};
    return names[attack];
}

/* --- drawing --------------------------------------------------------------------------------- */

static double draw(struct traffic *traffic)
{
    return ((double)(seeded_random_next(&traffic->random) >> 11) + 0.5) / 9007199254740992.0;
}

static bool happens(struct traffic *traffic, double chance)
{
    return draw(traffic) < chance;
}

static double draw_normal(struct traffic *traffic)
{
    double radius = sqrt(-2 * log(draw(traffic)));
    return radius * cos(6.283185307179586 * draw(traffic));
}

/* Around `median`; `spread` 0.5: two thirds lie between 0.6 and 1.6 times it. */
static double draw_lognormal(struct traffic *traffic, double median, double spread)
{
    return median * exp(spread * draw_normal(traffic));
}

/* A Poisson number whose mean is itself drawn: what independent clients make of a pace. */
static uint32_t draw_count(struct traffic *traffic, double mean, double spread)
{
    double pace = draw_lognormal(traffic, mean, spread);
    double count = pace + sqrt(pace) * draw_normal(traffic);
    return count < 1 ? happens(traffic, pace) : (uint32_t)count;
}

static uint64_t draw_network(struct traffic *traffic)
{
    return 4ULL << 48 | (seeded_random_below(&traffic->random, 200) + 20) << 16 |
           seeded_random_below(&traffic->random, 65536);
}

static uint64_t draw_agent(struct traffic *traffic)
{
    char text[32] = "client-of-the-kind-?/1.2.3";
    text[19] = (char)('a' + seeded_random_below(&traffic->random, 26));
    text[17] = (char)('a' + seeded_random_below(&traffic->random, 26));
    return monitor_agent(text, 26);
}

/* --- a token --------------------------------------------------------------------------------- */

static bool is_weekend(int64_t hour)
{
    return (hour / 24 + 3) % 7 >= 5;
}

void traffic_init(struct traffic *traffic, enum traffic_profile profile, uint64_t seed)
{
    *traffic = (struct traffic){.profile = profile};
    seeded_random_init(&traffic->random, seed * 64 + profile);
    (void)seeded_random_next(&traffic->random);
    traffic->pace = exp(log(5) + log(100) * draw(traffic));
    traffic->first_hour = (uint32_t)seeded_random_below(&traffic->random, 24);
    traffic->cron_times = 1 + (uint32_t)seeded_random_below(&traffic->random, 4);
    for (int i = 0; i < 4; i++) {
        traffic->cron_hours[i] = (uint32_t)seeded_random_below(&traffic->random, 24);
    }
    for (int i = 0; i < 3; i++) {
        traffic->networks[i] = draw_network(traffic);
    }
    traffic->roaming = draw_network(traffic);
    traffic->agent = draw_agent(traffic);
}

/* --- how much, by profile -------------------------------------------------------------------- */

static uint32_t ci_count(struct traffic *traffic, int64_t hour)
{
    return draw_count(traffic, traffic->pace * (is_weekend(hour) ? 0.4 : 1), 0.4);
}

static uint32_t office_count(struct traffic *traffic, int64_t hour)
{
    uint32_t since = (uint32_t)(hour % 24 + 24 - traffic->first_hour) % 24;
    double chance = since >= 15 ? 0.0003 : is_weekend(hour) ? 0.01 : since < 10 ? 0.75 : 0.03;
    return happens(traffic, chance) ? 1 + draw_count(traffic, traffic->pace / 5, 0.8) : 0;
}

static uint32_t cron_count(struct traffic *traffic, int64_t hour)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < traffic->cron_times; i++) {
        bool late = happens(traffic, 0.05);
        bool is_now = hour % 24 == (traffic->cron_hours[i] + (late ? 1 : 0)) % 24;
        count += is_now ? 100 + draw_count(traffic, traffic->pace * 8, 0.3) : 0;
    }
    return count;
}

static uint32_t weekend_count(struct traffic *traffic, int64_t hour)
{
    if (!is_weekend(hour)) {
        return happens(traffic, 0.05) ? 1 + draw_count(traffic, 3, 0.5) : 0;
    }
    return happens(traffic, 0.6) ? draw_count(traffic, traffic->pace * 4, 0.6) : 0;
}

static uint32_t growing_count(struct traffic *traffic, int64_t hour)
{
    double days = (double)(hour - traffic->start) / 24;
    return draw_count(traffic, traffic->pace * exp2(days / 60), 0.4);
}

static uint32_t bursty_count(struct traffic *traffic, int64_t hour)
{
    (void)hour;
    double chance = draw(traffic);
    double pace = traffic->pace / 5;
    return chance < 0.003  ? draw_count(traffic, pace * 100, 1)
           : chance < 0.05 ? draw_count(traffic, pace * 10, 1)
           : chance < 0.5  ? draw_count(traffic, pace, 1)
                           : 0;
}

/* --- from where, by profile ------------------------------------------------------------------ */

static uint64_t steady_network(struct traffic *traffic)
{
    if (happens(traffic, 1.0 / (180 * 24 * 4))) {
        traffic->networks[happens(traffic, 0.5)] = draw_network(traffic);
    }
    return traffic->networks[happens(traffic, 0.2)];
}

static uint64_t office_network(struct traffic *traffic)
{
    if (happens(traffic, 1.0 / (30 * 30))) {
        traffic->roaming = draw_network(traffic);
    }
    double chance = draw(traffic);
    return chance < 0.03 ? traffic->roaming : traffic->networks[chance < 0.4];
}

static uint64_t rotating_network(struct traffic *traffic)
{
    uint64_t number = seeded_random_below(&traffic->random, 400);
    return 4ULL << 48 | (20 + number % 20) << 16 | number / 20 * 7;
}

static const struct {
    uint32_t (*count)(struct traffic *traffic, int64_t hour);
    uint64_t (*network)(struct traffic *traffic);
    double agent_years; /* between two programs */
} profiles[TRAFFIC_PROFILES] = {
    [TRAFFIC_CI] = {ci_count, steady_network, 1},
    [TRAFFIC_OFFICE] = {office_count, office_network, 0.5},
    [TRAFFIC_CRON] = {cron_count, steady_network, 1},
    [TRAFFIC_WEEKEND] = {weekend_count, steady_network, 1},
    [TRAFFIC_GROWING] = {growing_count, steady_network, 1},
    [TRAFFIC_ROTATING] = {ci_count, rotating_network, 1},
    [TRAFFIC_BURSTY] = {bursty_count, steady_network, 1},
    [TRAFFIC_LIMITED] = {ci_count, steady_network, 1},
};

/* --- hours ----------------------------------------------------------------------------------- */

/* A thousandth of all is refused by mistake; a limited token runs into its limits besides. */
static uint32_t refused_of(struct traffic *traffic, int64_t hour, uint32_t count)
{
    if (hour % 24 == 0) {
        traffic->limited_today = traffic->profile == TRAFFIC_LIMITED && happens(traffic, 0.3);
    }
    double share = 0.001;
    if (traffic->limited_today && happens(traffic, 0.1)) {
        share = 0.1 + 0.5 * draw(traffic);
    }
    double refused = count * share + sqrt(count * share) * draw_normal(traffic);
    return refused < 0 ? 0 : refused > count ? count : (uint32_t)refused;
}

static size_t put(struct monitor_observation *observations, size_t at,
                  struct monitor_observation observation)
{
    if (observation.count > 0 && at < TRAFFIC_PIECES_MAX) {
        observations[at++] = observation;
    }
    return at;
}

size_t traffic_hour(struct traffic *traffic, int64_t hour, struct monitor_observation *observations)
{
    if (traffic->start == 0) {
        traffic->start = hour;
    }
    uint32_t count = profiles[traffic->profile].count(traffic, hour);
    uint32_t refused = refused_of(traffic, hour, count);
    size_t pieces = 0;
    if (happens(traffic, 1 / (profiles[traffic->profile].agent_years * 365 * 24))) {
        traffic->agent = draw_agent(traffic);
    }
    struct monitor_observation piece = {.at_ms = hour * MS_PER_HOUR, .agent = traffic->agent};
    for (uint32_t left = count - refused, i = 0; left > 0; i++) {
        piece.network = profiles[traffic->profile].network(traffic);
        piece.count = i < 3 ? (left + 3) / 4 : left;
        left -= piece.count;
        pieces = put(observations, pieces, piece);
    }
    piece.network = pieces > 0 ? piece.network : traffic->networks[0];
    piece.count = refused;
    piece.refused = true;
    return put(observations, pieces, piece);
}

/* --- attacks --------------------------------------------------------------------------------- */

/* What an hour of use has, as somebody who looks would say. */
static uint32_t usual_of(struct traffic *traffic, int64_t hour)
{
    uint64_t sum = 0, used = 0;
    for (int i = 0; i < 24 * 14; i++) {
        uint32_t count = profiles[traffic->profile].count(traffic, hour - i);
        sum += count;
        used += count > 0;
    }
    return used > 0 ? (uint32_t)(sum / used) : 1;
}

static size_t repeat(struct monitor_observation *observations, struct monitor_observation piece,
                     uint32_t times)
{
    size_t pieces = 0;
    for (uint32_t i = 0; i < times; i++) {
        pieces = put(observations, pieces, piece);
    }
    return pieces;
}

size_t traffic_attack_hour(struct traffic *traffic, enum traffic_attack attack, int64_t hour,
                           struct monitor_observation *observations)
{
    struct monitor_observation piece = {.at_ms = hour * MS_PER_HOUR,
                                        .agent = traffic->agent,
                                        .network = profiles[traffic->profile].network(traffic),
                                        .count = 5};
    switch (attack) {
    case TRAFFIC_RISE:
        piece.count = usual_of(traffic, hour);
        return repeat(observations, piece, 10);
    case TRAFFIC_STRANGER:
        piece.network = 4ULL << 48 | 0x0b1600;
        break;
    case TRAFFIC_TOOL:
        piece.agent = monitor_agent("curl/8.5.0", 10);
        break;
    case TRAFFIC_STUFFING:
        piece.refused = true;
        piece.count = 20;
        return repeat(observations, piece, 10);
    case TRAFFIC_NIGHT:
    case TRAFFIC_ATTACKS:
        break;
    }
    return repeat(observations, piece, 1);
}
