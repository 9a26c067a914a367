#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds policy/zone and policy/calendar against Python's zoneinfo.

    check_calendar.py PROBE [--seed N] [--zones N] [--all]

Asks calendar_probe about random moments, and those around every change of a wall clock, in a
random choice of zones (--all: every zone that there is), and works out each answer in another
way: minute by minute along the wall, converted by zoneinfo.
"""

import argparse
import datetime
import os
import pathlib
import random
import subprocess
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
FOLDER = pathlib.Path("/usr/share/zoneinfo")
DAY = 86400
FIRST, LAST = 631152000, 2840140800  # 1990 to 2060
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()


# --- the oracle -------------------------------------------------------------------------------

def offset(zone, second):
    moment = datetime.datetime.fromtimestamp(second, UTC).astimezone(zone)
    return int(moment.utcoffset().total_seconds())


def to_unix(zone, wall):
    """When the wall shows it: the first time, or the first moment after the gap."""
    naive = EPOCH + datetime.timedelta(seconds=wall)
    first = int(naive.replace(tzinfo=zone, fold=0).astimezone(UTC).timestamp())
    if first + offset(zone, first) == wall:
        return first
    low, high = wall - 27 * 3600, wall + 27 * 3600  # the wall is before it, and behind it
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle + offset(zone, middle) < wall else (low, middle)
    return high


def changes(zone):
    """Moments from FIRST to LAST at which the offset is another one."""
    found = []
    for second in range(FIRST, LAST, 7 * DAY):
        low, high = second, second + 7 * DAY
        if offset(zone, low) != offset(zone, high):
            while high - low > 1:
                middle = (low + high) // 2
                same = offset(zone, middle) == offset(zone, low)
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
    return found


class Part:
    """One of the five, with its text and the values that it stands for."""

    def __init__(self, rng, least, most, words=None):
        self.star = rng.random() < 0.4
        self.values = set(range(least, most + 1))
        self.text = "*"
        if not self.star:
            self.values = set()
            self.text = ",".join(self.item(rng, least, most, words)
                                 for _ in range(rng.randint(1, 3)))

    def item(self, rng, least, most, words):
        first = rng.randint(least, most)
        last = rng.randint(first, most)
        step = rng.randint(1, 5)
        kind = rng.choice(["one", "one", "range", "range/step", "star/step"])
        if kind == "one":
            self.values.add(first)
            named = words is not None and first - least < len(words) and rng.random() < 0.5
            return words[first - least] if named else str(first)
        if kind == "star/step":
            self.values.update(range(least, most + 1, step))
            return f"*/{step}"
        step = step if kind == "range/step" else 1
        self.values.update(range(first, last + 1, step))
        return f"{first}-{last}" + (f"/{step}" if kind == "range/step" else "")


class Calendar:
    def __init__(self, rng):
        self.minute, self.hour = Part(rng, 0, 59), Part(rng, 0, 23)
        self.day, self.month = Part(rng, 1, 31), Part(rng, 1, 12, MONTHS)
        self.weekday = Part(rng, 0, 7, WEEKDAYS)
        self.duration = rng.choice([60, 900, 3600, 7200, 6 * 3600, DAY, 3 * DAY])
        parts = [self.minute, self.hour, self.day, self.month, self.weekday]
        self.text = " ".join(part.text for part in parts) + f" for {self.duration}s"

    def matches(self, date):
        by_day = date.day in self.day.values
        by_weekday = {value % 7 for value in self.weekday.values} & {date.isoweekday() % 7}
        if date.month not in self.month.values:
            return False
        if self.day.star or self.weekday.star:
            return by_day and bool(by_weekday)
        return by_day or bool(by_weekday)

    def starts(self, zone, second, days):
        """Beginnings on the days of the wall around a moment."""
        today = EPOCH + datetime.timedelta(seconds=second)
        found = set()
        for shift in range(-days - 2, days + 3):
            date = (today + datetime.timedelta(days=shift)).date()
            if not self.matches(date):
                continue
            midnight = (date - EPOCH.date()).days * DAY
            for hour in self.hour.values:
                for minute in self.minute.values:
                    found.add(to_unix(zone, midnight + hour * 3600 + minute * 60))
        return found


# --- the questions ----------------------------------------------------------------------------

class Probe:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)

    def ask(self, question):
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Checker:
    def __init__(self, probe, rng):
        self.probe, self.rng = probe, rng
        self.asked = self.wrong = 0

    def expect(self, name, question, expected):
        answer = self.probe.ask(question)
        self.asked += 1
        if answer != str(expected):
            self.wrong += 1
            print(f"{name}: {question}: {answer} instead of {expected}")

    def zone(self, name, moments):
        zone = zoneinfo.ZoneInfo(name)
        self.expect(name, f"zone {FOLDER / name}", "ok")
        points = [self.rng.randint(FIRST, LAST) for _ in range(moments)]
        around = changes(zone)
        for change in self.rng.sample(around, min(moments, len(around))):
            points += [change - 1, change, change + self.rng.randint(-7200, 7200)]
        for second in points:
            self.expect(name, f"offset {second}", offset(zone, second))
            wall = second + offset(zone, second) + self.rng.randint(-5400, 5400)
            self.expect(name, f"unix {wall}", to_unix(zone, wall))
            self.windows(name, zone, second)

    def windows(self, name, zone, second):
        calendar = Calendar(self.rng)
        self.expect(name, f"calendar {calendar.text}", "ok")
        starts = calendar.starts(zone, second, 1)
        after = [start for start in starts if start > second]
        until = [start for start in starts if start <= second]
        if after:
            self.expect(f"{name} {calendar.text}", f"next {second}", min(after))
        if until:
            self.expect(f"{name} {calendar.text}", f"last {second}", max(until))
            is_open = second - max(until) < calendar.duration
            self.expect(f"{name} {calendar.text}", f"open {second}", int(is_open))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("probe")
    arguments.add_argument("--seed", type=int, default=20261126)
    arguments.add_argument("--zones", type=int, default=12)
    arguments.add_argument("--moments", type=int, default=3)
    arguments.add_argument("--all", action="store_true")
    options = arguments.parse_args()
    os.environ["PYTHONTZPATH"] = str(FOLDER)
    rng = random.Random(options.seed)
    names = sorted(name for name in zoneinfo.available_timezones()
                   if name[0].isupper() and (FOLDER / name).is_file() and name != "Factory")
    always = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
              "Africa/Casablanca", "Asia/Kathmandu"]
    some = always + rng.sample(names, min(options.zones, len(names)))
    checker = Checker(Probe(options.probe), rng)
    for name in names if options.all else some:
        checker.zone(name, options.moments)
    status = checker.probe.close()
    print(f"{checker.asked} questions about {len(names if options.all else some)} zones, "
          f"{checker.wrong} wrong")
    return 1 if checker.wrong or status or checker.asked < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
