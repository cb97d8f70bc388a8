"""The tables of a journal, the version of their schema, and the migration from each version to the next.

A journal of an older version is migrated when it is opened, in one transaction: it is of the old version or
of the new one, whenever the process ends. One of a newer version is refused: it would be misread.
"""

from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa

from scorer.failpoints import reach
from scorer.transactions.request import RequestKey

VERSION: Final = 3
"""1: without a version, as the first releases wrote it. 2: the scope, round and kind of a request, indices,
pruning. 3: the state of numbered requests in a table of its own, no longer in notes."""
# Rows that a migration holds in memory at a time.
MOST_ROWS: Final = 1000

METADATA: Final = sa.MetaData()
INTENT: Final = sa.Table(
    "intent",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("account", sa.String(42), nullable=False),
    sa.Column("to", sa.String(42), nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("gas", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("nonce", sa.BigInteger),
    sa.Column("block", sa.BigInteger),
    sa.Column("gas_used", sa.BigInteger),
    sa.Column("ok", sa.Boolean),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("scope", sa.Text),
    sa.Column("round", sa.BigInteger),
    sa.Column("act", sa.String(32)),
    sa.Column("stage", sa.SmallInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("key", "generation"),
    # The last guard against two calls with one nonce. Planned intents have none yet, and NULLs are never
    # equal.
    sa.UniqueConstraint("account", "nonce"),
)
ATTEMPT: Final = sa.Table(
    "attempt",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("intent", sa.ForeignKey("intent.id"), nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    # Fees as text: the EVM's numbers have 256 bits, a database's 64.
    sa.Column("tip", sa.Text, nullable=False),
    sa.Column("cap", sa.Text, nullable=False),
    sa.Column("cancels", sa.Boolean, nullable=False),
    sa.Column("signed_at", sa.BigInteger, nullable=False),
    sa.Column("refusal", sa.String(48)),
    sa.Column("least_tip", sa.Text, nullable=False),
)
EVENT: Final = sa.Table(
    "event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(48), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
NOTE: Final = sa.Table(
    "note",
    METADATA,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
NUMBERED: Final = sa.Table(
    "numbered_request",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("title", sa.Text),
    sa.Column("acknowledged", sa.BigInteger, nullable=False),
    sa.Column("ceiling", sa.Text),
)
SCHEMA: Final = sa.Table("journal_schema", METADATA, sa.Column("version", sa.Integer, nullable=False))

IS_OPEN: Final = sa.text("state IN ('sent', 'mined')")
"""`scorer.transactions.intents.OPEN`, in the same words in index and queries: else the index is not used."""
INDICES: Final = (
    _INTENT_OPEN := sa.Index("intent_open", INTENT.c.account, INTENT.c.nonce),
    sa.Index("intent_act", INTENT.c.scope, INTENT.c.act),
    sa.Index("intent_stage", INTENT.c.scope, INTENT.c.stage, INTENT.c.round),
    sa.Index("attempt_intent", ATTEMPT.c.intent, ATTEMPT.c.signed_at),
    sa.Index("event_kind", EVENT.c.kind),
    sa.Index("event_at", EVENT.c.at),
)


class NewerSchema(Exception):
    """A journal was written by a newer release than this one."""


def prepare(connection: sa.Connection) -> None:
    """Create the tables where there are none, and migrate older ones to this version, all or nothing.

    Raises
    ------
    NewerSchema
        When they are of a later version.
    """
    # Said to the database at hand alone: SQLAlchemy imports each dialect whose options are named.
    _INTENT_OPEN.dialect_options[connection.dialect.name]["where"] = IS_OPEN
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE"
        )  # else tables would be created outside of the transaction
    try:
        _migrate(connection, _version(connection))
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _migrate(connection: sa.Connection, current: int | None) -> None:
    if current is not None and current > VERSION:
        raise NewerSchema(f"expected a schema of version {VERSION} or older, found version {current}")
    if current is None:
        METADATA.create_all(connection)
        connection.execute(sa.insert(SCHEMA).values(version=VERSION))
        return
    for version in range(current, VERSION):
        MIGRATIONS[version](connection)
        connection.execute(sa.update(SCHEMA).values(version=version + 1))
        reach("journal-migrated", str(version))


def _version(connection: sa.Connection) -> int | None:
    """Return the version of the tables; None where there are none."""
    names = set(sa.inspect(connection).get_table_names())
    if SCHEMA.name in names:
        return int(connection.execute(sa.select(SCHEMA.c.version)).scalar_one())
    # Version 1 had no table for its version.
    return 1 if INTENT.name in names else None


def _from_1_to_2(connection: sa.Connection) -> None:
    SCHEMA.create(connection)
    connection.execute(sa.insert(SCHEMA).values(version=1))
    for column in ("scope TEXT", "round BIGINT", "act VARCHAR(32)", "stage SMALLINT NOT NULL DEFAULT 0"):
        connection.exec_driver_sql(f"ALTER TABLE intent ADD COLUMN {column}")
        reach("journal-migrating", column)
    last = 0
    while rows := _rows_after(connection, last):
        last = int(rows[-1].id)
        values = [{"row": row.id, **columns_of(row.key)} for row in rows]
        connection.execute(_FILL, values)
        reach("journal-migrating", "rows")
    for index in INDICES:
        index.create(connection)
        reach("journal-migrating", str(index.name))


def _rows_after(connection: sa.Connection, last: int) -> list[sa.Row[tuple[int, str]]]:
    query = sa.select(INTENT.c.id, INTENT.c.key).where(INTENT.c.id > last)
    return list(connection.execute(query.order_by(INTENT.c.id).limit(MOST_ROWS)))


def _from_2_to_3(connection: sa.Connection) -> None:
    """Move titles, counts and ceilings out of the notes, where they had prefixed keys."""
    NUMBERED.create(connection)
    reach("journal-migrating", NUMBERED.name)
    prefixed = sa.or_(*(NOTE.c.key.startswith(prefix, autoescape=True) for prefix in _PREFIXES))
    notes = {row.key: row.value for row in connection.execute(sa.select(NOTE).where(prefixed))}
    if rows := _numbered_rows(notes):
        connection.execute(sa.insert(NUMBERED), rows)
    reach("journal-migrating", "numbered rows")
    connection.execute(sa.delete(NOTE).where(prefixed))
    reach("journal-migrating", "notes")


def _numbered_rows(notes: Mapping[str, str]) -> list[dict[str, str | int | None]]:
    """Build a row for each KEY from the notes in which older schemas kept title, reports and ceiling."""
    keys = {note.partition(":")[2].partition("#")[0] for note in notes}
    rows: list[dict[str, str | int | None]] = []
    for key in sorted(keys):
        acknowledged = int(notes.get(f"told:{key}", 0))
        # The ceilings of earlier numbers are no longer needed.
        ceiling = notes.get(f"ceiling:{key}#{acknowledged}")
        title = notes.get(f"title:{key}")
        rows.append({"key": key, "title": title, "acknowledged": acknowledged, "ceiling": ceiling})
    return rows


def columns_of(key: str) -> dict[str, str | int | None]:
    """Return the columns of an intent that say which round of which tournament it belongs to."""
    parsed = RequestKey.parse(key)
    if parsed is None or parsed.round_id is None:
        return {"scope": None, "round": None, "act": None}
    return {"scope": parsed.scope, "round": parsed.round_id, "act": parsed.kind}


_FILL: Final = (
    sa.update(INTENT)
    .where(INTENT.c.id == sa.bindparam("row"))
    .values(scope=sa.bindparam("scope"), round=sa.bindparam("round"), act=sa.bindparam("act"))
)
_PREFIXES: Final = ("title:", "told:", "ceiling:")
"""The prefixes of notes in version 2 that version 3 has in a table."""
MIGRATIONS: Final[Mapping[int, Callable[[sa.Connection], None]]] = {1: _from_1_to_2, 2: _from_2_to_3}
"""The migration from each version to the next."""
