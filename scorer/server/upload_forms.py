"""The purposes of uploads, the form that each must have, and why some were refused."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from scorer.server.blobs import TooLarge

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
MOST_REASONS: Final = 1_000
"""Refused uploads whose reasons are kept."""


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
