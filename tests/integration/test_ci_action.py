# SPDX-License-Identifier: Apache-2.0
"""integrations/github-action: the script against a real daemon, as GitHub, GitLab and Jenkins run
it; that the token is nowhere but in its place; and the workflows as actionlint would look at them."""

import os
import re
import shutil
import subprocess
import time

import pytest
import workflows
import yaml
from harness import ROOT, free_port

ACTION = ROOT / "integrations" / "github-action"
SCRIPT = ACTION / "tokenry-ci"
WORKFLOW = ACTION / "examples" / "github-workflow.yml"
NAME = "tokenry/tokenry/integrations/github-action"
DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
CICD = "/api/v1/audit/events?type=cicd.*&limit=1"
GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_REF": "refs/heads/main",
          "GITHUB_SHA": "0a" * 20, "GITHUB_WORKFLOW": "deploy", "GITHUB_RUN_ATTEMPT": "1",
          "GITHUB_JOB": "deploy", "GITHUB_ACTOR": "octocat",
          "GITHUB_SERVER_URL": "https://github.example"}
SHELLS = [name for name in ("dash", "bash", "zsh", "busybox") if shutil.which(name)]


class Ran:
    def __init__(self, done, outputs):
        self.status, self.outputs = done.returncode, outputs
        self.said = done.stdout + done.stderr

    def __repr__(self):
        return f"<{self.status} {self.outputs} {self.said!r}>"


@pytest.fixture
def ci(tmp_path):
    """ci(words..., token=..., url=..., **environment) as a runner would; checks each time that the
    token was not printed."""
    def run(*words, token="", shell="sh", stdin=None, github=False, **more):
        output = tmp_path / "github_output"
        output.write_text("")
        environment = {"PATH": os.environ["PATH"], "TOKENRY_TOKEN": token, "HOME": str(tmp_path)}
        if github:
            environment |= GITHUB | {"GITHUB_OUTPUT": str(output)}
        environment |= {name: str(value) for name, value in more.items()}
        command = [*({"zsh": ["zsh", "--emulate", "sh"],
                      "busybox": ["busybox", "sh"]}.get(shell, [shell])), str(SCRIPT), *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120,
                              input=stdin, stdin=subprocess.DEVNULL if stdin is None else None)
        text = output.read_text() if github else done.stdout
        outputs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        secret = (token or stdin or "").strip()
        if len(secret) >= 20:
            shown = done.stdout + done.stderr + text
            assert secret not in shown.replace(f"::add-mask::{secret}", ""), "the token is printed"
        return Ran(done, outputs)
    return run


@pytest.fixture(scope="module")
def url(shared):
    return f"http://127.0.0.1:{shared.port}"


@pytest.fixture(scope="module")
def token(shared):
    return shared.create(user="ci", name="deploy", kind="service", expires_in="90d",
                         scopes=["api:read", "audit:write", "system:*"])["token"]


# --- checking a token ---

def test_a_valid_token_passes_and_is_told_by_its_id(ci, url, token, shared):
    ran = ci("check", token=token, TOKENRY_URL=url, TOKENRY_SCOPES="audit:write system:read",
             github=True)
    assert ran.status == DONE and ran.outputs["valid"] == "true", ran
    assert shared.show(ran.outputs["token-id"])["name"] == ran.outputs["name"] == "deploy"
    assert re.fullmatch(r"20\d\d-.*Z", ran.outputs["expires-at"])
    assert f"::add-mask::{token}" in ran.said and "::warning" not in ran.said


@pytest.mark.parametrize("shell", SHELLS)
def test_any_shell_will_do(ci, url, token, shell):
    ran = ci("check", token=token, TOKENRY_URL=url, TOKENRY_SCOPES="audit:write", shell=shell)
    assert ran.status == DONE and ran.outputs["valid"] == "true", ran
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    ran = ci("check", token=wrong, TOKENRY_URL=url, shell=shell)
    assert ran.status == REFUSED and "mistyped" in ran.said, ran


def damaged(token):
    middle = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    return [("", "empty"), (token + "\n", "blank or a line end"), (f" {token}", "blank"),
            (token[:-1], "cut"), (token + "x", "something behind"), (middle, "mistyped"),
            ("short", "20 to 512"), ("x" * 513, "20 to 512"), (token[:-1] + "é", "no token has")]


@pytest.mark.parametrize("number", range(9))
def test_a_damaged_token_is_found_without_asking(ci, token, number):
    text, word = damaged(token)[number]
    ran = ci("check", token=text, TOKENRY_URL=f"http://127.0.0.1:{free_port()}")
    assert ran.status == REFUSED and word in ran.said, ran


def test_the_checksum_is_that_of_many_tokens(ci, url, shared):
    """A body whose checksum has leading zeros would show a mistake in padding."""
    for number in range(6):
        made = shared.create(user="ci", name=f"n{number}")["token"]
        assert ci("check", token=made, TOKENRY_URL=url).status == DONE


def test_prefixes_of_ones_own(ci, make_daemon):
    daemon = make_daemon({"token.prefix_live": "acme_"}).init().start()
    made = daemon.create(name="n")["token"]
    where = f"http://127.0.0.1:{daemon.port}"
    ran = ci("check", token=made, TOKENRY_URL=where)
    assert ran.status == DONE and "no checksum" in ran.said
    assert ci("check", token=made[:-1], TOKENRY_URL=where,
              TOKENRY_PREFIXES="acme_ sk_test_").status == REFUSED


def test_what_the_authority_refuses(ci, url, shared):
    made = shared.create(user="ci", name="gone")
    shared.revoke(made["id"])
    ran = ci("check", token=made["token"], TOKENRY_URL=url, github=True)
    assert ran.status == REFUSED and "::error::" in ran.said, ran
    assert ran.outputs == {"valid": "false", "code": "revoked"}


@pytest.mark.parametrize("scopes,missing", [
    ("api:write", "api:write"), ("audit:write api:read system:read users:write", "users:write"),
    ("*", "*"), ("systems:read", "systems:read")])
def test_scopes_that_are_missing_are_named(ci, url, token, scopes, missing):
    ran = ci("check", token=token, TOKENRY_URL=url, TOKENRY_SCOPES=scopes, github=True)
    assert ran.status == REFUSED and ran.outputs["code"] == "insufficient_scope", ran
    assert ran.said.rstrip().endswith(f"it lacks {missing}")


def test_a_star_grants_everything(ci, url, shared):
    ran = ci("check", token=shared.admin, TOKENRY_URL=url, TOKENRY_SCOPES="a:b c *")
    assert ran.status == DONE, ran


def test_a_token_that_ends_soon_is_warned_of(ci, url, shared):
    made = shared.create(user="ci", name="soon", expires_in="5d")["token"]
    assert "::warning::the token ends" in ci("check", token=made, TOKENRY_URL=url,
                                             github=True).said
    for days in ("4", "0"):
        ran = ci("check", token=made, TOKENRY_URL=url, TOKENRY_WARN_DAYS=days)
        assert ran.status == DONE and "ends at" not in ran.said


def test_nobody_there_is_worth_another_try(ci, token):
    started = time.monotonic()
    ran = ci("check", token=token, TOKENRY_URL=f"http://127.0.0.1:{free_port()}")
    assert ran.status == UNREACHABLE and "cannot reach" in ran.said
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("where", [
    "", "tokens.example", "ftp://tokens.example", "http://tokens.example",
    "http://127.0.0.1.evil.example", "http://localhost.evil.example", "https://u:p@tokens.example",
    'https://tokens.example"\nurl = "http://evil.example'])
def test_a_token_goes_nowhere_in_clear(ci, token, where):
    ran = ci("check", token=token, TOKENRY_URL=where)
    assert ran.status == USAGE and "reach" not in ran.said, ran


# --- recording ---

def test_an_event_has_what_github_knows(ci, url, token, shared):
    ran = ci("record", "deploy", "success", token=token, TOKENRY_URL=url, github=True,
             GITHUB_RUN_ID=17, TOKENRY_ENVIRONMENT="production",
             TOKENRY_MESSAGE='said "é\\ü"\nand 100%')
    assert ran.status == DONE, ran
    event = shared.manage("GET", CICD).json["data"][0]
    assert str(event["seq"]) == ran.outputs["seq"]
    assert event["type"] == "cicd.deploy" and event["verdict"] == "success"
    assert event["details"] == {
        "repository": "acme/shop", "ref": "refs/heads/main", "commit": "0a" * 20,
        "workflow": "deploy", "run_id": "17", "actor": "octocat", "environment": "production",
        "run_url": "https://github.example/acme/shop/actions/runs/17",
        "message": 'said "é\\ü"and 100%'}


def test_a_step_that_is_tried_again_records_once(ci, url, token):
    first, second = (ci("record", "deploy", "started", token=token, TOKENRY_URL=url, github=True,
                        GITHUB_RUN_ID=18).outputs["seq"] for _ in range(2))
    assert first == second
    other = ci("record", "deploy", "started", token=token, TOKENRY_URL=url, github=True,
               GITHUB_RUN_ID=18, GITHUB_RUN_ATTEMPT=2).outputs["seq"]
    assert other != first


def test_gitlab_and_jenkins(ci, url, token, shared):
    gitlab = {"CI_PROJECT_PATH": "acme/shop", "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_SHA": "ab",
              "CI_JOB_NAME": "deploy", "CI_PIPELINE_ID": 4, "CI_JOB_ID": 5,
              "CI_ENVIRONMENT_NAME": "staging", "GITLAB_USER_LOGIN": "ann",
              "CI_JOB_URL": "https://gitlab.example/j/5"}
    assert ci("record", "deploy", "failed", token=token, TOKENRY_URL=url, **gitlab).status == DONE
    event = shared.manage("GET", CICD).json["data"][0]
    assert event["verdict"] == "failure" and event["details"]["environment"] == "staging"
    assert event["details"]["run_url"] == "https://gitlab.example/j/5"
    jenkins = {"GIT_URL": "git@example:acme/shop", "GIT_BRANCH": "main", "GIT_COMMIT": "cd",
               "JOB_NAME": "shop", "BUILD_NUMBER": 9, "BUILD_TAG": "jenkins-shop-9",
               "BUILD_URL": "https://jenkins.example/9"}
    assert ci("record", "build", "ABORTED", token=token, TOKENRY_URL=url, **jenkins).status == DONE
    event = shared.manage("GET", CICD).json["data"][0]
    assert event["type"] == "cicd.build" and event["verdict"] == "cancelled"
    assert event["details"]["workflow"] == "shop" and event["details"]["run_id"] == "9"


def test_what_is_too_long_is_cut_and_recorded(ci, url, token, shared):
    ran = ci("record", "deploy", "success", token=token, TOKENRY_URL=url,
             TOKENRY_MESSAGE="é" * 400, GITHUB_REF="r" * 400)
    assert ran.status == DONE, ran
    details = shared.manage("GET", CICD).json["data"][0]["details"]
    assert details["message"] == "é" * 250 and details["ref"] == "r" * 255


def test_an_event_without_its_scope_is_refused(ci, url, shared):
    made = shared.create(user="ci", name="weak", scopes=["api:read"])["token"]
    ran = ci("record", "deploy", "success", token=made, TOKENRY_URL=url, github=True)
    assert ran.status == REFUSED and ran.outputs["code"] == "insufficient_scope"


def test_a_server_cannot_command_the_runner(ci, token, tmp_path):
    """Whatever answers: no line of it becomes `::set-output` or a second output."""
    import http.server
    import threading

    class Evil(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = ('{"code":"x\n::error::y\nevil=1","detail":"%0A::add-mask::z\r\nevil=2",'
                    '"token_id":"t\nevil=3"}').encode()
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    for status in (200, 401):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
            server.status = status
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ran = ci("check", token=token, github=True,
                     TOKENRY_URL=f"http://127.0.0.1:{server.server_port}")
            server.shutdown()
        assert "evil" not in ran.outputs, ran
        lines = [line for line in ran.said.splitlines() if line.startswith("::")]
        assert all(line.startswith(("::add-mask::" + token, "::error::", "::notice::"))
                   for line in lines), lines
        assert "%0A" not in ran.said


@pytest.mark.parametrize("words", [(), ("frob",), ("check", "x"), ("record",), ("record", "deploy"),
                                   ("record", "De", "success"), ("record", "deploy", "done"),
                                   ("record", 'a"b', "success")])
def test_wrong_words(ci, url, token, words):
    assert ci(*words, token=token, TOKENRY_URL=url).status == USAGE


def test_the_token_is_in_no_argument_and_not_in_what_is_started(token, url, tmp_path):
    """A curl that writes down what it was given."""
    fake = tmp_path / "curl"
    fake.write_text('#!/bin/sh\necho "$@" >"$SEEN/arguments"\nenv >"$SEEN/environment"\n'
                    'cat >"$SEEN/input"\nprintf \'{"code":"valid"}\\n200\'\n')
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SEEN": str(tmp_path),
                   "TOKENRY_URL": url, "TOKENRY_TOKEN": token,
                   "token": "a variable of the runner", "answer": "another"}
    for shell in (["sh"], ["sh", "-a"]):
        subprocess.run([*shell, str(SCRIPT), "check"], env=environment, check=True,
                       capture_output=True)
        assert token not in (tmp_path / "environment").read_text()
    assert token not in (tmp_path / "arguments").read_text()
    assert token not in (tmp_path / "environment").read_text()
    assert f"Bearer {token}" in (tmp_path / "input").read_text()


def test_the_token_may_come_on_standard_input(ci, url, token):
    assert ci("check", "--token-stdin", stdin=token + "\n", TOKENRY_URL=url).status == DONE


def test_a_curlrc_of_the_runner_changes_nothing(ci, url, token, tmp_path):
    (tmp_path / ".curlrc").write_text("proxy = http://127.0.0.1:9\nverbose\n")
    assert ci("check", token=token, TOKENRY_URL=url).status == DONE


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy", "ALL_PROXY"])
def test_no_proxy_sees_a_token_in_clear(ci, url, token, name):
    """To this machine it goes in clear, so nobody is in between."""
    proxy = f"http://127.0.0.1:{free_port()}"
    for where in (url, url.replace("127.0.0.1", "localhost")):
        assert ci("check", token=token, TOKENRY_URL=where, **{name: proxy}).status == DONE


# --- the action, as the runner runs it ---

def substitute(text, inputs, github):
    def value(found):
        context, name = found.group(1).split(".", 1)
        return {"inputs": inputs, "github": github}[context][name]
    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", value, text)


def run_action(tmp_path, **given):
    """The steps of action.yml one after the other. Returns (status, outputs)."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    inputs = {name: row.get("default", "") for name, row in action["inputs"].items()} | given
    outputs = {}
    for step in action["runs"]["steps"]:
        if "if" in step and not inputs["event"]:
            continue
        output = tmp_path / f"output-{step['id']}"
        output.write_text("")
        environment = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(output), **GITHUB,
                       "GITHUB_RUN_ID": "99"}
        for name, text in step["env"].items():
            environment[name] = substitute(text, inputs, {"action_path": str(ACTION)})
        done = subprocess.run([step["shell"], "-e", "-c", step["run"]], env=environment,
                              capture_output=True, text=True, timeout=120)
        rows = dict(line.split("=", 1) for line in output.read_text().splitlines())
        outputs |= {f"{step['id']}.{name}": text for name, text in rows.items()}
        if done.returncode != 0:
            return done.returncode, outputs
    return 0, outputs


def test_the_action_checks_and_records(tmp_path, url, token, shared):
    status, outputs = run_action(tmp_path, url=url, token=token, scopes="audit:write",
                                 event="release", status="success", environment="dev")
    assert status == 0 and outputs["check.valid"] == "true"
    event = shared.manage("GET", CICD).json["data"][0]
    assert str(event["seq"]) == outputs["record.seq"] and event["type"] == "cicd.release"


def test_the_action_stops_before_it_records(tmp_path, url, token):
    status, outputs = run_action(tmp_path, url=url, token=token, scopes="users:write",
                                 event="release", status="success")
    assert status == REFUSED and "record.seq" not in outputs


def test_the_example_for_three_environments(tmp_path, shared, url):
    """The document's workflow, each environment with a token of its own: what it would do."""
    matrix = workflows.load(WORKFLOW.read_text())["jobs"]["deploy"]["strategy"]["matrix"]
    assert matrix["environment"] == ["dev", "staging", "production"]
    job = workflows.load(WORKFLOW.read_text())["jobs"]["deploy"]
    uses = [step["with"] for step in job["steps"] if NAME in step.get("uses", "")]
    assert len(uses) == 2
    for environment in matrix["environment"]:
        secret = shared.create(user="ci", name=environment,
                               scopes=["api:read", "system:read", "audit:write"])["token"]
        for given in uses:
            filled = {name: {"${{ vars.TOKENRY_URL }}": url,
                             "${{ secrets.TOKENRY_SERVICE_TOKEN }}": secret,
                             "${{ matrix.environment }}": environment}.get(text, text)
                      for name, text in given.items()}
            status, outputs = run_action(tmp_path, **({"status": "success"} | filled))
            assert status == 0, outputs
        event = shared.manage("GET", CICD).json["data"][0]
        assert event["details"]["environment"] == environment and event["verdict"] == "success"


# --- as actionlint would look ---

@pytest.fixture(scope="module")
def shellcheck():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")


def actions():
    return {NAME: workflows.load((ACTION / "action.yml").read_text())}


def test_nothing_is_found_in_what_is_shipped(shellcheck):
    assert list(workflows.check_action((ACTION / "action.yml").read_text())) == []
    assert list(workflows.check_workflow(WORKFLOW.read_text(), actions())) == []
    done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    gitlab = workflows.load((ACTION / "examples" / "gitlab-ci.yml").read_text())
    jobs = {name for name in gitlab if name.startswith("deploy-")}
    assert {gitlab[name]["environment"] for name in jobs} == {"dev", "staging", "production"}
    assert all(set(gitlab[name].get("needs", [])) <= jobs for name in jobs)


@pytest.mark.parametrize("old,new,word", [
    ("    timeout-minutes", "    timeout_minutes", "no key timeout_minutes"),
    ("on:", "on:\n  pushed:", "no event pushed"),
    ("permissions:\n  contents: read", "env: {}", "without `permissions`"),
    ("@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "@v4", "not pinned"),
    ("environment: ${{ matrix.environment }}\n    steps", "environment: ${{ matrix.stage }}\n    steps",
     "no matrix.stage"),
    ("steps.token.outputs.valid", "steps.tokens.outputs.valid", "has the id tokens"),
    ("steps.token.outputs.valid", "steps.token.outputs.vaild", "no output vaild"),
    ("always() &&", "allways() &&", "no function allways"),
    ("secrets.TOKENRY_SERVICE_TOKEN", "secret.TOKENRY_SERVICE_TOKEN", "no secret in"),
    ("          scopes:", "          scope:", "no input scope"),
    ("          token: ${{ secrets.TOKENRY_SERVICE_TOKEN }}\n          event",
     "          event", "needs the input token"),
    ('./deploy "$TARGET"', './deploy "${{ matrix.environment }}"', "in a script"),
    ('./deploy "$TARGET"', "./deploy $TARGET", "shellcheck"),
    ("        id: token", "        id: token\n        id: token", "stands twice"),
    ("matrix.environment }}\n    steps", "matrix.environment }\n    steps", "no expression"),
])
def test_each_mistake_is_found(shellcheck, old, new, word):
    text = WORKFLOW.read_text()
    assert old in text
    found = list(workflows.check_workflow(text.replace(old, new, 1), actions()))
    assert any(word in one for one in found), found


@pytest.mark.parametrize("old,new,word", [
    ("      shell: sh\n", "", "needs `shell`"),
    ("${{ inputs.url }}", "${{ inputs.uri }}", "no inputs.uri"),
    ("        TOKENRY_SCOPES: ${{ inputs.scopes }}\n", "", "scopes is used nowhere"),
    ("steps.check.outputs.valid", "steps.chek.outputs.valid", "has the id chek"),
])
def test_each_mistake_in_the_action_is_found(shellcheck, old, new, word):
    text = (ACTION / "action.yml").read_text()
    assert old in text
    found = list(workflows.check_action(text.replace(old, new, 1)))
    assert any(word in one for one in found), found
