# SPDX-License-Identifier: Apache-2.0
"""The examples that check themselves: each `run` script walks through everything that its
README says, with the built program, and ends at the first difference."""

import os
import signal
import subprocess

import pytest

from harness import ROOT, TOKENRY

SECONDS = 900  # many short commands: a loaded machine takes minutes for them


def run_example(name, folder):
    """Status and everything that it printed. Whatever it started ends with it."""
    environment = {**os.environ, "TOKENRY_BIN": TOKENRY, "TMPDIR": str(folder)}
    process = subprocess.Popen([str(ROOT / "examples" / name / "run")], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=environment, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:  # too slow, or the tests are stopped
            os.killpg(process.pid, signal.SIGTERM)
            print(process.communicate(timeout=60)[0][-3000:])
    return process.returncode, output


def check(name, folder, headings):
    status, output = run_example(name, folder)
    assert status == 0, output[-3000:]
    assert output.endswith(f"Everything is as examples/{name}/README.md says.\n")
    assert output.count("\n== ") == headings
    assert list(folder.iterdir()) == [], "it leaves files behind"


def test_team_tokens(tmp_path):
    check("team-tokens", tmp_path, 12)


def test_strict_internal(tmp_path):
    check("strict-internal", tmp_path, 12)


def test_a_difference_ends_the_script_with_its_daemon(tmp_path):
    """A program that lets through whom it should refuse: the script must see it."""
    liar = tmp_path / "tokenry"
    liar.write_text(f"""#!/bin/sh
if [ "$1" = serve ]; then
    shift
    exec {TOKENRY} serve "$@" --set lifetime.one_active_per_user=off
fi
exec {TOKENRY} "$@"
""")
    liar.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    done = subprocess.run([str(ROOT / "examples" / "strict-internal" / "run")],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS,
                          env={**os.environ, "TOKENRY_BIN": str(liar), "TMPDIR": str(folder)})
    assert done.returncode == 1
    assert 'DIFFERENT: tokens that the new one revoked is "0" and should be "1"' in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["team-tokens", "strict-internal"])
def test_what_is_copied_is_a_configuration(name):
    path = ROOT / "examples" / name / "tokenry.conf"
    done = subprocess.run([TOKENRY, "check-config", "--config", str(path)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
