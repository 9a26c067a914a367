#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small API to put behind a proxy: it answers with what it was sent.

    ./upstream.py 127.0.0.1:9000

The answer is JSON: method, path, headers (as a list of pairs, in order, because a name may
come twice) and the length of the body. `/status/NNN` answers with that status.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = -1  # head and body in one packet

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        status = 200
        if self.path.startswith("/status/") and self.path[8:].isdigit():
            status = int(self.path[8:])
        text = json.dumps({"method": self.command, "path": self.path,
                           "headers": self.headers.items(), "body_bytes": len(body)})
        data = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, format, *args):
        """Quiet: nginx has the access log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    address, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9000").rpartition(":")
    try:
        Server((address, int(port)), Echo).serve_forever()
    except KeyboardInterrupt:
        pass
