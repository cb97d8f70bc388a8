"""Verifies a bundle that a stranger may have written, in a child process with limits."""

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.evaluation.inputs import OnChain, RoundTerms
from scorer.evaluation.own import OwnSubmission, OwnVerification, verify_own
from scorer.evaluation.verify import Difference, differences
from scorer.evaluation.void import VoidOnChain, void_differences
from scorer.isolation import IsolatedReader, IsolationError, ReadLimits, ReadResult, imports, refuses
from scorer.proofs.terms import provability
from scorer.protocol.documents import shown
from scorer.protocol.tables import TABLES, table_file
from scorer.storage.bundle import (
    ENVELOPES,
    MANIFEST,
    META_MODEL,
    META_MODEL_DIGEST,
    POSITIONS,
    PUBLISHED,
    REPORT,
    RULES,
    SCORES,
    SUBMISSIONS,
    TARGETS,
    UNIVERSE,
    VERDICTS,
    Bundle,
    BundleError,
)
from scorer.storage.published import most_memory

MIB: Final = 2**20
SHOWN_FIRST: Final = 5
"""Differences that a verdict holds at most, unless more are asked for."""
MOST_LISTED: Final = 100_000
"""Differences that are listed at most, whatever is asked for."""
MOST_NAMED: Final = 20
"""Files that nothing covers which it names at most."""
MOST_OWN: Final = 2
"""Sentences on one's own submission."""
LONGEST_NAME: Final = 80
LONGEST_TEXT: Final = 1_200
COVERED: Final = (*PUBLISHED, ENVELOPES, VERDICTS, TARGETS, POSITIONS, META_MODEL, SCORES, MANIFEST, REPORT)
"""Files that every bundle of a scored round has, all under the digests of the manifest and the report."""
READ: Final = frozenset((*COVERED, *map(table_file, TABLES)))
"""Files of a folder that are read."""
MOST_SECONDS: Final = 6 * 3600
RESULTS: Final = (SCORES, META_MODEL, MANIFEST, REPORT)
"""Files that a round which nobody scored cannot have."""
NO_RESULTS: Final = "no results, since the round is void: nobody was paid or burned by them"
PREDICTIONS_WITHHELD: Final = "; factor scores are as its members say: predictions are withheld"
META_MODEL_WITHHELD: Final = "; the meta model is withheld but for its digest"
WITH_ITSELF: Final = "with itself only (give --endpoint and --deployment to hold it against a chain)"

Chain = OnChain | VoidOnChain | None


@dataclass(frozen=True)
class VerificationResult:
    """The result of a verification.

    Attributes
    ----------
    agreement
        What agrees with what, where nothing differs.
    count, first
        How many differences there are, and the first few in words.
    not_covered
        The files of the folder that no digest covers: whatever they say, nothing here vouches for it.
    own
        What was found of one's own submission, a sentence each.
    """

    round_id: int
    agreement: str
    count: int
    first: tuple[str, ...]
    not_covered: tuple[str, ...]
    own: tuple[str, ...] = ()


def limits_for(folder: Path) -> ReadLimits:
    """Return the limits for verifying a folder, from the sizes of the files in it that are read.

    Canonical tables are as large unpacked as they are on the disk, so that only a file that is refused anyway
    can need more. JSON of short fields takes some thirty times its size. Predictions are read in blocks.
    """
    sizes = {
        entry.name: entry.stat(follow_symlinks=False).st_size
        for entry in os.scandir(folder)
        if entry.name in READ
    }
    predictions = sizes.pop(SUBMISSIONS, 0) + sizes.pop(ENVELOPES, 0)
    documents = sum(size for name, size in sizes.items() if name.endswith(".json"))
    rest = sum(sizes.values()) - documents
    memory = 768 * MIB + 40 * documents + 24 * rest + min(2 * predictions, 1024 * MIB)
    seconds = min(MOST_SECONDS, 300 + (predictions + documents + rest) / MIB)
    return ReadLimits(memory=min(memory, most_memory()), cpu=seconds, wall=3 * seconds)


def verify_bundle(
    folder: Path,
    chain: Chain,
    reader: IsolatedReader,
    own: OwnSubmission | None = None,
    most: int = SHOWN_FIRST,
) -> VerificationResult:
    """Recompute a round from its bundle and hold it against itself and the chain.

    Parameters
    ----------
    chain
        What the chain says of the round; None: the bundle is held against itself only.
    own
        One's own predictions, which are held against what the bundle says of them.
    most
        How many differences are put in words.

    Raises
    ------
    BundleError
        When a file is missing or cannot be read, or it takes more than `limits_for` to read; names it.
    """
    facts = _asked(reader, folder, verify_in_child, chain, own, most)
    try:
        return verdict_from(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder}: expected a verdict, found {error!r}") from None


def verdict_from(facts: Mapping[str, Any]) -> VerificationResult:
    """Read a child's verdict, which may be in a stranger's hands: each text is made fit for a terminal.

    Raises
    ------
    KeyError, TypeError, ValueError
        When it is none.
    """
    counts = [facts[name] for name in ("round_id", "count")]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise TypeError("numbers that are none")
    names = ("first", "not_covered", "own")
    texts = [[shown(text, LONGEST_TEXT) for text in facts[name]] for name in names]
    if counts[1] and not texts[0]:
        raise ValueError("differences that are not named")
    agreement = shown(facts["agreement"], LONGEST_TEXT)
    return VerificationResult(
        counts[0],
        agreement,
        counts[1],
        tuple(texts[0]),
        tuple(texts[1][: MOST_NAMED + 1]),
        tuple(texts[2][:MOST_OWN]),
    )


def stated_round(folder: Path, reader: IsolatedReader) -> int:
    """Return the round whose bundle this says to be, by its folder's number or, without one, its manifest.

    Raises
    ------
    BundleError
        When neither says.
    """
    number = _number_of(folder)
    if number is None:
        number = _asked(reader, folder, stated_in_child).get("round_id")
    if type(number) is not int:
        raise BundleError(f"{folder}: expected the number of a round, found {number!r}")
    return number


def _asked(reader: IsolatedReader, folder: Path, function: Any, *arguments: Any) -> Mapping[str, Any]:
    try:
        return reader.run(function, folder, *arguments, limits=limits_for(folder)).facts
    except IsolationError as error:
        text = error.text
        raise BundleError(
            text
            if text.startswith(str(folder.absolute()))
            else f"{folder}: expected a round's bundle, found {text}"
        ) from None


def _number_of(folder: Path) -> int | None:
    name = folder.resolve().name
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 16 else None


@refuses(BundleError)
def stated_in_child(folder: Path) -> ReadResult:
    """Return the round that manifest.json names."""
    return ReadResult({"round_id": Bundle(folder, strict=True).terms().round_id})


@refuses(BundleError)
@imports("scorer.storage.foreign_parquet")
def verify_in_child(
    folder: Path, chain: Chain, own: OwnSubmission | None = None, most: int = SHOWN_FIRST
) -> ReadResult:
    """Verify a folder; it runs in the child."""
    irregular = list(_irregular(folder))
    # Not strict: a table in another form is read, in this child, and reported as a difference.
    bundle = Bundle(folder)
    if irregular:
        found = _Found(_number_of(folder) or 0, "", irregular, ())
    elif isinstance(chain, VoidOnChain):
        found = _void(bundle, chain)
    else:
        found = _scored(bundle, chain, own)
    return ReadResult(
        {
            "round_id": found.round_id,
            "agreement": found.agreement,
            "count": len(found.problems),
            "first": [str(problem) for problem in found.problems[: min(most, MOST_LISTED)]],
            "not_covered": _not_covered(folder, found.covered),
            "own": list(found.own),
        }
    )


@dataclass(frozen=True)
class _Found:
    round_id: int
    agreement: str
    problems: Sequence[Difference]
    covered: Sequence[str]
    own: Sequence[str] = ()


def _scored(bundle: Bundle, chain: OnChain | None, own: OwnSubmission | None) -> _Found:
    published = bundle.published()
    terms = published.inputs.terms
    problems = [*_place(bundle.folder, terms.tournament, terms.round_id), *differences(published, chain)]
    if chain is not None and _is_elsewhere(terms, chain.terms) and not any(differences(published)):
        raise BundleError(f"{bundle.folder}: {_other_deployment(terms, chain.terms)}")
    report = published.report.get("report_hash")
    words = f"{len(published.scores.get('model_id', ()))} models, report {shown(report)}"
    agreement = f"{words}, {'with the chain' if chain else WITH_ITSELF}"
    agreement += f"; {provability(published.inputs.rules, terms.terms_hash)}"
    if published.inputs.submissions.is_withheld:
        agreement += PREDICTIONS_WITHHELD
    if published.meta_model is None:
        agreement += META_MODEL_WITHHELD
    if chain is not None and chain.silent:
        agreement += f"; {silence(chain.silent)}"
    covered = (*COVERED, *map(table_file, published.inputs.tables))
    if bundle.has(META_MODEL_DIGEST):
        problems += _digest_differences(published.manifest, bundle.meta_model_digest())
        covered = (*covered, META_MODEL_DIGEST)
    if own is None:
        return _Found(terms.round_id, agreement, problems, covered)
    result = verify_own(published, own)
    texts = _own_texts(own.model_id, result, agrees=not problems)
    return _Found(terms.round_id, agreement, [*problems, *result.differences], covered, texts)


def silence(models: Collection[int]) -> str:
    """Say which models earned nothing as they kept quiet, however good their scores are."""
    named = ", ".join(map(str, sorted(models)))
    return f"silent: predictions were demanded and not shown, and positions came back whole, of model {named}"


def _is_elsewhere(terms: RoundTerms, expected: RoundTerms) -> bool:
    places = [(each.chain_id, each.tournament.lower()) for each in (expected, terms)]
    return places[0] != places[1]


def _other_deployment(terms: RoundTerms, expected: RoundTerms) -> str:
    """Say that a round which agrees with itself is of another tournament: all of it would differ here."""
    return (
        f"expected a round of tournament {expected.tournament} on chain {expected.chain_id}, found another "
        f"deployment's round, which agrees with itself, of {terms.tournament} on chain {terms.chain_id}; "
        "give its own --deployment (CUPEL_DEPLOYMENT) and --endpoint (CUPEL_RPC_URL), or neither"
    )


def _digest_differences(manifest: Mapping[str, Any], found: str) -> Iterator[Difference]:
    """Yield that the meta model is another than was published at the seal."""
    expected = manifest["digests"]["meta_model"]
    if found != expected:
        yield Difference(f"{META_MODEL_DIGEST}, digest", expected, found)


def _own_texts(model: int, result: OwnVerification, *, agrees: bool) -> list[str]:
    """Return sentences on one's own submission; what follows is claimed where the whole bundle agrees."""
    texts = []
    if result.checked and not result.differences:
        claimed = (*result.checked, *(result.follows if agrees else ()))
        texts.append(f"model {model}: your predictions give its {', '.join(claimed)}")
    if result.unchecked:
        texts.append(f"model {model}: not computed: {'; '.join(result.unchecked)}")
    return texts


def _place(folder: Path, tournament: str, round_id: int) -> list[Difference]:
    """Hold a folder's names, ``<tournament>/<round>``, against the round, as far as they say anything."""
    number, place = _number_of(folder), folder.resolve().parent.name.lower()
    problems = []
    if number not in (None, round_id):
        problems.append(Difference("manifest.json, round.round_id", f"{number}, as its folder", round_id))
    if place.startswith("0x") and len(place) == 42 and place != tournament.lower():
        problems.append(Difference("manifest.json, round.tournament", f"{place}, as its folder", tournament))
    return problems


def _void(bundle: Bundle, chain: VoidOnChain) -> _Found:
    is_collected = bundle.has_collected
    submissions = bundle.submissions() if is_collected else None
    problems = [*_place(bundle.folder, chain.tournament, chain.round_id)]
    problems += void_differences(bundle.rules(), submissions, bundle.refused(), chain)
    results = () if chain.settled else RESULTS
    problems += [Difference(file, NO_RESULTS, "a file") for file in results if bundle.has(file)]
    form = bundle.form(UNIVERSE) if is_collected else None
    if form is not None:
        problems.append(Difference(f"{UNIVERSE}, form", "a canonical Parquet file", form))
    count = 0 if submissions is None else len(submissions.entries)
    kept = f", {chain.settled} settled before" if chain.settled else ""
    words = f"void, {count} submissions, {chain.returned} of {chain.locked} chunks returned whole{kept}"
    judged = () if chain.submissions_root is None else (VERDICTS,)
    covered = (*((*bundle.published_files, *judged) if is_collected else (RULES,)), *results)
    return _Found(chain.round_id, f"{words}, with the chain", problems, covered)


def _irregular(folder: Path) -> list[Difference]:
    """Return entries that are neither file nor folder: a link leads to something outside of the bundle."""
    return [
        Difference(
            shown(entry.name, LONGEST_NAME),
            "a regular file",
            _kind(entry.stat(follow_symlinks=False).st_mode),
        )
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if not entry.is_file(follow_symlinks=False)
        and (not entry.is_dir(follow_symlinks=False) or entry.name in COVERED)
    ]


def _kind(mode: int) -> str:
    names = {
        stat.S_IFLNK: "a link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return names.get(stat.S_IFMT(mode), "a device")


def _not_covered(folder: Path, covered: Sequence[str]) -> list[str]:
    names = [
        shown(entry.name, LONGEST_NAME) + ("/" if entry.is_dir(follow_symlinks=False) else "")
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
        if entry.name not in covered
    ]
    more = len(names) - MOST_NAMED
    return names if more <= 0 else [*names[:MOST_NAMED], f"{more} more"]
