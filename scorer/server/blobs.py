"""Files that were uploaded: a draft by its name first, then content by its SHA-256, which never changes."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from scorer.server.errors import ApiError

DRAFT: Final = ".part"
BLOCK: Final = 1 << 20


class TooLarge(ApiError):
    """A file has more bytes than it may."""


@dataclass(frozen=True)
class BlobFolder:
    """A folder of files.

    A file appears whole or not at all, and is on the disk before anybody hears that it is there.
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

    async def write_draft(self, filename: str, chunks: AsyncIterable[bytes], most: int) -> int:
        """Write an upload, in place of an earlier one of that name; its size in bytes.

        Raises
        ------
        TooLarge
            When it has more than `most` bytes; nothing is kept of it.
        """
        with self._writing(self.draft(filename)) as file:
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"upload: expected at most {most} bytes, found more")
                file.write(chunk)
        return size

    def keep(self, filename: str) -> str:
        """Move an upload to its place by content; the SHA-256 of its bytes, in hex.

        Raises
        ------
        FileNotFoundError
            When nothing was uploaded under this name.
        """
        draft = self.draft(filename)
        with draft.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        path = self.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(path)
        _sync_folder(path.parent)
        return digest

    def path(self, digest: str) -> Path:
        """Return the path of content by its SHA-256."""
        return self.root / "blobs" / digest[:2] / digest

    def sweep(self, before: float) -> int:
        """Remove uploads that nobody used since `before`, Unix seconds, and drafts of interrupted ones."""
        old = [path for path in self.drafts.glob("*") if path.stat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[BinaryIO]:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{DRAFT}.{secrets.token_hex(8)}")
        try:
            with draft.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            _sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk, else a power cut may lose a file's name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
