"""Limits on how much is uploaded: by one account, and by all together."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from scorer.server.errors import ApiError
from scorer.server.tables import UPLOAD

DAY: Final = 86_400
_SIZE: Final = sa.func.coalesce(UPLOAD.c.size, UPLOAD.c.most_bytes)
_WAITS: Final = sa.and_(UPLOAD.c.used_at.is_(None), UPLOAD.c.expires_at > sa.bindparam("now"))
_OWN: Final = sa.select(
    sa.func.coalesce(sa.func.sum(sa.case((_WAITS, 1), else_=0)), 0), sa.func.coalesce(sa.func.sum(_SIZE), 0)
).where(UPLOAD.c.account == sa.bindparam("account"), UPLOAD.c.expires_at > sa.bindparam("now") - DAY)
"""The number of uploads of an account that wait, and the bytes of those of a day."""
_UNUSED: Final = sa.select(sa.func.coalesce(sa.func.sum(_SIZE), 0)).where(UPLOAD.c.used_at.is_(None))
"""The bytes of all uploads that are not used."""


@dataclass(frozen=True)
class Quotas:
    """The most that may be uploaded. What was granted and not sent yet counts by its limit.

    Attributes
    ----------
    waiting
        Uploads of an account that are not used yet.
    account_bytes
        Bytes that an account uploads in a day.
    waiting_bytes
        Bytes of all uploads that are not used yet.
    free_bytes
        Bytes of the disk that uploads leave free.
    """

    waiting: int = 20
    account_bytes: int = 4 * 2**30
    waiting_bytes: int = 32 * 2**30
    free_bytes: int = 2**30

    def require_disk(self, free: int, most: int) -> None:
        """Refuse an upload of up to `most` bytes where a disk with `free` bytes has no room.

        Raises
        ------
        ApiError
            When it has none.
        """
        if free - most < self.free_bytes:
            raise ApiError(
                f"upload: expected room for {most} bytes on the server, found none; try again later, and "
                "tell the operator"
            )

    def require(self, connection: sa.Connection, account: str, most: int, now: int) -> None:
        """Refuse an upload of up to `most` bytes that is more than an account, or all together, may have.

        Raises
        ------
        ApiError
            Names the limit.
        """
        waiting, of_day = connection.execute(_OWN, {"account": account, "now": now}).one()
        if waiting >= self.waiting:
            raise ApiError(
                f"upload: expected at most {self.waiting} uploads that are not used, found as many; submit "
                "them, or wait an hour"
            )
        if of_day + most > self.account_bytes:
            raise ApiError(
                f"upload: expected at most {self.account_bytes} bytes of an account in a day, found {of_day} "
                f"and {most} more; wait until tomorrow"
            )
        of_all = connection.execute(_UNUSED).scalar_one()
        if of_all + most > self.waiting_bytes:
            raise ApiError(
                "upload: expected room beside the uploads of others, found none; try again in an hour"
            )
