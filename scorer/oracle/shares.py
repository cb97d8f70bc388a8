"""A member's shares of a round: released once the lock's end is final, and collected from other members."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scorer.chain.records import MemberSet
from scorer.encryption import (
    EncryptionError,
    Envelope,
    Identity,
    MemberKeys,
    RoundContext,
    ShareRelease,
    read_release,
    release_message,
    release_shares,
    write_release,
)
from scorer.oracle.context import CycleContext
from scorer.oracle.decryption_cache import DecryptionCache, Released
from scorer.oracle.paths import MemberPaths
from scorer.oracle.stamps import stamp_of
from scorer.storage.bundle import ENVELOPES, RELEASE, RELEASED, Bundle
from scorer.storage.releases import SignedRelease, largest_release, read_release_file


@dataclass
class RoundShares:
    """The shares of one round, as one member of its set releases and collects them.

    Attributes
    ----------
    members
        The round's set; `keys` are those of it.
    place
        Ours in it.
    identity
        Of the key that the set has of us.
    envelopes
        Those of our own files that have the right form, ascending by model.
    most_models
        The number of models that could submit: no member was given more envelopes.
    """

    context: CycleContext
    paths: MemberPaths
    round: RoundContext
    members: MemberSet
    keys: MemberKeys
    place: int
    identity: Identity
    envelopes: Sequence[Envelope]
    most_models: int
    cache: DecryptionCache

    @cached_property
    def _exchange(self) -> Bundle:
        return self.paths.exchange_bundle(self.round.round_id)

    @cached_property
    def _own(self) -> Bundle:
        return self.paths.own_bundle(self.round.round_id)

    def release(self, now: Released) -> ShareRelease:
        """Return our release, which is published first, and only once for as long as our files are the same.

        The caller makes sure that the end of the round's lock is final.

        Parameters
        ----------
        now
            All positions that are locked: a seal is signed of no others later.
        """
        # Noted before it is published: after a crash we know at which positions others may have read our
        # shares.
        if self.context.sender is not None and released_of(self._own) is None:
            self._own.write_released(now.to_json())
        before = self._released_before()
        if before is not None:
            return before
        release, _ = release_shares(self.envelopes, self.place, self.identity)
        if self.context.sender is not None:
            content = write_release(release)
            message = release_message(self.round, self.keys, self.place, content)
            signed = SignedRelease(self.place, self.context.sender.sign_message(message), content)
            self._exchange.write_release(signed.to_bytes())
        return release

    def _released_before(self) -> ShareRelease | None:
        """Return what we published, if it is on the envelopes that we hold."""
        found = self._read(self._exchange.folder)
        if found is None or found.place != self.place or found.other_envelopes(self.envelopes):
            return None
        return found

    def of_others(self) -> list[ShareRelease]:
        """Return the signed releases of other members: of several of one, that on most of our envelopes."""
        found: dict[int, ShareRelease] = {}
        for folder in self.paths.peer_folders(self.round.round_id):
            release = self._read(folder)
            if release is None or release.place == self.place:
                continue
            before = found.get(release.place)
            if before is None or self._others(release) < self._others(before):
                found[release.place] = release
        return [found[place] for place in sorted(found)]

    def _others(self, release: ShareRelease) -> int:
        return len(release.other_envelopes(self.envelopes))

    def _read(self, folder: Path) -> ShareRelease | None:
        """Return the release in a folder, which may hold anything; read once while its file is the same."""
        files = *stamp_of(Bundle(folder), (RELEASE,)), *stamp_of(self._own, (ENVELOPES,))
        # All that a release is checked against counts: the file, our envelopes, and the bound on its size.
        stamp = *files, (self.most_models,)
        known = self.cache.releases.get(folder)
        if known is None or known[0] != stamp:
            file = read_release_file(folder, largest_release(self.most_models))
            known = self.cache.releases[folder] = stamp, self._checked(file)
        return known[1]

    def _checked(self, file: SignedRelease | None) -> ShareRelease | None:
        if file is None or not file.is_signed_by(self.members.members, self.round, self.keys):
            return None
        try:
            release = read_release(file.content, self.round, self.keys, file.place, self.place, self.identity)
        except EncryptionError:
            return None
        return release.about(self.envelopes)


def released_of(bundle: Bundle) -> Released | None:
    """Return what we noted of the release of our shares; None before that."""
    return Released.from_json(bundle.released()) if bundle.has(RELEASED) else None
