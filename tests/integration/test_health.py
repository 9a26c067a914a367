# SPDX-License-Identifier: Apache-2.0
"""The job `health`: it tells before a disk is full or the certificate ends, each thing once."""

import json
import subprocess

import pytest
from harness import eventually
from namespace import Namespace


def alerts(daemon, kind):
    told = json.loads(daemon.cli("audit", "list", "--type", f"alert.{kind}", "--json").stdout)
    return told["data"]


def certificate(folder, days):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-days",
                    str(days), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    return {"server.tls_certificate": folder / "cert.pem", "server.tls_key": folder / "key.pem"}


def ran(daemon):
    return json.loads(daemon.run_job("health", "--json").stdout)


@pytest.mark.parametrize("days,severity", [(1, "critical"), (6, "high"), (12, "medium"),
                                           (29, "low"), (365, None)])
def test_a_certificate_that_ends_soon_is_told_once(make_daemon, tmp_path, days, severity):
    daemon = make_daemon(certificate(tmp_path, days)).init()
    daemon.settings["server.socket"] = daemon.socket
    daemon.spawn()
    eventually(lambda: '"ready"' in daemon.log(), 30, daemon.log_tail)
    for _ in range(2):
        ran(daemon)
    rows = alerts(daemon, "certificate.expiring")
    assert [row["details"]["severity"] for row in rows] == ([severity] if severity else [])
    assert daemon.stop() == 0
    assert daemon.spawn().process.poll() is None
    eventually(lambda: daemon.log().count('"ready"') == 2, 30, daemon.log_tail)
    ran(daemon)
    assert len(alerts(daemon, "certificate.expiring")) == len(rows)


def test_a_small_disk_is_told(make_daemon):
    space = Namespace()
    try:
        daemon = make_daemon(wrapper=space.wrapper)
        space.tmpfs(daemon.folder / "data", "48m")
        daemon.settings["server.socket"] = daemon.socket
        daemon.spawn()
        eventually(lambda: '"ready"' in daemon.log(), 30, daemon.log_tail)
        # The command is outside of the namespace, and asks over the socket.
        for _ in range(2):
            ran(daemon)
        rows = alerts(daemon, "disk.low")
        assert len(rows) == 1 and rows[0]["details"]["severity"] == "critical", rows
        assert "data directory" in rows[0]["details"]["summary"]
        assert daemon.stop() == 0
    finally:
        space.close()


def test_enough_room_is_nothing_to_tell(daemon):
    ran(daemon)
    assert alerts(daemon, "disk.low") == alerts(daemon, "certificate.expiring") == []
