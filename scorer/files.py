"""Reads and writes files: text, TOML, and secrets that only their owner can read."""

import os
import re
import shlex
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from scorer.redaction import shown_path

T = TypeVar("T")

OWNER_ONLY: Final = 0o600
LARGEST: Final = 1 << 20
"""Bytes of a file that holds a key, a password or a configuration."""
LARGEST_TOML: Final = 1 << 16
"""Bytes: ten times the size of any document here."""
MOST_DOTS: Final = 200
"""Dots in one line: the time to read a key grows with more than the square of its dots."""
DEEPEST: Final = 16
DRAFT: Final = re.compile(r"\.(.+)\.(?:partial|[0-9]+)")
"""The name of a file that is not complete yet."""
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_POSITION: Final = re.compile(r"\(at (line \d+, column \d+|end of document)\)")


class SecretExposed(ValueError):
    """A file with a secret can be read by others than its owner; the message says what to type."""


def decoded(content: bytes) -> str:
    """Text from UTF-8, without the byte-order mark that editors on Windows write before it.

    Raises
    ------
    ValueError
        For any other encoding. Nothing of the content is in the message.
    """
    if content.startswith(_BYTE_ORDER_MARKS):
        raise ValueError("expected text in UTF-8, found UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"expected text in UTF-8, found another byte at {error.start}") from None


def parse_toml(content: bytes) -> dict[str, Any]:
    """Parse TOML.

    Raises
    ------
    ValueError
        With the place of what is wrong, and nothing of the content: a key may stand there.
    """
    if len(content) > LARGEST_TOML:
        raise ValueError(f"expected TOML of at most {LARGEST_TOML} bytes, found {len(content)}")
    try:
        _refuse_dots(content)
        document = tomllib.loads(decoded(content))
        _refuse_depth(document)
    except tomllib.TOMLDecodeError as error:
        place = _POSITION.search(str(error))
        raise ValueError(
            f"expected a TOML file, found a fault at {place[1] if place else 'an unknown line'}"
        ) from None
    except RecursionError:
        raise ValueError("expected TOML of a few levels, found more than can be read") from None
    except ValueError as error:
        # Our own messages hold nothing of the content; those of Python's number and date readers may.
        if str(error).startswith("expected "):
            raise
        raise ValueError("expected a TOML file, found a number or a date that cannot be read") from None
    return document


def _refuse_dots(content: bytes) -> None:
    # Checked before parsing, which is what a long dotted key slows down.
    if any(line.count(b".") > MOST_DOTS for line in content.splitlines()):
        raise RecursionError


def _refuse_depth(document: object) -> None:
    """Refuse documents of many levels: other code reads them by recursion."""
    level = [document]
    for _ in range(DEEPEST):
        level = [
            child
            for value in level
            for child in (
                value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            )
        ]
        if not level:
            return
    raise RecursionError


def read_secret(path: Path, parse: Callable[[bytes], T]) -> T:
    """Read a file that nobody but its owner can read, and return what `parse` makes of it.

    Errors of `parse` come first: a file without a secret in it needs no protection.

    Raises
    ------
    OSError
        When it cannot be read.
    SecretExposed
        When others can read it, or it belongs to another user than this process's or root.
    """
    with path.open("rb") as file:
        secret = parse(_bounded(file))
        # The status of the open file, not of the path, which may lead to another file by now.
        _refuse_exposed(path, os.fstat(file.fileno()))
    return secret


def read_bounded(path: Path, most: int = LARGEST) -> bytes:
    """Read a file; ValueError for one of more bytes than any file of its kind has."""
    with path.open("rb") as file:
        return _bounded(file, most)


def _bounded(file: BinaryIO, most: int = LARGEST) -> bytes:
    # One byte more than allowed shows that there is more, without reading it; a size read before may be
    # outdated.
    content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"expected at most {most} bytes, found more")
    return content


def one_line(content: bytes) -> str:
    """Return the single line of a file with a password: without byte-order mark and line ends, spaces kept.

    Raises
    ------
    ValueError
        When there are more lines, or the text is not in UTF-8.
    """
    lines = decoded(content).rstrip("\r\n").splitlines() or [""]
    if len(lines) > 1:
        raise ValueError("expected a password in one line, found more; leave only that line")
    return lines[0]


def _refuse_exposed(path: Path, status: os.stat_result) -> None:
    """Refuse a file that others can read.

    A file of root that this process reads through its group is allowed: containers get their secrets so.
    """
    if os.name != "posix" or not stat.S_ISREG(status.st_mode):
        return
    name, user = shown_path(path), os.geteuid()
    if status.st_uid not in (user, 0):
        raise SecretExposed(
            f"{name}: expected a file of the user {user} who runs this, found one of user {status.st_uid}, "
            f"who can read it; type: chown {user} {shlex.quote(name)}"
        )
    allowed = stat.S_IRGRP if status.st_uid == 0 and user != 0 else 0
    exposed = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~allowed
    if exposed:
        raise SecretExposed(
            f"{name}: expected a file that nobody but its owner can read, found mode "
            f"{stat.S_IMODE(status.st_mode):04o}; type: chmod 600 {shlex.quote(name)}"
        )


def write_secret(path: Path, text: str) -> Path:
    """Write or replace a file that nobody but its owner can read, not even while it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode(), mode=OWNER_ONLY)
    return path


def write_whole(path: Path, content: bytes, *, mode: int = 0o666, replace: bool = True) -> None:
    """Write the content of a file whole or not at all, see `whole_file`."""
    with whole_file(path, mode=mode, replace=replace) as file:
        file.write(content)


@contextmanager
def whole_file(
    path: Path,
    *,
    mode: int = 0o666,
    replace: bool = True,
    draft: str | None = None,
    keeps_name: bool = True,
) -> Iterator[BinaryIO]:
    """Open a file that appears at the end, whole or not at all, and is kept through a power cut.

    It does not appear where the block raises or the process ends.

    Parameters
    ----------
    mode
        The permissions of the file from its creation, less the process's umask.
    replace
        Without it another file at `path`, also one that comes meanwhile, is kept, and FileExistsError raised.
    draft
        The file's name until it is whole, where one process at a time writes it; by default each process has
        its own.
    keeps_name
        Without it, its name is kept through a power cut with that of the next file in its folder.
    """
    unfinished = path.with_name(draft or f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)  # of a process that was killed
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            # Content before name: a rename can reach the disk first, and a power cut would leave an empty
            # file.
            os.fsync(descriptor)
        if replace:
            unfinished.replace(path)
        else:
            path.hardlink_to(unfinished)  # unlike a rename, never takes another's place
        if keeps_name:
            _keep_names(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _keep_names(folder: Path) -> None:
    """Write a folder's entries to the disk: without it a power cut may lose the file's name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
