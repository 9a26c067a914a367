# SPDX-License-Identifier: Apache-2.0
"""Receivers of notifications on the loopback: one for HTTP, and a mail server. Each keeps what it
got and answers what it is told; both end with their test."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import subprocess
import threading

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def verify(headers, body, key=KEY):
    """Whether the Standard Webhooks' signature holds, made anew from their words alone."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [one.removeprefix("v1,") for one in headers["webhook-signature"].split(" ")]
    return any(hmac.compare_digest(wanted, one) for one in given)


class Got:
    def __init__(self, path, headers, body):
        self.path, self.body = path, body
        self.headers = {name.lower(): value for name, value in headers.items()}

    @property
    def json(self):
        return json.loads(self.body)


class Receiver:
    """Answers `status`; with `gate` closed it takes a request and says nothing until it opens."""

    def __init__(self, status=204, body=b"", headers=()):
        self.status, self.body, self.headers = status, body, dict(headers)
        self.got, self.lock = [], threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver.lock:
                    receiver.got.append(Got(self.path, self.headers, body))
                if not receiver.gate.wait(30):
                    return
                with contextlib.suppress(OSError):
                    self.send_response(receiver.status)
                    for name, value in receiver.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(receiver.body)))
                    self.end_headers()
                    self.wfile.write(receiver.body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


def certificate(folder):
    """A throwaway certificate for localhost that is its own authority: (certificate, key)."""
    made, key = folder / "mail.crt", folder / "mail.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key


class Mail:
    def __init__(self):
        self.sender, self.recipients, self.data, self.tls, self.user = None, [], b"", False, None


class MailServer:
    """A little of RFC 5321 and RFC 3207. `refuse` maps a command to the answer it gets."""

    def __init__(self, certificate_and_key, refuse=None, starttls=True):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate_and_key)
        self.refuse, self.starttls = refuse or {}, starttls
        self.got, self.commands, self.lock = [], [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(30)
        with contextlib.suppress(OSError, ConnectionError):
            self.converse(connection)
        connection.close()

    def converse(self, connection):
        mail, file = Mail(), connection.makefile("rwb")

        def say(text):
            file.write(text.encode() + b"\r\n")
            file.flush()

        say(self.refuse.get("CONNECT", "220 localhost ESMTP"))
        while line := file.readline():
            words = line.decode().strip()
            verb = words.split(" ")[0].upper()
            with self.lock:
                self.commands.append(words)
            if verb in self.refuse:
                say(self.refuse[verb])
            elif verb == "EHLO":
                say("250-localhost")
                say("250-AUTH PLAIN" if mail.tls or not self.starttls else "250-STARTTLS")
                say("250 8BITMIME")
            elif verb == "STARTTLS":
                say("220 go on")
                connection = self.context.wrap_socket(connection, server_side=True)
                mail.tls, file = True, connection.makefile("rwb")
            elif verb == "AUTH":
                parts = words.split(" ")
                if len(parts) < 3:
                    say("334 ")
                    parts.append(file.readline().decode().strip())
                mail.user = base64.b64decode(parts[2]).split(b"\0")[1:]
                say("235 welcome")
            elif verb == "MAIL":
                mail.sender = words
                say("250 ok")
            elif verb == "RCPT":
                mail.recipients.append(words)
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                while (line := file.readline()) != b".\r\n":
                    mail.data += line.removeprefix(b".") if line.startswith(b"..") else line
                with self.lock:
                    self.got.append(mail)
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("500 what?")
