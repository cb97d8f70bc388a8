#!/bin/sh
# Sets up what builds and tests the page: the npm packages of web/ and a Chromium. Operators need none of it, since
# the built files are in the Python package.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'web-setup: %s\n' "$*"; }

if [ ! -f web/node_modules/.ready ] || [ web/package-lock.json -nt web/node_modules/.ready ]; then
    say "installing the locked npm packages of web/"
    (cd web && npm ci --loglevel=error)
    touch web/node_modules/.ready
fi

browser="${CHROMIUM:-/usr/bin/chromium}"
if [ ! -x "$browser" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing Debian's chromium"
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core fonts-liberation >/dev/null
    else
        echo "web-setup: expected a Chromium at $browser, found none." >&2
        echo "web-setup: install one, or name it: make CHROMIUM=/path/to/chromium ..." >&2
        exit 1
    fi
fi
