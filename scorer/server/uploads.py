"""Uploads: an account asks for a name and a signed URL, sends the file by PUT, and names it once."""

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import is_canonical
from scorer.server.accounts import Account, Clock, NamedModel
from scorer.server.blobs import BlobFolder, TooLarge, sha256_of
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.quotas import Quotas
from scorer.server.signed_urls import SignedUrls
from scorer.server.tables import UPLOAD
from scorer.storage.inbox import ENVELOPE_SUFFIX

UPLOAD_SECONDS: Final = 3_600
DOWNLOAD_SECONDS: Final = 600
GRACE: Final = 3_600
"""Seconds for which an upload can still be used that can no more be sent."""
MOST_REASONS: Final = 1_000
"""Refused uploads whose reasons are kept."""
MOST_EXPIRED: Final = 1_000
"""Uploads that are removed at once."""
SUBMISSION_PURPOSE: Final = "submission"
"""Predictions in the clear."""
ENVELOPE_PURPOSE: Final = "envelope"
"""Predictions that their sender encrypted."""
HOSTED_PURPOSE: Final = "hosted"
"""Predictions that this server encrypts as they come, and then signs."""
ENCRYPTED: Final = (ENVELOPE_PURPOSE, HOSTED_PURPOSE)
SIGNED: Final = (SUBMISSION_PURPOSE, ENVELOPE_PURPOSE)
"""Those that a submitter may sign."""
SUBMISSIONS: Final = (SUBMISSION_PURPOSE, *ENCRYPTED)
DIAGNOSTICS_PURPOSE: Final = "diagnostics"
ENCRYPTING: Final = ThreadPoolExecutor(2, thread_name_prefix="encrypting")
"""Threads that check and encrypt hosted files: as many at once as processors, and no other request waits."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class UploadForm:
    """The form that an upload must have.

    Attributes
    ----------
    most
        Bytes that may be sent.
    least
        Bytes that are kept at least.
    head
        The number of first bytes that `check` looks at, before any are written down.
    encrypt
        Returns what is kept of what was sent, which is never written down; None: what was sent is kept.
    """

    most: int
    least: int = 0
    head: int = 0
    check: Callable[[bytes], None] = lambda _: None
    encrypt: Callable[[bytes], bytes] | None = None

    def kept(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield what is written down of what is sent; raises an ApiError where that has another form."""
        return self._checked(chunks) if self.encrypt is None else self._encrypted(chunks, self.encrypt)

    async def _encrypted(
        self, chunks: AsyncIterable[bytes], encrypt: Callable[[bytes], bytes]
    ) -> AsyncIterator[bytes]:
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > self.most:
                raise TooLarge(f"upload: expected at most {self.most} bytes, found more")
        yield await asyncio.get_running_loop().run_in_executor(ENCRYPTING, encrypt, bytes(content))

    async def _checked(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        head = bytearray()
        async for chunk in chunks:
            if len(head) >= self.head:
                yield chunk
                continue
            head += chunk
            if len(head) >= self.head:
                self.check(bytes(head[: self.head]))
                yield bytes(head)


@dataclass(frozen=True)
class ExpectedUpload:
    """An upload that was granted and not used: whose, what for, which model's, and its most bytes."""

    filename: str
    account: str
    purpose: str
    model: int | None
    most: int


@dataclass(frozen=True)
class RefusedUploads:
    """Reasons for which this process refused uploads: clients that do not look at the answer ask later.

    They are in memory alone, since a reason may quote the file. The newest are kept.
    """

    reasons: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def note(self, filename: str, reason: str) -> None:
        """Note why an upload was refused."""
        self.reasons[filename] = reason
        while len(self.reasons) > MOST_REASONS:
            self.reasons.popitem(last=False)

    def reason(self, filename: str) -> str:
        """Return why nothing is there under an upload's name."""
        unsent = "filename: expected a file that was sent by PUT, found none; send it again"
        return self.reasons.get(filename, unsent)


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
    """Names, URLs, signatures and files of uploads."""

    database: Database
    clock: Clock
    urls: SignedUrls
    blobs: BlobFolder
    quotas: Quotas = field(default_factory=Quotas)
    refused: RefusedUploads = field(default_factory=RefusedUploads)

    def grant(
        self, account: Account, filename: str, model: NamedModel | None, purpose: str, most: int
    ) -> dict[str, str]:
        """Return a name for a file, and the URL to which it is to be sent.

        Parameters
        ----------
        filename
            What the account calls it: it shows in our name.
        most
            Bytes.

        Raises
        ------
        ApiError
            When the account, or all together, have uploaded as much as they may; see `Quotas`.
        """
        now, name = self.clock(), _name(filename, purpose)
        row = {"filename": name, "account": account.id, "purpose": purpose, "most_bytes": most}
        self.quotas.require_disk(self.blobs.free(), most)
        with self.database.writing() as connection:
            self.quotas.require(connection, account.id, most, now)
            values = {**row, "model": model.id if model else None, "expires_at": now + UPLOAD_SECONDS}
            connection.execute(sa.insert(UPLOAD).values(**values))
        return {"filename": name, "url": self.urls.make("PUT", "upload", name, UPLOAD_SECONDS)}

    def expected(self, filename: str) -> ExpectedUpload | None:
        """Return what is known of an upload; None where none is expected."""
        known = (UPLOAD.c.filename == filename, UPLOAD.c.used_at.is_(None))
        columns = (UPLOAD.c.account, UPLOAD.c.purpose, UPLOAD.c.model, UPLOAD.c.most_bytes)
        with self.database.reading() as connection:
            row = connection.execute(sa.select(*columns).where(*known)).one_or_none()
        return None if row is None else ExpectedUpload(filename, *row)

    def sent(self, account: Account, filename: str) -> tuple[int, str]:
        """Return the size of what was sent for an upload of an account, and its SHA-256 in hex.

        Raises
        ------
        ApiError
            When the upload is not the account's, was used, or nothing was sent.
        """
        with self.database.reading() as connection:
            unused = self._unused(account, filename, *SUBMISSIONS, DIAGNOSTICS_PURPOSE)
            if connection.execute(sa.select(UPLOAD.c.filename).where(*unused)).first() is None:
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
        part, size = await self.blobs.write_part(form.kept(chunks), max(form.most, form.least))
        try:
            if size < form.least:
                raise ApiError(f"upload: expected {form.least} bytes, found fewer; send the whole file again")
            await run_in_threadpool(self._place, filename, part, size)
        finally:
            part.unlink(missing_ok=True)

    def _place(self, filename: str, part: Path, size: int) -> None:
        """Give a file its name unless the upload was used: in the transaction, so that it cannot be since."""
        unused = (UPLOAD.c.filename == filename, UPLOAD.c.used_at.is_(None))
        with self.database.writing() as connection:
            sent = sa.update(UPLOAD).where(*unused).values(size=size)
            if connection.execute(sent).rowcount != 1:
                raise ApiError("upload: expected one that was not submitted yet, found one that was")
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
        values = {
            "signed_round": round_id,
            "signed_content": to_hex(content_hash),
            "signature": to_hex(signed),
        }
        statement = sa.update(UPLOAD).where(*self._unused(account, filename, *SIGNED))
        with self.database.writing() as connection:
            if connection.execute(statement.values(**values)).rowcount != 1:
                raise self._unknown()

    def take(self, account: Account, filename: str, model: NamedModel | None, *purposes: str) -> Ticket:
        """Use an upload, once.

        Raises
        ------
        ApiError
            When it is not the account's, not for this model, was used, or nothing was sent.
        """
        unused = self._unused(account, filename, *purposes)
        used = sa.update(UPLOAD).where(*unused).values(used_at=self.clock())
        with self.database.writing() as connection:
            if connection.execute(used).rowcount != 1:
                raise self._unknown()
            row = connection.execute(sa.select(UPLOAD).where(UPLOAD.c.filename == filename)).one()
            if model is not None and row.model not in (None, model.id):
                raise ApiError(
                    f"filename: expected an upload for model {model.id}, found one for model {row.model}"
                )
            try:
                file = self.blobs.claim(filename)
            except FileNotFoundError:
                raise ApiError(self.refused.reason(filename)) from None
        return _ticket(row, file)

    def expire(self) -> int:
        """Remove uploads that were never used, with their files; how many."""
        old = (UPLOAD.c.used_at.is_(None), UPLOAD.c.expires_at <= self.clock() - GRACE)
        with self.database.writing() as connection:
            query = sa.select(UPLOAD.c.filename).where(*old).limit(MOST_EXPIRED)
            names = list(connection.scalars(query))
            connection.execute(sa.delete(UPLOAD).where(UPLOAD.c.filename.in_(names)))
        for name in names:
            self.blobs.draft(name).unlink(missing_ok=True)
        return len(names)

    def _unused(self, account: Account, filename: str, *purposes: str) -> tuple[sa.ColumnElement[bool], ...]:
        named = (UPLOAD.c.filename == filename, UPLOAD.c.account == account.id)
        return (*named, UPLOAD.c.purpose.in_(purposes), UPLOAD.c.used_at.is_(None))

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
