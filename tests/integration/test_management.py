# SPDX-License-Identifier: Apache-2.0
"""Tokens through their life by HTTP: create, show, list, change, revoke."""

import concurrent.futures

from harness import PEER, bearer, eventually

TOKENS = "/api/v1/auth/tokens"


def test_the_plaintext_is_shown_once(daemon):
    made = daemon.create()
    assert made["token"].startswith("sk_live_")
    shown = daemon.show(made["id"])
    assert "token" not in shown and "digest" not in shown
    assert made["token"].startswith(shown["display_prefix"])
    listed = daemon.manage("GET", TOKENS)
    assert made["token"] not in listed.body.decode()


def test_a_new_token_has_the_default_lifetime_and_tier(daemon):
    made = daemon.create()
    assert (made["tier"], made["kind"], made["env"], made["status"]) == ("free", "user", "live", "active")
    assert made["expires_at"][:4].isdigit() and made["expires_at"].endswith("Z")
    assert made["org_id"] == "default"


def test_every_created_token_works_at_once_also_under_load(daemon):
    def make_and_use(number):
        made = daemon.create(user=f"u{number % 7}", name=f"n{number}", tier="enterprise")
        return daemon.auth(made["token"]).status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(make_and_use, range(200))) == {200}


def test_every_revoked_token_is_refused_at_once_also_under_load(daemon):
    made = [daemon.create(name=f"n{n}", tier="enterprise") for n in range(100)]

    def revoke_and_use(token):
        daemon.revoke(token["id"])
        return daemon.auth(token["token"]).json["code"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(revoke_and_use, made)) == {"revoked"}


def test_a_revoked_token_cannot_be_brought_back(daemon):
    made = daemon.create()
    daemon.revoke(made["id"])
    for change in ({"disabled": False}, {"name": "again"}, {"expires_at": "2999-01-01T00:00:00Z"}):
        daemon.manage("PATCH", f"{TOKENS}/{made['id']}", change)
        assert daemon.auth(made["token"]).json["code"] == "revoked"
    daemon.restart()
    assert daemon.auth(made["token"]).json["code"] == "revoked"


def test_a_change_shows_in_the_next_verification(daemon):
    made = daemon.create(scopes=["a:read"], limits={"minute": 1})
    assert daemon.auth(made["token"], "?scope=b:read").status == 403
    path = f"{TOKENS}/{made['id']}"
    assert daemon.manage("PATCH", path, {"scopes": ["b:read"]}).status == 200
    assert daemon.auth(made["token"], "?scope=b:read").status == 200
    assert daemon.auth(made["token"]).status == 429
    assert daemon.manage("PATCH", path, {"limits": {"minute": 3}}).status == 200
    assert [daemon.auth(made["token"]).status for _ in range(3)] == [200, 200, 429]


def test_if_match_protects_from_lost_updates(daemon):
    made = daemon.create()
    path = f"{TOKENS}/{made['id']}"
    etag = daemon.manage("GET", path).headers["etag"]
    assert daemon.manage("PATCH", path, {"name": "one"}, {"If-Match": etag}).status == 200
    assert daemon.manage("PATCH", path, {"name": "two"}, {"If-Match": etag}).status == 412
    assert daemon.show(made["id"])["name"] == "one"


def test_an_idempotency_key_makes_one_token(daemon):
    body = {"user_id": "alice", "name": "once"}
    key = {"Idempotency-Key": "k1"}
    first = daemon.manage("POST", TOKENS, body, key)
    again = daemon.manage("POST", TOKENS, body, key)
    assert (first.status, again.json["id"]) == (201, first.json["id"])
    assert first.json["token"] not in again.body.decode()
    other = daemon.manage("POST", TOKENS, {**body, "name": "twice"}, key)
    assert other.status in (409, 422) and other.json["code"] == "idempotency_mismatch"


def test_lists_are_paged_without_loss_or_repetition(daemon):
    made = [daemon.create(user="pages", name=f"p{n}")["id"] for n in range(25)]
    seen, cursor = [], ""
    while True:
        page = daemon.manage("GET", f"{TOKENS}?user_id=pages&limit=10{cursor}").json
        seen += [row["id"] for row in page["data"]]
        if not page.get("next_cursor"):
            break
        cursor = "&cursor=" + page["next_cursor"]
    assert seen == made[::-1]  # newest first
    assert daemon.manage("GET", TOKENS + "?limit=1001").status == 400
    assert daemon.manage("GET", TOKENS + "?cursor=nonsense").status == 400


def test_who_am_i(daemon):
    made = daemon.create(user="alice", name="me", scopes=["a:read"])
    answer = daemon.get("/api/v1/auth/me", bearer(made["token"]))
    assert answer.status == 200
    assert (answer.json["user_id"], answer.json["token_id"]) == ("alice", made["id"])
    assert made["token"] not in answer.body.decode()


def test_requests_are_counted_and_survive_a_restart(daemon):
    made = daemon.create(tier="enterprise")
    for _ in range(37):
        assert daemon.auth(made["token"]).status == 200
    assert daemon.show(made["id"])["request_count"] == 37
    daemon.restart()
    assert daemon.show(made["id"])["request_count"] == 37
    assert daemon.show(made["id"])["last_used_at"]


def test_the_unix_socket_knows_its_owner_without_a_token(daemon):
    asked = {"body": {"user_id": "sock", "name": "s"}, "over": "unix"}
    assert daemon.request("POST", TOKENS, **asked).status == 401
    answer = daemon.request("POST", TOKENS, PEER, **asked)
    assert answer.status == 201
    assert daemon.auth(answer.json["token"]).status == 200
    assert daemon.request("GET", TOKENS).status == 401


def test_a_request_id_is_echoed_and_found_in_the_log(make_daemon):
    daemon = make_daemon({"log.level": "debug", "log.format": "json"}).init().start()
    answer = daemon.manage("GET", TOKENS, headers={"X-Request-Id": "trace-me-42"})
    assert answer.headers["x-request-id"] == "trace-me-42"
    eventually(lambda: "trace-me-42" in daemon.log(), what="its line in the log")
    answer = daemon.manage("GET", TOKENS, headers={"X-Request-Id": "no spaces allowed"})
    assert " " not in answer.headers["x-request-id"]
