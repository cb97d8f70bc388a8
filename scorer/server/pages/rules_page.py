"""Reads the rules that rounds were played by, and what changed from one document to the next."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from scorer.proofs.terms import unprovable_parts
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import Rules
from scorer.server.pages.round_page import readable
from scorer.server.round_roots import rules_of
from scorer.server.services import Services
from scorer.server.tables import ROUND


@dataclass(frozen=True)
class DiffLine:
    """One line of a difference; `kind` is same, added or removed."""

    kind: str
    text: str


@dataclass(frozen=True)
class RulesEntry:
    """A rules document, with the rounds that it froze.

    Attributes
    ----------
    rules
        None while nobody has published the document of this hash.
    """

    hash: str
    rules: Rules | None
    first: int
    last: int
    rounds: int
    since: int

    @property
    def text(self) -> str:
        """The document as people read it."""
        return "" if self.rules is None else readable(self.rules)

    @property
    def unprovable(self) -> tuple[str, ...]:
        """The parts that no court can compute; empty where a false score can be proven to one."""
        return () if self.rules is None else unprovable_parts(self.rules)

    @property
    def canonical(self) -> str:
        """The bytes whose SHA-256 is the hash."""
        return "" if self.rules is None else self.rules.canonical_json().decode()


def read_rules(services: Services) -> list[RulesEntry]:
    """Return all rules documents, newest first."""
    columns = (
        ROUND.c.rules_hash,
        sa.func.min(ROUND.c.id).label("first"),
        sa.func.max(ROUND.c.id).label("last"),
        sa.func.count().label("rounds"),
        sa.func.min(ROUND.c.open_at).label("since"),
    )
    query = sa.select(*columns).group_by(ROUND.c.rules_hash).order_by(sa.desc("first"))
    with services.database.reading() as connection:
        rows = connection.execute(query).all()
    return [
        RulesEntry(
            row.rules_hash,
            _published(services, row.rules_hash, row.last),
            *(row.first, row.last, row.rounds, row.since),
        )
        for row in rows
    ]


def _published(services: Services, rules_hash: str, last: int) -> Rules | None:
    """Return the document of a hash, from its last round or from one whose bundle came."""
    with services.database.reading() as connection:
        same = sa.select(ROUND).where(ROUND.c.rules_hash == rules_hash)
        scored = connection.execute(same.where(ROUND.c.rules.is_not(None)).limit(1)).one_or_none()
        row = scored or connection.execute(same.where(ROUND.c.id == last)).one()
    rules = rules_of(services, row)
    return rules if rules is not None and to_hex(rules.hash()) == rules_hash else None


def differences(before: str, after: str) -> Sequence[DiffLine]:
    """Return what changed between two documents, line by line, with three lines around each change."""
    kinds = {"+": "added", "-": "removed", " ": "same"}
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return [
        DiffLine("place" if line.startswith("@@") else kinds[line[0]], line if line[:2] == "@@" else line[1:])
        for line in lines
        if not line.startswith(("---", "+++"))
    ]
