# SPDX-License-Identifier: Apache-2.0
"""tools/packages on a machine of paper: stand-ins for dpkg-query, apt-get, sudo and id."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path):
    """machine(installed=..., sudo=...) gives a function that runs tools/packages there and
    returns its result; what apt-get and sudo were asked for stands in `calls`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"
    calls.touch()

    def program(name, text):
        (folder / name).write_text("#!/bin/bash\n" + text)
        (folder / name).chmod(0o755)

    for name in ("bash", "rm", "env", "sh"):
        path = "/bin/" + name
        (folder / name).symlink_to(path if os.path.exists(path) else "/usr/bin/" + name)

    def make(installed=(), sudo=True, apt_works=True):
        known = " ".join(installed)
        program("dpkg-query", f'case " {known} " in *" ${{!#}} "*) echo -n installed ;; *) exit 1 ;; esac\n')
        program("id", "echo 1000\n")
        program("apt-get", f'echo "apt-get $*" >>{calls}\nexit {0 if apt_works else 100}\n')
        if sudo:
            # Does what it is asked to, except to touch the real machine.
            program("sudo", f'[ "$1" = -n ] && shift\necho "sudo $*" >>{calls}\n'
                    'case "$1" in env) exec "$@" ;; esac\n')

        def run(*arguments):
            done = subprocess.run([str(ROOT / "tools" / "packages"), *arguments],
                                  env={"PATH": str(folder)}, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60)
            done.calls = calls.read_text()
            return done
        return run
    return make


def names(run):
    return run("--missing", "build").stdout.split()


def test_an_unknown_task_is_refused(machine):
    done = machine()("weld")
    assert done.returncode == 2
    assert "weld" in done.stderr


def test_without_root_and_sudo_it_says_what_root_would_have_to_type(machine):
    done = machine(sudo=False)("build")
    assert done.returncode == 1
    assert "neither root nor sudo" in done.stderr
    assert "apt-get install --no-install-recommends gcc" in done.stderr
    assert done.calls == ""


def test_what_apt_cannot_install_is_an_error_that_names_it(machine):
    done = machine(apt_works=False)("run")
    assert done.returncode == 1
    assert "could not install: curl" in done.stderr


def test_only_what_is_missing_is_installed(machine):
    everything = names(machine())
    assert "libmicrohttpd-dev" in everything and len(everything) > 5
    done = machine(installed=[name for name in everything if name != "libinih-dev"])("build")
    assert done.returncode == 0
    installs = [line for line in done.calls.splitlines()
                if line.startswith("apt-get") and " install " in line]
    assert len(installs) == 1 and installs[0].endswith("--no-install-recommends libinih-dev")


def test_when_nothing_is_missing_nothing_happens(machine):
    done = machine(installed=names(machine()))("build")
    assert (done.returncode, done.stdout, done.stderr, done.calls) == (0, "", "", "")


def test_no_question_is_asked_without_a_terminal(machine):
    done = machine()("build")
    assert "DEBIAN_FRONTEND=noninteractive" in done.calls
    assert all(" -y " in line for line in done.calls.splitlines()
               if line.startswith("apt-get") and "install" in line)
