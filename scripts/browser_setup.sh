#!/bin/sh
# Finds a Chromium for the page's tests, or installs Debian's; fails where there is none to be had.
set -eu

say() { printf 'browser-setup: %s\n' "$*"; }

browser="${CHROMIUM:-/usr/bin/chromium}"
[ -x "$browser" ] && exit 0
if [ -z "${CHROMIUM:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Debian's chromium"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core fonts-liberation >/dev/null
    exit 0
fi
echo "browser-setup: expected a Chromium at $browser, found none" >&2
echo "browser-setup: install one, or name it: make CHROMIUM=/path/to/chromium ..." >&2
exit 1
