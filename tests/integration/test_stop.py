# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT: requests in flight are answered, nothing is lost, it ends in time."""

import contextlib
import os
import signal
import socket
import time

import pytest
from harness import eventually, status_of
from journal import check, start_clients


def test_a_stop_under_load_answers_what_is_in_flight_and_loses_nothing(make_daemon):
    daemon = make_daemon().init()
    entries = []
    for _ in range(5):
        daemon.start()
        clients, stop = start_clients(daemon, 8)
        eventually(lambda: sum(client.answered for client in clients) > 100, 20, "load")
        told = time.monotonic()
        assert daemon.stop() == 0, daemon.log_tail()
        stop.set()
        for client in clients:
            client.join(30)
            assert client.wrong == []
            # Whatever was asked before the signal has had its answer.
            assert [what for when, what in client.unanswered if when < told] == []
            entries += client.entries
    daemon.start()
    assert check(daemon, entries) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_end_it_with_status_0_and_no_socket_left(daemon, number):
    daemon.process.send_signal(number)
    assert daemon.process.wait(timeout=15) == 0
    assert not os.path.exists(daemon.socket)


def test_a_client_in_the_middle_of_a_header_does_not_hold_up_the_stop(make_daemon):
    daemon = make_daemon({"server.stop_grace_s": 2}).init().start()
    with socket.create_connection(("127.0.0.1", daemon.port)) as client:
        client.sendall(b"GET /auth HTTP/1.1\r\nHost:")
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 10


def test_a_stopping_daemon_accepts_no_new_connection(make_daemon):
    daemon = make_daemon().init().start()
    assert daemon.stop() == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", daemon.port), timeout=2)


def test_a_request_that_is_half_sent_at_the_signal_is_answered_when_it_completes(make_daemon):
    daemon = make_daemon({"server.stop_grace_s": 10}).init().start()
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as client:
        client.sendall(b"GET /api/v1/auth/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        eventually(lambda: daemon.metrics()["tokenry_http_connections_open"] >= 1, 5)
        daemon.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(OSError):
            client.sendall(b"\r\n")
            assert status_of(client.recv(65536)) in (200, 503, None)
        assert daemon.process.wait(timeout=20) == 0
