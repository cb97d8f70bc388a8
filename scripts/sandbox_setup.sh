#!/bin/sh
# Installs bubblewrap, in which `cupel compute` runs models: Debian's package, which only root installs, and only
# where its packages are reached. Quick when it is there.
set -eu
if command -v bwrap >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: no bubblewrap: tests of sandboxes are left out; install it (apt-get install bubblewrap)" >&2
    exit 1
fi
echo "setup: installing bubblewrap, for the sandboxes of models"
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends bubblewrap >/dev/null
