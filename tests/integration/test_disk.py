# SPDX-License-Identifier: Apache-2.0
"""The disk is full, read-only or damaged; the directory is held by another; the database
is of a newer version. Verification goes on where it can, and nothing is overwritten."""

import hashlib
import shutil
import sqlite3
import subprocess

import harness
import pytest
from harness import eventually
from namespace import Namespace

TOKENS = "/api/v1/auth/tokens"
BODY = {"user_id": "alice", "name": "n"}


@pytest.fixture
def namespace():
    one = Namespace()
    yield one
    one.close()


def within(namespace, daemon):
    """Runs this daemon and its subcommands inside the namespace."""
    daemon.wrapper = namespace.wrapper
    daemon.cli = lambda *arguments, **_: _run(namespace, daemon, arguments)
    return daemon


def _run(namespace, daemon, arguments):
    return subprocess.run([*namespace.wrapper, harness.TOKENRY, *arguments, "--data",
                           str(daemon.data)], capture_output=True, text=True, timeout=60,
                          env=daemon.environment(), stdin=subprocess.DEVNULL)


def test_a_full_disk_refuses_changes_answers_verifications_and_heals(make_daemon, namespace):
    daemon = within(namespace, make_daemon())
    namespace.tmpfs(daemon.data, "8m")
    daemon.init().start()
    token = daemon.create(tier="enterprise")
    victim = daemon.create(name="victim")
    namespace.fill(daemon.data)

    refused = eventually(lambda: _refusal(daemon), 30, "a change that is refused")
    assert refused.status == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json["code"] == "no_space"
    assert int(refused.headers["retry-after"]) >= 1
    for _ in range(50):
        assert daemon.auth(token["token"]).status == 200
    assert daemon.manage("DELETE", f"{TOKENS}/{victim['id']}").status == 503
    assert daemon.auth(victim["token"]).status == 200  # not acknowledged, so not revoked
    assert daemon.get("/api/v1/auth/health").status == 200

    namespace.free(daemon.data)
    eventually(lambda: daemon.manage("POST", TOKENS, BODY).status == 201, 30, "healing")
    assert daemon.manage("DELETE", f"{TOKENS}/{victim['id']}").status in (200, 204)
    assert daemon.auth(victim["token"]).json["code"] == "revoked"
    daemon.restart()
    assert daemon.auth(token["token"]).status == 200
    assert daemon.auth(victim["token"]).json["code"] == "revoked"
    assert daemon.show(token["id"])["request_count"] >= 50


def test_events_of_verifications_wait_for_a_full_disk(make_daemon, namespace):
    """They are kept in memory, and the log has them all once there is room again."""
    daemon = within(namespace, make_daemon({"audit.successes": "all"}))
    namespace.tmpfs(daemon.data, "8m")
    daemon.init().start()
    made = daemon.create(tier="enterprise")
    namespace.fill(daemon.data)
    eventually(lambda: _refusal(daemon), 30, "a change that is refused")
    for _ in range(500):
        assert daemon.auth(made["token"]).status == 200
    eventually(lambda: "auth_events_wait" in daemon.log(), 30, "that events wait")
    assert daemon.auth("nobody-knows-this-token-of-mine").status == 401
    namespace.free(daemon.data)
    eventually(lambda: "auth_events_recovered" in daemon.log(), 30, "that events are stored")
    def stored(query):
        return daemon.manage("GET", f"/api/v1/audit/events?limit=1000&{query}").json["data"]
    assert len(stored(f"type=auth.allowed&token_id={made['id']}")) == 500
    assert len(stored("type=auth.refused&verdict=not_found")) == 1
    assert daemon.stop() == 0
    assert daemon.cli("audit", "verify").returncode == 0


def _refusal(daemon):
    answer = daemon.manage("POST", TOKENS, {**BODY, "metadata": {"k": "v" * 3000}})
    assert answer.status in (201, 503), answer
    return answer if answer.status == 503 else None


def test_a_full_runtime_directory_refuses_creates_and_never_crashes(make_daemon, namespace):
    daemon = within(namespace, make_daemon())
    namespace.tmpfs(daemon.folder / "run", "64m")
    daemon.init().start()
    token = daemon.create(tier="enterprise")["token"]
    namespace.fill(daemon.folder / "run")
    answers = [daemon.manage("POST", TOKENS, {**BODY, "metadata": {"k": "v" * 4000}})
               for _ in range(200)]
    assert {answer.status for answer in answers} <= {201, 503}
    for answer in answers:
        if answer.status == 201:
            assert daemon.auth(answer.json["token"]).status == 200
    assert daemon.auth(token).status == 200
    namespace.free(daemon.folder / "run")
    eventually(lambda: daemon.manage("POST", TOKENS, BODY).status == 201, 30, "healing")


def refuses_to_start(daemon, *words):
    """Ends with a status that is not 0 and says why; the database is as it was."""
    before = digests(daemon)
    daemon.spawn()
    status = daemon.process.wait(timeout=30)
    log = daemon.log()
    assert status != 0, log
    assert status < 128 and status > 0, f"ended by a signal: {status}"
    for word in words:
        assert word in log, log
    assert digests(daemon) == before
    return status


def digests(daemon):
    """Of what lasts: -shm is scratch, and an empty -wal says nothing."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in daemon.data.glob("*.db*")
            if not path.name.endswith("-shm") and path.stat().st_size > 0}


@pytest.fixture
def stopped(make_daemon):
    daemon = make_daemon().init().start()
    daemon.token = daemon.create()["token"]
    assert daemon.stop() == 0
    return daemon


def database(daemon):
    (path,) = daemon.data.glob("*.db")
    return path


def test_a_second_daemon_on_the_same_directory_is_refused(daemon, make_daemon):
    second = make_daemon(name="second")
    second.data, second.admin = daemon.data, daemon.admin
    second.spawn()
    assert second.process.wait(timeout=30) == 3
    assert str(daemon.data) in second.log()
    assert daemon.get("/api/v1/auth/health").status == 200
    assert daemon.create()["token"]


def test_a_second_daemon_on_the_same_port_is_refused(daemon, make_daemon):
    second = make_daemon(name="second").init()
    second.port = daemon.port
    second.spawn()
    assert second.process.wait(timeout=30) != 0
    assert f"127.0.0.1:{daemon.port}" in second.log()
    assert daemon.get("/api/v1/auth/health").status == 200


def test_a_database_of_a_newer_version_is_refused(stopped):
    with sqlite3.connect(database(stopped)) as connection:
        connection.execute("UPDATE schema_migrations SET version = 9999 "
                           "WHERE version = (SELECT max(version) FROM schema_migrations)")
    connection.close()
    refuses_to_start(stopped, "newer", "9999")


@pytest.mark.parametrize("where", ["header", "schema", "middle"])
def test_a_corrupt_database_is_refused(stopped, where):
    path = database(stopped)
    data = bytearray(path.read_bytes())
    start = {"header": 0, "schema": 100, "middle": len(data) // 2}[where]
    end = {"header": 64, "schema": 4096, "middle": len(data)}[where]
    data[start:end] = bytes((n * 37 + 11) % 256 for n in range(end - start))
    path.write_bytes(data)
    refuses_to_start(stopped, "tokenry.db")


def test_a_truncated_database_is_refused(stopped):
    path = database(stopped)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    refuses_to_start(stopped, "tokenry.db")


def test_a_file_that_is_no_database_is_refused(stopped):
    database(stopped).write_text("shopping list\n" * 1000)
    refuses_to_start(stopped, "tokenry.db")


def test_a_locked_database_is_refused_in_time(stopped):
    holder = sqlite3.connect(database(stopped), isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        stopped.spawn()
        assert stopped.process.wait(timeout=30) == 3
        assert "tokenry.db" in stopped.log()
    finally:
        holder.rollback()
        holder.close()
    stopped.start()
    assert stopped.auth(stopped.token).status == 200


def test_a_read_only_disk_is_refused(stopped, namespace):
    namespace.run("mount", "--bind", str(stopped.data), str(stopped.data))
    namespace.run("mount", "-o", "remount,ro,bind", str(stopped.data))
    stopped.wrapper = namespace.wrapper
    refuses_to_start(stopped, str(stopped.data))
    stopped.wrapper = []
    stopped.start()
    assert stopped.auth(stopped.token).status == 200


def test_a_damaged_segment_is_built_anew_and_counts_come_from_the_store(stopped):
    stopped.start()
    made = stopped.create(tier="enterprise")
    for _ in range(10):
        assert stopped.auth(made["token"]).status == 200
    assert stopped.stop() == 0
    for path in (stopped.folder / "run").rglob("keys*"):
        if path.is_file():
            path.write_bytes(b"\xa5" * min(path.stat().st_size, 1 << 20))
    stopped.start()
    assert stopped.auth(made["token"]).status == 200
    assert stopped.show(made["id"])["request_count"] == 11


def test_a_machine_that_rebooted_has_everything(stopped):
    """The runtime directory is on a tmpfs and gone after a reboot."""
    stopped.start()
    made = stopped.create(tier="enterprise")
    for _ in range(10):
        assert stopped.auth(made["token"]).status == 200
    assert stopped.stop() == 0
    shutil.rmtree(stopped.folder / "run")
    stopped.start()
    assert stopped.auth(made["token"]).status == 200
    assert stopped.show(made["id"])["request_count"] == 11
