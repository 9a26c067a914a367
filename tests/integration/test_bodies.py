# SPDX-License-Identifier: Apache-2.0
"""Management and RPC calls with bodies that are too large, truncated, not JSON, of the
wrong shape; unknown paths and methods."""

import contextlib
import json
import socket

import pytest
from harness import bearer, raw_exchange, status_of

TOKENS = "/api/v1/auth/tokens"
GOOD = {"user_id": "alice", "name": "laptop"}


def problem(answer, status, code=None):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert code is None or answer.json["code"] == code, answer
    return answer.json


def post(shared, body, path=TOKENS, content_type="application/json"):
    return shared.manage("POST", path, body, {"Content-Type": content_type})


@pytest.mark.parametrize("body", [
    "", " ", "{", "}", "[]", "null", "1", '"text"', "{'user_id':'a'}", '{"user_id":"a"',
    '{"user_id":"a"}x', '{"user_id":"a",}', '{"user_id":NaN}', "\ufeff{}", '{"user_id":"\ud800"}'
    .encode("utf-8", "surrogatepass"), b'{"user_id":"\xff"}', b"\x00", '{"user_id":"a\\u0000b","name":"n"}',
])
def test_what_is_no_json_object_is_400(shared, body):
    problem(post(shared, body), 400)


@pytest.mark.parametrize("depth", [20, 1000, 30_000])
def test_deep_nesting_is_400(shared, depth):
    problem(post(shared, '{"metadata":' * 1 + "[" * depth + "]" * depth + "}"), 400)
    problem(post(shared, '{"a":' * (depth // 3) + "1" + "}" * (depth // 3)), 400)


def test_duplicate_members_are_refused(shared):
    problem(post(shared, '{"user_id":"alice","user_id":"root","name":"n"}'), 400)


def test_an_unknown_member_is_refused_by_name(shared):
    answer = problem(post(shared, json.dumps({**GOOD, "scopez": []})), 400, "unknown_member")
    assert answer["member"] == "scopez"


@pytest.mark.parametrize("member, value", [
    ("user_id", 1), ("user_id", None), ("user_id", ""), ("user_id", "u" * 256), ("user_id", "a\nb"),
    ("name", 1), ("name", ["x"]), ("name", "n" * 256), ("kind", "root"), ("kind", 1), ("env", "prod"),
    ("tier", "no-such-tier"), ("tier", 1), ("scopes", "a:b"), ("scopes", [1]), ("scopes", ["a b"]), ("scopes", ["a::b"]), ("scopes", [""]),
    ("scopes", [f"s{n}:x" for n in range(65)]), ("limits", []), ("limits", {"week": 1}),
    ("limits", {"minute": -1}), ("limits", {"minute": 1.5}), ("limits", {"minute": "60"}),
    ("limits", {"minute": 10**12}), ("allowed_ips", ["10.0.0.1/33"]), ("allowed_ips", ["nonsense"]),
    ("allowed_ips", ["10.0.0.0/8"] * 33), ("metadata", []), ("metadata", {"k": "v" * 5000}),
    ("expires_at", "tomorrow"), ("expires_at", "2020-01-01T00:00:00Z"), ("expires_at", 1),
    ("expires_at", "2999-13-01T00:00:00Z"), ("not_before", "x"),
])
def test_a_wrong_value_is_refused_and_named(shared, member, value):
    answer = shared.manage("POST", TOKENS, {**GOOD, member: value})
    assert answer.status in (400, 404, 422), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert member in (answer.json.get("member") or "") or member in answer.json["detail"], answer


def test_a_body_beyond_the_maximum_is_413_and_the_daemon_goes_on(shared):
    problem(post(shared, json.dumps({**GOOD, "metadata": {"k": "v" * 70_000}})), 413)
    problem(post(shared, b"x" * 65_537), 413)
    assert shared.get("/api/v1/auth/health").status == 200


def test_a_body_beyond_the_maximum_is_not_read_to_its_end(shared):
    """A gigabyte is announced; the refusal comes without it."""
    head = (f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared.admin}\r\n"
            "Content-Length: 1000000000\r\nConnection: close\r\n\r\n")
    data = raw_exchange(("127.0.0.1", shared.port), head.encode() + b"x" * 200_000)
    assert status_of(data) in (413, None)
    assert shared.get("/api/v1/auth/health").status == 200


def test_a_truncated_body_changes_nothing(shared):
    """Content-Length promises more than comes before the client goes away."""
    before = shared.manage("GET", TOKENS + "?user_id=trunc&limit=10").json
    body = json.dumps({"user_id": "trunc", "name": "n"})
    head = (f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared.admin}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body) + 10}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as client:
        client.sendall((head + body).encode())
        client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while client.recv(65536):
                pass
    assert shared.manage("GET", TOKENS + "?user_id=trunc&limit=10").json == before


def test_a_chunked_body_counts_like_another(shared):
    body = json.dumps({"user_id": "chunky", "name": "n"}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"
    head = (f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shared.admin}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    data = raw_exchange(("127.0.0.1", shared.port), head.encode() + chunks)
    assert status_of(data) == 201
    data = raw_exchange(("127.0.0.1", shared.port), head.encode() + b"10000\r\n" + b"x" * 65536 + b"\r\n1\r\nx\r\n0\r\n\r\n")
    assert status_of(data) == 413


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/", "/auth/", "/AUTH", "/auth/x",
                                  "/api/v1/auth/tokens/a/b/c", "/api/v2/verify", "/%61uth/..",
                                  "/api/v1/auth/tokens/", "/../etc/passwd", "/favicon.ico"])
def test_an_unknown_path_is_404(shared, path):
    problem(shared.manage("GET", path), 404)


@pytest.mark.parametrize("path, methods", [
    ("/auth", {"GET", "HEAD", "POST"}),
    ("/api/v1/verify", {"POST"}),
    ("/api/v1/verify/batch", {"POST"}),
    ("/api/v1/auth/me", {"GET", "HEAD"}),
    ("/api/v1/auth/health", {"GET", "HEAD"}),
    ("/api/v1/system/health", {"GET", "HEAD"}),
    ("/api/v1/system/status", {"GET", "HEAD"}),
    ("/metrics", {"GET", "HEAD"}),
    (TOKENS, {"GET", "HEAD", "POST"}),
    (TOKENS + "/tok_00000000000000000000000000", {"GET", "HEAD", "PATCH", "DELETE"}),
])
def test_another_method_is_405_with_allow(shared, path, methods):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - methods:
        answer = shared.manage(method, path)
        assert answer.status == 405, (method, answer)
        assert {name.strip() for name in answer.headers["allow"].split(",")} == methods


@pytest.mark.parametrize("method, path", [
    ("GET", TOKENS), ("POST", TOKENS), ("GET", TOKENS + "/tok_00000000000000000000000000"),
    ("PATCH", TOKENS + "/tok_00000000000000000000000000"),
    ("DELETE", TOKENS + "/tok_00000000000000000000000000"), ("GET", "/api/v1/system/status"),
    ("GET", "/metrics"), ("POST", "/api/v1/verify"), ("POST", "/api/v1/verify/batch"),
    ("GET", "/api/v1/auth/me"),
])
def test_nothing_private_is_answered_without_a_token_or_with_a_weak_one(shared, method, path):
    body = {} if method in ("POST", "PATCH") else None
    problem(shared.request(method, path, body=body), 401)
    problem(shared.request(method, path, bearer("sk_live_" + "0" * 49), body), 401)
    if path != "/api/v1/auth/me":
        weak = shared.create(name="weak", scopes=[], tier="enterprise")["token"]
        problem(shared.request(method, path, bearer(weak), body), 403)


def test_a_caller_cannot_give_away_more_than_it_has(shared):
    maker = shared.create(name="maker", scopes=["tokens:write"], tier="enterprise")["token"]
    for scopes in (["*"], ["system:read"], ["tokens:*"]):
        answer = shared.request("POST", TOKENS, bearer(maker), {**GOOD, "scopes": scopes})
        problem(answer, 403)
    answer = shared.request("POST", TOKENS, bearer(maker), {**GOOD, "scopes": ["tokens:write"]})
    assert answer.status == 201


@pytest.mark.parametrize("body, code", [
    ({}, None), ({"token": 1}, None), ({"token": "x" * 30, "extra": 1}, "unknown_member"),
    ({"token": "x" * 30, "cost": "1"}, None), ({"token": "x" * 30, "ip": "nowhere"}, None),
    ({"token": "x" * 30, "scopes": "a:b"}, None), ([], None),
])
def test_a_bad_question_to_verify_is_400(shared, body, code):
    problem(shared.manage("POST", "/api/v1/verify", body), 400, code)


def test_verify_always_answers_200_with_the_verdict(shared):
    token = shared.create(name="rpc", user="rita", scopes=["a:read"], limits={"minute": 2})

    def verify(**members):
        answer = shared.manage("POST", "/api/v1/verify", {"token": token["token"], **members})
        assert answer.status == 200, answer
        return answer.json

    assert verify(scopes=["b:read"])["code"] == "insufficient_scope"
    dry = verify(dry_run=True, explain=True)
    assert dry["valid"] is True
    assert [row["outcome"] for row in dry["explain"] if row["check"] == "scopes"] != []
    first = verify()
    assert (first["valid"], first["code"], first["user_id"], first["token_id"]) == \
        (True, "valid", "rita", token["id"])
    minute = [row for row in first["limits"] if row["window"] == "minute"]
    assert (minute[0]["limit"], minute[0]["remaining"]) == (2, 1)
    assert verify()["valid"] is True
    assert verify()["code"] == "rate_limited"
    unknown = shared.manage("POST", "/api/v1/verify", {"token": "z" * 40}).json
    assert (unknown["valid"], unknown["code"]) == (False, "not_found")


def test_a_batch_answers_each_in_order_and_has_a_maximum(shared):
    tokens = [shared.create(name=f"batch{n}", user=f"b{n}")["token"] for n in range(5)]
    asked = [{"token": text} for text in tokens] + [{"token": "z" * 40}]
    answer = shared.manage("POST", "/api/v1/verify/batch", {"requests": asked})
    assert answer.status == 200, answer
    results = answer.json["results"]
    assert [row["valid"] for row in results] == [True] * 5 + [False]
    assert [row["user_id"] for row in results[:5]] == [f"b{n}" for n in range(5)]
    full = shared.manage("POST", "/api/v1/verify/batch", {"requests": [{"token": "z" * 40}] * 1000})
    assert full.status == 200 and len(full.json["results"]) == 1000
    over = shared.manage("POST", "/api/v1/verify/batch", {"requests": [{"token": "z" * 40}] * 1001})
    assert over.status in (400, 413)


def test_a_token_that_is_sent_in_a_wrong_body_is_not_repeated(shared):
    secret = "sk_live_" + "Q" * 49
    for body in ({"token": secret, "unknown": 1}, {"token": secret, secret: 1}, {"tokenn": secret}):
        answer = shared.manage("POST", "/api/v1/verify", body)
        assert answer.status == 400
        assert secret not in answer.body.decode()
