"""The version of all that is public: a number that every transaction which changes any of it draws anew.

Answers that depend on nothing else are kept by it, in all processes that share the database.
"""

import secrets
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql.dml import UpdateBase

from scorer.server.tables import PUBLIC, PUBLIC_VERSION

CHANGES: Final = "cupel_changes"
"""The option of a connection under which it has its `Changes`."""
BITS: Final = 62
_NUMBER: Final = sa.select(PUBLIC_VERSION.c.number)
_RENEWED: Final = sa.update(PUBLIC_VERSION).values(number=sa.bindparam("drawn"))


@dataclass
class Changes:
    """Says whether a transaction has changed what is public."""

    are_public: bool = False


def number(connection: sa.Connection) -> int:
    """Return the version of what this connection reads."""
    return int(connection.execute(_NUMBER).scalar_one())


def renew(connection: sa.Connection) -> None:
    """Give what this connection writes a version of its own, as the last thing before it is committed.

    Transactions wait for one another here, and need nothing any more that another one could hold.
    """
    connection.execute(_RENEWED, {"drawn": secrets.randbits(BITS)})


def note(
    connection: sa.Connection, statement: Any, _multi: Any, _given: Any, _options: Any, result: Any
) -> None:
    """Note what a statement changed. One in text may have changed anything."""
    changes = connection.get_execution_options().get(CHANGES)
    if changes is None or changes.are_public:
        return
    if isinstance(statement, UpdateBase):
        has_changed = result.returns_rows or result.rowcount != 0  # a count that is not known counts
        changes.are_public = statement.table in PUBLIC and has_changed
    else:
        changes.are_public = isinstance(statement, sa.TextClause)
