# SPDX-License-Identifier: Apache-2.0
"""nginx with Tokenry's own user id in front of the Unix socket, with no line in its
configuration but `proxy_pass`: it adds no header by which a request through it could be
known, and its clients were the administrator."""

import os
import pathlib
import pwd
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from harness import Daemon, end, eventually, exchange, free_port  # noqa: E402

import http.client  # noqa: E402

TOKENS = "/api/v1/auth/tokens"
CONFIGURATION = """
daemon off; {user} worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://unix:{socket}:; }} }}
}}
"""


@pytest.fixture
def proxied(tmp_path):
    """(daemon, ask): `ask` sends a request through nginx."""
    daemon = Daemon(tmp_path).init().start()
    port = free_port()
    me = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(user=me, folder=tmp_path, port=port,
                                                  socket=daemon.socket))
    nginx = subprocess.Popen(["nginx", "-c", str(configuration), "-e", str(tmp_path / "start.log")])

    def ask(method, path, headers=(), body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            return exchange(connection, method, path, headers, body)
        finally:
            connection.close()

    def answers():
        assert nginx.poll() is None, (tmp_path / "start.log").read_text()
        try:
            return ask("GET", "/api/v1/auth/health").status == 200
        except OSError:
            return False

    try:
        eventually(answers, 20, "nginx")
        yield daemon, ask
    finally:
        end(nginx, "nginx")
        daemon.stop()


@pytest.mark.parametrize("claim", [{}, {"Connection": "Tokenry-Peer"},
                                   {"Connection": "keep-alive, Tokenry-Peer"}],
                         ids=["plain", "claimed", "claimed-among-others"])
def test_clients_of_a_proxy_at_the_socket_have_no_rights_of_its_own(proxied, claim):
    daemon, ask = proxied
    assert ask("GET", TOKENS, claim).status == 401
    assert ask("POST", TOKENS, claim, {"user_id": "eve", "name": "e"}).status == 401
    assert ask("POST", "/api/v1/verify", claim, {"token": daemon.admin}).status == 401
    assert ask("GET", "/metrics", claim).status == 401
    bearer = {"Authorization": f"Bearer {daemon.admin}"}
    assert ask("GET", TOKENS, {**bearer, **claim}).status == 200
