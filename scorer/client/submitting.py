"""A data scientist's submission: checked as the operator will, signed, and laid where the operator reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.client.keystore import Wallet
from scorer.client.orders import StakingRefused
from scorer.client.stakes import latest_block, model_count
from scorer.protocol.digest import content_hash
from scorer.protocol.signature import SubmissionDigest
from scorer.storage.bundle import RULES, UNIVERSE, Bundle, round_folder
from scorer.storage.inbox import submit
from scorer.submission.parquet import PARQUET_MAGIC
from scorer.submission.reader import Coverage, check_submission, read_bounded

RECENT: Final = 100
"""How many of the newest rounds are looked at for one that is open."""
LABEL: Final = 12
"""Digits of the content's hash in a file's name."""


@dataclass(frozen=True)
class Prepared:
    """A submission that the operator of a round will take.

    Attributes
    ----------
    file
        Its name in the inbox. It holds part of the content's hash: another submission is another file, and
        is never seen half in place of the one before.
    """

    digest: SubmissionDigest
    file: str
    content: bytes
    predictions: int
    coverage: Coverage
    closes_at: int

    def lay(self, inbox: Path, wallet: Wallet) -> Path:
        """Sign it and lay it into the operator's inbox; its path. Of a model's files the latest counts."""
        submit(inbox, self.digest, bytes(wallet.account.key), self.file, self.content)
        return round_folder(inbox, self.digest.tournament, self.digest.round_id) / self.file


def open_round(suite: Suite, wanted: int | None) -> RoundRecord:
    """The round that takes submissions now, or the one that is wanted if it does.

    Raises
    ------
    scorer.client.orders.StakingRefused
        When there is none, or several and none is named.
    """
    block = latest_block(suite)
    count = suite.round_count(block.number)
    if wanted is not None and not 1 <= wanted <= count:
        raise StakingRefused(f"round: expected a round from 1 to {count}, found {wanted}")
    candidates = range(max(1, count - RECENT + 1), count + 1) if wanted is None else [wanted]
    records = [suite.round(number, block.number) for number in candidates]
    taking = [each for each in records if is_taking(each, block.timestamp)]
    if len(taking) == 1:
        return taking[0]
    if wanted is not None:
        raise StakingRefused(
            f"round {wanted}: expected a round that takes submissions, found one that did from "
            f"{records[0].open_at} to {records[0].close_at}; it is {block.timestamp} on the chain"
        )
    found = f"{', '.join(str(each.round_id) for each in taking)}; name one with --round" if taking else "none"
    raise StakingRefused(f"round: expected one round that takes submissions now, found {found}")


def is_taking(record: RoundRecord, now: int) -> bool:
    """Whether a round takes submissions with their stake at a time, Unix seconds."""
    return record.state == RoundState.OPEN and record.open_at <= now < record.close_at


def published_universe(rounds: Path, tournament: str, round_id: int) -> Path:
    """The universe of a round under a folder of rounds: ``<tournament>/<round>`` or ``<round>``.

    Raises
    ------
    scorer.client.orders.StakingRefused
        When it is in neither.
    """
    for folder in (round_folder(rounds, tournament, round_id), rounds / str(round_id)):
        if (folder / UNIVERSE).is_file():
            return folder / UNIVERSE
    raise StakingRefused(
        f"{rounds}: expected {UNIVERSE} of round {round_id} under it, found none; the operator publishes it "
        "when the round opens, or name the file with --universe"
    )


def prepare(
    suite: Suite, wallet: Wallet, record: RoundRecord, model: int, file: Path, universe: Path
) -> Prepared:
    """Check a submission as the operator will: the model, who may sign, the rules, the file.

    Raises
    ------
    scorer.client.orders.StakingRefused
        When the model or the signer is another, or the rules beside the universe are not the round's.
    scorer.protocol.submissions.SubmissionRefused
        When the file would be refused.
    """
    _require_submitter(suite, wallet.address, model)
    bundle = Bundle(universe.parent, strict=True)
    kind = None
    if bundle.has(RULES):
        rules = bundle.rules()
        if rules.hash() != record.rules_hash:
            raise StakingRefused(
                f"{universe.parent / RULES}: expected the rules of round {record.round_id}, "
                f"0x{record.rules_hash.hex()}, found 0x{rules.hash().hex()}; is it another round's folder?"
            )
        kind = rules.submissions
    ids = bundle.named_universe()
    content = read_bounded(file, len(ids.ids))
    found = check_submission(kind, content, ids, str(file))
    hashed = content_hash(ids.ids, found.values)
    address, chain_id = str(suite.tournament.address), suite.addresses.chain_id
    digest = SubmissionDigest(chain_id, address, record.round_id, model, hashed)
    suffix = "parquet" if content.startswith(PARQUET_MAGIC) else "csv"
    name = f"{model}.{hashed.hex()[:LABEL]}.{suffix}"
    return Prepared(digest, name, content, len(found.values), found.coverage, record.close_at)


def _require_submitter(suite: Suite, address: str, model: int) -> None:
    block = latest_block(suite).number
    count = model_count(suite, block)
    if not 1 <= model <= count:
        raise StakingRefused(f"model: expected a model from 1 to {count}, found {model}")
    submitter = str(suite.registry.functions.submitterOf(model).call(block_identifier=block))
    if submitter != address:
        raise StakingRefused(
            f"model {model}: expected the key of its submitter {submitter}, found that of {address}; "
            "its owner names another by: cupel model submitter"
        )
