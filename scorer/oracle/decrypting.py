"""A member's part in reading a round: it releases its shares, collects others', and decrypts submissions.

Shares are released once the end of the round's lock is final, never before: until then fewer than a quorum of
members can read nothing. What is decrypted stays in our own bundle, for its owner alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scorer.chain.records import MemberSet, RoundRecord
from scorer.encryption import Identity, identity_for
from scorer.encryption.errors import NoIdentity
from scorer.observation.encryption import round_context, usable_keys
from scorer.observation.observe import awaits_seal
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.context import CycleContext
from scorer.oracle.decryption_cache import Decrypted, DecryptionCache, Released, Unreadable
from scorer.oracle.paths import MemberPaths
from scorer.oracle.round_decryption import RoundDecryption, few, kept_before, parsed_envelopes
from scorer.oracle.shares import RoundShares
from scorer.oracle.stamps import REREAD, Stamp, stamp_of
from scorer.storage.bundle import ENVELOPES, RELEASE, Bundle

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
        if before is not None and (before.holds_at(ground) or self._waits(record, before, ground)):
            return
        kept = kept_before(self.paths.own_bundle(record.round_id), ground)
        if kept is not None:
            self.cache.decrypted[record.round_id] = kept
            return
        shares = self._shares(record)
        if shares is not None:
            # Right before the release: what others have read, nobody takes back.
            self._check_end(record)
            now = Released(record.positions_head, self.context.block.timestamp)
            bundle = self.paths.own_bundle(record.round_id)
            decryption = RoundDecryption(record, shares, bundle, ground, self.raise_alarm)
            attempts = 1 if before is None else before.attempts + 1
            self.cache.decrypted[record.round_id] = decryption.decrypt(now, attempts)

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
        if self.context.block.timestamp < _deadline(record, found.released):
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
        submissions = self.paths.own_bundle(record.round_id).published_submissions()
        envelopes = parsed_envelopes(submissions, round_of, keys)
        most = self._most_models(record)
        return RoundShares(
            self.context, self.paths, round_of, members, keys, place, identity, envelopes, most, self.cache
        )

    def _most_models(self, record: RoundRecord) -> int:
        """Return how many models could submit: whoever says too few hides others' releases from us."""
        context = self.context
        return context.quorum_check.confirmed(
            context.suite,
            f"round {record.round_id}, its models",
            lambda suite: max(suite.submitters_before(record.close_at, context.block.number), default=0),
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

    def _waits(self, record: RoundRecord, before: Decrypted, ground: tuple[Stamp, ...]) -> bool:
        """Say whether not to decrypt anew yet: a member may write another release in every cycle.

        Nothing is decrypted any more once all that counts by a round's seal can be read.
        """
        if before.ground[0] != ground[0]:
            return False  # our envelopes were taken over anew, and nothing of them is decrypted
        if record.is_sealed and before.unreadable.keys() <= self.paths.own_bundle(record.round_id).refused():
            return True
        # Each member has one release to make, so that so many attempts are made at once: who releases again
        # and again has to wait.
        if before.attempts <= len(self._members(record).members):
            return False
        return self.context.block.timestamp < _waits_until(record, before)

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


def _deadline(record: RoundRecord, released: Released) -> int:
    """Return until when members wait for shares that are missing, Unix seconds."""
    numerator, denominator = WAITED
    return released.at + (record.lock_until - released.at) * numerator // denominator


def _waits_until(record: RoundRecord, before: Decrypted) -> float:
    """Return when to decrypt again at the earliest, Unix seconds.

    Before a seal once more at the deadline, however short ago it was: for what came since, before we vote.
    """
    if record.is_sealed:
        return before.at + REREAD
    deadline = _deadline(record, before.released)
    until = before.at + min((record.lock_until - before.released.at) / PAUSES, REREAD)
    return min(until, deadline) if before.at < deadline else until
