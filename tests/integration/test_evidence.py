# SPDX-License-Identifier: Apache-2.0
"""Verifications as events of the audit log, on a daemon: honeytokens, refusals, successes."""

import contextlib
import json
import sqlite3

from harness import bearer, eventually, exchange

TRIES = 10_000
PER_SECOND = 50  # AUTH_TRIES_PER_SECOND


def events(daemon, kind):
    (path,) = daemon.data.glob("*.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [(*row, json.loads(details)) for *row, details in database.execute(
            "SELECT client, user_agent, endpoint, coalesce(details, '{}') FROM events"
            " WHERE type = ?", (kind,))]


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
    assert daemon.stop() == 0
    stored = events(daemon, "honeytoken.tried")
    repeated = sum(details["count"] for *_, details in events(daemon, "auth.repeated"))
    assert 1 <= len(stored) <= PER_SECOND
    assert len(stored) + repeated == TRIES
    assert daemon.cli("audit", "verify").returncode == 0


def told(daemon):
    """How many verifications the log accounts for: events, repeats, and what was left out."""
    alone = sum(len(events(daemon, kind)) for kind in
                ("auth.allowed", "auth.refused", "token.tried", "honeytoken.tried"))
    return alone + sum(details["count"] for kind in ("auth.repeated", "auth.left_out")
                       for *_, details in events(daemon, kind))


def test_a_flood_of_garbage_fills_no_disk_and_is_counted_exactly(make_daemon):
    daemon = make_daemon(settings={"audit.successes": "none"}).init().start()
    proxied = [("X-Forwarded-For", f"198.51.{i // 250}.{i % 250}") for i in range(2000)]
    with contextlib.closing(daemon.connect(over="unix")) as connection:
        for i, header in enumerate(proxied):
            assert exchange(connection, "GET", "/auth", [("Authorization", f"Bearer garbage-{i:020}"),
                                                         header]).status == 401
    assert daemon.stop() == 0
    assert told(daemon) == len(proxied)
    assert len(events(daemon, "auth.refused")) < len(proxied) / 2


def test_every_success_is_an_event_when_all_are_asked_for(make_daemon):
    daemon = make_daemon(settings={"audit.successes": "all"}).init().start()
    token = daemon.create(tier="enterprise")["token"]
    before = told(daemon)
    with contextlib.closing(daemon.connect()) as connection:
        for _ in range(3000):
            assert exchange(connection, "GET", "/auth", bearer(token)).status == 200
    assert daemon.stop() == 0
    assert len(events(daemon, "auth.allowed")) >= 3000
    assert told(daemon) >= before + 3000
    assert not events(daemon, "auth.left_out")
    assert daemon.cli("audit", "verify").returncode == 0


def test_a_proxy_tells_what_the_request_was_for(make_daemon):
    daemon = make_daemon().init().start()
    token = daemon.create(name="ci")
    headers = {**bearer(token["token"]), "X-Forwarded-For": "203.0.113.9",
               "X-Original-Method": "DELETE", "X-Original-URI": "/reports/7?key=secret",
               "CF-Ray": "7d9e5e2b2d0a1c3f-AMS", "X-Request-Id": "request-9",
               "User-Agent": "pipeline/3"}
    with contextlib.closing(daemon.connect(over="unix")) as connection:
        answer = exchange(connection, "GET", "/auth", headers)
    assert answer.status == 200
    assert "x-request-id" not in answer.headers  # it is as if there were no event, and as cheap

    def seen():
        answer = daemon.manage("GET", f"/api/v1/audit/events?token_id={token['id']}&type=auth.allowed")
        return answer.json["data"]
    (event,) = eventually(seen, 10)
    expected = {"verdict": "valid", "client": "203.0.113.9", "method": "DELETE",
                "endpoint": "/reports/7", "ray_id": "7d9e5e2b2d0a1c3f-AMS",
                "request_id": "request-9", "user_agent": "pipeline/3", "token_name": "ci"}
    assert {name: event[name] for name in expected} == expected
    listed = daemon.cli("audit", "list", "--type", "auth.*", "--token", token["id"], "--json")
    assert [row["type"] for row in json.loads(listed.stdout)["data"]] == ["auth.allowed"]
