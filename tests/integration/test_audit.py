# SPDX-License-Identifier: Apache-2.0
"""The audit log: what is in it, who may read it, and that a change of it is found."""

import csv
import hashlib
import io
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import threading

import pytest

from harness import TOKENRY, bearer

DONE, REFUSED, USAGE = 0, 1, 2
EVENTS = "/api/v1/audit/events"
FIELDS = ["type", "org_id", "actor_user", "actor_token", "user_id", "token_id", "token_name",
          "verdict", "client", "user_agent", "method", "endpoint", "request_id", "ray_id",
          "details"]


def run(daemon, *arguments, wanted=DONE, **more):
    done = daemon.cli(*arguments, check=False, **more)
    assert done.returncode == wanted, done
    return done


def verify(daemon, *arguments, wanted=DONE):
    return json.loads(run(daemon, "audit", "verify", "--json", *arguments, wanted=wanted).stdout)


def kinds(looked):
    return {finding["finding"] for finding in looked["findings"]}


def events(daemon, query="", token=None):
    answer = daemon.request("GET", EVENTS + query, bearer(token or daemon.admin))
    assert answer.status == 200, answer
    return answer.json


def edit(daemon, *statements):
    """What somebody with a shell does, who has not the key."""
    with sqlite3.connect(daemon.data / "tokenry.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def head(daemon):
    with sqlite3.connect(daemon.data / "tokenry.db") as database:
        found = database.execute("SELECT audit_seq FROM meta").fetchone()[0]
    database.close()
    return found


# --- what is recorded ---

def test_a_change_is_an_event_with_who_and_whence(daemon):
    made = daemon.manage("POST", "/api/v1/auth/tokens", {"user_id": "alice", "name": "laptop"},
                         {"User-Agent": "probe/1", "X-Request-Id": "request-7"}).json
    run(daemon, "revoke", made["id"], "--reason", "lost", "--yes")
    revoked, created = events(daemon, f"?token_id={made['id']}")["data"]
    assert created["type"] == "token.create" and revoked["type"] == "token.revoke"
    assert revoked["seq"] > created["seq"]
    assert created["user_id"] == "alice" and created["token_name"] == "laptop"
    assert created["actor_token"].startswith("tok_") and created["actor_user"]
    assert created["client"] == "127.0.0.1" and created["user_agent"] == "probe/1"
    assert created["request_id"]
    assert revoked["details"]["reason"] == "lost" and revoked["actor_user"]
    daemon.auth(made["token"], headers={"User-Agent": "thief/2"})

    def tried():
        return events(daemon, f"?token_id={made['id']}&type=token.tried")["data"]
    for _ in range(100):
        if tried():
            break
        threading.Event().wait(0.1)  # it comes with the next flush
    assert tried()[0]["verdict"] == "revoked" and tried()[0]["user_agent"] == "thief/2"
    assert tried()[0]["endpoint"] and "verdict" not in tried()[0]["details"]


def test_the_list_filters_and_pages(daemon):
    for name in ("a", "b", "c"):
        daemon.create(name=name)
    rows = run(daemon, "audit", "list", "--type", "token.create", "--user", "alice").stdout
    assert [line.split()[-1] for line in rows.splitlines()[1:4]] == ["c", "b", "a"]
    first = json.loads(run(daemon, "audit", "list", "--limit", "2", "--json").stdout)
    second = json.loads(run(daemon, "audit", "list", "--limit", "2", "--cursor",
                            first["next_cursor"], "--json").stdout)
    seqs = [event["seq"] for event in first["data"] + second["data"]]
    assert seqs == list(range(seqs[0], seqs[0] - 4, -1))
    run(daemon, "audit", "list", "--from", "yesterday", wanted=USAGE)
    assert daemon.manage("GET", EVENTS + "?order=up").json["member"] == "order"
    assert daemon.manage("GET", EVENTS + "?cursor=x").json["member"] == "cursor"
    assert daemon.manage("GET", EVENTS + "?limit=1001").status == 400
    assert daemon.manage("GET", EVENTS + "?tokenid=1").status == 400


def test_an_auditor_reads_and_another_does_not(daemon):
    auditor = daemon.create(user="eve", name="audit", role="auditor", org_id="acme")["token"]
    plain = daemon.create(user="bob", name="plain", org_id="acme")["token"]
    daemon.create(user="carol", name="else", org_id="umbrella")
    assert daemon.request("GET", EVENTS, bearer(plain)).status == 403
    seen = events(daemon, "?limit=1000", auditor)["data"]
    assert seen and {event["org_id"] for event in seen} == {"acme"}
    assert daemon.request("GET", EVENTS + "?org_id=umbrella", bearer(auditor)).status in (403, 404)
    assert {event["org_id"] for event in events(daemon, "?limit=1000")["data"]} >= {"acme",
                                                                                  "umbrella"}


def test_a_collector_gets_each_event_once(daemon):
    cursor, seqs = "", []
    for round_ in range(4):
        daemon.create(name=f"n{round_}")
        while True:
            page = events(daemon, f"?order=oldest&limit=2{cursor}")
            seqs += [event["seq"] for event in page["data"]]
            if f"&cursor={page['next_cursor']}" == cursor:
                break
            cursor = f"&cursor={page['next_cursor']}"
    assert seqs == list(range(1, head(daemon) + 1))


# --- copies ---

def digest_of(event, at_ms, before):
    def part(text):
        return struct.pack(">I", len(text)) + text
    texts = [event[name] for name in FIELDS]
    texts[-1] = json.dumps(texts[-1], separators=(",", ":"), ensure_ascii=False) \
        if texts[-1] else ""
    return hashlib.sha256(b"TKA1" + before + struct.pack(">QQ", event["seq"], at_ms) +
                          b"".join(part((text or "").encode()) for text in texts)).digest()


def exported(text):
    """The events of a copy, without what it says of itself."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if line["object"] == "event"]


def public_key(daemon):
    line = [line for line in daemon.log().splitlines() if "tokenry-checkpoint-1" in line][-1]
    return line[line.index("tokenry-checkpoint-1"):].split()[5]


def verify_copy(daemon, text, *arguments, wanted=DONE):
    done = run(daemon, "audit", "verify", "--json", "--file", "-", *arguments, stdin=text,
               wanted=wanted)
    return json.loads(done.stdout)


def test_an_export_is_verified_elsewhere_with_the_public_key_alone(daemon):
    daemon.create(name="näme \"quoted\"", metadata={"a": "ä\u0001/\\", "r": 1.50})
    run(daemon, "audit", "record", "deploy", "success")
    daemon.stop()
    daemon.start()  # a clean stop makes a checkpoint
    daemon.create(name="behind it")
    copy, key = run(daemon, "audit", "export").stdout, public_key(daemon)
    looked = verify_copy(daemon, copy, "--public-key", key)
    assert looked["intact"] and looked["first_seq"] == 1, looked
    assert 0 < looked["signed_seq"] < looked["head_seq"] <= head(daemon), looked
    lines = copy.splitlines(keepends=True)
    signed = looked["signed_seq"]
    for name, altered, finding in [
            ("a letter", copy.replace("quoted", "quotex"), "changed"),
            ("an event less", "".join(lines[:2] + lines[3:]), "missing"),
            ("two swapped", "".join(lines[:2] + [lines[3], lines[2]] + lines[4:]), "missing"),
            ("cut off", "".join(lines[:signed] + lines[signed + 1:signed + 2]), "missing")]:
        assert altered != copy, name
        told = verify_copy(daemon, altered, "--public-key", key, wanted=REFUSED)
        assert finding in kinds(told) and not told["intact"], (name, told)
    # Nobody else's key, and no checkpoint: it may be anybody's.
    assert not verify_copy(daemon, copy, "--public-key", "00" * 32, wanted=REFUSED)["intact"]
    bare = "".join(line for line in lines if "audit_checkpoint" not in line)
    told = verify_copy(daemon, bare, "--public-key", key, wanted=REFUSED)
    assert told["findings"] == [] and not told["intact"], told
    # A copy of a choice says so by having no beginning.
    some = run(daemon, "audit", "export", "--type", "token.create").stdout
    done = run(daemon, "audit", "verify", "--file", "-", "--public-key", key, stdin=some,
               wanted=REFUSED)
    assert "does not say where it begins" in done.stderr, done
    run(daemon, "audit", "verify", "--file", "-", stdin=copy, wanted=USAGE)


def test_who_reads_one_organisation_copies_without_the_chain(daemon):
    auditor = daemon.create(user="eve", name="audit", role="auditor", org_id="acme")["token"]
    done = subprocess.run([TOKENRY, "audit", "export"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TOKENRY_URL": f"http://127.0.0.1:{daemon.port}",
                               "TOKENRY_TOKEN": auditor})
    assert done.returncode == 0, done
    assert {json.loads(line)["object"] for line in done.stdout.splitlines()} == {"event"}


def test_a_copy_can_be_verified_by_itself(daemon):
    daemon.create(name="näme \"quoted\"", metadata={"a": "ä\u0001/\\"})
    copied = exported(run(daemon, "audit", "export").stdout)
    assert [event["seq"] for event in copied] == list(range(1, head(daemon) + 1))
    with sqlite3.connect(daemon.data / "tokenry.db") as database:
        before = database.execute("SELECT audit_base FROM meta").fetchone()[0]
        times = dict(database.execute("SELECT number, at FROM events"))
    database.close()
    for event in copied:
        before = digest_of(event, times[event["seq"]], before)
        assert before.hex() == event["digest"], event


def test_a_table_has_no_formula_in_it(daemon):
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "plain", 'a "b", c'):
        daemon.create(name=name)
    done = run(daemon, "audit", "export", "--format", "csv", "--type", "token.create")
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    names = [row["token_name"] for row in rows]
    assert names[-6:] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "plain", 'a "b", c']
    for row in rows:
        assert not any(cell[:1] in "=+-@\t\r" for cell in row.values() if cell), row
        assert len(row) == 18
    run(daemon, "audit", "export", "--format", "xml", wanted=USAGE)


def test_a_copy_of_a_time_that_is_over_ends(daemon):
    for name in ("a", "b"):
        daemon.create(name=name)
    done = run(daemon, "audit", "export", "--until", "2001-01-01T00:00:00Z")
    assert done.stdout == ""


# --- verification ---

def test_an_intact_log_is_intact_beside_a_daemon_under_load(daemon):
    stop = threading.Event()

    def load(number):
        count = 0
        while not stop.is_set():
            daemon.create(user=f"u{number}", name=f"n{count}")
            count += 1
    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        looks = [verify(daemon) for _ in range(10)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(looked["intact"] and looked["sealed"] for looked in looks), looks
    assert looks[-1]["head_seq"] > looks[0]["head_seq"]
    assert "as it was written" in run(daemon, "audit", "verify").stdout
    daemon.stop()
    assert verify(daemon)["checkpoints"] > 0  # a clean stop makes one


@pytest.mark.parametrize("statement, finding", [
    ("UPDATE events SET user_id = 'mallory' WHERE number = 3", "changed"),
    ("DELETE FROM events WHERE number = 3", "missing"),
    ("DELETE FROM events WHERE number > 3", "cut_off"),
    ("UPDATE meta SET audit_seq = 3", "not_as_sealed"),
    ("UPDATE checkpoints SET signature = zeroblob(64)", "bad_signature"),
])
def test_an_edit_while_it_was_stopped_is_found_for_ever(daemon, statement, finding):
    for name in ("a", "b", "c", "d"):
        token = daemon.create(name=name)["token"]
    daemon.stop()
    assert verify(daemon)["intact"]
    edit(daemon, statement)
    looked = verify(daemon, wanted=REFUSED)
    assert not looked["intact"] and finding in kinds(looked), looked
    assert "THE LOG WAS CHANGED" in run(daemon, "audit", "verify", wanted=REFUSED).stdout
    for _ in range(2):
        daemon.start()
        assert daemon.auth(token).status == 200
        daemon.create(name="after")
        assert not verify(daemon, wanted=REFUSED)["intact"]
        daemon.stop()


def test_a_data_directory_that_was_set_back_is_found_by_what_the_log_kept(daemon):
    daemon.create(name="before")
    daemon.stop()
    shutil.copytree(daemon.data, daemon.folder / "old", symlinks=True)
    daemon.start()
    daemon.create(name="to be hidden")
    daemon.stop()
    shutil.rmtree(daemon.data)
    shutil.copytree(daemon.folder / "old", daemon.data, symlinks=True)
    assert verify(daemon)["intact"]  # a whole old copy is one that was good
    looked = verify(daemon, "--checkpoints", str(daemon.log_path), wanted=REFUSED)
    assert kinds(looked) == {"cut_off"}
    piped = run(daemon, "audit", "verify", "--checkpoints", "-", stdin=daemon.log(),
                wanted=REFUSED)
    assert "the end of the log was cut off" in piped.stdout


def test_who_has_only_the_public_key_verifies_too(daemon):
    daemon.create()
    daemon.stop()
    line = [line for line in daemon.log().splitlines() if "tokenry-checkpoint-1" in line][-1]
    public = line[line.index("tokenry-checkpoint-1"):].split()[5]
    (daemon.data / "audit.key").rename(daemon.folder / "away.key")
    looked = verify(daemon, "--public-key", public)
    assert looked["intact"] and not looked["sealed"] and looked["checkpoints"] > 0
    edit(daemon, "UPDATE events SET user_id = 'mallory' WHERE number = 1")
    assert not verify(daemon, "--public-key", public, wanted=REFUSED)["intact"]


def test_errors_that_a_user_may_make_read_well(daemon):
    daemon.create()
    daemon.stop()

    def complains(words, *arguments, wanted=REFUSED):
        done = run(daemon, "audit", "verify", *arguments, wanted=wanted)
        assert words in done.stderr, done
        assert len(done.stderr.strip().splitlines()) <= 2, done
    key = daemon.data / "audit.key"
    key.chmod(0o640)
    complains("chmod 600")
    key.chmod(0o600)
    kept = key.read_text()
    key.write_text("no key\n")
    complains("no key of an audit log")
    key.write_text(kept)
    complains("hexadecimal", "--public-key", "abc", wanted=USAGE)
    complains("No such file", "--checkpoints", "/nowhere/at/all", wanted=USAGE)
    complains("no checkpoint in it", "--checkpoints", str(key), wanted=USAGE)
    run(daemon, "audit", "verfy", wanted=USAGE)
    run(daemon, "audit", "verify", "--chekpoints", "x", wanted=USAGE)
    key.unlink()
    complains("No such file")
    daemon.data.rename(daemon.folder / "moved")
    complains("No such file")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_who_may_read_but_not_write_there_is_told_so(daemon):
    daemon.create()
    daemon.stop()
    with tempfile.TemporaryDirectory() as folder:  # which others can reach
        os.chmod(folder, 0o755)
        shutil.copy(daemon.data / "tokenry.db", folder)
        os.chmod(folder + "/tokenry.db", 0o644)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               TOKENRY, "audit", "verify", "--public-key", "00" * 32, "--data",
                               folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == REFUSED and "the user that owns the directory" in done.stderr, done


def test_a_key_that_was_lost_is_told_at_the_next_start(daemon):
    daemon.create()
    daemon.stop()
    (daemon.data / "audit.key").unlink()
    daemon.start()
    assert "audit_broken" in daemon.log()
    assert "broken" in kinds(verify(daemon, wanted=REFUSED))
