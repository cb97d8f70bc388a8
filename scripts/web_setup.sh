#!/bin/sh
# Sets up what builds the page: the npm packages of web/. Operators need none of it, since the built files are in the
# Python package.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'web-setup: %s\n' "$*"; }

if [ ! -f web/node_modules/.ready ] || [ web/package-lock.json -nt web/node_modules/.ready ]; then
    say "installing the locked npm packages of web/"
    (cd web && npm ci --loglevel=error)
    touch web/node_modules/.ready
fi
