"""A member's part in reading a round: it releases its shares, collects others', and decrypts submissions.

Shares are released once the end of the round's lock is final, never before: until then fewer than a quorum of
members can read nothing. What is decrypted stays in our own bundle, for its owner alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from scorer.chain.records import MemberSet, RoundRecord
from scorer.encryption import (
    Decryption,
    Envelope,
    EnvelopeState,
    Identity,
    MemberKeys,
    RoundContext,
    ShareRelease,
    decrypt_round,
    identity_for,
    parse_envelope,
    statements,
)
from scorer.encryption.context import EnvelopeContext
from scorer.encryption.errors import EnvelopeRefused, NoIdentity
from scorer.observation.encryption import round_context, usable_keys
from scorer.observation.observe import awaits_seal
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.decryption_cache import Decrypted, DecryptionCache, Released, Unreadable
from scorer.oracle.paths import MemberPaths
from scorer.oracle.shares import RoundShares, released_of
from scorer.oracle.stamps import REREAD, Stamp, stamp_of
from scorer.protocol.predictions import Predictions, PredictionSpool
from scorer.protocol.submissions import Submissions
from scorer.storage.bundle import ENVELOPES, RELEASE, RELEASED, SUBMISSIONS, Bundle

SHOWN: Final = 3
"""Models that an alarm names."""
WAITED: Final = (3, 4)
"""The part of the time from the release to the end of the lock window, as a fraction, for which members wait
for shares that are missing."""
PAUSES: Final = 16
"""Once every member's release may have come, a round is decrypted at most so often in its lock window."""


@dataclass
class Decrypting:
    """Releases, collects and decrypts as one member of one tournament for one cycle.

    Attributes
    ----------
    address
        Our own.
    identities
        Our encryption keys, newest first; empty where we take no part in rounds that are encrypted.
    """

    context: CycleContext
    paths: MemberPaths
    address: str
    identities: Sequence[Identity]
    cache: DecryptionCache
    raise_alarm: RaiseAlarm

    def is_encrypted(self, record: RoundRecord) -> bool:
        """Say whether a round, of which we hold the files, has submissions that are encrypted."""
        return self.paths.own_bundle(record.round_id).rules().is_encrypted

    def work(self, record: RoundRecord) -> None:
        """Release and decrypt what can be, of a round of which we hold the published files.

        Nothing before a final block shows that no more stakes can be locked.
        """
        is_locked = record.is_sealed or awaits_seal(record, self.context.block)
        if not is_locked or not self.is_encrypted(record):
            return
        ground, before = self._ground(record.round_id), self.result(record)
        if before is not None and (before.holds_at(ground) or self._waits(record, before)):
            return
        kept = self._kept(record.round_id, ground)
        if kept is not None:
            self.cache.decrypted[record.round_id] = kept
            return
        shares = self._shares(record)
        if shares is not None:
            attempts = 1 if before is None else before.attempts + 1
            self.cache.decrypted[record.round_id] = self._decrypted(record, shares, ground, attempts)

    def result(self, record: RoundRecord) -> Decrypted | None:
        """Return what we could decrypt of a round; None where that is nothing yet."""
        return self.cache.decrypted.get(record.round_id)

    def may_vote(self, record: RoundRecord) -> bool:
        """Say whether to judge a round's submissions now.

        Once all are decided, or nothing more can come, or most of the lock window has passed. Never once
        more was locked than when we released our shares: somebody may have read predictions before it chose
        what to lock.
        """
        found = self.result(record)
        if found is None or not self.may_sign(record):
            return False
        if found.is_final:
            return True
        numerator, denominator = WAITED
        since = found.released.at
        if self.context.block.timestamp < since + (record.lock_until - since) * numerator // denominator:
            return False
        undecided = [m for m, why in found.unreadable.items() if why == Unreadable.UNDECIDED]
        self.raise_alarm(
            AlarmReason.UNDECIDED,
            f"round {record.round_id}: expected the shares of {', '.join(found.silent)}, found none; "
            f"without them {few(undecided)} do not count",
        )
        return True

    def may_sign(self, record: RoundRecord) -> bool:
        """Say whether a round has the positions at which we released our shares, as every final block says.

        Else a final block was undone, and somebody may have read predictions before it chose what to lock.
        """
        found = self.result(record)
        if found is None or found.released.positions_head == record.positions_head:
            return True
        self.raise_alarm(
            AlarmReason.LOCKED_AFTER_RELEASE,
            f"round {record.round_id}: we released our shares at the positions head "
            f"0x{found.released.positions_head.hex()}, and 0x{record.positions_head.hex()} is locked now; we "
            "sign nothing, and the round returns whole unless a quorum does",
        )
        return False

    def reasons(self, record: RoundRecord) -> dict[int, str]:
        """Return why submissions do not count because nobody can read them, by model."""
        found = self.result(record)
        texts = {
            Unreadable.BROKEN: "expected an envelope of the one form that its key makes, found a broken one",
            Unreadable.UNDECIDED: "expected the shares of a quorum of members, found fewer that open",
        }
        return {} if found is None else {model: texts[why] for model, why in found.unreadable.items()}

    def _shares(self, record: RoundRecord) -> RoundShares | None:
        """Return our part in a round; None where we have none: it is reported where we should have one."""
        members = self._members(record)
        keys = usable_keys(members)
        if self.address not in members.members or keys is None:
            return None
        place = members.members.index(self.address)
        if place not in keys.holders:
            self._lost(record, "no key of ours that can be used was on the chain when it opened")
            return None
        try:
            identity = identity_for(keys.published[place], self.identities)
        except NoIdentity as refused:
            self._lost(record, str(refused))
            return None
        round_of = round_context(self.context.suite, record.round_id)
        envelopes = _parsed(self.paths.own_bundle(record.round_id).published_submissions(), round_of, keys)
        most = max(self.context.suite.submitters(record.close_at, self.context.block.number), default=0)
        return RoundShares(
            self.context, self.paths, round_of, members, keys, place, identity, envelopes, most, self.cache
        )

    def _check_end(self, record: RoundRecord) -> None:
        """Have other endpoints confirm that no more stakes can be locked: what is released cannot be undone.

        Raises
        ------
        scorer.chain.errors.EndpointsDisagree
            When one says something else, or too few answer.
        """
        context = self.context
        context.quorum_check.confirmed(
            context.suite,
            f"round {record.round_id}, the end of its lock",
            lambda suite: suite.round(record.round_id, context.block.number),
        )

    def _waits(self, record: RoundRecord, before: Decrypted) -> bool:
        """Say whether not to decrypt anew yet: a member may write another release in every cycle.

        Nothing is decrypted any more once all that counts by a round's seal can be read.
        """
        if record.is_sealed and before.unreadable.keys() <= self.paths.own_bundle(record.round_id).refused():
            return True
        if before.attempts <= len(self._members(record).members):
            return False
        pause = REREAD if record.is_sealed else (record.lock_until - record.close_at) / PAUSES
        return self.context.block.timestamp < before.at + min(pause, REREAD)

    def _members(self, record: RoundRecord) -> MemberSet:
        context = self.context
        return context.quorum_check.confirmed(
            context.suite,
            f"round {record.round_id}, its members' keys",
            lambda suite: suite.member_set(record.member_set_id, context.block.number),
        )

    def _lost(self, record: RoundRecord, why: str) -> None:
        self.raise_alarm(AlarmReason.LOST_KEY, f"round {record.round_id}: {why}; we take no part in it")

    def _ground(self, round_id: int) -> tuple[Stamp, ...]:
        """Return the stamps of our envelopes, and of every release that others may have published."""
        peers = (Bundle(folder) for folder in self.paths.peer_folders(round_id))
        own = stamp_of(self.paths.own_bundle(round_id), (ENVELOPES,))
        return own, *(stamp_of(peer, (RELEASE,)) for peer in peers)

    def _kept(self, round_id: int, ground: tuple[Stamp, ...]) -> Decrypted | None:
        """Return what an earlier process decrypted of the same envelopes, if nothing more can come."""
        bundle = self.paths.own_bundle(round_id)
        if not bundle.has(RELEASED, SUBMISSIONS):
            return None
        note = bundle.released()
        if note.get("envelopes") != _written(ground[0]) or not isinstance(note.get("unreadable"), dict):
            return None
        unreadable = {int(model): Unreadable(why) for model, why in note["unreadable"].items()}
        return Decrypted(ground, unreadable, True, Released.from_json(note))

    def _decrypted(
        self, record: RoundRecord, shares: RoundShares, ground: tuple[Stamp, ...], attempts: int
    ) -> Decrypted:
        """Release our shares, decrypt what those of others permit, and keep it in our bundle."""
        self._check_end(record)
        now = Released(record.positions_head, self.context.block.timestamp)
        bundle = self.paths.own_bundle(record.round_id)
        submissions = bundle.published_submissions()
        releases = [shares.release(now), *shares.of_others()] if shares.envelopes else []
        self._report_differing(record, shares, releases)
        spool = PredictionSpool(bundle.folder, len(submissions.universe))
        found = decrypt_round(shares.envelopes, statements(shares.envelopes, releases), submissions.universe)
        rows, unreadable = self._sorted(record, shares, found, spool)
        broken = dict.fromkeys(submissions.model_ids, Unreadable.BROKEN)
        unreadable = {model: why for model, why in (broken | unreadable).items() if model not in rows}
        silent = set(shares.keys.holders).difference(release.place for release in releases)
        is_final = not silent or Unreadable.UNDECIDED not in unreadable.values()
        bundle.write_decrypted(_with_rows(submissions, rows))
        released = released_of(bundle) or now
        if is_final and self.context.sender is not None:
            bundle.write_released(
                released.to_json() | {"envelopes": _written(ground[0]), "unreadable": unreadable}
            )
        names = tuple(shares.members.members[place] for place in sorted(silent))
        return Decrypted(
            ground, unreadable, is_final, released, names, attempts, self.context.block.timestamp
        )

    def _sorted(
        self,
        record: RoundRecord,
        shares: RoundShares,
        found: Iterator[Decryption],
        spool: PredictionSpool,
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
                f"round {record.round_id}: member {shares.members.members[place]} released wrong keys of "
                f"{few(models)}",
            )
        return rows, unreadable

    def _report_differing(
        self, record: RoundRecord, shares: RoundShares, releases: Sequence[ShareRelease]
    ) -> None:
        """Call a human for members that were given other envelopes than we."""
        for release in releases:
            others = release.other_envelopes(shares.envelopes)
            if others:
                self.raise_alarm(
                    AlarmReason.PEERS_DIFFER,
                    f"round {record.round_id}: member {shares.members.members[release.place]} was given "
                    f"other ciphertexts than we, or none, of {few(others)}",
                )


def _parsed(submissions: Submissions, place: RoundContext, keys: MemberKeys) -> list[Envelope]:
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
