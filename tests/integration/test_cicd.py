# SPDX-License-Identifier: Apache-2.0
"""A CI/CD system as a client: its events, and the calls and commands that the document on service
tokens lists, each of them."""

import json

import pytest
from harness import bearer, eventually

CICD, EVENTS = "/api/v1/audit/cicd-event", "/api/v1/audit/events"
TOKENS = "/api/v1/auth/tokens"
DONE, REFUSED, USAGE = 0, 1, 2


@pytest.fixture(scope="module")
def runner(shared):
    """The document's permissions api_read, system_status and audit_log."""
    return shared.create(user="ci", name="ci-cd-token", kind="service",
                         scopes=["api:read", "system:read", "audit:write"])


def test_an_event_is_in_the_log_when_it_is_answered(shared, runner):
    body = {"event": "release", "status": "success", "repository": "acme/shop", "run_id": "17",
            "metadata": {"attempt": 2}}
    answer = shared.request("POST", CICD, bearer(runner["token"]), body)
    assert answer.status == 201 and answer.json["object"] == "cicd_event"
    row = shared.manage("GET", EVENTS + "?type=cicd.*&limit=1").json["data"][0]
    assert row["seq"] == answer.json["seq"] and row["at"] == answer.json["at"]
    assert row["type"] == "cicd.release" and row["verdict"] == "success"
    assert row["actor_token"] == runner["id"]
    assert row["details"] == {"repository": "acme/shop", "run_id": "17",
                              "metadata": {"attempt": 2}}


def test_an_event_is_still_there_after_a_kill(daemon):
    answer = daemon.manage("POST", CICD, {"event": "deploy", "status": "started"},
                           {"Idempotency-Key": "k"})
    daemon.kill()
    daemon.start()
    again = daemon.manage("POST", CICD, {"event": "deploy", "status": "started"},
                          {"Idempotency-Key": "k"})
    assert (again.status, again.json["seq"]) == (200, answer.json["seq"])
    assert daemon.cli("audit", "verify").returncode == DONE


def test_the_command_records(daemon):
    done = daemon.cli("audit", "record", "deploy", "failure", "--repository", "acme/shop",
                      "--run-id", "17", "--meta", "attempt=2", "--idempotency-key", "k", "--json")
    seq = json.loads(done.stdout)["seq"]
    listed = daemon.cli("audit", "list", "--type", "cicd.*").stdout.splitlines()
    assert listed[1].split()[0] == str(seq) and "cicd.deploy" in listed[1] and "failure" in listed[1]
    for words in (["deploy"], [], ["deploy", "done"], ["De ploy", "success"],
                  ["deploy", "success", "--run-url", "gopher://x"]):
        assert daemon.cli("audit", "record", *words, check=False).returncode == USAGE, words


def test_each_endpoint_of_the_document(shared, runner):
    """Its heading "API Endpoints", in its order."""
    me = shared.get("/api/v1/auth/me", bearer(runner["token"]))
    assert me.status == 200 and me.json["name"] == "ci-cd-token"
    assert shared.get("/api/v1/auth/health").json["status"] == "ok"
    made = shared.manage("POST", TOKENS, {"user_id": "ci", "name": "walk", "kind": "service"})
    assert made.status == 201
    path = f"{TOKENS}/{made.json['id']}"
    assert shared.auth(made.json["token"], "?endpoint=orders").status == 200
    assert shared.auth(made.json["token"], "?endpoint=orders&scope=x:y").status == 403
    rotated = shared.manage("POST", f"{path}/rotate", {"grace": "1h"})
    assert rotated.status == 201 and shared.auth(rotated.json["token"]).status == 200
    assert rotated.json["id"] in [row["id"] for row in shared.manage("GET", TOKENS).json["data"]]
    usage = shared.manage("GET", f"{TOKENS}/{rotated.json['id']}/analytics?days=30").json
    assert usage["days"] == 30 and {"success_rate", "by_endpoint", "series"} <= set(usage)
    assert shared.manage("DELETE", f"{TOKENS}/{rotated.json['id']}").status in (200, 204)
    gone = shared.manage("POST", "/api/v1/auth/emergency-revoke",
                         {"reason": "security_breach", "user_id": "ci-nobody"})
    assert gone.status == 404  # nobody is called so; the rest is in test_management.py
    assert shared.get("/api/v1/system/status", bearer(runner["token"])).status == 200
    assert shared.get("/api/v1/system/health").status == 200
    assert shared.request("POST", CICD, bearer(runner["token"]),
                          {"event": "build", "status": "success"}).status == 201
    # "(admin only)", "(requires authentication)", "(requires audit_log permission)"
    weak = shared.create(user="ci", name="weak", scopes=["api:read"])["token"]
    for method, call in (("POST", TOKENS), ("GET", TOKENS), ("DELETE", path),
                         ("POST", f"{path}/rotate"), ("GET", f"{path}/analytics"),
                         ("POST", "/api/v1/auth/emergency-revoke"),
                         ("GET", "/api/v1/system/status"), ("POST", CICD)):
        assert shared.request(method, call).status == 401
        refused = shared.request(method, call, bearer(weak), {} if method == "POST" else None)
        assert refused.status == 403 and refused.json["code"] == "insufficient_scope"


def status_of(daemon, name):
    return json.loads(daemon.cli("show", "--name", name, "--json").stdout)["status"]


def test_each_command_of_the_document(daemon):
    """Its heading "CLI Management Tools", in its order."""
    made = json.loads(daemon.cli("create", "--user", "ci", "--name", "ci-cd-token", "--kind",
                                 "service", "--scope", "api_read", "--scope", "system:read",
                                 "--json").stdout)
    new = json.loads(daemon.cli("rotate", "--name", "ci-cd-token", "--grace", "1h",
                                "--reason", "scheduled_rotation", "--json").stdout)
    (event,) = json.loads(daemon.cli("audit", "list", "--type", "token.rotate",
                                     "--json").stdout)["data"]
    assert event["details"]["reason"] == "scheduled_rotation"
    assert daemon.auth(new["token"]).status == 200
    daemon.cli("create", "--user", "ci", "--name", "old-token")
    daemon.cli("revoke", "--name", "old-token", "--reason", "security_incident", "--yes")
    words = daemon.cli("analytics", "--name", "ci-cd-token", "--days", "30").stdout
    assert words.startswith(f"{new['id']}: ")
    daemon.cli("create", "--user", "ci", "--name", "moment", "--expires-in", "1s")
    eventually(lambda: status_of(daemon, "moment") == "expired")
    daemon.cli("cleanup", "--deactivate-only", "--yes")
    assert status_of(daemon, "moment") == "revoked"
    daemon.cli("emergency-revoke", "--reason", "security_breach", "--everything", "--yes")
    assert daemon.auth(new["token"]).status == daemon.auth(made["token"]).status == 401


def test_the_words_of_the_document_for_scopes_are_told(daemon):
    done = daemon.cli("create", "--user", "ci", "--name", "n", "--scope", "audit_log")
    assert "its scope is `audit:write`" in done.stdout + done.stderr
