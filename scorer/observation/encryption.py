"""The keys that a round's submissions are encrypted to, and its context, from what the chain says of it."""

from collections.abc import Sequence

from scorer.chain.contracts import Suite
from scorer.chain.records import MemberSet
from scorer.encryption import MemberKeys, RoundContext, encrypt_predictions
from scorer.encryption.errors import KeyRefused
from scorer.encryption.plaintext import Floats
from scorer.protocol.signature import SubmissionDigest


def member_keys(members: MemberSet) -> MemberKeys:
    """Return the keys of a round's members.

    Raises
    ------
    KeyRefused
        When fewer than a quorum published one that can be used: nothing can be encrypted for the round.
    """
    return MemberKeys(members.encryption_keys, members.quorum)


def usable_keys(members: MemberSet) -> MemberKeys | None:
    """Return the keys of a round's members; None where nothing can be encrypted to them."""
    try:
        return member_keys(members)
    except KeyRefused:
        return None


def round_context(suite: Suite, round_id: int) -> RoundContext:
    """Return a round of a tournament as envelopes name it."""
    return RoundContext(suite.addresses.chain_id, str(suite.tournament.address), round_id)


def encrypt_submission(
    place: RoundContext, universe: Sequence[str], predictions: Floats, model_id: int, members: MemberKeys
) -> tuple[SubmissionDigest, bytes]:
    """Encrypt one model's predictions for a round; what its submitter signs, and the envelope.

    Parameters
    ----------
    universe
        The round's ids, sorted.
    predictions
        In that order, shape (ids,) float64, each in [0, 1].

    Raises
    ------
    scorer.encryption.EncryptionError
        When they are others.
    """
    made = encrypt_predictions(universe, predictions, place, model_id, members)
    made.key.wipe()
    where = place.chain_id, place.tournament, place.round_id
    return SubmissionDigest(*where, model_id, made.context.content_hash, made.hash), made.content
