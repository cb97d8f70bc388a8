"""Uploads: an account asks for a name and a signed URL, sends the file by PUT, and names it once."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import is_canonical
from scorer.server import upload_statements as statements
from scorer.server.accounts import Account, Clock, NamedModel
from scorer.server.blobs import BlobFolder, sha256_of
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.object_store import DraftBucket, StoreUnavailable
from scorer.server.quotas import Quotas
from scorer.server.signed_urls import SignedUrls
from scorer.server.tables import UPLOAD
from scorer.server.upload_forms import (
    DIAGNOSTICS_PURPOSE,
    ENCRYPTED,
    HOSTED_PURPOSE,
    SIGNED,
    SUBMISSIONS,
    ExpectedUpload,
    RefusedUploads,
    UploadForm,
)
from scorer.storage.inbox import ENVELOPE_SUFFIX

UPLOAD_SECONDS: Final = 3_600
DOWNLOAD_SECONDS: Final = 600
GRACE: Final = 3_600
"""Seconds for which an upload can still be used that can no more be sent."""
MOST_EXPIRED: Final = 1_000
"""Uploads that are removed at once."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


class UploadUsed(ApiError):
    """An upload was submitted meanwhile."""


@dataclass(frozen=True)
class Ticket:
    """An upload that an account uses; the signature is the submitter's, if it came.

    Attributes
    ----------
    file
        The file, where no upload reaches it.
    """

    filename: str
    purpose: str
    file: Path
    model: int | None
    signed_round: int | None
    signed_content: bytes | None
    signature: bytes | None


@dataclass(frozen=True)
class Uploads:
    """Names, URLs, signatures and files of uploads.

    Attributes
    ----------
    bucket
        Where clients send files past this server; None: they send them here.
    """

    database: Database
    clock: Clock
    urls: SignedUrls
    blobs: BlobFolder
    bucket: DraftBucket | None = None
    quotas: Quotas = field(default_factory=Quotas)
    refused: RefusedUploads = field(default_factory=RefusedUploads)

    @property
    def urls_begin(self) -> str:
        """The beginning of the URLs to which files are sent."""
        return f"{self.urls.url}/upload/" if self.bucket is None else self.bucket.prefix

    def grant(
        self,
        account: Account,
        filename: str,
        model: NamedModel | None,
        purpose: str,
        most: int,
        *,
        here: bool = False,
    ) -> dict[str, str]:
        """Return a name for a file, and the URL to which it is to be sent.

        Parameters
        ----------
        filename
            What the account calls it: it shows in our name.
        most
            Bytes.
        here
            Whether it has to be sent to this server: from a page, which reaches no other.

        Raises
        ------
        ApiError
            When the account, or all together, have uploaded as much as they may; see `Quotas`.
        """
        now, name = self.clock(), _name(filename, purpose)
        row = {"filename": name, "account": account.id, "purpose": purpose, "most_bytes": most}
        row |= {"model": model.id if model else None, "expires_at": now + UPLOAD_SECONDS}
        self.quotas.require_disk(self.blobs.free(), most)
        with self.database.writing(durable=False) as connection:
            self.quotas.require(connection, account.id, most, now)
            connection.execute(sa.insert(UPLOAD), row)
        if self.bucket is None or here or purpose == HOSTED_PURPOSE:  # which is encrypted as it comes
            return {"filename": name, "url": self.urls.make("PUT", "upload", name, UPLOAD_SECONDS)}
        return {"filename": name, "url": self.bucket.url(name, UPLOAD_SECONDS)}

    def expected(self, filename: str) -> ExpectedUpload | None:
        """Return what is known of an upload; None where none is expected."""
        with self.database.reading() as connection:
            row = connection.execute(statements.EXPECTED, {"name": filename}).one_or_none()
        return None if row is None else ExpectedUpload(filename, *row)

    def sent(self, account: Account, filename: str) -> tuple[int, str]:
        """Return the size of what was sent for an upload of an account, and its SHA-256 in hex; see `fetch`.

        Raises
        ------
        ApiError
            When the upload is not the account's, was used, or nothing was sent.
        """
        with self.database.reading() as connection:
            named = statements.named(account, filename, *SUBMISSIONS, DIAGNOSTICS_PURPOSE)
            if connection.execute(statements.KNOWN, named).first() is None:
                raise self._unknown()
        draft = self.blobs.draft(filename)
        try:
            return draft.stat().st_size, sha256_of(draft)
        except FileNotFoundError:
            raise ApiError(self.refused.reason(filename)) from None

    async def receive(self, filename: str, chunks: AsyncIterable[bytes], form: UploadForm) -> None:
        """Take what is sent for an upload, in place of what was sent before.

        Raises
        ------
        scorer.server.blobs.TooLarge
            When it has more bytes than it may.
        ApiError
            When it has another form, or the upload was used meanwhile.
        """
        await self._receive(filename, chunks, form, self.bucket)

    async def _receive(
        self, filename: str, chunks: AsyncIterable[bytes], form: UploadForm, bucket: DraftBucket | None
    ) -> None:
        part, size = await self.blobs.write_part(form.kept(chunks), max(form.most, form.least))
        try:
            if size < form.least:
                raise ApiError(f"upload: expected {form.least} bytes, found fewer; send the whole file again")
            if bucket is not None:  # any process may be asked to submit it
                await run_in_threadpool(bucket.put, filename, part)
            await run_in_threadpool(self._place, filename, part, size)
        finally:
            part.unlink(missing_ok=True)

    def fetch(self, account: Account, filename: str, form: Callable[[ExpectedUpload], UploadForm]) -> None:
        """Bring here what was sent to the bucket, which from then on nobody can change.

        Parameters
        ----------
        form
            Returns the form that it must have.

        Raises
        ------
        ApiError
            When nothing was sent, or it has another form: then it is removed.
        scorer.server.object_store.StoreUnavailable
            When the store does not answer.
        """
        expected = None if self.bucket is None else self.expected(filename)
        if self.bucket is None or expected is None or expected.account != account.id:
            return  # `take` says why
        found = form(expected)
        chunks = self.bucket.chunks(filename, found.most)
        try:
            asyncio.run(self._receive(filename, chunks, found, None))
        except FileNotFoundError:
            raise ApiError(self.refused.reason(filename)) from None
        except UploadUsed:
            raise
        except ApiError:
            self.bucket.remove([filename])
            raise

    def _place(self, filename: str, part: Path, size: int) -> None:
        """Give a file its name unless the upload was used: in the transaction, so that it cannot be since."""
        with self.database.writing(durable=False) as connection:
            if connection.execute(statements.SENT, {"name": filename, "bytes": size}).rowcount != 1:
                raise UploadUsed("upload: expected one that was not submitted yet, found one that was")
            self.blobs.place(part, filename)

    def sign(self, account: Account, filename: str, round_id: int, content: str, signature: str) -> None:
        """Take the submitter's signature for an upload, which `take` checks.

        Raises
        ------
        ApiError
            When the upload is not the account's, or the signature is none.
        """
        try:
            signed, content_hash = from_hex(signature, 65), from_hex(content, 32)
        except ValueError:
            signed, content_hash = b"", b""
        if not is_canonical(signed):
            raise ApiError(
                "signature: expected 65 bytes in hex, with a low s and a v of 27 or 28, over a content hash "
                "of 32 bytes; found another"
            )
        values = {"of_round": round_id, "content": to_hex(content_hash), "signed": to_hex(signed)}
        values |= statements.named(account, filename, *SIGNED)
        with self.database.writing(durable=False) as connection:
            if connection.execute(statements.SIGNED_BY, values).rowcount != 1:
                raise self._unknown()

    def take(self, account: Account, filename: str, model: NamedModel | None, *purposes: str) -> Ticket:
        """Use an upload, once.

        Raises
        ------
        ApiError
            When it is not the account's, not for this model, was used, or nothing was sent.
        """
        named = statements.named(account, filename, *purposes)
        with self.database.writing(durable=False) as connection:
            row = connection.execute(statements.TAKEN, named | {"now": self.clock()}).one_or_none()
            if row is None:
                raise self._unknown()
            if model is not None and row.model not in (None, model.id):
                raise ApiError(
                    f"filename: expected an upload for model {model.id}, found one for model {row.model}"
                )
            try:
                file = self.blobs.claim(filename)
            except FileNotFoundError:
                raise ApiError(self.refused.reason(filename)) from None
        return _ticket(row, file)

    def keep(self, ticket: Ticket, blobs: BlobFolder) -> str:
        """Keep what an upload holds by its content; the SHA-256 in hex. Where that fails, it was not used.

        Raises
        ------
        ApiError
            When the disk has no room for it.
        scorer.server.object_store.StoreUnavailable
            When the store does not answer.
        """
        try:
            digest = blobs.keep(ticket.file)
        except StoreUnavailable:
            self._give_back(ticket)
            raise
        except OSError as error:
            self._give_back(ticket)
            raise ApiError(
                f"upload: expected room for it on the server, found {error.strerror}; nothing was used, try "
                "again later"
            ) from None
        self._forget(ticket.filename)
        return digest

    def _give_back(self, ticket: Ticket) -> None:
        """Make an upload one that was not used."""
        of_ticket = sa.update(UPLOAD).where(UPLOAD.c.filename == ticket.filename)
        with self.database.writing() as connection:
            connection.execute(of_ticket.values(used_at=None))
            self.blobs.place(ticket.file, ticket.filename)

    def discard(self, ticket: Ticket) -> None:
        """Remove what an upload holds, which was used and is refused."""
        ticket.file.unlink()
        self._forget(ticket.filename)

    def _forget(self, *filenames: str) -> None:
        if self.bucket is not None:
            self.bucket.remove(filenames)

    def sweep(self, before: float) -> int:
        """Remove files of uploads that nobody used since `before`, Unix seconds; how many."""
        in_bucket = 0 if self.bucket is None else self.bucket.sweep(before)
        return self.blobs.sweep(before) + in_bucket

    def expire(self) -> int:
        """Remove uploads that were never used, with their files; how many."""
        old = (UPLOAD.c.used_at.is_(None), UPLOAD.c.expires_at <= self.clock() - GRACE)
        with self.database.writing() as connection:
            query = sa.select(UPLOAD.c.filename).where(*old).limit(MOST_EXPIRED)
            names = list(connection.scalars(query))
            connection.execute(sa.delete(UPLOAD).where(UPLOAD.c.filename.in_(names)))
        for name in names:
            self.blobs.draft(name).unlink(missing_ok=True)
        self._forget(*names)
        return len(names)

    def _unknown(self) -> ApiError:
        return ApiError(
            "filename: expected one that an upload was granted for and that was not used, found another"
        )


def _name(filename: str, purpose: str) -> str:
    """Return a name of our own in which the account's shows: never a path, never one of before."""
    path = PurePath(filename[-200:])
    suffix = path.suffix.lower() if path.suffix.lower() in (".csv", ".parquet") else ".csv"
    suffix = ENVELOPE_SUFFIX if purpose in ENCRYPTED else suffix
    stem = _UNSAFE.sub("-", path.stem).strip("-")[:60] or "predictions"
    return f"{stem}-{secrets.token_hex(8)}{suffix}"


def _ticket(row: sa.Row[Any], file: Path) -> Ticket:
    content = None if row.signed_content is None else from_hex(row.signed_content)
    signature = None if row.signature is None else from_hex(row.signature)
    return Ticket(row.filename, row.purpose, file, row.model, row.signed_round, content, signature)
