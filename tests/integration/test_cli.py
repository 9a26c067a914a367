# SPDX-License-Identifier: Apache-2.0
"""The command line as somebody types it: on a data directory without a daemon, through a
daemon's Unix socket, and over HTTP. What it prints where, and its exit status."""

import contextlib
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import termios
import time

import harness
import pytest
from harness import TOKENRY, eventually

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
TOKEN = re.compile(r"sk_(live|test)_[0-9A-Za-z]{49}")
GOOD_LOOKING = "sk_live_" + "a" * 49


class Place:
    """A data directory, and the environment that keeps everything inside the test's folder."""

    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data"
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("TOKENRY_")}
        self.environment["TOKENRY_SERVER_RUNTIME_DIRECTORY"] = str(folder / "run")
        self.environment["TOKENRY_DATA"] = str(self.data)

    def run(self, *arguments, stdin="", environment=None, timeout=60):
        return subprocess.run([TOKENRY, *arguments], input=stdin, capture_output=True, text=True,
                              timeout=timeout, env={**self.environment, **(environment or {})})

    def json(self, *arguments, **more):
        done = self.run(*arguments, "--json", **more)
        assert done.returncode == DONE, done
        return json.loads(done.stdout)

    def create(self, user="alice", name="laptop", *more):
        return self.json("create", "--user", user, "--name", name, *more)

    @contextlib.contextmanager
    def serving(self, *arguments):
        """A daemon on this directory; gives its port."""
        port = harness.free_port()
        with open(self.folder / "serve.log", "ab") as log:
            process = subprocess.Popen([TOKENRY, "serve", "--listen", f"127.0.0.1:{port}",
                                        *arguments], env=self.environment, stdout=log, stderr=log)
        try:
            eventually(lambda: self.answers(process, port), 30, "a ready daemon")
            yield port
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0, (self.folder / "serve.log").read_text()

    def answers(self, process, port):
        assert process.poll() is None, (self.folder / "serve.log").read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        return False


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def ready(place):
    """A directory with its first admin token."""
    assert place.run("init").returncode == DONE
    return place


# --- usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, words", [
    ([], "Usage: tokenry COMMAND"),
    (["craete"], "no command craete; did you mean create?"),
    (["tier"], "tier needs a second word, as in tokenry tier list"),
    (["audit", "verfy"], "audit has no such command; did you mean audit verify?"),
    (["delete"], "no command delete"),
    (["help", "tier", "lst"], "did you mean tier list?"),
    (["help", "create", "it"], "no command it"),
    (["create", "--usr", "x"], "unknown option --usr; did you mean --user?"),
    (["create", "--user", "x"], "--name is needed"),
    (["create", "--user"], "--user needs a value, USER"),
    (["create", "--user", "x", "--name", "n", "--limit", "minute"], "not of the form minute=60"),
    (["show"], "which token?"),
    (["show", "tok_1"], "is no token ID"),
    (["verify"], "where is the token?"),
    (["check-token"], "where is the token?"),
    (["update", "--tier", "pro"], "which token?"),
    (["update", "--name", "n"], "what is to change?"),
    (["update", "--name", "n", "--limit", "minute"], "not of the form minute=60"),
    (["update", "--name", "n", "--limit", "day=1", "--no-limits"], "--limit and --no-limits exclude"),
    (["update", "--name", "n", "--any-ip", "--allow-ip", "::/0"], "--allow-ip and --any-ip exclude"),
    (["update", "--name", "n", "--enable", "--disable"], "--disable and --enable exclude"),
    (["status", "now"], '"now" is one word too many'),
    (["tier", "set", "free"], "--limit is needed"),
    (["tier", "set", "free", "--subject", "user"], "--limit is needed"),
    (["serve", "--listen", "nowhere"], '--listen: server.listen: "nowhere" is not ADDRESS:PORT'),
    (["serve", "--set", "server.idle_s=0"], "--set: server.idle_s: 0 is outside 1..86400"),
    (["list", "--config", "/nonexistent"], "/nonexistent: No such file or directory"),
])
def test_a_usage_error_says_what_is_wrong(place, arguments, words):
    done = place.run(*arguments)
    assert done.returncode == USAGE and words in done.stderr, done
    assert done.stdout == ""
    assert not place.data.exists()


@pytest.mark.parametrize("arguments", [
    ["verify", GOOD_LOOKING], [GOOD_LOOKING], ["create", "--name", GOOD_LOOKING],
    ["revoke", f"--name={GOOD_LOOKING}"], [f"--{GOOD_LOOKING}"], ["help", GOOD_LOOKING],
])
def test_a_token_as_an_argument_is_refused_and_not_repeated(place, arguments):
    done = place.run(*arguments)
    assert done.returncode == USAGE, done
    assert "looks like a token" in done.stderr
    assert "a" * 10 not in done.stderr + done.stdout


def test_every_command_explains_itself(place):
    overview = place.run("help")
    assert overview.returncode == DONE
    commands = re.findall(r"^  (\S+(?: \S+)?)\s{2,}", overview.stdout, re.MULTILINE)
    assert {"serve", "create", "tier set", "check-token"} <= set(commands)
    for command in commands:
        words = command.split()
        asked, helped = place.run(*words, "--help"), place.run("help", *words)
        assert asked.returncode == DONE and asked.stdout == helped.stdout
        assert f"Usage: tokenry {command}" in asked.stdout and "--json" in asked.stdout


def test_the_first_of_two_words_explains_what_may_follow(place):
    asked, helped = place.run("tier", "--help"), place.run("help", "tier")
    assert asked.returncode == helped.returncode == DONE and asked.stdout == helped.stdout
    assert "Usage: tokenry tier COMMAND" in asked.stdout
    assert {"tier list", "tier set"} <= set(re.findall(r"^  (\S+ \S+)", asked.stdout, re.MULTILINE))


def test_output_that_cannot_be_written_is_an_error(place):
    with open("/dev/full", "w") as full:
        done = subprocess.run([TOKENRY, "help"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=place.environment)
    assert done.returncode == REFUSED and "writing failed" in done.stderr


# --- offline ---------------------------------------------------------------------------------


def test_check_config_lists_every_error_with_its_line(place):
    file = place.folder / "tokenry.conf"
    file.write_text("[server]\nlsten = :1\nidle_s = 0\n[limits]\nminute = sometimes\n")
    done = place.run("check-config", str(file))
    assert done.returncode == USAGE
    assert done.stderr.splitlines() == [
        f"tokenry: {file}:2: server.lsten: unknown key; did you mean server.listen?",
        f"tokenry: {file}:3: server.idle_s: 0 is outside 1..86400",
        f'tokenry: {file}:5: limits.minute: "sometimes" is not one of fixed, sliding']


def test_check_config_prints_what_would_be_in_effect(place):
    file = place.folder / "tokenry.conf"
    file.write_text("[server]\nidle_s = 7\nlisten = :1\n")
    done = place.run("check-config", "--config", str(file), "--print",
                     environment={"TOKENRY_SERVER_LISTEN": ":2"})
    assert done.returncode == DONE
    assert "idle_s = 7\n" in done.stdout and "listen = :2\n" in done.stdout
    example = place.run("check-config", "--example").stdout
    file.write_text(example)
    assert place.run("check-config", str(file)).returncode == DONE


def test_check_config_names_what_it_has_read(place):
    file = place.folder / "tokenry.conf"
    file.write_text("[server]\nidle_s = 7\n")
    assert place.run("check-config", str(file)).stdout == f"{file} is good.\n"
    by_name = place.run("check-config", environment={"TOKENRY_CONFIG": str(file)})
    assert by_name.stdout == f"{file} is good.\n"


@pytest.mark.parametrize("change, shape, status", [
    (lambda token: token, "ours", DONE),
    (lambda token: token + "\n", "ours", DONE),
    (lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"), "bad_checksum", REFUSED),
    (lambda token: token[:-1], "damaged", REFUSED),
    (lambda token: token + "x", "damaged", REFUSED),
    (lambda token: "something-that-others-made", "foreign", DONE),
    (lambda token: "short", "bad", REFUSED),
    (lambda token: "", "bad", REFUSED),
    (lambda token: token + "\n" + token, "bad", REFUSED),
    (lambda token: "x" * 513, "bad", REFUSED),
    (lambda token: "x" * 5000, "bad", REFUSED),
])
def test_check_token_tells_a_whole_token_from_a_damaged_one(ready, change, shape, status):
    token = ready.create()["token"]
    done = ready.run("check-token", "--token-stdin", "--json", stdin=change(token))
    assert done.returncode == status, done
    assert json.loads(done.stdout)["shape"] == shape
    plain = ready.run("check-token", "--token-stdin", stdin=change(token))
    assert plain.returncode == status
    assert token[12:] not in plain.stdout + plain.stderr


# --- a directory without a daemon ------------------------------------------------------------


def test_a_missing_directory_is_named_and_not_made(place):
    done = place.run("list")
    assert done.returncode == REFUSED
    assert str(place.data) in done.stderr and "tokenry init" in done.stderr
    assert not place.data.exists()


def test_a_directory_without_a_database_is_left_as_it_is(place):
    place.data.mkdir(mode=0o700)
    for command in (["list"], ["create", "--user", "alice", "--name", "laptop"]):
        done = place.run(*command)
        assert done.returncode == REFUSED and done.stdout == "", done
        assert "tokenry.db" in done.stderr and "tokenry init" in done.stderr
    assert list(place.data.iterdir()) == [] and not (place.folder / "run").exists()


def test_init_makes_a_private_directory_and_prints_the_token_once(place):
    done = place.run("init")
    assert done.returncode == DONE
    assert TOKEN.fullmatch(done.stdout.strip())
    assert done.stdout.strip() not in done.stderr and "not shown again" in done.stderr
    assert place.data.stat().st_mode & 0o777 == 0o700
    again = place.run("init")
    assert again.returncode == REFUSED and "--force" in again.stderr and again.stdout == ""
    assert TOKEN.fullmatch(place.run("init", "--force").stdout.strip())


def test_create_prints_the_token_alone(ready):
    done = ready.run("create", "--user", "alice", "--name", "laptop")
    assert done.returncode == DONE
    assert TOKEN.fullmatch(done.stdout.rstrip("\n"))
    assert "for alice" in done.stderr and "valid until" in done.stderr


def test_a_lifetime_that_was_cut_is_told_in_days(ready):
    thirty = {"TOKENRY_LIFETIME_USER_MAX": "30d", "TOKENRY_LIFETIME_USER_DEFAULT": "30d"}
    done = ready.run("create", "--user", "bob", "--name", "long", "--expires-in", "60d",
                     environment=thirty)
    words = "warning: Maximum expiry is 30 days. Setting expiry to 30 days instead of "
    assert done.returncode == DONE and words + "60." in done.stderr
    done = ready.run("update", "--name", "long", "--expires-in", "never", environment=thirty)
    assert done.returncode == DONE and words + "never." in done.stderr


def test_a_weak_chosen_token_needs_force(ready):
    weak = "alice_secret_token_2025"
    create = ["create", "--user", "u", "--name", "n"]
    refused = ready.run(*create, "--token-stdin", stdin=weak)
    assert refused.returncode == USAGE and "too weak" in refused.stderr
    assert weak not in refused.stderr and "alice" not in refused.stderr
    assert ready.run(*create, "--force").returncode == USAGE
    forced = ready.run(*create, "--token-stdin", "--force", stdin=weak)
    assert forced.returncode == DONE and forced.stdout == ""
    assert "warning: the token is weak" in forced.stderr and weak not in forced.stderr
    assert ready.run("verify", "--token-stdin", stdin=weak).returncode == DONE


def test_what_is_too_weak_is_named_though_the_reason_has_the_same_word(ready):
    refused = ready.run("create", "--user", "alice", "--name", "token", "--token-stdin",
                        stdin="alice_secret_token_01")
    assert "tokenry: token: is too weak: it has the user or the name of the token" in refused.stderr


def test_create_hands_every_option_on(ready):
    made = ready.create("bob", "ci", "--kind", "service", "--env", "test", "--tier", "pro",
                        "--scope", "orders:read", "--scope", "orders:write",
                        "--limit", "minute=5", "--limit", "day=none", "--expires-in", "2h",
                        "--allow-ip", "10.0.0.0/8", "--allow-ip", "2001:db8::/32",
                        "--meta", "team=core", "--not-before", "2020-01-01T00:00:00Z")
    assert made["token"].startswith("sk_test_")
    assert made["kind"] == "service" and made["tier"] == "pro"
    assert made["scopes"] == ["orders:read", "orders:write"]
    assert made["limits"] == {"minute": 5, "hour": None, "day": "unlimited"}
    assert made["allowed_ips"] == ["10.0.0.0/8", "2001:db8::/32"]
    assert made["metadata"] == {"team": "core"}
    assert ready.create("bob", "for ever", "--expires-in", "never")["expires_at"] is None


def test_create_with_a_chosen_token_does_not_print_it(ready):
    chosen = "Kq7-vT2mZx9_Rb4LnW8cJd3F"
    done = ready.run("create", "--user", "u", "--name", "n", "--token-stdin", stdin=chosen + "\n")
    assert done.returncode == DONE and done.stdout == "" and chosen not in done.stderr
    assert ready.run("verify", "--token-stdin", stdin=chosen).returncode == DONE
    twice = ready.run("create", "--user", "u", "--name", "m", "--token-stdin", stdin=chosen)
    assert twice.returncode == REFUSED and chosen not in twice.stderr


@pytest.mark.parametrize("arguments, sentence", [
    (["create", "--user", "u", "--name", "n", "--kind", "king"],
     "kind: must be `user`, `service` or `admin`"),
    (["create", "--user", "u", "--name", "n", "--tier", "gold"], "there is no such tier"),
    (["list", "--status", "odd"],
     "status: must be `active`, `disabled`, `quarantined`, `not_yet_valid`, `expired` or `revoked`"),
    (["show", "tok_00000000000000000000000000"], "no token has this ID"),
    (["revoke", "--yes", "tok_00000000000000000000000000"], "no token has this ID"),
    (["update", "--tier", "pro", "tok_00000000000000000000000000"], "no token has this ID"),
    (["update", "--name", "first admin", "--tier", "gold"], "there is no such tier"),
    (["update", "--name", "nothing", "--tier", "pro"], "no active token has this name"),
])
def test_what_the_api_refuses_is_one_plain_sentence(ready, arguments, sentence):
    assert ready.run(*arguments).stderr == f"tokenry: {sentence}\n"


@pytest.mark.parametrize("arguments, words", [
    (["--tier", "gold"], "tier"), (["--scope", "a b"], "scope"), (["--kind", "king"], "kind"),
    (["--allow-ip", "10.0.0.1/8"], "allowed_ips"), (["--expires-in", "soon"], "expires_in"),
    (["--limit", "minute=99999999999"], "limits.minute"), (["--limit", "week=1"], "limits.week"),
    (["--meta", "x=" + "y" * 5000], "metadata"),
])
def test_a_value_that_the_api_refuses_is_named(ready, arguments, words):
    done = ready.run("create", "--user", "u", "--name", "n", *arguments)
    assert done.returncode in (REFUSED, USAGE) and words in done.stderr, done
    problem = ready.run("create", "--user", "u", "--name", "n", "--json", *arguments)
    assert json.loads(problem.stdout)["status"] >= 400
    assert len(ready.json("list")["data"]) == 1


def test_list_is_a_table_with_filters_and_pages(ready):
    for number in range(5):
        ready.create("alice", f"token {number}")
    lines = ready.run("list", "--user", "alice").stdout.splitlines()
    assert lines[0].split() == ["ID", "PREFIX", "NAME", "USER", "KIND", "TIER", "STATUS",
                                "EXPIRES", "REQUESTS"]
    assert len(lines) == 6 and all(line.startswith("tok_") for line in lines[1:])
    column = lines[0].index("USER")
    assert {line[column:column + 7] for line in lines[1:]} == {"alice  "}
    page = ready.run("list", "--limit", "2")
    assert len(page.stdout.splitlines()) == 3 and "--cursor" in page.stderr
    cursor = page.stderr.split("--cursor ")[1].strip()
    assert len(ready.json("list", "--limit", "100", "--cursor", cursor)["data"]) == 4
    everything = ready.json("list", "--all", "--limit", "2")
    assert len({one["id"] for one in everything["data"]}) == 6
    assert everything["next_cursor"] is None
    assert len(ready.run("list", "--all", "--limit", "2").stdout.splitlines()) == 7
    assert "\x1b" not in page.stdout
    assert ready.run("list", "--user", "nobody").stderr == "No tokens.\n"
    assert ready.run("list", "--status", "odd").returncode == USAGE


def test_show_finds_a_token_by_id_name_and_itself(ready):
    made = ready.create("alice", "laptop")
    by_id = ready.json("show", made["id"])
    assert by_id["name"] == "laptop" and "token" not in by_id and "digest" not in by_id
    assert ready.json("show", "--name", "laptop")["id"] == made["id"]
    assert ready.json("show", "--token-stdin", stdin=made["token"])["id"] == made["id"]
    people = ready.run("show", made["id"])
    assert re.search(r"^user_id\s+alice$", people.stdout, re.MULTILINE)
    missing = ready.run("show", "tok_00000000000000000000000000")
    assert missing.returncode == REFUSED and missing.stdout == ""
    assert ready.run("show", "--name", "nothing").returncode == REFUSED
    unknown = ready.run("show", "--token-stdin", stdin=GOOD_LOOKING)
    assert unknown.returncode == REFUSED and "no such token" in unknown.stderr
    second = ready.create("bob", "laptop")
    several = ready.run("show", "--name", "laptop")
    assert several.returncode == REFUSED
    assert made["id"] in several.stderr and second["id"] in several.stderr


def test_the_name_of_a_rotated_token_means_its_newest_version(ready):
    ready.create("alice", "ci")
    second = ready.json("rotate", "--name", "ci", "--grace", "7d")
    third = ready.json("rotate", "--name", "ci", "--grace", "7d")
    assert third["rotated_from"] == second["id"]
    for command in ("show", "quarantine", "restore"):
        assert ready.json(command, "--name", "ci")["id"] == third["id"]
    assert ready.json("rollback", "--name", "ci")["id"] == second["id"]
    assert ready.json("update", "--name", "ci", "--tier", "pro")["id"] == second["id"]
    assert ready.json("revoke", "--name", "ci", "--yes")["id"] == second["id"]
    assert ready.json("show", "--name", "ci")["id"] == second["id"]
    other = ready.create("bob", "ci")
    assert ready.run("show", "--name", "ci").returncode == REFUSED
    assert ready.json("update", "--name", "ci", "--tier", "pro")["id"] == other["id"]


def test_a_list_of_nothing_says_so_beside_the_output(ready):
    none = ready.run("emergency-revoke", "--list")
    assert (none.returncode, none.stdout) == (DONE, "")
    assert none.stderr == "No emergency revocations.\n"
    assert ready.json("emergency-revoke", "--list")["data"] == []


def test_update_changes_what_is_named_and_nothing_else(ready):
    made = ready.create("alice", "laptop", "--scope", "a:read", "--limit", "minute=5",
                        "--meta", "team=core")
    changed = ready.json("update", made["id"], "--rename", "desk", "--tier", "pro",
                         "--expires-in", "never")
    assert (changed["name"], changed["tier"], changed["expires_at"]) == ("desk", "pro", None)
    assert changed["scopes"] == ["a:read"] and changed["metadata"] == {"team": "core"}
    assert changed["limits"] == {"minute": 5, "hour": None, "day": None}
    assert ready.json("show", "--name", "desk")["version"] == made["version"] + 1


def test_update_replaces_lists_as_a_whole(ready):
    made = ready.create("alice", "laptop", "--scope", "a:read", "--scope", "b:read", "--limit",
                        "minute=5", "--allow-ip", "10.0.0.0/8", "--meta", "team=core")
    changed = ready.json("update", "--name", "laptop", "--scope", "c:read", "--limit", "day=none",
                         "--allow-ip", "::1/128", "--meta", "floor=2")
    assert changed["id"] == made["id"]
    assert changed["scopes"] == ["c:read"] and changed["metadata"] == {"floor": "2"}
    assert changed["limits"] == {"minute": None, "hour": None, "day": "unlimited"}
    assert changed["allowed_ips"] == ["::1/128"]
    emptied = ready.json("update", made["id"], "--no-limits", "--any-ip")
    assert set(emptied["limits"].values()) == {None} and emptied["allowed_ips"] == []
    assert emptied["scopes"] == ["c:read"]


@pytest.mark.parametrize("served", [False, True])
def test_a_disabled_token_is_refused_until_it_is_enabled(ready, served):
    made = ready.create()
    with ready.serving() if served else contextlib.nullcontext():
        assert ready.run("update", "--name", "laptop", "--disable").returncode == DONE
        refused = ready.run("verify", "--token-stdin", stdin=made["token"])
        assert refused.returncode == REFUSED and refused.stdout.startswith("disabled: ")
        done = ready.run("update", "--name", "laptop", "--enable")
        assert re.search(r"^status\s+active$", done.stdout, re.MULTILINE), done
        assert ready.run("verify", "--token-stdin", stdin=made["token"]).returncode == DONE


def test_limits_of_the_tier_are_shown_as_such(ready):
    made = ready.create("alice", "laptop", "--tier", "free")
    assert re.search(r"^limits\s+from tier free$", ready.run("show", made["id"]).stdout,
                     re.MULTILINE)
    changed = ready.run("update", made["id"], "--limit", "minute=7")
    assert re.search(r"^limits\s+minute=7$", changed.stdout, re.MULTILINE), changed


@pytest.mark.parametrize("served", [False, True])
def test_status_says_how_the_authority_is_doing(ready, served):
    ready.create()
    with ready.serving() if served else contextlib.nullcontext():
        people, whole = ready.run("status"), ready.json("status")
    assert people.returncode == DONE and people.stderr == "", people
    assert re.search(r"^tokens\s+active=2 ", people.stdout, re.MULTILINE), people
    assert re.search(r"^changes accepted\s+yes$", people.stdout, re.MULTILINE), people
    assert re.search(r"^last commit\s+ok$", people.stdout, re.MULTILINE), people
    assert ("connections open" in people.stdout) == served
    assert whole["tokens"]["active"] == 2 and (whole["http"] is not None) == served


def test_revoke_needs_somebody_to_ask_or_yes(ready):
    made = ready.create()
    done = ready.run("revoke", made["id"])
    assert done.returncode == USAGE and "--yes" in done.stderr
    assert ready.json("show", made["id"])["status"] == "active"


def test_a_revoked_token_is_refused_at_once(ready):
    made = ready.create()
    assert ready.run("verify", "--token-stdin", stdin=made["token"]).returncode == DONE
    done = ready.run("revoke", "--name", "laptop", "--yes", "--reason", "lost on a train")
    assert done.returncode == DONE and made["id"] in done.stdout
    refused = ready.run("verify", "--token-stdin", stdin=made["token"])
    assert refused.returncode == REFUSED and refused.stdout.startswith("revoked: ")
    shown = ready.json("show", made["id"])
    assert shown["status"] == "revoked" and shown["revoke_reason"] == "lost on a train"
    assert ready.run("revoke", made["id"], "--yes").returncode == DONE
    assert ready.run("revoke", "--name", "laptop", "--yes").returncode == REFUSED
    listed = [one["id"] for one in ready.json("list")["data"]]
    assert made["id"] not in listed
    assert made["id"] in [one["id"] for one in ready.json("list", "--inactive")["data"]]


def test_revoke_by_the_token_itself(ready):
    made = ready.create()
    done = ready.run("revoke", "--token-stdin", "--yes", stdin=made["token"])
    assert done.returncode == DONE and made["token"] not in done.stdout + done.stderr
    assert ready.json("show", made["id"])["status"] == "revoked"


def test_verify_says_why(ready):
    made = ready.create("alice", "laptop", "--scope", "orders:read", "--limit", "minute=3")

    def verify(*arguments):
        return ready.run("verify", "--token-stdin", "--json", "--dry-run", *arguments,
                         stdin=made["token"])

    assert verify().returncode == DONE
    for arguments, code in ((["--scope", "orders:write"], "insufficient_scope"),
                            (["--user", "bob"], "user_mismatch"),
                            (["--cost", "4"], "rate_limited")):
        done = verify(*arguments)
        assert done.returncode == REFUSED and json.loads(done.stdout)["code"] == code
    assert verify("--scope", "orders:read", "--user", "alice", "--cost", "3").returncode == DONE
    explained = ready.run("verify", "--token-stdin", "--explain", "--user", "bob",
                          stdin=made["token"])
    assert re.search(r"^user_binding\s+failed$", explained.stdout, re.MULTILINE), explained
    assert re.search(r"^shape\s+passed$", explained.stdout, re.MULTILINE)
    unknown = ready.run("verify", "--token-stdin", "--json", stdin=GOOD_LOOKING)
    assert unknown.returncode == REFUSED and json.loads(unknown.stdout)["code"] == "not_found"


def test_counts_survive_from_one_command_to_the_next(ready):
    made = ready.create("alice", "laptop", "--limit", "day=2")
    statuses = [ready.run("verify", "--token-stdin", stdin=made["token"]).returncode
                for _ in range(3)]
    assert statuses == [DONE, DONE, REFUSED]
    assert ready.json("show", made["id"])["request_count"] == 2


def test_a_tier_is_made_and_used(ready):
    assert [row.split()[0] for row in ready.run("tier", "list").stdout.splitlines()[1:]] == [
        "free", "pro", "enterprise"]
    done = ready.run("tier", "set", "tiny", "--limit", "minute=1", "--subject", "user")
    assert done.returncode == DONE
    tiers = {one["name"]: one for one in ready.json("tier", "list")["data"]}
    assert tiers["tiny"]["limits"]["minute"] == 1 and tiers["tiny"]["subject"] == "user"
    made = ready.create("alice", "laptop", "--tier", "tiny")
    assert ready.run("verify", "--token-stdin", stdin=made["token"]).returncode == DONE
    assert ready.run("verify", "--token-stdin", stdin=made["token"]).returncode == REFUSED
    assert ready.run("tier", "set", "Bad Name", "--limit", "minute=1").returncode in (REFUSED, USAGE)


def test_a_lost_admin_token_is_made_anew_by_who_owns_the_files(ready):
    made = ready.create("admin", "second", "--kind", "admin", "--scope", "*")
    with ready.serving("--socket", "none") as port:
        done = ready.run("list", environment={"TOKENRY_URL": f"http://127.0.0.1:{port}",
                                              "TOKENRY_TOKEN": made["token"], "TOKENRY_DATA": ""})
        assert done.returncode == DONE and made["id"] in done.stdout, done


# --- a daemon --------------------------------------------------------------------------------


def test_commands_go_through_the_socket_of_a_running_daemon(ready):
    made = ready.create()
    with ready.serving() as port:
        assert ready.json("show", made["id"])["status"] == "active"
        assert ready.run("verify", "--token-stdin", stdin=made["token"]).returncode == DONE
        over_tcp = harness.http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        answer = harness.exchange(over_tcp, "GET", "/auth", harness.bearer(made["token"]))
        assert answer.status == 200
        assert ready.run("revoke", made["id"], "--yes").returncode == DONE
        answer = harness.exchange(over_tcp, "GET", "/auth", harness.bearer(made["token"]))
        assert answer.status == 401
        over_tcp.close()
        assert ready.run("init").returncode == REFUSED
        fresh = ready.create("carol", "new")
    assert ready.json("show", fresh["id"])["user_id"] == "carol"


def test_commands_find_the_socket_of_the_daemon_that_holds_the_directory(ready):
    elsewhere = ready.folder / "elsewhere.sock"
    with ready.serving("--socket", str(elsewhere)):
        assert ready.create()["user_id"] == "alice"
        named = ready.run("list", "--socket", str(ready.folder / "wrong.sock"))
        assert named.returncode == UNREACHABLE, named
    assert ready.json("list")["data"][0]["user_id"] == "alice"  # the link leads nowhere now
    with ready.serving("--socket", "none"):
        done = ready.run("list")
        assert done.returncode == UNREACHABLE and "holds this directory" in done.stderr, done


def test_the_same_idempotency_key_makes_one_token(ready):
    arguments = ("--idempotency-key", "deploy-42")
    with ready.serving():
        first = ready.create("alice", "laptop", *arguments)
        again = ready.create("alice", "laptop", *arguments)
    assert again["id"] == first["id"] and again["token"] is None
    assert len(ready.json("list", "--user", "alice")["data"]) == 1


def test_over_http_a_token_is_needed_and_sent(ready):
    admin = ready.run("init", "--force").stdout.strip()
    limited = ready.create("alice", "laptop")["token"]
    with ready.serving("--socket", "none") as port:
        url = {"TOKENRY_URL": f"http://127.0.0.1:{port}/", "TOKENRY_DATA": ""}
        without = ready.run("list", environment=url)
        assert without.returncode == REFUSED and "set TOKENRY_TOKEN" in without.stderr
        wrong = ready.run("list", environment={**url, "TOKENRY_TOKEN": limited})
        assert wrong.returncode == REFUSED and limited not in wrong.stderr + wrong.stdout
        for bad in ("abc", GOOD_LOOKING):
            refused = ready.run("list", environment={**url, "TOKENRY_TOKEN": bad})
            assert refused.returncode == REFUSED
            assert refused.stderr.startswith("tokenry: TOKENRY_TOKEN is refused: "), refused
            assert bad not in refused.stderr
        done = ready.run("list", environment={**url, "TOKENRY_TOKEN": admin})
        assert done.returncode == DONE and "laptop" in done.stdout
        locked = ready.run("list")
        assert locked.returncode == UNREACHABLE and str(ready.data) in locked.stderr, locked
    gone = ready.run("list", environment={**url, "TOKENRY_TOKEN": admin})
    assert gone.returncode == UNREACHABLE and "cannot reach" in gone.stderr


def test_a_token_is_not_sent_in_clear_to_another_host(place):
    url = {"TOKENRY_URL": "http://192.0.2.1:8080", "TOKENRY_TOKEN": GOOD_LOOKING,
           "TOKENRY_DATA": ""}
    done = place.run("list", environment=url, timeout=5)
    assert done.returncode == REFUSED and "https" in done.stderr
    assert GOOD_LOOKING not in done.stderr
    secret = place.run("list", environment={**url, "TOKENRY_URL": "https://a:hunter2@192.0.2.1"})
    assert secret.returncode == USAGE and "hunter2" not in secret.stderr


# --- at a terminal ---------------------------------------------------------------------------


def at_terminal(place, arguments, answers, timeout=30):
    """Runs a command at a terminal of its own; `answers` are (prompt, what is typed)."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(TOKENRY, [TOKENRY, *arguments], {**place.environment, "TERM": "xterm"})
    seen, waiting, end = "", list(answers), time.monotonic() + timeout
    while time.monotonic() < end:
        if waiting and waiting[0][0] in seen:
            os.write(terminal, waiting.pop(0)[1].encode())
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data.decode()
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), seen


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "--token-stdin"], ["check-token"]])
def test_a_token_typed_at_the_prompt_is_not_shown(ready, arguments):
    token = ready.create()["token"]
    status, seen = at_terminal(ready, arguments, [("Token: ", token + "\r")])
    assert status == DONE and ": the " in seen, seen
    assert token not in seen and token[12:30] not in seen


def test_giving_up_at_the_prompt_leaves_a_terminal_that_echoes(ready):
    child, terminal = pty.fork()
    if child == 0:
        os.execve(TOKENRY, [TOKENRY, "check-token"], ready.environment)
    seen = b""
    while b"Token: " not in seen:
        seen += os.read(terminal, 4096)
    assert not termios.tcgetattr(terminal)[3] & termios.ECHO
    os.write(terminal, b"\x03")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGINT
    assert termios.tcgetattr(terminal)[3] & termios.ECHO
    os.close(terminal)


def test_revoke_asks_and_no_is_the_default(ready):
    made = ready.create()
    status, seen = at_terminal(ready, ["revoke", made["id"]], [("[y/N]", "\r")])
    assert status == REFUSED and "laptop of alice" in seen and "nothing was revoked" in seen
    assert ready.json("show", made["id"])["status"] == "active"
    status, seen = at_terminal(ready, ["revoke", made["id"]], [("[y/N]", "y\r")])
    assert status == DONE
    assert ready.json("show", made["id"])["status"] == "revoked"


def test_revoke_says_that_older_versions_end_too(ready):
    first = ready.create("alice", "ci")
    second = ready.json("rotate", first["id"], "--grace", "7d")
    _, seen = at_terminal(ready, ["revoke", first["id"]], [("[y/N]", "\r")])
    assert "older" not in seen
    status, seen = at_terminal(ready, ["revoke", "--name", "ci"], [("[y/N]", "y\r")])
    assert status == DONE and second["id"] in seen and ", its older versions for good?" in seen
    assert ready.json("show", first["id"])["status"] == "revoked"


def test_a_table_has_colours_at_a_terminal_unless_refused(ready):
    status, seen = at_terminal(ready, ["list"], [])
    assert status == DONE and "\x1b[32mactive\x1b[0m" in seen
    ready.environment["NO_COLOR"] = "1"
    status, seen = at_terminal(ready, ["list"], [])
    assert status == DONE and "\x1b" not in seen


# --- the daemon's start and end --------------------------------------------------------------


def serve(place, *arguments, environment=None, timeout=30):
    """A daemon that is expected not to start."""
    return place.run("serve", "--listen", "127.0.0.1:0", *arguments, environment=environment,
                     timeout=timeout)


def test_an_address_in_use_is_named(ready):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = ready.run("serve", "--listen", address)
    assert done.returncode == UNREACHABLE and address in done.stderr, done


def test_a_second_daemon_on_the_same_data_does_not_start(ready):
    with ready.serving():
        done = serve(ready, "--socket", str(ready.folder / "other.sock"))
        assert done.returncode == UNREACHABLE and str(ready.data) in done.stderr, done
        assert ready.run("list").returncode == DONE


def test_a_damaged_database_is_refused_and_left_alone(ready):
    database = ready.data / "tokenry.db"
    database.write_bytes(b"this is no database at all, " * 200)
    for leftover in ("tokenry.db-wal", "tokenry.db-shm"):
        (ready.data / leftover).unlink(missing_ok=True)
    before = database.read_bytes()
    done = serve(ready)
    assert done.returncode == REFUSED and "tokenry.db" in done.stderr, done
    assert database.read_bytes() == before
    assert ready.run("list").returncode == REFUSED


def test_a_runtime_directory_that_is_not_ours_is_refused(ready):
    link = ready.folder / "link"
    link.symlink_to(ready.folder)
    done = serve(ready, "--runtime-directory", str(link))
    assert done.returncode == REFUSED and "symbolic link" in done.stderr
    wide = ready.folder / "wide"
    wide.mkdir()
    wide.chmod(0o777)
    done = serve(ready, "--runtime-directory", str(wide))
    assert done.returncode == REFUSED and "chmod go-w" in done.stderr


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_bad_tls_files_are_named(ready, content):
    files = [ready.folder / "cert.pem", ready.folder / "key.pem"]
    for file in files:
        if content is not None:
            file.write_text(content)
    done = serve(ready, "--tls-certificate", str(files[0]), "--tls-key", str(files[1]))
    assert done.returncode in (REFUSED, USAGE), done
    assert "cert.pem" in done.stderr or "key.pem" in done.stderr, done
    half = serve(ready, "--tls-certificate", str(files[0]))
    assert half.returncode == USAGE and "both or neither" in half.stderr


def test_an_unknown_user_to_become_is_named(ready):
    done = serve(ready, "--user", "no-such-user")
    assert done.returncode != DONE and "no-such-user" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_user_and_commands_follow(place, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if not os.stat(folder).st_mode & 0o001:
            os.chmod(folder, os.stat(folder).st_mode | 0o011)
        if folder.name.startswith("pytest-of-"):
            break
    place.data.mkdir(mode=0o700)
    os.chown(place.data, 65534, 65534)
    del place.environment["TOKENRY_SERVER_RUNTIME_DIRECTORY"]
    try:
        assert place.run("init").returncode == DONE
        assert {file.stat().st_uid for file in place.data.iterdir() if not file.is_symlink()} == {
            65534}
        with place.serving("--user", "nobody") as port:
            assert place.run("list").returncode == DONE
            owners = [line.split()[1:5] for line in process_status(place, port)
                      if line.startswith("Uid:")]
            assert owners == [["65534"] * 4]
    finally:
        subprocess.run(["rm", "-rf", os.path.realpath(place.data / "runtime")], check=False)


def process_status(place, port):
    """/proc/PID/status of the process that listens on the port."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{process}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if f"127.0.0.1:{port}".encode() in words and b"serve" in words:
                with open(f"/proc/{process}/status") as file:
                    return file.readlines()
    raise AssertionError("the daemon is not there")


def test_the_service_manager_hears_ready_and_stopping(ready):
    path = ready.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        ready.environment["NOTIFY_SOCKET"] = str(path)
        with ready.serving():
            assert manager.recv(64) == b"STATUS=loading"
            assert re.fullmatch(rb"READY=1\nSTATUS=serving \d+ tokens", manager.recv(64))
        assert manager.recv(64).startswith(b"STOPPING=1\nSTATUS=")


def test_the_log_is_json_lines_and_tells_of_ready_and_stopped(ready):
    with ready.serving():
        pass
    lines = [json.loads(line) for line in (ready.folder / "serve.log").read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert events[0] == "starting" and events[-3:] == ["ready", "stopping", "stopped"]
    assert lines[0]["data"] == str(ready.data)


def test_a_segment_on_a_disk_is_warned_of(ready):
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(ready.folder)], capture_output=True,
                          text=True, check=True).stdout.strip()
    with ready.serving():
        pass
    warned = "segment_on_disk" in (ready.folder / "serve.log").read_text()
    assert warned == (kind not in ("tmpfs", "ramfs", "hugetlbfs"))


def test_hangup_and_a_closed_peer_do_not_stop_the_daemon(ready):
    process = None
    with open(ready.folder / "serve.log", "ab") as log:
        port = harness.free_port()
        process = subprocess.Popen([TOKENRY, "serve", "--listen", f"127.0.0.1:{port}"],
                                   env=ready.environment, stdout=log, stderr=log)
    try:
        eventually(lambda: ready.answers(process, port), 30, "a ready daemon")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGPIPE)
        eventually(lambda: "hangup_ignored" in (ready.folder / "serve.log").read_text())
        assert ready.run("list").returncode == DONE
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_low_limit_of_open_files_lowers_the_connections_and_says_so(ready):
    def low():
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    port = harness.free_port()
    command = [TOKENRY, "serve", "--listen", f"127.0.0.1:{port}"]
    if os.geteuid() == 0:  # root may raise it again, unless it lost the capability
        command = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-all", *command]
    with open(ready.folder / "serve.log", "ab") as log:
        process = subprocess.Popen(command, env=ready.environment, stdout=log, stderr=log,
                                   preexec_fn=low)
    try:
        eventually(lambda: ready.answers(process, port), 30, "a ready daemon")
        assert "connections_reduced" in (ready.folder / "serve.log").read_text()
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert (soft, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
