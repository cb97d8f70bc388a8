"""Verifies a void round: nobody was paid or burned, and all that was locked returned whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scorer.evaluation.commitments import refusals_of
from scorer.evaluation.verify import Difference, verdict_differences
from scorer.protocol.digest import universe_digest
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import Rules
from scorer.protocol.submissions import Submissions


@dataclass(frozen=True)
class VoidOnChain:
    """The facts that the chain has about a void round.

    Attributes
    ----------
    submissions_root
        None for a round that was never sealed: it committed to no submissions.
    submitters
        Who could sign for each model when submissions closed.
    locked
        How many chunks of positions there were.
    returned
        How many of them were returned whole, by chunks that settled nothing.
    settled
        How many were settled by a report before the round was given up: these keep their outcome.
    paid, burned
        nano-NMR.
    """

    chain_id: int
    tournament: str
    round_id: int
    rules_hash: bytes
    universe: bytes
    submissions_root: bytes | None
    submitters: Mapping[int, str]
    locked: int
    returned: int
    settled: int
    paid: int
    burned: int


def void_differences(
    rules: Rules, submissions: Submissions | None, refused: frozenset[int], chain: VoidOnChain
) -> Iterator[Difference]:
    """Everything in which what was published of a void round differs from the chain, and what is not whole.

    Parameters
    ----------
    submissions
        None where none were published, as of a round that was never sealed.
    refused
        The models whose submission does not count.
    """
    if rules.hash() != chain.rules_hash:
        yield Difference("rules.json, digest", to_hex(chain.rules_hash), to_hex(rules.hash()))
    if submissions is not None:
        yield from _of_submissions(submissions, refused, chain)
    elif chain.submissions_root is not None:
        yield Difference("submissions.npy", f"those of {to_hex(chain.submissions_root)}", "none")
    if chain.returned + chain.settled != chain.locked:
        yield Difference("chain, chunks returned or settled", chain.locked, chain.returned + chain.settled)
    if not chain.settled and (chain.paid or chain.burned):
        yield Difference("chain, paid and burned in nano-NMR", (0, 0), (chain.paid, chain.burned))


def _of_submissions(
    submissions: Submissions, refused: frozenset[int], chain: VoidOnChain
) -> Iterator[Difference]:
    digest = universe_digest(submissions.universe)
    if digest != chain.universe:
        yield Difference("universe.parquet, digest", to_hex(chain.universe), to_hex(digest))
    if chain.submissions_root is None:  # nobody judged what was never sealed
        return
    where = chain.chain_id, chain.tournament, chain.round_id
    yield from verdict_differences(refusals_of(submissions, chain.submitters, *where), refused)
    for model in sorted(refused.difference(submissions.model_ids)):
        yield Difference(f"verdicts.json, verdict on model {model}", "none", "a refusal")
    root = submissions.root(refused)
    if root != chain.submissions_root:
        yield Difference("submissions.json, root", to_hex(chain.submissions_root), to_hex(root))
