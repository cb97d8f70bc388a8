"""Participants of a local tournament: they register, deposit and allocate, and submit signed predictions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.encryption import MemberKeys
from scorer.lab.batch import BatchCall, BatchSender
from scorer.observation.encryption import encrypt_submission, member_keys, round_context
from scorer.protocol.digest import content_hash
from scorer.protocol.rules import Rules
from scorer.protocol.signature import SubmissionDigest
from scorer.scoring.exact import Floats
from scorer.storage.inbox import ENVELOPE_SUFFIX, submit
from scorer.units import nano_from_nmr, wei_from_nano

REGISTERING, DEPOSITING, CALLING = 200_000, 220_000, 120_000
"""Gas limits of a registration, of a deposit, and of a smaller call."""


@dataclass(frozen=True)
class Stake:
    """A model to be registered: its owner, its deposit in nano-NMR, and what it locks in each round.

    Attributes
    ----------
    allocation
        As ``Tournament.setAllocation`` takes it: nano-NMR, or a share of idle stake under `SHARE_FLAG`.
    """

    owner: LocalAccount
    deposit: int
    allocation: int


@dataclass(frozen=True)
class Participant:
    """A registered model, and the account that owns it and signs for it."""

    model_id: int
    account: LocalAccount


def equal_stakes(owners: Sequence[LocalAccount], count: int, deposit: str, allocation: str) -> list[Stake]:
    """Return `count` stakes of the same amounts (NMR), of `owners` in turn."""
    amounts = nano_from_nmr(deposit), nano_from_nmr(allocation)
    return [Stake(owners[number % len(owners)], *amounts) for number in range(count)]


def enter(
    suite: Suite, batch: BatchSender, sponsor: LocalAccount, stakes: Sequence[Stake]
) -> list[Participant]:
    """Register a model for each stake, in order; the sponsor pays deposits, the owners allocate.

    Raises
    ------
    scorer.lab.batch.BatchRefused
        When the chain does not take one of the transactions.
    """
    if not stakes:
        return []
    first = int(read_view(suite.registry.functions.modelCount())) + 1
    entered = list(enumerate(stakes, start=first))
    registry, tournament = suite.registry.functions, suite.tournament.functions
    total = wei_from_nano(sum(stake.deposit for stake in stakes))
    calls = [BatchCall.of(suite.token.functions.approve(suite.tournament.address, total), CALLING)]
    calls += [BatchCall.of(registry.register(stake.owner.address), REGISTERING) for stake in stakes]
    calls += [
        BatchCall.of(tournament.deposit(model, wei_from_nano(stake.deposit)), DEPOSITING)
        for model, stake in entered
    ]
    batch.run((sponsor, calls))
    # A model is its owner's only once its registration is mined.
    allocating: dict[str, tuple[LocalAccount, list[BatchCall]]] = {}
    for model, stake in entered:
        _, own = allocating.setdefault(stake.owner.address, (stake.owner, []))
        own.append(BatchCall.of(tournament.setAllocation(model, stake.allocation), CALLING))
    batch.run(*allocating.values())
    return [Participant(model, stake.owner) for model, stake in entered]


def digest_of(suite: Suite, round_id: int, model_id: int, content: bytes) -> SubmissionDigest:
    """Return what a submitter signs for a submission of the content hash `content`."""
    addresses = suite.addresses
    return SubmissionDigest(addresses.chain_id, str(suite.tournament.address), round_id, model_id, content)


def submit_predictions(
    suite: Suite,
    inbox: Path,
    round_id: int,
    ids: Sequence[str],
    predictions: Iterable[tuple[Participant, Floats]],
    received_at: int,
    members: MemberKeys | None = None,
) -> None:
    """Sign participants' predictions for a round, and write them into the operator's inbox.

    Parameters
    ----------
    ids, predictions
        The round's universe, and each model's predictions in its order.
    members
        The keys to which they are encrypted, see `keys_of`; None: they are sent in the clear.
    received_at
        When they are to have arrived, Unix seconds of the chain's clock.
    """
    for participant, values in predictions:
        model = participant.model_id
        if members is None:
            digest = digest_of(suite, round_id, model, content_hash(ids, values))
            file, content = f"{model}.csv", submission_csv(ids, values)
        else:
            place = round_context(suite, round_id)
            digest, content = encrypt_submission(place, tuple(ids), values, model, members)
            file = f"{model}{ENVELOPE_SUFFIX}"
        submit(inbox, digest, participant.account.key, file, content, received_at=received_at)


def submission_csv(ids: Sequence[str], predictions: Floats) -> bytes:
    """Return a submission file."""
    rows = zip(ids, predictions.tolist(), strict=True)
    return ("id,prediction\n" + "".join(f"{name},{value!r}\n" for name, value in rows)).encode()


def keys_of(suite: Suite, rules: Rules, round_id: int) -> MemberKeys | None:
    """Return the keys to which submissions to a round are encrypted; None where its rules ask for none."""
    if not rules.is_encrypted:
        return None
    block = suite.w3.eth.block_number
    return member_keys(suite.member_set(suite.round(round_id, block).member_set_id, block))
