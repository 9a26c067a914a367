# SPDX-License-Identifier: Apache-2.0
"""TLS by certificate files, and the caller's address through proxies that are trusted."""

import contextlib
import http.client
import ssl
import subprocess
import warnings

import pytest
from harness import PEER, UnixConnection, bearer, eventually, exchange


@pytest.fixture
def certificate(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True)
    return tmp_path


def https(daemon, context):
    return http.client.HTTPSConnection("127.0.0.1", daemon.port, context=context, timeout=20)


def test_tls_serves_and_plain_http_does_not(make_daemon, certificate):
    daemon = make_daemon({"server.tls_certificate": certificate / "cert.pem",
                          "server.tls_key": certificate / "key.pem"}).init().spawn()

    def over_socket(method, path, body=None):
        with contextlib.closing(UnixConnection(daemon.socket, 20)) as connection:
            return exchange(connection, method, path, PEER, body)

    def ready():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return over_socket("GET", "/api/v1/auth/health").status == 200
        return False

    eventually(ready, 30, "a ready daemon")
    token = over_socket("POST", "/api/v1/auth/tokens", {"user_id": "a", "name": "n"}).json["token"]
    context = ssl.create_default_context(cafile=certificate / "cert.pem")
    with contextlib.closing(https(daemon, context)) as connection:
        for _ in range(5):
            assert exchange(connection, "GET", "/auth", bearer(token)).status == 200
        assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises((OSError, http.client.HTTPException)):
        daemon.auth(token, timeout=5)

    old = ssl.create_default_context(cafile=certificate / "cert.pem")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that they are old is the point
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(OSError), contextlib.closing(https(daemon, old)) as connection:
        exchange(connection, "GET", "/api/v1/auth/health")


@pytest.mark.parametrize("damage", ["missing key", "no pem", "only one", "other key"])
def test_tls_files_that_do_not_fit_are_refused_by_name(make_daemon, certificate, damage):
    key = certificate / "key.pem"
    settings = {"server.tls_certificate": certificate / "cert.pem", "server.tls_key": key}
    if damage == "missing key":
        key.unlink()
    elif damage == "no pem":
        key.write_text("hello\n")
    elif damage == "only one":
        del settings["server.tls_key"]
    else:
        subprocess.run(["openssl", "genpkey", "-algorithm", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-out", key], check=True,
                       capture_output=True)
    daemon = make_daemon().init()
    daemon.settings = settings
    daemon.spawn()
    assert daemon.process.wait(timeout=30) in (1, 2, 3)
    assert "key.pem" in daemon.log() or "tls_key" in daemon.log() or "tls-key" in daemon.log()


def forwarded(daemon, token, value):
    return daemon.auth(token, headers={"X-Forwarded-For": value}).status


def test_a_forwarded_address_is_believed_only_from_a_trusted_proxy(make_daemon):
    plain = make_daemon(name="plain").init().start()
    token = plain.create(allowed_ips=["203.0.113.0/24"])["token"]
    assert forwarded(plain, token, "203.0.113.7") == 403

    trusting = make_daemon({"server.trusted_proxies": "127.0.0.0/8"}, name="trusting").init().start()
    token = trusting.create(allowed_ips=["203.0.113.0/24", "2001:db8::/32"], tier="enterprise")["token"]
    assert forwarded(trusting, token, "203.0.113.7") == 200
    assert forwarded(trusting, token, "198.51.100.1") == 403
    assert forwarded(trusting, token, "2001:db8::1") == 200
    # The nearest address that is no trusted proxy counts; what stands left of it is hearsay.
    assert forwarded(trusting, token, "203.0.113.7, 198.51.100.1") == 403
    assert forwarded(trusting, token, "198.51.100.1, 203.0.113.7, 127.0.0.9") == 200
    for nonsense in ("nonsense", "203.0.113.7;", "1" * 5000, ", ".join(["127.0.0.1"] * 40)):
        assert forwarded(trusting, token, nonsense) in (400, 403), nonsense
