"""Names of what stands in the folders of a tournament, for commands that empty the folders they made.

Each is a pattern of a path, as `scorer.files.make_owned_folder` takes it.
"""

from typing import Final

from scorer.protocol.tables import TABLES, table_file
from scorer.storage.bundle import (
    ENVELOPES,
    MANIFEST,
    META_MODEL,
    META_MODEL_DIGEST,
    NAMES,
    POSITIONS,
    PUBLISHED,
    RELEASE,
    RELEASED,
    REPORT,
    SCORES,
    SELECTION,
    TAKEN,
    TARGETS,
    VERDICTS,
    VOTE,
)
from scorer.storage.schemas import CONSENSUS, CONSENSUS_BODY, CONSENSUS_FOR_SUBSCRIBERS

_ROUND: Final = "0x*/[.0-9]*"
"""Tournament and round; a name with a point before it is of a folder that is not yet whole."""
FILES: Final = (
    *PUBLISHED,
    *(NAMES, SELECTION, TARGETS, POSITIONS, META_MODEL, SCORES, MANIFEST, REPORT, TAKEN),
    *(VERDICTS, VOTE, ENVELOPES, RELEASE, RELEASED, META_MODEL_DIGEST),
    *(CONSENSUS, CONSENSUS_BODY, CONSENSUS_FOR_SUBSCRIBERS),
    *map(table_file, TABLES),
)
"""Files of a round."""
INBOX: Final = ("[0-9]*.csv", "[0-9]*.parquet", "[0-9]*.envelope", "[0-9]*.signature.json")


def files_in(folder: str, *names: str) -> tuple[str, ...]:
    """Return files of one folder."""
    return tuple(f"{folder}/{name}" for name in names)


def rounds_in(root: str) -> tuple[str, ...]:
    """Return files of rounds, in ``<root>/<tournament>/<round>``."""
    return files_in(f"{root}/{_ROUND}", *FILES)


def inbox_at(root: str) -> tuple[str, ...]:
    """Submissions with their signatures."""
    return files_in(f"{root}/{_ROUND}", *INBOX)


def node_at(home: str, *own: str) -> tuple[str, ...]:
    """Return a daemon's folder: configuration, journal, plans, rounds, targets, and the files `own`."""
    return (
        *files_in(home, "node.toml", "journal.sqlite*", *own),
        *files_in(f"{home}/plans/[0-9]*", *FILES, "schedule.json"),
        *rounds_in(f"{home}/rounds"),
        *rounds_in(f"{home}/rounds/taken"),
        *rounds_in(f"{home}/exchange"),
        *rounds_in(f"{home}/targets"),
    )
