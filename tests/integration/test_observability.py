# SPDX-License-Identifier: Apache-2.0
"""Metrics that promtool accepts, health, status, and log lines that are JSON."""

import json
import subprocess

from harness import bearer

EXPECTED = ["tokenry_verifications_total", "tokenry_verify_duration_seconds", "tokenry_tokens",
            "tokenry_store_commits_total", "tokenry_store_commit_duration_seconds",
            "tokenry_segment_bytes", "tokenry_segment_generation",
            "tokenry_http_connections_open", "tokenry_http_connections_total"]


def test_promtool_accepts_the_metrics(shared):
    for _ in range(3):
        shared.auth(shared.create(name="m")["token"])
    text = shared.manage("GET", "/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stderr == b"", done.stderr


def test_the_promised_metrics_are_there(shared):
    names = {line.split()[2] for line in shared.manage("GET", "/metrics").body.decode().splitlines()
             if line.startswith("# TYPE ")}
    assert set(EXPECTED) - names == set()


def test_verifications_are_counted_by_verdict(shared):
    token = shared.create(name="v", limits={"minute": 2})["token"]

    def count(verdict):
        return shared.metrics().get('tokenry_verifications_total{verdict="%s"}' % verdict, 0)

    before = {verdict: count(verdict) for verdict in ("not_found", "rate_limited")}
    for _ in range(5):
        shared.auth(token)
    for _ in range(4):
        shared.auth("sk_live_" + "0" * 49)
    assert count("rate_limited") - before["rate_limited"] == 3
    assert count("not_found") - before["not_found"] == 4


def test_health_is_public_and_says_little(shared):
    for path in ("/api/v1/auth/health", "/api/v1/system/health"):
        answer = shared.get(path)
        assert answer.status == 200
        assert answer.json["status"] == "ok"


def test_status_needs_its_scope_and_tells_the_state(shared):
    weak = shared.create(name="weak", scopes=["tokens:read"])["token"]
    assert shared.get("/api/v1/system/status", bearer(weak)).status == 403
    strong = shared.create(name="strong", scopes=["system:read"])["token"]
    answer = shared.get("/api/v1/system/status", bearer(strong))
    assert answer.status == 200
    assert answer.json["version"]


def test_the_log_is_one_json_object_a_line(make_daemon):
    daemon = make_daemon({"log.level": "debug", "log.format": "json"}).init().start()
    token = daemon.create(name='quote " and \\ and é')["token"]
    daemon.auth(token)
    daemon.auth("sk_live_" + "0" * 49)
    daemon.get("/nowhere%7f%22")
    daemon.stop()
    lines = daemon.log().splitlines()
    assert len(lines) >= 4
    for line in lines:
        row = json.loads(line)
        assert row["level"] in ("debug", "info", "warning", "error")
        assert row["event"] and row["time"].endswith("Z")
    assert any("request_id" in json.loads(line) for line in lines)


def test_what_is_listened_on_is_logged_at_the_start_and_the_stop_too(make_daemon):
    daemon = make_daemon({"log.format": "json"}).init().start()
    daemon.stop()
    events = [json.loads(line)["event"] for line in daemon.log().splitlines()]
    assert str(daemon.port) in daemon.log()
    assert len(events) >= 2
