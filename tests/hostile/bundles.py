"""Every file of a bundle, as those commands read it that a stranger's bundle is given to."""

import io
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import pandas as pd
from eth_account import Account
from eth_hash.auto import keccak

from scorer.protocol.seal import SealVote, Verdicts, seal_of
from scorer.storage.bundle import (
    MANIFEST,
    META_MODEL,
    NAMES,
    POSITIONS,
    REPORT,
    RULES,
    SCORES,
    SIGNATURES,
    SUBMISSIONS,
    UNIVERSE,
    VERDICTS,
    VOTE,
    Bundle,
    BundleError,
)
from scorer.storage.bundle import TARGETS as TARGETS_FILE
from tests.hostile.submissions import ENCODINGS, spoil_footer, spoil_json, spoil_page
from tests.hostile.target import Mutation, Target
from tests.small_round import IDS, TARGET, address_of, key_of

GOLDEN: Final = Path(__file__).parents[1] / "evaluation" / "golden"
READERS: Final[dict[str, Callable[[Bundle], object]]] = {
    RULES: Bundle.rules,
    UNIVERSE: Bundle.universe,
    NAMES: Bundle.named_universe,
    SUBMISSIONS: lambda bundle: bundle.submissions().wrong_hashes(),
    SIGNATURES: lambda bundle: [each.signer(1, "0x" + "11" * 20, 5) for each in bundle.submissions().entries],
    TARGETS_FILE: lambda bundle: bundle.targets(IDS)[TARGET],
    POSITIONS: lambda bundle: bundle.positions().head,
    META_MODEL: Bundle.meta_model,
    SCORES: lambda bundle: list(bundle.scored_round().explain_all()),
    MANIFEST: lambda bundle: (bundle.terms(), list(bundle.scored_round().explain_all())),
    REPORT: lambda bundle: bundle.report().hash(),
    VERDICTS: Bundle.refused,
    VOTE: lambda bundle: (bundle.vote().is_signed, bundle.vote().to_json()),
}
"""By file, what reads it first and furthest."""
NUMBERS: Final = (b"-1", b"1.0", b"1e400", b"-0", b"true", b"2", b"9007199254740992", b"18446744073709551616")


@dataclass(frozen=True)
class _InMemory(Bundle):
    """A bundle some of whose files are not those on the disk."""

    contents: Mapping[str, bytes] = field(default_factory=dict)

    def _content(self, file: str) -> bytes:
        return self.contents[file] if file in self.contents else super()._content(file)


@cache
def _folder() -> Path:
    """A scored round with names for its ids, and what a member says before its seal."""
    folder = Path(tempfile.mkdtemp(prefix="cupel-hostile-")) / "5"
    bundle = Bundle(Path(shutil.copytree(GOLDEN / "v1-classic", folder)))
    bundle.write_names(IDS, {"ticker": [None if row % 7 == 0 else f"t{row}" for row in range(len(IDS))]})
    bundle.write_vote(_vote(bundle))
    return bundle.folder


def _vote(bundle: Bundle) -> SealVote:
    inputs = bundle.inputs()
    terms = inputs.terms
    where = terms.chain_id, terms.tournament, terms.round_id
    verdicts = Verdicts.on(inputs.submissions, inputs.refused, *where)
    amounts = inputs.positions.by_model
    seal = seal_of(verdicts, inputs.submissions, inputs.refused, terms.positions_head, amounts)
    on_verdicts, on_seal = (
        bytes(Account.unsafe_sign_hash(keccak(each.message), key_of(9)).signature)
        for each in (verdicts, seal)
    )
    return SealVote(address_of(9), verdicts, on_verdicts, seal, on_seal, inputs.refused)


@cache
def _submissions_folder() -> Path:
    """Where an input is that is opened by its name."""
    return Path(tempfile.mkdtemp(prefix="cupel-hostile-"))


def _read(file: str, content: bytes) -> None:
    folder = _folder()
    if file == SUBMISSIONS:
        others = {each: (folder / each).read_bytes() for each in (UNIVERSE, SIGNATURES)}
        (_submissions_folder() / file).write_bytes(content)
        READERS[file](_InMemory(_submissions_folder(), strict=True, contents=others))
    else:
        READERS[file](_InMemory(folder, strict=True, contents={file: content}))


def _seeds(file: str) -> Sequence[bytes]:
    good = (_folder() / file).read_bytes()
    if not file.endswith(".parquet"):
        return [good, b"[]", b"{}", b"null"]
    table = pd.read_parquet(io.BytesIO(good))
    return [good, good, good, *(table.to_parquet(None, index=False, **each) for each in ENCODINGS[:3])]


def spoil_number(content: bytes, stream: Random) -> bytes:
    """Another number where a document has one, in text or not."""
    digits = [
        at for at in range(1, len(content)) if content[at : at + 1].isdigit() and content[at - 1] in b' "'
    ]
    if not digits:
        return content
    at = stream.choice(digits)
    return content[:at] + stream.choice(NUMBERS) + content[at + stream.choice((0, 1, 2)) :]


def _target(file: str) -> Target:
    known: Sequence[Mutation] = {
        "json": (spoil_json, spoil_number, spoil_number),
        "parquet": (spoil_footer, spoil_page),
        "npy": (),
    }[file.rpartition(".")[2]]
    return Target(
        f"bundle-{file.replace('.', '-')}",
        lambda: _seeds(file),
        lambda content: _read(file, content),
        (BundleError,),
        (),
        known,
    )


TARGETS: Final = tuple(map(_target, READERS))
