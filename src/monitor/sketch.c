/* SPDX-License-Identifier: Apache-2.0 */
/* See monitor/sketch.h. The numbers below were chosen by the measurements of ADR 13. */
#include "monitor/sketch.h"

#include <string.h>

#define MS_PER_HOUR 3600000
#define DAYS_PER_WEEK 7
#define HOURS_PER_DAY 24
#define SLEEP_HOURS (28 * HOURS_PER_DAY) /* without use: the profile of hours is forgotten */

/* A level is an eighth of a doubling. */
#define DOUBLING 8
#define RISE_LEAST 40                 /* requests in an hour; fewer are no rise */
#define RISE_OVER_PEAK (DOUBLING + 3) /* 2.6 times the busiest hour */
#define RISE_OVER_HOUR (3 * DOUBLING) /* 8 times what this hour of the day has ... */
#define RISE_UNDER_PEAK 4             /* ... and 0.7 times the busiest hour */
#define PEAK_JUMP (2 * DOUBLING)      /* an envelope goes up by so much an hour at most ... */
#define PEAK_JUMP_TOLD 1              /* ... and on a day on which that was told */
#define LEVEL_JUMP (3 * DOUBLING)
#define PEAK_FALL_DAYS 3

#define REFUSALS_LEAST 20
#define REFUSALS_OVER_PEAK DOUBLING
#define SHARE_ONE 65536U
#define SHARE_LEAST (SHARE_ONE / 10)
#define SHARE_TIMES 4
#define SHARE_WEIGHT_MAX 64 /* requests that make an hour count whole */
#define SHARE_DECAY 16      /* hours */

#define HOUR_WEIGHT 2048
#define HOUR_DECAY 32     /* days */
#define HOUR_KNOWN_DAYS 8 /* with a request, decayed: fewer are no habit */
#define HOUR_SHARE_INVERSE 2048

#define WEEKS_KNOWN 13U
#define PRINT_BITS 12
#define PRINT_MASK 0xfffU

#define SURPRISE 32 /* one surprising day; forgotten after as many */
#define SURPRISES_SILENT (2 * SURPRISE)
#define SURPRISES_MAX (3 * SURPRISE)
#define SURPRISES_WIDE MONITOR_KINDS
#define ACTIVE_TODAY 0x80 /* of `surprised` */

/* Days since the first use, and days with use, before a kind says anything. */
static const struct {
    uint8_t days, active_days;
} learning[MONITOR_SURPRISES] = {
    [MONITOR_RISE] = {7, 3},     [MONITOR_NETWORK] = {7, 3}, [MONITOR_AGENT] = {7, 3},
    [MONITOR_REFUSALS] = {1, 1}, [MONITOR_HOUR] = {14, 7},   [SURPRISES_WIDE] = {7, 3},
};

const char *monitor_kind_name(enum monitor_kind kind)
{
    static const char *const names[MONITOR_KINDS] = {"rise", "network", "user_agent", "refusals",
                                                     "hour"};
    ASSERT(kind < MONITOR_KINDS);
    return names[kind];
}

/* --- small arithmetic ----------------------------------------------------------------------- */

/* Eight times the binary logarithm of count + 1, with the fraction drawn straight. */
static uint8_t level_of(uint32_t count)
{
    uint64_t number = (uint64_t)count + 1;
    uint32_t top = 63 - (uint32_t)__builtin_clzll(number);
    uint32_t level = top * DOUBLING + (uint32_t)(number << (63 - top) << 1 >> 61);
    return level < UINT8_MAX ? (uint8_t)level : UINT8_MAX;
}

static uint32_t count_of(uint8_t level)
{
    uint64_t number = (uint64_t)(DOUBLING + level % DOUBLING) << level / DOUBLING >> 3;
    return (uint32_t)(number - 1);
}

static uint32_t add(uint32_t to, uint32_t count)
{
    return to <= UINT32_MAX - count ? to + count : UINT32_MAX;
}

static uint8_t raise(uint8_t level, uint8_t to, uint8_t jump)
{
    return to - level <= jump ? to : (uint8_t)(level + jump);
}

static uint32_t day_of(uint32_t hour)
{
    return hour / HOURS_PER_DAY;
}

/* 1970-01-01 was a Thursday. */
static bool is_weekend(uint32_t hour)
{
    return (day_of(hour) + 3) % DAYS_PER_WEEK >= 5;
}

static bool has_learned(const struct monitor_sketch *sketch, uint32_t which)
{
    return sketch->hour - sketch->born_hour >= (uint32_t)learning[which].days * HOURS_PER_DAY &&
           sketch->active_days >= learning[which].active_days;
}

/* Whether to tell it: the first time today, and not the usual with this token. */
static bool surprise(struct monitor_sketch *sketch, uint32_t which)
{
    uint8_t bit = (uint8_t)(1U << which);
    if ((sketch->surprised & bit) != 0) {
        return false;
    }
    bool learned = has_learned(sketch, which);
    uint32_t before = sketch->surprises[which];
    uint32_t after = before + (learned ? SURPRISE : SURPRISE / 2);
    sketch->surprised |= bit;
    sketch->surprises[which] = (uint8_t)(after < SURPRISES_MAX ? after : SURPRISES_MAX);
    return learned && before < SURPRISES_SILENT;
}

/* --- prints, newest first --------------------------------------------------------------------- */

/* The finalizer of SplitMix64. */
static uint16_t print_of(uint64_t value, uint64_t seed)
{
    value = (value ^ seed) + 0x9e3779b97f4a7c15ULL;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return (uint16_t)(value >> 52);
}

/* Whether it is new. Afterwards it is the newest. */
static bool see(uint16_t *places, uint32_t count, uint16_t print)
{
    uint16_t newest = (uint16_t)(WEEKS_KNOWN << PRINT_BITS | print);
    uint32_t place = 0;
    if (places[0] == newest) {
        return false;
    }
    while (place < count - 1 && (places[place] == 0 || (places[place] & PRINT_MASK) != print)) {
        place++;
    }
    bool known = places[place] != 0 && (places[place] & PRINT_MASK) == print;
    memmove(places + 1, places, place * sizeof(*places));
    places[0] = newest;
    return !known;
}

/* Those that were not seen again for WEEKS_KNOWN weeks are gone. */
static void age(uint16_t *places, uint32_t count, uint32_t weeks)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t left = places[i] >> PRINT_BITS;
        places[i] = left > weeks ? (uint16_t)(places[i] - (weeks << PRINT_BITS)) : 0;
    }
}

/* --- hours and days that are over ------------------------------------------------------------- */

static void end_share(struct monitor_sketch *sketch)
{
    int64_t share = (int64_t)((uint64_t)sketch->refused * (SHARE_ONE - 1) / sketch->count);
    int64_t weight = sketch->count < SHARE_WEIGHT_MAX ? sketch->count : SHARE_WEIGHT_MAX;
    int64_t moved = (share - sketch->share) * weight / (SHARE_WEIGHT_MAX * SHARE_DECAY);
    sketch->share = (uint16_t)(sketch->share + moved);
}

static void raise_peak(const struct monitor_sketch *sketch, enum monitor_kind kind, uint8_t level,
                       uint8_t *peak)
{
    if (level > *peak) {
        bool told = (sketch->surprised >> kind & 1) != 0;
        uint8_t jump = !has_learned(sketch, kind) ? UINT8_MAX : told ? PEAK_JUMP_TOLD : PEAK_JUMP;
        *peak = raise(*peak, level, jump);
    }
}

static void end_hour(struct monitor_sketch *sketch)
{
    uint8_t level = level_of(sketch->count);
    uint8_t *usual = &sketch->levels[is_weekend(sketch->hour)][sketch->hour % HOURS_PER_DAY];
    if (level > *usual) {
        *usual = raise(*usual, level, has_learned(sketch, MONITOR_RISE) ? LEVEL_JUMP : UINT8_MAX);
    } else if (level < *usual) {
        (*usual)--;
    }
    raise_peak(sketch, MONITOR_RISE, level, &sketch->peak);
    raise_peak(sketch, MONITOR_REFUSALS, level_of(sketch->refused), &sketch->refused_peak);
    if (sketch->count > 0) {
        end_share(sketch);
    }
    sketch->count = sketch->refused = 0;
}

static void end_weeks(struct monitor_sketch *sketch, uint32_t weeks)
{
    age(sketch->networks, MONITOR_NETWORKS, weeks);
    age(sketch->wide, MONITOR_WIDE, weeks);
    age(sketch->agents, MONITOR_AGENTS, weeks);
}

static void end_day(struct monitor_sketch *sketch)
{
    sketch->surprised = 0;
    for (uint32_t i = 0; i < MONITOR_SURPRISES; i++) {
        sketch->surprises[i] -= sketch->surprises[i] > 0;
    }
    for (uint32_t i = 0; i < HOURS_PER_DAY; i++) {
        sketch->hours[i] = (uint16_t)(sketch->hours[i] - sketch->hours[i] / HOUR_DECAY);
    }
    if (day_of(sketch->hour) % DAYS_PER_WEEK == 0) {
        end_weeks(sketch, 1);
    }
    if (day_of(sketch->hour) % PEAK_FALL_DAYS == 0) {
        sketch->peak -= sketch->peak > 0;
        sketch->refused_peak -= sketch->refused_peak > 0;
    }
}

static void begin_anew(struct monitor_sketch *sketch, uint32_t hour)
{
    sketch->hour = hour;
    sketch->count = sketch->refused = 0;
    if (sketch->born_hour > hour) {
        sketch->born_hour = hour;
    }
}

static void sleep_until(struct monitor_sketch *sketch, uint32_t hour)
{
    end_hour(sketch);
    end_day(sketch);
    end_weeks(sketch, (day_of(hour) - day_of(sketch->hour)) / DAYS_PER_WEEK);
    memset(sketch->hours, 0, sizeof(sketch->hours));
    memset(sketch->levels, sketch->peak, sizeof(sketch->levels)); /* not known: the most */
    memset(sketch->surprises, 0, sizeof(sketch->surprises));
    sketch->hour = hour;
}

static void go_to(struct monitor_sketch *sketch, uint32_t hour)
{
    if (hour < sketch->hour) {
        if (sketch->hour - hour > 1) {
            begin_anew(sketch, hour);
        }
        return;
    }
    if (hour - sketch->hour > SLEEP_HOURS) {
        sleep_until(sketch, hour - 1);
    }
    while (sketch->hour != hour) {
        end_hour(sketch);
        sketch->hour++;
        if (sketch->hour % HOURS_PER_DAY == 0) {
            end_day(sketch);
        }
    }
}

/* --- what it came from ------------------------------------------------------------------------ */

/* The /16 around a /24, the /32 around a /48. */
static uint64_t wide_of(uint64_t network)
{
    return network >> (network >> 48 == 4 ? 8 : 16) | 1ULL << 63;
}

static bool network_is_new(struct monitor_sketch *sketch, uint64_t seed, uint64_t network)
{
    bool is_new = see(sketch->networks, MONITOR_NETWORKS, print_of(network, seed));
    bool wide_is_new = see(sketch->wide, MONITOR_WIDE, print_of(wide_of(network), seed));
    bool told = is_new && surprise(sketch, MONITOR_NETWORK);
    bool wide_told = wide_is_new && surprise(sketch, SURPRISES_WIDE);
    return told || wide_told;
}

static bool agent_is_new(struct monitor_sketch *sketch, uint64_t seed, uint64_t agent)
{
    return see(sketch->agents, MONITOR_AGENTS, print_of(agent, seed)) &&
           surprise(sketch, MONITOR_AGENT);
}

/* --- how much, and when ----------------------------------------------------------------------- */

/* The most of this hour of the day and of the two beside it. */
static uint8_t usual_level(const struct monitor_sketch *sketch)
{
    const uint8_t *levels = sketch->levels[is_weekend(sketch->hour)];
    uint32_t hour = sketch->hour % HOURS_PER_DAY;
    uint8_t before = levels[(hour + HOURS_PER_DAY - 1) % HOURS_PER_DAY];
    uint8_t after = levels[(hour + 1) % HOURS_PER_DAY];
    uint8_t most = before > after ? before : after;
    return levels[hour] > most ? levels[hour] : most;
}

static bool rises(const struct monitor_sketch *sketch)
{
    if (sketch->count < RISE_LEAST) {
        return false;
    }
    uint8_t level = level_of(sketch->count);
    return level >= sketch->peak + RISE_OVER_PEAK ||
           (has_learned(sketch, MONITOR_HOUR) && level + RISE_UNDER_PEAK >= sketch->peak &&
            level >= usual_level(sketch) + RISE_OVER_HOUR);
}

static bool is_refused_much(const struct monitor_sketch *sketch)
{
    if (sketch->refused < REFUSALS_LEAST) {
        return false;
    }
    uint64_t share = (uint64_t)sketch->refused * SHARE_ONE / sketch->count;
    uint64_t usual = sketch->share, most = SHARE_ONE - 1;
    uint64_t times = usual * SHARE_TIMES, between = usual + (most - usual) / 2;
    return share >= SHARE_LEAST && share >= (times < between ? times : between) &&
           level_of(sketch->refused) >= sketch->refused_peak + REFUSALS_OVER_PEAK;
}

/* Asked at the first request of an hour. The hours beside it count half. */
static bool hour_is_unusual(const struct monitor_sketch *sketch)
{
    uint32_t hour = sketch->hour % HOURS_PER_DAY, all = 0;
    for (uint32_t i = 0; i < HOURS_PER_DAY; i++) {
        all += sketch->hours[i];
    }
    uint32_t here = 2U * sketch->hours[hour] +
                    sketch->hours[(hour + HOURS_PER_DAY - 1) % HOURS_PER_DAY] +
                    sketch->hours[(hour + 1) % HOURS_PER_DAY];
    return all >= HOUR_KNOWN_DAYS * HOUR_WEIGHT && here / 4 < all / HOUR_SHARE_INVERSE;
}

static void note_hour(struct monitor_sketch *sketch)
{
    uint16_t *hour = &sketch->hours[sketch->hour % HOURS_PER_DAY];
    *hour = (uint16_t)(*hour <= UINT16_MAX - HOUR_WEIGHT ? *hour + HOUR_WEIGHT : UINT16_MAX);
    if ((sketch->surprised & ACTIVE_TODAY) == 0) {
        sketch->surprised |= ACTIVE_TODAY;
        sketch->active_days += sketch->active_days < UINT8_MAX;
    }
}

/* --- the sketch ------------------------------------------------------------------------------- */

static uint32_t hour_of(int64_t at_ms)
{
    int64_t hour = at_ms / MS_PER_HOUR;
    return hour < 0 ? 0 : hour > UINT32_MAX ? UINT32_MAX : (uint32_t)hour;
}

void monitor_sketch_init(struct monitor_sketch *sketch, int64_t at_ms)
{
    uint32_t hour = hour_of(at_ms);
    *sketch =
        (struct monitor_sketch){.version = MONITOR_SKETCH_VERSION, .born_hour = hour, .hour = hour};
}

bool monitor_sketch_valid(const void *image, size_t length)
{
    struct monitor_sketch sketch;
    if (length != sizeof(sketch)) {
        return false;
    }
    memcpy(&sketch, image, sizeof(sketch));
    return sketch.version == MONITOR_SKETCH_VERSION && sketch.born_hour <= sketch.hour &&
           sketch.refused <= sketch.count;
}

bool monitor_sketch_is_at(const struct monitor_sketch *sketch, int64_t at_ms)
{
    return sketch->hour == hour_of(at_ms);
}

static void count(struct monitor_sketch *sketch, const struct monitor_observation *observation,
                  bool *told)
{
    if (sketch->count == 0) {
        told[MONITOR_HOUR] = hour_is_unusual(sketch) && surprise(sketch, MONITOR_HOUR);
        note_hour(sketch);
    }
    sketch->count = add(sketch->count, observation->count);
    if (observation->refused) {
        sketch->refused = add(sketch->refused, observation->count);
        told[MONITOR_REFUSALS] = is_refused_much(sketch) && surprise(sketch, MONITOR_REFUSALS);
    }
    told[MONITOR_RISE] = rises(sketch) && surprise(sketch, MONITOR_RISE);
}

static void describe(const struct monitor_sketch *sketch, const bool *told,
                     struct monitor_alarms *alarms)
{
    uint8_t usual = usual_level(sketch);
    for (uint32_t i = 0; i < MONITOR_KINDS; i++) {
        alarms->kinds |= (uint8_t)(told[i] ? 1U << i : 0);
    }
    alarms->count = sketch->count;
    alarms->refused = sketch->refused;
    alarms->usual_count = count_of(sketch->peak > usual ? sketch->peak : usual);
    alarms->usual_refused = count_of(sketch->refused_peak);
    alarms->usual_share = (uint16_t)((uint32_t)sketch->share * 1000 / SHARE_ONE);
}

void monitor_sketch_observe(struct monitor_sketch *sketch, uint64_t seed,
                            const struct monitor_observation *observation,
                            struct monitor_alarms *ret_alarms)
{
    bool told[MONITOR_KINDS] = {false};
    ret_alarms->kinds = 0;
    go_to(sketch, hour_of(observation->at_ms));
    if (observation->count > 0) {
        count(sketch, observation, told);
    }
    if (observation->network != 0) {
        told[MONITOR_NETWORK] = network_is_new(sketch, seed, observation->network);
    }
    if (observation->agent != 0) {
        told[MONITOR_AGENT] = agent_is_new(sketch, seed, observation->agent);
    }
    if (memchr(told, 1, sizeof(told)) != NULL) {
        describe(sketch, told, ret_alarms);
    }
}
