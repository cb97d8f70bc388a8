"""The folders in which a member finds and keeps the files of a tournament's rounds."""

from dataclasses import dataclass
from pathlib import Path

from scorer.storage.bundle import ENVELOPES, Bundle, round_folder


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
        What other members publish, as far as it can be read here.
    exchange
        The folder in which we publish for everybody: our release, our vote, and the public part of our
        bundles. None: others read our own bundles, which is for rounds in the clear alone.
    """

    tournament: str
    rounds: Path
    published: Path
    targets: Path
    peers: tuple[Path, ...] = ()
    exchange: Path | None = None

    def own_bundle(self, round_id: int) -> Bundle:
        """Return the member's own bundle of a round."""
        return self._bundle(self.rounds, round_id)

    def own_rounds(self) -> list[int]:
        """Return the rounds of which we have a bundle, ascending."""
        folder = round_folder(self.rounds, self.tournament, 0).parent
        names = [path.name for path in folder.glob("*") if path.name.isdecimal()]
        return sorted(map(int, names))

    def exchange_bundle(self, round_id: int) -> Bundle:
        """Return what we publish of a round ourselves."""
        return self._bundle(self.exchange or self.rounds, round_id)

    def published_bundle(self, round_id: int) -> Bundle:
        """Return what the operator publishes of a round, read as a stranger's files are."""
        return Bundle(round_folder(self.published, self.tournament, round_id), strict=True)

    def own_or_published(self, round_id: int) -> Bundle:
        """Return our own bundle of a round or, where we never took it over, what the operator publishes.

        Of the latter only rounds that are encrypted: they show whose predictions we do not have.
        """
        own, published = self.own_bundle(round_id), self.published_bundle(round_id)
        return published if not own.has_collected and published.has(ENVELOPES) else own

    def targets_bundle(self, round_id: int) -> Bundle:
        """Return the member's own targets and tables of a round."""
        return self._bundle(self.targets, round_id)

    def peer_folders(self, round_id: int) -> list[Path]:
        """Return the folders in which other members publish a round."""
        return [round_folder(peer, self.tournament, round_id) for peer in self.peers]

    def _bundle(self, root: Path, round_id: int) -> Bundle:
        return Bundle(round_folder(root, self.tournament, round_id))
