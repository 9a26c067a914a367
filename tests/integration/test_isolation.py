# SPDX-License-Identifier: Apache-2.0
"""Who may call what: every route × every built-in role × two organisations.

A row says of a route how it is called and which roles get through; everybody else is refused
with `insufficient_scope`. The route table itself is asked what routes there are, so that a new
one without a row here fails.

Two organisations see nothing of each other. What has a name is not found from the other side;
lists are of the caller's own; asking for the other one by `org_id` is refused. Only scope `*`,
which the role admin has, reaches all: that is what it is.

Not about organisations: verification (who holds a token can ask /api/v1/auth/me with it, so a
verification tells nothing more), tiers and the state of the system, which are everybody's.
"""

import itertools
import subprocess

import pytest
from harness import BUILD, bearer

TOKENS, USERS, ORGS, ROLES = ("/api/v1/auth/tokens", "/api/v1/users", "/api/v1/orgs",
                              "/api/v1/roles")
EMERGENCY, KEYS, CREDITS = "/api/v1/auth/emergency-revoke", "/api/keys", "/api/v1/credits"
EVENTS, CICD = "/api/v1/audit/events", "/api/v1/audit/cicd-event"
ADMIN, OPERATOR, AUDITOR, USER, NONE = CALLERS = ("admin", "operator", "auditor", "user", "none")
EVERYBODY = set(CALLERS)
READERS = {ADMIN, OPERATOR, AUDITOR}
WORKERS = {ADMIN, OPERATOR}
# In everything that is of acme, so that it can be looked for in what beta sees.
MARK = "acme-only"


class World:
    """Two organisations, with a caller of each role in each, and things that are acme's."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.numbers = itertools.count()
        for org in ("acme", "beta"):
            assert daemon.manage("POST", ORGS, {"id": org}).status == 201
        self.callers = {(org, role): self.make_caller(org, role)
                        for org in ("acme", "beta") for role in CALLERS}

    def make_caller(self, org, role):
        more = {} if role == NONE else {"role": role}
        return self.daemon.create(user=f"{org} {role}", name="caller", org_id=org,
                                  tier="enterprise", **more)["token"]

    def ask(self, org, role, method, path, body=None, once=False):
        """`once`: with a token that is not needed again."""
        headers = {}
        if role is not None:
            headers = bearer(self.make_caller(org, role) if once else self.callers[org, role])
        return self.daemon.request(method, path, headers, body)

    def new(self, word):
        return f"{MARK}-{word}-{next(self.numbers)}"

    def fresh(self, word):
        """A name of what a caller makes, in whichever organisation."""
        return f"made-{word}-{next(self.numbers)}"

    def token(self):
        return self.daemon.create(user=self.new("user"), name=self.new("token"), org_id="acme")

    def act(self, token, action, body=None):
        done = self.daemon.manage("POST", f"{TOKENS}/{token['id']}/{action}", body)
        assert done.status in (200, 201), done
        return token["id"]

    def reserve(self):
        done = self.daemon.manage("POST", f"{CREDITS}/reserve",
                                  {"token_id": self.token()["id"], "amount": 1})
        assert done.status == 201, done
        return done.json["id"]

    def user(self):
        name = self.new("user")
        made = self.daemon.manage("POST", USERS, {"id": name, "org_id": "acme"})
        assert made.status == 201, made
        return name

    def role(self):
        name = self.new("role")
        made = self.daemon.manage("PUT", f"{ROLES}/{name}?org_id=acme", {"scopes": ["keys:read"]})
        assert made.status == 201, made
        return name


class Row:
    """`path` and `body` are made anew for each call, of things of acme; without `thing` the call
    is about no single thing. `org_id` tells how somebody of beta would ask for acme's: "query",
    "body" or not at all. `once`: the call uses up the caller's token."""

    def __init__(self, may, path, body=None, status=200, thing=False, org_id=None, once=False):
        self.may, self.path, self.body, self.status = may, path, body, status
        self.thing, self.org_id, self.once = thing, org_id, once

    def call(self, world, method):
        made = self.path(world) if callable(self.path) else self.path
        body = self.body(world) if callable(self.body) else self.body
        return method, made, body


ROWS = {
    ("GET", "/auth"): Row(EVERYBODY, "/auth"),
    ("HEAD", "/auth"): Row(EVERYBODY, "/auth"),
    ("POST", "/auth"): Row(EVERYBODY, "/auth"),
    ("POST", "/api/v1/verify"): Row(WORKERS, "/api/v1/verify", {"token": "x" * 30}),
    ("POST", "/api/v1/verify/batch"):
        Row(WORKERS, "/api/v1/verify/batch", {"requests": [{"token": "x" * 30}]}),
    ("GET", "/api/v1/auth/me"): Row(EVERYBODY, "/api/v1/auth/me"),
    ("GET", "/api/v1/auth/health"): Row({*EVERYBODY, None}, "/api/v1/auth/health"),
    ("GET", "/api/v1/system/health"): Row({*EVERYBODY, None}, "/api/v1/system/health"),
    ("GET", "/api/v1/system/status"): Row(READERS, "/api/v1/system/status"),
    ("GET", "/metrics"): Row(READERS, "/metrics"),
    ("GET", "/api/v1/audit/chain"): Row(READERS, "/api/v1/audit/chain"),
    ("GET", "/api/v1/system/jobs"): Row(READERS, "/api/v1/system/jobs"),
    ("POST", "/api/v1/system/jobs/{name}/run"):
        Row({ADMIN}, "/api/v1/system/jobs/none/run", status=404),
    ("GET", "/api/v1/monitor"): Row(READERS, "/api/v1/monitor", org_id="query"),
    ("GET", "/api/v1/notify/channels"): Row(READERS, "/api/v1/notify/channels"),
    ("POST", "/api/v1/notify/channels/{name}/test"):
        Row({ADMIN}, "/api/v1/notify/channels/none/test", status=404),
    ("GET", "/api/v1/notify/dead"): Row({ADMIN}, "/api/v1/notify/dead"),
    ("DELETE", "/api/v1/notify/dead"): Row({ADMIN}, "/api/v1/notify/dead"),
    ("POST", "/api/v1/notify/dead/retry"): Row({ADMIN}, "/api/v1/notify/dead/retry"),
    ("POST", "/api/v1/notify/dead/{id}/retry"):
        Row({ADMIN}, "/api/v1/notify/dead/msg_0/retry", status=404),
    ("DELETE", "/api/v1/notify/dead/{id}"):
        Row({ADMIN}, "/api/v1/notify/dead/msg_0", status=404),
    ("POST", TOKENS): Row(WORKERS, TOKENS, lambda w: {"user_id": w.fresh("user"), "name": "n"},
                          status=201, org_id="body"),
    ("GET", TOKENS): Row(READERS, TOKENS, org_id="query"),
    ("GET", TOKENS + "/{id}"): Row(READERS, lambda w: f"{TOKENS}/{w.token()['id']}", thing=True),
    ("PATCH", TOKENS + "/{id}"): Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}",
                                     {"name": "renamed"}, thing=True),
    ("DELETE", TOKENS + "/{id}"): Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}",
                                      thing=True),
    ("POST", TOKENS + "/{id}/rotate"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}/rotate", status=201, thing=True),
    ("POST", TOKENS + "/{id}/rollback"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.act(w.token(), 'rotate', {'grace': '1h'})}/rollback",
            thing=True),
    ("POST", TOKENS + "/{id}/disable"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}/disable", thing=True),
    ("POST", TOKENS + "/{id}/quarantine"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}/quarantine", thing=True),
    ("POST", TOKENS + "/{id}/restore"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.act(w.token(), 'disable')}/restore", thing=True),
    # Without targets, as here; with them see test_rotation.py.
    ("GET", TOKENS + "/{id}/rotation-schedule"):
        Row(READERS, lambda w: f"{TOKENS}/{w.token()['id']}/rotation-schedule", status=404,
            thing=True),
    ("PUT", TOKENS + "/{id}/rotation-schedule"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}/rotation-schedule", {"target": "none"},
            status=404, thing=True),
    ("DELETE", TOKENS + "/{id}/rotation-schedule"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}/rotation-schedule", status=404,
            thing=True),
    ("POST", TOKENS + "/{id}/rotation-schedule/run"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}/rotation-schedule/run", status=404,
            thing=True),
    ("GET", "/api/v1/rotation/plan"): Row(READERS, "/api/v1/rotation/plan", org_id="query"),
    ("POST", "/api/v1/auth/revoke"): Row(EVERYBODY, "/api/v1/auth/revoke", once=True),
    ("POST", TOKENS + "/import"):
        Row(WORKERS, TOKENS + "/import",
            lambda w: {"tokens": [{"digest": f"{next(w.numbers):064x}", "user_id": w.fresh("user"),
                                   "name": "n"}]}),
    ("GET", TOKENS + "/export"): Row(WORKERS, TOKENS + "/export", org_id="query"),
    ("POST", "/api/v1/leaks/github"):
        Row({*EVERYBODY, None}, "/api/v1/leaks/github", [{"token": "x"}], status=404),  # it is off
    # Keys are of one's own user: nobody else's exist, in one's own organisation either.
    ("POST", KEYS): Row(EVERYBODY, KEYS, {"name": "k"}, status=201),
    ("GET", KEYS): Row(EVERYBODY, KEYS),
    ("GET", KEYS + "/{key_id}"): Row(EVERYBODY, lambda w: f"{KEYS}/{w.token()['id']}", status=404),
    ("DELETE", KEYS + "/{key_id}"): Row(EVERYBODY, lambda w: f"{KEYS}/{w.token()['id']}",
                                        status=404),
    ("POST", EMERGENCY): Row(WORKERS, EMERGENCY, lambda w: {"reason": "r", "user_id": w.user()},
                             thing=True, org_id="body"),
    ("GET", EMERGENCY): Row(READERS, EMERGENCY),
    ("POST", "/api/v1/auth/cleanup"):
        Row({ADMIN}, "/api/v1/auth/cleanup", {"older_than": "90d", "dry_run": True}),
    ("GET", TOKENS + "/{id}/credits"):
        Row(READERS, lambda w: f"{TOKENS}/{w.token()['id']}/credits", thing=True),
    ("PUT", TOKENS + "/{id}/credits"):
        Row(WORKERS, lambda w: f"{TOKENS}/{w.token()['id']}/credits", {"remaining": 5},
            thing=True),
    ("POST", CREDITS + "/reserve"):
        Row(WORKERS, CREDITS + "/reserve", lambda w: {"token_id": w.token()["id"], "amount": 1},
            status=201, thing=True),
    ("POST", CREDITS + "/{reservation}/settle"):
        Row(WORKERS, lambda w: f"{CREDITS}/{w.reserve()}/settle", {"amount": 1}, thing=True),
    ("POST", CREDITS + "/{reservation}/refund"):
        Row(WORKERS, lambda w: f"{CREDITS}/{w.reserve()}/refund", thing=True),
    ("GET", EVENTS): Row(READERS, EVENTS, org_id="query"),
    ("POST", CICD): Row({ADMIN}, CICD, {"event": "deploy", "status": "success"}, status=201),
    ("GET", "/api/v1/tiers"): Row(READERS, "/api/v1/tiers"),
    ("PUT", "/api/v1/tiers/{name}"): Row({ADMIN}, "/api/v1/tiers/gold", {"limits": {"minute": 9}}),
    ("GET", USERS): Row(READERS, USERS, org_id="query"),
    ("POST", USERS): Row(WORKERS, USERS, lambda w: {"id": w.fresh("user")}, status=201,
                         org_id="body"),
    ("GET", USERS + "/{id}"): Row(READERS, lambda w: f"{USERS}/{w.user()}", thing=True,
                                  org_id="query"),
    ("PATCH", USERS + "/{id}"): Row(WORKERS, lambda w: f"{USERS}/{w.user()}",
                                    {"status": "suspended"}, thing=True, org_id="query"),
    ("GET", ORGS): Row(READERS, ORGS),
    ("POST", ORGS): Row({ADMIN}, ORGS, lambda w: {"id": w.fresh("org")}, status=201),
    ("GET", ORGS + "/{id}"): Row(READERS, ORGS + "/acme", thing=True),
    ("PATCH", ORGS + "/{id}"): Row({ADMIN}, ORGS + "/acme", {"one_active_per_user": False},
                                   thing=True),
    ("GET", ROLES): Row(READERS, ROLES, org_id="query"),
    ("GET", ROLES + "/{name}"): Row(READERS, lambda w: f"{ROLES}/{w.role()}", thing=True,
                                    org_id="query"),
    ("PUT", ROLES + "/{name}"): Row({ADMIN}, lambda w: f"{ROLES}/{w.role()}",
                                    {"scopes": ["keys:write"]}, thing=True, org_id="query"),
    ("DELETE", ROLES + "/{name}"): Row({ADMIN}, lambda w: f"{ROLES}/{w.role()}", status=204,
                                       thing=True, org_id="query"),
    ("GET", TOKENS + "/{id}/analytics"):
        Row(READERS, lambda w: f"{TOKENS}/{w.token()['id']}/analytics", thing=True),
    ("GET", TOKENS + "/{id}/blast-radius"):
        Row(READERS, lambda w: f"{TOKENS}/{w.token()['id']}/blast-radius", thing=True),
    ("GET", USERS + "/{id}/analytics"):
        Row(READERS, lambda w: f"{USERS}/{w.user()}/analytics", thing=True, org_id="query"),
    ("GET", ORGS + "/{id}/analytics"): Row(READERS, ORGS + "/acme/analytics", thing=True),
    ("GET", KEYS + "/{key_id}/usage"):
        Row(EVERYBODY, lambda w: f"{KEYS}/{w.token()['id']}/usage", status=404),
}
MATRIX = [(*route, role) for route in ROWS for role in (*CALLERS, None)]


@pytest.fixture(scope="module")
def world(shared):
    return World(shared)


def served():
    printed = subprocess.run([BUILD / "tests" / "unit" / "api" / "print_routes"], check=True,
                             capture_output=True, text=True).stdout
    return {tuple(line.split(" ", 1)) for line in printed.splitlines()}


def refused_by(answer, role):
    """Whether it was refused for want of a scope; without a token, for want of one."""
    if role is None:
        return answer.status == 401
    return answer.status == 403 and answer.json["code"] == "insufficient_scope"


def test_every_route_has_a_row():
    assert served() == set(ROWS)


@pytest.mark.parametrize("method,path,role", MATRIX)
def test_each_role_gets_through_exactly_where_it_should(world, method, path, role):
    row = ROWS[method, path]
    answer = world.ask("acme", role, *row.call(world, method), once=row.once)
    if role in row.may:
        assert answer.status == row.status, answer
    else:
        assert method == "HEAD" and answer.status == 401 or refused_by(answer, role), answer


@pytest.mark.parametrize("method,path,role", [row for row in MATRIX if row[2] is not None])
def test_nothing_of_an_organisation_is_seen_from_another(world, method, path, role):
    """The same calls, by somebody of beta."""
    row = ROWS[method, path]
    method, made, body = row.call(world, method)
    answer = world.ask("beta", role, method, made, body, row.once)
    if role not in row.may:
        assert refused_by(answer, role), answer
    elif row.thing and not (role == ADMIN and row.org_id is None):
        if (method, path) == ("PUT", ROLES + "/{name}"):  # makes one of beta's own, of the same name
            assert answer.status == 201, answer
            assert world.ask("beta", role, "DELETE", made).status == 204
        else:
            assert answer.status == 404, answer
    else:
        assert answer.status == row.status, answer
        reaches_all = row.thing or path in (ORGS, EMERGENCY, EVENTS)
        if not (role == ADMIN and reaches_all):  # by `*`
            assert MARK not in answer.body.decode(), answer


@pytest.mark.parametrize("method,path,role",
                         [row for row in MATRIX if row[2] is not None and ROWS[row[:2]].org_id])
def test_asking_for_another_organisation_is_for_a_star(world, method, path, role):
    row = ROWS[method, path]
    method, made, body = row.call(world, method)
    if row.org_id == "query":
        made += "?org_id=acme"
    else:
        body = {**body, "org_id": "acme"}
    answer = world.ask("beta", role, method, made, body, row.once)
    if role not in row.may:
        assert refused_by(answer, role), answer
    elif role == ADMIN:
        assert answer.status == row.status, answer
    elif row.thing and row.org_id == "query":
        assert answer.status == 404, answer
    else:
        assert answer.status == 403 and answer.json["code"] == "forbidden", answer


def test_the_marks_would_be_seen(world):
    """What is looked for above is there to be found."""
    world.token()
    world.user()
    world.role()
    for path in (TOKENS, USERS, ROLES):
        assert MARK in world.ask("acme", AUDITOR, "GET", path).body.decode()


def test_nobody_gives_a_role_that_they_have_not(world):
    body = {"user_id": "somebody", "name": "n"}
    for role, wanted in ((OPERATOR, 201), (ADMIN, 403), (AUDITOR, 201), (USER, 403)):
        answer = world.ask("acme", OPERATOR, "POST", TOKENS, {**body, "role": role})
        assert answer.status == wanted, (role, answer)
    answer = world.ask("acme", OPERATOR, "PATCH", f"{USERS}/acme%20operator",
                       {"tier": "enterprise"})
    assert answer.status == 403 and answer.json["member"] == "tier"


def test_what_an_organisation_says_is_its_own(world):
    made = world.daemon.manage("PATCH", f"{ORGS}/acme",
                               {"lifetimes": {"service": {"max": "1d"}}})
    assert made.status == 200
    body = {"user_id": "robot", "name": "n", "kind": "service", "expires_in_days": 2}
    cut = world.ask("acme", OPERATOR, "POST", TOKENS, body).json
    assert cut["warnings"][0]["detail"] == \
        "Maximum expiry is 1 day. Setting expiry to 1 day instead of 2."
    assert world.ask("beta", OPERATOR, "POST", TOKENS, body).json["warnings"] == []
