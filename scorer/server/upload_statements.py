"""Statements of each upload, put together once: that takes longer than to run them."""

from typing import Any, Final

import sqlalchemy as sa

from scorer.server.accounts import Account
from scorer.server.tables import UPLOAD

EXPECTED: Final = sa.select(UPLOAD.c.account, UPLOAD.c.purpose, UPLOAD.c.model, UPLOAD.c.most_bytes).where(
    UPLOAD.c.filename == sa.bindparam("name"), UPLOAD.c.used_at.is_(None)
)
SENT: Final = (
    sa.update(UPLOAD)
    .where(UPLOAD.c.filename == sa.bindparam("name"), UPLOAD.c.used_at.is_(None))
    .values(size=sa.bindparam("bytes"))
)
UNUSED: Final = (
    UPLOAD.c.filename == sa.bindparam("name"),
    UPLOAD.c.account == sa.bindparam("owner"),
    UPLOAD.c.purpose.in_(sa.bindparam("purposes", expanding=True)),
    UPLOAD.c.used_at.is_(None),
)
KNOWN: Final = sa.select(UPLOAD.c.filename).where(*UNUSED)
SIGNED_BY: Final = (
    sa.update(UPLOAD)
    .where(*UNUSED)
    .values(
        signed_round=sa.bindparam("of_round"),
        signed_content=sa.bindparam("content"),
        signature=sa.bindparam("signed"),
    )
)
TAKEN: Final = sa.update(UPLOAD).where(*UNUSED).values(used_at=sa.bindparam("now")).returning(*UPLOAD.c)


def named(account: Account, filename: str, *purposes: str) -> dict[str, Any]:
    """Return the parameters of `UNUSED`."""
    return {"name": filename, "owner": account.id, "purposes": list(purposes)}
