"""A PostgreSQL server of a test's own: Debian's, one on PATH, or that of the package pgserver."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

DEBIAN = Path("/usr/lib/postgresql")
USERS = ("postgres", "nobody")
"""Who runs the server where a test runs as root, which PostgreSQL refuses."""


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where there is no PostgreSQL."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    versions = sorted(DEBIAN.glob("[0-9]*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    package = importlib.util.find_spec("pgserver")
    bundled = (
        [] if package is None or package.origin is None else [Path(package.origin).parent / "pginstall/bin"]
    )
    return next((path for path in (*versions, *bundled) if (path / "initdb").is_file()), None)


def unprivileged() -> list[str] | None:
    """The beginning of a command that runs as another user than root; None where there is none."""
    if os.getuid() != 0:
        return []
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in USERS if name in known), None)
    return None if user is None or shutil.which("runuser") is None else ["runuser", "-u", user, "--"]


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a server of the test's own, on a socket in a folder of its own.

    Not in a test's folder: whenever another pytest starts, it closes the folders above to other users again.
    """
    folder, as_user = programs(), unprivileged()
    if folder is None:
        pytest.skip("no PostgreSQL here: no initdb on PATH or under /usr/lib/postgresql, and no pgserver")
    if as_user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser or no other user here")
    data = Path(tempfile.mkdtemp(prefix="cupel-postgres-"))
    if as_user:
        shutil.chown(data, as_user[2])

    def run(program: str, *arguments: object) -> None:
        command = [*as_user, folder / program, "-D", data, *arguments]
        subprocess.run([str(part) for part in command], check=True, capture_output=True, cwd="/")

    run("initdb", "-A", "trust", "-U", "cupel")
    options = f"-c listen_addresses='' -c unix_socket_directories={data}"
    run("pg_ctl", "-w", "-l", data / "log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://cupel@/postgres?host={data}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(data)
