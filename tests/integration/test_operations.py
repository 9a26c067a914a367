# SPDX-License-Identifier: Apache-2.0
"""What docs/operations.md tells operators to do, done: copies, restoring, moving the data,
removing the runtime directory, changing the window kinds."""

import shutil
import subprocess
import time

from harness import TOKENRY, eventually
from journal import check, start_clients


def backup(daemon, target):
    done = subprocess.run(["sqlite3", str(daemon.data / "tokenry.db"), f".backup {target}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return target


def test_a_copy_that_was_made_under_load_has_everything_until_then(make_daemon, tmp_path):
    daemon = make_daemon().init().start()
    clients, stop = start_clients(daemon, 4)
    eventually(lambda: sum(client.answered for client in clients) > 100, 20, "load")
    known = [entry for client in clients for entry in list(client.entries)]
    known = [(entry.id, entry.text, entry.revoked) for entry in known]
    copy = backup(daemon, tmp_path / "copy.db")
    stop.set()
    for client in clients:
        client.join(30)
        assert client.wrong == []
    assert check(daemon, [entry for client in clients for entry in client.entries]) == []

    restored = make_daemon(name="restored")
    restored.data.mkdir(mode=0o700)
    shutil.copy(copy, restored.data / "tokenry.db")
    restored.admin = daemon.admin
    restored.start()
    assert len(known) > 5
    for token_id, text, revoked in known:
        assert restored.show(token_id)["id"] == token_id
        if revoked:
            assert restored.auth(text).json["code"] == "revoked"


def test_restoring_an_old_copy_beside_the_segment_of_today_takes_the_copy(make_daemon, tmp_path):
    """The segment knows more than the copy; it must not be believed."""
    daemon = make_daemon().init().start()
    old = daemon.create(name="old")
    copy = backup(daemon, tmp_path / "copy.db")
    new = daemon.create(name="new")
    assert daemon.auth(new["token"]).status == 200
    assert daemon.stop() == 0
    for name in ("tokenry.db-wal", "tokenry.db-shm"):
        (daemon.data / name).unlink(missing_ok=True)
    shutil.copy(copy, daemon.data / "tokenry.db")
    daemon.start()
    assert daemon.auth(old["token"]).status == 200
    assert daemon.auth(new["token"]).status == 401
    again = daemon.create(name="again")
    assert daemon.auth(again["token"]).status == 200


def test_the_data_directory_may_be_moved(make_daemon):
    daemon = make_daemon().init().start()
    token = daemon.create()
    assert daemon.auth(token["token"]).status == 200
    assert daemon.stop() == 0
    moved = daemon.folder / "elsewhere"
    daemon.data.rename(moved)
    daemon.data = moved
    daemon.start()
    assert daemon.auth(token["token"]).status == 200
    assert daemon.show(token["id"])["request_count"] == 2


def test_changing_the_kind_of_a_window_grants_none_of_it_twice(make_daemon):
    daemon = make_daemon({"limits.minute": "sliding", "limits.hour": "fixed"}).init().start()
    token = daemon.create(limits={"minute": 3, "hour": 5})["token"]
    # A minute of the clock that begins meanwhile is a new window, and rightly grants again.
    eventually(lambda: time.time() % 60 < 50, 15, "a minute with time left")
    assert [daemon.auth(token).status for _ in range(4)] == [200, 200, 200, 429]
    assert daemon.stop() == 0
    daemon.settings = {"limits.minute": "fixed", "limits.hour": "sliding"}
    daemon.start()
    assert daemon.auth(token).status == 429


def test_tiers_are_rows_that_an_operator_edits(make_daemon):
    daemon = make_daemon().init().start()
    names = {row["name"]: row for row in daemon.manage("GET", "/api/v1/tiers").json["data"]}
    assert names["free"]["limits"] == {"minute": 60, "hour": 1000, "day": 10_000}
    assert names["pro"]["limits"] == {"minute": 600, "hour": 20_000, "day": 500_000}
    assert names["enterprise"]["limits"] == {"minute": 6000, "hour": 200_000, "day": 10_000_000}
    token = daemon.create(tier="free")["token"]
    daemon.cli("tier", "set", "free", "--limit", "minute=2", "--socket", daemon.socket)
    assert [daemon.auth(token).status for _ in range(3)] == [200, 200, 429]
    daemon.restart()
    assert daemon.auth(token).status == 429


def test_check_config_accepts_the_example_and_names_what_is_wrong(tmp_path):
    example = subprocess.run([TOKENRY, "check-config", "--example"], capture_output=True, text=True)
    assert example.returncode == 0
    path = tmp_path / "tokenry.conf"
    path.write_text(example.stdout)
    assert subprocess.run([TOKENRY, "check-config", str(path)], capture_output=True).returncode == 0
    path.write_text("[server]\nidle_s = 0\nsocket_moed = 0600\n")
    wrong = subprocess.run([TOKENRY, "check-config", str(path)], capture_output=True, text=True)
    assert wrong.returncode != 0
    for words in (f"{path}:2", "server.idle_s", "1..86400", f"{path}:3", "socket_moed"):
        assert words in wrong.stderr + wrong.stdout
