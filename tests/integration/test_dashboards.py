# SPDX-License-Identifier: Apache-2.0
"""The shipped alert rules and dashboard: promtool accepts them, each alert fires and rests as it
should, and what they name is what a running daemon has."""

import itertools
import json
import re
import shutil
import subprocess

import pytest
import yaml
from harness import ROOT

RULES = ROOT / "packaging" / "prometheus" / "tokenry.rules.yml"
SCRAPE = ROOT / "packaging" / "prometheus" / "tokenry.scrape.yml"
CASES = ROOT / "tests" / "integration" / "prometheus" / "tokenry_test.yml"
DASHBOARD = ROOT / "packaging" / "grafana" / "tokenry.json"
OPERATIONS = ROOT / "docs" / "operations.md"
# Of Prometheus and not of a metric, and the label that it renames because it has one itself.
PROMETHEUS = {"job", "instance", "exported_job", "le"}


def alerts():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels():
    return json.loads(DASHBOARD.read_text())["panels"]


def expressions():
    """(where, PromQL) of everything shipped, with Grafana's variables filled in."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            text = target["expr"].replace("$__rate_interval", "5m")
            yield panel["title"], text.replace("$job", "tokenry").replace("$instance", ".*")


@pytest.fixture(scope="module")
def promtool():
    if shutil.which("promtool") is None:
        pytest.skip("promtool (Debian's package prometheus) is not installed")

    def run(*arguments):
        return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True,
                              timeout=60)
    return run


@pytest.fixture(scope="module")
def served(shared):
    """{metric: {label: values}} of a daemon that was used."""
    shared.auth(shared.create(name="seen")["token"])
    found = {}
    for name in shared.metrics():
        metric, _, labels = name.partition("{")
        values = found.setdefault(metric, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            values.setdefault(label, set()).add(value)
    return found


# --- rules ---

def test_promtool_accepts_the_rules(promtool):
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0 and f"{len(alerts())} rules found" in done.stdout, done


def test_promtool_accepts_the_configuration_of_the_scrape(promtool, tmp_path):
    (tmp_path / "tokenry.rules.yml").write_text(RULES.read_text())
    (tmp_path / "token").write_text("x")
    (tmp_path / "prometheus.yml").write_text(SCRAPE.read_text().replace(
        "/etc/prometheus/tokenry.token", str(tmp_path / "token")))
    done = promtool("check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done


def test_each_alert_fires_and_rests(promtool):
    done = promtool("test", "rules", CASES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_without_a_case_of_both_kinds():
    fires, rests = set(), set()
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for row in case["alert_rule_test"]:
            (fires if row["exp_alerts"] else rests).add(row["alertname"])
    names = {rule["alert"] for rule in alerts()}
    assert fires == rests == names


def test_each_alert_says_how_bad_it_is_and_what_to_do():
    headings = {re.sub(r"[^\w -]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
                for line in OPERATIONS.read_text().splitlines() if line.startswith("#")}
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page == "docs/operations.md" and anchor == rule["alert"].lower()
        assert anchor in headings, f"{rule['alert']} has no section in {page}"


# --- names ---

@pytest.mark.parametrize("where,expression", list(expressions()))
def test_what_it_names_is_there(served, where, expression):
    histograms = {name.removesuffix("_bucket") for name in served if name.endswith("_bucket")}
    for metric, labels in re.findall(r"\b(tokenry_\w+)(?:\{([^}]*)\})?", expression):
        base = re.sub(r"_(bucket|sum|count)$", "", metric)
        assert metric in served or base in histograms, f"{where}: no metric {metric}"
        for label, how, value in re.findall(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"', labels):
            if label in PROMETHEUS:
                continue
            known = served[metric].get(label, set())
            wanted = value.split("|") if how in ("=~", "!~") else [value]
            assert set(wanted) <= known, f"{where}: {metric} has no {label} {wanted}"


@pytest.mark.parametrize("where,expression", list(expressions()))
def test_labels_that_are_grouped_by_are_there(served, where, expression):
    for labels, inner in re.findall(r"by \(([^)]*)\) \((?:rate|increase)?\(?(tokenry_\w+)",
                                    expression):
        for label in map(str.strip, labels.split(",")):
            assert label in PROMETHEUS or label in served[inner], f"{where}: {inner} by {label}"


# --- the dashboard ---

def test_promtool_accepts_the_queries_of_the_dashboard(promtool, tmp_path):
    rules = [{"record": f"query:{number}", "expr": expression}
             for number, (_, expression) in enumerate(expressions())]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done


def test_the_dashboard_is_whole():
    rows = panels()
    assert len({panel["id"] for panel in rows}) == len(rows)
    for panel in rows:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    for one, other in itertools.combinations(rows, 2):
        a, b = one["gridPos"], other["gridPos"]
        apart = (a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
                 or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"])
        assert apart, (one["title"], other["title"])


def test_everything_that_the_daemon_counts_is_shown_or_said_why_not(served):
    """A new metric is put on the dashboard, or here."""
    elsewhere = {"tokenry_shared_token_uses_total",  # a phase of a migration
                 "tokenry_segment_generation", "tokenry_segment_tokens", "tokenry_segment_users",
                 "tokenry_segment_usage_lines", "tokenry_http_connections_total",
                 "tokenry_clock_behind_seconds", "tokenry_job_hanging",  # alerts
                 "tokenry_job_last_run_timestamp_seconds",
                 "tokenry_job_next_run_timestamp_seconds"}
    shown = set(re.findall(r"\btokenry_\w+", DASHBOARD.read_text()))
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in served}
    assert names - bases - elsewhere == set()
