"""Folders and files that a command makes and may overwrite, known by a marker that it leaves in them."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from scorer.errors import CupelError
from scorer.files import DRAFT, LARGEST, write_whole
from scorer.redaction import shown_path

MARKER: Final = ".made-by-cupel"
"""A file in every folder that a command made and may empty: it names the command."""
KEY_NAMES: Final = re.compile(
    r"(^|[^a-z])(key|keys|keystore|password|secret|mnemonic|wallet)([^a-z]|$)|\.pem$"
)
KEY_CONTENT: Final = re.compile(
    rb"\s*(0[xX])?[0-9a-fA-F]{64}\s*$|\s*\{.*\"crypto\"\s*:|-----BEGIN [A-Z ]*PRIVATE KEY", re.I | re.S
)


class FolderInUse(CupelError, ValueError):
    """A folder or file holds what a command did not make, and is left alone; the message says what to do."""


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
    draft = DRAFT.fullmatch(file.name)
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
