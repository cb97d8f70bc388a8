"""Files that were uploaded: a draft by its name, then a file of nobody's, then content by its SHA-256.

Whoever uploads can replace a draft at any time. So a draft that is used is moved away before it is looked at,
and content is compared with its SHA-256 whenever it is read.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool

from scorer.server.errors import ApiError

PART: Final = ".part"
CLAIMED: Final = ".claimed"


class TooLarge(ApiError):
    """A file has more bytes than it may."""


class ContentChanged(ApiError):
    """A file has other bytes than those it is known by."""


@dataclass(frozen=True)
class BlobFolder:
    """A folder of files.

    A file appears whole or not at all. What is kept is on the disk before anybody hears that it is there; the
    name of a draft may be lost in a power cut, and it has to be sent again.
    """

    root: Path

    @property
    def drafts(self) -> Path:
        """The folder of what was uploaded and is not used yet."""
        return self.root / "uploads"

    def draft(self, filename: str) -> Path:
        """Return the path of an upload, whose name this server chose."""
        return self.drafts / filename

    def has_draft(self, filename: str) -> bool:
        """Return whether a file was uploaded under this name, and is not used yet."""
        return self.draft(filename).is_file()

    async def write_part(self, chunks: AsyncIterable[bytes], most: int) -> tuple[Path, int]:
        """Write an upload to a file of its own, which `place` gives a name; its path, and its size in bytes.

        Raises
        ------
        TooLarge
            When it has more than `most` bytes; nothing is kept of it.
        """
        part, size = self._own_name(PART), 0
        try:
            with part.open("xb") as file:
                async for chunk in chunks:
                    size = _bounded(size + len(chunk), most)
                    file.write(chunk)
                file.flush()
                await run_in_threadpool(os.fsync, file.fileno())  # else all requests wait for the disk
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part, size

    def place(self, part: Path, filename: str) -> None:
        """Make what was uploaded the draft of a name, in place of an earlier one."""
        part.replace(self.draft(filename))

    def claim(self, filename: str) -> Path:
        """Move a draft to a name that nobody knows, so that no upload replaces it; the new path.

        Raises
        ------
        FileNotFoundError
            When nothing was uploaded under this name.
        """
        return self.draft(filename).replace(self._own_name(CLAIMED))

    def keep(self, claimed: Path) -> str:
        """Move a file that was claimed to its place by content; the SHA-256 of its bytes, in hex."""
        digest = sha256_of(claimed)
        path = self.path(digest)
        is_new = not path.parent.is_dir()
        path.parent.mkdir(parents=True, exist_ok=True)
        claimed.replace(path)
        _sync_folder(path.parent)
        if is_new:
            _sync_folder(path.parent.parent)
        return digest

    def read(self, digest: str) -> bytes:
        """Return content by its SHA-256.

        Raises
        ------
        ContentChanged
            When the file has other bytes.
        """
        return verified(self.path(digest).read_bytes(), digest)

    def remove(self, digest: str) -> None:
        """Remove content that nothing needs any more."""
        self.path(digest).unlink(missing_ok=True)

    def under(self, name: str) -> "BlobFolder":
        """Return the files of another kind, in a folder of that name."""
        return BlobFolder(self.root / name)

    def free(self) -> int:
        """Return the bytes that the disk has left."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def path(self, digest: str) -> Path:
        """Return the path of content by its SHA-256."""
        return self.root / "blobs" / digest[:2] / digest

    def sweep(self, before: float) -> int:
        """Remove uploads, whole or interrupted, that nobody used since `before`, Unix seconds."""
        removed = 0
        for path in self.drafts.glob("*"):
            with suppress(FileNotFoundError):  # it may be used just now
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
        return removed

    def _own_name(self, prefix: str) -> Path:
        self.drafts.mkdir(parents=True, exist_ok=True)
        return self.drafts / f"{prefix}.{secrets.token_hex(16)}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(content: bytes, digest: str) -> bytes:
    """Return content that has the SHA-256 by which it is known.

    Raises
    ------
    ContentChanged
        When it has another one.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise ContentChanged(f"file: expected bytes of the SHA-256 {digest}, found {found}; upload it again")
    return content


def _bounded(size: int, most: int) -> int:
    if size > most:
        raise TooLarge(f"upload: expected at most {most} bytes, found more")
    return size


def _sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk, else a power cut may lose a file's name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
