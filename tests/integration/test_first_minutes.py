# SPDX-License-Identifier: Apache-2.0
"""What a newcomer types, word for word: the commands that `make run` prints, and the path
through README.md. They run in a network namespace of their own when that is possible, so
that the ports that are written there are free."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

import harness
import pytest
from harness import ROOT, eventually

BUILD = harness.BUILD


def namespace_prefix():
    """A command before the command: the loopback of a namespace where no port is in use."""
    flags = ["-n"] if os.getuid() == 0 else ["-r", "-n"]
    up = subprocess.run(["unshare", *flags, "ip", "link", "set", "lo", "up"], capture_output=True)
    if up.returncode != 0:
        pytest.skip(f"no private network namespace here: {up.stderr.decode().strip()}")
    return ["unshare", *flags, "sh", "-c", 'ip link set lo up && exec "$@"', "-"]


@pytest.fixture
def checkout(tmp_path):
    """A folder that looks like the checkout, without its ./data and already built."""
    folder = tmp_path / "tokenry"
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name not in ("data", ".git") and not path.name.startswith("build"):
            (folder / path.name).symlink_to(path)
    (folder / "build").symlink_to(BUILD)
    yield folder
    runtime = folder / "data" / "runtime"  # the daemon's link to its segment, on a tmpfs
    if runtime.is_symlink() and runtime.resolve().name.startswith("tokenry-"):
        shutil.rmtree(runtime.resolve(), ignore_errors=True)


class Shell:
    """One bash that is fed commands, as somebody types them; several may share a namespace."""

    def __init__(self, prefix, folder):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("TOKENRY_", "MAKE", "MFLAGS"))}
        self.process = subprocess.Popen([*prefix, "bash", "--norc"], cwd=folder, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=environment,
                                        start_new_session=True)

    def run(self, command):
        """Output of one command, which may have several lines."""
        mark = "-- end of command --"
        self.process.stdin.write(f"{command}\necho; echo '{mark}'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.rstrip("\n") == mark:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended after {command!r}: {''.join(lines)}")

    def close(self):
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Terminal:
    """A command in the foreground of a terminal of its own, ended by Ctrl-C."""

    def __init__(self, prefix, folder, command):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("TOKENRY_", "MAKE", "MFLAGS"))}
        self.path = pathlib.Path(folder) / f"terminal-{abs(hash(command))}.txt"
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen([*prefix, "bash", "-c", command], cwd=folder,
                                            stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, env=environment,
                                            start_new_session=True,
                                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def text(self):
        return self.path.read_text(errors="replace")

    def wait_for(self, words, seconds=60):
        def there():
            if words in self.text():
                return True
            assert self.process.poll() is None, self.text()
            return False
        eventually(there, seconds, lambda: f"{words!r} in {self.text()}")

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise


def indented(text):
    """The commands that `make run` prints: blocks that are set in by four blanks."""
    blocks = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]


def test_what_make_run_prints_works_word_for_word(checkout):
    prefix = namespace_prefix()
    with shared_namespace(prefix) as enter:
        run = Terminal(enter, checkout, "make run")
        try:
            run.wait_for("Ctrl-C stops it.", 300)
            run.wait_for("send the admin token instead", 10)
            shell = Shell(enter, checkout)
            output = "".join(shell.run(block) for block in indented(run.text()))
            assert "HTTP/1.1 200" in output, output
            assert "X-Auth-User: alice" in output, output
            shell.close()
            second = Terminal(enter, checkout, "make run DATA=other")
            second.wait_for_end = second.process.wait(timeout=120)
            assert second.wait_for_end != 0
            assert "Port 8080 on 127.0.0.1 is in use" in second.text()
        finally:
            run.interrupt()
        assert run.text().count("sk_live_") == 1, "the admin token is printed once"
        again = Terminal(enter, checkout, "make run PORT=8090")
        try:
            again.wait_for("http://127.0.0.1:8090", 300)
            again.wait_for("Ctrl-C stops it.", 60)
            assert "sk_live_" not in again.text()
        finally:
            again.interrupt()


@contextlib.contextmanager
def shared_namespace(prefix):
    """Several terminals in one namespace, which lives as long as its holder."""
    holder = subprocess.Popen([*prefix, "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"ready\n"
    user = [] if os.getuid() == 0 else ["-U", "--preserve-credentials"]
    try:
        yield ["nsenter", "-t", str(holder.pid), *user, "-n", "--"]
    finally:
        holder.stdin.close()
        holder.wait(timeout=10)


def readme_blocks():
    """[(terminal, commands)]: every ```sh block of README.md's first two sections, in order."""
    text = (ROOT / "README.md").read_text()
    part = text.split("<!-- tested: begin -->")[1].split("<!-- tested: end -->")[0]
    return re.findall(r"^```sh\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def expectation(command):
    """The `# 200` at the end of a command, if there is one."""
    match = re.search(r"#\s*(\d{3})\s*$", command)
    return match.group(1) if match else None


def commands(block):
    """Splits a block into commands: a line that ends in a backslash goes on."""
    return [command for command in re.findall(r"(?:.*\\\n)*.+\n", block) if command.strip()]


def test_the_path_through_the_readme_works_word_for_word(checkout):
    prefix = namespace_prefix()
    terminals, checked = [], 0
    with shared_namespace(prefix) as enter:
        shell = Shell(enter, checkout)
        try:
            for block in readme_blocks():
                if block.strip() in ("make run", "examples/nginx/run"):
                    terminals.append(Terminal(enter, checkout, block.strip()))
                    ready = "Ctrl-C stops it." if "make" in block else "nginx: http://"
                    terminals[-1].wait_for(ready, 300)
                    continue
                for command in commands(block):
                    output = shell.run(command)
                    expected = expectation(command)
                    if expected is not None:
                        assert re.search(rf"\b{expected}\b", output), (command, output)
                        checked += 1
        finally:
            shell.close()
            for terminal in reversed(terminals):
                terminal.interrupt()
    assert len(terminals) == 2 and checked >= 5


def test_make_help_lists_every_target():
    done = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True)
    for target in ("run", "test", "lint", "sanitize", "fuzz", "bench", "install", "clean"):
        assert f"make {target} " in done.stdout


def test_make_install_puts_things_below_destdir(tmp_path):
    if not (BUILD / "build.ninja").exists():
        pytest.fail(f"{BUILD} is not configured")
    done = subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir",
                           str(tmp_path / "root")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = {path.name for path in (tmp_path / "root").rglob("*") if path.is_file()}
    assert "tokenry" in installed
    (binary,) = [path for path in (tmp_path / "root").rglob("bin/tokenry")
                 if path.is_file() and os.access(path, os.X_OK)]
    (share,) = (tmp_path / "root").rglob("share")
    for page in ("man1/tokenry.1", "man1/tokenry-create.1", "man5/tokenry.conf.5"):
        assert (share / "man" / page).read_text().startswith(".\\\" SPDX")
    for shell, place in (("bash", "bash-completion/completions/tokenry"),
                         ("zsh", "zsh/site-functions/_tokenry"),
                         ("fish", "fish/vendor_completions.d/tokenry.fish")):
        printed = subprocess.run([str(binary), "completion", shell], capture_output=True, text=True)
        assert (share / place).read_text() == printed.stdout != ""
    version = subprocess.run([str(binary), "--version"], capture_output=True, text=True)
    assert version.returncode == 0 and re.search(r"\d+\.\d+\.\d+", version.stdout)
