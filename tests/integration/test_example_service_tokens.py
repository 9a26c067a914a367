# SPDX-License-Identifier: Apache-2.0
"""examples/service-tokens: its script is run, and made to fail; and its receivers refuse what a
careful receiver refuses, so that what arrives at them says something."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import smtplib
import ssl
import subprocess
import time

import pytest
from harness import ROOT, TOKENRY, end, eventually
from test_examples import SECONDS, check, run_example

FOLDER = ROOT / "examples" / "service-tokens"
HEADINGS = 20


def test_everything_is_as_the_document_says(tmp_path):
    check("service-tokens", tmp_path, HEADINGS)


def test_what_is_not_on_record_is_noticed(tmp_path, monkeypatch):
    liar = tmp_path / "tokenry"
    liar.write_text('#!/bin/sh\n[ "$1" != serve ] || set -- "$@" --set audit.successes=none\n'
                    f'exec {TOKENRY} "$@"\n')
    liar.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr("test_examples.TOKENRY", str(liar))
    status, output = run_example("service-tokens", folder)
    assert status == 1 and "DIFFERENT: an event --type auth.allowed" in output, output[-3000:]
    assert list(folder.iterdir()) == [], "it leaves files behind"


# --- the receivers ----------------------------------------------------------------------------

KEY = b"k" * 32


@pytest.fixture
def receivers(tmp_path):
    """The ports of mail and webhooks, and a client's TLS."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=receivers", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out",
                    tmp_path / "certificate.pem"], check=True, capture_output=True, timeout=SECONDS)
    (tmp_path / "mail.password").write_text("secret\n")
    for name in ("webhook", "delivery"):
        (tmp_path / f"{name}.secret").write_text("whsec_" + base64.b64encode(KEY).decode())
    process = subprocess.Popen([FOLDER / "receivers.py", tmp_path], stdin=subprocess.DEVNULL)
    try:
        eventually((tmp_path / "ports").exists, 30, "receivers")
        yield (*map(int, (tmp_path / "ports").read_text().split()),
               ssl.create_default_context(cafile=tmp_path / "certificate.pem"))
    finally:
        end(process, "the receivers")


def post(receivers, path, body, headers):
    _, port, tls = receivers
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=30,
                                                        context=tls)) as connection:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status


def signed(body, name="msg_1", at=None, key=KEY):
    at = str(int(time.time()) if at is None else at)
    digest = hmac.new(key, f"{name}.{at}.{body}".encode(), hashlib.sha256).digest()
    return {"webhook-id": name, "webhook-timestamp": at,
            "webhook-signature": "v1," + base64.b64encode(digest).decode()}


def test_a_webhook_that_is_not_signed_so_is_refused(receivers, tmp_path):
    body = json.dumps({"type": "token.expiring"})
    for headers in ({}, signed(body, key=b"x" * 32), signed(body + " "),
                    signed(body, at=int(time.time()) - 3600),
                    {**signed(body), "webhook-id": "msg_2"}):
        assert post(receivers, "/tokenry", body, headers) == 401, headers
        assert post(receivers, "/tokens", body, headers) == 401, headers
    assert post(receivers, "/elsewhere", body, signed(body)) == 404
    assert not (tmp_path / "alerts").exists() and not (tmp_path / "tokens").exists()
    assert post(receivers, "/tokenry", body, signed(body)) == 204
    kept = json.loads((tmp_path / "alerts" / "0001.json").read_text())
    assert kept == {"id": "msg_1", "body": json.loads(body)}


def test_a_mail_in_the_clear_or_of_a_stranger_is_refused(receivers, tmp_path):
    port, _, tls = receivers
    mail = "Subject: Hello\r\nMessage-ID: <1@example.com>\r\n\r\nText\r\n.dot\r\n"
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a@example.com", ["b@example.com"], mail)
        client.starttls(context=tls)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("tokenry", "guess")
        assert not (tmp_path / "mail").exists()
        client.login("tokenry", "secret")
        client.sendmail("a@example.com", ["b@example.com", "c@example.com"], mail)
    kept = json.loads((tmp_path / "mail" / "0001.json").read_text())
    assert kept["to"] == ["b@example.com", "c@example.com"] and kept["user"] == "tokenry"
    assert kept["subject"] == "Hello" and kept["text"] == "Text\r\n.dot\r\n"
