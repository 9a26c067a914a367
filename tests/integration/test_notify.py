# SPDX-License-Identifier: Apache-2.0
"""Notifications: channels, what receivers get, what becomes of those that fail, and the outbox
over restarts and kill -9."""

import email
import email.policy
import json
import os
import re
import subprocess
import time

import pytest

from harness import TOKENRY, eventually, written_bytes
from receivers import KEY, SECRET, MailServer, Receiver, certificate, verify

PASSWORD = "mail-password-hunter2"
PATH_SECRET = "/services/T000/B000/path-that-is-a-secret"


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def mails(tmp_path):
    made = []

    def make(**more):
        made.append(MailServer(certificate(tmp_path), **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def notified(make_daemon, tmp_path):
    """notified("[ops]\\n...") gives a daemon with these channels, that is not started."""
    secret, password, channels = (tmp_path / name for name in ("hook.secret", "mail.pw", "ch.conf"))
    for path, text in ((secret, SECRET), (password, PASSWORD)):
        path.write_text(text + "\n")
        path.chmod(0o600)

    def make(text, **settings):
        channels.write_text(text.replace("SECRET_FILE", str(secret))
                            .replace("PASSWORD_FILE", str(password)))
        channels.chmod(0o600)
        return make_daemon({"notify.channels_file": channels, "usage.flush_ms": 100,
                            **settings}).init()

    make.channels = channels
    return make


def hook(receiver, name="hook", more=""):
    return (f"[{name}]\ntype = webhook\nurl = {receiver.url()}\nsecret_file = SECRET_FILE\n"
            f"allow_private = yes\n{more}")


# `init` seals the audit log at its end: the checkpoint waits in the outbox for the first start.
CHECKPOINTS = "severity = info\ntypes = audit.checkpoint\n"


def check_config(daemon):
    return subprocess.run([TOKENRY, "check-config"], env=daemon.environment(), capture_output=True,
                          text=True, timeout=30)


def channels_of(daemon):
    answer = daemon.manage("GET", "/api/v1/notify/channels")
    assert answer.status == 200, answer
    return {one["name"]: one for one in answer.json["data"]}


def dead_of(daemon):
    return daemon.manage("GET", "/api/v1/notify/dead").json["data"]


# --- what is refused ---

def test_a_channels_file_that_others_may_read_stops_the_start(notified):
    daemon = notified("[log]\ntype = log\n")
    notified.channels.chmod(0o644)
    daemon.spawn()
    assert daemon.process.wait(30) != 0
    assert "others may read" in daemon.log()
    checked = check_config(daemon)
    assert checked.returncode == 2 and "others may read" in checked.stderr


def test_check_config_tells_every_error_of_the_channels_file(notified, receiver):
    daemon = notified("[log]\ntype = log\n")
    assert "good" in check_config(daemon).stdout
    notified.channels.write_text(
        f"[a]\ntype = slack\nurl = http://x.example{PATH_SECRET}\n[b]\ntype = webhook\n"
        "url = https://x.example/\nsecret_file = /nowhere\n")
    checked = check_config(daemon)
    assert checked.returncode == 2
    assert re.search(r":3: a\.url: must be https", checked.stderr)
    assert re.search(r":7: b\.secret_file: /nowhere", checked.stderr)
    assert "path-that-is-a-secret" not in checked.stderr


def test_a_private_address_is_refused_unless_allowed(notified, receiver):
    url = receiver.url().replace("http://127.0.0.1", "https://localhost")
    daemon = notified(f"[ops]\ntype = slack\nurl = {url}\n").start()
    answer = daemon.manage("POST", "/api/v1/notify/channels/ops/test")
    assert answer.status == 200 and answer.json["delivered"] is False
    assert "not public" in answer.json["error"] and receiver.got == []


def test_a_redirect_to_a_private_address_is_not_followed(notified, receiver):
    target = Receiver()
    receiver.status, receiver.headers = 307, {"Location": target.url()}
    daemon = notified(hook(receiver)).start()
    answer = daemon.manage("POST", "/api/v1/notify/channels/hook/test").json
    target.close()
    assert answer["delivered"] is False and answer["status"] == 307
    assert "redirects are not followed" in answer["error"] and target.got == []


def test_a_channel_that_is_not_there_cannot_be_tested(notified):
    daemon = notified("[log]\ntype = log\n").start()
    assert daemon.manage("POST", "/api/v1/notify/channels/nobody/test").status == 404


def test_without_a_daemon_nothing_is_sent(notified, receiver):
    daemon = notified(hook(receiver))
    done = daemon.cli("notify", "test", "hook", check=False)
    assert done.returncode != 0 and "daemon" in done.stderr and receiver.got == []


# --- webhooks ---

def test_a_webhook_is_signed_and_what_the_receiver_says_is_shown(notified, receiver):
    receiver.status, receiver.body = 200, b"thanks"
    daemon = notified(hook(receiver)).start()
    before = time.time()
    done = daemon.cli("notify", "test", "hook")
    assert re.match(r"hook: delivered, \d+ ms, status 200: thanks", done.stdout)
    one = receiver.got[0]
    assert verify(one.headers, one.body) and not verify(one.headers, one.body + b" ")
    assert not verify(one.headers, one.body, bytes(32))
    assert abs(int(one.headers["webhook-timestamp"]) - before) < 30
    assert re.fullmatch(r"msg_[0-9A-Z]{26}", one.headers["webhook-id"])
    assert one.headers["content-type"] == "application/json"
    assert one.json["type"] == "notify.test" and one.json["data"]["severity"] == "info"
    assert one.json["data"]["id"] == one.headers["webhook-id"]


def test_each_chat_gets_a_payload_of_its_own(notified, receiver):
    daemon = notified("".join(
        f"[{kind}]\ntype = {kind}\nurl = {receiver.url('/' + kind)}\nallow_private = yes\n"
        for kind in ("slack", "teams", "discord"))).start()
    done = daemon.cli("notify", "test")
    assert done.stdout.count("delivered") == 3
    got = {one.path: one.json for one in receiver.got}
    assert got["/slack"]["blocks"][0]["type"] == "header"
    card = got["/teams"]["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["type"] == "AdaptiveCard"
    assert got["/discord"]["allowed_mentions"] == {"parse": []}
    assert got["/discord"]["embeds"][0]["title"] == "Info: notify.test"


def test_an_endless_answer_is_cut(notified, receiver):
    receiver.status, receiver.body = 200, b"x" * (64 << 20)
    daemon = notified(hook(receiver)).start()
    answer = daemon.manage("POST", "/api/v1/notify/channels/hook/test").json
    assert answer["delivered"] is True and len(answer["answer"]) <= 200


def test_a_receiver_that_never_answers_delays_nothing_else(notified, receiver):
    slow = Receiver()
    slow.gate.clear()
    daemon = notified(
        hook(slow, "slow", CHECKPOINTS + "timeout = 1\n") + hook(receiver, "fast", CHECKPOINTS))
    daemon.start()
    eventually(lambda: receiver.got, what="the fast one's checkpoint")
    for _ in range(5):
        assert daemon.manage("GET", "/api/v1/system/status").status == 200
    failed = eventually(lambda: channels_of(daemon)["slow"]["failed"], what="the timeout")
    assert failed >= 1 and "imeout" in channels_of(daemon)["slow"]["last_error"]
    assert channels_of(daemon)["fast"]["sent"] >= 1
    slow.close()


# --- mail ---

def mail_channel(server, tmp_path, more="user = tokenry\npassword_file = PASSWORD_FILE\n"):
    return (f"[mail]\ntype = email\nserver = smtp://localhost:{server.port}\n"
            f"ca_file = {tmp_path}/mail.crt\nfrom = tokenry@example.com\n"
            f"to = ops@example.com, oncall@example.org\nallow_private = yes\n{more}")


def test_a_mail_goes_over_starttls_with_the_password(notified, mails, tmp_path):
    server = mails()
    daemon = notified(mail_channel(server, tmp_path)).start()
    done = daemon.cli("notify", "test", "mail")
    assert "mail: delivered" in done.stdout
    mail = server.got[0]
    assert mail.tls and mail.user == [b"tokenry", PASSWORD.encode()]
    assert mail.sender.startswith("MAIL FROM:<tokenry@example.com>")
    assert [one.split(":")[1] for one in mail.recipients] == ["<ops@example.com>",
                                                              "<oncall@example.org>"]
    parsed = email.message_from_bytes(mail.data, policy=email.policy.default)
    assert parsed["Subject"].startswith("[tokenry] Info: notify.test: a test of the channel mail")
    assert parsed["Auto-Submitted"] == "auto-generated" and parsed["Date"].datetime
    assert "asked for by" in parsed.get_content() and not parsed.defects


def test_a_server_without_starttls_gets_neither_mail_nor_password(notified, mails, tmp_path):
    server = mails(starttls=False)
    daemon = notified(mail_channel(server, tmp_path)).start()
    answer = daemon.manage("POST", "/api/v1/notify/channels/mail/test").json
    assert answer["delivered"] is False and server.got == []
    assert not any(word.startswith(("AUTH", "MAIL")) for word in server.commands)


def test_a_certificate_of_nobody_we_trust_is_refused(notified, mails, tmp_path):
    server = mails()
    daemon = notified(mail_channel(server, tmp_path).replace(
        f"ca_file = {tmp_path}/mail.crt\n", "")).start()
    answer = daemon.manage("POST", "/api/v1/notify/channels/mail/test").json
    assert answer["delivered"] is False and server.got == []
    assert not any(word.startswith(("AUTH", "MAIL")) for word in server.commands)


@pytest.mark.parametrize("refuse", [
    {"CONNECT": "554 go away"}, {"MAIL": "451 later"}, {"RCPT": "550 no such user"},
    {"DATA": "552 too large"}, {"AUTH": "535 wrong"}])
def test_a_mail_server_that_refuses_is_a_failure_with_its_number(notified, mails, tmp_path, refuse):
    server = mails(refuse=refuse)
    daemon = notified(mail_channel(server, tmp_path)).start()
    answer = daemon.manage("POST", "/api/v1/notify/channels/mail/test").json
    assert answer["delivered"] is False and server.got == []
    assert "connect" in answer["error"] or next(iter(refuse.values()))[:3] in answer["error"], answer
    assert PASSWORD not in answer["error"]


# --- the outbox ---

def test_a_signed_checkpoint_arrives_after_a_restart(notified, receiver):
    daemon = notified(hook(receiver, more=CHECKPOINTS))
    assert receiver.got == []
    daemon.start()
    one = eventually(lambda: receiver.got, what="the checkpoint")[0]
    assert verify(one.headers, one.body) and one.json["type"] == "audit.checkpoint"
    checkpoint = one.json["data"]["details"]["checkpoint"]
    assert checkpoint in daemon.log()
    (daemon.folder / "kept").write_text(checkpoint + "\n")
    verified = daemon.cli("audit", "verify", "--checkpoints", str(daemon.folder / "kept"))
    assert "intact" in verified.stdout or verified.returncode == 0
    eventually(lambda: channels_of(daemon)["hook"]["waiting"] == 0, what="an empty outbox")


def test_killed_before_the_answer_it_is_sent_again_with_the_same_id(notified, receiver):
    daemon = notified(hook(receiver, more=CHECKPOINTS))
    receiver.gate.clear()
    daemon.start()
    first = eventually(lambda: receiver.got, what="the first try")[0]
    daemon.kill()
    receiver.gate.set()
    daemon.start()
    eventually(lambda: len(receiver.got) > 1, what="the second try")
    again = receiver.got[1]
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.body == first.body and verify(again.headers, again.body)
    eventually(lambda: channels_of(daemon)["hook"]["waiting"] == 0, what="an empty outbox")
    assert len({one.headers["webhook-id"] for one in receiver.got[:2]}) == 1


def test_an_answer_of_500_is_tried_again_until_it_is_taken(notified, receiver):
    daemon = notified(hook(receiver, more=CHECKPOINTS))
    receiver.status = 500
    daemon.start()
    eventually(lambda: channels_of(daemon)["hook"]["failed"] >= 1, what="a failure")
    state = channels_of(daemon)["hook"]
    assert state["waiting"] >= 1 and state["last_error"] == "it answered 500"
    receiver.status = 204
    eventually(lambda: channels_of(daemon)["hook"]["sent"] >= 1, 30, "another try")
    assert "notify_failed" in daemon.log() and "notify_recovered" in daemon.log()


def test_an_alert_is_an_event_and_reaches_every_channel_once(notified, receiver, mails, tmp_path):
    server = mails()
    daemon = notified(hook(receiver) + mail_channel(server, tmp_path) + "[log]\ntype = log\n")
    # A command that works on the data directory by itself: what it raises waits for the daemon.
    daemon.settings["server.tls_certificate"] = tmp_path / "mail.crt"  # ends in two days
    daemon.settings["server.tls_key"] = tmp_path / "mail.key"
    for _ in range(2):  # and is raised once
        daemon.run_job("health")
    del daemon.settings["server.tls_certificate"], daemon.settings["server.tls_key"]
    assert receiver.got == []
    daemon.start()
    eventually(lambda: server.got and receiver.got, what="the alert")
    eventually(lambda: all(one["waiting"] == 0 for one in channels_of(daemon).values()),
               what="an empty outbox")
    told = [one for one in receiver.got if one.json["type"] == "certificate.expiring"]
    assert len(told) == 1 and told[0].json["data"]["severity"] == "high"
    events = daemon.manage("GET", "/api/v1/audit/events?type=alert.certificate.expiring").json
    assert len(events["data"]) == 1
    subjects = [email.message_from_bytes(one.data, policy=email.policy.default)["Subject"]
                for one in server.got]
    assert len([one for one in subjects if "High: certificate.expiring: " in one]) == 1
    assert daemon.log().count('"certificate.expiring"') == 1


def test_a_dead_letter_is_listed_retried_and_dropped(notified, receiver):
    daemon = notified(hook(receiver, more=CHECKPOINTS) + "[log]\ntype = log\n")
    receiver.status = 410
    daemon.start()
    letter = eventually(lambda: dead_of(daemon), what="a dead letter")[0]
    assert letter["channel"] == "hook" and letter["error"] == "it answered 410"
    assert letter["tries"] == 1 and letter["type"] == "audit.checkpoint"
    assert letter["id"] in daemon.cli("notify", "dead").stdout
    # It is told to the others, and is an event.
    eventually(lambda: "notify.dead_letter" in daemon.log(), what="the alert")
    assert daemon.manage("GET", "/api/v1/audit/events?type=alert.notify.dead_letter").json["data"]
    assert len(receiver.got) == 1
    assert daemon.cli("notify", "drop", "--all", check=False).returncode == 2  # nobody to ask
    receiver.status = 204
    assert "1 message will be tried" in daemon.cli("notify", "retry", letter["id"]).stdout
    eventually(lambda: len(receiver.got) > 1, what="the retry")
    assert receiver.got[1].headers["webhook-id"] == letter["id"]
    eventually(lambda: channels_of(daemon)["hook"]["dead"] == 0, what="no dead letter")
    assert daemon.cli("notify", "retry", letter["id"], check=False).returncode == 1
    assert daemon.cli("notify", "drop", letter["id"], "--yes", check=False).returncode == 1


def test_dead_letters_are_dropped_at_once_and_that_is_in_the_log(notified, receiver):
    daemon = notified(hook(receiver, more=CHECKPOINTS))
    receiver.status = 410
    daemon.start()
    eventually(lambda: dead_of(daemon), what="a dead letter")
    assert daemon.cli("notify", "drop", "--all", "--yes").stdout.endswith("dropped.\n")
    assert dead_of(daemon) == []
    assert daemon.manage("GET", "/api/v1/audit/events?type=notify.drop").json["data"]


def test_messages_of_a_channel_that_was_taken_out_are_dead(notified, receiver):
    daemon = notified(hook(receiver, more=CHECKPOINTS))
    notified.channels.write_text("[log]\ntype = log\n")
    daemon.start()
    letter = eventually(lambda: dead_of(daemon), what="a dead letter")[0]
    assert "not configured" in letter["error"] and receiver.got == []
    gone = channels_of(daemon)["hook"]
    assert gone["configured"] is False and gone["dead"] >= 1
    assert "gone" in daemon.cli("notify", "list").stdout


# --- what is told ---

def test_list_status_and_metrics_tell_of_channels(notified, receiver):
    daemon = notified(hook(receiver)).start()
    daemon.cli("notify", "test", "hook")
    listed = daemon.cli("notify", "list").stdout
    assert "hook" in listed and "webhook" in listed and "127.0.0.1" in listed
    assert daemon.manage("GET", "/api/v1/system/status").json["notify"][0]["name"] == "hook"
    metrics = daemon.metrics()
    assert metrics['tokenry_notify_waiting{channel="hook"}'] == 0
    assert metrics['tokenry_notify_dead{channel="hook"}'] == 0


def test_who_may_only_see_the_system_sees_channels_and_no_letters(notified, receiver):
    daemon = notified(hook(receiver)).start()
    reader = daemon.create(scopes=["system:read"])["token"]
    headers = {"Authorization": f"Bearer {reader}"}
    assert daemon.request("GET", "/api/v1/notify/channels", headers).status == 200
    for method, path in (("GET", "dead"), ("POST", "dead/retry"), ("DELETE", "dead"),
                         ("POST", "channels/hook/test")):
        assert daemon.request(method, "/api/v1/notify/" + path, headers).status == 403, path
    assert receiver.got == []


def test_no_secret_of_a_channel_is_anywhere_but_in_its_file(notified, mails, receiver, tmp_path):
    server = mails(refuse={"AUTH": "535 wrong"})
    receiver.status = 500
    daemon = notified(
        f"[chat]\ntype = slack\nurl = {receiver.url(PATH_SECRET)}\nallow_private = yes\n"
        + CHECKPOINTS + mail_channel(server, tmp_path) + CHECKPOINTS + hook(receiver,
                                                                           more=CHECKPOINTS))
    daemon.start()
    for name in ("chat", "mail", "hook"):
        eventually(lambda n=name: channels_of(daemon)[n]["failed"] >= 1, 20, f"a failure of {name}")
    said = (daemon.cli("notify", "test", check=False).stdout + daemon.cli("notify", "list").stdout
            + daemon.log() + json.dumps(daemon.metrics())
            + json.dumps(daemon.manage("GET", "/api/v1/system/status").json))
    assert daemon.stop() == 0
    stored = b"".join(written_bytes(path) for path in daemon.data.iterdir() if path.is_file())
    for secret in ("path-that-is-a-secret", PASSWORD, SECRET.removeprefix("whsec_")):
        assert secret not in said and secret.encode() not in stored, secret
    assert KEY not in stored
    assert not any(os.path.basename(secret) in said for secret in (PATH_SECRET,))
