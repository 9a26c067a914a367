# SPDX-License-Identifier: Apache-2.0
"""examples/saas-keys: its script goes through everything that the document of such a key table
describes, and compares; here it is run, and made to fail."""

import os
import pathlib
import re
import subprocess
import urllib.parse

import pytest
from harness import ROOT, TOKENRY

FOLDER = ROOT / "examples" / "saas-keys"
RUN_S = 300  # a bound, on a machine that is busy with other tests; alone it takes seconds

# The headings of the document that describe a behaviour.
HEADINGS = [
    "Subscription Tiers", "Create a New API Key", "List API Keys", "Revoke an API Key",
    "Create API Key", "List Your API Keys", "Using API Keys in Requests", "Authentication Flow", "Database View",
    "Security Best Practices", "Migration Path", "Complete Flow", "Key not found error",
    "Key expired error", "Rate limit exceeded", "Scoped permissions", "Key rotation",
]


def run(tmp_path, *arguments, **more):
    (tmp_path / "tmp").mkdir()
    environment = dict(os.environ, TMPDIR=str(tmp_path / "tmp"), **more)
    return subprocess.run([FOLDER / "run", "--tokenry", TOKENRY, *map(str, arguments)],
                          env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=RUN_S)


def assert_nothing_is_left(tmp_path):
    assert not list((tmp_path / "tmp").iterdir())
    for command in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            assert os.fsencode(tmp_path / "tmp") not in command.read_bytes(), command
        except OSError:
            continue  # it has ended, or is another user's


def changed(tmp_path, old, new):
    text = (FOLDER / "tokenry.conf").read_text()
    assert text.count(old) == 1
    (tmp_path / "tokenry.conf").write_text(text.replace(old, new))
    return tmp_path / "tokenry.conf"


def test_every_behaviour_is_as_the_document_says(tmp_path):
    done = run(tmp_path, TOKENRY_LIFETIME_USER_DEFAULT="1h")  # which must not count
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "" and "DIFFERENT" not in done.stdout
    shown = [line.removeprefix("== ") for line in done.stdout.splitlines()
             if line.startswith("== ")]
    metering = subprocess.run([TOKENRY, "help", "analytics"], capture_output=True, timeout=60,
                              check=False).returncode == 0
    for heading in HEADINGS + ["Get Key Usage Statistics"] * metering:
        assert any(line.endswith(heading) for line in shown), heading
    assert not re.search(r"sk_(live|test)_[0-9A-Za-z]{16}", done.stdout), "a whole key is printed"
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize("old, new, words", [
    ("user_default = never", "user_default = 90d", "its end: wanted 'null'"),
    ("enabled = on", "enabled = off", "status: wanted '201', got '403'"),
])
def test_a_difference_ends_it_with_an_error(tmp_path, old, new, words):
    done = run(tmp_path, "--config", changed(tmp_path, old, new))
    assert done.returncode == 1 and f"DIFFERENT: {words}" in done.stdout, done
    assert_nothing_is_left(tmp_path)


def test_an_authority_that_does_not_start_ends_it_with_an_error(tmp_path):
    done = run(tmp_path, "--config", changed(tmp_path, "keys_max = 20", "keys_max = many"))
    assert done.returncode == 1 and "keys_max" in done.stdout, done
    assert_nothing_is_left(tmp_path)


def test_the_readme_has_every_heading_and_every_key(tmp_path):
    readme = (FOLDER / "README.md").read_text()
    for words in ("Subscription Tiers", "Database View", "Authentication Flow", "Migration Path",
                  "Security Best Practices", "Key not found", "Key expired", "Rate limit exceeded",
                  "Complete Flow", "Key rotation", "Usage Statistics"):
        assert words in readme, words
    for line in (FOLDER / "tokenry.conf").read_text().splitlines():
        if match := re.match(r"#?([a-z_]+) = ", line):
            assert f"{match[1]}`" in readme, f"{line} is not explained"
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        if not urllib.parse.urlparse(target).scheme:
            assert (FOLDER / target).exists(), target
