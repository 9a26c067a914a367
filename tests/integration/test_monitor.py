# SPDX-License-Identifier: Apache-2.0
"""What is watched and told, with a real daemon: use that is unlike before, ends, honeytokens."""

import contextlib
import json
import sqlite3
import struct

from harness import bearer, eventually

DONE = 0
HOME, AWAY = "192.0.2.7", "203.0.113.9"
SETTINGS = {"server.trusted_proxies": "127.0.0.1"}
# Of the image of a sketch, see src/monitor/sketch.h.
BORN_AT, SURPRISES, ACTIVE_DAYS_AT = 4, slice(20, 27), 27


def database(daemon):
    (path,) = daemon.data.glob("*.db")
    return contextlib.closing(sqlite3.connect(path))


def alerts(daemon, kind="token.*"):
    answer = daemon.manage("GET", f"/api/v1/audit/events?type=alert.{kind}")
    assert answer.status == 200, answer
    return answer.json["data"]


def use(daemon, token, address, **headers):
    return daemon.get("/auth", {**bearer(token), "X-Forwarded-For": address, **headers}).status


def make_old(daemon):
    """As if the tokens that were used had been used so for twenty days."""
    with database(daemon) as connection:
        rows = connection.execute("SELECT line, image FROM sketches").fetchall()
        assert rows
        for line, image in rows:
            image = bytearray(image)
            (born,) = struct.unpack_from("=I", image, BORN_AT)
            struct.pack_into("=I", image, BORN_AT, born - 20 * 24)
            image[SURPRISES] = bytes(7)  # those of the first day are forgotten
            image[ACTIVE_DAYS_AT] = 20
            connection.execute("UPDATE sketches SET image = ? WHERE line = ?",
                               (bytes(image), line))
        connection.commit()


def learned(make_daemon, **settings):
    daemon = make_daemon({**SETTINGS, **settings}).init().start()
    token = daemon.create(name="deploy")
    assert use(daemon, token["token"], HOME, **{"User-Agent": "deploy/1.0"}) == 200
    assert daemon.stop() == 0
    make_old(daemon)
    daemon.start()
    return daemon, token


def test_a_new_network_is_told_and_a_known_one_is_not(make_daemon):
    daemon, token = learned(make_daemon)
    assert use(daemon, token["token"], HOME, **{"User-Agent": "deploy/1.1"}) == 200
    assert use(daemon, token["token"], AWAY) == 200
    (alert,) = eventually(lambda: alerts(daemon))
    assert alert["type"] == "alert.token.anomaly.network", json.dumps(alert)
    assert alert["token_id"] == token["id"]
    assert alert["details"]["details"]["network"] == "203.0.113.0/24", alert
    assert alert["details"]["details"]["action"] == "alert", alert
    daemon.kill()
    daemon.start()
    assert use(daemon, token["token"], AWAY) == 200
    assert daemon.stop() == 0
    daemon.start()
    assert len(alerts(daemon)) == 1
    report = daemon.cli("monitor").stdout
    assert "token deploy is used from 203.0.113.0/24 for the first time" in report, report
    metrics = daemon.get("/metrics", bearer(daemon.admin)).body.decode()
    assert "tokenry_monitor_tokens 2" in metrics or "tokenry_monitor_tokens 1" in metrics, metrics


def test_another_program_is_told(make_daemon):
    daemon, token = learned(make_daemon)
    assert use(daemon, token["token"], HOME, **{"User-Agent": "curl/8.5.0"}) == 200
    (alert,) = eventually(lambda: alerts(daemon))
    assert alert["type"] == "alert.token.anomaly.user_agent", alert
    assert alert["details"]["details"]["user_agent"] == "curl/8.5.0", alert


def test_a_rule_holds_the_token_until_it_is_restored(make_daemon):
    daemon, token = learned(make_daemon, **{"monitor.on_new_network": "quarantine"})
    assert use(daemon, token["token"], AWAY) == 200
    eventually(lambda: daemon.show(token["id"])["status"] == "quarantined")
    assert use(daemon, token["token"], HOME) == 401
    (alert,) = eventually(lambda: alerts(daemon, "token.anomaly.network"))
    assert "it is in quarantine now" in alert["details"]["summary"], alert
    assert daemon.cli("restore", token["id"]).returncode == DONE
    assert use(daemon, token["token"], HOME) == 200


def test_requests_without_the_secret_hold_nothing(make_daemon):
    daemon, token = learned(make_daemon, **{"monitor.on_new_network": "quarantine",
                                            "monitor.on_refusals": "quarantine"})
    wrong = token["token"][:-1] + ("x" if token["token"][-1] != "x" else "y")
    for _ in range(100):
        assert use(daemon, wrong, AWAY) == 401
        assert use(daemon, token["id"], AWAY) == 401
    assert use(daemon, token["token"], HOME) == 200
    assert daemon.stop() == 0
    daemon.start()
    assert alerts(daemon) == []


def test_a_honeytoken_and_a_revoked_token_in_use_are_alerts(make_daemon):
    daemon = make_daemon().init().start()
    bait = json.loads(daemon.cli("create", "--user", "alice", "--name", "bait", "--honeytoken",
                                 "--json").stdout)
    gone = daemon.create(name="gone")
    assert daemon.cli("revoke", gone["id"], "--yes").returncode == DONE
    for _ in range(3):
        assert daemon.get("/auth", bearer(bait["token"])).status == 401
        assert daemon.get("/auth", bearer(gone["token"])).status == 401
    told = eventually(lambda: len(alerts(daemon)) == 2 and alerts(daemon))
    severities = {one["type"]: one["details"]["severity"] for one in told}
    assert severities == {"alert.token.honeytoken": "critical",
                          "alert.token.revoked_in_use": "high"}, told
    assert {one["token_name"] for one in told} == {"bait", "gone"}


def test_tokens_that_end_soon_are_told_once_and_listed(make_daemon):
    daemon = make_daemon().init().start()
    soon = daemon.create(name="soon", expires_in="5d")
    daemon.create(name="later", expires_in="80d")
    for _ in range(2):
        assert daemon.run_job("expiry_alerts").returncode == DONE
    (alert,) = alerts(daemon, "token.expiring")
    assert alert["token_id"] == soon["id"] and alert["details"]["severity"] == "high", alert
    report = json.loads(daemon.cli("monitor", "--json").stdout)
    assert [one["name"] for one in report["expiring"]["tokens"]] == ["soon", "first admin"], report
    assert report["expiring"]["total"] == 2
    assert [one["type"] for one in report["alerts"]] == ["token.expiring"], report
    report = json.loads(daemon.cli("monitor", "--days", "90", "--json").stdout)
    assert report["expiring"]["total"] == 3, report
    assert daemon.cli("monitor", "--days", "0", check=False).returncode != DONE
    status = daemon.manage("GET", "/api/v1/system/status").json["monitor"]
    assert status["watching"] is True, status
    assert status["expiring_within_days"]["7"] == 1, status


def test_who_may_not_read_the_audit_log_gets_no_alerts(make_daemon):
    daemon = make_daemon().init().start()
    reader = daemon.create(name="reader", scopes=["tokens:read"])["token"]
    answer = daemon.request("GET", "/api/v1/monitor", bearer(reader))
    assert answer.status == 200 and answer.json["alerts"] is None, answer
