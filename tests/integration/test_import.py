# SPDX-License-Identifier: Apache-2.0
"""Moving here from the stores of the documents: their clients' tokens work unchanged, what was
revoked there is revoked here, and doing it again, or having been killed over it, does no harm."""

import csv
import datetime
import hashlib
import json
import os
import signal
import sqlite3
import subprocess

import pytest
from harness import TOKENRY, eventually, written_bytes
from postgres import Cluster, start_cluster

DONE, REFUSED, USAGE = 0, 1, 2


def token_of(number):
    return f"old-token-of-somebody-{number:06d}"


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def import_json(daemon, *arguments, status=DONE, **more):
    done = daemon.cli("import", "--json", *map(str, arguments), check=False, **more)
    assert done.returncode == status, done
    return json.loads(done.stdout)


def tokens_of(daemon):
    return json.loads(daemon.cli("list", "--all", "--inactive", "--json").stdout)["data"]


def write_csv(path, count, broken=()):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["token_hash", "user_id", "name", "is_active"])
        for number in range(count):
            value = "$2b$12$abcdefghijklmnopqrstuv" if number in broken else digest(token_of(number))
            writer.writerow([value, f"user{number // 2}", f"key {number}", number % 10 != 9])


@pytest.fixture(scope="module")
def cluster():
    one = start_cluster()
    yield one
    one.stop()


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, words", [
    (["old.json"], "--from is needed"),
    (["--from", "oracle"], "--from is env, json, sqlite, postgres or csv"),
    (["--from", "json", "--assume-timezone", "Mars/Olympus", "x"], "no time zone Mars/Olympus"),
    (["--from", "csv", "--map", "hash", "x"], "not of the form OLD=NEW"),
])
def test_a_wrong_command_line_is_refused(daemon, arguments, words):
    done = daemon.cli("import", *arguments, check=False)
    assert done.returncode == USAGE and words in done.stderr, done


def test_what_is_not_there_or_nothing_we_know_is_refused(daemon, tmp_path):
    (tmp_path / "old.csv").write_text("a,b\n1,2\n")
    for kind, path, words in [("csv", tmp_path / "none.csv", "No such file"),
                              ("csv", tmp_path / "old.csv", "--map COLUMN=digest"),
                              ("sqlite", tmp_path / "old.csv", "not a database"),
                              ("json", tmp_path / "old.csv", "it is not JSON")]:
        done = daemon.cli("import", "--from", kind, str(path), check=False)
        assert done.returncode != DONE and words in done.stderr, done


@pytest.mark.parametrize("where", [
    "postgres://reader:secret-password@127.0.0.1/old",
    "host=127.0.0.1 dbname=old password=secret-password",
])
def test_a_password_in_the_arguments_is_refused_and_not_repeated(daemon, where):
    done = daemon.cli("import", "--from", "postgres", where, check=False)
    assert done.returncode == REFUSED and "PGPASSWORD" in done.stderr
    assert "secret-password" not in done.stderr + done.stdout


def test_export_needs_a_scope_of_its_own(daemon):
    reader = daemon.create(scopes=["tokens:read", "tokens:write"])["token"]
    environment = dict(daemon.environment(), TOKENRY_URL=f"http://127.0.0.1:{daemon.port}",
                       TOKENRY_TOKEN=reader)
    done = subprocess.run([TOKENRY, "export"], env=environment, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == REFUSED and "tokens:export" in done.stderr


# --- bad rows ----------------------------------------------------------------------------------


def test_bad_rows_are_told_by_number_and_do_not_stop_the_rest(daemon, tmp_path):
    write_csv(tmp_path / "old.csv", 700, broken={3, 650})
    with open(tmp_path / "old.csv", "a", encoding="utf-8") as file:
        file.write(f"{digest('x' * 30)},\"nimda\u202e\",n,1\n{digest('y' * 30)},u,n,1,2\n")
    done = daemon.cli("import", "--from", "csv", "--report", str(tmp_path / "report"),
                      str(tmp_path / "old.csv"), check=False)
    assert done.returncode == REFUSED
    assert "698 made" in done.stdout and "4 bad" in done.stdout
    for words in ("row 5: token_hash: it is a bcrypt hash", "row 652: token_hash",
                  "row 702: user_id: has control or invisible characters",
                  "row 703: it has 5 fields, and the first line 4"):
        assert words in done.stderr, done.stderr
    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in (tmp_path / "report").read_text().splitlines()]
    assert [line["row"] for line in lines[:-1]] == [5, 652, 702, 703]
    assert lines[-1]["created"] == 698 and lines[-1]["complete"]
    assert daemon.auth(token_of(0)).status == 200
    assert daemon.auth(token_of(3)).status == 401


def test_what_the_authority_refuses_is_told_by_row_too(daemon, tmp_path):
    (tmp_path / "old.csv").write_text(
        "token_hash,user_id,plan\n" + f"{digest(token_of(0))},a,gold\n{digest(token_of(1))},a,pro\n")
    done = daemon.cli("import", "--from", "csv", str(tmp_path / "old.csv"), check=False)
    assert done.returncode == REFUSED and "row 2: tier: there is no such tier" in done.stderr
    summary = import_json(daemon, "--from", "csv", "--tier-map", "gold=enterprise",
                          tmp_path / "old.csv")
    assert (summary["created"], summary["exists"]) == (1, 1)


# --- each of the stores ------------------------------------------------------------------------


def test_a_token_list_in_the_environment(daemon, tmp_path):
    (tmp_path / ".env").write_text(
        f"DATABASE_URL=x\nAPI_TOKENS=admin:{token_of(1)},analyst:{token_of(2)},short\n"
        f"API_TOKEN={token_of(3)}\n")
    summary = import_json(daemon, "--from", "env", tmp_path / ".env", status=REFUSED)
    assert (summary["created"], summary["refused"]) == (3, 1)
    for number, user in [(1, "admin"), (2, "analyst"), (3, "shared")]:
        answer = daemon.auth(token_of(number))
        assert answer.status == 200 and answer.headers["x-auth-user"] == user
    for path in [*daemon.data.rglob("*"), daemon.log_path]:
        if path.is_file():
            assert token_of(1).encode() not in written_bytes(path), path


def test_a_token_list_in_our_own_environment(daemon):
    environment = dict(daemon.environment(), API_TOKENS=f"admin:{token_of(1)}")
    done = subprocess.run([TOKENRY, "import", "--from", "env", "--data", str(daemon.data)],
                          env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == DONE and "1 made" in done.stdout, done
    assert daemon.auth(token_of(1)).status == 200


def write_tokens_json(path, now):
    """As the token manager of document 000 does."""
    def entry(number, active=True, expires=90):
        return {"user_id": f"user{number}", "name": f"User {number}",
                "created_at": (now - datetime.timedelta(days=5)).isoformat(),
                "expires_at": (now + datetime.timedelta(days=expires)).isoformat(),
                "active": active, "last_used": now.isoformat() if number else None,
                "request_count": number}
    entries = {digest(token_of(0)): entry(0), digest(token_of(1)): entry(1, active=False),
               digest(token_of(2)): entry(2, expires=-1), digest(token_of(3)): entry(3)}
    path.write_text(json.dumps(entries, indent=2))


def test_tokens_json(daemon, tmp_path):
    now = datetime.datetime.now()
    write_tokens_json(tmp_path / "tokens.json", now)
    summary = import_json(daemon, "--from", "json", tmp_path / "tokens.json")
    assert summary["created"] == 4
    assert [daemon.auth(token_of(number)).status for number in range(4)] == [200, 401, 401, 200]
    by_user = {token["user_id"]: token for token in tokens_of(daemon)}
    assert by_user["user1"]["status"] == "revoked"
    assert by_user["user2"]["status"] == "expired"
    assert by_user["user3"]["request_count"] == 4  # three there, one here
    assert by_user["user3"]["source"] == "imported"


def test_times_without_zone_are_those_of_the_writer(daemon, tmp_path):
    (tmp_path / "tokens.json").write_text(json.dumps({
        digest(token_of(0)): {"user_id": "a", "name": "a", "active": True,
                              "created_at": "2025-07-01T12:00:00.000000"}}))
    import_json(daemon, "--from", "json", "--assume-timezone", "Europe/Berlin",
                tmp_path / "tokens.json")
    token = next(token for token in tokens_of(daemon) if token["user_id"] == "a")
    assert token["created_at"] == "2025-07-01T10:00:00Z"


def test_a_sqlite_table_while_the_old_service_runs(daemon, tmp_path):
    with sqlite3.connect(tmp_path / "old.db", isolation_level=None) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("CREATE TABLE tokens (id INTEGER PRIMARY KEY, token_hash TEXT UNIQUE NOT NULL,"
                    " user_id TEXT NOT NULL, name TEXT, created_at TIMESTAMP,"
                    " expires_at TIMESTAMP, is_active BOOLEAN DEFAULT 1)")
        old.executemany("INSERT INTO tokens VALUES (?, ?, ?, ?, datetime('now'),"
                        " datetime('now', '+30 days'), ?)",
                        [(number + 1, digest(token_of(number)), f"user{number}", None,
                          number != 1) for number in range(3)])
        old.execute("BEGIN IMMEDIATE")
        assert import_json(daemon, "--from", "sqlite", tmp_path / "old.db")["created"] == 3
        old.execute("COMMIT")
    assert [daemon.auth(token_of(number)).status for number in range(3)] == [200, 401, 200]


KEYS = """
CREATE TABLE {table} (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), key_hash varchar(64) NOT NULL UNIQUE,
    key_prefix varchar(20), user_id varchar(255), name varchar(255), tier varchar(50) DEFAULT 'free',
    is_active boolean DEFAULT true, expires_at timestamp, created_at timestamp DEFAULT now(),
    updated_at timestamp, last_used_at timestamp, request_count bigint DEFAULT 0,
    metadata jsonb DEFAULT '{{}}');
INSERT INTO {table} (key_hash, key_prefix, user_id, name, tier, is_active, expires_at, last_used_at,
    request_count, metadata) VALUES
    ('{a}', 'sk_live_ab12', 'user_123', 'Production', 'pro', true, '2099-01-02 03:04:05.678',
     '2026-01-01 00:00:00', 41, '{{"email": "user@example.com", "company": "Example"}}'),
    ('{b}', 'sk_test_cd34', 'user_456', 'Test', 'enterprise', true, NULL, NULL, 0, '{{}}'),
    ('{c}', 'sk_live_ef56', 'user_123', 'Old', 'free', false, NULL, NULL, 0, '{{}}'),
    ('not a hash', 'sk_live_gh78', 'user_123', 'Broken', 'free', true, NULL, NULL, 0, '{{}}')
"""


def keys_sql(table, first=0):
    hashes = [digest(token_of(first + number)) for number in range(3)]
    return KEYS.format(table=table, a=hashes[0], b=hashes[1], c=hashes[2])


def test_the_key_table_of_a_saas(daemon, cluster):
    where = cluster.database("saas", keys_sql("divv_api_keys"))
    summary = import_json(daemon, "--from", "postgres", where, status=REFUSED)
    assert (summary["created"], summary["refused"]) == (3, 1)
    assert summary["columns"]["updated_at"] is None and summary["columns"]["key_hash"] == "digest"
    answer = daemon.auth(token_of(0))
    assert answer.status == 200 and answer.headers["x-auth-tier"] == "pro"
    assert [daemon.auth(token_of(number)).status for number in (1, 2)] == [200, 401]
    by_name = {token["name"]: token for token in tokens_of(daemon)}
    assert by_name["Production"]["expires_at"] == "2099-01-02T03:04:05.678Z"
    assert by_name["Production"]["metadata"] == {"email": "user@example.com", "company": "Example"}
    assert by_name["Production"]["display_prefix"] == "sk_live_ab12"
    assert by_name["Production"]["request_count"] == 42
    assert by_name["Test"]["env"] == "test" and by_name["Test"]["expires_at"] is None


def test_of_two_key_tables_one_is_chosen(daemon, cluster):
    where = cluster.database("two", keys_sql("divv_api_keys") + ";" + keys_sql("api_keys", 10))
    done = daemon.cli("import", "--from", "postgres", where, check=False)
    assert done.returncode == REFUSED and "choose with --table" in done.stderr
    import_json(daemon, "--from", "postgres", "--table", "public.api_keys", where, status=REFUSED)
    assert [daemon.auth(token_of(number)).status for number in (0, 10)] == [401, 200]


def test_service_tokens(daemon, cluster):
    where = cluster.database("services", f"""
        CREATE TABLE service_tokens (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(), token_name VARCHAR(255) UNIQUE NOT NULL,
            token_hash VARCHAR(64) UNIQUE NOT NULL, token_metadata JSONB NOT NULL DEFAULT '{{}}',
            expires_at TIMESTAMP WITH TIME ZONE, is_active BOOLEAN NOT NULL DEFAULT TRUE,
            usage_count INTEGER NOT NULL DEFAULT 0, last_used TIMESTAMP WITH TIME ZONE,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW());
        INSERT INTO service_tokens (token_name, token_hash, token_metadata, expires_at, usage_count)
        VALUES ('ci-cd-token', '{digest(token_of(0))}',
            '{{"permissions": ["api_read", "system_status"]}}', '2099-01-01 12:00:00+09', 7)""")
    import_json(daemon, "--from", "postgres", where)
    assert daemon.auth(token_of(0), "?scope=system_status").status == 200
    token = next(token for token in tokens_of(daemon) if token["name"] == "ci-cd-token")
    assert token["kind"] == "service" and token["user_id"] == "ci-cd-token"
    assert token["scopes"] == ["api_read", "system_status"]
    assert token["expires_at"] == "2099-01-01T03:00:00Z"


def test_a_password_comes_from_the_environment(daemon, cluster):
    cluster.database("remote", keys_sql("divv_api_keys"))
    where = f"postgres://reader@127.0.0.1:{cluster.port}/remote"
    command = [TOKENRY, "import", "--json", "--from", "postgres", where, "--data", str(daemon.data)]
    environment = dict(daemon.environment(), PGPASSWORD=Cluster.PASSWORD)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["created"] == 3, done
    environment["PGPASSWORD"] = "wrong-password-0123"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != DONE and "wrong-password" not in done.stdout + done.stderr


def test_a_database_that_dies_in_the_middle_is_an_error(daemon, cluster):
    where = cluster.database("long", f"""CREATE TABLE tokens AS SELECT
        encode(sha256(('old-token-of-somebody-' || lpad(n::text, 6, '0'))::bytea), 'hex')
        AS token_hash, 'user' AS user_id FROM generate_series(0, 59999) n""")
    with subprocess.Popen([TOKENRY, "import", "--from", "postgres", where, "--data",
                           str(daemon.data)], env=daemon.environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as command:
        eventually(lambda: daemon.auth(token_of(0)).status == 200, 30)
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = 'long'", "postgres")
        out, err = command.communicate(timeout=60)
    if command.returncode != DONE:  # it may have read all by then: 60,000 rows are soon sent
        assert "PostgreSQL" in err and "run the same command again" in err, err
    assert import_json(daemon, "--from", "postgres", where)["rows"] == 60000
    assert daemon.auth(token_of(59999)).status == 200


# --- again -------------------------------------------------------------------------------------


def test_a_dry_run_tells_and_changes_nothing(daemon, tmp_path):
    write_csv(tmp_path / "old.csv", 20)
    before = tokens_of(daemon)
    done = daemon.cli("import", "--from", "csv", "--dry-run", str(tmp_path / "old.csv"))
    assert "20 would be made" in done.stdout
    assert "token_hash               digest" in done.stdout
    assert tokens_of(daemon) == before
    assert daemon.auth(token_of(0)).status == 401


def test_a_second_run_changes_nothing(daemon, tmp_path):
    write_csv(tmp_path / "old.csv", 30)
    import_json(daemon, "--from", "csv", tmp_path / "old.csv")
    before = tokens_of(daemon)
    summary = import_json(daemon, "--from", "csv", tmp_path / "old.csv")
    assert (summary["created"], summary["exists"], summary["revoked"]) == (0, 27, 3)
    assert tokens_of(daemon) == before


def test_what_was_revoked_here_is_not_brought_back(daemon, tmp_path):
    write_csv(tmp_path / "old.csv", 2)
    import_json(daemon, "--from", "csv", tmp_path / "old.csv")
    token = next(token for token in tokens_of(daemon) if token["name"] == "key 0")
    daemon.revoke(token["id"])
    assert import_json(daemon, "--from", "csv", tmp_path / "old.csv")["revoked"] == 1
    assert daemon.auth(token_of(0)).status == 401


def test_a_daemon_killed_in_the_middle_does_not_end_the_import(daemon, tmp_path):
    write_csv(tmp_path / "old.csv", 20000)
    with subprocess.Popen([TOKENRY, "import", "--json", "--from", "csv", str(tmp_path / "old.csv"),
                           "--data", str(daemon.data)], env=daemon.environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        eventually(lambda: daemon.auth(token_of(0)).status == 200, 30)
        daemon.kill()
        daemon.start()
        out, err = command.communicate(timeout=120)
    assert command.returncode == DONE, err
    summary = json.loads(out)
    assert summary["rows"] == 20000 and summary["refused"] == 0
    assert import_json(daemon, "--from", "csv", tmp_path / "old.csv")["created"] == 0
    for number in (0, 4242, 19998):
        assert daemon.auth(token_of(number)).status == 200
    assert daemon.auth(token_of(19999)).status == 401  # revoked there


def test_a_killed_import_is_gone_on_with(daemon, tmp_path):
    write_csv(tmp_path / "old.csv", 20000)
    command = [TOKENRY, "import", "--from", "csv", str(tmp_path / "old.csv"), "--data",
               str(daemon.data)]
    with subprocess.Popen(command, env=daemon.environment(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as first:
        eventually(lambda: daemon.auth(token_of(0)).status == 200, 30)
        first.send_signal(signal.SIGKILL)
    summary = import_json(daemon, "--from", "csv", tmp_path / "old.csv")
    assert summary["rows"] == 20000 and summary["refused"] == 0
    assert summary["exists"] > 0
    assert len(tokens_of(daemon)) == 20001


# --- export ------------------------------------------------------------------------------------


def test_an_export_is_imported_elsewhere(daemon, make_daemon, tmp_path):
    made = daemon.create(name="laptop", scopes=["a:b"], limits={"minute": 7, "day": "unlimited"},
                         allowed_ips=["127.0.0.0/8"], metadata={"deep": {"er": [1, 2.5]}},
                         tier="pro")
    gone = daemon.create(name="gone")
    daemon.revoke(gone["id"])
    write_csv(tmp_path / "old.csv", 1500)
    import_json(daemon, "--from", "csv", tmp_path / "old.csv")
    exported = daemon.cli("export").stdout
    assert made["token"] not in exported
    (tmp_path / "export.json").write_text(exported)
    other = make_daemon(name="other").init().start()
    summary = import_json(other, "--from", "json", tmp_path / "export.json")
    assert summary["created"] == len(tokens_of(daemon)) == 1503
    assert other.auth(made["token"], "?scope=a:b").status == 200
    assert other.auth(gone["token"]).status == 401
    assert other.auth(daemon.admin).status == 200
    token = next(token for token in tokens_of(other) if token["name"] == "laptop")
    for member in ("user_id", "kind", "env", "display_prefix", "tier", "scopes", "limits",
                   "allowed_ips", "metadata", "expires_at", "created_at"):
        assert token[member] == made[member], member
    assert import_json(daemon, "--from", "json", "-", stdin=exported)["created"] == 0


def test_the_importers_memory_does_not_grow_with_the_file(daemon, tmp_path):
    write_csv(tmp_path / "old.csv", 50000)
    usage = {}
    for rows in (1000, 50000):
        (tmp_path / "part.csv").write_text(
            "".join((tmp_path / "old.csv").read_text().splitlines(keepends=True)[:rows + 1]))
        command = subprocess.Popen([TOKENRY, "import", "--from", "csv", str(tmp_path / "part.csv"),
                                    "--data", str(daemon.data)], env=daemon.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, resources = os.wait4(command.pid, 0)
        command.returncode = os.waitstatus_to_exitcode(status)
        assert command.returncode == DONE
        usage[rows] = resources.ru_maxrss
    assert usage[50000] < usage[1000] + 4096, usage  # KiB
