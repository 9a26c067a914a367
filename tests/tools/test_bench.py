# SPDX-License-Identifier: Apache-2.0
"""The table of `make bench`: what it calls reached, and that a missing figure is a failure."""

from test_run_tests import load

bench = load("bench")
ALL = {name: (target, "") for name, _, target, _, _ in bench.FIGURES}


def test_a_missing_figure_is_named_and_fails():
    rows = dict(ALL)
    del rows["creates_per_s"]
    lines, good = bench.table(rows)
    assert not good
    assert [line for line in lines if "durable creates" in line and "not measured" in line]


def test_below_the_floor_is_missed():
    _, good = bench.table({**ALL, "creates_per_s": (4999.0, "")})
    assert not good
    _, good = bench.table({**ALL, "verify_hot_ns": (201.0, "ns")})
    assert not good


def test_between_floor_and_target_is_said_and_passes():
    assert bench.judge(150, 130, 200, False)[0] == "above floor"
    assert bench.judge(7000, 10_000, 5_000, True)[0] == "above floor"


def test_reaching_the_target_exactly_is_reached():
    lines, good = bench.table(ALL)
    assert good and sum("reached" in line for line in lines) == len(bench.FIGURES)


def test_no_allocation_is_the_only_number_that_will_do():
    assert bench.judge(0, 0, 0, False)[0] == "reached"
    assert bench.judge(1, 0, 0, False)[0] == "MISSED"


def test_only_lines_of_figures_are_read():
    text = "hello\nverify_hot 121.5 ns\nfoo bar baz qux\nnginx_cpu_us x us\nplain 3\n"
    assert bench.parse(text) == {"verify_hot_ns": (121.5, "ns"), "plain": (3.0, "")}


def test_a_figure_of_fewer_tokens_is_not_taken_for_the_large_one():
    text = "verify_uniform_1000 90 ns\nmemory_all 300 bytes_a_token\n"
    rows = bench.parse(text, 1000)
    assert "verify_10m_ns" not in rows and "bytes_per_token_10m" not in rows
    rows = bench.parse("verify_uniform_10000000 400 ns\nmemory_all 170 bytes_a_token\n")
    assert (rows["verify_10m_ns"][0], rows["bytes_per_token_10m"][0]) == (400, 170)
