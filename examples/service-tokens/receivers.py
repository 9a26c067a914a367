#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whom the authority of this example talks to, on loopback: a mail server that insists on
STARTTLS and a password, and an HTTPS server with webhooks.

    ./receivers.py FOLDER

FOLDER has certificate.pem and key.pem, mail.password, and the keys of the webhooks,
webhook.secret and delivery.secret. The ports come into FOLDER/ports, and what arrives becomes
a file each, whole from the moment it is there:

    mail/0001.json     sender, recipients, who logged in, TLS, subject, text
    alerts/0001.json   POST /tokenry: the body, and its webhook-id
    chat/0001.json     POST /services/...: what Slack would get
    tokens/0001.json   POST /tokens: a token that was rotated

Signatures are verified by what the Standard Webhooks say, with nothing of Tokenry's. What stands
in FOLDER/broken, like `tokens 403`, is what that webhook answers; it keeps nothing then.
"""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import os
import pathlib
import select
import socketserver
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LINE_BYTES_MAX, BODY_BYTES_MAX, SECONDS = 4096, 1 << 20, 30
AGE_S_MAX = 300  # of a signed webhook, so that nobody plays an old one again


class Folder:
    """Where everything stands."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.lock = threading.Lock()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.path / "certificate.pem", self.path / "key.pem")

    def text(self, name):
        return (self.path / name).read_text().strip()

    def write(self, name, text):
        half = self.path / (name + ".half")
        half.write_text(text)
        half.rename(self.path / name)

    def keep(self, kind, what):
        with self.lock:
            place = self.path / kind
            place.mkdir(exist_ok=True)
            number = len(list(place.glob("*.json"))) + 1
            self.write(f"{kind}/{number:04}.json", json.dumps(what, indent=1))

    def broken(self, kind):
        """The status of a webhook that is, else None."""
        text = self.text("broken") if (self.path / "broken").exists() else ""
        return dict(line.split() for line in text.splitlines()).get(kind)


# --- mail ---------------------------------------------------------------------------------------


class Mail(socketserver.StreamRequestHandler):
    """A server of RFC 5321, as far as a client that sends mail sees it."""

    timeout = SECONDS
    folder = None  # by the server

    def handle(self):
        self.tls = self.who = self.sender = None
        self.recipients = []
        self.say(220, "receivers.example ESMTP")
        while line := self.rfile.readline(LINE_BYTES_MAX):
            word, _, rest = line.decode("ascii", "replace").strip().partition(" ")
            done = self.commands.get(word.upper(), Mail.unknown)(self, rest)
            if done:
                return

    def say(self, code, *lines):
        for number, line in enumerate(lines, 1):
            self.wfile.write(f"{code}{' ' if number == len(lines) else '-'}{line}\r\n".encode())
        self.wfile.flush()

    def hello(self, _rest):
        self.say(250, "receivers.example", "AUTH PLAIN" if self.tls else "STARTTLS", "8BITMIME")

    def start_tls(self, _rest):
        self.say(220, "go ahead")
        self.request = self.folder.tls.wrap_socket(self.request, server_side=True)
        self.setup()  # nothing that came in the clear counts any more
        self.tls = self.request.version()

    def log_in(self, rest):
        """RFC 4616, with the answer in the same line or in the next."""
        mechanism, _, answer = rest.partition(" ")
        if not self.tls or mechanism.upper() != "PLAIN":
            return self.say(538, "only PLAIN, and only over TLS")
        if not answer:
            self.say(334, "")
            answer = self.rfile.readline(LINE_BYTES_MAX).decode().strip()
        _, user, password = base64.b64decode(answer).decode().split("\0")
        if not hmac.compare_digest(password, self.folder.text("mail.password")):
            return self.say(535, "who is that?")
        self.who = user
        return self.say(235, "welcome")

    def mail(self, rest):
        if not self.who:
            return self.say(530, "STARTTLS and AUTH first")
        self.sender, self.recipients = rest.partition(":")[2].split()[0].strip("<>"), []
        return self.say(250, "fine")

    def recipient(self, rest):
        self.recipients.append(rest.partition(":")[2].split()[0].strip("<>"))
        self.say(250, "fine")

    def data(self, _rest):
        if not self.sender or not self.recipients:
            return self.say(503, "from whom, and to whom?")
        self.say(354, "end with a dot")
        lines = []
        while (line := self.rfile.readline(LINE_BYTES_MAX)) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self.folder.keep("mail", {
            "from": self.sender, "to": self.recipients, "user": self.who, "tls": self.tls,
            "id": message["Message-ID"], "subject": message["Subject"],
            "text": message.get_content()})
        self.sender = None
        return self.say(250, "it is here")

    def reset(self, _rest):
        self.sender = None
        self.say(250, "fine")

    def quit(self, _rest):
        self.say(221, "bye")
        return True

    def unknown(self, _rest):
        self.say(502, "what?")

    commands = {"EHLO": hello, "HELO": hello, "STARTTLS": start_tls, "AUTH": log_in, "MAIL": mail,
                "RCPT": recipient, "DATA": data, "RSET": reset, "NOOP": reset, "QUIT": quit}


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


# --- webhooks -----------------------------------------------------------------------------------


def is_signed(secret, headers, body):
    """By the Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`, and not an old one."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > AGE_S_MAX:
        return False
    digest = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(wanted, given)
               for given in headers.get("webhook-signature", "").split())


# Path, where it is kept, and the file with its key; what a chat gets is known by its secret URL.
HOOKS = [("/tokenry", "alerts", "webhook.secret"), ("/tokens", "tokens", "delivery.secret"),
         ("/services/", "chat", None)]


class Hook(BaseHTTPRequestHandler):
    timeout = SECONDS
    folder = None  # by the server

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            return self.answer(413)
        body = self.rfile.read(length)
        for path, kind, secret in HOOKS:
            if self.path.startswith(path):
                return self.answer(self.take(kind, secret, body))
        return self.answer(404)

    def take(self, kind, secret, body):
        broken = self.folder.broken(kind)
        if broken:
            return int(broken)
        if secret and not is_signed(self.folder.text(secret), self.headers, body):
            return 401
        self.folder.keep(kind, {"id": self.headers.get("webhook-id"), "body": json.loads(body)})
        return 204

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        """Quiet: what arrived is in the folder."""


class HookServer(ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request, client_address):
        """In the thread of the connection: who says nothing holds up nobody else."""
        request.settimeout(SECONDS)
        super().finish_request(self.tls.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, request, client_address):
        """Who does not speak TLS, or is gone, is no concern of ours."""


def main():
    folder = Folder(sys.argv[1])
    Mail.folder = Hook.folder = folder
    mail, hooks = MailServer(("127.0.0.1", 0), Mail), HookServer(("127.0.0.1", 0), Hook)
    hooks.tls = folder.tls
    for server in (mail, hooks):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    folder.write("ports", f"{mail.server_address[1]} {hooks.server_address[1]}\n")
    parent = os.getppid()
    while os.getppid() == parent:  # until whoever started it ends, or ends it
        select.select([], [], [], 1)  # sleep() fails under faketime


if __name__ == "__main__":
    main()
