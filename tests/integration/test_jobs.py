# SPDX-License-Identifier: Apache-2.0
"""What the authority does by itself: with a real daemon, killed and stopped."""

import json
import sqlite3

from harness import bearer, eventually

DONE, REFUSED, USAGE = 0, 1, 2
JOBS = "/api/v1/system/jobs"


def jobs(daemon):
    answer = daemon.request("GET", JOBS, bearer(daemon.admin))
    assert answer.status == 200, answer
    return {job["name"]: job for job in answer.json["data"]}


def query(daemon, *statements):
    with sqlite3.connect(daemon.data / "tokenry.db") as database:
        rows = [database.execute(statement).fetchall() for statement in statements]
    database.close()
    return rows[-1]


def ran(daemon, name, runs=1):
    return eventually(lambda: jobs(daemon)[name]["runs"] >= runs and jobs(daemon)[name],
                      what=lambda: f"run {runs} of {name}: {jobs(daemon)[name]}")


def test_cleanup_runs_at_the_start_and_deletes_what_ended(make_daemon):
    daemon = make_daemon({"cleanup.after_days": 1}).init().start()
    ended = daemon.create(name="ended")["id"]
    daemon.create(name="goes on")
    daemon.stop()
    query(daemon, f"UPDATE tokens SET expires_at = 1000 WHERE id = '{ended}'",
          "UPDATE jobs SET due_at = due_at - 7200000")
    daemon.start()
    job = ran(daemon, "cleanup", 2)
    assert job["last_outcome"] == "done" and job["last_count"] == 1, job
    assert job["state"] == "idle" and job["next_run_at"] > job["last_run_at"], job
    assert daemon.manage("GET", f"/api/v1/auth/tokens/{ended}").status == 404
    status = daemon.manage("GET", "/api/v1/system/status").json["jobs"]
    assert {"cleanup"} <= {one["name"] for one in status}
    assert 'tokenry_job_runs_total{job="cleanup"} 2' in daemon.get(
        "/metrics", bearer(daemon.admin)).body.decode()


def test_a_job_that_is_off_says_what_turns_it_on(daemon):
    assert jobs(daemon)["cleanup"]["state"] == "off"
    done = daemon.cli("job", "run", "cleanup", check=False)
    assert done.returncode == REFUSED and "cleanup.after_days" in done.stderr, done
    done = daemon.cli("job", "run", "clenup", check=False)
    assert done.returncode == REFUSED and "no job of this name" in done.stderr, done


def test_the_command_waits_for_the_run_and_the_event_says_who_asked(make_daemon):
    daemon = make_daemon({"cleanup.after_days": 1}).init().start()
    ran(daemon, "cleanup")
    done = daemon.run_job("cleanup")
    assert done.stdout == "cleanup: done: 0 tokens cleaned away\n", done
    assert "cleanup" in daemon.cli("job", "list").stdout
    told = json.loads(daemon.run_job("cleanup", "--json").stdout)
    assert told["last_outcome"] == "done" and told["runs"] == 3, told
    events = daemon.manage("GET", "/api/v1/audit/events?type=job.run").json["data"]
    assert len(events) == 2 and events[0]["details"] == {"job": "cleanup"}, events
    assert events[0]["actor_user"], events
    daemon.stop()  # and without a daemon in this process
    told = json.loads(daemon.run_job("cleanup", "--json").stdout)
    assert told["last_outcome"] == "done" and told["runs"] == 4, told
    assert daemon.cli("job", "run", check=False).returncode == USAGE


def test_a_missed_run_is_caught_up_once_and_a_dead_lease_runs_out(make_daemon):
    daemon = make_daemon({"cleanup.after_days": 1}).init().start()
    ran(daemon, "cleanup")
    daemon.kill()
    # It was killed within a run, a long time ago.
    query(daemon, "UPDATE jobs SET due_at = due_at - 360000000, lease_until = due_at,"
                  " holder = 'dead' WHERE name = 'cleanup'")
    daemon.start()
    job = ran(daemon, "cleanup", 3)
    assert job["runs"] == 3 and job["failures"] == 1 and job["last_outcome"] == "done", job
    assert "job_interrupted" in daemon.log()
    # One that may still be at it is left alone.
    daemon.kill()
    query(daemon, "UPDATE jobs SET due_at = 1000, holder = 'alive',"
                  " lease_until = 1000 * unixepoch() + 55000 WHERE name = 'cleanup'")
    daemon.start()
    assert jobs(daemon)["cleanup"]["runs"] == 3
    assert daemon.stop() == 0
    assert query(daemon, "SELECT runs, holder FROM jobs WHERE name = 'cleanup'") == [(3, "alive")]
