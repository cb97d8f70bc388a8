"""Opens the database of a journal and locks it for one process: a SQLite file, or PostgreSQL by URL."""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import sqlalchemy as sa
from eth_hash.auto import keccak
from sqlalchemy.pool import NullPool

from scorer.errors import CupelError
from scorer.redaction import described
from scorer.transactions.schema import NewerSchema, prepare

IDLE_PAGES: Final = 4096
"""Idle pages of 4 kB above which a file is made smaller, where they are more than half of the file too."""


class JournalError(CupelError):
    """The journal cannot be used; the message says why, and what to do."""


def open_database(location: str | Path) -> tuple[sa.Connection, IO[str] | None]:
    """Connect to a database and lock it; the lock of PostgreSQL is the connection itself.

    Raises
    ------
    JournalError
        When another process holds it, or it cannot be opened.
    """
    if "://" in str(location):
        return connect(_engine(str(location)), None)
    path = Path(location).resolve()  # a link to a journal has the journal's lock
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(path.name + ".lock").open("a")
    except OSError as error:
        raise JournalError(
            f"journal {path}: expected a file that can be written there, found {error.strerror}"
        ) from None
    lock = _locked(file, path)
    # Without hide_parameters, an error would repeat a statement's values, signed bytes among them.
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool, hide_parameters=True)
    return connect(engine, lock)


def connect(engine: sa.Engine, lock: IO[str] | None) -> tuple[sa.Connection, IO[str] | None]:
    """Connect to a database, and bring its tables to this version; the lock is let go of on failure.

    Raises
    ------
    JournalError
        When it cannot be opened, or a newer release wrote it.
    """
    connection: sa.Connection | None = None
    try:
        connection = engine.connect()
        if engine.dialect.name == "sqlite":
            _make_durable(connection)
        else:
            _advisory_lock(connection)
        # After the lock: two processes must not migrate one journal.
        prepare(connection)
        if engine.dialect.name == "sqlite":
            _shrink(connection)
    except NewerSchema as error:
        close(connection, lock)
        raise JournalError(
            f"journal {_where(engine.url)}: {error}; install the release that wrote it, or a newer "
            "one: what this one would misread must not be written to"
        ) from None
    except sa.exc.SQLAlchemyError as error:
        close(connection, lock)
        raise JournalError(
            f"journal {_where(engine.url)}: expected a database that can be opened and written, "
            f"found {type(error).__name__}; check the location and its rights"
        ) from None
    return connection, lock


def close(connection: sa.Connection | None, lock: IO[str] | None) -> None:
    """Close a connection, and release a lock."""
    if connection is not None:
        connection.close()
    if lock is not None:
        lock.close()


def _engine(url: str) -> sa.Engine:
    try:
        return sa.create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        # Nothing is shown of a text that is no URL: its password may be anywhere in it.
        raise JournalError(
            "journal: expected a URL such as postgresql+psycopg://user@host/name, found "
            f"{described(url)} ({type(error).__name__})"
        ) from None


def _where(url: sa.URL) -> str:
    """Name a database in messages, without a URL's user, password and parameters."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host}:{url.port}" if url.port else str(url.host)


def _locked(lock: IO[str], path: Path) -> IO[str]:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise JournalError(
            f"journal {path}: expected it to be free, found another process at work with it; two must not "
            "share a key: stop the other one, or give this one a journal and a key of its own"
        ) from None
    return lock


def _shrink(connection: sa.Connection) -> None:
    """Give back the space that pruning freed, where it is much; with a full disk, another time."""
    pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    idle = int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())
    connection.commit()
    if idle > IDLE_PAGES and 2 * idle > pages:
        with suppress(sa.exc.OperationalError):
            connection.exec_driver_sql("VACUUM")
        connection.rollback()


def _make_durable(connection: sa.Connection) -> None:
    # FULL, because a power cut may take a WAL's last commits back otherwise: those of what was already sent.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    connection.commit()


def _advisory_lock(connection: sa.Connection) -> None:
    # PostgreSQL frees an advisory lock when its session ends, however it ends.
    number = int.from_bytes(keccak(b"cupel transaction journal")[:8], "big", signed=True)
    taken = connection.execute(sa.select(sa.func.pg_try_advisory_lock(number))).scalar_one()
    connection.commit()
    if not taken:
        raise JournalError(
            "journal: expected the database to be free, found another process at work with it; two must not "
            "share a key: stop the other one, or give this one a database and a key of its own"
        )
