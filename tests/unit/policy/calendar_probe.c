/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers check_calendar.py. Each line of standard input is a question, each of the output its
 * answer; `none` where there is no such moment.
 *
 *     zone FILE                    read from now on; `bad` when it cannot be
 *     calendar TEXT                likewise
 *     offset SECOND                what to add to UTC
 *     unix SECOND                  when the wall shows it
 *     next SECOND, last SECOND     beginnings of windows
 *     open SECOND                  1 or 0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "policy/calendar.h"

static struct zone *zone;
static struct calendar calendar;

static void answer_number(tkr_error_t error, int64_t value)
{
    if (error == TKR_OK) {
        printf("%" PRId64 "\n", value);
    } else {
        puts("none");
    }
}

static void answer_zone(const char *path)
{
    static uint8_t bytes[ZONE_BYTES_MAX + 1];
    FILE *file = fopen(path, "rbe");
    size_t size = file != NULL ? fread(bytes, 1, sizeof(bytes), file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    zone_free(zone);
    zone = NULL;
    puts(zone_parse(bytes, size, &zone) == TKR_OK ? "ok" : "bad");
}

static void answer_calendar(const char *text)
{
    puts(calendar_parse(text, strlen(text), &calendar, NULL) == TKR_OK ? "ok" : "bad");
}

static void answer_offset(const char *text)
{
    answer_number(TKR_OK, zone_at(zone, atoll(text)).offset_s);
}

static void answer_unix(const char *text)
{
    answer_number(TKR_OK, zone_to_unix(zone, atoll(text)));
}

static void answer_next(const char *text)
{
    int64_t start_s = 0;
    tkr_error_t error = calendar_next(&calendar, zone, atoll(text), &start_s);
    answer_number(error, start_s);
}

static void answer_last(const char *text)
{
    int64_t start_s = 0;
    tkr_error_t error = calendar_last(&calendar, zone, atoll(text), &start_s);
    answer_number(error, start_s);
}

static void answer_open(const char *text)
{
    answer_number(TKR_OK, calendar_is_open(&calendar, zone, atoll(text)) ? 1 : 0);
}

static const struct {
    const char *word;
    void (*answer)(const char *text);
} questions[] = {
    {"zone ", answer_zone}, {"calendar ", answer_calendar}, {"offset ", answer_offset},
    {"unix ", answer_unix}, {"next ", answer_next},         {"last ", answer_last},
    {"open ", answer_open},
};

static void answer(const char *line)
{
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        size_t length = strlen(questions[i].word);
        if (strncmp(line, questions[i].word, length) == 0) {
            questions[i].answer(line + length);
            return;
        }
    }
    puts("bad");
}

int main(void)
{
    char line[1024];
    setvbuf(stdout, NULL, _IOLBF, 0); /* each answer is waited for */
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        answer(line);
    }
    zone_free(zone);
    return 0;
}
