# SPDX-License-Identifier: Apache-2.0
"""The manual as man(1) shows it, against what the program says of itself. Its pages about
commands are made from the same table as `tokenry help`, when it is built."""

import re
import subprocess

import pytest
from harness import BUILD, ROOT
from test_completion import commands, options, run

PAGES = BUILD / "packaging" / "man1"
DOCS = BUILD / "src" / "cli" / "command-docs"
OVERVIEW = ROOT / "docs" / "man" / "tokenry.1"


def page_of(command):
    return PAGES / f"tokenry-{command.split()[0]}.1"


def show(page):
    """As a reader sees it, with words together that the formatter spread."""
    done = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=300", str(page)],
                          capture_output=True, text=True, check=True)
    return re.sub(r".\x08", "", done.stdout)  # what is bold is struck twice


def make(folder, *words):
    return subprocess.run([str(DOCS), str(folder), *map(str, words)], capture_output=True, text=True)


def test_a_text_about_a_command_that_there_is_not_is_refused(tmp_path):
    (tmp_path / "delete.roff").write_text(".SH EXAMPLES\n")
    done = make(tmp_path / "man1", OVERVIEW, tmp_path / "delete.roff")
    assert done.returncode == 1 and "there is no such command" in done.stderr


def test_an_overview_without_a_place_for_the_commands_is_refused(tmp_path):
    (tmp_path / "tokenry.1").write_text(".TH TOKENRY 1\n")
    done = make(tmp_path / "man1", tmp_path / "tokenry.1")
    assert done.returncode == 1 and "no place for the list" in done.stderr


def test_a_page_that_is_no_more_goes_when_they_are_made_anew(tmp_path):
    (tmp_path / "tokenry-gone.1").write_text("gone")
    assert make(tmp_path, OVERVIEW).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in PAGES.iterdir()}


def test_there_is_a_page_for_every_first_word_and_no_other():
    wanted = {page_of(command).name for command in commands()} | {"tokenry.1"}
    assert {path.name for path in PAGES.iterdir()} == wanted


def test_the_formatter_has_nothing_to_say_about_the_pages():
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, PAGES.iterdir())],
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "", done.stdout


def test_the_overview_lists_every_command():
    listed = show(PAGES / "tokenry.1").split("COMMANDS\n")[1].split("\nOPTIONS\n")[0]
    for command, summary in commands().items():
        assert re.search(rf"^ +{command}\s+{re.escape(summary[0].upper() + summary[1:])}\.$", listed,
                         re.MULTILINE), command


@pytest.mark.parametrize("command", commands())
def test_a_page_explains_its_command(command):
    text = show(page_of(command))
    assert re.search(rf"^ +tokenry-{command.split()[0]} - .*{re.escape(commands()[command])}", text,
                     re.MULTILINE)
    usage = re.search(r"^Usage: (.*)$", run("help", *command.split()), re.MULTILINE).group(1)
    assert usage in text.split("DESCRIPTION")[0]
    for section in ("SYNOPSIS", "DESCRIPTION", "COMMON OPTIONS", "EXIT STATUS", "SEE ALSO"):
        assert f"\n{section}\n" in text
    part = text
    if sum(page_of(other) == page_of(command) for other in commands()) > 1:  # a part of a page
        part = re.split(rf"^   tokenry {command}.*$", text, flags=re.MULTILINE)[1]
        part = re.split(r"^   tokenry ", part, flags=re.MULTILINE)[0]
        part += text.split("\nCOMMON OPTIONS\n")[1]
    for name, (value, help) in options(command).items():
        value = value.removesuffix("...")
        assert re.search(rf"^ +{name}{' ' + re.escape(value) if value else ''}( |$)", part,
                         re.MULTILINE), (command, name)
        beginning = " ".join(help.split()[1:6])
        assert beginning in " ".join(part.split()), (command, name)
