#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2120 # it is sourced, never run: others use what is set here
#
# What the `run` scripts of these examples share: an authority in a folder of its own, with
# the example's configuration, on a free port of loopback; questions to it with curl; and
# checks, of which the first that fails ends the script with status 1. Tokens go through files
# that only we can read, never through arguments, which everybody sees with ps.
#
# The program is $TOKENRY_BIN, else `tokenry` on $PATH, else the one built in this checkout.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tokenry=${TOKENRY_BIN:-$(command -v tokenry || echo "$here/../../build/src/cli/tokenry")}
[ -x "$tokenry" ] || {
    echo "run: $tokenry is missing: make build, or TOKENRY_BIN=/path/to/tokenry" >&2
    exit 1
}
for needed in curl openssl python3; do
    command -v "$needed" >/dev/null || {
        echo "run: $needed is missing: apt-get install $needed" >&2
        exit 1
    }
done
# Debian's own, where there is one: a wrapper of some version manager takes a second each time.
[ ! -x /usr/bin/python3 ] || python3() { /usr/bin/python3 -IS "$@"; }
umask 077
# Nothing of the machine's own setup gets in, whatever is exported here.
while read -r name; do unset "$name"; done < <(compgen -e | grep '^TOKENRY_' || true)
unset API_TOKEN API_TOKENS http_proxy HTTP_PROXY all_proxy ALL_PROXY

work=$(mktemp -d)
shm=$work/run
[ ! -w /dev/shm ] || shm=$(mktemp -d /dev/shm/tokenry-example.XXXXXXXX)
export TOKENRY_CONFIG=$here/tokenry.conf TOKENRY_DATA=$work/data
export TOKENRY_SERVER_RUNTIME_DIRECTORY=$shm
log=$work/serve.log
daemon=
clean_up() {
    [ -z "$daemon" ] || kill -TERM "$daemon" 2>/dev/null || true
    [ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
    rm -rf "$work" "$shm"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- telling ---

heading() { printf '\n== %s\n' "$*"; }
say() { printf '   %s\n' "$*"; }

fail() {
    printf '\nDIFFERENT: %s\n' "$*" >&2
    [ ! -s "$log" ] || { echo "The log of the authority ends so:" && tail -n 5 "$log"; } >&2
    exit 1
}

# --- checking ---

# is WHAT EXPECTED ACTUAL
is() {
    [ "$2" = "$3" ] || fail "$1 is \"$3\" and should be \"$2\""
    say "$1: $2"
}

# has WHAT PART TEXT, and lacks
has() {
    [[ $3 == *"$2"* ]] || fail "$1 does not have \"$2\": ${3:0:600}"
    say "$1: $2"
}
lacks() { [[ $3 != *"$2"* ]] || fail "$1 has what should not be there"; }

# Until the command succeeds; a condition that does not come within the seconds is a failure.
# until_true SECONDS WHAT COMMAND...
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -le "$end" ] || fail "$what did not come"
        sleep 0.05
    done
}

# --- the authority ---

# Runs with the variables of its environment before the call: API_TOKENS=... serve
serve() {
    : >"$log"
    "$tokenry" serve --listen 127.0.0.1:0 "$@" </dev/null >>"$log" 2>&1 &
    daemon=$!
    until_true 30 "a ready authority" is_ready
    address=$(sed -n 's/.*"event":"ready".*"listen":"\(http:[^"]*\)".*/\1/p' "$log")
    say "the authority listens on $address"
}
is_ready() {
    kill -0 "$daemon" 2>/dev/null || fail "the authority ended"
    grep -q '"event":"ready"' "$log"
}

stop() {
    local status=0
    kill -TERM "$daemon"
    wait "$daemon" || status=$?
    daemon=
    [ "$status" = 0 ] || fail "the authority ended with status $status"
    cat "$log" >>"$work/all.log"
}

# A command line as one types it: shown, then run. Standard output is kept in $out, standard
# error in $err, the status in $status; standard input goes through. Over the Unix socket the
# daemon knows us by our user id, so that no token is needed.
command_line() {
    printf '   $ tokenry'
    printf ' %q' "$@"
    printf '\n'
    status=0
    "$tokenry" "$@" >"$work/out" 2>"$work/err" || status=$?
    out=$(<"$work/out")
    err=$(<"$work/err")
}

# ... and it succeeds.
run_tokenry() {
    command_line "$@"
    [ "$status" = 0 ] || fail "tokenry $1 ended with $status: $err"
}

# ... and what it prints may be shown.
show_tokenry() {
    run_tokenry "$@"
    sed 's/^/     /' "$work/out" "$work/err"
}

# member PATH: of the JSON on standard input, like data.0.user_id
member() {
    python3 -c '
import json, sys
value = json.load(sys.stdin)
for step in sys.argv[1].split("."):
    value = value[int(step)] if isinstance(value, list) else value[step]
print({None: "null", True: "true", False: "false"}.get(value, value)
      if value is None or isinstance(value, bool) else value)' "$1"
}

# token_member NAME MEMBER: of the token that is called so, also when it is not active any more
token_member() { "$tokenry" show --json --name "$1" | member "$2"; }

# days_of NAME: from making to expiry
days_of() {
    "$tokenry" show --json --name "$1" | python3 -c '
import datetime, json, sys
token = json.load(sys.stdin)
made, ends = (datetime.datetime.fromisoformat(token[name].replace("Z", "+00:00"))
              for name in ("created_at", "expires_at"))
print(round((ends - made).total_seconds() / 86400, 3))'
}

# What was written to the database, for those who audit it: select SQL
select_sql() {
    python3 -c '
import sqlite3, sys
for row in sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).execute(sys.argv[2]):
    print("|".join("" if value is None else str(value) for value in row))' \
        "$TOKENRY_DATA/tokenry.db" "$1"
}

# --- requests ---

# request TOKEN PATH [CURL-ARGUMENT...]: the status is in $code, headers in $headers, the body
# in $body
request() {
    local token=$1 path=$2
    shift 2
    : >"$work/headers.in"
    [ -z "$token" ] || printf 'Authorization: Bearer %s\n' "$token" >"$work/headers.in"
    code=$(curl -sS --max-time 20 -H "@$work/headers.in" -D "$work/headers" -o "$work/body" \
        -w '%{http_code}' "$@" "$address$path") || fail "no answer from $address$path"
    headers=$(tr -d '\r' <"$work/headers")
    body=$(<"$work/body")
}

# What a proxy asks on every request: ask TOKEN [QUERY]
ask() { request "$1" "/auth${2:-}"; }

# header NAME
header() { sed -n "s/^$1: //Ip" <<<"$headers"; }

# expect WHAT STATUS TOKEN [QUERY]
expect() {
    ask "$3" "${4:-}"
    [ "$code" = "$2" ] || fail "$1 is answered $code and should be $2: $body"
    local whose=
    [ "$2" != 200 ] || whose=", user $(header x-auth-user)"
    say "$1: $2$whose"
}

# Nothing that is kept, shared in memory or logged has one of these: nowhere_are TOKEN...
nowhere_are() {
    local file running=()
    [ -z "$daemon" ] || [ ! -r "/proc/$daemon/environ" ] || running=("/proc/$daemon/environ")
    printf '%s\n' "$@" >"$work/pattern"
    while IFS= read -r -d '' file; do
        ! grep -qaF -f "$work/pattern" "$file" || fail "a token stands in $file"
    done < <(find "$TOKENRY_DATA" "$shm" "$work"/*.log "${running[@]}" -type f -print0)
    rm "$work/pattern"
    say "none of these $# tokens is in a file of the authority, in its memory or its log"
}

done_with() { printf '\nEverything is as %s says.\n' "$1"; }
