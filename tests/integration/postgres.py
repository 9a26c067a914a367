# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL cluster of a test's own: in a folder that is removed afterwards, on a Unix
socket and a free port of the loopback, by an unprivileged user (the server refuses root)."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest
from harness import eventually, free_port


def binaries():
    """Debian keeps the server's programs out of $PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Cluster:
    """`database` over the socket needs no password; over TCP `reader` has one."""

    PASSWORD = "reader-password-0123456789"

    def __init__(self):
        self.programs = binaries()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tokenry-postgres-"))
        self.port = free_port()
        self.identity = {}
        self.process = None
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            self.identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.folder.chmod(0o755)

    def run(self, *command, **more):
        return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                              text=True, cwd=self.folder, timeout=120, **self.identity, **more)

    def start(self):
        data = self.folder / "data"
        self.run(self.programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8",
                 "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--locale=C.UTF-8")
        command = [str(self.programs / "postgres"), "-D", str(data), "-k", str(self.folder),
                   "-h", "127.0.0.1", "-p", str(self.port), "-F", "-c", "timezone=Asia/Tokyo",
                   "-c", "datestyle=SQL, DMY"]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.folder, **self.identity)
        eventually(self.answers, 60, lambda: (self.folder / "log").read_text())
        self.sql(f"CREATE ROLE reader LOGIN PASSWORD '{self.PASSWORD}'", "postgres")
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        done = subprocess.run([str(self.programs / "pg_isready"), "-q", "-h", str(self.folder),
                               "-p", str(self.port)], check=False)
        return done.returncode == 0

    def sql(self, text, database):
        return self.run(self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                        "-h", self.folder, "-p", self.port, "-U", "postgres", "-d", database,
                        "-c", text).stdout

    def database(self, name, sql):
        """Makes one that `reader` may read; its connection string."""
        self.sql(f"CREATE DATABASE {name}", "postgres")
        self.sql(sql + "; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", name)
        return f"host={self.folder} port={self.port} user=postgres dbname={name}"

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast"
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_cluster():
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed (tools/packages test)")
    cluster = Cluster()
    try:
        return cluster.start()
    except BaseException:
        cluster.stop()
        raise
