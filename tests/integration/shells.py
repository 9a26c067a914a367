# SPDX-License-Identifier: Apache-2.0
"""bash, zsh and fish that complete a command line without a person: each takes the script
that `tokenry completion SHELL` printed and answers `complete("tokenry tier ")` with what the
shell would offer, {word: text or ""}."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios

from harness import eventually

ENDED = "-- end --"


def clean_environment(folder, path):
    """No configuration of the person who runs the tests, and `path` as where programs are."""
    return {"HOME": str(folder), "PATH": path, "TERM": "dumb", "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "share")}


def pairs(lines):
    """{word: text} of lines with a tab between."""
    return dict((line.split("\t", 1) + [""])[:2] for line in lines if line)


class Bash:
    """Splits words at = as readline does. `listing`: as with the second TAB."""

    DRIVER = """
    source "$1"
    compopt() { :; } # readline has it; here nobody would see what it changes
    while IFS= read -r line; do
        COMP_TYPE=${line%% *} line=${line#* }
        words=${line//=/ = } COMP_LINE=$line COMP_POINT=${#line}
        read -ra COMP_WORDS <<<"$words"
        [[ $line != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COLUMNS=200
        _tokenry tokenry "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}" "$ENDED"
    done
    """

    def __init__(self, folder, script, path):
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", self.DRIVER, "bash", str(script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=folder, env={**clean_environment(folder, path), "ENDED": ENDED})

    def complete(self, line):
        found = {}
        for kind in (9, 63):  # TAB, and TAB again, which lists
            self.process.stdin.write(f"{kind} {line}\n")
            self.process.stdin.flush()
            while (answer := self.process.stdout.readline().rstrip("\n")) != ENDED:
                word, _, text = answer.partition("  (")
                if answer:
                    found[word.rstrip()] = text.removesuffix(")")
        return found

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


class Zsh:
    """The real completion system in a terminal: compadd, which every completion ends in, also
    writes down what it was given and matches."""

    SETUP = r"""
    unsetopt prompt_cr prompt_sp zle_bracketed_paste 2>/dev/null; PS1=
    fpath=($COMPLETIONS $fpath); autoload -Uz compinit; compinit -u -D
    compadd() {
        if (( ${@[(I)-[OAD]]} )); then builtin compadd "$@"; return; fi
        local -a matches texts plain; local at=${@[(I)-d]}
        if (( at )); then
            plain=("${(@)@[1,at-1]}" "${(@)@[at+2,-1]}"); texts=("${(@P)${@[at+1]}}")
        else
            plain=("$@")
        fi
        builtin compadd -A matches -D texts "${plain[@]}"
        for i in {1..$#matches}; do
            (( $#matches )) && print -r -- "${matches[i]}"$'\t'"${texts[i]##*-- }" >>$ANSWER
        done
        builtin compadd "$@"
    }
    answer() { compstate[insert]= compstate[list]=; _main_complete; print -r -- $ENDED >>$ANSWER }
    zle -C answer complete-word answer; bindkey '^I' answer
    print -r -- $ENDED >>$ANSWER
    """

    def __init__(self, folder, script, path):
        (folder / "functions").mkdir()
        (folder / "functions" / "_tokenry").write_text(script.read_text())
        (folder / "setup").write_text(self.SETUP)
        self.answer, self.read_to = folder / "answer", 0
        self.answer.touch()
        self.terminal, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 500, 500, 0, 0))  # texts whole
        environment = {**clean_environment(folder, path), "ANSWER": str(self.answer),
                       "COMPLETIONS": str(folder / "functions"), "ENDED": ENDED}
        self.process = subprocess.Popen(["zsh", "-f", "-i"], stdin=side, stdout=side, stderr=side,
                                        cwd=folder, env=environment, start_new_session=True)
        os.close(side)
        self.send(f"source {folder / 'setup'}\n")
        self.read()

    def send(self, text):
        os.write(self.terminal, text.encode())

    def read(self):
        def whole():
            with contextlib.suppress(BlockingIOError):  # what it shows is not looked at
                os.set_blocking(self.terminal, False)
                while os.read(self.terminal, 65536):
                    pass
            text = self.answer.read_text()[self.read_to:]
            return text if text.endswith(ENDED + "\n") else None
        text = eventually(whole, 30, "an answer of zsh")
        self.read_to += len(text)
        return pairs(line for line in text.splitlines() if line != ENDED)

    def complete(self, line):
        self.send(f"\x15{line}\t")  # ^U forgets the line before
        return self.read()

    def close(self):
        self.process.kill()
        self.process.wait(timeout=10)
        os.close(self.terminal)


class Fish:
    DRIVER = """
    source $argv[1]
    while read -l line
        complete -C $line
        echo $argv[2]
    end
    """

    def __init__(self, folder, script, path):
        self.process = subprocess.Popen(
            ["fish", "--no-config", "-c", self.DRIVER, str(script), ENDED], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
            env=clean_environment(folder, path))

    def complete(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        lines = []
        while (answer := self.process.stdout.readline().rstrip("\n")) != ENDED:
            lines.append(answer)
        return pairs(lines)

    close = Bash.close


SHELLS = {"bash": Bash, "zsh": Zsh, "fish": Fish}
