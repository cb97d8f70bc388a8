"""The live data of a round: of a data set's versions, the newest file that has the round's ids."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from scorer.compute.job import LIVE
from scorer.compute.live_ids import read_ids
from scorer.isolation import SHARED_READER, IsolationError, ReadLimits

NEWEST: Final = 8
"""Files of live data that are looked at for a round."""
LIMITS: Final = ReadLimits(memory=1 << 30, cpu=30.0, wall=120.0, answer=1 << 24)


def pull_data(url: str, signer: str, root: Path) -> list[str]:
    """Download the versions and live eras that are not here yet; return their names.

    Raises
    ------
    scorer.data.faults.DataError
        When one is not signed by the signer, or its files differ from its manifest.
    """
    # pandas comes with it: half a second of every start, for the nodes that have a data set alone.
    from scorer.data import publishing
    from scorer.data.objects import ObjectFolder

    root.mkdir(parents=True, exist_ok=True)
    store = ObjectFolder(url)
    return [name for name in publishing.versions(store) if publishing.pull(store, name, root, signer)]


def find_live(root: Path, ids: Sequence[str]) -> Path | None:
    """Return the newest file of live data that has these ids; None where none has."""
    wanted = set(ids)
    for path in _newest(root):
        if wanted <= set(_ids(path)):
            return path
    return None


def _newest(root: Path) -> Iterator[Path]:
    found = [*root.glob(f"[!.]*/{LIVE}"), *root.glob(f"[!.]*.live/[!.]*/{LIVE}")]
    yield from sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)[:NEWEST]


def _ids(path: Path) -> tuple[str, ...]:
    try:
        result = SHARED_READER.run(read_ids, path, limits=LIMITS)
    except IsolationError:
        return ()
    return tuple(bytes(result.blobs[0]).decode("utf-8", "replace").split("\n")) if result.blobs else ()
