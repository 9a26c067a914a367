# SPDX-License-Identifier: Apache-2.0
"""Slow clients, idle connections and too many of them: the others do not notice."""

import contextlib
import re
import resource
import select
import socket
import time

import pytest
from harness import PEER, UnixConnection, bearer, eventually, exchange, status_of

IDLE_S = 2


@pytest.fixture
def patient(make_daemon):
    return make_daemon({"server.idle_s": IDLE_S, "server.request_s": IDLE_S}).init().start()


@contextlib.contextmanager
def watched(daemon):
    """Gives a function that tells how many connections are open besides the one it asks over:
    one for each question would itself be counted, for as long as the server keeps it."""
    with contextlib.closing(UnixConnection(daemon.socket, 20)) as connection:
        def others():
            answer = exchange(connection, "GET", "/metrics", PEER)
            (line,) = re.findall(rb"^tokenry_http_connections_open (\d+)", answer.body, re.MULTILINE)
            return int(line) - 1
        yield others


def closed_by_server(client, seconds):
    """Whether the server ends this connection within `seconds`; answers are thrown away."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        readable, _, _ = select.select([client], [], [], max(0, end - time.monotonic()))
        if readable:
            try:
                if client.recv(65536) == b"":
                    return True
            except OSError:
                return True
    return False


def drip(client, data, every_s, seconds):
    """Sends byte by byte and tells after how long the server had enough; None if never."""
    start = time.monotonic()
    for number in range(len(data)):
        if time.monotonic() - start > seconds:
            return None
        try:
            client.sendall(data[number:number + 1])
        except OSError:
            return time.monotonic() - start
        if closed_by_server(client, every_s):
            return time.monotonic() - start
    return None


def test_a_connection_that_says_nothing_is_closed(patient):
    with socket.create_connection(("127.0.0.1", patient.port)) as client:
        assert closed_by_server(client, IDLE_S + 5)


def test_an_idle_kept_connection_is_closed(patient):
    with contextlib.closing(patient.connect()) as connection:
        assert exchange(connection, "GET", "/api/v1/auth/health").status == 200
        assert closed_by_server(connection.sock, IDLE_S + 5)


def test_a_header_that_drips_in_is_cut_off(patient):
    head = b"GET /auth HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 1000
    with socket.create_connection(("127.0.0.1", patient.port)) as client:
        took = drip(client, head, 0.25, 6 * IDLE_S)
    assert took is not None and took < 5 * IDLE_S


def test_a_body_that_drips_in_is_cut_off(patient):
    head = (f"POST /api/v1/auth/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {patient.admin}"
            "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", patient.port)) as client:
        client.sendall(head)
        took = drip(client, b" " * 1000, 0.25, 6 * IDLE_S)
    assert took is not None and took < 5 * IDLE_S


def test_a_client_that_never_reads_is_cut_off(patient):
    request = b"GET /api/v1/auth/health HTTP/1.1\r\nHost: x\r\n\r\n"
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with client:
        client.connect(("127.0.0.1", patient.port))
        client.setblocking(False)
        with contextlib.suppress(OSError):
            while True:
                client.send(request * 100)
        with watched(patient) as others:
            eventually(lambda: others() == 0, 5 * IDLE_S, "the end of the deaf client")


def test_slow_clients_do_not_slow_the_others(patient):
    token = patient.create(tier="enterprise")["token"]
    slow = [socket.create_connection(("127.0.0.1", patient.port)) for _ in range(100)]
    for client in slow:
        client.sendall(b"GET /auth HTTP/1.1\r\nX-A")
    times = []
    with contextlib.closing(patient.connect()) as connection:
        for _ in range(200):
            begun = time.monotonic()
            assert exchange(connection, "GET", "/auth", bearer(token)).status == 200
            times.append(time.monotonic() - begun)
    for client in slow:
        client.close()
    assert sorted(times)[len(times) // 2] < 0.05


def test_a_thousand_idle_connections_are_held_and_then_let_go(make_daemon):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= 2048, "this test needs 2,048 open files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    # The usual soft limit of a shell must not stop the daemon.
    daemon = make_daemon({"server.idle_s": 30}, wrapper=["prlimit", f"--nofile=1024:{hard}", "--"])
    daemon.init().start()
    token = daemon.create(tier="enterprise")["token"]
    idle = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(1000)]
    try:
        with watched(daemon) as others:
            eventually(lambda: others() >= 1000, 10, "1,000 connections")
        for _ in range(50):
            assert daemon.auth(token).status == 200
        idle[500].sendall(f"GET /auth HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        idle[500].settimeout(10)
        assert status_of(idle[500].recv(65536)) == 200
    finally:
        for client in idle:
            client.close()
    with watched(daemon) as others:
        eventually(lambda: others() == 0, 10, "the end of the idle connections")


def test_connections_beyond_the_maximum_are_closed_and_the_rest_works(make_daemon):
    daemon = make_daemon({"server.connections": 16, "server.idle_s": 5}).init().start()
    token = daemon.create(tier="enterprise")["token"]
    with contextlib.closing(daemon.connect()) as kept:
        assert exchange(kept, "GET", "/auth", bearer(token)).status == 200
        crowd = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(64)]
        try:
            for _ in range(20):
                assert exchange(kept, "GET", "/auth", bearer(token)).status == 200
        finally:
            for client in crowd:
                client.close()
    # Refused ones are gone at once, the others when they were closed: it serves again.
    def serves():
        with contextlib.suppress(OSError):
            return daemon.auth(token).status == 200
        return False
    eventually(serves, 15, "service after the crowd")


def test_one_address_may_be_limited(make_daemon):
    daemon = make_daemon({"server.connections_per_address": 4}).init().start()
    clients = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(12)]
    try:
        closed = eventually(lambda: sum(closed_by_server(c, 0.05) for c in clients) >= 7, 10,
                            "connections that are refused")
        assert closed
    finally:
        for client in clients:
            client.close()
    eventually(lambda: daemon.request("GET", "/api/v1/auth/health", over="unix").status == 200, 10)


def test_pipelined_requests_are_answered_in_order(patient):
    token = patient.create(tier="enterprise")["token"]
    one = f"GET /auth HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    two = "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", patient.port), timeout=10) as client:
        client.sendall((one + one + two).encode())
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"404"]
