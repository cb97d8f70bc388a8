"""Submissions of thousands of models, published without an inbox: collecting them is not tested."""

from collections.abc import Sequence

import numpy as np

from scorer.lab.local_tournament import OWNER, LocalTournament
from scorer.lab.population import digest_of
from scorer.operator.collection import Collection, write_collection
from scorer.protocol.digest import content_hashes
from scorer.protocol.submissions import Submission, Submissions
from scorer.storage.bundle import Bundle


def publish_submissions(local: LocalTournament, round_id: int, ids: Sequence[str], models: int) -> None:
    """Publish every model's submission to a round, as if they had been collected."""
    submissions = _signed(local, round_id, tuple(ids), models)
    collection = Collection(submissions, (), frozenset(submissions.model_ids))
    write_collection(Bundle(local.folder("published", round_id)), collection)


def _signed(local: LocalTournament, round_id: int, ids: tuple[str, ...], models: int) -> Submissions:
    owner = local.anvil.account(OWNER)
    columns = [np.random.default_rng([model, round_id]).random(len(ids)) for model in range(1, models + 1)]
    entries = []
    for model, (column, content) in enumerate(
        zip(columns, content_hashes(ids, columns), strict=True), start=1
    ):
        signature = digest_of(local.suite, round_id, model, content).sign(owner.key)
        entries.append(Submission(model, column, content, str(owner.address), signature))
    return Submissions(ids, tuple(entries))
