# SPDX-License-Identifier: Apache-2.0
"""The rules for scanners: what they find, and what they leave alone."""

import collections
import json
import math
import os
import random
import re
import subprocess
import tomllib
import zlib

import pytest
from harness import TOKENRY

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def rules(*arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")}
    return subprocess.run([TOKENRY, "leak", "rules", *arguments], capture_output=True, text=True,
                          timeout=60, env={**kept, **environment})


def gitleaks(**environment):
    done = rules(**environment)
    assert done.returncode == 0 and done.stderr == "", done
    return tomllib.loads(done.stdout)["rules"]


def token(prefix, source):
    body = "".join(source.choices(DIGITS, k=43))
    rest, checksum = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        checksum = DIGITS[digit] + checksum
    return prefix + body + checksum


def entropy(text):
    counts = collections.Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def test_every_token_is_found_by_its_rule_wherever_it_stands():
    source = random.Random(1)
    around = ["{}", "API_KEY={}\n", '{{"key":"{}"}}', "x={}&y", '"\\n{}"', "KEY_{}", "a{}-b", "({})"]
    for rule in gitleaks():
        pattern, keyword = re.compile(rule["regex"]), rule["keywords"][0]
        for i in range(5000):
            made = token(keyword, source)
            text = around[i % len(around)].format(made)
            assert keyword in text.lower()
            assert [found[0] for found in pattern.finditer(text)] == [made], text
            assert entropy(made) > rule["entropy"] + 0.5


def test_the_tokens_that_the_program_makes_are_found(tmp_path):
    environment = {"TOKENRY_DATA": str(tmp_path / "data"),
                   "TOKENRY_SERVER_RUNTIME_DIRECTORY": str(tmp_path / "run")}
    made = subprocess.run([TOKENRY, "init"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment}).stdout.strip()
    expression = rules("--format", "regex").stdout.strip()
    assert re.fullmatch(expression, made)


@pytest.mark.parametrize("change", [
    lambda text: text[:-1],                          # cut
    lambda text: text + "0",                         # longer
    lambda text: text.replace("_", "-"),             # another prefix
    lambda text: "sk_prod_" + text[8:],
    lambda text: text.upper(),
    lambda text: text[:20] + "-" + text[21:],        # not base62
    lambda text: text[:20] + " " + text[21:],
    lambda text: text[8:],                           # without its prefix
    lambda text: "sk_live_...",
    lambda text: "sk_live_" + "é" * 49,
])
def test_what_is_nearly_a_token_is_left_alone(change):
    text = change(token("sk_live_", random.Random(2)))
    for expression in [rule["regex"] for rule in gitleaks()] + \
            [rules("--format", "regex").stdout.strip()]:
        assert not re.search(expression, text)


def test_a_placeholder_is_below_the_entropy():
    for rule in gitleaks():
        assert re.search(rule["regex"], rule["keywords"][0] + "x" * 49)
        assert entropy(rule["keywords"][0] + "x" * 49) < rule["entropy"]


def test_the_prefixes_are_those_of_the_configuration(tmp_path):
    file = tmp_path / "tokenry.conf"
    file.write_text("[token]\nprefix_live = acme_\nprefix_test = acme_try_\n")
    done = rules("--config", str(file))
    found = tomllib.loads(done.stdout)["rules"]
    assert [rule["keywords"] for rule in found] == [["acme_"], ["acme_try_"]]
    live, test = (re.compile(rule["regex"]) for rule in found)
    source = random.Random(3)
    assert live.fullmatch(token("acme_", source)) and test.fullmatch(token("acme_try_", source))
    assert not live.search(token("acme_try_", source))
    by_name = rules("--format", "regex", TOKENRY_TOKEN_PREFIX_LIVE="acme_")
    assert by_name.stdout == "(acme_|sk_test_)[0-9A-Za-z]{49}\\b\n"


def test_the_rules_have_what_gitleaks_needs():
    found = gitleaks()
    assert len({rule["id"] for rule in found}) == 2
    for rule in found:
        assert set(rule) == {"id", "description", "regex", "entropy", "keywords"}
        assert re.fullmatch("[a-z0-9-]+", rule["id"]) and rule["description"]


def test_the_other_formats():
    github = rules("--format", "github").stdout
    assert "Secret format:  sk_live_[0-9A-Za-z]{49}\n" in github
    assert "Secret format:  sk_test_[0-9A-Za-z]{49}\n" in github
    answer = json.loads(rules("--json").stdout)
    assert [rule["prefix"] for rule in answer["rules"]] == ["sk_live_", "sk_test_"]
    assert answer["rules"][0]["regex"] == "sk_live_[0-9A-Za-z]{49}\\b"
    wrong = rules("--format", "trufflehog")
    assert wrong.returncode == 2 and "gitleaks, regex or github" in wrong.stderr
