# SPDX-License-Identifier: Apache-2.0
"""The counter of tests is itself tested: what it prints is what people believe."""

import importlib.machinery
import importlib.util
import json
import pathlib
import stat
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(name):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "tools" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


runner = load("run-tests")
Count = runner.Count

TWO_GOOD = """[==========] Running 2 test(s).
[ RUN      ] test_a
[       OK ] test_a
[ RUN      ] test_b
[       OK ] test_b
[==========] 2 test(s) run.
"""
CRASHED = """[==========] Running 3 test(s).
[ RUN      ] test_a
[       OK ] test_a
[ RUN      ] test_b
"""


def test_a_case_that_began_and_never_ended_has_failed():
    assert runner.count_cmocka(CRASHED, False) == Count(1, 1, 0)


def test_an_error_after_the_last_case_is_a_failure():
    assert runner.count_cmocka(TWO_GOOD, False) == Count(2, 1, 0)


def test_an_executable_without_a_case_is_a_failure():
    assert runner.count_cmocka("[==========] Running 0 test(s).\n", True) == Count(0, 1, 0)


def test_each_outcome_is_counted_once_over_several_groups():
    text = TWO_GOOD + """[==========] Running 2 test(s).
[ RUN      ] test_c
[  FAILED  ] test_c
[ RUN      ] test_d
[  SKIPPED ] test_d
[==========] 2 test(s) run.
"""
    assert runner.count_cmocka(text, False) == Count(2, 1, 1)


def test_a_result_glued_to_output_of_the_test_is_counted():
    text = TWO_GOOD.replace("[       OK ] test_b", "noise[       OK ] test_b")
    assert runner.count_cmocka(text, True) == Count(2, 0, 0)


@pytest.mark.parametrize("result, expected", [
    ("OK", Count(1, 0, 0)),
    ("FAIL", Count(0, 1, 0)),
    ("TIMEOUT", Count(0, 1, 0)),
    ("ERROR", Count(0, 1, 0)),
    ("UNEXPECTEDPASS", Count(0, 1, 0)),
    ("SKIP", Count(0, 0, 1)),
])
def test_a_program_that_is_not_cmocka_counts_as_one(result, expected):
    assert runner.count_meson_entry({"result": result, "stdout": "hello\n"}) == expected


def test_suites_are_told_apart():
    rows = [{"name": "tokenry:unit / unit/base/text", "result": "OK", "stdout": TWO_GOOD},
            {"name": "tokenry:unit / unit/base/log", "result": "TIMEOUT", "stdout": CRASHED},
            {"name": "tokenry:lint / includes", "result": "OK", "stdout": ""}]
    counts = runner.count_meson(json.dumps(row) for row in rows)
    assert counts == {"unit": Count(3, 1, 0), "lint": Count(1, 0, 0)}


def test_junit_failures_errors_and_skips_are_counted():
    text = """<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>
    <testcase name="c"><error/></testcase><testcase name="d"><skipped/></testcase>
    </testsuite></testsuites>"""
    assert runner.count_junit(text) == Count(1, 2, 1)


def test_a_runner_that_ran_nothing_is_a_failure(capsys):
    assert runner.with_status(Count(0, 0, 0), 0, "x") == Count(0, 1, 0)
    assert "no test was run" in capsys.readouterr().out


def test_a_failing_runner_with_passing_tests_is_a_failure():
    assert runner.with_status(Count(3, 0, 0), 2, "x") == Count(3, 1, 0)


def test_skips_are_named_only_when_there_are_some():
    assert runner.closing_line(Count(3, 0, 0)) == "3 passed, 0 failed"
    assert runner.closing_line(Count(3, 1, 2)) == "3 passed, 1 failed, 2 skipped"


def fake_meson(folder, rows, status, seconds=0):
    """A `meson` that writes the given testlog.json."""
    build = folder / "build"
    (build / "meson-logs").mkdir(parents=True)
    program = folder / "meson"
    text = "".join(json.dumps(row) + "\n" for row in rows)
    program.write_text("#!/usr/bin/python3\nimport sys, time\n"
                       f"open({str(build / 'meson-logs' / 'testlog.json')!r}, 'w').write({text!r})\n"
                       f"time.sleep({seconds})\n"
                       f"sys.exit({status})\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return build


def run_whole(folder, build, *arguments):
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run([str(ROOT / "tools" / "run-tests"), "--build", str(build), *arguments],
                          env=environment, capture_output=True, text=True, timeout=60)


GOOD_ROW = {"name": "tokenry:unit / unit/a", "result": "OK", "stdout": TWO_GOOD}


def test_the_last_line_is_the_sum_of_meson_and_pytest(tmp_path):
    build = fake_meson(tmp_path, [GOOD_ROW], 0)
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "test_x.py").write_text("def test_x():\n    assert 1 + 1 == 2\n")
    done = run_whole(tmp_path, build, "--expect", "unit", str(suite))
    assert done.stdout.splitlines()[-1] == "3 passed, 0 failed"
    assert done.returncode == 0


def test_a_missing_suite_fails_the_run(tmp_path):
    build = fake_meson(tmp_path, [GOOD_ROW], 0)
    done = run_whole(tmp_path, build, "--expect", "unit,scenario")
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed"
    assert done.returncode == 1


def test_a_runner_that_hangs_is_stopped_and_fails(tmp_path):
    build = fake_meson(tmp_path, [GOOD_ROW], 0, seconds=50)
    done = run_whole(tmp_path, build, "--timeout", "1")
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed"
    assert done.returncode == 1


def test_an_empty_pytest_folder_fails_the_run(tmp_path):
    build = fake_meson(tmp_path, [GOOD_ROW], 0)
    (tmp_path / "empty").mkdir()
    done = run_whole(tmp_path, build, str(tmp_path / "empty"))
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed"
    assert done.returncode == 1
