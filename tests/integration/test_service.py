# SPDX-License-Identifier: Apache-2.0
"""As a service: what the service manager is told and passes on, without systemd: its watchdog, its
sockets, reloading; and the log as a file that is renamed away."""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
from harness import BUILD, ROOT, TOKENRY, UnixConnection, eventually, exchange

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
EXPOSURE_MAX = 2.0  # of systemd-analyze security, 0 to 10
LOST = "its watchdog must not be fed"


class Manager:
    """A fake of the service manager's notify socket."""

    def __init__(self, path):
        self.path, self.states = str(path), []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        with contextlib.suppress(OSError):
            while True:
                self.states.append(self.socket.recv(4096).decode())

    def count(self, state):
        return sum(state in told.split("\n") for told in self.states)


@pytest.fixture
def manager(tmp_path):
    one = Manager(tmp_path / "notify")
    yield one
    one.socket.close()


@pytest.fixture
def managed(make_daemon, manager, monkeypatch):
    def make(settings=None, **variables):
        monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        daemon = make_daemon(settings)
        daemon.admin = None
        return daemon
    return make


# --- the watchdog ---

def threads(pid, name):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            if (task / "comm").read_text().strip() == name:
                found.append(int(task.name))
    return found


@contextlib.contextmanager
def standing(thread):
    """Stops one thread alone, as a debugger does."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, thread, None, None) != 0:
        pytest.skip(f"no thread can be stopped here: {os.strerror(ctypes.get_errno())}")
    assert libc.ptrace(PTRACE_INTERRUPT, thread, None, None) == 0
    os.waitpid(thread, 0x40000000)  # __WALL
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, thread, None, None)


def test_the_watchdog_is_fed_without_any_request(managed, manager):
    daemon = managed(WATCHDOG_USEC=1_500_000).init().spawn()
    eventually(lambda: manager.count("WATCHDOG=1") >= 3, 20, "three meals")
    assert manager.states[0] == "STATUS=loading"
    assert manager.count("READY=1") == 1
    assert daemon.stop() == 0
    assert manager.count("STOPPING=1") == 1


@pytest.mark.parametrize("name", ["beat", "http", "http-accept"])
def test_the_watchdog_starves_with_any_thread_that_stands(managed, manager, name):
    daemon = managed({"segment.stale_s": 60}, WATCHDOG_USEC=1_500_000).init().spawn()
    eventually(lambda: manager.count("WATCHDOG=1") >= 1, 20, "a meal")
    with standing(threads(daemon.process.pid, name)[0]):
        eventually(lambda: "watchdog_withheld" in daemon.log(), 10, "a word about it")
        before = manager.count("WATCHDOG=1")
        time.sleep(2)  # the watchdog's own time
        assert manager.count("WATCHDOG=1") == before, LOST
        assert any(state.startswith("STATUS=") and "stands still" in state
                   for state in manager.states)
    eventually(lambda: manager.count("WATCHDOG=1") > before, 10, "food again")
    assert daemon.stop() == 0


def test_a_watchdog_of_another_process_is_none_of_ours(managed, manager):
    daemon = managed(WATCHDOG_USEC=1_500_000, WATCHDOG_PID=1).init().spawn()
    eventually(lambda: manager.count("READY=1"), 20, "a ready daemon")
    time.sleep(1.2)  # more than the half of the time in which one of ours would be fed
    assert manager.count("WATCHDOG=1") == 0
    assert daemon.stop() == 0


# --- sockets that are passed ---

class Passed:
    """Starts the daemon with listening sockets as descriptors 3, 4, ..., as systemd does."""

    def __init__(self, daemon, sockets, names=None, pid=None):
        command = [TOKENRY, "serve", "--data", str(daemon.data), "--listen",
                   f"127.0.0.1:{daemon.port}", "--socket", "none"]
        environment = daemon.environment() | {"LISTEN_FDS": str(len(sockets))}
        if names is not None:
            environment["LISTEN_FDNAMES"] = names
        # The shell's pid is the daemon's after exec; descriptors are moved into their places.
        moves = " ".join(f"{3 + i}<&{one.fileno()}" for i, one in enumerate(sockets))
        script = f'export LISTEN_PID={pid or "$$"}; exec "$@" {moves}'
        with open(daemon.log_path, "ab") as log:
            daemon.process = subprocess.Popen(
                ["bash", "-c", script, "-", *command], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment, pass_fds=[one.fileno() for one in sockets])


def high(one):
    """The socket under a high number, out of the way of 3 and 4."""
    import fcntl
    number = fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 50)
    one.close()
    return socket.socket(fileno=number)


def tcp():
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen(100)
    port = one.getsockname()[1]
    return high(one), port


def local(path):
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.bind(str(path))
    one.listen(100)
    return high(one)


def health(port):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        return exchange(connection, "GET", "/api/v1/system/health").status


@pytest.mark.parametrize("names", [None, "http:socket", "tokenry.socket:tokenry.socket"])
def test_both_sockets_are_taken_over(make_daemon, names):
    daemon = make_daemon().init()
    one, port = tcp()
    path = daemon.folder / "passed.sock"
    with one, local(path) as two:
        Passed(daemon, [one, two], names)
        assert health(port) == 200  # it waited in the queue until the daemon was there
        with contextlib.closing(UnixConnection(str(path), 30)) as connection:
            assert exchange(connection, "GET", "/api/v1/system/health").status == 200
        # Without --socket and TOKENRY_URL: by the link in the data directory.
        assert daemon.cli("list").returncode == 0
        ready = [json.loads(line) for line in daemon.log().splitlines() if '"ready"' in line][0]
        assert ready["listen"] == f"http://127.0.0.1:{port}"
        assert daemon.stop() == 0
        assert path.exists(), "the node is the manager's"


def test_connections_wait_while_it_is_restarted(make_daemon):
    daemon = make_daemon().init()
    one, port = tcp()
    with one:
        Passed(daemon, [one])
        assert health(port) == 200
        assert daemon.stop() == 0
        answers = []
        client = threading.Thread(target=lambda: answers.append(health(port)))
        client.start()
        Passed(daemon, [one])
        client.join(30)
        assert answers == [200]
        assert daemon.stop() == 0


def test_sockets_for_another_process_are_left_alone(make_daemon):
    daemon = make_daemon().init()
    one, port = tcp()
    with one:
        Passed(daemon, [one], pid="1")
        eventually(daemon.answers, 30, lambda: daemon.log_tail())
        one.setblocking(False)
        with socket.create_connection(("127.0.0.1", port)):
            one.accept()[0].close()  # it is ours to accept
        assert daemon.stop() == 0


@pytest.mark.parametrize("kinds,names,word", [
    (("tcp", "tcp"), None, "a second TCP socket"),
    (("tcp",), "socket", "not what its name says"),
    (("local",), "http", "not what its name says"),
    (("tcp", "local", "tcp"), None, "one TCP and one Unix"),
    (("datagram",), None, "no stream socket that listens"),
])
def test_what_is_of_no_use_is_refused(make_daemon, kinds, names, word):
    daemon = make_daemon().init()
    sockets = []
    for kind in kinds:
        if kind == "datagram":
            sockets.append(high(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        else:
            sockets.append(tcp()[0] if kind == "tcp" else local(daemon.folder / "s"))
    Passed(daemon, sockets, names)
    assert daemon.process.wait(timeout=30) == 2
    assert word in daemon.log()
    for one in sockets:
        one.close()


def test_a_passed_address_that_others_reach_in_clear_is_warned_of(make_daemon):
    daemon = make_daemon().init()
    plain = socket.socket()
    plain.bind(("0.0.0.0", 0))
    plain.listen(10)
    port = plain.getsockname()[1]
    with high(plain) as one:
        Passed(daemon, [one])
        assert health(port) == 200
        assert "tokens_in_clear" in daemon.log()
        assert daemon.stop() == 0


# --- the log ---

def written(folder):
    return [json.loads(line) for path in sorted(folder.glob("tokenry.log*"))
            for line in path.read_text().splitlines()]


@pytest.fixture
def logging(managed):
    """A daemon with a log file, and a line of it for every request."""
    folder = None

    def make(**more):
        nonlocal folder
        daemon = managed({"log.level": "debug", "log.file": ""})
        folder = daemon.folder / "logs"
        folder.mkdir()
        daemon.settings["log.file"] = str(folder / "tokenry.log")
        return daemon.init().start(), folder
    return make


def test_no_line_is_lost_when_the_file_is_renamed_under_load(logging):
    daemon, folder = logging()
    stop, asked = threading.Event(), [[] for _ in range(4)]

    def load(number):
        with contextlib.closing(daemon.connect()) as connection:
            while not stop.is_set():
                name = f"r-{number}-{len(asked[number])}"
                exchange(connection, "GET", "/api/v1/auth/health", {"X-Request-Id": name})
                asked[number].append(name)
    clients = [threading.Thread(target=load, args=(number,)) for number in range(4)]
    for client in clients:
        client.start()
    live = folder / "tokenry.log"
    for turn in range(20):
        live.rename(folder / f"tokenry.log.{turn:02}")
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: live.exists() and "log_reopened" in live.read_text(), 10, "a new file")
    stop.set()
    for client in clients:
        client.join(30)
    assert daemon.stop() == 0
    seen = [row.get("request_id") for row in written(folder)]
    wanted = [name for names in asked for name in names]
    assert len(wanted) > 100
    assert sorted(name for name in seen if str(name).startswith("r-")) == sorted(wanted)
    assert live.stat().st_mode & 0o777 == 0o640
    assert "request_id" not in daemon.log()  # standard error has none of it


def test_reloading_is_told(logging, manager):
    daemon, _ = logging()
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: manager.count("READY=1") == 2, 10, "ready again")
    at = [index for index, told in enumerate(manager.states) if told.startswith("RELOADING=1\n")]
    assert len(at) == 1 and re.search(r"^MONOTONIC_USEC=\d+$", manager.states[at[0]], re.MULTILINE)
    assert manager.states[at[0] + 1] == "READY=1"
    assert daemon.stop() == 0


def test_a_file_that_cannot_be_opened_anew_leaves_the_old_one(logging):
    daemon, folder = logging()
    live, away = folder / "tokenry.log", folder / "tokenry.log.1"
    live.rename(away)
    live.mkdir()
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: "log_not_reopened" in away.read_text(), 10, "a word about it")
    assert daemon.get("/api/v1/auth/health").status == 200
    live.rmdir()
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: live.exists() and "log_reopened" in live.read_text(), 10, "a new file")
    assert daemon.stop() == 0


@pytest.mark.parametrize("make,word", [
    (lambda path: path.mkdir(), "log.file"),
    (lambda path: path.symlink_to("/dev/null"), "symbolic link"),
    (lambda path: os.mkfifo(path), "log.file"),
])
def test_what_is_no_file_is_refused_at_the_start(make_daemon, make, word):
    daemon = make_daemon().init()
    path = daemon.folder / "odd.log"
    make(path)
    daemon.settings["log.file"] = str(path)
    daemon.spawn()
    assert daemon.process.wait(timeout=30) != 0
    assert word in daemon.log()


def test_logrotate_rotates_it(logging, tmp_path):
    """With the shipped configuration, for another folder, user and way to send the signal."""
    program = shutil.which("logrotate", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("logrotate is not installed")
    daemon, folder = logging()
    text = (ROOT / "packaging" / "logrotate" / "tokenry").read_text()
    text = text.replace("/var/log/tokenry/", f"{folder}/").replace(" tokenry tokenry", "")
    text = re.sub(r"^ *su\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"systemctl kill .*", f"kill -HUP {daemon.process.pid}", text)
    configuration = tmp_path / "logrotate.conf"
    configuration.write_text(text)
    configuration.chmod(0o644)
    done = subprocess.run([program, "--force", "--state", tmp_path / "state", configuration],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    live = folder / "tokenry.log"
    eventually(lambda: "log_reopened" in live.read_text(), 10, "a new file")
    assert len(list(folder.iterdir())) == 2
    assert daemon.stop() == 0
    events = [row["event"] for row in written(folder)]
    assert "ready" in events and "stopped" in events


# --- the units ---

def unit(name):
    return BUILD / "packaging" / name


@pytest.fixture(scope="module")
def analyze():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")

    def run(*arguments):
        return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True,
                              timeout=60)
    done = run("security", "--offline=true", "--help")
    if done.returncode != 0:
        pytest.skip(f"systemd-analyze cannot look offline here: {done.stderr}")
    return run


def test_the_unit_is_hardened(analyze):
    done = analyze("security", "--offline=true", "--no-pager",
                   f"--threshold={int(EXPOSURE_MAX * 10)}", str(unit("tokenry.service")))
    level = re.search(r"exposure level for tokenry.service: ([0-9.]+)", done.stdout)
    assert level is not None, done
    assert float(level.group(1)) <= EXPOSURE_MAX and done.returncode == 0, done.stdout


def test_the_units_are_understood(analyze, tmp_path):
    """With a program that is there: what is said beside that is a mistake in them."""
    text = unit("tokenry.service").read_text()
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={TOKENRY}", text, flags=re.MULTILINE)
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
    (tmp_path / "tokenry.service").write_text(text)
    text = (ROOT / "packaging" / "systemd" / "tokenry.socket").read_text()
    (tmp_path / "tokenry.socket").write_text(re.sub(r"^Documentation=.*\n", "", text,
                                                    flags=re.MULTILINE))
    done = analyze("verify", "--man=no", str(tmp_path / "tokenry.service"),
                   str(tmp_path / "tokenry.socket"))
    said = [line for line in done.stderr.splitlines() if "tokenry" in line]
    assert said == [], done.stderr


def test_the_unit_fits_the_program():
    """What it says the daemon does, the daemon does: see the tests above."""
    text = unit("tokenry.service").read_text()
    lines = set(text.splitlines())
    for line in ("Type=notify", "WatchdogSec=30", "ExecReload=/bin/kill -HUP $MAINPID"):
        assert line in lines
    assert "--data /var/lib/tokenry" in text and "--socket /run/tokenry/tokenry.sock" in text
    passed = (ROOT / "packaging" / "systemd" / "tokenry.socket").read_text()
    assert "ListenStream=/run/tokenry/tokenry.sock" in passed
