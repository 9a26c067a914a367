# SPDX-License-Identifier: Apache-2.0
"""The checks of text and of sizes find what they are for, and nothing else."""

import pytest
from test_run_tests import load

check = load("check-text")
sizes = load("function-lengths")
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
PRIVATE = ["/home/jo/src/tokenry", "/home/jo"]


def found(text, path="src/a.c"):
    return [what for _, what in check.breaches(path, text, PRIVATE)]


@pytest.mark.parametrize("line, words", [
    ("open(\"/home/jo/src/tokenry/x\");", "names a folder of the machine"),
    ("see /home/jo/notes", "names a folder of the machine"),
    ("/* TO" "DO: later */", "marked as unfinished"),
    ("int a; ", "blanks or CR"),
    ("int a;\r", "blanks or CR"),
    ("\tint a;", "a tab"),
])
def test_each_breach_is_found(line, words):
    (what,) = found(SPDX + line + "\n")
    assert words in what


@pytest.mark.parametrize("line", ["/home/joanna/x", "x/home/jo", "a-/home/jox", "mastodon", "int a;"])
def test_what_only_looks_like_one_is_not(line):
    assert found(SPDX + line + "\n") == []


def test_source_without_a_licence_line_is_found():
    assert "SPDX" in found("int a;\n")[0]
    assert found("hello\n", "README.md") == []


def test_folders_that_everybody_has_are_not_searched_for():
    assert check.private_paths("/home/jo/src/tokenry", "/root") == ["/home/jo/src", "/home/jo/src/tokenry"]
    assert check.private_paths("/src/tokenry", "/root") == ["/src/tokenry"]


def test_functions_are_measured_brace_to_brace():
    text = "static int a(void)\n{\n    return 1;\n}\n\nstruct b {\n    int c;\n};\n"
    assert list(sizes.functions(text.splitlines())) == [(2, 3)]


def test_too_long_a_function_fails(tmp_path, capsys):
    path = tmp_path / "a.c"
    path.write_text("void a(void)\n{\n" + "    a();\n" * 69 + "}\n")
    assert sizes.main([str(path)]) == 1
    assert "71 lines" in capsys.readouterr().out
    path.write_text("void a(void)\n{\n" + "    a();\n" * 68 + "}\n")
    assert sizes.main([str(path)]) == 0
