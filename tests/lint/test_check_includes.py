#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check-includes must find what it is for: each case is a tree of one file."""

import pathlib
import subprocess
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check-includes"

REFUSED = [
    ("src/base/a.c", '"crypto/digest.h"'),
    ("src/base/a.c", '"tests/x.h"'),
    ("src/token/a.c", '"policy/cidr.h"'),
    ("src/segment/a.c", '"engine/verify.h"'),
    ("src/engine/a.c", '"store/sqlite/store_sqlite.h"'),
    ("src/engine/a.c", '"api/api.h"'),
    ("src/http/a.c", '"token/token_text.h"'),
    ("src/api/a.c", '"daemon/config.h"'),
    ("src/api/a.c", '"limiter/local/limiter_local.h"'),
    ("src/daemon/main.c", '"store/sqlite/store_sqlite.h"'),
    ("src/cli/a.c", '"limiter/local/limiter_local.h"'),
    ("src/store/sqlite/a.c", '"engine/verify.h"'),
    ("src/store/sqlite/a.c", '"limiter/local/limiter_local.h"'),
    ("src/limiter/local/a.c", '"engine/lifecycle.h"'),
    ("src/jobs/a.c", '"http/server.h"'),
    ("src/base/a.h", '"log.h"'),
    ("src/base/a.c", '"../crypto/digest.h"'),
    ("src/token/a.c", "<openssl/evp.h>"),
    ("src/daemon/a.c", "<sodium.h>"),
    ("src/api/a.c", "<microhttpd.h>"),
    ("src/engine/a.c", "<sqlite3.h>"),
    ("src/daemon/a.c", "<sqlite3.h>"),
    ("src/engine/a.c", "<jansson.h>"),
    ("src/store/sqlite/a.c", "<jansson.h>"),
    ("src/simulate/a.c", '"limiter/local/limiter_local.h"'),
    ("src/simulate/a.c", '"engine/lifecycle.h"'),
    ("src/nowhere/a.c", '"base/log.h"'),
    ("include/tokenry/a.h", '"base/check.h"'),
    ("include/tokenry/a.h", "<unistd.h>"),
]

ALLOWED = [
    ("src/base/a.c", '"base/log.h"'),
    ("src/base/a.c", '"tokenry/error.h"'),
    ("src/segment/a.c", '"token/token_text.h"'),
    ("src/store/sqlite/a.c", '"engine/store_port.h"'),
    ("src/store/sqlite/a.c", '"engine/model.h"'),
    ("src/store/sqlite/a.c", '"store/migrations/migrations.h"'),
    ("src/store/sqlite/a.c", "<sqlite3.h>"),
    ("src/limiter/local/a.c", '"segment/segment.h"'),
    ("src/daemon/wire.c", '"store/sqlite/store_sqlite.h"'),
    ("src/daemon/wire.c", '"limiter/local/limiter_local.h"'),
    ("src/cli/a.c", '"daemon/daemon.h"'),
    ("src/crypto/a.c", "<openssl/evp.h>"),
    ("src/http/a.c", "<microhttpd.h>"),
    ("src/api/a.c", "<jansson.h>"),
    ("include/tokenry/a.h", '"tokenry/export.h"'),
    ("include/tokenry/a.h", "<stdint.h>"),
]


def run(path, line):
    with tempfile.TemporaryDirectory() as root:
        if path:
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True)
            file.write_text(f"/* one */\n  #  include {line}\n")
        result = subprocess.run([str(TOOL), root], capture_output=True, text=True, timeout=30)
        return result.returncode, result.stdout + result.stderr


class CheckIncludes(unittest.TestCase):
    def test_a_forbidden_include_is_named_with_its_line(self):
        for path, line in REFUSED:
            with self.subTest(path=path, line=line):
                status, output = run(path, line)
                self.assertEqual(status, 1, output)
                expected = 1 if "nowhere" in path else 2
                self.assertIn(f"{path}:{expected}: ", output)

    def test_an_allowed_include_passes(self):
        for path, line in ALLOWED:
            with self.subTest(path=path, line=line):
                status, output = run(path, line)
                self.assertEqual(status, 0, output)

    def test_a_tree_without_sources_does_not_pass(self):
        status, output = run(None, None)
        self.assertEqual(status, 1, output)


if __name__ == "__main__":
    unittest.main()
