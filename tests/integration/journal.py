# SPDX-License-Identifier: Apache-2.0
"""Clients that write down what they were told, so that it can be held against the
authority afterwards. What was asked and not answered may have happened or not; what was
answered must have."""

import contextlib
import http.client
import threading
import time

from harness import bearer, exchange

TOKENS = "/api/v1/auth/tokens"


class Entry:
    """A token that was acknowledged, and what was asked of it since."""

    def __init__(self, token_id, text):
        self.id, self.text = token_id, text
        self.revoke_asked = self.revoked = False
        self.used = 0         # verifications that were answered 200
        self.maybe_used = 0   # asked and not answered


class Client(threading.Thread):
    """Creates, verifies and revokes over one kept connection until it is told to stop or
    the daemon goes away."""

    def __init__(self, daemon, number, stop):
        super().__init__(daemon=True)
        self.authority, self.number, self.stop_event = daemon, number, stop
        self.entries, self.wrong, self.unanswered = [], [], []
        self.answered = 0

    def run(self):
        connection = self.authority.connect(timeout=20)
        try:
            count = 0
            while not self.stop_event.is_set():
                count += 1
                self.one_round(connection, count)
        except (OSError, http.client.HTTPException):
            pass  # the daemon is gone; begun() has kept what was asked
        finally:
            connection.close()

    @contextlib.contextmanager
    def begun(self, what):
        """Notes what is asked while the answer is outstanding."""
        self.unanswered.append((time.monotonic(), what))
        yield
        self.unanswered.pop()
        self.answered += 1

    def one_round(self, connection, count):
        admin = bearer(self.authority.admin)
        with self.begun("create"):
            answer = exchange(connection, "POST", TOKENS, admin,
                              {"user_id": f"user{self.number}", "name": f"n{count}",
                               "tier": "enterprise"})
        if answer.status != 201:
            self.wrong.append(("create", answer))
            return
        entry = Entry(answer.json["id"], answer.json["token"])
        self.entries.append(entry)
        for _ in range(3):
            entry.maybe_used += 1
            with self.begun("auth"):
                answer = exchange(connection, "GET", "/auth", bearer(entry.text))
            entry.maybe_used -= 1
            if answer.status != 200:
                self.wrong.append(("auth", answer))
                return
            entry.used += 1
        if count % 2:
            entry.revoke_asked = True
            with self.begun("revoke"):
                answer = exchange(connection, "DELETE", f"{TOKENS}/{entry.id}", admin)
            if answer.status not in (200, 204):
                self.wrong.append(("revoke", answer))
                return
            entry.revoked = True
            with self.begun("auth"):
                answer = exchange(connection, "GET", "/auth", bearer(entry.text))
            if answer.status != 401:
                self.wrong.append(("revoked and accepted", answer))


def start_clients(daemon, count):
    stop = threading.Event()
    clients = [Client(daemon, number, stop) for number in range(count)]
    for client in clients:
        client.start()
    return clients, stop


def check(daemon, entries):
    """Holds the journal against the authority: a list of what is wrong."""
    wrong = []
    with contextlib.closing(daemon.connect()) as connection:
        for entry in entries:
            # The count first: the check itself is a request that would count.
            answer = exchange(connection, "GET", f"{TOKENS}/{entry.id}", bearer(daemon.admin))
            if answer.status != 200:
                wrong.append(f"lost: {entry.id}: {answer}")
                continue
            count = answer.json["request_count"]
            if not entry.used <= count <= entry.used + entry.maybe_used:
                wrong.append(f"{entry.id}: counted {count}, let through {entry.used}"
                             f"..{entry.used + entry.maybe_used}")
            code = exchange(connection, "GET", "/auth?cost=0", bearer(entry.text)).status
            if entry.revoked and code != 401:
                wrong.append(f"{entry.id}: revoked, and answered {code}")
            if not entry.revoke_asked and code != 200:
                wrong.append(f"{entry.id}: never revoked, and answered {code}")
            entry.maybe_used += 1  # cost=0 may count as a request or not
    return wrong
