"""How steady a round's models are beside the rounds published before: who may stake, and their churn."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scorer.chain.contracts import RoundRecord, Suite
from scorer.evaluation.gates import SUBMISSIONS, PublishedRound, judge_all, neutral_churn_table
from scorer.protocol.rules import Gates, Rules
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import NEUTRALIZERS, SAMPLE_WEIGHTS, Table, table_file
from scorer.storage.bundle import COLLECTED, Bundle, BundleError

GATE_TABLES: Final = (NEUTRALIZERS, SAMPLE_WEIGHTS)
"""What churn and turnover are measured with; the operator publishes it with the universe."""
GATE_FILES: Final = tuple(map(table_file, GATE_TABLES))


def check_gate_tables(rules: Rules, bundle: Bundle) -> None:
    """Refuse a round whose gates or whose models' churn could not be reckoned once it closes.

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


def _round_of(bundle: Bundle, closed_at: int, submissions: Submissions) -> PublishedRound:
    return PublishedRound(closed_at, submissions, _tables(bundle, submissions.universe))


@dataclass(frozen=True)
class Gatekeeper:
    """Judges a round's models against what was published of earlier rounds.

    Attributes
    ----------
    published
        What is published of a round, by its id. Earlier rounds without submissions or tables are passed over.
    """

    suite: Suite
    published: Callable[[int], Bundle]

    def reasons(
        self, gates: Gates, record: RoundRecord, submissions: Submissions, models: Iterable[int]
    ) -> dict[int, str]:
        """Why some of `models`, all of which submitted, may not stake in a round; ascending by model."""
        wanted = sorted(models)
        current = _round_of(self.published(record.round_id), record.close_at, submissions)
        past = list(self._past(record, wanted, gates.submissions))
        verdicts = judge_all(gates, wanted, current, past)
        return {model: each.reason for model, each in verdicts.items() if each.reason is not None}

    def neutral_churn(self, record: RoundRecord, submissions: Submissions) -> Table:
        """The table neutral_churn of a round, of every model that submitted."""
        current = _round_of(self.published(record.round_id), record.close_at, submissions)
        return neutral_churn_table(current, list(self._past(record, submissions.model_ids, SUBMISSIONS)))

    def _past(self, record: RoundRecord, models: Iterable[int], count: int) -> Iterator[PublishedRound]:
        """The earlier rounds that hold the last `count` submissions of any of `models`."""
        missing = dict.fromkeys(models, count)
        for earlier in self._earlier(record):
            bundle = self.published(earlier.round_id)
            there = [model for model in bundle.submitted() if missing.get(model)]
            if there:
                yield _round_of(bundle, earlier.close_at, bundle.submissions())
            missing |= {model: missing[model] - 1 for model in there}
            if not any(missing.values()):
                return

    def _earlier(self, record: RoundRecord) -> list[RoundRecord]:
        """The rounds that closed before one and can be compared with, newest first."""
        block = self.suite.w3.eth.block_number
        others = {*range(1, self.suite.round_count(block) + 1)} - {record.round_id}
        known = [each for each in sorted(others) if self.published(each).has(*COLLECTED, *GATE_FILES)]
        records = self.suite.rounds(known, block)
        earlier = [each for each in records if each.close_at < record.close_at]
        return sorted(earlier, key=lambda each: (-each.close_at, -each.round_id))
