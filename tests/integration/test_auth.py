# SPDX-License-Identifier: Apache-2.0
"""/auth as a proxy sees it: every verdict that can be reached, and credentials that are
malformed, oversized, duplicated or in conflict. Raw bytes where a client library would
not send them."""

import contextlib
import socket

import pytest
from harness import bearer, raw_exchange, status_of

TOKEN_CHARS = 8 + 43 + 6


@pytest.fixture(scope="module")
def token(shared):
    return shared.create(name="auth", tier="enterprise", scopes=["reports:read"])["token"]


def head(*lines, method="GET", path="/auth"):
    rows = [f"{method} {path} HTTP/1.1".encode(), b"Host: tokenry", b"Connection: close"]
    rows += [line if isinstance(line, bytes) else line.encode() for line in lines]
    return b"\r\n".join(rows) + b"\r\n\r\n"


def ask(shared, *lines, **more):
    return status_of(raw_exchange(("127.0.0.1", shared.port), head(*lines, **more)))


def still_answers(shared, token):
    return shared.auth(token).status == 200


def test_a_generated_token_has_the_promised_form(token):
    assert token.startswith("sk_live_") and len(token) == TOKEN_CHARS
    assert token[8:].isalnum()


@pytest.mark.parametrize("value", [
    "", "Bearer", "Bearer ", "Bearer  ", "bearer", "Basic dXNlcjpwYXNz", "Digest x",
    "Bearer a", "Bearer " + "a" * 19, "Bearer " + "a" * 513, "Bearer " + "a" * 4000,
    "Bearer sk_live_ " + "a" * 49, "Bearer {token} x", "Bearer {token},x", "Bearer \"{token}\"",
    "{token}", "Token {token}", "BearerX {token}", "Bearer\t",
])
def test_a_malformed_authorization_is_never_accepted(shared, token, value):
    assert ask(shared, "Authorization: " + value.replace("{token}", token)) in (400, 401)


def test_the_scheme_is_case_insensitive(shared, token):
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert ask(shared, f"Authorization: {scheme} {token}") == 200


def test_the_other_header_works_and_only_bare(shared, token):
    assert ask(shared, f"X-API-Key: {token}") == 200
    assert ask(shared, f"x-api-key: {token}") == 200
    assert ask(shared, f"X-API-Key: Bearer {token}") == 401


def test_two_different_tokens_are_an_error_in_any_place(shared, token):
    other = shared.create(name="other", tier="enterprise")["token"]
    for lines in ([f"Authorization: Bearer {token}", f"X-API-Key: {other}"],
                  [f"Authorization: Bearer {token}", f"Authorization: Bearer {other}"],
                  [f"X-API-Key: {token}", f"X-API-Key: {other}"],
                  [f"Authorization: Bearer {token}", "X-API-Key: " + "z" * 57]):
        data = raw_exchange(("127.0.0.1", shared.port), head(*lines))
        assert status_of(data) == 401, lines
        assert b'error="invalid_request"' in data


def test_the_same_token_twice_is_one_token(shared, token):
    assert ask(shared, f"Authorization: Bearer {token}", f"X-API-Key: {token}") in (200, 401)


@pytest.mark.parametrize("byte", [b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", "ä".encode()])
@pytest.mark.parametrize("place", ["authorization", "key", "other"])
def test_control_and_8_bit_bytes_are_refused_and_harm_nothing(shared, token, byte, place):
    text = token.encode()
    lines = {"authorization": b"Authorization: Bearer " + text[:20] + byte + text[20:],
             "key": b"X-API-Key: " + text + byte,
             "other": b"X-Original-URI: /" + byte}
    status = ask(shared, lines[place])
    if place == "other":
        ask(shared, lines[place], b"Authorization: Bearer " + text)
    else:
        assert status in (None, 400, 401)
    assert still_answers(shared, token)


def test_a_header_of_64_kib_is_refused_and_harms_nothing(shared, token):
    for name in ("Authorization: Bearer ", "X-API-Key: ", "X-Filler: "):
        status = ask(shared, name + "a" * 65536)
        assert status in (None, 400, 401, 413, 414, 431), name
        assert still_answers(shared, token)


def test_ten_thousand_headers_are_refused_and_harm_nothing(shared, token):
    status = ask(shared, *[f"X-{n}: {n}" for n in range(10_000)], f"Authorization: Bearer {token}")
    assert status in (None, 400, 413, 431)
    assert still_answers(shared, token)


def test_a_path_of_64_kib_is_refused_and_harms_nothing(shared, token):
    status = ask(shared, f"Authorization: Bearer {token}", path="/auth?scope=" + "a" * 65536)
    assert status in (None, 400, 413, 414, 431)
    assert still_answers(shared, token)


@pytest.mark.parametrize("data", [
    b"", b"\r\n\r\n", b"GET\r\n\r\n", b"GET /auth\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"GET /auth HTTP/9.9\r\n\r\n", b"GET /auth HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /auth HTTP/1.1\r\nHost\r\n\r\n", b"\x00" * 1000, b"GET " * 10000,
    b"GET /auth HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET /auth HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
])
def test_what_is_not_http_is_never_200_and_harms_nothing(shared, token, data):
    answer = _half_open(shared, data)
    assert status_of(answer) != 200
    assert still_answers(shared, token)


def _half_open(shared, data):
    """Sends and closes the sending side, so that the server need not wait for more."""
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as client:
        received = b""
        with contextlib.suppress(OSError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while chunk := client.recv(65536):
                received += chunk
        return received


@pytest.mark.parametrize("lines", [
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    ["Content-Length: 5", "Content-Length: 6"],
    ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
])
def test_a_request_whose_length_is_ambiguous_smuggles_nothing(shared, token, lines):
    inner = head(f"Authorization: Bearer {token}").decode()
    data = ("POST /auth HTTP/1.1\r\nHost: x\r\n" + "\r\n".join(lines) +
            "\r\n\r\n0\r\n\r\n" + inner).encode()
    answer = _half_open(shared, data)
    assert answer.count(b"HTTP/1.1 200") == 0 or answer.count(b"HTTP/1.1") <= 2
    assert still_answers(shared, token)


@pytest.mark.parametrize("query", [
    "?scope=", "?scope", "?scope=a!b", "?scope=a%20b", "?scope=a:", "?scope=a%00b:c", "?scope=%zz", "?scope=%", "?cost=x",
    "?cost=-1", "?cost=1000001", "?cost=1e3", "?cost=", "?cost=1&cost=2", "?mode=apache",
    "?mode=", "?user=", "?unknown=1", "?" + "&".join(["scope=a:b"] * 17),
    "?" + "&".join(f"a{n}=1" for n in range(65)), "?user=%ff", "?user=" + "u" * 256,
    "?user=a&user=b", "?mode=nginx&mode=nginx",
])
def test_a_bad_question_is_400_and_never_allows(shared, token, query):
    answer = shared.auth(token, query)
    if "mode=nginx" in query:
        assert (answer.status, answer.headers.get("x-auth-status")) == (403, "400")
    else:
        assert answer.status == 400, answer
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_bad_question_consumes_nothing(shared):
    token = shared.create(name="counted", limits={"minute": 2})["token"]
    for _ in range(5):
        assert shared.auth(token, "?cost=x").status == 400
    assert [shared.auth(token).status for _ in range(3)] == [200, 200, 429]


def test_every_method_of_forward_auth_works(shared, token):
    for method in ("GET", "HEAD", "POST"):
        answer = shared.request(method, "/auth", bearer(token))
        assert answer.status == 200
        assert answer.body == b""


def test_all_identity_headers_are_always_there_and_never_empty(shared):
    token = shared.create(name="bare", scopes=[])
    answer = shared.auth(token["token"])
    for name in ("user", "token-id", "token-name", "tier", "scopes", "org"):
        assert answer.headers[f"x-auth-{name}"]
    assert answer.headers["x-auth-scopes"] == "-"


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_no_token_is_401_even_for_root_over_the_unix_socket(shared, over):
    answer = shared.auth(over=over)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    assert "error" not in answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_each_refusal_has_its_status_and_code(shared):
    scoped = shared.create(name="scoped", user="alice", scopes=["a:read"])["token"]
    assert shared.auth(scoped, "?scope=a:read&user=alice").status == 200

    answer = shared.auth(scoped, "?scope=a:read&scope=b:write")
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]

    answer = shared.auth(scoped, "?user=bob")
    assert (answer.status, answer.json["code"]) == (403, "user_mismatch")

    bound = shared.create(name="bound", allowed_ips=["203.0.113.0/24"])["token"]
    answer = shared.auth(bound)
    assert (answer.status, answer.json["code"]) == (403, "ip_not_allowed")

    answer = shared.auth("sk_live_" + "0" * 49)
    assert (answer.status, answer.json["code"]) == (401, "not_found")

    answer = shared.auth("short")
    assert (answer.status, answer.json["code"]) == (401, "malformed")


def test_disabled_and_not_yet_valid_and_revoked_are_told_apart(shared):
    made = shared.create(name="states")
    path = f"/api/v1/auth/tokens/{made['id']}"
    assert shared.auth(made["token"]).status == 200
    assert shared.manage("PATCH", path, {"disabled": True}).status == 200
    assert shared.auth(made["token"]).json["code"] == "disabled"
    assert shared.manage("PATCH", path, {"disabled": False}).status == 200
    assert shared.auth(made["token"]).status == 200
    shared.revoke(made["id"])
    assert shared.auth(made["token"]).json["code"] == "revoked"

    later = shared.create(name="later", not_before="2999-01-01T00:00:00Z",
                          expires_at="2999-02-01T00:00:00Z")["token"]
    assert shared.auth(later).json["code"] == "not_yet_valid"


def test_a_foreign_token_is_found_by_what_it_is(shared):
    chosen = "Legacy!Token#of-ours/2019=="
    shared.create(name="legacy", token=chosen)
    assert shared.auth(chosen).status == 200
    assert shared.auth(chosen + "x").status == 401
    assert shared.auth(chosen.lower()).status == 401


def test_cost_takes_that_much_and_all_or_nothing(shared):
    token = shared.create(name="cost", limits={"minute": 10, "hour": 12})["token"]
    assert shared.auth(token, "?cost=7").status == 200
    answer = shared.auth(token, "?cost=4")
    assert answer.status == 429
    assert shared.auth(token, "?cost=3").status == 200  # the refused 4 took nothing
    assert shared.auth(token, "?cost=1").status == 429
    assert shared.auth(token, "?cost=0").status == 429  # what is left is 0: nothing passes


def test_limits_of_a_user_hold_across_tokens(shared):
    tier = {"limits": {"minute": 4}, "subject": "user"}
    answer = shared.manage("PUT", "/api/v1/tiers/per-user", tier)
    if answer.status == 404:
        pytest.fail("tiers cannot be edited")
    assert answer.status in (200, 201)
    tokens = [shared.create(user="carol", name=f"c{n}", tier="per-user")["token"] for n in (1, 2)]
    statuses = [shared.auth(tokens[n % 2]).status for n in range(6)]
    assert statuses == [200, 200, 200, 200, 429, 429]
