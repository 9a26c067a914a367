# SPDX-License-Identifier: Apache-2.0
"""Tokens in the environment of the daemon, and the way from one shared token to many."""

import os
import pathlib
import signal
import subprocess

import pytest

from harness import bearer, eventually, written_bytes

ADMIN = "6a12a1f2250df9edcea50e7b00b30142f353749c1965960770a32ed2e61d3c64"
ANALYST = "9b34c5e6a7d8f1e2b3c4a5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6"
VIEWER = "2d45f8a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9"
TOKENS = (ADMIN, ANALYST, VIEWER)


def with_environment(daemon, **variables):
    """From its next start on."""
    own = type(daemon).environment
    daemon.environment = lambda: {
        **{name: value for name, value in own(daemon).items()
           if name not in ("API_TOKEN", "API_TOKENS")},
        **variables}
    return daemon


@pytest.fixture
def prepared(make_daemon):
    return make_daemon().init()


def refused_start(daemon):
    """The exit status and what it said."""
    done = subprocess.run(daemon.command(), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, env=daemon.environment())
    assert all(token not in done.stderr + done.stdout for token in TOKENS)
    return done.returncode, done.stderr


def rows(daemon):
    answer = daemon.manage("GET", "/api/v1/auth/tokens?include_inactive=true")
    return {row["user_id"]: row for row in answer.json["data"] if row["source"] == "env"}


def test_labelled_and_unlabelled_tokens_are_verified_and_listed(prepared):
    daemon = with_environment(prepared, API_TOKENS=f" admin:{ADMIN}, {ANALYST} ,viewer: {VIEWER},")
    daemon.start()
    for token, user in ((ADMIN, "admin"), (ANALYST, "env-2"), (VIEWER, "viewer")):
        answer = daemon.auth(token)
        assert answer.status == 200, answer
        assert answer.headers["x-auth-user"] == user
        assert answer.headers["x-auth-warning"] == "-"
        assert "ratelimit" not in answer.headers
    assert set(rows(daemon)) == {"admin", "env-2", "viewer"}
    assert daemon.auth(ADMIN[:-1] + "0").status == 401


def test_no_token_is_left_in_the_process_or_in_a_file(prepared):
    daemon = with_environment(prepared, API_TOKENS=f"admin:{ADMIN}", API_TOKEN=VIEWER).start()
    pid = daemon.process.pid
    environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"API_TOKEN=" in environ and b"API_TOKENS=" in environ
    assert ADMIN.encode() not in environ and VIEWER.encode() not in environ
    assert b"admin:" not in environ
    for path in daemon.folder.rglob("*"):
        if path.is_file():
            content = written_bytes(path)
            assert ADMIN.encode() not in content and VIEWER.encode() not in content, path


@pytest.mark.parametrize("variables, named", [
    ({"API_TOKENS": f"admin:{ADMIN},viewer:tooshort"}, "API_TOKENS, entry 2 (viewer)"),
    ({"API_TOKENS": f"admin:{ADMIN},viewer:{ADMIN}"}, "API_TOKENS, entry 2 (viewer)"),
    ({"API_TOKENS": "admin:"}, "API_TOKENS, entry 1 (admin)"),
    ({"API_TOKEN": "short"}, "API_TOKEN: "),
])
def test_what_can_be_no_token_ends_the_start(prepared, variables, named):
    status, said = refused_start(with_environment(prepared, **variables))
    assert status in (1, 2)
    assert named in said
    assert "tooshort" not in said


def test_rows_follow_the_environment_over_restarts(prepared):
    daemon = with_environment(prepared, API_TOKENS=f"admin:{ADMIN},viewer:{VIEWER}").start()
    assert daemon.auth(VIEWER).status == 200
    with_environment(daemon, API_TOKENS=f"admin:{ADMIN}").restart()
    answer = daemon.auth(VIEWER)
    assert answer.status == 401 and answer.json["code"] == "disabled"
    assert daemon.auth(ADMIN).status == 200
    with_environment(daemon, API_TOKENS=f"admin:{ADMIN},viewer:{VIEWER}").restart()
    assert daemon.auth(VIEWER).status == 200
    assert rows(daemon)["viewer"]["request_count"] == 2


def test_they_can_be_revoked_and_not_edited(prepared):
    daemon = with_environment(prepared, API_TOKENS=f"admin:{ADMIN}").start()
    row = rows(daemon)["admin"]
    answer = daemon.manage("PATCH", f"/api/v1/auth/tokens/{row['id']}", {"tier": "pro"})
    assert answer.status == 409 and "API_TOKENS" in answer.json["detail"]
    daemon.revoke(row["id"])
    assert daemon.auth(ADMIN).json["code"] == "revoked"
    daemon.restart()
    assert daemon.auth(ADMIN).json["code"] == "revoked"
    assert "API_TOKENS, entry 1 (admin): it was revoked" in daemon.log()


def test_the_shared_token_leaves_in_phases(prepared, make_proxy):
    daemon = with_environment(prepared, API_TOKEN=ADMIN, API_TOKENS=f"viewer:{VIEWER}").start()
    assert daemon.auth(ADMIN).headers["x-auth-user"] == "shared"
    assert daemon.auth(ADMIN).headers["x-auth-warning"] == "-"
    daemon.settings["migration.shared_token"] = "warn"
    daemon.restart()
    assert daemon.auth(ADMIN).headers["x-auth-warning"] == "shared_token"
    assert daemon.auth(VIEWER).headers["x-auth-warning"] == "-"
    verdict = daemon.manage("POST", "/api/v1/verify", {"token": ADMIN}).json
    assert verdict["valid"] and [row["code"] for row in verdict["warnings"]] == ["shared_token"]
    assert daemon.manage("POST", "/api/v1/verify", {"token": VIEWER}).json["warnings"] == []
    assert daemon.metrics()["tokenry_shared_token_uses_total"] == 2
    proxy = make_proxy(daemon)
    answer = proxy.get("/", {**bearer(ADMIN), "X-Auth-Warning": "forged"})
    assert answer.status == 200 and answer.headers["x-auth-warning"] == "shared_token"
    assert "forged" not in answer.body.decode()
    assert "x-auth-warning" not in proxy.get("/", bearer(VIEWER)).headers
    daemon.settings["migration.shared_token"] = "refuse"
    daemon.restart()
    answer = daemon.auth(ADMIN)
    assert answer.status == 401 and answer.json["code"] == "disabled"
    assert answer.headers["x-auth-warning"] == "-"
    assert daemon.auth(VIEWER).status == 200


def test_a_killed_daemon_has_them_all_at_its_next_start(prepared):
    daemon = with_environment(prepared, API_TOKENS=f"admin:{ADMIN}").start()
    os.kill(daemon.process.pid, signal.SIGKILL)
    daemon.process.wait()
    with_environment(daemon, API_TOKENS=f"viewer:{VIEWER}").start()
    assert eventually(lambda: daemon.auth(VIEWER).status == 200)
    assert daemon.auth(ADMIN).json["code"] == "disabled"
