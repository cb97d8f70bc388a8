"""Submissions of thousands of models, published without an inbox: collecting them is not tested."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scorer.encryption import MemberKeys
from scorer.lab.local_tournament import OWNER, LocalTournament
from scorer.lab.population import digest_of, keys_of
from scorer.observation.encryption import encrypt_submission, round_context
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
    members = keys_of(local.suite, local.rules, round_id)
    if members is not None:
        return _encrypted(local, round_id, ids, models, members)
    owner = local.anvil.account(OWNER)
    columns = [_predictions(model, round_id, ids) for model in range(1, models + 1)]
    entries = []
    for model, (column, content) in enumerate(
        zip(columns, content_hashes(ids, columns), strict=True), start=1
    ):
        signature = digest_of(local.suite, round_id, model, content).sign(owner.key)
        entries.append(Submission(model, column, content, str(owner.address), signature))
    return Submissions(ids, tuple(entries))


def _encrypted(
    local: LocalTournament, round_id: int, ids: tuple[str, ...], models: int, members: MemberKeys
) -> Submissions:
    owner, place, entries = local.anvil.account(OWNER), round_context(local.suite, round_id), []
    for model in range(1, models + 1):
        digest, content = encrypt_submission(place, ids, _predictions(model, round_id, ids), model, members)
        signed = digest.content_hash, str(owner.address), digest.sign(owner.key)
        entries.append(Submission(model, None, *signed, digest.ciphertext_hash, content))
    return Submissions(ids, tuple(entries), is_encrypted=True)


def _predictions(model: int, round_id: int, ids: Sequence[str]) -> NDArray[np.float64]:
    return np.random.default_rng([model, round_id]).random(len(ids))
