"""Puts together what a model sees as ``/in``: a round's files, live data, and a document about the round."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.compute.job import LIVE, ROUND
from scorer.compute.live import find_live
from scorer.compute.record import digest_of, file_digest, make_readable, to_json
from scorer.compute.rounds import RoundFilesMissing, RoundTermsHere
from scorer.protocol.documents import parse_json, to_hex
from scorer.storage.bundle import NAMES, RULES, UNIVERSE

FEATURES: Final = "features.parquet"
LARGE: Final = (".", "train", "validation")
"""Beginnings of the names of files that are no input of a live round."""
COPIED: Final = (UNIVERSE, RULES, NAMES)


@dataclass(frozen=True)
class Inputs:
    """The input of all models of one round.

    Attributes
    ----------
    digest
        SHA-256 of the names and digests of all files.
    files
        The SHA-256 of each file, by name.
    """

    folder: Path
    digest: str
    files: Mapping[str, str]


def prepare_inputs(here: RoundTermsHere, root: Path, data: Path | None) -> Inputs:
    """Make the folder of a round's inputs, or find it made; it is never changed.

    Parameters
    ----------
    root
        Where such folders are made.
    data
        The folder of the data set's versions; None: live data are with the round's files.

    Raises
    ------
    RoundFilesMissing
        When there are no live data of the round's ids yet.
    """
    folder = root / here.tournament.lower() / str(here.record.round_id)
    if not (folder / ROUND).is_file():
        live = _live(here, data)
        draft = folder.with_name(f".{folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in COPIED:
            if (here.folder / name).is_file():
                shutil.copyfile(here.folder / name, draft / name)
        shutil.copyfile(live, draft / LIVE)
        for name, path in _more(live, data):
            shutil.copyfile(path, draft / name)
        (draft / ROUND).write_bytes(to_json(_document(here, draft)))
        make_readable(draft)
        shutil.rmtree(folder, ignore_errors=True)  # of a node that was killed before its document was there
        draft.rename(folder)
    return _read(folder)


def _live(here: RoundTermsHere, data: Path | None) -> Path:
    """Return the file of a round's live data."""
    if data is not None:
        found = find_live(data, here.terms.universe.ids)
        if found is not None:
            return found
        raise RoundFilesMissing(
            f"round {here.record.round_id}: expected live data of its ids in a version of the data set, "
            "found none yet"
        )
    for name in (LIVE, FEATURES):
        if (here.folder / name).is_file():
            return here.folder / name
    raise RoundFilesMissing(
        f"{here.folder}: expected {LIVE} or {FEATURES} of round {here.record.round_id}, found neither yet; "
        "or name the data set in rounds.data"
    )


def _more(live: Path, data: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield small files beside the live data, such as features.json and live benchmark models."""
    if data is None:
        return
    version = live.relative_to(data).parts[0].removesuffix(".live")
    # Those of the live era last: they replace the version's.
    for folder in dict.fromkeys((data / version, live.parent)):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file() and path.name != LIVE and not path.name.startswith(LARGE):
                yield path.name, path


def _document(here: RoundTermsHere, folder: Path) -> dict[str, Any]:
    record, place = here.record, here.terms.place
    return {
        "chain_id": place.chain_id,
        "tournament": place.tournament,
        "round": record.round_id,
        "open_at": record.open_at,
        "close_at": record.close_at,
        "resolve_at": record.resolve_at,
        "rules_hash": to_hex(record.rules_hash),
        "universe_digest": to_hex(record.universe),
        "files": {path.name: file_digest(path) for path in sorted(folder.iterdir())},
    }


def _read(folder: Path) -> Inputs:
    document = parse_json((folder / ROUND).read_bytes())
    files = {**document["files"], ROUND: file_digest(folder / ROUND)}
    return Inputs(folder, digest_of(files), files)
