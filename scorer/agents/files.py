"""The files of consensus documents in a member's folder of a round.

``consensus.json`` is the document as the member signed it, public at once. ``consensus_body.json`` holds what
its root commits to; from when on it is public, the round's rules say. ``consensus_body.age`` is the same,
encrypted to the member's subscribers with age, public at once.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.agents.document import Consensus
from scorer.agents.leaves import Body
from scorer.agents.signing import QuorumConsensus, SignedConsensus, equivocations, with_quorum
from scorer.encryption.age import FileSecrets, encrypt
from scorer.errors import CupelError
from scorer.files import write_whole
from scorer.isolation import IsolatedReader, ReadResult, refuses
from scorer.protocol.documents import shown, to_hex
from scorer.storage.folder import BundleError
from scorer.storage.published import LONGEST_ID, MIB, MOST_IDS
from scorer.storage.schemas import CONSENSUS, CONSENSUS_BODY, CONSENSUS_FOR_SUBSCRIBERS
from scorer.storage.strangers import bounded_json, file_written_again, read_stated

LARGEST: Final = 64 * 1024
"""Bytes of a signed document that is read, with the signatures of as many members as a set has."""
LARGEST_BODY: Final = MIB + (LONGEST_ID + 16) * MOST_IDS
"""Bytes of a body that is read."""


class ConsensusError(CupelError, ValueError):
    """A file holds no consensus document, or one that is not what it is to be."""


def write_consensus(folder: Path, signed: SignedConsensus, body: Body, subscribers: Sequence[bytes]) -> None:
    """Write a member's files of a round; the document comes last: where it is, the rest is.

    Parameters
    ----------
    subscribers
        Public X25519 keys of 32 bytes.
    """
    content = _bytes_of(body.to_json())
    write_whole(folder / CONSENSUS_BODY, content)
    if subscribers:
        secrets = FileSecrets.generate(len(subscribers))
        write_whole(folder / CONSENSUS_FOR_SUBSCRIBERS, encrypt(content, subscribers, secrets))
    write_whole(folder / CONSENSUS, _bytes_of(signed.to_json()))


def _bytes_of(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def read_signed(path: Path, reader: IsolatedReader) -> SignedConsensus | None:
    """Read a document that a stranger may have written; None where the file holds none."""
    try:
        size = path.stat().st_size
    except OSError:
        return None
    return read_stated(reader, signed_in_child, path, (size, LARGEST), SignedConsensus)


@refuses(BundleError)
def signed_in_child(path: Path) -> ReadResult:
    """Read a signed document and write it out again in its one form.

    Raises
    ------
    BundleError
        When the file holds something else.
    """
    return file_written_again(path, LARGEST, SignedConsensus, "a signed consensus document")


def read_quorum(path: Path) -> QuorumConsensus:
    """Read a file of a document with the signatures of a quorum.

    Raises
    ------
    ConsensusError
        When it holds something else; the signatures are not checked.
    """
    found: QuorumConsensus = _read(
        path, LARGEST, QuorumConsensus.from_json, "a consensus document with its signatures"
    )
    return found


def read_body(path: Path, consensus: Consensus) -> Body:
    """Read a body.

    Raises
    ------
    ConsensusError
        When the file holds something else, or what is not what the document's root commits to.
    """
    body: Body = _read(path, LARGEST_BODY, Body.from_json, "the body of a consensus document")
    if body.root != consensus.root or len(body.universe) != consensus.assets:
        raise ConsensusError(
            f"{path}: expected the body of the root {to_hex(consensus.root)}, found that of "
            f"{to_hex(body.root)}; take the file from another member"
        )
    return body


def _read(path: Path, most: int, parse: Any, what: str) -> Any:
    try:
        return parse(bounded_json(path, most))
    except (BundleError, OSError, LookupError, TypeError, ValueError) as error:
        raise ConsensusError(f"{path}: expected {what}, found {shown(error)}") from None


@dataclass(frozen=True)
class Collected:
    """The documents of a round in the folders of members.

    Attributes
    ----------
    agreed
        With the signatures of a quorum; None where no quorum signed one and the same.
    signed
        Every document that is of the round and signed by one of its members.
    """

    agreed: QuorumConsensus | None
    signed: tuple[SignedConsensus, ...]

    @property
    def equivocations(self) -> Iterator[tuple[SignedConsensus, SignedConsensus]]:
        """Each pair of documents that one member signed."""
        return equivocations(self.signed)


def collect(
    folders: Iterable[Path],
    place: tuple[int, str, int],
    members: Sequence[str],
    quorum: int,
    reader: IsolatedReader,
) -> Collected:
    """Read what members published of a round, in child processes.

    Parameters
    ----------
    folders
        Of the round, one a member; several of one member count once.
    place
        Chain id, tournament and round.
    """
    read = (read_signed(folder / CONSENSUS, reader) for folder in folders)
    found = tuple(
        signed
        for signed in read
        if signed is not None
        and (signed.consensus.chain_id, signed.consensus.tournament, signed.consensus.round_id) == place
        and signed.member in members
        and signed.is_signed
    )
    return Collected(with_quorum(found, members, quorum), found)
