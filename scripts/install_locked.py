"""Installs a lock file's packages where the Python that runs it is, by uv, which takes a tenth of pip's time.

python scripts/install_locked.py requirements.lock

uv itself is locked in requirements.lock. It does not read pip's configuration, which a mirror or a proxy may
need: it is passed on. Where uv fails nevertheless, pip installs.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

OWN_LOCK = Path(__file__).parent.parent / "requirements.lock"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
VERIFIED = ("--quiet", "--no-deps", "--require-hashes", "--requirement")
"""Nothing is resolved, and nothing is taken whose hash is not in the lock file."""
NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
"""Options of pip, and the variables by which uv takes the same."""
FOLDERS = ("extra-index-url", "find-links")
"""Options that may name folders that are not there: pip passes over them, uv does not."""


def pip_settings(listed: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values that ``pip config list`` prints; of one name, the last one counts."""
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        if value:
            yield key.rpartition(".")[2], str(ast.literal_eval(value))


def there(place: str) -> bool:
    """Return whether an index or a folder can be asked: one of another machine is taken to be there."""
    path = place.removeprefix("file://")
    return "://" in path or Path(path).is_dir()


def variables(listed: str) -> dict[str, str]:
    """Return uv's environment variables for what ``pip config list`` prints."""
    found = {}
    for name, value in pip_settings(listed):
        places = value.split()
        kept = [place for place in places if there(place)] if name in FOLDERS else places
        if name in NAMES and kept:
            found[NAMES[name]] = " ".join(kept)
    return found


def locked(lock: str, name: str) -> str:
    """Return the lines of one package in a lock file."""
    found = re.search(rf"^{name}==.*(?:\n    .*)*", lock, re.MULTILINE)
    if not found:
        raise SystemExit(f"install: expected {name} in the lock file, found none; renew it by make lock")
    return found[0]


def by_uv(lock: Path) -> bool:
    """Install uv, and by uv a lock file; whether both worked."""
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as own:
        own.write(locked(OWN_LOCK.read_text(), "uv"))
        own.flush()
        if subprocess.run([*PIP, "install", *VERIFIED, own.name], check=False).returncode:
            return False
    listed = subprocess.run([*PIP, "config", "list"], check=False, capture_output=True, text=True).stdout
    # As pip does: the system's certificates, and the best of all indices. Hashes are checked either way.
    options = ("--native-tls", "--index-strategy", "unsafe-best-match", "--python", sys.executable)
    command = [sys.executable, "-m", "uv", "pip", "install", *options, *VERIFIED, str(lock)]
    return not subprocess.run(command, check=False, env=variables(listed) | os.environ).returncode


def main(lock: Path) -> int:
    """Install a lock file, and return the exit code."""
    if by_uv(lock):
        return 0
    print("install: uv did not install the packages; pip does, which takes minutes", file=sys.stderr)
    return subprocess.run([*PIP, "install", *VERIFIED, str(lock)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
