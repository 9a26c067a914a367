# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the wall clock back while the daemon runs, and while it does not: nothing
un-expires and no window is granted twice. The virtual-clock scenarios cover the fine
points; here the real program runs under Debian's libfaketime."""

import datetime
import glob
import os
import shutil

import pytest
from harness import eventually

HOUR = 3600


@pytest.fixture
def daemon(make_daemon, tmp_path):
    (library,) = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    offset = tmp_path / "offset"
    one = make_daemon(wrapper=["env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={offset}",
                               "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1",
                               "FAKETIME_DONT_FAKE_MONOTONIC=1"])

    def set_clock(seconds):
        """Moves the daemon's wall clock to so many seconds from the true time."""
        new = tmp_path / "offset.new"
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, offset)

    one.set_clock = set_clock
    set_clock(0)
    assert shutil.which("faketime")
    return one.init().start()


def in_seconds(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_has_expired_stays_expired_when_the_clock_goes_back(daemon):
    token = daemon.create(expires_at=in_seconds(HOUR), tier="enterprise")["token"]
    assert daemon.auth(token).status == 200
    daemon.set_clock(2 * HOUR)
    eventually(lambda: daemon.auth(token).status == 401, 10, "expiry")
    assert daemon.auth(token).json["code"] == "expired"
    daemon.set_clock(0)
    for _ in range(3):
        daemon.create(name="beat")
        assert daemon.auth(token).json["code"] == "expired"


def test_no_window_is_granted_twice_when_the_clock_goes_back_and_forth(daemon):
    token = daemon.create(limits={"minute": 4, "hour": 4, "day": 4})["token"]
    assert [daemon.auth(token).status for _ in range(5)] == [200] * 4 + [429]
    for offset in (-HOUR, -24 * HOUR, 0, -HOUR):
        daemon.set_clock(offset)
        for _ in range(3):
            daemon.create(name="beat")
            assert daemon.auth(token).status == 429, offset


def test_the_clock_goes_back_while_the_daemon_is_stopped(daemon):
    expiring = daemon.create(expires_at=in_seconds(HOUR))["token"]
    limited = daemon.create(limits={"hour": 2}, expires_at=in_seconds(900 * HOUR))["token"]
    daemon.set_clock(2 * HOUR)
    eventually(lambda: daemon.auth(expiring).status == 401, 10, "expiry")
    assert [daemon.auth(limited).status for _ in range(3)] == [200, 200, 429]
    assert daemon.stop() == 0
    daemon.set_clock(0)
    shutil.rmtree(daemon.folder / "run")  # a reboot: only the database remembers
    daemon.start()
    assert daemon.auth(expiring).json["code"] == "expired"
    assert daemon.auth(limited).status == 429
