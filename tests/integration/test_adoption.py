# SPDX-License-Identifier: Apache-2.0
"""Lazy migration: unknown tokens are asked of an old endpoint once, and adopted."""

import concurrent.futures
import contextlib
import http.server
import json
import threading
import time

import pytest

from harness import bearer, eventually, written_bytes

OLD = "old-token-of-alice-0123456789"
OTHER = "old-token-of-bob-0123456789ab"
UNKNOWN = "nobody-ever-had-this-token-00"


class OldEndpoint:
    """Answers what `answers` has for a token; counts who asked."""

    def __init__(self):
        self.asked, self.answers, self.headers = [], {}, []
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                with endpoint.lock:
                    endpoint.asked.append(token)
                    endpoint.headers.append(dict(self.headers))
                if not endpoint.gate.wait(20):
                    return
                status, body, more = endpoint.answers.get(token, (401, b"{}", {}))
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    if endpoint.trailers:
                        self.send_trailers()
                        return
                    for name, value in more.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def send_trailers(self):
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"0\r\n")
                for _ in range(endpoint.trailers):
                    self.wfile.write(b"X-A: " + b"a" * 4000 + b"\r\n")
                    endpoint.sent += 1

            def log_message(self, *_):
                pass

        self.trailers = self.sent = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/me"

    def knows(self, token, status=200, headers=(), **members):
        self.answers[token] = (status, members, dict(headers))

    def count(self, token):
        with self.lock:
            return self.asked.count(token)

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def old():
    endpoint = OldEndpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def adopting(make_daemon, old):
    def make(**settings):
        named = {"adopt." + name: value for name, value in settings.items()}
        return make_daemon({"adopt.url": old.url, **named}).init().start()
    return make


def row_of(daemon, user):
    answer = daemon.manage("GET", f"/api/v1/auth/tokens?user_id={user}&include_inactive=true")
    assert len(answer.json["data"]) == 1, answer
    return answer.json["data"][0]


# --- what is refused or undecided ---

def test_a_token_that_nobody_knows_is_401_and_asked_about_once(adopting, old):
    daemon = adopting()
    for _ in range(5):
        answer = daemon.auth(UNKNOWN)
        assert answer.status == 401 and answer.json["code"] == "not_found"
    assert old.count(UNKNOWN) == 1
    assert daemon.metrics()["tokenry_adopt_spared_total"] == 4


def test_headers_without_end_behind_the_answer_are_not_read(adopting, old):
    daemon = adopting()
    old.trailers = 16000  # 64 MB
    assert daemon.auth(OLD).status == 503
    assert old.sent < 8000


@pytest.mark.parametrize("status, body, headers", [
    (500, {"user_id": "alice"}, {}),
    (429, {}, {}),
    (302, {}, {"Location": "http://127.0.0.1:1/elsewhere"}),
    (200, b"no JSON at all", {}),
    (200, b"[1]", {}),
    (200, b"", {}),
    (200, {"user_id": ["alice"]}, {}),
    (200, {"name": "whose is it?"}, {}),
    (200, {"user_id": "a\nb"}, {}),
    (200, {"user_id": "alice", "expires_at": "soon"}, {}),
    (200, {"user_id": "alice", "pad": "x" * 100000}, {}),
])
def test_what_cannot_be_understood_is_503_and_never_a_verdict(adopting, old, status, body, headers):
    daemon = adopting()
    old.answers[OLD] = (status, body, headers)
    answer = daemon.auth(OLD)
    assert answer.status == 503 and answer.json["code"] == "unavailable"
    assert "retry-after" in answer.headers
    assert daemon.manage("POST", "/api/v1/verify", {"token": OLD}).json["code"] == "unavailable"
    assert daemon.manage("GET", "/api/v1/auth/tokens").json["data"][0]["user_id"] == "admin"
    assert OLD not in daemon.log()
    old.knows(OLD, user_id="alice")  # it heals
    assert daemon.auth(OLD).status == 200


def test_an_endpoint_that_is_down_is_503(adopting, old):
    daemon = adopting()
    old.server.shutdown()
    old.server.server_close()
    answer = daemon.auth(OLD)
    assert answer.status == 503
    assert daemon.auth(daemon.admin).status == 200
    nginx = daemon.auth(OLD, "?mode=nginx")
    assert nginx.status == 403 and nginx.headers["x-auth-status"] == "503"


def test_a_slow_endpoint_is_503_in_time_and_holds_nobody_else_up(adopting, old):
    daemon = adopting(timeout_ms=600, in_flight=1)
    old.gate.clear()
    known = daemon.create(tier="enterprise")["token"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        start = time.monotonic()
        waiting = [pool.submit(daemon.auth, OLD + str(i)) for i in range(4)]
        eventually(lambda: len(old.asked) > 0)
        answered = 0
        while not all(one.done() for one in waiting):
            assert daemon.auth(known).status == 200
            assert daemon.get("/api/v1/auth/health").status == 200
            answered += 1
        assert {one.result().status for one in waiting} == {503}
        assert time.monotonic() - start < 5
    assert answered > 5
    old.gate.set()


def test_more_questions_than_allowed_are_503_and_are_not_asked(adopting, old):
    daemon = adopting(per_second=3)
    statuses = [daemon.auth(f"{UNKNOWN}-{i}").status for i in range(30)]
    assert set(statuses) == {401, 503}
    assert statuses[:3] == [401, 401, 401]
    assert len(old.asked) < 15
    assert daemon.metrics()["tokenry_adopt_busy_total"] == statuses.count(503)


def test_scopes_that_would_open_tokenry_itself_are_left_out(adopting, old):
    daemon = adopting()
    old.knows(OLD, user_id="alice", scopes=["*", "tokens:*", "tokens:write", "system:read",
                                            "orders:read", "no scope"])
    assert daemon.auth(OLD).status == 503  # a scope with a blank in it is none
    old.knows(OLD, user_id="alice", scopes=["*", "tokens:*", "tokens:write", "system:read",
                                            "orders:read", "orders:*"])
    answer = daemon.auth(OLD)
    assert answer.status == 200 and answer.headers["x-auth-scopes"] == "orders:* orders:read"
    assert daemon.get("/api/v1/auth/tokens", bearer(OLD)).status == 403


def test_one_that_ended_is_refused_whatever_the_status(adopting, old):
    daemon = adopting()
    old.knows(OLD, user_id="alice", expires_at="2020-01-01T00:00:00")
    assert daemon.auth(OLD).status == 401


# --- what is adopted ---

def test_a_token_is_adopted_once_with_what_the_endpoint_said(adopting, old):
    daemon = adopting()
    old.knows(OLD, user_id="alice", name="Production API Key", tier="pro",
              scopes=["reports:read"], expires_at="2099-05-06T07:08:09.123456")
    first = daemon.auth(OLD, "?scope=reports:read")
    assert first.status == 200
    assert first.headers["x-auth-user"] == "alice" and first.headers["x-auth-tier"] == "pro"
    assert '"minute";q=600' in first.headers["ratelimit-policy"]
    for _ in range(3):
        assert daemon.auth(OLD).status == 200
    assert old.count(OLD) == 1
    row = row_of(daemon, "alice")
    assert row["source"] == "adopted" and row["name"] == "Production API Key"
    assert row["expires_at"].startswith("2099-05-06T07:08:09")
    assert row["request_count"] == 4
    old.close()
    daemon.restart()
    assert daemon.auth(OLD).status == 200
    assert all(OLD.encode() not in written_bytes(path)
               for path in daemon.folder.rglob("*") if path.is_file())


def test_the_query_and_the_body_survive_the_wait(adopting, old):
    daemon = adopting()
    old.knows(OLD, user_id="alice", scopes="a:x b:y")
    old.knows(OTHER, user_id="bob")
    answer = daemon.auth(OLD, "?scope=c:z")
    assert answer.status == 403 and answer.json["code"] == "insufficient_scope"
    verdict = daemon.manage("POST", "/api/v1/verify",
                            {"token": OTHER, "user_id": "alice", "explain": True}).json
    assert verdict["code"] == "user_mismatch" and verdict["user_id"] == "bob"
    assert daemon.manage("POST", "/api/v1/verify", {"token": OTHER}).json["valid"]


def test_management_calls_adopt_their_caller_too(adopting, old):
    daemon = adopting()
    old.knows(OLD, user_id="alice")
    assert daemon.get("/api/v1/auth/me", bearer(OLD)).json["user_id"] == "alice"
    old.knows(OTHER, user_id="bob")
    answer = daemon.request("POST", "/api/keys", {"X-API-Key": OTHER}, {"name": "my own"})
    assert answer.status == 201 and answer.json["user_id"] == "bob"
    assert daemon.auth(answer.json["api_key"]).status == 200
    assert daemon.get("/api/v1/auth/me", bearer(UNKNOWN)).status == 401
    assert old.count(OTHER) == 1


def test_two_at_once_ask_once(adopting, old):
    daemon = adopting(timeout_ms=5000)
    old.knows(OLD, user_id="alice")
    old.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(daemon.auth, OLD) for _ in range(12)]
        eventually(lambda: daemon.metrics()["tokenry_adopt_waiting"] == 12)
        old.gate.set()
        assert {one.result().status for one in waiting} == {200}
    assert old.count(OLD) == 1
    assert row_of(daemon, "alice")["request_count"] == 12
    assert daemon.metrics()['tokenry_adopt_questions_total{outcome="adopted"}'] == 1


def test_an_unknown_tier_and_a_missing_user_are_the_operators(adopting, old):
    daemon = adopting(user="migrated", tier="enterprise", kind="service",
                      user_member="data.owner")
    old.knows(OLD, data={"owner": 12345}, tier="gold")
    assert daemon.auth(OLD).headers["x-auth-user"] == "12345"
    row = row_of(daemon, "12345")
    assert row["tier"] == "enterprise" and row["kind"] == "service" and row["name"] == "adopted"
    old.answers[OTHER] = (200, b"", {})
    assert daemon.auth(OTHER).headers["x-auth-user"] == "migrated"


def test_other_headers_and_statuses_can_be_configured(adopting, old):
    daemon = adopting(header="X-Old-Key", scheme="", accept="204,207", refuse="410")
    old.answers[""] = (207, {"user_id": "alice"}, {})  # the fake looks at Authorization only
    assert daemon.auth(OLD).status == 200
    assert old.headers[0].get("X-Old-Key") == OLD
    old.answers[""] = (410, {}, {})
    assert daemon.auth(OTHER).status == 401
    old.answers[""] = (401, {}, {})
    assert daemon.auth(UNKNOWN).status == 503


# --- revocation is sticky ---

def test_a_revoked_adopted_token_is_never_asked_about_again(adopting, old):
    daemon = adopting()
    old.knows(OLD, user_id="alice")
    assert daemon.auth(OLD).status == 200
    daemon.revoke(row_of(daemon, "alice")["id"])
    assert daemon.auth(OLD).json["code"] == "revoked"
    daemon.restart()
    assert daemon.auth(OLD).json["code"] == "revoked"
    assert old.count(OLD) == 1


def test_a_token_that_was_cleaned_away_is_not_adopted_again(adopting, old):
    import hashlib
    import sqlite3
    daemon = adopting()
    assert daemon.stop() == 0
    with contextlib.closing(sqlite3.connect(daemon.data / "tokenry.db")) as database:
        database.execute("INSERT INTO tombstones VALUES (?, 1)",
                         (hashlib.sha256(OLD.encode()).digest(),))
        database.commit()
    daemon.start()
    old.knows(OLD, user_id="alice")
    for _ in range(3):
        answer = daemon.auth(OLD)
        assert answer.status == 401 and answer.json["code"] == "not_found"
    assert old.count(OLD) == 1


# --- stops ---

def test_a_kill_between_question_and_answer_loses_nothing(adopting, old):
    daemon = adopting(timeout_ms=8000)
    old.knows(OLD, user_id="alice")
    old.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(daemon.auth, OLD)
        eventually(lambda: old.count(OLD) == 1)
        daemon.kill()
        with pytest.raises(Exception):
            waiting.result()
    old.gate.set()
    daemon.start()
    assert daemon.auth(OLD).status == 200
    assert old.count(OLD) == 2
    assert row_of(daemon, "alice")["source"] == "adopted"


def test_a_stop_answers_who_waits(adopting, old):
    daemon = adopting(timeout_ms=9000)
    old.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(daemon.auth, OLD) for _ in range(3)]
        eventually(lambda: daemon.metrics()["tokenry_adopt_waiting"] == 3)
        start = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - start < 6
        assert {one.result().status for one in waiting} == {503}
    old.gate.set()


@pytest.mark.parametrize("settings, named", [
    ({"url": "ftp://127.0.0.1/x"}, "adopt.url"),
    ({"url": "http://user:pass@127.0.0.1/x"}, "adopt.url"),
    ({"accept": "200,abc"}, "adopt.accept"),
    ({"refuse": "99"}, "adopt.refuse"),
    ({"header": "a: b"}, "adopt.header"),
])
def test_a_wrong_configuration_ends_the_start(make_daemon, old, settings, named):
    daemon = make_daemon({"adopt.url": old.url,
                          **{"adopt." + name: value for name, value in settings.items()}})
    daemon.init()
    daemon.spawn()
    assert daemon.process.wait(timeout=20) != 0
    assert named in daemon.log()
