"""The folders in which a member finds and keeps the files of a tournament's rounds."""

from dataclasses import dataclass
from pathlib import Path

from scorer.storage.bundle import Bundle, round_folder


@dataclass(frozen=True)
class MemberPaths:
    """The folders of a member; each holds ``<tournament>/<round>/``.

    Attributes
    ----------
    tournament
        Its checksummed address.
    rounds
        The member's own bundles, and ``taken/``, which says what it took over for them.
    published
        What the operator publishes: rules, universe and signed submissions.
    targets
        The member's own source of targets: ``targets.parquet`` appears there once an outcome is known, after
        the further inputs that the rules need (see `scorer.protocol.tables`).
    peers
        Other members' bundles, as far as they can be read here.
    """

    tournament: str
    rounds: Path
    published: Path
    targets: Path
    peers: tuple[Path, ...] = ()

    def own_bundle(self, round_id: int) -> Bundle:
        """Return the member's own bundle of a round."""
        return self._bundle(self.rounds, round_id)

    def published_bundle(self, round_id: int) -> Bundle:
        """Return what the operator publishes of a round, read as a stranger's files are."""
        return Bundle(round_folder(self.published, self.tournament, round_id), strict=True)

    def targets_bundle(self, round_id: int) -> Bundle:
        """Return the member's own targets and tables of a round."""
        return self._bundle(self.targets, round_id)

    def peer_folders(self, round_id: int) -> list[Path]:
        """Return the folders of other members' bundles of a round."""
        return [round_folder(peer, self.tournament, round_id) for peer in self.peers]

    def _bundle(self, root: Path, round_id: int) -> Bundle:
        return Bundle(round_folder(root, self.tournament, round_id))
