"""A small round with every kind of model, signed for real, whose terms fit its files."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType

import numpy as np
from eth_account import Account
from numpy.typing import NDArray

from scorer.encryption import EnvelopeKey, Identity, MemberKeys, RoundContext, encrypt_predictions
from scorer.evaluation.commitments import refusals_of
from scorer.evaluation.inputs import Positions, RoundInputs, RoundTerms
from scorer.evaluation.void import VoidOnChain
from scorer.protocol.chunks import Chunk
from scorer.protocol.digest import content_hash, universe_digest
from scorer.protocol.predictions import float_array
from scorer.protocol.rules import Rules, preset
from scorer.protocol.signature import IN_THE_CLEAR, SubmissionDigest
from scorer.protocol.submissions import Submission, Submissions

CHAIN_ID, ROUND = 31337, 5
TOURNAMENT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TARGET = "target_20d2l"
NMR = 10**9
IDS = tuple(f"id{row:03}" for row in range(900))

CONSTANT, WRONGLY_SIGNED, UNSTAKED, SILENT, UNKNOWN = 4, 5, 6, 7, 99
"""Models with one value for every id, another's signature, no position, no submission, no registration."""
GOOD = (1, 2, 3, 13, 14)
SUBMITTERS = (1, 2, 3, CONSTANT, WRONGLY_SIGNED, UNSTAKED, 13, 14, UNKNOWN)
LANES = ((0, (1, 2, 3, CONSTANT, WRONGLY_SIGNED, UNSTAKED, SILENT, 0)), (3, (13, 0, 14, 0)))
"""(first slot, model of every lane) of two chunks."""
AMOUNTS = MappingProxyType(
    {
        1: 40_000 * NMR + 1,
        2: 25_000 * NMR + 7,
        3: 12 * NMR,
        CONSTANT: 30_000 * NMR,
        WRONGLY_SIGNED: 9_000 * NMR,
        SILENT: 11_000 * NMR + 3,
        13: NMR // 100,
        14: 2_500 * NMR,
    }
)
"""nano-NMR by model: more in all than the classic threshold."""


KEYS = MemberKeys(tuple(Identity(bytes([place]) * 32).public for place in (1, 2, 3)), 2)
"""Of the members to whom submissions are encrypted where the rules say so."""


def in_the_clear(rules: Rules) -> Rules:
    """The same rules with submissions in the clear."""
    return rules.model_copy(update={"secrecy": None})


def key_of(model: int) -> bytes:
    return model.to_bytes(32, "big")


@cache
def address_of(model: int) -> str:
    return str(Account.from_key(key_of(model)).address)


@cache
def _signature(model: int, content: bytes, signer: int, ciphertext: bytes = IN_THE_CLEAR) -> bytes:
    return SubmissionDigest(CHAIN_ID, TOURNAMENT, ROUND, model, content, ciphertext).sign(key_of(signer))


def submission(model: int, predictions: NDArray[np.float64], signer: int | None = None) -> Submission:
    content = content_hash(IDS, predictions)
    signature = _signature(model, content, model if signer is None else signer)
    return Submission(model, predictions, content, address_of(model), signature)


def encrypted(submissions: Submissions) -> Submissions:
    """The same submissions, encrypted under keys that are always the same."""
    pairs = zip(submissions.entries, submissions.rows(), strict=True)
    entries = tuple(_encrypted(entry, float_array(row)) for entry, row in pairs)
    return replace(submissions, entries=entries, is_encrypted=True)


def _encrypted(entry: Submission, row: NDArray[np.float64]) -> Submission:
    key, signer = (
        EnvelopeKey(key_of(entry.model_id)),
        1 if entry.model_id == WRONGLY_SIGNED else entry.model_id,
    )
    place = RoundContext(CHAIN_ID, TOURNAMENT, ROUND)
    made = encrypt_predictions(IDS, row, place, entry.model_id, KEYS, key)
    signature = _signature(entry.model_id, entry.content_hash, signer, made.hash)
    return replace(entry, signature=signature, ciphertext_hash=made.hash, ciphertext=made.content)


def uniform(seed: int) -> NDArray[np.float64]:
    """Numbers that every version of Python makes the same, as golden values need them."""
    stream = random.Random(seed)
    return np.array([stream.random() for _ in IDS])


def target() -> NDArray[np.float64]:
    return np.array([0.0, 0.25, 0.5, 0.75, 1.0])[np.searchsorted([0.05, 0.25, 0.75, 0.95], uniform(0))]


def predictions_of(model: int) -> NDArray[np.float64]:
    """Noise with some of the target in it, or against it; more or less by model."""
    if model == CONSTANT:
        return np.full(len(IDS), 0.5)
    strength = ((model * 5) % 7 - 3) / 40
    return (uniform(model) + strength * (target() - 0.5) + 0.25) / 1.5


def entry_of(model: int) -> Submission:
    return submission(model, predictions_of(model), signer=1 if model == WRONGLY_SIGNED else model)


def positions_of(amounts: Mapping[int, int]) -> Positions:
    chunks = tuple(
        Chunk(slot, np.array([amounts.get(model, 0) for model in models], dtype=np.uint64))
        for slot, models in LANES
    )
    return Positions(chunks, tuple(model for _, models in LANES for model in models))


@dataclass(frozen=True)
class SmallRound:
    """What a test may vary; `inputs` makes the terms that the chain would have fixed for it.

    Attributes
    ----------
    refused
        Models whose submission a quorum refused beside those that must not count, as gates have it.
    """

    entries: Mapping[int, Submission] = field(
        default_factory=lambda: {model: entry_of(model) for model in SUBMITTERS}
    )
    positions: Positions = field(default_factory=lambda: positions_of(AMOUNTS))
    rules: Rules = field(default_factory=lambda: in_the_clear(preset("classic")))
    target: NDArray[np.float64] = field(default_factory=target)
    refused: frozenset[int] = frozenset()

    def without(self, *models: int) -> "SmallRound":
        """The round in which these models sent nothing; their positions stay."""
        return replace(self, entries={m: e for m, e in self.entries.items() if m not in models})

    def having(self, *entries: Submission) -> "SmallRound":
        """The round with these submissions, in place of the models' own."""
        return replace(self, entries={**self.entries, **{entry.model_id: entry for entry in entries}})

    def inputs(self) -> RoundInputs:
        """The round as an oracle holds it: files, and terms that commit to them."""
        entries = tuple(self.entries[model] for model in sorted(self.entries))
        submissions = Submissions(IDS, entries)
        if self.rules.is_encrypted:
            submissions = encrypted(submissions)
        at_risk = sum(amount for chunk in self.positions.chunks for amount in chunk.positions.tolist())
        submitters = {model: address_of(model) for model in range(1, 20)}
        stake = self.rules.stake
        terms = RoundTerms(
            chain_id=CHAIN_ID,
            tournament=TOURNAMENT,
            round_id=ROUND,
            rules_hash=self.rules.hash(),
            terms_hash=bytes(32),
            universe=universe_digest(IDS),
            submissions_root=bytes(32),
            positions_head=self.positions.head,
            at_risk=at_risk,
            valid_at_risk=0,
            payout_factor=0,
            cap=stake.cap,
            threshold=stake.threshold,
            minimum_position=stake.minimum_position,
        )
        targets = dict.fromkeys(self.rules.targets, self.target)
        inputs = RoundInputs(terms, self.rules, submissions, submitters, targets, self.positions)
        return sealed(inputs, {*must_be_refused(inputs), *self.refused})


def must_be_refused(inputs: RoundInputs) -> dict[int, str]:
    """Why some submissions of a round must not count, by model."""
    terms = inputs.terms
    where = terms.chain_id, terms.tournament, terms.round_id
    return refusals_of(inputs.submissions, inputs.submitters, *where)


def sealed(inputs: RoundInputs, refused: Iterable[int]) -> RoundInputs:
    """The round as a quorum sealed it that refused these submissions and no others, rightly or not."""
    models = frozenset(refused)
    counting = (model for model in inputs.submissions.model_ids if model not in models)
    valid = sum(inputs.positions.by_model.get(model, 0) for model in counting)
    terms = replace(
        inputs.terms,
        submissions_root=inputs.submissions.root(models),
        valid_at_risk=valid,
        payout_factor=min(10**6, inputs.terms.threshold * 10**6 // max(valid, 1)),
    )
    return replace(inputs, terms=terms, refused=models)


def void_on_chain(inputs: RoundInputs) -> VoidOnChain:
    """What the chain says of the round, had it been given up after its seal."""
    terms = inputs.terms
    return VoidOnChain(
        chain_id=terms.chain_id,
        tournament=terms.tournament,
        round_id=terms.round_id,
        rules_hash=terms.rules_hash,
        universe=terms.universe,
        submissions_root=terms.submissions_root,
        submitters=inputs.submitters,
        locked=2,
        returned=2,
        settled=0,
        paid=0,
        burned=0,
    )
