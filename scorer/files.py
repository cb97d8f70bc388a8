"""Reads and writes files: text, TOML, secrets that only their owner can read, folders for output."""

import os
import re
import shutil
import stat
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from scorer.errors import CupelError
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
MARKER: Final = ".made-by-cupel"
"""A file in every folder that a command made and may empty: it names the command."""
KEY_NAMES: Final = re.compile(
    r"(^|[^a-z])(key|keys|keystore|password|secret|mnemonic|wallet)([^a-z]|$)|\.pem$"
)
KEY_CONTENT: Final = re.compile(
    rb"\s*(0[xX])?[0-9a-fA-F]{64}\s*$|\s*\{.*\"crypto\"\s*:|-----BEGIN [A-Z ]*PRIVATE KEY", re.I | re.S
)
_DRAFT: Final = re.compile(r"\.(.+)\.(?:partial|[0-9]+)")
"""The name of a file that is not complete yet."""
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_POSITION: Final = re.compile(r"\(at (line \d+, column \d+|end of document)\)")


class SecretExposed(ValueError):
    """A file with a secret can be read by others than its owner; the message says what to type."""


class FolderInUse(CupelError, ValueError):
    """A folder or file holds what a command did not make, and is left alone; the message says what to do."""


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
        if str(error).startswith("expected "):
            raise
        raise ValueError("expected a TOML file, found a number or a date that cannot be read") from None
    return document


def _refuse_dots(content: bytes) -> None:
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


def read_bounded(path: Path) -> bytes:
    """Read a small file; ValueError for one that is larger than any file of its kind."""
    with path.open("rb") as file:
        return _bounded(file)


def _bounded(file: BinaryIO) -> bytes:
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"expected at most {LARGEST} bytes, found more")
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
            f"who can read it; type: chown {user} {name}"
        )
    allowed = stat.S_IRGRP if status.st_uid == 0 and user != 0 else 0
    exposed = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~allowed
    if exposed:
        raise SecretExposed(
            f"{name}: expected a file that nobody but its owner can read, found mode "
            f"{stat.S_IMODE(status.st_mode):04o}; type: chmod 600 {name}"
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
    path: Path, *, mode: int = 0o666, replace: bool = True, draft: str | None = None
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
    """
    unfinished = path.with_name(draft or f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)  # of a process that was killed
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        if replace:
            unfinished.replace(path)
        else:
            path.hardlink_to(unfinished)  # unlike a rename, never takes another's place
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


def make_owned_folder(path: Path, made_by: str, contents: Sequence[str], *, keys: Sequence[str] = ()) -> Path:
    """Make an empty folder for a command's output; output of the same command is removed first.

    Only a folder with this command's marker is emptied. No link is followed: links are removed themselves.

    Parameters
    ----------
    made_by
        The command, as people type it.
    contents
        Patterns of the paths that the command writes: a name stands for a file or a folder with all that is
        in it, and ``a/*/b`` for such files alone.
    keys
        Patterns of the paths below it at which the command writes keys and passwords.

    Raises
    ------
    FolderInUse
        When the folder holds anything that the command did not make, such as somebody's key; nothing is
        removed then.
    """
    try:
        _refuse_foreign(path, made_by, contents, keys)
        path.mkdir(parents=True, exist_ok=True)
        _empty(path)
        write_whole(path / MARKER, f"{made_by}\n".encode())
    except OSError as error:
        raise FolderInUse(
            f"{shown_path(path)}: expected a folder that can be written, found {error.strerror}"
        ) from None
    return path


def is_owned(path: Path, made_by: str) -> bool:
    """Return whether this command made the folder."""
    marker = path / MARKER
    try:
        return not marker.is_symlink() and marker.read_bytes() == f"{made_by}\n".encode()
    except OSError:
        return False


def _refuse_foreign(path: Path, made_by: str, contents: Sequence[str], keys: Sequence[str]) -> None:
    name = shown_path(path)
    if path.is_symlink():
        raise FolderInUse(f"{name}: expected a folder, found a link, which is not followed; name its target")
    if path.exists() and not path.is_dir():
        raise FolderInUse(f"{name}: expected a folder, found a file; name another")
    if not path.exists() or not any(path.iterdir()):
        return
    if not is_owned(path, made_by) or _is_home(path):
        raise FolderInUse(
            f"{name}: expected an empty folder, or one that {made_by} made, found other files in it; name "
            "another, or empty it yourself"
        )
    for foreign in _foreign(path, contents, keys):
        raise FolderInUse(
            f"{name}: expected nothing but what {made_by} made, found {shown_path(foreign)}; move it away, "
            "or name another folder"
        )


def _is_home(path: Path) -> bool:
    """Return whether the folder holds the home or the working directory."""
    real = path.resolve()
    return any(folder.resolve().is_relative_to(real) for folder in (Path.home(), Path.cwd()))


def _foreign(path: Path, contents: Sequence[str], keys: Sequence[str]) -> Iterator[Path]:
    """Find what the command did not write: other files and folders, and keys anywhere below it.

    Links are left out: they are removed, and their targets are kept.
    """
    patterns = [pattern.split("/") for pattern in (MARKER, *contents)]
    for entry in sorted(path.iterdir()):
        if not any(fnmatch(entry.name, pattern[0]) for pattern in patterns):
            yield entry.relative_to(path)
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            file = (Path(folder) / name).relative_to(path)
            if not _is_written(file, patterns) and not (path / file).is_symlink():
                yield file
            is_ours = any(fnmatch(str(file), pattern) for pattern in keys)
            if not is_ours and _is_key(path / file):
                yield file


def _is_written(file: Path, patterns: Sequence[Sequence[str]]) -> bool:
    """Return whether a path fits a pattern, also as the draft of a process that ended while writing."""
    draft = _DRAFT.fullmatch(file.name)
    parts = (file.with_name(draft[1]) if draft else file).parts
    return any(len(pattern) in (1, len(parts)) and all(map(fnmatch, parts, pattern)) for pattern in patterns)


def _is_key(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if KEY_NAMES.search(path.name.lower()):
        return True
    with path.open("rb") as file:
        return path.stat().st_size <= LARGEST and bool(KEY_CONTENT.match(file.read(4096)))


def _empty(path: Path) -> None:
    """Remove all that is in a folder; a link is removed, its target is kept."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def refuse_foreign_table(path: Path, header: str) -> None:
    """Refuse to overwrite any file but a CSV whose first line fits the regular expression `header`."""
    fitting = re.compile(header.encode())
    refuse_foreign_file(
        path, lambda content: bool(fitting.fullmatch(re.split(rb"[\r\n]", content, maxsplit=1)[0]))
    )


def refuse_foreign_file(path: Path, is_ours: Callable[[bytes], bool]) -> None:
    """Refuse to overwrite a file unless its first bytes are those of one that the same command wrote.

    Raises
    ------
    FolderInUse
        Names the file.
    """
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if not is_ours(file.read(4096)):
                raise FolderInUse(
                    f"{shown_path(path)}: expected no file, or one that this command wrote, found another; "
                    "name another file, or remove it yourself"
                )
