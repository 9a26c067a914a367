# SPDX-License-Identifier: Apache-2.0
"""A private mount namespace, to give the daemon a small disk or a read-only one without
touching this machine's mounts. It lives as long as its holder, a process that waits."""

import os
import pathlib
import subprocess

import pytest


class Namespace:
    def __init__(self):
        flags = ["-m"] if os.getuid() == 0 else ["-r", "-m"]
        self.holder = subprocess.Popen(
            ["unshare", *flags, "--propagation", "private", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            reason = self.holder.stderr.read().decode().strip()
            self.close()
            pytest.skip(f"no private mount namespace here: {reason}")
        user = [] if os.getuid() == 0 else ["-U", "--preserve-credentials"]
        self.wrapper = ["nsenter", "-t", str(self.holder.pid), *user, "-m", "--"]

    def run(self, *command):
        done = subprocess.run([*self.wrapper, *command], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done
        return done.stdout

    def tmpfs(self, folder, size):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        self.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder))

    def fill(self, folder):
        """Writes until nothing more fits."""
        self.run("sh", "-c", 'dd if=/dev/zero of="$1/filler" bs=4096 status=none 2>/dev/null; '
                 'test -s "$1/filler"', "-", str(folder))

    def free(self, folder):
        self.run("rm", "-f", f"{folder}/filler")

    def close(self):
        if self.holder.stdin:
            self.holder.stdin.close()
        self.holder.wait(timeout=10)
