"""Decrypts the submissions of one round as one member, and keeps what it read in the member's own bundle."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from scorer.chain.records import RoundRecord
from scorer.encryption import (
    Decryption,
    Envelope,
    EnvelopeState,
    MemberKeys,
    RoundContext,
    ShareRelease,
    decrypt_round,
    parse_envelope,
    statements,
)
from scorer.encryption.context import EnvelopeContext
from scorer.encryption.errors import EnvelopeRefused
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.decryption_cache import Decrypted, Released, Unreadable
from scorer.oracle.shares import RoundShares, released_of
from scorer.oracle.stamps import Stamp
from scorer.protocol.predictions import Predictions, PredictionSpool
from scorer.protocol.submissions import Submissions
from scorer.storage.bundle import RELEASED, SUBMISSIONS, Bundle

SHOWN: Final = 3
"""Models that an alarm names."""


@dataclass(frozen=True)
class RoundDecryption:
    """Releases our shares of one round, and decrypts what those of others permit.

    Attributes
    ----------
    bundle
        Our own of the round.
    ground
        The stamps of our files and of others' releases, see `scorer.oracle.decryption_cache.Decrypted`.
    """

    record: RoundRecord
    shares: RoundShares
    bundle: Bundle
    ground: tuple[Stamp, ...]
    raise_alarm: RaiseAlarm

    def decrypt(self, now: Released, attempts: int) -> Decrypted:
        """Release, decrypt, and keep the result in our bundle.

        The caller makes sure that the end of the round's lock is final.

        Parameters
        ----------
        now
            The positions that are locked, and the time of the block.
        attempts
            How often the round is decrypted, with this time.
        """
        shares = self.shares
        submissions = self.bundle.published_submissions()
        releases = [shares.release(now), *shares.of_others()] if shares.envelopes else []
        self._report_differing(releases)
        spool = PredictionSpool(self.bundle.folder, len(submissions.universe))
        found = decrypt_round(shares.envelopes, statements(shares.envelopes, releases), submissions.universe)
        rows, undecided = self._sorted(found, spool)
        # What had no envelope of the right form was never tried, and is broken for everybody.
        broken = dict.fromkeys(submissions.model_ids, Unreadable.BROKEN)
        unreadable = {model: why for model, why in (broken | undecided).items() if model not in rows}
        silent = set(shares.keys.holders).difference(release.place for release in releases)
        is_final = not silent or Unreadable.UNDECIDED not in unreadable.values()
        self.bundle.write_decrypted(_with_rows(submissions, rows))
        released = released_of(self.bundle) or now
        # After the predictions: a process that ends in between leaves no note, and the next one decrypts
        # again.
        if is_final and shares.context.sender is not None:
            self._keep(released, unreadable)
        names = tuple(shares.members.members[place] for place in sorted(silent))
        return Decrypted(self.ground, unreadable, is_final, released, names, attempts, now.at)

    def _keep(self, released: Released, unreadable: Mapping[int, Unreadable]) -> None:
        """Note that nothing more can come, for a process that starts later."""
        note = {"envelopes": _written(self.ground[0]), "unreadable": unreadable}
        self.bundle.write_released(released.to_json() | note)

    def _sorted(
        self, found: Iterator[Decryption], spool: PredictionSpool
    ) -> tuple[dict[int, Predictions], dict[int, Unreadable]]:
        """Return the predictions that can be read, by model, and why others cannot; name who lied."""
        rows: dict[int, Predictions] = {}
        unreadable: dict[int, Unreadable] = {}
        liars: dict[int, list[int]] = {}
        for decryption in found:
            model = decryption.envelope.context.model_id
            if decryption.predictions is not None and decryption.key is not None:
                rows[model] = spool.append(decryption.predictions)
                decryption.key.wipe()
            elif decryption.state == EnvelopeState.BROKEN:
                unreadable[model] = Unreadable.BROKEN
            else:
                unreadable[model] = Unreadable.UNDECIDED
            for place in decryption.accused:
                liars.setdefault(place, []).append(model)
        for place, models in liars.items():
            self.raise_alarm(
                AlarmReason.WRONG_RELEASE,
                f"round {self.record.round_id}: member {self.shares.members.members[place]} released wrong "
                f"keys of {few(models)}",
            )
        return rows, unreadable

    def _report_differing(self, releases: Sequence[ShareRelease]) -> None:
        """Call a human for members that were given other envelopes than we."""
        for release in releases:
            others = release.other_envelopes(self.shares.envelopes)
            if others:
                self.raise_alarm(
                    AlarmReason.PEERS_DIFFER,
                    f"round {self.record.round_id}: member {self.shares.members.members[release.place]} was "
                    f"given other ciphertexts than we, or none, of {few(others)}",
                )


def kept_before(bundle: Bundle, ground: tuple[Stamp, ...]) -> Decrypted | None:
    """Return what an earlier process decrypted of the same envelopes, if nothing more can come."""
    if not bundle.has(RELEASED, SUBMISSIONS):
        return None
    note = bundle.released()
    if note.get("envelopes") != _written(ground[0]) or not isinstance(note.get("unreadable"), dict):
        return None
    unreadable = {int(model): Unreadable(why) for model, why in note["unreadable"].items()}
    return Decrypted(ground, unreadable, True, Released.from_json(note))


def parsed_envelopes(submissions: Submissions, place: RoundContext, keys: MemberKeys) -> list[Envelope]:
    """Return the envelopes of the right form that are the ones that were signed, ascending by model."""
    changed, found = set(submissions.wrong_ciphertexts()), []
    for entry in submissions.entries:
        if entry.model_id in changed or entry.ciphertext is None:
            continue
        ids = len(submissions.universe)
        context = EnvelopeContext(place, entry.model_id, entry.content_hash, ids, keys)
        try:
            found.append(parse_envelope(bytes(entry.ciphertext), context))
        except EnvelopeRefused:
            continue  # whoever reads the same bytes refuses it too
    return found


def _with_rows(submissions: Submissions, rows: Mapping[int, Predictions]) -> Submissions:
    """Return submissions with what was decrypted; NaN where nothing was."""
    nothing = np.full(len(submissions.universe), np.nan)
    entries = (replace(entry, predictions=rows.get(entry.model_id, nothing)) for entry in submissions.entries)
    return replace(submissions, entries=tuple(entries))


def _written(stamp: Stamp) -> list[list[str]]:
    """Return a stamp as a document holds it, nanoseconds as text; empty for a file that is not there."""
    return [[] if each is None else [str(number) for number in each] for each in stamp]


def few(models: Sequence[int]) -> str:
    """Return how many models there are, and the first of them."""
    shown = ", ".join(map(str, models[:SHOWN]))
    return f"{len(models)} models ({shown}{', ...' if len(models) > SHOWN else ''})"
