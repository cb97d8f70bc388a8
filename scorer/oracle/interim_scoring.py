"""Scores rounds that still run, from a member's own interim targets, and publishes the scores signed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.chain.records import RoundRecord, RoundState
from scorer.evaluation.interim import ONLY_AT_THE_END, interim_rules, score_interim
from scorer.oracle.context import CycleContext
from scorer.oracle.decrypting import Decrypting
from scorer.oracle.paths import MemberPaths
from scorer.oracle.reporting import Reporter
from scorer.protocol.interim_scores import InterimScores, SignedInterimScores
from scorer.scoring.ppm import to_ppm
from scorer.storage.bundle import SUBMISSIONS, VERDICTS
from scorer.storage.interim_files import InterimDay, day_bundle, known_days, published_days, write_interim

NEEDED: Final = (SUBMISSIONS, VERDICTS)
"""Files of our bundle without which no submission can be scored, or it is not known which count."""


@dataclass(frozen=True)
class InterimScoring:
    """Scores as one member of one tournament for one cycle."""

    context: CycleContext
    paths: MemberPaths
    decrypting: Decrypting
    reporter: Reporter

    def work(self, record: RoundRecord) -> None:
        """Score the oldest day of a round that has targets and no published scores yet.

        One day a cycle, so that no round waits for long. Nothing before the seal: what counts is not known.
        """
        sender, own = self.context.sender, self.paths.own_bundle(record.round_id)
        if sender is None or record.state != RoundState.SEALED or not own.has(*NEEDED):
            return
        public = self.paths.exchange_bundle(record.round_id).folder
        known, published = (
            known_days(self.paths.targets_bundle(record.round_id).folder),
            published_days(public),
        )
        for number in sorted(known.keys() - published.keys())[:1]:
            interim = self._scored(record, known[number])
            if interim is not None:
                signature = sender.sign_message(interim.message)
                write_interim(public, SignedInterimScores(interim, sender.address, signature))

    def _scored(self, record: RoundRecord, day: InterimDay) -> InterimScores | None:
        """Return a day's scores; None where predictions that count are withheld from us, or unreadable.

        Raises
        ------
        scorer.storage.bundle.BundleError
            When a file of targets or inputs is missing or cannot be read.
        """
        own = self.paths.own_bundle(record.round_id)
        submissions, rules = own.submissions(), own.rules()
        if submissions.is_withheld or self.decrypting.reasons(record).keys() - own.refused():
            return None
        outcomes = day_bundle(self.paths.targets_bundle(record.round_id).folder, day.day)
        models, rewards = score_interim(
            rules,
            submissions,
            own.refused(),
            self.reporter.sealed(record).positions.by_model,
            outcomes.targets(submissions.universe),
            outcomes.tables(interim_rules(rules), submissions.universe, without=ONLY_AT_THE_END),
        )
        return InterimScores(
            self.context.suite.addresses.chain_id,
            self.paths.tournament,
            record.round_id,
            day.day,
            day.days,
            day.session,
            models,
            {factor.name: _in_ppm(rewards.columns[factor.name]) for factor in rules.factors},
            tuple(rewards.scores.tolist()),
        )


def _in_ppm(values: NDArray[np.float64]) -> tuple[int | None, ...]:
    """Return scores in ppm, None where a model has none."""
    missing = np.isnan(values).tolist()
    found = to_ppm(values).tolist()
    return tuple(None if gap else value for gap, value in zip(missing, found, strict=True))
