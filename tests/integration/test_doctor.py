# SPDX-License-Identifier: Apache-2.0
"""`tokenry doctor`: on a sound installation it finds nothing, and each check finds what it is for,
with a daemon and without one. It changes nothing."""

import contextlib
import fcntl
import http.server
import json
import os
import shutil
import signal
import socketserver
import sqlite3
import subprocess
import threading
import time

import pytest
from harness import TOKENRY, eventually
from namespace import Namespace

DONE, REFUSED, USAGE = 0, 1, 2
CHECKS = ["configuration", "data_directory", "permissions", "disk_data", "database", "audit_log",
          "clock", "runtime_directory", "disk_runtime", "segment", "open_files", "address",
          "certificate", "channels", "rotation_targets", "daemon"]


def doctor(daemon, *arguments, wrapper=(), **settings):
    """{check: finding}; the exit status must say what they say."""
    environment = daemon.environment() | {
        "TOKENRY_" + name.replace(".", "_").upper(): str(value)
        for name, value in settings.items()}
    environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    done = subprocess.run([*wrapper, TOKENRY, "doctor", "--json", "--data", str(daemon.data),
                           *arguments], capture_output=True, text=True, timeout=60,
                          env=environment, stdin=subprocess.DEVNULL)
    report = json.loads(done.stdout)
    found = {row["name"]: row for row in report["checks"]}
    failed = [name for name, row in found.items() if row["outcome"] == "failed"]
    assert report["ok"] == (failed == []) and report["failed"] == len(failed)
    assert done.returncode == (REFUSED if failed else DONE), done
    for row in found.values():
        assert (row["to_do"] is not None) == (row["outcome"] in ("warning", "failed")), row
    return found


def outcomes(found, *but):
    return {name: row["outcome"] for name, row in found.items() if name not in but}


def edit(daemon, statement):
    with contextlib.closing(sqlite3.connect(daemon.data / "tokenry.db")) as database:
        database.execute(statement)
        database.commit()


@pytest.fixture
def idle(make_daemon):
    """An installation without a daemon."""
    return make_daemon().init()


@pytest.fixture
def namespace():
    one = Namespace()
    yield one
    one.close()


# --- a sound one ---

def test_nothing_is_wrong_with_a_sound_installation(make_daemon):
    daemon = make_daemon({"server.runtime_directory": f"/dev/shm/tokenry-doctor-{os.getpid()}"})
    try:
        daemon.init()
        resting = doctor(daemon)
        assert list(resting) == CHECKS
        assert set(outcomes(resting).values()) == {"ok", "skipped"}, resting
        daemon.start()
        files = sorted(path.name for path in daemon.data.iterdir())
        running = doctor(daemon, **{"server.socket": daemon.socket})
        skipped = {name for name, row in running.items() if row["outcome"] == "skipped"}
        assert skipped == {"certificate", "channels", "rotation_targets"}, running
        assert set(outcomes(running).values()) == {"ok", "skipped"}, running
        assert sorted(path.name for path in daemon.data.iterdir()) == files
        daemon.stop()
    finally:
        shutil.rmtree(daemon.settings["server.runtime_directory"], ignore_errors=True)


def test_people_get_a_table(idle):
    done = idle.cli("doctor")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["CHECK", "OUTCOME", "FOUND"]
    assert any(line.startswith("database") and " ok " in line for line in lines)
    assert lines[-1] == "0 failed, 1 warnings"  # the test's runtime directory is on a disk
    (idle.data / "tokenry.db").chmod(0o644)
    done = idle.cli("doctor", check=False)
    assert done.returncode == REFUSED and "chmod go-rwx it" in done.stdout


# --- each check ---

def test_a_wrong_configuration_is_all_that_is_told(idle):
    done = idle.cli("doctor", "--config", "/nowhere/tokenry.conf", check=False)
    assert done.returncode == REFUSED
    assert "/nowhere/tokenry.conf" in done.stderr and "database" not in done.stdout


def test_a_missing_data_directory(make_daemon):
    found = doctor(make_daemon())
    assert found["data_directory"]["outcome"] == "failed"
    assert found["database"]["outcome"] == found["permissions"]["outcome"] == "skipped"


def test_a_data_directory_that_others_may_write(idle):
    idle.data.chmod(0o770)
    assert doctor(idle)["data_directory"]["outcome"] == "failed"


@pytest.mark.parametrize("name", ["tokenry.db", "audit.key", "tokenry.lock"])
def test_a_file_that_others_may_read(idle, name):
    (idle.data / name).chmod(0o640)
    row = doctor(idle)["permissions"]
    assert row["outcome"] == "failed" and name in row["detail"]


def test_a_socket_that_is_more_open_than_configured(daemon):
    os.chmod(daemon.socket, 0o666)
    row = doctor(daemon, **{"server.socket": daemon.socket})["permissions"]
    assert row["outcome"] == "failed" and "0666" in row["detail"]


def test_a_segment_that_others_may_write(daemon):
    (daemon.folder / "run" / "keys").chmod(0o662)
    assert doctor(daemon)["permissions"]["outcome"] == "failed"


def test_a_small_disk(idle, namespace):
    for name, size, wanted in (("few", "40m", "failed"), ("some", "300m", "warning")):
        folder = idle.folder / name
        namespace.tmpfs(folder, size)
        namespace.run("cp", "-a", str(idle.data), str(folder / "data"))
        done = subprocess.run([*namespace.wrapper, TOKENRY, "doctor", "--json", "--data",
                               str(folder / "data")], capture_output=True, text=True, timeout=60,
                              env=idle.environment())
        found = {row["name"]: row for row in json.loads(done.stdout)["checks"]}
        assert found["disk_data"]["outcome"] == wanted, found["disk_data"]


def test_a_small_runtime_directory(idle, namespace):
    folder = idle.folder / "small"
    namespace.tmpfs(folder, "16m")
    found = doctor(idle, wrapper=namespace.wrapper, **{"server.runtime_directory": folder})
    assert found["disk_runtime"]["outcome"] == "failed"
    assert found["runtime_directory"]["outcome"] == "ok"


def test_a_runtime_directory_on_a_disk(idle):
    assert doctor(idle)["runtime_directory"]["outcome"] == "warning"


def test_a_damaged_database(idle):
    path = idle.data / "tokenry.db"
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 100)
    row = doctor(idle)["database"]
    assert row["outcome"] == "failed" and "restore" in row["to_do"]


def test_a_database_of_another_version(idle):
    edit(idle, "INSERT INTO schema_migrations VALUES (99, 'later', 0)")
    row = doctor(idle)["database"]
    assert row["outcome"] == "failed" and "99" in row["detail"]
    edit(idle, "DELETE FROM schema_migrations WHERE version > 3")
    assert doctor(idle)["database"]["outcome"] == "warning"


def test_an_audit_log_whose_end_was_set_back(idle):
    edit(idle, "UPDATE meta SET audit_seq = audit_seq - 1")
    assert doctor(idle)["audit_log"]["outcome"] == "failed"


def test_an_audit_log_without_its_key(idle):
    (idle.data / "audit.key").unlink()
    assert doctor(idle)["audit_log"]["outcome"] == "failed"


def test_a_clock_that_went_back(idle):
    edit(idle, f"UPDATE meta SET clock_ms = {int(time.time() * 1000) + 3_600_000}")
    row = doctor(idle)["clock"]
    assert row["outcome"] == "failed" and "--reset-clock" in row["to_do"]


def test_a_clock_that_went_back_beside_a_daemon(daemon):
    found = doctor(daemon, wrapper=("faketime", "-f", "-1h"))
    assert found["clock"]["outcome"] == "failed"


def test_a_clock_of_another_age(idle):
    assert doctor(idle, wrapper=("faketime", "-f", "-20y"))["clock"]["outcome"] == "failed"


def test_too_few_open_files(make_daemon):
    daemon = make_daemon(wrapper=("prlimit", "--nofile=600:600")).init().start()
    row = doctor(daemon)["open_files"]
    assert row["outcome"] == "warning" and "600" in row["detail"]


def test_an_address_that_others_reach_in_clear(idle):
    for listen, wanted in ((":8080", "warning"), ("192.0.2.1:80", "warning"), ("[::1]:80", "ok"),
                           ("127.0.0.1:80", "ok")):
        assert doctor(idle, **{"server.listen": listen})["address"]["outcome"] == wanted


def test_notification_channels(idle):
    path = idle.folder / "channels.conf"
    for text, mode, wanted, word in (
            ("[ops]\ntype = log\n", 0o600, "ok", "1 in "),
            ("[ops]\ntype = pigeon\n", 0o600, "failed", "type"),
            ("[ops]\ntype = log\n", 0o666, "failed", str(path))):
        path.write_text(text)
        path.chmod(mode)
        row = doctor(idle, **{"notify.channels_file": path})["channels"]
        assert row["outcome"] == wanted and word in row["detail"], row


def test_rotation_targets(idle):
    path = idle.folder / "targets.conf"
    for text, mode, wanted, word in (
            ("[deploy]\ntype = file\npath = /etc/deploy/token\n", 0o600, "ok", "1 in "),
            ("[deploy]\ntype = pigeon\n", 0o600, "failed", "type"),
            ("[deploy]\ntype = file\npath = /t\n", 0o666, "failed", str(path))):
        path.write_text(text)
        path.chmod(mode)
        row = doctor(idle, **{"rotation.targets_file": path})["rotation_targets"]
        assert row["outcome"] == wanted and word in row["detail"], row
        environment = idle.environment() | {"TOKENRY_ROTATION_TARGETS_FILE": str(path)}
        done = subprocess.run([TOKENRY, "check-config"], env=environment, capture_output=True,
                              text=True, check=False)
        assert done.returncode == (DONE if wanted == "ok" else USAGE), done
        assert wanted == "ok" or word in done.stderr, done


def test_a_daemon_that_hangs(make_daemon):
    daemon = make_daemon({"segment.stale_s": 1}).init().start()
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        def stale():  # after segment.stale_s
            found = doctor(daemon, **{"server.socket": daemon.socket})
            return found if found["segment"]["outcome"] == "failed" else None
        found = eventually(stale, 30, "a segment that nobody keeps fresh")
        assert found["daemon"]["outcome"] == "failed"
        assert str(daemon.process.pid) in found["daemon"]["detail"]
    finally:
        daemon.process.send_signal(signal.SIGCONT)


# --- what the daemon says of itself ---

class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)


@contextlib.contextmanager
def pretender(daemon, status):
    """Holds the directory and answers as a daemon would."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(status).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    lock = os.open(daemon.data / "tokenry.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with Unix(daemon.socket, Handler) as server:
        os.chmod(daemon.socket, 0o660)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
    os.close(lock)


@pytest.mark.parametrize("change,wanted,word", [
    ({}, "ok", "answers"),
    ({"version": "9.9.9"}, "warning", "9.9.9"),
    ({"store": {"changes_accepted": False, "last_commit": "io"}}, "failed", "no changes"),
    ({"store": {"changes_accepted": True, "last_commit": "no_space"}}, "failed", "no_space"),
])
def test_what_the_daemon_says(idle, change, wanted, word):
    version = subprocess.run([TOKENRY, "version"], capture_output=True,
                             text=True).stdout.split()[-1]
    status = {"version": version, "store": {"changes_accepted": True, "last_commit": "ok"}}
    (idle.data / "socket").unlink(missing_ok=True)
    with pretender(idle, status | change):
        row = doctor(idle, **{"server.socket": idle.socket})["daemon"]
    assert row["outcome"] == wanted and word in row["detail"], row


# --- certificates ---

@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")

    def make(days, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-days", str(days), "-keyout", folder / f"{name}.key", "-out",
                        folder / f"{name}.pem"], check=True, capture_output=True)
    for days, name in ((365, "good"), (20, "soon"), (3, "late"), (365, "other")):
        make(days, name)
    subprocess.run(["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", folder / "good.key",
                    "-out", folder / "locked.key"], check=True, capture_output=True)
    (folder / "text.pem").write_text("no certificate\n")
    return folder


@pytest.mark.parametrize("certificate,key,wanted,word", [
    ("good.pem", "good.key", "ok", "belongs"),
    ("soon.pem", "soon.key", "warning", "ends in 19 days"),
    ("late.pem", "late.key", "failed", "ends in 2 days"),
    ("good.pem", "other.key", "failed", "does not belong"),
    ("good.pem", "locked.key", "failed", "no usable key"),
    ("good.pem", "none.key", "failed", "No such file"),
    ("text.pem", "good.key", "failed", "no whole certificate"),
])
def test_certificates(idle, pairs, certificate, key, wanted, word):
    row = doctor(idle, **{"server.tls_certificate": pairs / certificate,
                          "server.tls_key": pairs / key})["certificate"]
    assert row["outcome"] == wanted and word in row["detail"], row


def test_a_certificate_that_ended_or_is_not_yet(idle, pairs):
    given = {"server.tls_certificate": pairs / "late.pem", "server.tls_key": pairs / "late.key"}
    row = doctor(idle, wrapper=("faketime", "-f", "+4d"), **given)["certificate"]
    assert row["outcome"] == "failed" and "ended" in row["detail"]
    row = doctor(idle, wrapper=("faketime", "-f", "-1d"), **given)["certificate"]
    assert row["outcome"] == "failed" and "before" in row["detail"]


def test_a_key_that_others_may_read(idle, pairs):
    (pairs / "good.key").chmod(0o644)
    row = doctor(idle, **{"server.tls_certificate": pairs / "good.pem",
                          "server.tls_key": pairs / "good.key"})["permissions"]
    (pairs / "good.key").chmod(0o600)
    assert row["outcome"] == "failed" and "good.key" in row["detail"]


@pytest.mark.skipif(os.getuid() != 0, reason="to become another user")
def test_root_looks_as_the_user_whose_directory_it_is(idle):
    subprocess.run(["chown", "-R", "nobody", idle.data, idle.folder / "run"], check=True)
    found = doctor(idle)
    # The test's own folder is root's, so that nobody may not get there: that is told, and nothing
    # was made in it as root.
    assert found["data_directory"]["outcome"] in ("ok", "failed")
    assert {path.stat().st_uid for path in idle.data.iterdir() if not path.is_symlink()} != {0}
