"""Collects consensus documents with the signatures of a quorum, as agents get them.

A document is what members signed; this server adds nothing to it, and whoever acts on it checks it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scorer.agents.files import collect
from scorer.chain.contracts import Suite
from scorer.isolation import SHARED_READER
from scorer.server.errors import ApiError
from scorer.server.shared_reads import SharedReads
from scorer.storage.bundle import round_folder

KEPT: Final = 64
REMEMBERED: Final = 20.0
"""Seconds in which a document that no quorum signed yet is not looked for again."""
QUORUM_FILE: Final = "consensus.quorum.json"
Document = dict[str, Any]


@dataclass(frozen=True)
class ConsensusDocuments:
    """Collects documents from the folders of members.

    Attributes
    ----------
    roots
        Folders with ``<tournament>/<round>``, of a member each.
    """

    suite: Suite
    roots: Sequence[Path]
    _reads: SharedReads[Document] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reads", SharedReads(self._find, KEPT, REMEMBERED))

    def document(self, round_id: int) -> Document:
        """Return a round's document with its signatures.

        Raises
        ------
        ApiError
            While no quorum signed one.
        """
        return self._reads.get(round_id)

    def _find(self, round_id: int) -> Document:
        suite, block = self.suite, self.suite.w3.eth.block_number
        if not 0 < round_id <= suite.round_count(block):
            raise ApiError(f"round {round_id}: expected a round that has opened, found none")
        record = suite.round(round_id, block)
        members = suite.member_set(record.member_set_id, block)
        tournament = suite.addresses.tournament
        folders = [round_folder(root, tournament, round_id) for root in self.roots]
        place = suite.addresses.chain_id, tournament, round_id
        found = collect(folders, place, members.members, members.quorum, SHARED_READER)
        if found.agreed is None:
            raise ApiError(
                f"round {round_id}: expected a consensus document that {members.quorum} members signed, "
                f"found {len(found.signed)} signatures; it is made right after the seal"
            )
        return found.agreed.to_json()


def plain(document: Document) -> Document:
    """Return a document as agents get it: refused where a text in it is more than hex or a number.

    Raises
    ------
    ApiError
        When it is not what members sign: words for whoever reads it have no place there.
    """
    for text in _texts(document):
        if not _HEX.fullmatch(text):
            raise ApiError("consensus: expected addresses and digests alone, found other text; not shown")
    return document


_HEX: Final = re.compile(r"0x[0-9a-fA-F]+")


def _texts(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for each in parts for text in _texts(each)]
