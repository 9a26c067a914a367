# SPDX-License-Identifier: Apache-2.0
"""A plaintext token exists in a request and in the answer that created it, and nowhere
else: not in the log, the database, the segment, the metrics, an error text, the process
title or its environment."""

import hashlib
import os
import pathlib
import re
import sqlite3
import subprocess

import pytest
from harness import TOKENRY, bearer, eventually, raw_exchange, written_bytes


@pytest.fixture
def talked_to(make_daemon):
    """A daemon with the most talkative log, after every kind of request with tokens in it,
    and the secrets that were in them."""
    daemon = make_daemon({"log.level": "debug"}).init().start()
    secrets = [daemon.admin]

    def secret(text):
        secrets.append(text)
        return text

    made = daemon.create(user="alice", name="one", limits={"minute": 2})
    good = secret(made["token"])
    revoked = daemon.create(name="two")
    daemon.create(name="foreign", token=secret("Chosen-by-Somebody-2019=="))
    daemon.revoke(revoked["id"])
    unknown = secret("sk_live_" + "Zq9" * 16 + "x")
    for text in (good, secret(revoked["token"]), unknown, "Chosen-by-Somebody-2019=="):
        for _ in range(4):
            daemon.auth(text)
        daemon.request("GET", "/auth", {"X-API-Key": text})
        daemon.request("GET", "/auth?mode=nginx&scope=a:b", bearer(text))
        daemon.manage("POST", "/api/v1/verify", {"token": text, "explain": True})
        daemon.manage("POST", "/api/v1/verify", {"token": text, "unknown": 1})
        daemon.manage("POST", "/api/v1/verify/batch", {"requests": [{"token": text}]})
        daemon.get("/api/v1/auth/me", bearer(text))
        daemon.get("/api/v1/auth/tokens", bearer(text))
        daemon.request("DELETE", f"/api/v1/auth/tokens/{text}", bearer(daemon.admin))
        daemon.get(f"/{text}", bearer(text))
        daemon.auth(text, f"?user={text}")
        daemon.auth(text, f"?{text}=1")
        daemon.request("GET", "/auth", [("Authorization", f"Bearer {text}"), ("X-API-Key", text + "x")])
        daemon.request("GET", "/auth", {**bearer(text), "X-Request-Id": text, "User-Agent": text})
        daemon.manage("POST", "/api/v1/auth/tokens", {"user_id": "a", "name": "n", "token": text})
        daemon.manage("POST", "/api/v1/auth/tokens", '{"user_id":"a","token":"' + text)
        raw_exchange(("127.0.0.1", daemon.port), f"{text} {text} {text}\r\n\r\n".encode(), timeout=3)
        daemon.cli("verify", "--token-stdin", stdin=text + "\n", check=False)
    # Pasted into places that are stored or shown: of our form, they are told by their checksum.
    for text in (good, revoked["token"]):
        for body in ({"user_id": "a", "name": f"see {text}"}, {"user_id": text, "name": "n"},
                     {"user_id": "a", "name": "n", "metadata": {"deep": [text]}},
                     {"user_id": "a", "name": "n", "scopes": [text]}):
            assert daemon.manage("POST", "/api/v1/auth/tokens", body).status == 400
        small = {"user_id": "a", "name": "n"}
        assert daemon.manage("POST", "/api/v1/auth/tokens", small,
                             headers={"Idempotency-Key": text}).status == 400
        assert daemon.manage("POST", "/api/v1/auth/tokens", small,
                             headers={"User-Agent": f"curl/7 {text}"}).status == 201
        path = f"/api/v1/auth/tokens/{made['id']}?reason={text}"
        assert daemon.manage("DELETE", path).status == 400
    return daemon, secrets


def files(folder):
    return [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]


def test_no_file_of_the_daemon_holds_a_plaintext_token(talked_to):
    daemon, secrets = talked_to
    looked_at = files(daemon.folder)
    assert any(path.suffix == ".db" for path in looked_at)
    assert daemon.log_path in looked_at
    for _ in range(2):  # running, and stopped
        for path in files(daemon.folder):
            data = written_bytes(path)
            for secret in secrets:
                assert secret.encode() not in data, path
        daemon.stop()


def test_no_process_title_or_environment_holds_one(talked_to):
    daemon, secrets = talked_to
    for name in ("cmdline", "environ", "comm"):
        try:
            data = pathlib.Path(f"/proc/{daemon.process.pid}/{name}").read_bytes()
        except PermissionError:
            continue  # then nobody else can read it either
        for secret in secrets:
            assert secret.encode() not in data, name


def test_no_metric_or_status_holds_one(talked_to):
    daemon, secrets = talked_to
    for path in ("/metrics", "/api/v1/system/status", "/api/v1/auth/tokens?include_inactive=true"):
        answer = daemon.manage("GET", path)
        for secret in secrets:
            assert secret.encode() not in answer.body, path


def test_the_database_and_its_directory_are_for_the_owner_only(daemon):
    assert os.stat(daemon.data).st_mode & 0o077 == 0
    for path in files(daemon.data):
        if not path.is_socket():
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_daemon_leaves_no_core_dump(daemon):
    limits = pathlib.Path(f"/proc/{daemon.process.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4] == "0"


@pytest.mark.parametrize("words", [("verify",), ("check-token",), ("create", "--user", "a", "--name", "n")])
def test_no_command_that_reads_a_token_leaves_a_core_dump(tmp_path, words):
    """It waits for its standard input meanwhile, so that it can be looked at."""
    process = subprocess.Popen([TOKENRY, *words, "--token-stdin", "--data", str(tmp_path / "none")],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        def core_size():
            limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
            return re.search(r"^Max core file size\s+(\S+)", limits, re.MULTILINE)[1]
        eventually(lambda: core_size() == "0", what="a core limit of 0")
    finally:
        process.kill()
        process.communicate()


def test_only_digests_are_stored(daemon):
    made = daemon.create()
    daemon.stop()
    (path,) = daemon.data.glob("*.db")
    with sqlite3.connect(path) as database:
        (digest,) = database.execute("SELECT digest FROM tokens WHERE id = ?", (made["id"],)).fetchone()
    assert bytes(digest) == hashlib.sha256(made["token"].encode()).digest()
