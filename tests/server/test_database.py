"""Transactions of the server's database: writers take turns, and each is as durable as it asks to be."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from scorer.server import database as module
from scorer.server.database import Database
from scorer.server.tables import LANE

FULL, NORMAL = 2, 1
"""What SQLite calls its levels."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "server.sqlite")
    opened.migrate()
    with opened.writing() as connection:
        connection.execute(sa.insert(LANE).values(number=1, model=1, idle=0))
    yield opened
    opened.close()


def test_many_threads_write_and_no_change_is_lost(database: Database) -> None:
    def add(number: int) -> None:
        with database.writing(durable=number % 2 == 0) as connection:
            idle = connection.execute(sa.select(LANE.c.idle)).scalar_one()
            connection.execute(sa.update(LANE).values(idle=idle + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(100)))
    with database.reading() as connection:
        assert connection.scalar(sa.select(LANE.c.idle)) == 100


def test_each_transaction_is_as_durable_as_it_asks_to_be(database: Database) -> None:
    found = []
    for durable in (True, False, False, True, True, False):
        with database.writing(durable=durable) as connection:
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        found.append((durable, level))
    assert found == [(durable, FULL if durable else NORMAL) for durable, _ in found]


def test_a_writer_that_waits_too_long_is_refused_and_lets_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    monkeypatch.setattr(module, "PRAGMAS", ("journal_mode=WAL", "busy_timeout=200"))
    opened = Database.open(tmp_path / "server.sqlite")
    opened.migrate()
    refused = list[str]()

    def second() -> None:
        try:
            with opened.writing() as connection:
                connection.execute(sa.delete(LANE))
        except sa.exc.OperationalError as error:
            refused.append(str(error))

    with opened.writing() as connection:
        connection.execute(sa.delete(LANE))
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(20)
    assert "locked" in refused[0]
    second()
    assert len(refused) == 1
    opened.close()
