# SPDX-License-Identifier: Apache-2.0
"""Users, organisations and roles from the command line, with and without a daemon."""

import json

DONE, REFUSED, USAGE = 0, 1, 2


def run(daemon, *arguments, wanted=DONE):
    done = daemon.cli(*arguments, check=False)
    assert done.returncode == wanted, done
    return done


def run_json(daemon, *arguments):
    return json.loads(run(daemon, *arguments, "--json").stdout)


def make(daemon, *arguments):
    return run(daemon, "create", "--user", "alice", "--name", "laptop", *arguments)


def test_a_user_is_made_changed_listed_and_shown(make_daemon):
    daemon = make_daemon().init()
    user = run_json(daemon, "user", "create", "alice", "--tier", "pro", "--email", "a@example.org",
                    "--limit", "minute=5", "--meta", "team=red")
    assert (user["tier"], user["email"], user["metadata"]) == ("pro", "a@example.org",
                                                               {"team": "red"})
    run(daemon, "user", "create", "alice", wanted=REFUSED)
    user = run_json(daemon, "user", "set", "alice", "--no-email", "--no-limits")
    assert user["email"] is None and user["limits"]["minute"] is None and user["tier"] == "pro"
    assert "alice" in run(daemon, "user", "list", "--tier", "pro").stdout
    assert run(daemon, "user", "list", "--status", "suspended").stderr == "No users.\n"
    assert "pro" in run(daemon, "user", "show", "alice").stdout
    run(daemon, "user", "show", "nobody", wanted=REFUSED)
    for wrong in (("set", "alice"), ("set",), ("show",),
                  ("set", "alice", "--tier", "pro", "--no-tier")):
        run(daemon, "user", *wrong, wanted=USAGE)


def test_a_suspension_holds_from_the_next_request_until_its_end(daemon):
    token = make(daemon).stdout.strip()
    assert daemon.auth(token).status == 200
    assert "suspended" in run(daemon, "user", "suspend", "alice").stdout
    assert daemon.auth(token).json["code"] == "user_suspended"
    daemon.kill()
    daemon.start()
    assert daemon.auth(token).json["code"] == "user_suspended"
    run(daemon, "user", "activate", "alice")
    assert daemon.auth(token).status == 200


def test_a_tier_follows_the_user_unless_the_token_has_its_own(daemon):
    token = make(daemon).stdout.strip()
    run(daemon, "user", "set", "alice", "--tier", "enterprise")
    assert daemon.auth(token).headers["x-auth-tier"] == "enterprise"
    run(daemon, "update", "--name", "laptop", "--tier", "free")
    assert daemon.auth(token).headers["x-auth-tier"] == "free"
    run(daemon, "update", "--name", "laptop", "--user-tier")
    assert daemon.auth(token).headers["x-auth-tier"] == "enterprise"
    run(daemon, "update", "--name", "laptop", "--user-tier", "--tier", "pro", wanted=USAGE)


def test_the_policy_of_an_organisation(make_daemon):
    """As document 001 has it: 30 days at most, and one token each."""
    daemon = make_daemon().init()
    run(daemon, "org", "set", "default", "--lifetime", "user.default=30d", "--lifetime",
        "user.max=30d", "--one-active", "on")
    org = run_json(daemon, "org", "show", "default")
    assert org["lifetimes"]["user"] == {"default": "30d", "max": "30d", "on_exceed": None}
    assert org["effective"]["one_active_per_user"] is True
    make(daemon)
    done = make(daemon, "--expires-in", "60d")
    assert "Maximum expiry is 30 days. Setting expiry to 30 days instead of 60." in done.stderr
    assert "1 other token of this user was revoked" in done.stderr
    made = json.loads(make(daemon, "--json").stdout)
    assert made["revoked_count"] == 1
    listed = run_json(daemon, "list", "--user", "alice", "--inactive")["data"]
    assert [token["status"] for token in listed] == ["active", "revoked", "revoked"]
    assert listed[1]["revoke_reason"] == f"replaced by {made['id']}"
    org = run_json(daemon, "org", "set", "default", "--lifetime", "user.max=server", "--one-active",
                   "server")
    assert org["lifetimes"]["user"]["max"] is None and org["one_active_per_user"] is None
    for wrong in ("user.max", "max=30d", "=", "user=30d"):
        run(daemon, "org", "set", "default", "--lifetime", wrong, wanted=USAGE)
    run(daemon, "org", "set", "default", "--one-active", "maybe", wanted=USAGE)
    assert run_json(daemon, "org", "create", "acme")["id"] == "acme"
    assert "acme" in run(daemon, "org", "list").stdout


def test_the_server_may_want_one_active_token_a_user(make_daemon):
    daemon = make_daemon({"lifetime.one_active_per_user": "on"}).init().start()
    first = daemon.create()
    second = daemon.create()
    assert (first["revoked_count"], second["revoked_count"]) == (0, 1)
    assert daemon.auth(first["token"]).json["code"] == "revoked"
    assert daemon.auth(second["token"]).status == 200


def test_a_role_is_given_changed_and_deleted(daemon):
    run(daemon, "role", "set", "deploy", "--scope", "app:deploy")
    token = make(daemon, "--role", "deploy", "--scope", "app:read").stdout.strip()
    assert daemon.auth(token, "?scope=app:deploy&scope=app:read").status == 200
    run(daemon, "role", "set", "deploy", "--scope", "app:ship")
    assert daemon.auth(token, "?scope=app:deploy").status == 403
    assert daemon.auth(token, "?scope=app:ship").status == 200
    assert len(run_json(daemon, "list", "--role", "deploy")["data"]) == 1
    assert "1 token has this role" in run(daemon, "role", "delete", "deploy",
                                            wanted=REFUSED).stderr
    run(daemon, "update", "--name", "laptop", "--no-role")
    assert run(daemon, "role", "delete", "deploy").stdout == "Deleted deploy.\n"
    assert "auditor" in run(daemon, "role", "list").stdout
    assert "keys:*" in run(daemon, "role", "show", "user").stdout
    run(daemon, "role", "set", "empty", wanted=USAGE)


def test_tokens_are_listed_by_what_they_are(make_daemon):
    daemon = make_daemon().init()
    make(daemon, "--tier", "pro")
    make(daemon, "--kind", "service", "--role", "auditor")
    for filters, count in ((("--tier", "pro"), 1), (("--kind", "service"), 1),
                           (("--role", "auditor"), 1), (("--name", "laptop"), 2),
                           (("--org", "*"), 3), (("--kind", "admin"), 1)):
        assert len(run_json(daemon, "list", *filters)["data"]) == count, filters
    run(daemon, "list", "--kind", "robot", wanted=USAGE)
