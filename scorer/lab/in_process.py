"""A tournament that runs in one process: a suite on a local chain, an operator, a committee, and models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from eth_account.signers.local import LocalAccount
from numpy.typing import NDArray

from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses
from scorer.deployment.document import Deployment
from scorer.deployment.fields import NEW
from scorer.encryption import MemberKeys
from scorer.lab.anvil import Anvil
from scorer.lab.batch import LOCAL_FEES, BatchSender
from scorer.lab.encryption import local_identity, publish_keys
from scorer.lab.market import TARGET
from scorer.lab.member import LocalMember
from scorer.lab.operator import LocalOperator
from scorer.lab.plain_sender import Sender
from scorer.lab.population import Participant, Stake, digest_of, enter
from scorer.lab.rounds import Times, open_round
from scorer.lab.suite import BridgedToken, deploy_suite, fund_pool, local_deployment
from scorer.observation.encryption import encrypt_submission, member_keys, round_context
from scorer.operator.collection import Collection, read_collection
from scorer.operator.operator import Operator
from scorer.oracle.paths import MemberPaths
from scorer.protocol.digest import content_hash
from scorer.protocol.rules import Rules
from scorer.protocol.tables import Table
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.inbox import ENVELOPE_SUFFIX, submit
from scorer.submission.reader import read_for
from scorer.submission.table import SubmissionRefused
from scorer.submission.validity import Universe
from scorer.units import nano_from_nmr

ADMIN, OPERATOR, GUARDIAN, FIRST_MEMBER, FIRST_OWNER = 0, 1, 2, 3, 10
"""Whose accounts those of the chain are."""
ACCOUNTS: Final = 40
MEMBERS: Final = ("ada", "blaise", "carl")
QUORUM: Final = 2
CHALLENGE_WINDOW: Final = 6 * 3600
POOL: Final = nano_from_nmr(20_000)
SLOTS_PER_CHUNK: Final = 2
"""Small, so that every round settles in more than one chunk."""


class NotLocked(Exception):
    """The operator did not lock a round; the message holds its alarms."""


@dataclass(frozen=True)
class DeployedTournament:
    """The contracts and the models on a chain, without anybody's files."""

    addresses: Addresses
    participants: tuple[Participant, ...]


@dataclass(frozen=True)
class InProcessTournament:
    """A tournament whose operator and members work when they are asked to.

    Attributes
    ----------
    alarms
        What the operator was alarmed by: kind and detail.
    """

    anvil: Anvil
    suite: Suite
    operator: LocalOperator
    members: tuple[LocalMember, ...]
    participants: tuple[Participant, ...]
    alarms: list[tuple[str, str]]

    def sender(self, account: int) -> Sender:
        """Return a sender for one of the chain's accounts."""
        return _sender(self.anvil, account)

    def open_round(
        self,
        rules: Rules,
        universe: Sequence[str],
        times: Times,
        *,
        names: Mapping[str, Sequence[str | None]] | None = None,
        tables: Mapping[str, Table] | None = None,
    ) -> int:
        """Publish and open a round, as `scorer.lab.rounds.open_round` does; its id."""
        published, operator = self.operator.published, self.sender(OPERATOR)
        return open_round(self.suite, operator, published, rules, universe, times, names=names, tables=tables)

    def submit(
        self,
        participant: Participant,
        round_id: int,
        universe: Universe,
        content: bytes,
        file: str,
        *,
        kind: str | None = None,
    ) -> None:
        """Send a model's file as its data scientist's client does: encrypted where the round's rules say so.

        It arrives at the chain's time, which is not this machine's. A file that cannot be read is sent all
        the same, as a careless client would, with a signature over nothing.

        Parameters
        ----------
        file
            Its name in the inbox.
        kind
            The rules' ``submissions``.
        """
        now = int(self.anvil.w3.eth.get_block("latest")["timestamp"])
        values = _read(kind, content, universe, file)
        if values is not None and self.operator.published_bundle(round_id).rules().is_encrypted:
            place, model = round_context(self.suite, round_id), participant.model_id
            digest, content = encrypt_submission(place, universe.ids, values, model, self.keys_of(round_id))
            file = Path(file).with_suffix(ENVELOPE_SUFFIX).name
        else:
            content_digest = bytes(32) if values is None else content_hash(universe.ids, values)
            digest = digest_of(self.suite, round_id, participant.model_id, content_digest)
        submit(self.operator.inbox, digest, participant.account.key, file, content, received_at=now)

    def keys_of(self, round_id: int) -> MemberKeys:
        """Return the keys to which submissions to a round are encrypted."""
        block = self.anvil.w3.eth.block_number
        record = self.suite.round(round_id, block)
        return member_keys(self.suite.member_set(record.member_set_id, block))

    def lock_round(self, round_id: int) -> Collection:
        """Let the operator lock a round whose submissions have closed, and end that; what it collected.

        Raises
        ------
        NotLocked
            When something is left to be locked.
        """
        for _ in range(2):  # what is locked has to be final before the lock is ended
            self.operator.cycle()
            self.anvil.finalise()
        collection = read_collection(self.operator.published_bundle(round_id))
        if collection is None or self.suite.round(round_id, self.anvil.w3.eth.block_number).is_lockable:
            raise NotLocked(f"round {round_id}: expected it locked, found alarms {self.alarms}")
        return collection

    def seal_round(self, round_id: int) -> Collection:
        """Let the operator lock a round, and the members agree on its seal; what was collected.

        Where submissions are encrypted, members release their shares in a cycle before.
        """
        collection = self.lock_round(round_id)
        for _ in range(2 if collection.submissions.is_encrypted else 1):
            for member in self.members:
                member.cycle([round_id])
        self.anvil.finalise()
        return collection

    def publish_target(
        self, member: LocalMember, round_id: int, ids: tuple[str, ...], target: NDArray[np.float64]
    ) -> None:
        """Let a member know an outcome, through its own source of targets."""
        folder = round_folder(member.paths.targets, str(self.suite.tournament.address), round_id)
        Bundle(folder).write_targets(ids, {TARGET: target})


def _read(kind: str | None, content: bytes, universe: Universe, file: str) -> NDArray[np.float64] | None:
    try:
        return read_for(kind, content, universe, file)
    except SubmissionRefused:
        return None


def owners_of(anvil: Anvil, names: Sequence[str]) -> dict[str, LocalAccount]:
    """Return an account for each owner, in the order of their names."""
    return {name: anvil.account(FIRST_OWNER + index) for index, name in enumerate(sorted(set(names)))}


def tournament_document(
    anvil: Anvil,
    rules: Rules,
    *,
    bridged: BridgedToken | None = None,
    admin: tuple[str, int] | None = None,
    challenge_window: int = CHALLENGE_WINDOW,
) -> Deployment:
    """Return the document of a tournament in one process; what is optional as of `local_deployment`."""
    return local_deployment(
        members=[_address(anvil, FIRST_MEMBER + index) for index in range(len(MEMBERS))],
        operator=_address(anvil, OPERATOR),
        guardian=_address(anvil, GUARDIAN),
        stake=rules.stake,
        quorum=QUORUM,
        challenge_window=challenge_window,
        bridged=bridged,
        admin=admin,
        demands=NEW,
    )


def deploy_tournament(
    anvil: Anvil, stakes: Sequence[Stake], rules: Rules, document: Deployment | None = None
) -> DeployedTournament:
    """Deploy a suite with a pool on a fresh chain, and enter a model for each stake.

    Parameters
    ----------
    document
        The suite's, from `tournament_document`; None: one with a token of its own.
    """
    admin = anvil.account(ADMIN)
    document = document or tournament_document(anvil, rules)
    suite, batch = deploy_suite(anvil, admin, document), BatchSender.on(anvil)
    fund_pool(batch, suite, admin, POOL)
    publish_keys(batch, suite, [anvil.account(FIRST_MEMBER + index) for index in range(len(MEMBERS))])
    return DeployedTournament(suite.addresses, tuple(enter(suite, batch, admin, stakes)))


def run_tournament(
    anvil: Anvil, deployed: DeployedTournament, out: Path, *, shows_bundles: bool = False
) -> InProcessTournament:
    """Give what is deployed on a chain an operator and a committee, with their files in `out`.

    Parameters
    ----------
    shows_bundles
        Whether members read each other's own bundles, which is for rounds in the clear alone.
    """
    suite, alarms = Suite.at(anvil.w3, deployed.addresses), list[tuple[str, str]]()
    operator = Operator(
        out / "inbox",
        out / "published",
        slots_per_chunk=SLOTS_PER_CHUNK,
        raise_alarm=lambda reason, detail: alarms.append((reason.name, detail)),
    )
    local_operator = LocalOperator(suite, operator, _sender(anvil, OPERATOR))
    tournament = str(suite.tournament.address)
    members = tuple(
        LocalMember(
            suite,
            member_paths(out, tournament, name, shows_bundles=shows_bundles),
            _address(anvil, account),
            _sender(anvil, account),
            identities=(local_identity(anvil.account(account)),),
        )
        for account, name in enumerate(MEMBERS, start=FIRST_MEMBER)
    )
    return InProcessTournament(anvil, suite, local_operator, members, deployed.participants, alarms)


def _sender(anvil: Anvil, account: int) -> Sender:
    return Sender(anvil.w3, anvil.account(account), LOCAL_FEES)


def _address(anvil: Anvil, account: int) -> str:
    return str(anvil.account(account).address)


def member_paths(out: Path, tournament: str, member: str, *, shows_bundles: bool = False) -> MemberPaths:
    """Return the folders of a member; see `run_tournament`."""
    home, shown = out / "members", "rounds" if shows_bundles else "exchange"
    return MemberPaths(
        tournament,
        rounds=home / member / "rounds",
        published=out / "published",
        targets=home / member / "targets",
        peers=tuple(home / name / shown for name in MEMBERS if name != member),
        exchange=None if shows_bundles else home / member / shown,
    )
