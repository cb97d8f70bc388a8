"""Uploads and content in an object store, for servers of several processes: S3 and what speaks its protocol.

Clients send drafts to presigned URLs, past the server. A draft is brought here when it is used: nobody can
change what was read, and what is kept is written anew by its SHA-256, to a name that no URL was signed for.
"""

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from scorer.data.faults import DataError
from scorer.data.objects import ObjectFolder
from scorer.errors import CupelError
from scorer.logs import get_logger
from scorer.server.blobs import BlobFolder, TooLarge, sha256_of, verified

DRAFTS: Final = "uploads"
CONTENT: Final = "blobs"
SECONDS: Final = 20.0
"""Seconds that a request to the store may take."""


class StoreUnavailable(CupelError):
    """The object store does not answer, or not as it should: why, the server's log says."""


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        get_logger().warning("object store", reason=str(error))
        raise StoreUnavailable(
            "object store: expected the server's to answer, found that it does not; nothing was lost, try "
            "again in a moment"
        ) from None


@dataclass(frozen=True)
class DraftBucket:
    """Files that were sent to presigned URLs and are not used yet, by the name that the server gave them."""

    objects: ObjectFolder

    @cached_property
    def prefix(self) -> str:
        """The beginning of all its URLs."""
        with _available():
            return self.objects.upload_url("x", 1).partition("?")[0].removesuffix("x")

    def url(self, filename: str, seconds: int) -> str:
        """Return the URL to which a draft is to be sent by PUT."""
        with _available():
            return self.objects.upload_url(filename, seconds)

    async def chunks(self, filename: str, most: int) -> AsyncIterator[bytes]:
        """Yield what was sent for a draft.

        Raises
        ------
        scorer.server.blobs.TooLarge
            When it has more than `most` bytes, of which none was read.
        FileNotFoundError
            When nothing was sent.
        """
        with _available():
            size = self.objects.size(filename)
            if size is None:
                raise FileNotFoundError(filename)
            if size > most:
                raise TooLarge(f"upload: expected at most {most} bytes, found {size}")
            for part in self.objects.parts(filename):
                yield part

    def put(self, filename: str, file: Path) -> None:
        """Write a draft that was sent to the server itself."""
        with _available():
            self.objects.write(filename, file)

    def remove(self, filenames: Sequence[str]) -> None:
        """Remove drafts, as far as the store answers: what is left is swept later."""
        with suppress(StoreUnavailable), _available():
            self.objects.delete(filenames)

    def sweep(self, before: float) -> int:
        """Remove drafts that were sent before a time in Unix seconds; how many."""
        with _available():
            old = self.objects.older(before)
            self.objects.delete(old)
        return len(old)


@dataclass(frozen=True)
class ObjectBlobs(BlobFolder):
    """Content in an object store by its SHA-256; drafts are in the folder while they are used."""

    objects: ObjectFolder

    def keep(self, claimed: Path) -> str:
        """Write a file that was claimed to its place by content; the SHA-256 of its bytes, in hex."""
        digest = sha256_of(claimed)
        with _available():
            self.objects.write(_name(digest), claimed)
        claimed.unlink()
        return digest

    def read(self, digest: str) -> bytes:
        """Return content by its SHA-256.

        Raises
        ------
        scorer.server.blobs.ContentChanged
            When the object has other bytes.
        FileNotFoundError
            When there is none.
        """
        with _available():
            content = self.objects.read(_name(digest))
        if content is None:
            raise FileNotFoundError(2, "no object of its name in the store")
        return verified(content, digest)

    def remove(self, digest: str) -> None:
        """Remove content that nothing needs any more, as far as the store answers."""
        with suppress(StoreUnavailable), _available():
            self.objects.delete([_name(digest)])

    def under(self, name: str) -> "ObjectBlobs":
        """Return the files of another kind, under a name of their own."""
        return ObjectBlobs(self.root / name, self.objects.under(name))


def open_store(url: str) -> ObjectFolder:
    """Return the objects under a URL; requests to them take no longer than somebody waits."""
    return ObjectFolder(url, SECONDS)


def try_store(url: str) -> None:
    """Write, read and remove an object, as a server does.

    Raises
    ------
    scorer.data.faults.DataError
        Names what the store refused.
    """
    store, name, content = open_store(url), f"{DRAFTS}/.try-{secrets.token_hex(8)}", secrets.token_bytes(32)
    store.upload_url(name, 1)
    store.write(name, content)
    found = store.read(name)
    store.delete([name])
    if found != content:
        raise DataError(f"{url}: expected to read the object that was just written, found another or none")


def _name(digest: str) -> str:
    return f"{CONTENT}/{digest[:2]}/{digest}"
