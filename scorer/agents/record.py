"""A model's record as one file that anybody checks with the chain alone: pure functions of plain data.

Every line follows from what the chain holds: the stake that a round locked, the reward score that a quorum
agreed on, and what the contract made of both. Rounds cannot be left out without notice: a record goes up to
a block and names every settled or void round in which the model had a position by then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scorer.protocol.documents import (
    address,
    amount,
    check_fields,
    document_differences,
    from_hex,
    shown,
    to_hex,
    whole,
)
from scorer.rewards.settlement import settle

RECORD_VERSION: Final = 1
LARGEST_SCORE: Final = 2**23
"""ppm, in either direction: a reward score has 24 bits."""


@dataclass(frozen=True)
class RoundEntry:
    """A model's position in a round, and its outcome.

    Attributes
    ----------
    state
        ``settled`` or ``void``.
    position, payout, burn
        nano-NMR; of a void round the position came back whole.
    score
        The reward score, ppm; 0 in a void round.
    report
        The hash of the report that the committee accepted; zeros in a void round.
    seal
        The root of submissions that the round was sealed with; zeros where it never was.
    """

    round_id: int
    state: str
    position: int
    score: int
    payout: int
    burn: int
    report: bytes
    seal: bytes

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a record's file holds it: amounts as text, digests in hex."""
        return {
            "round": self.round_id,
            "state": self.state,
            "position": str(self.position),
            "score_ppm": self.score,
            "payout": str(self.payout),
            "burn": str(self.burn),
            "report": to_hex(self.report),
            "seal": to_hex(self.seal),
        }

    @classmethod
    def from_json(cls, document: Any) -> "RoundEntry":
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
        check_fields(document, _ENTRY)
        if document["state"] not in ("settled", "void"):
            raise ValueError(f"expected settled or void as state, found {shown(document['state'])}")
        if abs(document["score_ppm"]) > LARGEST_SCORE:
            raise ValueError(f"expected a score of 24 bits, found {document['score_ppm']}")
        return cls(
            whole(document, "round"),
            document["state"],
            amount(document, "position"),
            document["score_ppm"],
            amount(document, "payout"),
            amount(document, "burn"),
            from_hex(document["report"], 32),
            from_hex(document["seal"], 32),
        )


_ENTRY: Final[dict[str, type]] = {
    "round": int,
    "state": str,
    "position": str,
    "score_ppm": int,
    "payout": str,
    "burn": str,
    "report": str,
    "seal": str,
}


@dataclass(frozen=True)
class ModelRecord:
    """All that the chain says of a model up to a block.

    Attributes
    ----------
    owner
        Of the model's token at that block.
    block, block_hash
        The block, which is final.
    rounds
        Ascending.
    """

    chain_id: int
    tournament: str
    registry: str
    model_id: int
    owner: str
    block: int
    block_hash: bytes
    rounds: tuple[RoundEntry, ...]

    @property
    def net(self) -> int:
        """Payouts less burns, nano-NMR."""
        return sum(entry.payout - entry.burn for entry in self.rounds)

    def to_json(self) -> dict[str, Any]:
        """Return the document of a record's file."""
        return {
            "record_version": RECORD_VERSION,
            "chain_id": self.chain_id,
            "tournament": self.tournament,
            "registry": self.registry,
            "model": self.model_id,
            "owner": self.owner,
            "block": self.block,
            "block_hash": to_hex(self.block_hash),
            "rounds": [entry.to_json() for entry in self.rounds],
        }

    @classmethod
    def from_json(cls, document: Any) -> "ModelRecord":
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
        check_fields(document, _RECORD)
        if document["record_version"] != RECORD_VERSION:
            raise ValueError(f"expected record_version {RECORD_VERSION}, found {document['record_version']}")
        rounds = tuple(map(RoundEntry.from_json, document["rounds"]))
        numbers = [entry.round_id for entry in rounds]
        if numbers != sorted({*numbers}):
            raise ValueError("expected rounds ascending and each once, found others")
        return cls(
            whole(document, "chain_id"),
            address(document, "tournament"),
            address(document, "registry"),
            whole(document, "model"),
            address(document, "owner"),
            whole(document, "block"),
            from_hex(document["block_hash"], 32),
            rounds,
        )


_RECORD: Final[dict[str, type]] = {
    "record_version": int,
    "chain_id": int,
    "tournament": str,
    "registry": str,
    "model": int,
    "owner": str,
    "block": int,
    "block_hash": str,
    "rounds": list,
}


@dataclass(frozen=True)
class PositionOutcomeOnChain:
    """A model's position in a round that is over, and all that its outcome depends on.

    Attributes
    ----------
    reserved, total_payout
        nano-NMR; the reserve is below the report's payout where the pool was short.
    is_silent
        Whether predictions were demanded and not shown: the position came back whole.
    """

    round_id: int
    is_settled: bool
    position: int
    score: int
    payout_factor: int
    cap: int
    reserved: int
    total_payout: int
    report: bytes
    seal: bytes
    is_silent: bool = False


def entry_of(outcome: PositionOutcomeOnChain) -> RoundEntry:
    """Return what a position became, as the contract computes it."""
    if not outcome.is_settled:
        return RoundEntry(outcome.round_id, "void", outcome.position, 0, 0, 0, bytes(32), outcome.seal)
    result = settle(
        np.array([outcome.position], dtype=np.uint64),
        np.array([0 if outcome.is_silent else outcome.score], dtype=np.int64),
        factor=outcome.payout_factor,
        cap=outcome.cap,
    )
    payout = int(result.payouts[0])
    if outcome.reserved < outcome.total_payout:
        payout = payout * outcome.reserved // outcome.total_payout
    burn = int(result.burns[0])
    kept = outcome.position, outcome.score, payout, burn
    return RoundEntry(outcome.round_id, "settled", *kept, outcome.report, outcome.seal)


def record_problems(stated: ModelRecord, found: ModelRecord) -> Iterator[str]:
    """Yield what a record says otherwise than the chain."""
    for path, expected, other in document_differences(found.to_json(), stated.to_json()):
        yield f"{path}: expected {shown(expected)}, found {shown(other)}"


@dataclass(frozen=True)
class Feedback:
    """The arguments of ERC-8004's ``giveFeedback`` for a model's score in a round."""

    agent_id: int
    value: int
    value_decimals: int
    tag1: str
    tag2: str
    endpoint: str
    feedback_uri: str
    feedback_hash: bytes

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments in order."""
        text = self.tag1, self.tag2, self.endpoint, self.feedback_uri
        return self.agent_id, self.value, self.value_decimals, *text, self.feedback_hash


PPM_DECIMALS: Final = 6
TAG: Final = "cupel"
"""The first tag of all feedback of ours."""


def feedback_of(
    agent_id: int, tournament: str, whose: object, round_id: int, score: int, url: str, evidence: bytes
) -> Feedback:
    """Return the feedback for a score in a round.

    Its second tag says of which round, of which tournament, and whose score it is: a new version of the
    contracts counts its rounds from one again, and an agent may be linked to another model. It has less than
    32 bytes, which is one slot of a registry's storage.

    Parameters
    ----------
    tournament
        Its address.
    whose
        A model's number, or a word for what is no model.
    score
        ppm.
    url
        Of the round's bundle; empty where there is none.
    evidence
        The evidence hash of the round's report, which commits to the bundle at the URL.
    """
    tag = f"{tournament[2:10].lower()}/{whose}/round-{round_id}"
    return Feedback(agent_id, score, PPM_DECIMALS, TAG, tag, "", url, evidence)


def whose_of(tag: str) -> str:
    """Return tournament and model of the second tag of a feedback, without the round."""
    return tag.rpartition("/")[0]
