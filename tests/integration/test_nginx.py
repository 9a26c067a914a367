# SPDX-License-Identifier: Apache-2.0
"""nginx with the shipped configuration in front of a small API, over TCP and over the
Unix socket: what callers see, and what the API behind sees."""

import http.client
import json
import os
import pathlib
import signal
import threading

import harness
import pytest
from harness import bearer, eventually, exchange, raw_exchange, seen, status_of

IDENTITY = ["X-Auth-User", "X-Auth-Token-Id", "X-Auth-Token-Name", "X-Auth-Tier", "X-Auth-Scopes",
            "X-Auth-Org", "X-Auth-Warning", "X-Auth-Credits"]


@pytest.fixture(params=["tcp", "unix"])
def proxied(request, daemon, make_proxy):
    return daemon, make_proxy(daemon, over=request.param)


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer
    assert answer.json["status"] == answer.status
    return answer.json


def test_no_token_is_401_with_a_plain_challenge(proxied):
    _, proxy = proxied
    answer = proxy.get("/")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "error=" not in answer.headers["www-authenticate"]
    assert problem(answer)["code"] == "unauthenticated"


def test_an_unknown_token_is_401_invalid_token(proxied):
    _, proxy = proxied
    answer = proxy.get("/", bearer("sk_live_" + "a" * 49))
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_missing_scope_is_403_and_names_it(proxied):
    daemon, proxy = proxied
    token = daemon.create(scopes=["users:read"])["token"]
    answer = proxy.get("/reports/2026", bearer(token))
    assert answer.status == 403
    assert problem(answer)["code"] == "forbidden"
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert "reports:read" in answer.headers["www-authenticate"]


def test_two_different_tokens_in_one_request_are_refused(proxied):
    daemon, proxy = proxied
    first, second = daemon.create(name="a")["token"], daemon.create(name="b")["token"]
    answer = proxy.get("/", {**bearer(first), "X-API-Key": second})
    assert answer.status == 401
    assert 'error="invalid_request"' in answer.headers["www-authenticate"]


def test_beyond_the_limit_is_429_with_retry_after(proxied):
    daemon, proxy = proxied
    token = daemon.create(limits={"minute": 3})["token"]
    assert [proxy.get("/", bearer(token)).status for _ in range(3)] == [200, 200, 200]
    answer = proxy.get("/", bearer(token))
    assert answer.status == 429
    assert problem(answer)["code"] == "rate_limited"
    assert 1 <= int(answer.headers["retry-after"]) <= 66  # 60 s and a sub-bucket
    assert '"minute";q=3;w=60' in answer.headers["ratelimit-policy"]
    assert '"minute";r=0;t=' in answer.headers["ratelimit"]
    assert sum(name.lower() == "retry-after" for name, _ in answer.pairs) == 1


def test_a_dead_daemon_is_503_and_nothing_reaches_the_api(proxied):
    daemon, proxy = proxied
    token = daemon.create()["token"]
    assert proxy.get("/", bearer(token)).status == 200
    daemon.kill()
    answer = proxy.get("/", bearer(token))
    assert answer.status == 503
    assert problem(answer)["code"] == "unavailable"
    assert answer.headers["retry-after"] == "1"
    daemon.start()
    assert proxy.get("/", bearer(token)).status == 200


def test_a_revoked_token_is_refused_on_the_next_request(proxied):
    daemon, proxy = proxied
    token = daemon.create()
    for _ in range(20):
        assert proxy.get("/", bearer(token["token"])).status == 200
    daemon.revoke(token["id"])
    assert proxy.get("/", bearer(token["token"])).status == 401


def test_the_api_sees_who_it_is(proxied):
    daemon, proxy = proxied
    token = daemon.create(user="alice@example.com", name="build server", tier="pro",
                          scopes=["reports:read", "users:read"])
    answer = proxy.get("/reports/2026?month=1", bearer(token["token"]))
    assert answer.status == 200
    assert answer.json["path"] == "/reports/2026?month=1"
    assert seen(answer, "X-Auth-User") == ["alice@example.com"]
    assert seen(answer, "X-Auth-Token-Id") == [token["id"]]
    assert seen(answer, "X-Auth-Token-Name") == ["build%20server"]
    assert seen(answer, "X-Auth-Tier") == ["pro"]
    assert seen(answer, "X-Auth-Scopes") == ["reports:read users:read"]
    assert seen(answer, "X-Auth-Org") == ["default"]


def test_the_caller_sees_what_is_left(proxied):
    daemon, proxy = proxied
    token = daemon.create(limits={"minute": 5})["token"]
    answer = proxy.get("/", bearer(token))
    assert '"minute";r=4;t=' in answer.headers["ratelimit"]
    assert '"minute";q=5;w=60' in answer.headers["ratelimit-policy"]


@pytest.mark.parametrize("name", [*IDENTITY, "X-Auth-Status", "X-Auth-Dry-Run", "X-Auth-Explain"])
@pytest.mark.parametrize("spelling", [
    str, str.upper, str.lower,
    lambda name: name.replace("-", "_"),
    lambda name: name.replace("-", "."),
    lambda name: name.lower().replace("-", "_", 1),
], ids=["same", "upper", "lower", "underscores", "dots", "one underscore"])
def test_the_callers_own_identity_never_reaches_the_api(shared_proxy, name, spelling):
    daemon, proxy, token = shared_proxy
    for path in ("/", "/public"):
        answer = proxy.get(path, [*bearer(token).items(), (spelling(name), "root"),
                                  (spelling(name), "root")])
        assert answer.status == 200
        assert "root" not in seen(answer, name)
        assert len(seen(answer, name)) == (1 if path == "/" and name in IDENTITY else 0)


@pytest.fixture(scope="module")
def shared_proxy(shared, tmp_path_factory):
    proxy = harness.Proxy(tmp_path_factory.mktemp("proxy"), f"unix:{shared.socket}").start()
    token = shared.create(name="shared", tier="enterprise")["token"]
    yield shared, proxy, token
    proxy.stop()


def test_a_token_without_name_or_scopes_still_overwrites_the_callers_headers(shared_proxy):
    daemon, proxy, _ = shared_proxy
    token = daemon.create(name="plain", scopes=[])["token"]
    answer = proxy.get("/", {**bearer(token), "X-Auth-Scopes": "admin:all"})
    assert answer.status == 200
    assert seen(answer, "X-Auth-Scopes") == ["-"]


def test_the_token_itself_never_reaches_the_api(shared_proxy):
    _, proxy, token = shared_proxy
    for headers in (bearer(token), {"X-API-Key": token}):
        answer = proxy.get("/", headers)
        assert answer.status == 200
        assert token not in answer.body.decode()


def test_the_question_cannot_be_asked_from_outside(shared_proxy):
    _, proxy, token = shared_proxy
    assert proxy.get("/_tokenry/auth", bearer(token)).status == 404


def test_tokenrys_management_cannot_be_reached_through_the_proxy(shared_proxy):
    """nginx may be root and then the Unix socket would know it as an administrator."""
    _, proxy, token = shared_proxy
    answer = proxy.get("/api/v1/auth/tokens", bearer(token))
    assert answer.json["path"] == "/api/v1/auth/tokens"  # the echo of the API behind, not ours
    assert proxy.get("/api/v1/auth/tokens").status == 401


def test_a_callers_claim_to_be_the_sockets_peer_does_not_get_through(shared_proxy):
    """nginx is root here and asks over the Unix socket."""
    _, proxy, _ = shared_proxy
    assert proxy.get("/", {"Connection": "Tokenry-Peer"}).status == 401
    assert proxy.get("/", {"Connection": "keep-alive, Tokenry-Peer"}).status == 401


def test_the_method_and_body_reach_the_api_untouched(shared_proxy):
    _, proxy, token = shared_proxy
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = proxy.request(method, "/things", bearer(token), body=b"x" * 100_000)
        assert (answer.status, answer.json["method"], answer.json["body_bytes"]) == (200, method, 100_000)
    assert proxy.request("HEAD", "/things", bearer(token)).status == 200


def test_errors_of_the_api_pass_through_untouched(shared_proxy):
    _, proxy, token = shared_proxy
    for status in (401, 403, 404, 429, 500, 503):
        answer = proxy.get(f"/status/{status}", bearer(token))
        assert answer.status == status
        assert answer.json["path"] == f"/status/{status}"  # its own body


@pytest.mark.parametrize("path", ["/reports/../secret", "//reports//x", "/reports%2f..%2fsecret",
                                  "/reports/;x", "/./reports/a", "/Reports/a", "/reports"])
def test_odd_spellings_of_a_path_never_open_what_needs_a_scope(shared_proxy, path):
    """Which scope is needed is decided by the location that routes, so they cannot differ:
    whatever is answered 200 was routed by a location that asks for no scope."""
    daemon, proxy, token = shared_proxy
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    data = raw_exchange(("127.0.0.1", proxy.port), head.encode())
    status = status_of(data)
    assert status in (200, 301, 403)
    if status == 200:
        routed = json.loads(data.split(b"\r\n\r\n", 1)[1].split(b"\r\n")[-1])["path"]
        assert not routed.startswith("/reports/") or ".." in routed


def test_two_authorization_lines_are_refused(shared_proxy):
    _, proxy, token = shared_proxy
    answer = proxy.get("/", [("Authorization", f"Bearer {token}"),
                             ("Authorization", "Bearer " + "b" * 57)])
    assert answer.status in (400, 401)


def test_long_and_many_headers_of_the_caller_do_not_get_in_the_way(shared_proxy):
    _, proxy, token = shared_proxy
    many = [(f"X-Filler-{n}", "f" * 80) for n in range(75)]
    assert proxy.get("/", [*bearer(token).items(), *many]).status == 200
    assert proxy.get("/?" + "q" * 7000, bearer(token)).status == 200
    assert proxy.get("/", {**bearer(token), "Cookie": "c" * 7000}).status == 200
    for headers in (bearer("a" * 7000), {"X-API-Key": "a" * 7000}, bearer(token + "a" * 2000)):
        answer = proxy.get("/", headers)
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_mistake_in_the_configuration_opens_nothing_and_is_500(daemon, make_proxy, tmp_path):
    proxy = make_proxy(daemon)
    token = daemon.create(scopes=["*"])["token"]
    assert proxy.get("/reports/x", bearer(token)).status == 200
    proxy.stop()
    site = proxy.folder / "nginx" / "conf.d" / "tokenry.conf"
    site.write_text(site.read_text().replace("scope=reports:read", "scope=not!a!scope"))
    proxy.start(keep_configuration=True)
    answer = proxy.get("/reports/x", bearer(token))
    assert answer.status == 500
    assert problem(answer)["code"] == "internal"


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_nothing_that_a_caller_sends_makes_the_question_a_trial(make_daemon, make_proxy, over):
    """Also where the operator lets the proxy ask for trials."""
    daemon = make_daemon({"auth.trials": "on", "server.trusted_proxies": "127.0.0.1"}).init().start()
    proxy = make_proxy(daemon, over=over)
    targets = ["/?dry_run=true", "/?a=b&dry_run=true&explain=true", "/reports/x?dry_run=true",
               "/reports/x?scope=reports:read&dry_run=true", "/%3Fdry_run=true", "/x%26dry_run=true",
               "/reports/&dry_run=true", "/;dry_run=true", "/?%64ry_run=true", "/??dry_run=true",
               "/?mode=nginx&dry_run=true", "/_tokenry/auth?dry_run=true"]
    claims = {"X-Original-URI": "/auth?dry_run=true", "X-Auth-Dry-Run": "true",
              "X-Auth-Request-Redirect": "/auth?dry_run=true", "Connection": "Tokenry-Peer"}
    for number, target in enumerate(targets):
        for headers in ({}, claims):
            token = daemon.create(name=f"t{number}{len(headers)}", limits={"minute": 2},
                                  scopes=["reports:read"])["token"]
            answers = [proxy.get(target, {**bearer(token), **headers}) for _ in range(3)]
            # 404: what is internal does not exist, and was not asked about.
            expected = [404] * 3 if target.startswith("/_tokenry/") else [200, 200, 429]
            assert [answer.status for answer in answers] == expected, target
            for answer in answers:
                assert "x-auth-explain" not in answer.headers
                if answer.status == 200:
                    assert not seen(answer, "X-Auth-Dry-Run") and not seen(answer, "X-Auth-Explain")


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_the_audit_log_has_what_was_asked_for_and_by_whom(make_daemon, make_proxy, over):
    """As nginx knows it, not as the caller says it."""
    daemon = make_daemon({"server.trusted_proxies": "127.0.0.1"}).init().start()
    proxy = make_proxy(daemon, over=over)
    token = daemon.create(name="ci", scopes=["reports:read"])
    claims = {"X-Original-URI": "/mine", "X-Original-Method": "MINE", "CF-Ray": "mine",
              "X-Forwarded-Uri": "/mine", "X-Forwarded-Method": "MINE",
              "User-Agent": "pipeline/3 " + "x" * 1000}
    assert proxy.get("/reports/7?key=secret", {**bearer(token["token"]), **claims}).status == 200
    query = f"/api/v1/audit/events?token_id={token['id']}&type=auth.allowed"
    (event,) = eventually(lambda: daemon.manage("GET", query).json["data"], 10)
    assert (event["method"], event["endpoint"], event["client"]) == ("GET", "/reports/7", "127.0.0.1")
    assert event["user_agent"].startswith("pipeline/3 xxx") and event["ray_id"] is None


@pytest.mark.parametrize("trials", ["off", "on"])
def test_the_operators_own_trial_passes_only_where_it_is_allowed(make_daemon, make_proxy, trials):
    daemon = make_daemon({"auth.trials": trials,
                          "server.trusted_proxies": "127.0.0.1"}).init().start()
    proxy = make_proxy(daemon)
    token = daemon.create(scopes=["reports:read"], limits={"minute": 1})["token"]
    proxy.stop()
    site = proxy.folder / "nginx" / "conf.d" / "tokenry.conf"
    site.write_text(site.read_text().replace("scope=reports:read",
                                             "scope=reports:read&dry_run=true&explain=true"))
    proxy.start(keep_configuration=True)
    for _ in range(3):
        answer = proxy.get("/reports/x", bearer(token))
        assert answer.status == (200 if trials == "on" else 500)
    assert proxy.get("/", bearer(token)).status == 200  # it consumed nothing, refused or not
    assert proxy.get("/", bearer(token)).status == 429
    if trials == "on":
        assert proxy.get("/reports/x", bearer(token)).status == 429


@pytest.mark.parametrize("trusted", [False, True])
def test_over_tcp_a_trial_is_for_trusted_proxies_only(make_daemon, trusted):
    proxies = "127.0.0.1" if trusted else "192.0.2.1"
    daemon = make_daemon({"auth.trials": "on", "server.trusted_proxies": proxies}).init().start()
    token = daemon.create(limits={"minute": 1})["token"]
    for _ in range(3):
        answer = daemon.auth(token, "?dry_run=true&explain=true")
        if trusted:
            assert (answer.status, answer.headers["x-auth-dry-run"]) == (200, "true")
            assert answer.json["explain"][0] == {"check": "shape", "outcome": "passed"}
            assert answer.headers["x-auth-explain"].startswith("shape=passed, known=passed, ")
        else:
            assert (answer.status, answer.json["member"]) == (400, "dry_run")
    assert [daemon.auth(token).status for _ in range(2)] == [200, 429]


def test_a_server_of_ones_own_needs_no_location_with_a_scope(daemon, make_proxy):
    proxy = make_proxy(daemon)
    proxy.stop()
    site = proxy.folder / "nginx" / "conf.d" / "tokenry.conf"
    above, example = site.read_text().split("\nserver {", 1)
    assert "set $tokenry_ask" in example and "set $tokenry_ask" not in above
    site.write_text(above)
    site.with_name("own.conf").write_text(f"""
        server {{
            listen 127.0.0.1:{proxy.port};
            include tokenry/server.conf;
            location / {{
                include tokenry/protect.conf;
                proxy_pass http://api;
            }}
            location = /public {{
                include tokenry/strip.conf;
                proxy_pass http://api;
            }}
        }}""")
    proxy.start(keep_configuration=True)
    assert proxy.get("/").status == 401
    answer = proxy.get("/reports/x", bearer(daemon.create(user="alice")["token"]))
    assert answer.status == 200 and seen(answer, "X-Auth-User") == ["alice"]


def test_connections_to_tokenry_are_kept(daemon, make_proxy):
    proxy = make_proxy(daemon)
    token = daemon.create(tier="enterprise")["token"]

    def connections():
        return daemon.metrics()["tokenry_http_connections_total"]

    with_connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    assert exchange(with_connection, "GET", "/", bearer(token)).status == 200
    before = connections()
    for _ in range(200):
        assert exchange(with_connection, "GET", "/", bearer(token)).status == 200
    after = connections()
    with_connection.close()
    assert after - before <= 2  # the one that asks for the metrics, and it alone


def test_many_callers_at_once_are_each_answered_for_themselves(shared_proxy):
    daemon, proxy, _ = shared_proxy
    tokens = {f"user{n}": daemon.create(user=f"user{n}", tier="enterprise")["token"]
              for n in range(8)}
    wrong = []

    def caller(user, token):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        for _ in range(50):
            answer = exchange(connection, "GET", "/", bearer(token))
            if answer.status != 200 or seen(answer, "X-Auth-User") != [user]:
                wrong.append((user, answer))
        connection.close()

    threads = [threading.Thread(target=caller, args=pair) for pair in tokens.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_network_bound_token_is_checked_against_the_real_caller(make_daemon, make_proxy):
    daemon = make_daemon({"server.trusted_proxies": "127.0.0.1"}).init().start()
    proxy = make_proxy(daemon)
    here = daemon.create(name="here", allowed_ips=["127.0.0.0/8"])["token"]
    there = daemon.create(name="there", allowed_ips=["203.0.113.0/24"])["token"]
    assert proxy.get("/", bearer(here)).status == 200
    assert proxy.get("/", bearer(there)).status == 403
    # What the caller claims about itself changes nothing.
    claim = {"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7",
             "Forwarded": "for=203.0.113.7"}
    assert proxy.get("/", {**bearer(there), **claim}).status == 403


def stopped(pid):
    """Whether every thread stands still: a signal takes a moment to reach them all."""
    states = [path.read_text().rpartition(")")[2].split()[0]
              for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


def test_a_hanging_daemon_is_503_within_seconds(daemon, make_proxy):
    proxy = make_proxy(daemon)
    token = daemon.create()["token"]
    assert proxy.get("/", bearer(token)).status == 200
    os.kill(daemon.process.pid, signal.SIGSTOP)
    try:
        eventually(lambda: stopped(daemon.process.pid), 5, "a daemon that stands still")
        assert proxy.get("/", bearer(token), timeout=10).status == 503
    finally:
        os.kill(daemon.process.pid, signal.SIGCONT)
    eventually(lambda: proxy.get("/", bearer(token)).status == 200, 10, "recovery")
