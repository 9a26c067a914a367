# SPDX-License-Identifier: Apache-2.0
"""Credits of a real daemon: charges with a key and reservations under kill -9, and by command."""

import http.client
import json
import random
import sqlite3
import threading
import time

from harness import bearer, eventually, exchange

ROUNDS = 25
CLIENTS = 6
GIVEN = 1_000_000
TOKENS = "/api/v1/auth/tokens"


class Charger(threading.Thread):
    """Charges with keys of its own, reserves and settles, until the daemon goes away. What was
    asked and not answered is asked again by the next one, with the same key."""

    def __init__(self, daemon, number, token, owed):
        super().__init__(daemon=True)
        self.authority, self.number, self.token, self.owed = daemon, number, token, list(owed)
        self.stop_event = threading.Event()
        self.charged, self.used, self.maybe_used, self.settled = {}, 0, 0, {}
        self.reserved, self.wrong = None, []
        self.count = 0

    def run(self):
        connection = self.authority.connect(timeout=20)
        try:
            while not self.stop_event.is_set():
                self.one_round(connection)
        except (OSError, http.client.HTTPException):
            pass  # the daemon is gone
        finally:
            connection.close()

    def next_charge(self):
        if not self.owed:
            self.count += 1
            self.owed.append((f"{self.number}-{time.monotonic_ns()}", 1 + self.count % 7))
        return self.owed[0]

    def one_round(self, connection):
        admin = bearer(self.authority.admin)
        key, cost = self.next_charge()
        answer = exchange(connection, "POST", "/api/v1/verify", {**admin, "Idempotency-Key": key},
                          {"token": self.token, "cost": cost})
        if answer.status != 200 or answer.json["code"] != "valid":
            self.wrong.append(("charge", answer))
            return self.stop_event.set()
        self.charged[key] = cost
        self.owed.pop(0)
        self.maybe_used += 3
        if exchange(connection, "GET", "/auth?cost=3", bearer(self.token)).status == 200:
            self.used += 3
            self.maybe_used -= 3
        if self.count % 4 == 0:
            self.reserve_and_settle(connection, admin)
        return None

    def reserve_and_settle(self, connection, admin):
        answer = exchange(connection, "POST", "/api/v1/credits/reserve", admin,
                          {"token": self.token, "amount": 50, "ttl": "7d"})
        if answer.status != 201:
            return self.wrong.append(("reserve", answer))
        self.reserved = answer.json["id"]
        answer = exchange(connection, "POST", f"/api/v1/credits/{self.reserved}/settle", admin,
                          {"amount": 20})
        if answer.status != 200:
            return self.wrong.append(("settle", answer))
        self.settled[self.reserved] = 20
        self.reserved = None
        return None


def settle_again(daemon, reservation):
    """A reservation whose settling was not answered: the same call again settles it once."""
    answer = daemon.manage("POST", f"/api/v1/credits/{reservation}/settle", {"amount": 20})
    assert answer.status == 200, answer
    return 20


def test_each_key_is_charged_once_whenever_the_daemon_is_killed(make_daemon):
    daemon = make_daemon().init()
    daemon.start()
    made = daemon.create(tier="enterprise", credits={"remaining": GIVEN},
                         limits={"minute": "unlimited", "hour": "unlimited", "day": "unlimited"})
    path = f"{TOKENS}/{made['id']}/credits"
    moments = random.Random(20_260_102)
    owed = [[] for _ in range(CLIENTS)]
    charged, settled, used, maybe_used, kills = {}, {}, 0, 0, 0
    for number in range(ROUNDS):
        clients = [Charger(daemon, i, made["token"], owed[i]) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        eventually(lambda: sum(len(client.charged) for client in clients) > 20, 20, "load")
        time.sleep(moments.uniform(0.0, 0.2))  # the moment of the kill, not a wait for something
        daemon.kill()
        kills += 1
        for client in clients:
            client.join(30)
            assert not client.is_alive()
            assert client.wrong == []
        daemon.start()
        shown = daemon.manage("GET", path).json
        assert shown["credits"]["remaining"] + shown["used"] == stored(daemon, "allowance", "credits")
        for i, client in enumerate(clients):
            charged.update(client.charged)
            settled.update(client.settled)
            used += client.used
            maybe_used += client.maybe_used
            owed[i] = client.owed
            if client.reserved is not None:
                settled[client.reserved] = settle_again(daemon, client.reserved)
        if number % 5 == 4:
            check(daemon, path, charged, settled, used, maybe_used, made, owed)
    print(f"{len(charged)} charges, {len(settled)} reservations, {used} used over {kills} kills")
    assert len(charged) > ROUNDS * 20


def check(daemon, path, charged, settled, used, maybe_used, made, owed):
    """Every key is asked again: nothing more is charged, and the sum is what was acknowledged.
    A reservation whose answer was lost holds its 50 until its time ends, so those are counted."""
    for client in owed:
        for key, cost in client:  # asked and not answered: now it is
            answer = charge(daemon, made["token"], key, cost)
            assert answer.json["code"] == "valid", answer
            charged[key] = cost
        client.clear()
    before = daemon.manage("GET", path).json["credits"]["remaining"]
    for key in random.Random(1).sample(sorted(charged), 50):
        answer = charge(daemon, made["token"], key, charged[key])
        assert answer.json["replayed"] is True, answer
    after = daemon.manage("GET", path).json["credits"]["remaining"]
    assert before == after
    gone = GIVEN - after - sum(charged.values()) - sum(settled.values())
    lost = stored(daemon, "count(*)", "charges WHERE state = 0") * 50
    assert used + lost <= gone <= used + maybe_used + lost, (gone, used, maybe_used, lost)


def charge(daemon, token, key, cost):
    return daemon.manage("POST", "/api/v1/verify", {"token": token, "cost": cost},
                         {"Idempotency-Key": key})


def stored(daemon, what, source):
    (path,) = daemon.data.glob("*.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return database.execute(f"SELECT {what} FROM {source}").fetchone()[0]


class Giver(threading.Thread):
    """Adds and subtracts with keys of its own until the daemon goes away. A change
    that was asked for and not answered is asked for again by the next one, with the same key."""

    def __init__(self, daemon, number, path, owed):
        super().__init__(daemon=True)
        self.authority, self.number, self.path, self.owed = daemon, number, path, list(owed)
        self.stop_event = threading.Event()
        self.done, self.wrong = {}, []

    def run(self):
        connection = self.authority.connect(timeout=20)
        try:
            while not self.stop_event.is_set():
                if not self.owed:
                    turn = len(self.done)
                    body = {"subtract": 1 + turn % 3} if turn % 4 == 3 else {"add": 1 + turn % 7}
                    self.owed.append((f"{self.number}-{time.monotonic_ns()}", body))
                key, body = self.owed[0]
                answer = exchange(connection, "PUT", self.path,
                                  {**bearer(self.authority.admin), "Idempotency-Key": key}, body)
                if answer.status != 200:
                    self.wrong.append(answer)
                    return
                self.done[key] = body
                self.owed.pop(0)
        except (OSError, http.client.HTTPException):
            pass  # the daemon is gone
        finally:
            connection.close()


def test_each_key_gives_and_takes_once_whenever_the_daemon_is_killed(make_daemon):
    daemon = make_daemon().init().start()
    made = daemon.create(tier="enterprise", credits={"remaining": GIVEN})
    path = f"{TOKENS}/{made['id']}/credits"
    moments = random.Random(20_261_126)
    owed, done = [[] for _ in range(CLIENTS)], {}
    for _ in range(10):
        givers = [Giver(daemon, i, path, owed[i]) for i in range(CLIENTS)]
        for giver in givers:
            giver.start()
        eventually(lambda: sum(len(giver.done) for giver in givers) > 20, 20, "load")
        time.sleep(moments.uniform(0.0, 0.2))  # the moment of the kill, not a wait for something
        daemon.kill()
        for giver in givers:
            giver.join(30)
            assert not giver.is_alive() and giver.wrong == []
        daemon.start()
        owed = [giver.owed for giver in givers]
        for giver in givers:
            done.update(giver.done)
    for key, body in [pair for pairs in owed for pair in pairs]:  # now they are answered
        assert give(daemon, path, key, body).status == 200
        done[key] = body
    expected = GIVEN + sum(body.get("add", 0) - body.get("subtract", 0) for body in done.values())
    assert daemon.manage("GET", path).json["credits"]["remaining"] == expected
    for key in random.Random(1).sample(sorted(done), 50):
        assert give(daemon, path, key, done[key]).json["replayed"] is True
        assert give(daemon, path, key, {"add": 999}).status == 422
    assert daemon.manage("GET", path).json["credits"]["remaining"] == expected
    print(f"{len(done)} changes over 10 kills")


def give(daemon, path, key, body):
    return daemon.manage("PUT", path, body, {"Idempotency-Key": key})


def test_an_update_of_credits_is_made_once_over_a_kill(make_daemon):
    daemon = make_daemon().init().start()
    made = daemon.create()
    path, body = f"{TOKENS}/{made['id']}", {"name": "metered", "credits": {"remaining": 5}}
    key = {"Idempotency-Key": "once"}
    assert daemon.manage("PATCH", path, body, key).json["replayed"] is False
    assert daemon.auth(made["token"], "?cost=3").status == 200
    daemon.kill()
    daemon.start()
    answer = daemon.manage("PATCH", path, body, key)
    assert (answer.json["replayed"], answer.json["credits"]["remaining"]) == (True, 2)
    assert [daemon.auth(made["token"]).status for _ in range(3)] == [200, 200, 429]


def test_credits_that_are_used_up_stay_so_over_a_kill_and_without_a_usage_file(make_daemon):
    daemon = make_daemon().init().start()
    token = daemon.create(credits={"remaining": 5})["token"]
    assert [daemon.auth(token).status for _ in range(6)] == [200] * 5 + [429]
    daemon.kill()
    daemon.start()
    assert daemon.auth(token).status == 429
    daemon.stop()
    for file in (daemon.folder / "run").rglob("usage*"):
        file.unlink()
    daemon.start()
    assert daemon.auth(token).status == 429


def test_credits_by_command(make_daemon):
    daemon = make_daemon().init().start()
    made = daemon.create(name="metered")
    steps = [
        (["set", made["id"], "--remaining", "10", "--refill", "monthly=100"], 10),
        (["add", "--name", "metered", "--amount", "5"], 15),
        (["subtract", made["id"], "--amount", "3"], 12),
        (["show", made["id"]], 12),
    ]
    for words, expected in steps:
        done = daemon.cli("credits", *words, "--json")
        credits = json.loads(done.stdout)["credits"]
        assert credits["remaining"] == expected
        assert credits["refill"] == {"interval": "monthly", "amount": 100}
    for _ in range(2):  # the second time it is told what is left
        done = daemon.cli("credits", "add", made["id"], "--amount", "5", "--idempotency-key", "i-1",
                          "--json")
        assert json.loads(done.stdout)["credits"]["remaining"] == 17
    assert json.loads(done.stdout)["replayed"] is True
    done = daemon.cli("credits", "add", made["id"], "--amount", "6", "--idempotency-key", "i-1",
                      check=False)
    assert done.returncode == 2 and "another request" in done.stderr
    reserved = daemon.manage("POST", "/api/v1/credits/reserve",
                             {"token_id": made["id"], "amount": 4}).json
    done = daemon.cli("credits", "refund", reserved["id"])
    assert "refunded" in done.stdout
    done = daemon.cli("credits", "set", made["id"], "--unlimited", "--json")
    assert json.loads(done.stdout)["unlimited"] is True
    for words in (["set", made["id"]], ["set", made["id"], "--unlimited", "--remaining", "1"],
                  ["set", made["id"], "--refill", "weekly"], ["add", made["id"]],
                  ["add", made["id"], "--amount", "-1"], ["refund"],
                  ["add", made["id"], "--amount", "1", "--idempotency-key", ""],
                  ["show", made["id"], "--idempotency-key", "k"]):
        assert daemon.cli("credits", *words, check=False).returncode == 2


def test_credits_with_an_update_by_command(make_daemon):
    daemon = make_daemon().init().start()
    made = daemon.create(name="metered")
    for words, remaining, refill in [
            (["--credits", "10"], 10, None),
            (["--refill", "monthly=100"], 10, {"interval": "monthly", "amount": 100}),
            (["--credits", "3", "--rename", "small"], 3, {"interval": "monthly", "amount": 100}),
            (["--refill", "none"], 3, None),
            (["--refill", "none", "--idempotency-key", "k"], 3, None),
            (["--refill", "none", "--idempotency-key", "k"], 3, None)]:
        done = json.loads(daemon.cli("update", made["id"], *words, "--json").stdout)
        assert (done["credits"]["remaining"], done["credits"]["refill"]) == (remaining, refill)
    assert (done["name"], done["replayed"]) == ("small", True)
    done = json.loads(daemon.cli("update", "--name", "small", "--no-credits", "--json").stdout)
    assert done["credits"] is None
    for words in (["--credits", "1", "--no-credits"], ["--refill", "daily=1", "--no-credits"],
                  ["--credits", "-1"], ["--credits", "many"], ["--refill", "weekly"],
                  ["--credits", "1", "--idempotency-key", ""]):
        assert daemon.cli("update", made["id"], *words, check=False).returncode == 2
    done = daemon.cli("update", made["id"], "--refill", "weekly=5", check=False)
    assert done.returncode in (1, 2) and "credits.refill.interval" in done.stderr
