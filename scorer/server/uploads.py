"""Uploads: an account asks for a name and a signed URL, sends the file by PUT, and names it once."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote, urlencode

import sqlalchemy as sa

from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import is_canonical
from scorer.server.accounts import Account, Clock, NamedModel
from scorer.server.blobs import BlobFolder
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.tables import UPLOAD

UPLOAD_SECONDS: Final = 3_600
DOWNLOAD_SECONDS: Final = 600
MOST_WAITING: Final = 20
"""Uploads of an account that are not used yet."""
SUBMISSION_PURPOSE: Final = "submission"
DIAGNOSTICS_PURPOSE: Final = "diagnostics"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class SignedUrls:
    """Makes URLs that work for a while, for one file and one method.

    Attributes
    ----------
    url
        The public URL of the server.
    secret
        32 bytes that nobody else has.
    """

    url: str
    secret: bytes
    clock: Clock

    def make(self, method: str, route: str, filename: str, seconds: int) -> str:
        """Return a URL for ``/<route>/<filename>``."""
        expires = self.clock() + seconds
        signed = {"expires": expires, "signature": self._mac(method, route, filename, expires)}
        return f"{self.url}/{route}/{quote(filename)}?{urlencode(signed)}"

    def is_valid(self, method: str, route: str, filename: str, query: dict[str, str]) -> bool:
        """Return whether a request has a URL of ours that still works."""
        expires = query.get("expires", "")
        if (
            not expires.isascii()
            or not expires.isdecimal()
            or len(expires) > 12
            or int(expires) <= self.clock()
        ):
            return False
        expected = self._mac(method, route, filename, int(expires))
        return hmac.compare_digest(expected.encode(), query.get("signature", "").encode())

    def _mac(self, method: str, route: str, filename: str, expires: int) -> str:
        message = "\n".join((method, route, filename, str(expires)))
        return hmac.new(self.secret, message.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Ticket:
    """An upload that an account may use; the signature is the submitter's, if it came."""

    filename: str
    model: int | None
    signed_round: int | None
    signed_content: bytes | None
    signature: bytes | None


@dataclass(frozen=True)
class Uploads:
    """Names, URLs and signatures of uploads."""

    database: Database
    clock: Clock
    urls: SignedUrls
    blobs: BlobFolder

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
            When the account has too many uploads that it never used.
        """
        now, name = self.clock(), _name(filename)
        waiting = (UPLOAD.c.account == account.id, UPLOAD.c.used_at.is_(None), UPLOAD.c.expires_at > now)
        row = {"filename": name, "account": account.id, "purpose": purpose, "most_bytes": most}
        with self.database.writing() as connection:
            query = sa.select(sa.func.count()).select_from(UPLOAD).where(*waiting)
            if (connection.scalar(query) or 0) >= MOST_WAITING:
                raise ApiError(
                    f"upload: expected at most {MOST_WAITING} uploads that are not used, found as many; "
                    f"submit them, or wait {UPLOAD_SECONDS // 60} minutes"
                )
            values = {**row, "model": model.id if model else None, "expires_at": now + UPLOAD_SECONDS}
            connection.execute(sa.insert(UPLOAD).values(**values))
        return {"filename": name, "url": self.urls.make("PUT", "upload", name, UPLOAD_SECONDS)}

    def most_bytes(self, filename: str) -> int | None:
        """Return the bytes that an upload may have; None for one that is not expected, or was used."""
        known = (UPLOAD.c.filename == filename, UPLOAD.c.used_at.is_(None))
        with self.database.reading() as connection:
            return connection.scalar(sa.select(UPLOAD.c.most_bytes).where(*known))

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
        statement = sa.update(UPLOAD).where(*self._unused(account, filename, SUBMISSION_PURPOSE))
        with self.database.writing() as connection:
            if connection.execute(statement.values(**values)).rowcount != 1:
                raise self._unknown()

    def take(self, account: Account, filename: str, model: NamedModel | None, purpose: str) -> Ticket:
        """Use an upload, once.

        Raises
        ------
        ApiError
            When it is not the account's, not for this model, was used, or nothing was sent.
        """
        own = self._unused(account, filename, purpose)
        with self.database.writing() as connection:
            row = connection.execute(sa.select(UPLOAD).where(*own)).one_or_none()
            if row is None:
                raise self._unknown()
            if model is not None and row.model not in (None, model.id):
                raise ApiError(
                    f"filename: expected an upload for model {model.id}, found one for model {row.model}"
                )
            if not self.blobs.has_draft(filename):
                raise ApiError("filename: expected a file that was sent by PUT, found none; send it again")
            used = sa.update(UPLOAD).where(UPLOAD.c.filename == filename)
            connection.execute(used.values(used_at=self.clock()))
        return _ticket(row)

    def _unused(self, account: Account, filename: str, purpose: str) -> tuple[sa.ColumnElement[bool], ...]:
        named = (UPLOAD.c.filename == filename, UPLOAD.c.account == account.id, UPLOAD.c.purpose == purpose)
        return (*named, UPLOAD.c.used_at.is_(None))

    def _unknown(self) -> ApiError:
        return ApiError(
            "filename: expected one that an upload was granted for and that was not used, found another"
        )


def _name(filename: str) -> str:
    """Return a name of our own in which the account's shows: never a path, never one of before."""
    path = PurePath(filename[-200:])
    suffix = path.suffix.lower() if path.suffix.lower() in (".csv", ".parquet") else ".csv"
    stem = _UNSAFE.sub("-", path.stem).strip("-")[:60] or "predictions"
    return f"{stem}-{secrets.token_hex(8)}{suffix}"


def _ticket(row: sa.Row[Any]) -> Ticket:
    content = None if row.signed_content is None else from_hex(row.signed_content)
    signature = None if row.signature is None else from_hex(row.signature)
    return Ticket(row.filename, row.model, row.signed_round, content, signature)
