# SPDX-License-Identifier: Apache-2.0
"""`tokenry simulate` as somebody types it: recordings on files and standard input, what it
prints where, and its exit status."""

import collections
import json
import os
import random
import subprocess

import pytest
from harness import TOKENRY

DONE, REFUSED, USAGE = 0, 1, 2
START = 1767225600  # 2026-01-01T00:00:00Z


def simulate(*arguments, stdin=b"", environment=None, timeout=120):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")}
    clean |= environment or {}
    if isinstance(stdin, str):
        stdin = stdin.encode()
    return subprocess.run([TOKENRY, "simulate", *arguments], input=stdin, capture_output=True,
                          timeout=timeout, env=clean)


def report(*arguments, **more):
    done = simulate(*arguments, "--json", **more)
    assert done.returncode == DONE, done
    return json.loads(done.stdout)


def line(time, token="t", **members):
    return json.dumps({"time": time, "token_id": token, **members}) + "\n"


TEN = "".join(line(START + i) for i in range(10))


@pytest.mark.parametrize("arguments, words", [
    ([], "what is proposed? --tier TIER, --limit WINDOW=N, or both"),
    (["--limit", "minute"], "not of the form minute=60"),
    (["--limit", "minute=1 hour=2", "--limit", "hour=3"], "a second one for its window"),
    (["--limit", "minute=1000001"], "limits.minute: 1000001 is outside"),
    (["--limit", "minute=1", "--subject", "org"], "--subject is one of token, user, both"),
    (["--limit", "minute=1", "--format", "xml"], "--format is one of ndjson, csv"),
    (["--limit", "minute=1", "--field", "name=x"], "--field is of the form MEMBER=NAME"),
    (["--limit", "minute=1", "--field", "time="], "--field is of the form MEMBER=NAME"),
    (["--limit", "minute=1", "--window", "minute=round"], "--window is of the form"),
    (["--limit", "minute=1", "--window", "week=fixed"], "--window is of the form"),
    (["--limit", "minute=1", "--top", "100001"], "--top is a whole number, 0 to 100000"),
    (["--limit", "minute=1", "/nonexistent"], "/nonexistent: No such file or directory"),
    (["--limit", "minute=1", "/"], "/: Is a directory"),
])
def test_a_usage_error_says_what_is_wrong(arguments, words):
    done = simulate(*arguments, stdin=TEN)
    assert done.returncode == USAGE and words in done.stderr.decode(), done
    assert done.stdout == b""


@pytest.mark.parametrize("recording", ["", "\n\n", "time,token_id\n", "{}\n", "time\n1\n",
                                       line(START, token=None, user_id="u")])
def test_a_recording_without_a_request_is_no_good_answer(recording):
    done = simulate("--limit", "minute=1", "--fail-if-limited", stdin=recording)
    assert done.returncode == USAGE and done.stdout == b"", done


def test_bad_lines_are_told_by_number_and_left_out():
    recording = TEN + "{\n" + line("tomorrow") + TEN
    done = simulate("--limit", "minute=12", stdin=recording)
    assert done.returncode == DONE
    assert done.stderr.decode() == ("tokenry: line 11: no JSON object\n"
                                    "tokenry: line 12: time: neither RFC 3339 nor seconds or "
                                    "milliseconds since 1970\n")
    assert "20 requests" in done.stdout.decode() and "2 lines left out" in done.stdout.decode()
    answer = report("--limit", "minute=12", stdin=recording)
    assert answer["bad_line_count"] == 2
    assert [bad["line"] for bad in answer["bad_lines"]] == [11, 12]
    assert answer["proposals"][0]["refused"] == 8


def test_of_many_bad_lines_the_first_are_told():
    done = simulate("--limit", "minute=12", stdin=TEN + "x\n" * 1000)
    assert done.returncode == DONE
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 21 and lines[-1] == "tokenry: and 980 more lines were left out"


def test_strict_ends_at_the_first_bad_line():
    done = simulate("--limit", "minute=12", "--strict", stdin=TEN + "x\n" + TEN)
    assert done.returncode == USAGE and done.stdout == b""
    assert done.stderr.decode() == "tokenry: standard input: line 11: no JSON object\n"


def test_a_recorded_token_is_never_printed(tmp_path):
    environment = {"TOKENRY_SERVER_RUNTIME_DIRECTORY": str(tmp_path / "run"),
                   "TOKENRY_DATA": str(tmp_path / "data")}
    made = subprocess.run([TOKENRY, "init", "--json"], capture_output=True, check=True,
                          env=os.environ | environment)
    token = json.loads(made.stdout)["token"]
    for recording in (line(START, token=token), f"time,token_id\n{START},{token}\n"):
        done = simulate("--limit", "minute=0", stdin=recording + TEN)
        assert b"a token stands there" in done.stderr
        assert token[12:].encode() not in done.stdout + done.stderr


def test_who_would_have_been_limited_is_told():
    recording = "".join(line(START + i, "busy") for i in range(30)) + line(START + 9, "quiet")
    done = simulate("--limit", "minute=20", "--window", "minute=fixed", stdin=recording)
    assert done.returncode == DONE and done.stderr == b"", done
    text = done.stdout.decode()
    assert "31 requests from 2026-01-01T00:00:00Z to 2026-01-01T00:00:29Z; 0 lines left out" in text
    assert "proposed  minute=20  token    10       32.3 %  1 of 2  10      0     0    40 s" in text
    assert "token    busy  30        10       33.3 %  2026-01-01T00:00:20Z  40 s" in text
    assert "quiet" not in text and "\x1b" not in text
    assert "Refusals by proposed over time, at most 1 in 1 s:" in text
    assert "| " in text and "\u2588|" in text


def test_the_json_has_the_whole():
    recording = "".join(line(START + i, f"t{i % 20}", cost=i % 20) for i in range(1000))
    answer = report("--limit", "minute=5", "--window", "minute=fixed", stdin=recording)
    proposal = answer.pop("proposals")[0]
    assert answer == {"requests": 1000, "first_at": "2026-01-01T00:00:00Z",
                      "last_at": "2026-01-01T00:16:39Z", "out_of_order": 0, "bad_line_count": 0,
                      "bad_lines": [], "windows": {"minute": "fixed", "hour": "fixed",
                                                   "day": "fixed"}}
    assert proposal["limits"] == {"minute": 5, "hour": None, "day": None}
    assert proposal["subject"] == "token" and proposal["subjects"] == 20
    assert len(proposal["limited"]) == proposal["subjects_refused"] > 10
    assert sum(one["refused"] for one in proposal["limited"]) == proposal["refused"]
    assert proposal["never_possible"] == 50 * 14  # a cost of 6 to 19 has never room
    assert sum(proposal["timeline"]["refused"]) == proposal["refused"]
    assert sum(proposal["timeline"]["requests"]) == 1000


def test_fail_if_limited_is_for_continuous_integration(tmp_path):
    recording = tmp_path / "day.ndjson"
    recording.write_text(TEN)
    assert simulate(str(recording), "--limit", "minute=9").returncode == DONE
    assert simulate(str(recording), "--limit", "minute=9", "--fail-if-limited").returncode == REFUSED
    assert simulate(str(recording), "--limit", "minute=10", "--fail-if-limited").returncode == DONE


def test_csv_and_json_are_the_same_recording():
    rows = [(START + i / 4, f"t{i % 7}", f"u{i % 3}", i % 4) for i in range(2000)]
    as_json = "".join(json.dumps({"ts": at, "key": token, "who": user, "cost": cost}) + "\n"
                      for at, token, user, cost in rows)
    as_csv = "who,cost,\"key\",ts\r\n" + "".join(f'"{user}",{cost},{token},{at}\r\n'
                                                 for at, token, user, cost in rows)
    asked = ["--limit", "minute=20", "--limit", "hour=200", "--subject", "both", "--field",
             "time=ts", "--field", "token_id=key", "--field", "user_id=who"]
    one, other = report(*asked, stdin=as_json), report(*asked, stdin=as_csv)
    assert one == other and one["proposals"][0]["refused"] > 0


def test_tiers_are_those_of_the_data_directory_and_nothing_changes_there(tmp_path):
    environment = {"TOKENRY_SERVER_RUNTIME_DIRECTORY": str(tmp_path / "run"),
                   "TOKENRY_DATA": str(tmp_path / "data")}

    def run(*arguments):
        return subprocess.run([TOKENRY, *arguments], capture_output=True, check=True,
                              env=os.environ | environment)

    run("init")
    run("tier", "set", "tiny", "--limit", "minute=5", "--subject", "user")
    tiers = run("tier", "list", "--json").stdout
    recording = "".join(line(START + i, f"t{i % 2}", user_id="alice") for i in range(100))
    answer = report("--tier", "tiny", "--compare", "free", "--compare", "pro", stdin=recording,
                    environment=environment)
    assert [(one["name"], one["subject"], one["limits"]["minute"]) for one in answer["proposals"]] \
        == [("tiny", "user", 5), ("free", "token", 60), ("pro", "token", 600)]
    assert answer["proposals"][0]["refused"] > 80 and answer["proposals"][1]["refused"] == 0
    assert answer["proposals"][0]["limited"][0]["id"] == "alice"
    mixed = report("--tier", "tiny", "--limit", "hour=1", stdin=recording, environment=environment)
    assert mixed["proposals"][0]["name"] == "proposed"
    assert mixed["proposals"][0]["limits"] == {"minute": 5, "hour": 1, "day": None}
    unknown = simulate("--tier", "huge", stdin=recording, environment=environment)
    assert unknown.returncode == REFUSED and b"there is no tier huge" in unknown.stderr
    assert run("tier", "list", "--json").stdout == tiers


def test_without_a_tier_no_authority_is_needed(tmp_path):
    missing = {"TOKENRY_DATA": str(tmp_path / "none"), "TOKENRY_URL": "http://127.0.0.1:1"}
    done = simulate("--limit", "minute=1", stdin=TEN, environment=missing)
    assert done.returncode == DONE and not (tmp_path / "none").exists()


def test_the_windows_are_those_of_the_configuration(tmp_path):
    recording = "".join(line(START + 59 + i) for i in range(2))
    sliding = report("--limit", "minute=1", stdin=recording)
    fixed = report("--limit", "minute=1", stdin=recording,
                   environment={"TOKENRY_LIMITS_MINUTE": "fixed"})
    assert sliding["windows"]["minute"] == "sliding" and sliding["proposals"][0]["refused"] == 1
    assert fixed["windows"]["minute"] == "fixed" and fixed["proposals"][0]["refused"] == 0


def exact(requests, limits):
    """Refusals by token in fixed windows, from (ms, token) in order of time."""
    widths = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
    used, refused = collections.Counter(), collections.Counter()
    for at, token in requests:
        keys = [(token, name, at // widths[name]) for name in limits]
        if any(used[key] >= limits[key[1]] for key in keys):
            refused[token] += 1
        else:
            used.update(keys)
    return refused


def test_two_hundred_thousand_lines_are_as_an_exact_count_has_them(tmp_path):
    rng = random.Random(3)
    at, requests = START * 1000, []
    for _ in range(200_000):
        at += rng.randrange(0, 1500)
        requests.append((at, f"tok_{min(int(rng.paretovariate(0.8)), 5000)}"))
    limits = {"minute": 10, "hour": 200, "day": 1000}
    refused = exact(requests, limits)
    # As several servers log: each line is up to some thousand places from its own.
    shuffled = sorted(range(len(requests)), key=lambda i: i + rng.randrange(0, 5000))
    recording = tmp_path / "three-days.ndjson"
    recording.write_text("".join(line(requests[i][0], requests[i][1]) for i in shuffled))
    arguments = [f"--limit={name}={limit}" for name, limit in limits.items()]
    answer = report(str(recording), *arguments, "--window", "minute=fixed")
    proposal = answer["proposals"][0]
    assert answer["requests"] == 200_000 and answer["out_of_order"] > 100_000
    assert proposal["refused"] == sum(refused.values()) > 10_000
    assert {one["id"]: one["refused"] for one in proposal["limited"]} == refused
