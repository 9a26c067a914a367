# SPDX-License-Identifier: Apache-2.0
"""Real processes for black-box tests: the daemon, nginx with the shipped configuration,
a small upstream; and plain clients for TCP, Unix sockets and raw bytes.

Everything listens on loopback or on a Unix socket in the test's own folder. Whatever a
test starts is stopped by its process id when the test ends.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TOKENRY_BUILD", ROOT / "build"))
TOKENRY = os.environ.get("TOKENRY_BIN", str(BUILD / "src" / "cli" / "tokenry"))
READY_S = 30
STOP_S = 60  # nginx alone takes 13 s before it kills a worker that a slow disk holds up


def eventually(condition, seconds=10.0, what="the condition"):
    """Polls until `condition()` is true and returns its value; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, \
            f"{what() if callable(what) else what} did not come within {seconds} s"
        time.sleep(0.01)


def written_bytes(path):
    """What was ever written to a file: some are half a gigabyte of nothing."""
    data = []
    with open(path, "rb") as file:
        end = 0
        with contextlib.suppress(OSError):  # ENXIO: no more data
            while True:
                begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
                end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
                data.append(os.pread(file.fileno(), end - begin, begin))
    return b"".join(data)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descendants(pid):
    """The processes below this one, parents first."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [below for child in children for below in (int(child), *descendants(int(child)))]


def standing(pid):
    """What a process is and does, in a line."""
    with contextlib.suppress(OSError):
        folder = pathlib.Path(f"/proc/{pid}")
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        return f"{pid} {state} {words}"
    return f"{pid} ended"


def end(process, what):
    """SIGTERM; what has not ended within STOP_S is killed, all of it, and is a failure that says
    what stood where."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        family = [process.pid, *descendants(process.pid)]
        stood = [standing(pid) for pid in family]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        raise AssertionError(f"SIGTERM did not stop {what}: {stood}") from None


class Answer:
    """Status, headers (names in lower case; a list of pairs in `pairs`) and body."""

    def __init__(self, status, pairs, body):
        self.status, self.pairs, self.body = status, pairs, body
        self.headers = {name.lower(): value for name, value in pairs}

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("tokenry", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def exchange(connection, method, path, headers=(), body=None):
    """One request over an open http.client connection. `headers` is a dict or pairs, so
    that a name may come twice."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    connection.putrequest(method, path, skip_accept_encoding=True)
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        pairs.append(("Content-Type", "application/json"))
    elif isinstance(body, str):
        body = body.encode()
    if body is not None and not any(name.lower() == "content-length" for name, _ in pairs):
        pairs.append(("Content-Length", str(len(body))))
    for name, value in pairs:
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    return Answer(response.status, response.getheaders(), response.read())


# With it a peer of the Unix socket claims its rights; see docs/openapi.yaml.
PEER = {"Connection": "Tokenry-Peer"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def raw_exchange(address, data, timeout=10.0, until_close=True):
    """Sends bytes as they are and returns what comes back. A reset counts as an end: a
    server may refuse before it has read everything."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    received = b""
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        client.connect(address)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(65536):
                received += chunk
                if not until_close and b"\r\n\r\n" in received:
                    break
    return received


def status_of(data):
    """The status of the first answer in raw bytes; None when there is none."""
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", data)
    return int(match.group(1)) if match else None


class Daemon:
    """`tokenry serve` on a data directory of its own."""

    def __init__(self, folder, settings=None, wrapper=()):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.socket = str(self.folder / "tokenry.sock")
        self.log_path = self.folder / "serve.log"
        self.settings = dict(settings or {})
        self.wrapper = list(wrapper)
        self.port = free_port()
        self.process = None
        self.admin = None

    # --- processes ---

    def environment(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("TOKENRY_")}
        environment["TOKENRY_SERVER_RUNTIME_DIRECTORY"] = str(self.folder / "run")
        for name, value in self.settings.items():
            environment["TOKENRY_" + name.replace(".", "_").upper()] = str(value)
        return environment

    def cli(self, *arguments, stdin=None, check=True, timeout=60):
        """Runs a subcommand on this data directory."""
        done = subprocess.run([TOKENRY, *arguments, "--data", str(self.data)],
                              input=stdin, capture_output=True, text=True, timeout=timeout,
                              env=self.environment(),
                              stdin=subprocess.DEVNULL if stdin is None else None)
        assert not check or done.returncode == 0, (arguments, done)
        return done

    def run_job(self, name, *arguments):
        """`job run`, behind the run that a start begins by itself."""
        def try_it():
            done = self.cli("job", "run", name, *arguments, check=False)
            assert done.returncode == 0 or "is running" in done.stderr, done
            return done if done.returncode == 0 else None
        return eventually(try_it, 60, f"a run of {name}")

    def init(self):
        self.admin = json.loads(self.cli("init", "--json").stdout)["token"]
        return self

    def command(self):
        return [*self.wrapper, TOKENRY, "serve", "--data", str(self.data),
                "--listen", f"127.0.0.1:{self.port}", "--socket", self.socket]

    def spawn(self):
        """Starts and does not wait."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.environment())
        return self

    def start(self):
        self.spawn()
        eventually(self.answers, READY_S, lambda: f"a ready daemon (log: {self.log_tail()})")
        return self

    def answers(self):
        assert self.process.poll() is None, f"the daemon ended: {self.log_tail()}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/api/v1/system/health").status == 200
        return False

    def stop(self, seconds=30):
        """SIGTERM, and the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"SIGTERM did not stop the daemon: {self.log_tail()}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        assert self.stop() == 0, self.log_tail()
        return self.start()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self):
        return self.log()[-2000:]

    # --- requests ---

    def connect(self, timeout=20, over="tcp"):
        if over == "unix":
            return UnixConnection(self.socket, timeout)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, headers=(), body=None, over="tcp", timeout=20):
        with contextlib.closing(self.connect(timeout, over)) as connection:
            return exchange(connection, method, path, headers, body)

    def get(self, path, headers=(), **more):
        return self.request("GET", path, headers, **more)

    def manage(self, method, path, body=None, headers=(), **more):
        """A management call with the admin token."""
        pairs = [("Authorization", f"Bearer {self.admin}"), *dict(headers).items()]
        return self.request(method, path, pairs, body, **more)

    def auth(self, token=None, query="", headers=(), **more):
        pairs = list(dict(headers).items())
        if token is not None:
            pairs.append(("Authorization", f"Bearer {token}"))
        return self.request("GET", "/auth" + query, pairs, **more)

    def create(self, user="alice", name="laptop", **members):
        """A token object as the API answers it, `token` included."""
        answer = self.manage("POST", "/api/v1/auth/tokens",
                             {"user_id": user, "name": name, **members})
        assert answer.status == 201, answer
        return answer.json

    def revoke(self, token_id):
        answer = self.manage("DELETE", f"/api/v1/auth/tokens/{token_id}")
        assert answer.status in (200, 204), answer
        return answer

    def show(self, token_id):
        answer = self.manage("GET", f"/api/v1/auth/tokens/{token_id}")
        assert answer.status == 200, answer
        return answer.json

    def metrics(self):
        """{name{labels}: value}"""
        answer = self.manage("GET", "/metrics")
        assert answer.status == 200, answer
        rows = {}
        for line in answer.body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                rows[name] = float(value)
        return rows


class Proxy:
    """Debian's nginx and the small upstream, by the example's own `run` script."""

    def __init__(self, folder, tokenry):
        self.folder = pathlib.Path(folder)
        self.port, self.api_port = free_port(), free_port()
        self.tokenry = tokenry
        self.log_path = self.folder / "nginx.log"
        self.process = None

    def start(self, keep_configuration=False):
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(ROOT / "examples" / "nginx" / "run"), "--tokenry", self.tokenry, "--listen",
                   str(self.port), "--api", str(self.api_port), "--prefix",
                   str(self.folder / "nginx")]
        if keep_configuration:
            command.append("--keep")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        eventually(self.answers, 15, lambda: f"a ready nginx ({self.log()})")
        return self

    def answers(self):
        assert self.process.poll() is None, f"nginx ended: {self.log()}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/public").status == 200
        return False

    def stop(self):
        if self.process is not None:
            end(self.process, "nginx")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def request(self, method, path, headers=(), body=None, timeout=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            return exchange(connection, method, path, headers, body)

    def get(self, path, headers=(), **more):
        return self.request("GET", path, headers, **more)


def seen(answer, name):
    """Every value of a header that the upstream saw, also under a name that CGI would turn
    into the same variable."""
    def alias(text):
        return re.sub(r"[^a-z0-9]", "-", text.lower())
    return [value for header, value in answer.json["headers"] if alias(header) == alias(name)]
