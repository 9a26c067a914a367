# SPDX-License-Identifier: Apache-2.0
"""Old events of the audit log go to archives: with a real daemon whose clock is moved, that is
killed on the way, and whose disk is full."""

import glob
import itertools
import json
import os
import random
import shutil
import subprocess
import threading

import pytest

from harness import TOKENRY, bearer, eventually
from test_disk import namespace, within  # noqa: F401

DONE, REFUSED, USAGE = 0, 1, 2
DAY = 86400
EVENTS = 3000


class Clock:
    """Runs a daemon under libfaketime, so many seconds from the true time."""

    def __init__(self, folder):
        (library,) = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        self.file, self.ahead = folder / "offset", 0
        self.wrapper = ["env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={self.file}",
                        "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1",
                        "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        self.set(0)

    def set(self, seconds):
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self.file)
        self.ahead = seconds

    def advance(self, seconds):
        self.set(self.ahead + seconds)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def archives(tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    return folder


def settings(archives, **more):
    return {"audit.keep_days": 1, "audit.archive_directory": archives, "audit.successes": "all",
            **more}


@pytest.fixture
def daemon(make_daemon, clock, archives):
    return make_daemon(settings(archives), wrapper=clock.wrapper).init().start()


def add_events(daemon, token, count=EVENTS):
    """Each verification is one."""
    before = head(daemon)
    for _ in range(count // 1000):
        done = daemon.request("POST", "/api/v1/verify/batch", bearer(daemon.admin),
                              {"requests": [{"token": token}] * 1000})
        assert done.status == 200, done
    eventually(lambda: head(daemon) >= before + count, 30, "that they are stored")


def head(daemon):
    return daemon.manage("GET", "/api/v1/audit/chain").json["head_seq"]


def first(daemon):
    return daemon.manage("GET", "/api/v1/audit/chain").json["first_seq"]


def job(daemon):
    return {one["name"]: one
            for one in daemon.manage("GET", "/api/v1/system/jobs").json["data"]}["audit_retention"]


def verify(daemon, *arguments, wanted=DONE):
    done = daemon.cli("audit", "verify", "--json", *arguments, check=False)
    assert done.returncode == wanted, done
    return json.loads(done.stdout)


def kinds(looked):
    return {finding["finding"] for finding in looked["findings"]}


def files(archives):
    return sorted(path for path in archives.iterdir())


def events_of(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["seq"] for line in lines if line["object"] == "event"]


def archived(daemon, clock, archives):
    """A daemon with three archives, and what is in the log."""
    token = daemon.create(tier="enterprise")["token"]
    for number in range(3):
        add_events(daemon, token, 1000)
        daemon.stop()
        clock.advance(2 * DAY)
        daemon.start()
        eventually(lambda: len(files(archives)) == number + 1 and job(daemon)["state"] == "idle",
                   30, lambda: f"archive {number}: {job(daemon)}")
    daemon.create(name="later")
    return daemon


def test_old_events_are_in_archives_and_the_whole_is_one_chain(daemon, clock, archives):
    archived(daemon, clock, archives)
    seqs = list(itertools.chain.from_iterable(events_of(path) for path in files(archives)))
    assert seqs == list(range(1, first(daemon)))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files(archives))
    noted = daemon.manage("GET", "/api/v1/audit/events?type=audit.archived").json["data"]
    assert noted[0]["details"]["file"] == files(archives)[-1].name
    assert noted[0]["details"]["last"] == first(daemon) - 1
    alone = verify(daemon)
    assert alone["intact"] and alone["left"] and alone["first_seq"] == first(daemon), alone
    both = verify(daemon, "--archives", str(archives))
    assert both["intact"] and both["archives"] == 3 and both["archived_events"] == len(seqs), both
    # Checkpoints that the log kept from the beginning.
    kept = verify(daemon, "--archives", str(archives), "--checkpoints", str(daemon.log_path))
    assert kept["intact"] and kept["checkpoints"] > both["checkpoints"], kept
    assert verify(daemon, "--checkpoints", str(daemon.log_path))["intact"]
    # Archives on standard input, and elsewhere with the public key alone.
    text = "".join(path.read_text() for path in files(archives))
    done = daemon.cli("audit", "verify", "--archives", "-", stdin=text)
    assert "as it was written" in done.stdout
    line = [line for line in daemon.log().splitlines() if "tokenry-checkpoint-1" in line][-1]
    key = line[line.index("tokenry-checkpoint-1"):].split()[5]
    done = daemon.cli("audit", "verify", "--file", "-", "--public-key", key, "--json", stdin=text)
    assert json.loads(done.stdout)["signed_seq"] == first(daemon) - 1
    # And with an export of what is still there.
    export = daemon.cli("audit", "export").stdout
    done = daemon.cli("audit", "verify", "--file", "-", "--public-key", key, "--json",
                      stdin=text + export)
    assert json.loads(done.stdout)["events"] >= head(daemon) - 3


def test_an_archive_that_is_missing_altered_or_swapped_is_told(daemon, clock, archives):
    archived(daemon, clock, archives)
    daemon.stop()
    kept = archives.with_name("kept")
    shutil.copytree(archives, kept)
    one, two, three = files(archives)

    def told(finding, seq, where):
        looked = verify(daemon, "--archives", str(archives), wanted=REFUSED)
        assert any(found["finding"] == finding and found["seq"] <= seq <= found["until"]
                   and found["archive"] == where for found in looked["findings"]), looked
        shutil.rmtree(archives)
        shutil.copytree(kept, archives)
    seq = events_of(two)[0]
    two.unlink()
    told("missing", seq, three.name)
    one.unlink()
    told("missing", 1, None)
    three.unlink()
    told("missing", events_of(kept / three.name)[-1], None)
    text = two.read_text()
    altered = next(line for line in text.splitlines() if '"verdict":"valid"' in line)
    two.write_text(text.replace(altered, altered.replace("valid", "vald"), 1))
    told("changed", json.loads(altered)["seq"], two.name)
    shutil.copy(three, two)
    told("foreign", seq, two.name)
    assert verify(daemon, "--archives", str(archives))["intact"]
    done = daemon.cli("audit", "verify", "--archives", "/nowhere", check=False)
    assert done.returncode == REFUSED and "No such file" in done.stderr, done


def test_killed_anywhere_nothing_is_lost_and_nothing_twice(daemon, clock, archives):
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    token = daemon.create(tier="enterprise")["token"]
    for _ in range(8):
        add_events(daemon, token, EVENTS)
        daemon.stop()  # makes a checkpoint of them
        clock.advance(2 * DAY)
        daemon.start()
        threading.Event().wait(dice.random())  # somewhere in the run that is due now
        daemon.kill()
        clock.advance(120)  # the lease is over
        daemon.start()
    for _ in range(2):
        clock.advance(2 * DAY)
        runs = job(daemon)["runs"]
        eventually(lambda: job(daemon)["runs"] > runs and job(daemon)["state"] == "idle", 60,
                   lambda: f"seed {seed}: {job(daemon)}")
    looked = verify(daemon, "--archives", str(archives))
    assert looked["intact"], (seed, looked)
    seqs = list(itertools.chain.from_iterable(
        events_of(path) for path in files(archives) if path.suffix == ".ndjson"))
    assert seqs == list(range(1, first(daemon))), seed
    noted = daemon.manage("GET", "/api/v1/audit/events?type=audit.archived&limit=1000").json["data"]
    ranges = [(event["details"]["first"], event["details"]["last"]) for event in noted]
    assert len(set(ranges)) == len(ranges), (seed, ranges)


def test_a_full_disk_of_the_archive_loses_nothing(make_daemon, clock, archives, namespace):  # noqa: F811
    daemon = make_daemon(settings(archives))
    within(namespace, daemon)
    daemon.wrapper = [*daemon.wrapper, *clock.wrapper]
    namespace.tmpfs(archives, "128k")
    daemon.init().start()
    token = daemon.create(tier="enterprise")["token"]
    add_events(daemon, token, 1000)
    daemon.stop()
    clock.advance(2 * DAY)
    daemon.start()
    eventually(lambda: job(daemon)["last_outcome"] == "failed", 30, lambda: str(job(daemon)))
    assert "No space left" in job(daemon)["last_result"], job(daemon)
    assert first(daemon) == 1 and verify(daemon)["intact"]
    assert daemon.manage("GET", "/api/v1/audit/events?type=alert.job.failed").json["data"]
    assert daemon.auth(token).status == 200
    namespace.run("mount", "-o", "remount,size=16m", str(archives))
    done = daemon.run_job("audit_retention")
    assert "done" in done.stdout and first(daemon) > 1000, done


def test_the_configuration_says_where_old_events_go(tmp_path):
    for where, wanted in (("", USAGE), ("archive_directory = none\n", DONE),
                          ("archive_directory = /var/archives\n", DONE)):
        file = tmp_path / "tokenry.conf"
        file.write_text("[audit]\nkeep_days = 30\n" + where)
        done = subprocess.run([TOKENRY, "check-config", str(file)], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == wanted, done
        assert wanted == DONE or "audit.archive_directory" in done.stderr, done
