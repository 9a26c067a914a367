# SPDX-License-Identifier: Apache-2.0
"""Honeytokens, and tries of tokens that were revoked, on a daemon."""

import contextlib
import json
import sqlite3

from harness import bearer, eventually, exchange

TRIES = 10_000
PER_SECOND = 50  # TRIES_PER_SECOND


def events(daemon, kind):
    (path,) = daemon.data.glob("*.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [(*row, json.loads(details)) for *row, details in database.execute(
            "SELECT client, user_agent, endpoint, details FROM events WHERE type = ?", (kind,))]


def honeytoken(daemon):
    made = daemon.cli("create", "--user", "alice", "--name", "bait", "--honeytoken", "--json")
    return json.loads(made.stdout)


def metric(daemon, name):
    text = daemon.get("/metrics", bearer(daemon.admin)).body.decode()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def test_a_try_of_a_honeytoken_is_an_event_and_survives_a_kill(make_daemon):
    daemon = make_daemon().init().start()
    bait = honeytoken(daemon)
    assert bait["honeytoken"] is True
    assert daemon.cli("rotate", bait["id"], check=False).returncode != 0
    answer = daemon.get("/auth", {**bearer(bait["token"]), "User-Agent": "thief/1"})
    assert (answer.status, answer.json["code"]) == (401, "not_found")
    ((client, agent, endpoint, _),) = eventually(lambda: events(daemon, "honeytoken.tried"), 10)
    assert (client, agent, endpoint) == ("127.0.0.1", "thief/1", "/auth")
    assert "honeytoken_tried" in daemon.log()
    daemon.kill()
    daemon.start()
    assert len(events(daemon, "honeytoken.tried")) == 1
    assert bait["token"] not in daemon.log()


def test_a_flood_of_tries_is_bounded_and_counted(make_daemon):
    daemon = make_daemon().init().start()
    bait = honeytoken(daemon)["token"]
    with contextlib.closing(daemon.connect()) as connection:
        for _ in range(TRIES):
            assert exchange(connection, "GET", "/auth", bearer(bait)).status == 401
    assert metric(daemon, "tokenry_honeytoken_tries_total") == TRIES
    left_out = metric(daemon, "tokenry_tries_left_out_total")
    assert daemon.stop() == 0
    stored = events(daemon, "honeytoken.tried")
    told = sum(details["count"] for *_, details in events(daemon, "token.tries_left_out"))
    assert 1 <= len(stored) <= PER_SECOND
    assert len(stored) + told == TRIES and told == left_out
