# SPDX-License-Identifier: Apache-2.0
"""Completion in the shells themselves: bash, zsh and fish are asked what they offer for a
line, with the script that the program printed. What must be offered comes from `tokenry help`,
so that a command that is added is looked for without a change here."""

import contextlib
import os
import pty
import re
import subprocess

import pytest
import shells
from harness import TOKENRY, eventually

# An option of the help, and its text as far as the first line has it.
OPTION = re.compile(r"^  --(\S+)(?: (\S+))?(?: {2,}(.*))?$", re.MULTILINE)


def run(*words):
    return subprocess.run([TOKENRY, *words], capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL).stdout


def commands():
    """{name: summary}, as the overview lists them."""
    return dict(re.findall(r"^  (\S+(?: \S+)?)\s{2,}(.*)$", run("help"), re.MULTILINE))


def options(command):
    """{--name: (what its value is called or "", the beginning of its text)}"""
    text = run("help", *command.split())
    return {f"--{name}": (value, help) for name, value, help in OPTION.findall(text)}


@pytest.fixture(scope="module", params=shells.SHELLS)
def shell(request, tmp_path_factory):
    """A shell in a folder with a file and a directory. A `tokenry` stands in its PATH that
    leaves a trace: completing must not run it."""
    folder = tmp_path_factory.mktemp(request.param)
    script = folder / "script"
    script.write_text(run("completion", request.param))
    programs = folder / "programs"
    programs.mkdir()
    (programs / "tokenry").write_text(f"#!/bin/sh\ntouch {folder}/was-run\n")
    (programs / "tokenry").chmod(0o755)
    (folder / "sample.conf").touch()
    (folder / "samples").mkdir()
    one = shells.SHELLS[request.param](folder, script, f"{programs}:/usr/bin:/bin")
    one.name = request.param
    yield one
    one.close()
    assert not (folder / "was-run").exists()


def test_an_unknown_shell_and_none_are_usage_errors():
    for words in (["completion"], ["completion", "ksh"]):
        done = subprocess.run([TOKENRY, *words], capture_output=True, text=True)
        assert done.returncode == 2 and done.stdout == "" and "bash, zsh" in done.stderr


def test_every_command_is_offered_with_its_summary(shell):
    offered = shell.complete("tokenry ")
    assert set(offered) == {name.split()[0] for name in commands()}
    for name, summary in commands().items():
        words = name.split()
        if len(words) == 1:
            assert offered[name] == summary
        else:
            seconds = shell.complete(f"tokenry {words[0]} ")
            alone = shell.name == "bash" and len(seconds) == 1  # it is inserted, not listed
            assert seconds[words[1]] == ("" if alone else summary)
            assert words[0] in commands() or words[1] in offered[words[0]]
            assert set(seconds) == {other.split()[1] for other in commands()
                                    if other.startswith(words[0] + " ")}


def test_every_option_is_offered_with_its_text(shell):
    for command in commands():
        known = options(command)
        offered = shell.complete(f"tokenry {command} --")
        assert set(offered) == set(known), command
        assert {"--json", "--help"} <= set(offered)
        for name, (_value, help) in known.items():
            # The help breaks lines; completion has the first sentence.
            assert offered[name][:40] == help.split(". ")[0][:40] or not help, (command, name)
            assert offered[name], (command, name)


def test_a_word_that_was_begun_is_completed(shell):
    assert set(shell.complete("tokenry check-")) == {"check-config", "check-token"}
    assert set(shell.complete("tokenry tier se")) == {"set"}
    assert set(shell.complete("tokenry create --expires-")) == {"--expires-in", "--expires-at"}


def test_nothing_is_offered_for_a_command_that_there_is_not(shell):
    assert shell.complete("tokenry nonsense --") == {}
    assert shell.complete("tokenry tier nonsense --") == {}


@pytest.mark.parametrize("line,words", [
    ("create --kind ", "user service admin"),
    ("create --user alice --env ", "live test"),
    ("tier set --subject ", "token user both"),
    ("tier set --limit ", "minute= hour= day="),
    ("serve --log-level ", "debug info warning error"),
    ("serve --set log.", "log.level= log.format="),
    ("list --status e", "expired"),
    ("completion ", "bash zsh fish"),
    ("help ti", "tier"),
    ("help tier ", "list set"),
])
def test_values_that_are_known_are_offered(shell, line, words):
    assert set(shell.complete(f"tokenry {line}")) >= set(words.split())
    assert not any("sample" in word for word in shell.complete(f"tokenry {line}"))


def test_a_value_behind_an_equals_sign_is_completed(shell):
    (word,) = shell.complete("tokenry create --kind=s")
    assert word.removeprefix("--kind=") == "service"


def test_files_are_offered_where_a_file_is_meant(shell):
    for line in ("list --config sam", "check-config sam"):
        found = {word.rstrip("/") for word in shell.complete(f"tokenry {line}")}
        assert found == {"sample.conf", "samples"}, line
    for line in ("list --data sam", "list --data=sam"):
        found = {word.rstrip("/").removeprefix("--data=")
                 for word in shell.complete(f"tokenry {line}")}
        assert found == {"samples"}, line


def test_a_value_that_only_its_user_knows_is_left_to_them(shell):
    for line in ("show --name ", "create --user ", "create --user s"):
        assert shell.complete(f"tokenry {line}") == {}


def test_an_option_that_was_given_is_not_offered_again(shell):
    if shell.name == "fish":
        return  # it offers options again, of every program
    offered = shell.complete("tokenry create --kind user --scope '*' --")
    assert "--kind" not in offered and {"--scope", "--name"} <= set(offered)


def test_a_person_at_a_terminal_gets_it_completed(tmp_path):
    """The real readline: what is typed and what it makes of it with TAB."""
    script = tmp_path / "script"
    script.write_text(run("completion", "bash"))
    terminal, side = pty.openpty()
    environment = {**shells.clean_environment(tmp_path, "/usr/bin:/bin"), "PS1": "$ "}
    process = subprocess.Popen(["bash", "--noprofile", "--norc", "-i"], stdin=side, stdout=side,
                               stderr=side, env=environment, cwd=tmp_path, start_new_session=True)
    os.close(side)
    try:
        os.write(terminal, f"source {script}; tokenry() {{ printf '<%s>' \"$@\"; }}\n".encode())
        os.write(terminal, b"tokenry creat\t--kin\tserv\t--limi\tminu\t5\n")
        shown = b""

        def answered():
            nonlocal shown
            with contextlib.suppress(BlockingIOError):
                os.set_blocking(terminal, False)
                while chunk := os.read(terminal, 65536):
                    shown += chunk
            return b"<create><--kind><service><--limit><minute=5>" in shown
        eventually(answered, 20, lambda: f"the completed line, in {shown!r}")
    finally:
        process.kill()
        process.wait(timeout=10)
        os.close(terminal)
