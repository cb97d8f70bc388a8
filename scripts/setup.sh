#!/bin/sh
# Sets up what is missing for `make demo`, `make test` and everything else, inside this folder only:
# a virtual environment with the locked Python packages (Node among them), and the locked npm packages
# (compiler, EVM, contract libraries). Quick when all is there: each part is skipped while its stamp is newer
# than its lock file.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

python="${PYTHON:-python3}"
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "setup: expected Python 3.11 or newer as '$python', found: $("$python" --version 2>&1 || true)." >&2
    echo "setup: install it, or name it: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
fi

is_fresh() { [ -f "$1" ] && [ ! "$2" -nt "$1" ]; }

if ! is_fresh .venv/.ready requirements.lock || ! is_fresh .venv/.ready pyproject.toml; then
    say "creating .venv with the locked Python packages (a minute the first time)"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python scripts/install_locked.py requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    touch .venv/.ready
fi

PATH="$PWD/.venv/bin:$PATH"
if ! is_fresh node_modules/.ready package-lock.json; then
    say "installing the locked npm packages: Solidity compiler, anvil, OpenZeppelin"
    npm ci --loglevel=error
    for tool in anvil forge; do
        binary="$PWD/node_modules/@foundry-rs/$tool-linux-amd64/bin/$tool"
        if [ -x "$binary" ]; then
            ln -sf "$binary" ".venv/bin/$tool"
        elif ! command -v "$tool" >/dev/null; then
            say "npm has no $tool for this machine: install Foundry 1.7 and put it on PATH"
        fi
    done
    touch node_modules/.ready
fi
