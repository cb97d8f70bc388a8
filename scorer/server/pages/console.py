"""Reads what the organiser's console shows, and notes every act; nothing in it changes a result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from scorer.protocol.rules import Rules, read_rules
from scorer.protocol.schedule import CalendarError, RoundTimes, round_times
from scorer.server.accounts import Account
from scorer.server.custody import WaitingClaim, waiting_claims
from scorer.server.pages.committee import UNANSWERED
from scorer.server.pages.dry_run import DryRun, dry_runs
from scorer.server.round_roots import rules_of
from scorer.server.services import Services
from scorer.server.tables import ACCOUNT, INVITATION, ORGANISER_ACT, ROUND, SUBMISSION

SHOWN: Final = 50
PLANNED: Final = 8
"""Coming rounds that are shown."""
AHEAD: Final = timedelta(days=21)
YEAR: Final = 365 * 86_400
MOST_ROUNDS: Final = 60
"""Rounds of a dry run: each reads a bundle."""


@dataclass(frozen=True)
class ConsoleFacts:
    """The contents of the console: newest submissions, invitations and acts first."""

    queue: Sequence[sa.Row[Any]]
    invitations: Sequence[sa.Row[Any]]
    acts: Sequence[sa.Row[Any]]
    plan: tuple[RoundTimes, ...]
    rules: Rules | None


@dataclass(frozen=True)
class Console:
    """The organiser's reading and acting, every act noted with who did it."""

    services: Services

    def facts(self) -> ConsoleFacts:
        """Return the newest submissions, invitations, acts, and the plan of coming rounds."""
        newest = sa.select(SUBMISSION).order_by(SUBMISSION.c.received_at.desc()).limit(SHOWN)
        invited = (
            sa.select(INVITATION, ACCOUNT.c.username)
            .outerjoin(ACCOUNT, ACCOUNT.c.id == INVITATION.c.account)
            .order_by(INVITATION.c.created_at.desc())
            .limit(SHOWN)
        )
        acts = sa.select(ORGANISER_ACT).order_by(ORGANISER_ACT.c.id.desc()).limit(SHOWN)
        with self.services.database.reading() as connection:
            rows = [connection.execute(query).all() for query in (newest, invited, acts)]
        rules = self.current_rules()
        return ConsoleFacts(rows[0], rows[1], rows[2], self._plan(rules), rules)

    def claims(self, block: int) -> list[WaitingClaim] | None:
        """Return the models that wait for the operator's offer; None while the chain does not answer."""
        try:
            return waiting_claims(self.services.accounts, self.services.suite, block)
        except UNANSWERED:
            return None

    def current_rules(self) -> Rules | None:
        """Return the rules of the newest round; None where they are not published."""
        newest = self.services.queries.rounds(1)
        return rules_of(self.services, newest[0]) if newest else None

    def _plan(self, rules: Rules | None) -> tuple[RoundTimes, ...]:
        """Return the next rounds by the schedule of the rules; none where they have none."""
        if rules is None or rules.schedule is None:
            return ()
        now = self.services.clock()
        today = datetime.fromtimestamp(now, UTC).date()
        try:
            times = round_times(rules.schedule, rules.horizon, today, today + AHEAD)
        except CalendarError:
            return ()
        return tuple(found for found in times if found.close_at > now)[:PLANNED]

    def invite(self, who: Account, note: str) -> str:
        """Make an invitation, and return its code, which is kept nowhere."""
        code = self.services.accounts.invite(note)
        self.note(who, "invite", note or "without a note")
        return code

    def dry_run(self, who: Account, text: str) -> list[DryRun]:
        """Settle the last year's rounds anew under rules in TOML or JSON, at most `MOST_ROUNDS` of them.

        Raises
        ------
        scorer.protocol.rules.RulesError, scorer.server.pages.dry_run.NotComparable
            When they are no rules, or need what rounds do not have.
        """
        rules = read_rules(text.encode(), "the rules")
        since = self.services.clock() - YEAR
        query = sa.select(ROUND).where(ROUND.c.is_scored, ROUND.c.resolve_at > since)
        with self.services.database.reading() as connection:
            rows = connection.execute(query.order_by(ROUND.c.id.desc()).limit(MOST_ROUNDS)).all()
        found = dry_runs((self.services.bundles.bundle(row.id).scored for row in rows), rules)
        self.note(who, "dry run", f"{rules.name}, {len(found)} rounds, rules 0x{rules.hash().hex()}")
        return found

    def note(self, who: Account, act: str, detail: str) -> None:
        """Note an act of an organiser; notes are only ever added."""
        row = {"at": self.services.clock(), "account": who.id, "username": who.username}
        with self.services.database.writing() as connection:
            connection.execute(sa.insert(ORGANISER_ACT).values(**row, act=act, detail=detail[:500]))
