# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a daemon for each test that changes its state by force, one for each module
that only talks to it, and nginx in front of either."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import harness  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def binary():
    """The tests are about a program: without it nothing is left out, it fails."""
    assert os.access(harness.TOKENRY, os.X_OK), f"{harness.TOKENRY} is not built (make build)"
    return harness.TOKENRY


@pytest.fixture
def make_daemon(tmp_path):
    """make_daemon(settings={"server.idle_s": 2}, name="a") gives one that is not started."""
    made = []

    def make(settings=None, name="authority", wrapper=()):
        folder = tmp_path / name
        folder.mkdir()
        made.append(harness.Daemon(folder, settings, wrapper))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def daemon(make_daemon):
    """A running daemon with an admin token, for this test alone."""
    return make_daemon().init().start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A running daemon for the tests of one module."""
    one = harness.Daemon(tmp_path_factory.mktemp("shared"))
    try:
        yield one.init().start()
        assert one.stop() == 0, one.log_tail()
    finally:
        if one.process is not None and one.process.poll() is None:
            one.kill()


@pytest.fixture
def make_proxy(tmp_path):
    """make_proxy(daemon, over="tcp") gives a running nginx that asks this daemon."""
    made = []

    def make(daemon, over="tcp"):
        where = f"unix:{daemon.socket}" if over == "unix" else f"127.0.0.1:{daemon.port}"
        made.append(harness.Proxy(tmp_path / f"proxy{len(made)}", where))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()
