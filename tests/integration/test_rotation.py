# SPDX-License-Identifier: Apache-2.0
"""Rotation by schedule with a real daemon: files, programs, webhooks, GitHub's API, kill -9."""

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import stat
import subprocess
import threading
import time

import pytest
from harness import TOKENRY, bearer, eventually

DONE, REFUSED, USAGE = 0, 1, 2
TOKENS, PLAN = "/api/v1/auth/tokens", "/api/v1/rotation/plan"
SECRET = b"0123456789abcdef0123456789abcdef"
HOLD_S = 10  # of what "never" answers: far beyond the time-outs here


# --- receivers ----------------------------------------------------------------------------------

class Receiver:
    """Listens on the loopback, keeps what comes, and answers as `answers` says: a function of the
    request that gives a status and a body, or "never", "endless"."""

    def __init__(self, answers):
        receiver = self
        self.answers, self.requests, self.closing = answers, [], threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = (self.command, self.path, dict(self.headers), self.rfile.read(length))
                receiver.requests.append(request)
                receiver.answer(self, receiver.answers(request))

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler, answer):
        if answer == "never":
            self.closing.wait(HOLD_S)
            return
        if answer == "endless":
            handler.send_response(200)
            handler.end_headers()
            try:
                for _ in range(1000):
                    handler.wfile.write(b"x" * 4096)
            except OSError:
                pass
            return
        status, headers, body = answer
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def make_receiver():
    made = []

    def make(answers):
        made.append(Receiver(answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


def sodium():
    library = ctypes.CDLL(ctypes.util.find_library("sodium"))
    assert library.sodium_init() >= 0
    return library


# --- steps ---------------------------------------------------------------------------------------

@pytest.fixture
def make_rotating(make_daemon, tmp_path):
    """make_rotating(targets) gives a daemon with this targets file."""

    def make(targets, settings=None):
        path = tmp_path / "targets.conf"
        path.write_text(targets)
        path.chmod(0o600)
        return make_daemon({"rotation.targets_file": path, **(settings or {})}).init().start()

    return make


def private(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def program(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o700)
    return path


def schedule(daemon, token, target, **more):
    done = daemon.manage("PUT", f"{TOKENS}/{token['id']}/rotation-schedule",
                         {"target": target, **more})
    assert done.status == 201, done
    return done.json


def look(daemon, token):
    done = daemon.manage("GET", f"{TOKENS}/{token['id']}/rotation-schedule")
    assert done.status == 200, done
    return done.json


def run(daemon, token, outcome):
    """Rotates now, and waits for how it went."""
    before = look(daemon, token)["last"]["at"]
    done = daemon.manage("POST", f"{TOKENS}/{token['id']}/rotation-schedule/run")
    assert done.status == 202, done
    told = eventually(lambda: look(daemon, token)["last"]["at"] != before and look(daemon, token),
                      seconds=20, what=lambda: f"{look(daemon, token)} {daemon.log_tail()}")
    assert told["last"]["outcome"] == outcome, told
    return told


def works(daemon, token):
    return daemon.auth(token).status == 200


def alerts(daemon, kind):
    return daemon.manage("GET", f"/api/v1/audit/events?type=alert.{kind}").json["data"]


def assert_nowhere(daemon, *tokens):
    """Not in the log, and not in any file of the store."""
    daemon.stop()
    texts = [daemon.log().encode()] + [path.read_bytes() for path in daemon.data.iterdir()
                                       if path.is_file()]
    for token in tokens:
        assert not any(token.encode() in text for text in texts)


# --- files ---------------------------------------------------------------------------------------

def test_a_file_is_replaced_at_once_and_only_its_owner_reads_it(make_rotating, tmp_path):
    folder = tmp_path / "deploy"
    folder.mkdir(mode=0o755)
    place = folder / "token"
    daemon = make_rotating(f"[deploy]\ntype = file\npath = {place}\n")
    token = daemon.create(name="deploy-bot")
    place.write_text(token["token"] + "\n")
    before = place.stat().st_ino
    schedule(daemon, token, "deploy", overlap="1h")
    told = run(daemon, token, "delivered")
    found = place.read_text()
    assert found.endswith("\n") and found.strip() != token["token"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600 and place.stat().st_ino != before
    assert list(folder.iterdir()) == [place]
    assert works(daemon, found.strip()) and works(daemon, token["token"])
    old = daemon.show(token["id"])
    assert old["replaced_by"] == told["token_id"], old
    assert time.time() + 3000 < time.mktime(time.strptime(
        old["grace_until"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone < time.time() + 3700, old
    assert alerts(daemon, "rotation.done")[0]["token_id"] == told["token_id"]
    assert_nowhere(daemon, found.strip(), token["token"])


@pytest.mark.parametrize("harm", ["writable folder", "symbolic link", "folder there", "no folder"])
def test_a_place_that_is_not_safe_gets_nothing_and_the_rotation_is_undone(make_rotating, tmp_path,
                                                                          harm):
    folder = tmp_path / "deploy"
    place = folder / "token"
    if harm != "no folder":
        folder.mkdir(mode=0o755)
    if harm == "writable folder":
        folder.chmod(0o777)
    if harm == "symbolic link":
        place.symlink_to(tmp_path / "elsewhere")
    if harm == "folder there":
        place.mkdir()
    daemon = make_rotating(f"[deploy]\ntype = file\npath = {place}\n")
    token = daemon.create(name="deploy-bot")
    schedule(daemon, token, "deploy")
    told = run(daemon, token, "failed")
    assert told["token_id"] == token["id"] and told["last"]["failures"] == 1, told
    assert works(daemon, token["token"]) and not (tmp_path / "elsewhere").exists()
    alert = alerts(daemon, "rotation.failed")[0]
    assert alert["token_name"] == "deploy-bot" and alert["details"]["severity"] == "high", alert
    listed = daemon.manage("GET", f"{TOKENS}?include_inactive=true&name=deploy-bot").json["data"]
    assert sorted(one["status"] for one in listed) == ["active", "revoked"], listed


# --- programs --------------------------------------------------------------------------------------

def test_a_program_gets_the_token_on_its_input_and_is_told_which_one(make_rotating, tmp_path):
    taken = program(tmp_path / "take", f"cat > {tmp_path}/taken\nenv > {tmp_path}/env\n"
                    f"echo \"$#:$1:$2\" > {tmp_path}/words\nls /proc/self/fd > {tmp_path}/fds\n"
                    "cat /proc/self/stat >&2\nexit 0\n")
    daemon = make_rotating(f"[take]\ntype = command\ncommand = {taken} --app $(shop)\n")
    token = daemon.create(name="deploy-bot", user="ci")
    schedule(daemon, token, "take")
    told = run(daemon, token, "delivered")
    found = (tmp_path / "taken").read_text()
    assert found.endswith("\n") and works(daemon, found.strip())
    variables = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert variables["TOKENRY_TOKEN_ID"] == told["token_id"]
    assert variables["TOKENRY_PREDECESSOR_ID"] == token["id"]
    assert variables["TOKENRY_TOKEN_NAME"] == "deploy-bot"
    assert variables["TOKENRY_USER_ID"] == "ci" and variables["TOKENRY_TARGET"] == "take"
    assert not {name for name in variables if name.startswith("TOKENRY_URL")}, variables
    assert (tmp_path / "words").read_text() == "2:--app:$(shop)\n"  # there is no shell
    assert len((tmp_path / "fds").read_text().split()) <= 4
    assert found.strip() not in (tmp_path / "env").read_text()


def test_a_daemon_that_was_started_without_news_of_children_hears_them(make_rotating, tmp_path):
    taken = program(tmp_path / "take", "exit 3\n")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # which its children have, too
    try:
        daemon = make_rotating(f"[take]\ntype = command\ncommand = {taken}\n")
    finally:
        signal.signal(signal.SIGCHLD, before)
    token = daemon.create(name="deploy-bot")
    schedule(daemon, token, "take")
    run(daemon, token, "failed")
    assert works(daemon, token["token"])


@pytest.mark.parametrize("text, outcome, error", [
    ("cat > /dev/null; exit 3\n", "failed", "ended with status 3"),
    ("kill -TERM $$\n", "unsure", "killed by signal 15"),
    ("sleep 30 & sleep 30\n", "unsure", "longer than 1 s"),
])
def test_what_a_program_says_is_believed_and_silence_is_not(make_rotating, tmp_path, text, outcome,
                                                            error):
    taken = program(tmp_path / "take", f"echo $$ > {tmp_path}/pid\n" + text)
    daemon = make_rotating(f"[take]\ntype = command\ncommand = {taken}\ntimeout = 1\n")
    token = daemon.create(name="deploy-bot")
    schedule(daemon, token, "take")
    told = run(daemon, token, outcome)
    assert error in told["last"]["error"], told
    assert told["token_id"] == token["id"] and works(daemon, token["token"])
    group = int((tmp_path / "pid").read_text())
    eventually(lambda: not alive(group), what="the end of its process group")


def alive(group):
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def test_a_program_that_others_can_write_is_not_run(make_rotating, tmp_path):
    taken = program(tmp_path / "take", f"touch {tmp_path}/ran\n")
    taken.chmod(0o777)
    daemon = make_rotating(f"[take]\ntype = command\ncommand = {taken}\n")
    token = daemon.create(name="deploy-bot")
    schedule(daemon, token, "take")
    run(daemon, token, "failed")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_daemon_that_is_killed_while_it_delivers_loses_nothing(make_rotating, tmp_path, moment):
    place, once = tmp_path / "receiver", tmp_path / "once"
    die = f"[ -e {once} ] || {{ touch {once}; kill -9 $PPID; sleep 1; }}\n"
    take = f"cat > {place}.new && mv {place}.new {place}\n"
    taken = program(tmp_path / "take", die + take if moment == "before" else take + die)
    daemon = make_rotating(f"[take]\ntype = command\ncommand = {taken}\n")
    token = daemon.create(name="deploy-bot")
    place.write_text(token["token"])
    schedule(daemon, token, "take")
    try:
        daemon.manage("POST", f"{TOKENS}/{token['id']}/rotation-schedule/run")
    except OSError:
        pass  # it may be dead before it answers
    assert daemon.process.wait(timeout=20) == -9
    daemon.start()
    assert works(daemon, place.read_text().strip())
    daemon.kill()
    # The lease of the dead run is over.
    with sqlite3.connect(daemon.data / "tokenry.db") as database:
        database.execute("UPDATE jobs SET due_at = 1000, lease_until = 1000")
    database.close()
    daemon.start()
    told = eventually(lambda: look(daemon, token)["last"]["outcome"] and look(daemon, token),
                      what="the look at what was interrupted")
    assert told["last"]["outcome"] == "unsure" and told["last"]["unsure"] == 1, told
    assert works(daemon, place.read_text().strip()) and works(daemon, token["token"])
    told = run(daemon, token, "delivered")
    assert told["last"]["unsure"] == 0 and works(daemon, place.read_text().strip())


# --- webhooks ---------------------------------------------------------------------------------------

def webhook(tmp_path, receiver, more="allow_private = yes\n"):
    key = private(tmp_path / "key", "whsec_" + base64.b64encode(SECRET).decode() + "\n")
    return (f"[hook]\ntype = webhook\nurl = {receiver.url}/take\nsecret_file = {key}\n"
            f"timeout = 1\n{more}")


def test_a_webhook_is_signed_and_has_the_token(make_rotating, make_receiver, tmp_path):
    receiver = make_receiver(lambda request: (204, {}, b""))
    daemon = make_rotating(webhook(tmp_path, receiver))
    token = daemon.create(name="deploy \"bot\"")
    schedule(daemon, token, "hook")
    told = run(daemon, token, "delivered")
    (method, path, headers, body), = receiver.requests
    assert (method, path) == ("POST", "/take")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == "v1," + expected
    message = json.loads(body)
    assert message["type"] == "token.rotated"
    assert message["data"]["token_id"] == told["token_id"] == headers["webhook-id"]
    assert message["data"]["token_name"] == "deploy \"bot\""
    assert message["data"]["predecessor_id"] == token["id"]
    assert works(daemon, message["data"]["token"])
    assert_nowhere(daemon, message["data"]["token"])


@pytest.mark.parametrize("answer, outcome, error", [
    ((500, {}, b"oops"), "unsure", "answered 500"),
    ((403, {}, b""), "failed", "answered 403"),
    ((302, {"Location": "http://127.0.0.1:1/"}, b""), "failed", "answered 302"),
    ("never", "unsure", "imeout"),
    ("endless", "unsure", "more than"),
])
def test_a_receiver_that_misbehaves_costs_no_token(make_rotating, make_receiver, tmp_path, answer,
                                                   outcome, error):
    receiver = make_receiver(lambda request: answer)
    daemon = make_rotating(webhook(tmp_path, receiver))
    token = daemon.create(name="deploy-bot")
    schedule(daemon, token, "hook")
    told = run(daemon, token, outcome)
    assert error in told["last"]["error"], told
    assert told["token_id"] == token["id"] and works(daemon, token["token"])
    assert works(daemon, json.loads(receiver.requests[0][3])["data"]["token"]) == (
        outcome == "unsure")
    assert len(receiver.requests) == 1  # no redirect was followed
    alert = alerts(daemon, "rotation.failed")[0]
    assert alert["details"]["details"]["outcome"] == outcome, alert
    receiver.answers = lambda request: (200, {}, b"{}")
    run(daemon, token, "delivered")
    assert works(daemon, json.loads(receiver.requests[1][3])["data"]["token"])


def test_a_receiver_that_is_not_there_or_not_public_gets_nothing(make_rotating, make_receiver,
                                                                  tmp_path):
    receiver = make_receiver(lambda request: (200, {}, b""))
    gone = make_receiver(lambda request: (200, {}, b""))
    gone.close()
    text = webhook(tmp_path, receiver, "").replace("http://", "https://")
    text += webhook(tmp_path, gone).replace("[hook]", "[gone]")
    daemon = make_rotating(text)
    for target, error in (("hook", "not public"), ("gone", "onnect")):
        token = daemon.create(name=target)
        schedule(daemon, token, target)
        told = run(daemon, token, "failed")
        assert error in told["last"]["error"], told
    assert receiver.requests == []


# --- GitHub ------------------------------------------------------------------------------------------

class GitHub:
    """The part of GitHub's API that keeps secrets of a repository."""

    def __init__(self):
        self.library = sodium()
        self.public, self.secret = (ctypes.create_string_buffer(32) for _ in range(2))
        self.library.crypto_box_keypair(self.public, self.secret)
        self.kept, self.fails = {}, {}

    def __call__(self, request):
        method, path, headers, body = request
        base = "/repos/acme/shop/actions/secrets/"
        if headers.get("Authorization") != "Bearer ghp_test" or not path.startswith(base):
            return 401, {}, b"{}"
        if (method, path) in self.fails:
            return self.fails[method, path]
        if method == "GET" and path == base + "public-key":
            key = base64.b64encode(self.public.raw).decode()
            return 200, {}, json.dumps({"key_id": "568250167242549743", "key": key}).encode()
        if method != "PUT":
            return 404, {}, b"{}"
        asked = json.loads(body)
        assert set(asked) == {"encrypted_value", "key_id"}
        if asked["key_id"] != "568250167242549743":
            return 422, {}, b"{}"
        box = base64.b64decode(asked["encrypted_value"], validate=True)
        text = ctypes.create_string_buffer(len(box) - 48)
        assert self.library.crypto_box_seal_open(text, box, ctypes.c_ulonglong(len(box)),
                                                 self.public, self.secret) == 0
        name = path[len(base):]
        status = 204 if name in self.kept else 201
        self.kept[name] = text.raw.decode()
        return status, {}, b""


def test_a_secret_of_a_repository_is_sealed_and_replaced(make_rotating, make_receiver, tmp_path):
    github = GitHub()
    receiver = make_receiver(github)
    key = private(tmp_path / "github.token", "ghp_test\n")
    daemon = make_rotating(f"[ci]\ntype = github\nurl = {receiver.url}\nrepository = acme/shop\n"
                           f"secret = DEPLOY_TOKEN\ntoken_file = {key}\nallow_private = yes\n"
                           "timeout = 2\n")
    token = daemon.create(name="ci")
    schedule(daemon, token, "ci")
    for _ in range(2):
        run(daemon, token, "delivered")
        assert works(daemon, github.kept["DEPLOY_TOKEN"])
    sent = b"".join(request[3] for request in receiver.requests)
    assert github.kept["DEPLOY_TOKEN"].encode() not in sent
    assert receiver.requests[0][2]["Accept"] == "application/vnd.github+json"
    good = github.kept["DEPLOY_TOKEN"]
    path = "/repos/acme/shop/actions/secrets/"
    for fails, outcome, error in (
            ({("GET", path + "public-key"): (404, {}, b"{}")}, "failed", "answered 404"),
            ({("GET", path + "public-key"): (200, {}, b'{"key_id": "1", "key": "AAAA"}')},
             "failed", "cannot be read"),
            ({("PUT", path + "DEPLOY_TOKEN"): (422, {}, b"{}")}, "failed", "answered 422"),
            ({("PUT", path + "DEPLOY_TOKEN"): "never"}, "unsure", "imeout")):
        github.fails = fails
        told = run(daemon, token, outcome)
        assert error in told["last"]["error"], told
        assert github.kept["DEPLOY_TOKEN"] == good and works(daemon, good)


# --- who may, and the plan -----------------------------------------------------------------------------

def test_an_organisation_has_the_targets_that_it_was_given(make_rotating, tmp_path):
    daemon = make_rotating(
        f"[mine]\ntype = file\npath = {tmp_path}/mine\norgs = acme, other\n"
        f"[everybodys]\ntype = command\ncommand = /bin/cat\norgs = *\n"
        f"[nobodys]\ntype = command\ncommand = /bin/cat\n")
    scopes = ["tokens:read", "tokens:write"]
    caller = daemon.create(user="op", name="op", org_id="acme", scopes=scopes)["token"]
    stranger = daemon.create(user="op", name="op", org_id="beta", scopes=scopes)["token"]
    token = daemon.create(name="ours", org_id="acme")
    theirs = daemon.create(name="theirs", org_id="beta")

    def put(who, which, target):
        return daemon.request("PUT", f"{TOKENS}/{which['id']}/rotation-schedule", bearer(who),
                              {"target": target})

    assert put(caller, token, "nobodys").json["code"] == "not_found"
    assert put(caller, token, "mine").status == 201
    assert put(caller, theirs, "everybodys").status == 404
    assert put(stranger, theirs, "mine").json["member"] == "target"
    assert put(stranger, theirs, "everybodys").status == 201
    plan = daemon.request("GET", PLAN, bearer(caller)).json["data"]
    assert [one["token_name"] for one in plan] == ["ours"], plan
    assert daemon.request("GET", PLAN + "?org_id=beta", bearer(caller)).status == 403


def test_the_plan_tells_what_happens_when_in_the_wall_clocks_time(make_rotating, tmp_path):
    daemon = make_rotating("[hook]\ntype = command\ncommand = /bin/cat\n",
                           {"rotation.window": "0 2 * * sat for 2h",
                            "rotation.time_zone": "Europe/Berlin"})
    soon = daemon.create(name="soon", expires_in=None)
    never = daemon.create(name="never", expires_in="1h")
    held = daemon.create(name="held")
    schedule(daemon, soon, "hook", max_age="30d")
    schedule(daemon, never, "hook", window="0 0 1 1 * for 1h")
    schedule(daemon, held, "hook")
    daemon.manage("POST", f"{TOKENS}/{held['id']}/disable")
    plan = {one["token_name"]: one for one in daemon.manage("GET", PLAN).json["data"]}
    assert plan["soon"]["reason"] == "age" and plan["soon"]["status"] == "waits", plan
    at = time.strptime(plan["soon"]["at"], "%Y-%m-%dT%H:%M:%SZ")
    assert at.tm_hour in (0, 1) and at.tm_wday == 5, plan["soon"]  # 02:00 there, on a Saturday
    assert plan["held"]["blocked"] == "the token is not active", plan
    if time.gmtime()[1:3] not in ((12, 31), (1, 1)):
        assert plan["never"]["status"] == "too_late", plan
    text = daemon.cli("rotation", "plan").stdout
    lines = text.splitlines()
    assert lines[0].split() == ["WHEN", "NAME", "TOKEN", "WHY", "TARGET", "LAST", "NOTE"], text
    assert "soon" in lines[-1] and plan["soon"]["at"] in lines[-1], text
    told = json.loads(daemon.cli("rotation", "plan", "--days", "10", "--json").stdout)
    assert "soon" not in [one["token_name"] for one in told["data"]], told
    assert daemon.cli("rotation", "plan", "--days", "0", check=False).returncode == USAGE


def test_the_command_sets_shows_runs_and_removes(make_rotating, tmp_path):
    daemon = make_rotating("[take]\ntype = command\ncommand = /bin/cat\n")
    daemon.create(name="deploy-bot")
    told = json.loads(daemon.cli("rotation", "set", "--name", "deploy-bot", "--target", "take",
                                 "--max-age", "30d", "--overlap", "2h", "--json").stdout)
    assert (told["max_age"], told["overlap"], told["high_use"]) == ("30d", "2h", None), told
    assert told["effective"]["high_use"] == 1000 and told["effective"]["high_use_age"] == "30d"
    assert "take" in daemon.cli("rotation", "show", "--name", "deploy-bot").stdout
    assert daemon.cli("rotation", "run", "--name", "deploy-bot").returncode == DONE
    eventually(lambda: json.loads(daemon.cli(
        "rotation", "show", "--name", "deploy-bot", "--json").stdout)["last"]["outcome"],
        what="the delivery")
    assert "no schedule" in daemon.cli("rotation", "remove", "--name", "deploy-bot").stdout
    done = daemon.cli("rotation", "show", "--name", "deploy-bot", check=False)
    assert done.returncode == REFUSED and "no schedule" in done.stderr, done
    assert daemon.cli("rotation", "set", "--name", "deploy-bot", check=False).returncode == USAGE


def test_without_targets_the_job_is_off(daemon):
    jobs = {one["name"]: one for one in daemon.manage("GET", "/api/v1/system/jobs").json["data"]}
    assert jobs["rotation"]["state"] == "off", jobs
    token = daemon.create(name="n")
    done = daemon.manage("PUT", f"{TOKENS}/{token['id']}/rotation-schedule", {"target": "x"})
    assert done.status == 404, done


# --- what the documents show ------------------------------------------------------------------------

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "operations.md"


def block(first, last=None):
    """The indented lines of docs/operations.md from the one that has `first` up to `last`."""
    lines = DOCUMENT.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if first in line)
    found = []
    for line in lines[start:]:
        if (last is not None and last in line) or (line and not line.startswith("    ")):
            break
        found.append(line[4:])
    return "\n".join(found) + "\n"


def test_the_example_of_a_targets_file_is_good(make_daemon, tmp_path):
    private(tmp_path / "vault.secret", "whsec_" + base64.b64encode(SECRET).decode() + "\n")
    private(tmp_path / "github.token", "ghp_test\n")
    text = block("# /etc/tokenry/targets.conf", "# tokenry.conf")
    assert "[ci]" in text and "[vault]" in text
    path = private(tmp_path / "targets.conf", text.replace("/etc/tokenry/", f"{tmp_path}/"))
    configuration = block("# tokenry.conf").replace("/etc/tokenry/targets.conf", str(path))
    file = private(tmp_path / "tokenry.conf", configuration)
    done = subprocess.run([TOKENRY, "check-config", file], capture_output=True, text=True,
                          env=make_daemon().environment(), check=False)
    assert done.returncode == DONE, done


def test_the_example_of_a_program_takes_a_token(make_rotating, tmp_path):
    text = block("#!/bin/sh")
    assert "systemctl reload shop" in text
    text = text.replace("/run/shop", str(tmp_path)).replace("systemctl reload shop", "true")
    taken = program(tmp_path / "take-token", text)
    daemon = make_rotating(f"[reload-app]\ntype = command\ncommand = {taken} --app shop\n")
    token = daemon.create(name="shop")
    schedule(daemon, token, "reload-app")
    run(daemon, token, "delivered")
    assert works(daemon, (tmp_path / "token").read_text().strip())
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
