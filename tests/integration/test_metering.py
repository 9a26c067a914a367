# SPDX-License-Identifier: Apache-2.0
"""Requests by what they were, over kills; what a customer reads of it."""

import collections
import http.client
import os
import pty
import random
import threading
import time

from harness import TOKENRY, bearer, eventually, exchange

KILLS = 25
CLIENTS = 4
LABELS = ("orders", "users", "v1/report.csv")
MARK = "mark"  # a label of one request at a time, by which a flush is seen


def analytics(daemon, subject, query=""):
    answer = daemon.manage("GET", f"/api/v1/{subject}/analytics{query}")
    assert answer.status == 200, answer
    return answer.json


def shares(report, name):
    return {row["label"]: row["count"] for row in report[name]}


class Asker(threading.Thread):
    """Asks /auth for several tokens and labels until the daemon goes away, and counts."""

    def __init__(self, daemon, tokens, seed):
        super().__init__(daemon=True)
        self.authority, self.tokens, self.random = daemon, tokens, random.Random(seed)
        self.asked = collections.Counter()  # (token's number, label)
        self.answered = collections.Counter()

    def run(self):
        connection = self.authority.connect(timeout=20)
        try:
            while True:
                key = (self.random.randrange(len(self.tokens)), self.random.choice(LABELS))
                self.asked[key] += 1
                answer = exchange(connection, "GET", f"/auth?endpoint={key[1]}",
                                  bearer(self.tokens[key[0]]))
                assert answer.status == 200, answer
                self.answered[key] += 1
        except (OSError, http.client.HTTPException):
            pass  # the daemon is gone
        finally:
            connection.close()


def booked(daemon, tokens):
    counts = collections.Counter()
    for number, token in enumerate(tokens):
        report = analytics(daemon, f"auth/tokens/{token['id']}")
        for label, count in shares(report, "by_endpoint").items():
            counts[number, label] = count
        assert sum(shares(report, "by_endpoint").values()) == shares(report, "by_verdict").get(
            "valid", 0) == shares(report, "by_network").get("127.0.0.0/24", 0)
    return counts


def see_a_flush(daemon, tokens, asked, answered):
    """Asks once more and waits until that is booked: a flush has begun and ended meanwhile."""
    key = (0, MARK)
    assert daemon.auth(tokens[0]["token"], f"?endpoint={MARK}").status == 200
    asked[key] += 1
    answered[key] += 1
    eventually(lambda: booked(daemon, tokens)[key] >= answered[key], 10, "a flush")


def test_what_was_answered_is_counted_once_over_kills(make_daemon):
    """For each token and endpoint: no less than was answered, no more than was asked."""
    daemon = make_daemon({"usage.flush_ms": 100}).init().start()
    tokens = [daemon.create(name=f"t{i}", tier="enterprise",
                            limits={"minute": 1000000, "hour": 4000000000, "day": 4000000000})
              for i in range(3)]
    texts = [token["token"] for token in tokens]
    moments = random.Random(20_260_102)
    asked, answered = collections.Counter(), collections.Counter()
    for number in range(KILLS):
        askers = [Asker(daemon, texts, number * CLIENTS + i) for i in range(CLIENTS)]
        for asker in askers:
            asker.start()
        eventually(lambda: sum(sum(a.answered.values()) for a in askers) > 50, 20, "load")
        time.sleep(moments.uniform(0.0, 0.3))  # the moment of the kill, not a wait for something
        daemon.kill()
        for asker in askers:
            asker.join(30)
            assert not asker.is_alive()
            asked += asker.asked
            answered += asker.answered
        daemon.start()
        counts = collections.Counter()

        def arrived():
            counts.clear()
            counts.update(booked(daemon, tokens))
            return all(counts[key] >= answered[key] for key in asked)

        eventually(arrived, 10, lambda: f"all counts: {dict(answered - counts)} are missing")
        for _ in range(2):  # two flushes more: nothing may come twice
            see_a_flush(daemon, tokens, asked, answered)
        counts = booked(daemon, tokens)
        assert all(answered[key] <= counts[key] <= asked[key] for key in asked), number
        # What is known to be counted is no longer doubtful.
        asked, answered = collections.Counter(counts), collections.Counter(counts)
    total = sum(answered.values())
    print(f"{total} requests over {KILLS} kills")
    org = analytics(daemon, "orgs/default")
    assert shares(org, "by_verdict")["valid"] == org["requests"] == total
    assert analytics(daemon, "users/alice")["requests"] >= total - CLIENTS * KILLS


def test_a_clean_stop_loses_no_count(make_daemon):
    daemon = make_daemon({"usage.flush_ms": 60000}).init().start()
    token = daemon.create()
    for _ in range(7):
        assert daemon.auth(token["token"], "?endpoint=orders").status == 200
    assert daemon.auth("nonsense").status == 401
    assert daemon.stop() == 0
    daemon.start()
    report = analytics(daemon, f"auth/tokens/{token['id']}")
    assert report["requests"] == 7
    assert shares(report, "by_endpoint") == {"orders": 7}


def test_without_metering_totals_are_counted_all_the_same(make_daemon):
    daemon = make_daemon({"usage.metering": "off"}).init().start()
    token = daemon.create()
    assert daemon.auth(token["token"], "?endpoint=orders").status == 200
    daemon.restart()
    report = analytics(daemon, f"auth/tokens/{token['id']}")
    assert report["requests"] == 1 and report["by_verdict"] == []


def test_a_proxy_at_the_socket_may_ask_again(make_daemon):
    daemon = make_daemon({"auth.attempt_header": "X-Attempt"}).init().start()
    token = daemon.create(limits={"minute": 1})
    for _ in range(3):
        answer = daemon.auth(token["token"], headers={"X-Attempt": "a1"}, over="unix")
        assert answer.status == 200
    answer = daemon.auth(token["token"], headers={"X-Attempt": "a2"}, over="unix")
    assert answer.status == 429
    assert daemon.auth(token["token"], headers={"X-Attempt": "a1"}).status == 429  # over TCP
    daemon.restart()
    report = analytics(daemon, f"auth/tokens/{token['id']}")
    assert shares(report, "by_verdict") == {"valid": 1, "rate_limited": 2}


def on_terminal(daemon, arguments, environment):
    """What a command prints on a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(daemon.environment() | environment)
        os.execv(TOKENRY, [TOKENRY, *arguments, "--data", str(daemon.data)])
    text = b""
    try:
        while chunk := os.read(terminal, 65536):
            text += chunk
    except OSError:
        pass  # the end of a terminal
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, text
    return text.decode()


def test_the_command_plots_for_its_terminal(make_daemon):
    daemon = make_daemon().init().start()
    token = daemon.create(name="plotted")
    for _ in range(4):
        daemon.auth(token["token"], "?endpoint=orders")
    daemon.restart()
    utf8, ascii_only = {"LC_ALL": "C.UTF-8", "TERM": "xterm"}, {"LC_ALL": "C", "TERM": "xterm"}
    command = ("analytics", token["id"], "--by", "endpoint")
    assert "\u2588" in on_terminal(daemon, command, utf8)
    assert "\x1b[" in on_terminal(daemon, command, utf8)
    assert "\x1b[" not in on_terminal(daemon, command, utf8 | {"NO_COLOR": "1"})
    assert "\u2588" not in on_terminal(daemon, command, ascii_only)
    piped = daemon.cli(*command).stdout.splitlines()
    assert piped[0] == f"{token['id']}: 4 requests in 30 days, 0 refused, 100.0 % succeeded"
    assert piped[1].startswith("orders  4  ####") and len(piped[1]) == 80
    days = daemon.cli("analytics", "--name", "plotted", "--days", "3").stdout.splitlines()
    assert len(days) == 4 and days[3].split()[1] == "4"
    assert daemon.cli("analytics", "--by", "verdict").stdout.splitlines()[1].startswith("valid  4")
    assert daemon.cli("analytics", token["id"], "--user", "x", check=False).returncode == 2
    assert daemon.cli("analytics", "--user", "nobody", check=False).returncode == 1
