"""Judges which models may stake, by their churn against the rounds published before."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord
from scorer.protocol.rules import Gates, Rules
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import NEUTRALIZERS, SAMPLE_WEIGHTS, Table, table_file
from scorer.storage.bundle import ENVELOPES, SIGNATURES, Bundle, BundleError
from scorer.storage.bundle import SUBMISSIONS as PREDICTIONS

if TYPE_CHECKING:
    from scorer.evaluation.gates import PublishedRound

GATE_TABLES: Final = (NEUTRALIZERS, SAMPLE_WEIGHTS)
"""The tables that churn and turnover are measured with; the operator publishes them with the universe."""
GATE_FILES: Final = tuple(map(table_file, GATE_TABLES))


def check_gate_tables(rules: Rules, bundle: Bundle) -> None:
    """Refuse a round whose gates or whose models' churn could not be computed once it closes.

    Raises
    ------
    scorer.storage.bundle.BundleError
        Names the table that is missing or broken.
    """
    asking = "gates" if rules.gates is not None else "adjusters.neutral_churn"
    if rules.gates is None and rules.adjusters.neutral_churn is None:
        return
    for file in GATE_FILES:
        if not bundle.has(file):
            raise BundleError(
                f"{bundle.folder / file}: expected a table, which {asking} in the rules need, found none"
            )
    _tables(bundle, bundle.universe())


def _tables(bundle: Bundle, universe: tuple[str, ...]) -> dict[str, Table]:
    return {name: bundle.table(name, universe) for name in GATE_TABLES}


def _left_out(bundle: Bundle, record: RoundRecord) -> frozenset[int]:
    """Return the models of a round that are left out where all members must find the same.

    Who can read an encrypted submission that does not count depends on when others' keys came. What counts is
    known by the round's seal; without one nothing does.
    """
    if not bundle.has(ENVELOPES):
        return frozenset()
    return bundle.refused() if record.is_sealed else frozenset(bundle.submitted())


def _round_of(
    bundle: Bundle, closed_at: int, submissions: Submissions, left_out: frozenset[int] = frozenset()
) -> "PublishedRound":
    # Gates need pandas and scipy, which take a daemon as long to import as all else: here, and in what calls
    # this, they are imported by the first round that has gates.
    from scorer.evaluation.gates import PublishedRound

    return PublishedRound(closed_at, submissions, _tables(bundle, submissions.universe), left_out)


def _check_readable(bundle: Bundle, found: "PublishedRound", models: Iterable[int]) -> None:
    """Refuse an encrypted round of which we cannot read all that counts; in the clear all read the same."""
    for model in models if bundle.has(ENVELOPES) else ():
        if not found.is_readable(model):
            raise BundleError(
                f"{bundle.folder / PREDICTIONS}: expected the predictions of model {model}, which count and "
                "churn is measured against, found them unreadable; ask another member for its bundle"
            )


@dataclass(frozen=True)
class Gatekeeper:
    """Judges a round's models against what was published of earlier rounds.

    Attributes
    ----------
    published
        Returns what is published of a round, or for a member its own bundle. Earlier rounds without
        submissions or tables are passed over.
    """

    suite: Suite
    published: Callable[[int], Bundle]

    def reasons(
        self, gates: Gates, record: RoundRecord, submissions: Submissions, models: Iterable[int]
    ) -> dict[int, str]:
        """Return why some of `models`, which all submitted, may not stake in a round; ascending by model."""
        from scorer.evaluation.gates import DAY, judge_all

        wanted = sorted(models)
        current = _round_of(self.published(record.round_id), record.close_at, submissions)
        past = list(self._past(record, wanted, gates.submissions))
        latest = self._latest(record, record.close_at - gates.days * DAY)
        verdicts = judge_all(gates, wanted, current, past, latest)
        return {model: verdict.reason for model, verdict in verdicts.items() if verdict.reason is not None}

    def _latest(self, record: RoundRecord, since: int) -> dict[int, int]:
        """Return when the last round that closed at or after `since` did, by model that submitted to it."""
        latest: dict[int, int] = {}
        for earlier in self._earlier(record):
            if earlier.close_at >= since:
                submitted = self.published(earlier.round_id).submitted()
                latest |= dict.fromkeys(set(submitted).difference(latest), earlier.close_at)
        return latest

    def neutral_churn(self, record: RoundRecord, submissions: Submissions) -> Table:
        """Return the table neutral_churn of a round, of every model that submitted.

        Raises
        ------
        scorer.storage.bundle.BundleError
            When predictions of this round or an earlier one that count are withheld from us, or unreadable:
            another member, which has them, would compute another table.
        """
        from scorer.evaluation.gates import SUBMISSIONS, neutral_churn_table

        bundle = self.published(record.round_id)
        current = _round_of(bundle, record.close_at, submissions, _left_out(bundle, record))
        counting = [model for model in submissions.model_ids if model not in current.left_out]
        _check_readable(bundle, current, counting)
        past = self._past(record, counting, SUBMISSIONS, takes_all=True)
        return neutral_churn_table(current, list(past))

    def _past(
        self, record: RoundRecord, models: Iterable[int], count: int, *, takes_all: bool = False
    ) -> "Iterator[PublishedRound]":
        """Yield the earlier rounds that hold the last `count` submissions of any of `models`.

        Rounds whose predictions are withheld from us are passed over, or refused where it `takes_all`.
        """
        missing = dict.fromkeys(models, count)
        for earlier in self._earlier(record):
            bundle = self.published(earlier.round_id)
            left_out = _left_out(bundle, earlier) if takes_all else frozenset()
            there = [model for model in bundle.submitted() if model not in left_out and missing.get(model)]
            if there and not bundle.has(PREDICTIONS):
                if takes_all and earlier.is_sealed:
                    raise BundleError(
                        f"{bundle.folder / PREDICTIONS}: expected the predictions of round "
                        f"{earlier.round_id}, against which churn is measured, found them withheld; ask "
                        "another member for its bundle"
                    )
                continue
            if there:
                found = _round_of(bundle, earlier.close_at, bundle.submissions(), left_out)
                if takes_all:
                    _check_readable(bundle, found, there)
                there = [model for model in there if found.is_readable(model)]
                yield found
            missing |= {model: missing[model] - 1 for model in there}
            if not any(missing.values()):
                return

    @staticmethod
    def _is_known(bundle: Bundle) -> bool:
        has_rows = bundle.has(PREDICTIONS) or bundle.has(ENVELOPES)
        return has_rows and bundle.has(SIGNATURES, *GATE_FILES)

    def _earlier(self, record: RoundRecord) -> list[RoundRecord]:
        """Return the rounds that closed before one and can be compared with, newest first."""
        block = self.suite.w3.eth.block_number
        others = {*range(1, self.suite.round_count(block) + 1)} - {record.round_id}
        known = [number for number in sorted(others) if self._is_known(self.published(number))]
        records = self.suite.rounds(known, block)
        earlier = [other for other in records if other.close_at < record.close_at]
        return sorted(earlier, key=lambda other: (-other.close_at, -other.round_id))
