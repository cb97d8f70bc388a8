"""The files of interim scores and targets: a folder ``interim`` in the folder of a round, an entry a day.

A member's own targets of a day lie in ``interim/003/`` (day.json last: where it is, the rest is); what it
publishes of a day is ``interim/003.json``.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.files import write_whole
from scorer.isolation import IsolatedReader, ReadResult, refuses
from scorer.protocol.documents import check_fields, parse_json, whole
from scorer.protocol.interim_scores import MOST_DAYS, SignedInterimScores
from scorer.storage.bundle import Bundle, BundleError
from scorer.storage.published import MIB
from scorer.storage.strangers import file_written_again, read_stated

INTERIM: Final = "interim"
DAY: Final = "day.json"
LARGEST: Final = 32 * MIB
"""Bytes of a file that is read at most, whoever may have sent more models."""


@dataclass(frozen=True)
class InterimDay:
    """A day of a round: how many sessions of its horizon are over, of how many, and the last one's date."""

    day: int
    days: int
    session: str


def day_bundle(round_folder: Path, day: int) -> Bundle:
    """Return the folder of a day's targets and inputs in the folder of a member's own targets."""
    return Bundle(round_folder / INTERIM / f"{day:03d}")


def write_day(bundle: Bundle, day: InterimDay) -> None:
    """Write day.json, which says that the targets of a day are whole."""
    document = {"day": day.day, "days": day.days, "session": day.session}
    write_whole(bundle.folder / DAY, json.dumps(document).encode())


def known_days(round_folder: Path) -> dict[int, InterimDay]:
    """Return the days of which there are targets, by number, ascending.

    Raises
    ------
    BundleError
        When day.json of one cannot be read.
    """
    return {number: _read_day(path) for number, path in _numbered(round_folder, f"*/{DAY}", _of_folder)}


def _read_day(path: Path) -> InterimDay:
    try:
        document = parse_json(path.read_bytes())
        check_fields(document, {"day": int, "days": int, "session": str})
        return InterimDay(whole(document, "day"), whole(document, "days"), document["session"])
    except (OSError, KeyError, ValueError) as error:
        raise BundleError(f"{path}: expected the day of interim targets, found {error}") from None


def _of_folder(path: Path) -> str:
    return path.parent.name


def _numbered(round_folder: Path, pattern: str, name_of: Callable[[Path], str]) -> Iterator[tuple[int, Path]]:
    paths = ((name_of(path), path) for path in sorted((round_folder / INTERIM).glob(pattern)))
    # A stranger's folder may hold anything.
    yield from ((int(name), path) for name, path in paths if name in _NAMES)


_NAMES: Final = frozenset(f"{day:03d}" for day in range(1, MOST_DAYS + 1))


def published_days(round_folder: Path) -> Mapping[int, Path]:
    """Return the files of interim scores in a member's folder of a round, by day, ascending."""
    return dict(_numbered(round_folder, "*.json", lambda path: path.stem))


def write_interim(round_folder: Path, signed: SignedInterimScores) -> None:
    """Publish a day's interim scores."""
    folder = round_folder / INTERIM
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(signed.to_json(), separators=(",", ":")).encode()
    write_whole(folder / f"{signed.interim.day:03d}.json", content)


def read_interim(path: Path, size: int, most: int, reader: IsolatedReader) -> SignedInterimScores | None:
    """Read a member's file of so many bytes in a child process; None where it holds no interim scores.

    Parameters
    ----------
    most
        Bytes that it may have.
    """
    bounds = size, min(most, LARGEST)
    return read_stated(reader, interim_in_child, path, bounds, SignedInterimScores)


@refuses(BundleError)
def interim_in_child(path: Path) -> ReadResult:
    """Read interim scores and write them out again in their one form.

    Raises
    ------
    BundleError
        When the file holds something else.
    """
    return file_written_again(path, LARGEST, SignedInterimScores, "interim scores")
