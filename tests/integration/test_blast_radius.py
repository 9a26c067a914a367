# SPDX-License-Identifier: Apache-2.0
"""An incident from its beginning to its end, with `tokenry blast-radius`."""

import json
import re
import shlex
import subprocess

from harness import TOKENRY, bearer, eventually

TOKENS = "/api/v1/auth/tokens"


def report_on(daemon, *which):
    return json.loads(daemon.cli("blast-radius", *which, "--json").stdout)


def make_with(daemon, token, **members):
    made = daemon.request("POST", TOKENS, bearer(token["token"]), {"user_id": "mallory", **members})
    assert made.status == 201, made
    return made.json


def leak(daemon):
    """A token of a program, and what a thief does with it: a key for themselves, with a key of
    its own, behind a link that they revoke."""
    leaked = daemon.create(name="deploy", kind="service", scopes=["tokens:write", "orders:read"],
                           allowed_ips=["127.0.0.0/8"])
    link = make_with(daemon, leaked, name="link", scopes=["tokens:write", "orders:read"])
    backdoor = make_with(daemon, link, name="backdoor", scopes=["orders:read"])
    gone = daemon.request("DELETE", f"{TOKENS}/{link['id']}", bearer(leaked["token"]))
    assert gone.status in (200, 204), gone
    assert daemon.auth(leaked["token"], "?endpoint=orders").status == 200
    assert daemon.auth(backdoor["token"]).status == 200
    return leaked, link, backdoor


def run_advised(daemon, report, action):
    (command,) = [row["command"] for row in report["actions"] if row["action"] == action]
    program, *arguments = shlex.split(command)
    assert program == "tokenry"
    more = ["--yes"] if arguments[0] in ("revoke", "emergency-revoke") else []
    return daemon.cli(*arguments, *more)


def test_an_incident_is_told_and_ended_by_what_it_advises(make_daemon):
    daemon = make_daemon({"usage.flush_ms": 100}).init().start()
    leaked, link, backdoor = leak(daemon)
    # Whoever found it pastes it.
    found = daemon.cli("blast-radius", "--token-stdin", "--json", stdin=leaked["token"] + "\n")
    report = json.loads(found.stdout)
    assert report["token"]["id"] == leaked["id"] and report["live"] is True
    assert report["live_until"] == report["token"]["expires_at"]
    abilities = {row["scope"]: row["calls"] for row in report["reach"]["abilities"]}
    assert set(abilities) == {None, "tokens:write"}
    assert f"POST {TOKENS}" in abilities["tokens:write"]
    family = {row["token_id"]: row for row in report["family"]["data"]}
    assert set(family) == {link["id"], backdoor["id"]}
    assert report["family"]["live"] == report["family"]["reaching_more"] == 1
    assert family[backdoor["id"]]["created_by"] == link["id"]
    assert "networks" in family[backdoor["id"]]["exceeds"]
    assert family[link["id"]]["answer"] == "revoked"
    changes = {row["label"]: row["count"] for row in report["did"]["changes"]["by_type"]}
    assert changes == {"token.create": 1, "token.revoke": 1}

    run_advised(daemon, report, "quarantine")
    assert daemon.auth(leaked["token"]).status == 401
    run_advised(daemon, report_on(daemon, leaked["id"]), "revoke_family")
    assert daemon.auth(backdoor["token"]).status == 401
    tried = eventually(lambda: report_on(daemon, leaked["id"])["did"]["tries"]["newest"], 10)
    assert tried[0]["client"] == "127.0.0.1"
    assert tried[0]["verdict"] == "quarantined"
    report = report_on(daemon, leaked["id"])
    assert report["actions"] == [] and report["family"]["live"] == 0
    assert report["did"]["requests"] == 1


def test_the_page_says_what_to_do_last(make_daemon):
    daemon = make_daemon().init().start()
    leaked, _, backdoor = leak(daemon)
    page = daemon.cli("blast-radius", leaked["id"], "--days", "3").stdout
    lines = page.splitlines()
    assert lines[0].split() == ["token", leaked["id"]]
    assert lines[1].split()[:2] == ["now", "ACCEPTED,"]
    for words in ("IT COULD REACH", "IT DID, IN 3 DAYS", "NOT KNOWN", "networks      127.0.0.0/8",
                  "IT MADE 2 TOKENS: 1 ACCEPTED, 1 REACHING MORE"):
        assert words in page, words
    assert f"tokenry revoke {leaked['id']} --children --reason leaked --data {daemon.data}" in lines
    assert page.index("WHAT TO DO") > page.index("NOT KNOWN")
    assert leaked["token"] not in page and backdoor["token"] not in page
    assert "\x1b[" not in page


def test_what_leaked_is_ended_by_pasting_from_the_page(make_daemon):
    """Beside another authority, which the commands without their --data would reach."""
    daemon = make_daemon().init().start()
    old = daemon.create(name="ci")
    new = json.loads(daemon.cli("rotate", "--name", "ci", "--grace", "1d", "--json").stdout)
    page = daemon.cli("blast-radius", "--token-stdin", stdin=old["token"]).stdout
    (command,) = [line for line in page.splitlines()
                  if line.startswith(f"tokenry revoke {old['id']} ")]
    assert "the version that took its place goes on" in page
    program, *arguments = shlex.split(command)
    subprocess.run([TOKENRY, *arguments, "--yes"], check=True, timeout=60,
                   env={**daemon.environment(), "TOKENRY_DATA": "/nowhere"})
    assert daemon.auth(old["token"]).status == 401
    assert daemon.auth(new["token"]).status == 200


def test_it_works_without_a_daemon_and_says_what_is_wrong(make_daemon):
    daemon = make_daemon().init().start()
    token = daemon.create(name="alone")
    assert daemon.stop() == 0
    assert "ACCEPTED" in daemon.cli("blast-radius", "--name", "alone").stdout
    assert daemon.cli("blast-radius", check=False).returncode == 2
    assert daemon.cli("blast-radius", "--name", "nobody", check=False).returncode == 1
    wrong = daemon.cli("blast-radius", token["id"], "--days", "0", check=False)
    assert wrong.returncode == 2 and "days" in wrong.stderr
    revoked = daemon.cli("revoke", token["id"], "--yes", "--reason", "gone")
    assert revoked.returncode == 0
    page = daemon.cli("blast-radius", token["id"]).stdout
    assert re.search(r"^now +refused: revoked, since 20\S+ \(gone\)$", page, re.MULTILINE), page
    assert page.splitlines()[-1].startswith("Nothing")


def test_what_is_only_counted_is_told_as_such(make_daemon):
    daemon = make_daemon({"usage.metering": "off"}).init().start()
    token = daemon.create()
    assert daemon.auth(token["token"], "?endpoint=orders").status == 200
    daemon.restart()
    report = report_on(daemon, token["id"])
    assert report["did"]["requests"] == report["did"]["unattributed"] == 1
    assert report["did"]["by_network"] == []
    assert any(sentence.startswith("Metering is off") for sentence in report["unknown"])
    assert "1 of them unattributed" in daemon.cli("blast-radius", token["id"]).stdout


def test_who_changed_an_imported_token_did_not_make_it(make_daemon, tmp_path):
    daemon = make_daemon().init().start()
    (tmp_path / "old.csv").write_text(f"name,token_hash\nold,{'ab' * 32}\n")
    daemon.cli("import", "--from", "csv", str(tmp_path / "old.csv"))
    daemon.cli("quarantine", "--name", "old")
    assert report_on(daemon, "--name", "old")["made"] is None
    daemon.create(name="new")
    daemon.cli("quarantine", "--name", "new")
    assert report_on(daemon, "--name", "new")["made"]["type"] == "token.create"
