"""The server's database: a SQLite file, or PostgreSQL by URL, brought to the current schema by Alembic."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from scorer.errors import CupelError
from scorer.redaction import remember_url
from scorer.server import public_version

PATIENCE: Final = 20
"""Seconds for which a writer waits for others."""
SYNCHRONOUS: Final = "synchronous"
PRAGMAS: Final = (
    "journal_mode=WAL",
    f"{SYNCHRONOUS}=FULL",
    "foreign_keys=ON",
    f"busy_timeout={1000 * PATIENCE}",
)
"""Readers do not wait for writers; what was committed survives a power cut; rows refer to what is there."""
POOL: Final[Mapping[str, Any]] = {"hide_parameters": True, "pool_size": 20, "max_overflow": 40}
"""Room for all threads of a web process, which are 40, and of its worker: none waits for a connection."""
WRITES: Final = "cupel_writes"
DURABLE: Final = "cupel_durable"
MIGRATIONS: Final = "scorer.server:migrations"
_SHARED: Final = ContextVar[sa.Connection | None]("shared", default=None)
"""The connection of this thread's `one_moment`."""


class DatabaseError(CupelError):
    """The database cannot be used; the message says why, and what to do."""


@dataclass(frozen=True)
class Database:
    """Transactions on the server's database, each in one thread."""

    engine: sa.Engine
    _writer: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def open(cls, location: str | Path) -> "Database":
        """Open a database by URL or by the path of a SQLite file; `migrate` makes its tables."""
        text = str(location)
        if "://" in text:
            remember_url(text)
            return cls(_prepared(sa.create_engine(text, pool_pre_ping=True, **POOL)))
        path = Path(location).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(_prepared(sa.create_engine(f"sqlite:///{path}", **POOL)))

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection whose readings are all of one moment."""
        shared = _SHARED.get()
        if shared is not None and shared.engine is self.engine:
            yield shared
            return
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def one_moment(self) -> Iterator[sa.Connection]:
        """Yield the connection of all that this thread reads meanwhile.

        So what is read in several places is of one moment on SQLite, and needs one transaction.
        """
        with self.reading() as connection:
            before = _SHARED.set(connection)
            try:
                yield connection
            finally:
                _SHARED.reset(before)

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """Yield a connection that is committed at the end, and rolled back where an error is raised.

        Where it changes what is public, it changes the number by which answers are kept as well.

        Parameters
        ----------
        durable
            Whether it survives a power cut from the commit on. Without it, it does from the next durable one
            on, and nothing is lost where a process alone ends: enough for what nobody relies on yet.
        """
        changes = public_version.Changes()
        with self._transaction(durable=durable, **{public_version.CHANGES: changes}) as connection:
            yield connection
            if changes.are_public:
                public_version.renew(connection)

    @contextmanager
    def _transaction(self, *, durable: bool, **options: Any) -> Iterator[sa.Connection]:
        options |= {WRITES: True, DURABLE: durable}
        with (
            self._turn(),
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            if not durable and self.engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let the threads of this process write one after the other on SQLite, which has one writer.

        SQLite itself would let those that wait sleep, for up to a tenth of a second at a time. After its own
        patience they ask it all the same, and it says what is wrong.
        """
        is_mine = self.engine.dialect.name == "sqlite" and self._writer.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if is_mine:
                self._writer.release()

    def migrate(self, revision: str = "head") -> None:
        """Bring the tables to a revision, all steps in one transaction."""
        with self._transaction(durable=True) as connection:
            known = {script.revision for script in _scripts().walk_revisions()}
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise DatabaseError(
                    f"database: expected a schema of this release or an older one, found {current}; use the "
                    "release that wrote it, or a newer one"
                )
            config = _config()
            config.attributes["connection"] = connection
            (command.downgrade if revision == "base" else command.upgrade)(config, revision)

    def require_current(self) -> None:
        """Refuse a database whose tables are not those of this release.

        Raises
        ------
        DatabaseError
            Names the command that migrates it.
        """
        with self.reading() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        if current != (head := _scripts().get_current_head()):
            raise DatabaseError(
                f"database: expected the schema {head}, found {current or 'none'}; run cupel server init "
                "again, which keeps what is there"
            )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _prepared(engine: sa.Engine) -> sa.Engine:
    """Let SQLAlchemy begin SQLite's transactions: sqlite3 itself begins none before a table is made."""
    event.listen(engine, "after_execute", public_version.note)
    if engine.dialect.name != "sqlite":
        return engine

    @event.listens_for(engine, "connect")
    def connect(connection: Any, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        entry.info[SYNCHRONOUS] = "FULL"

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get(WRITES):
            level = "FULL" if options[DURABLE] else "NORMAL"
            if connection.info[SYNCHRONOUS] != level:  # which holds for this connection from then on
                connection.exec_driver_sql(f"PRAGMA {SYNCHRONOUS}={level}")
                connection.info[SYNCHRONOUS] = level
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES) else "BEGIN")

    return engine
