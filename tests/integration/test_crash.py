# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load, again and again, with clients that journal what was acknowledged."""

import random
import sqlite3
import time

from harness import eventually
from journal import check, start_clients

ROUNDS = 50
CLIENTS = 8


def test_fifty_kills_lose_nothing_that_was_acknowledged(make_daemon):
    """No created token is lost, no revoked one accepted, each count is intact."""
    daemon = make_daemon().init()
    moments = random.Random(20_260_101)
    everything, created, revoked = [], 0, 0
    for number in range(ROUNDS):
        daemon.start()
        clients, stop = start_clients(daemon, CLIENTS)
        eventually(lambda: sum(client.answered for client in clients) > 20, 20, "load")
        time.sleep(moments.uniform(0.0, 0.25))  # the moment of the kill, not a wait for something
        daemon.kill()
        stop.set()
        for client in clients:
            client.join(30)
            assert not client.is_alive()
            assert client.wrong == []
        entries = [entry for client in clients for entry in client.entries]
        created += len(entries)
        revoked += sum(entry.revoked for entry in entries)
        daemon.start()
        assert check(daemon, entries) == [], f"after kill {number}"
        everything += entries
        # Every other round ends orderly: both ways to start again are exercised.
        daemon.stop() if number % 2 else daemon.kill()
    daemon.start()
    assert check(daemon, everything) == []
    print(f"{created} creates, {revoked} revokes acknowledged over {ROUNDS} kills")
    assert created > ROUNDS * CLIENTS and revoked > ROUNDS


def test_after_a_kill_the_database_is_sound_and_every_change_has_its_event(make_daemon):
    daemon = make_daemon().init().start()
    clients, stop = start_clients(daemon, CLIENTS)
    eventually(lambda: sum(client.answered for client in clients) > 100, 20, "load")
    daemon.kill()
    stop.set()
    for client in clients:
        client.join(30)
    daemon.start()
    assert daemon.stop() == 0
    (path,) = daemon.data.glob("*.db")
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        tokens = {row[0] for row in database.execute("SELECT id FROM tokens")}
        made = {row[0] for row in database.execute(
            "SELECT token_id FROM events WHERE type = 'token.create'")}
    assert tokens == made


def test_a_limit_that_is_used_up_stays_used_up_over_a_kill(make_daemon):
    daemon = make_daemon().init().start()
    token = daemon.create(limits={"hour": 5})["token"]
    assert [daemon.auth(token).status for _ in range(6)] == [200] * 5 + [429]
    daemon.kill()
    daemon.start()
    assert daemon.auth(token).status == 429
