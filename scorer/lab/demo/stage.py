"""The demo's stage: a chain, a deployed suite, an operator, a committee, and models with their stakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from eth_account.signers.local import LocalAccount
from numpy.typing import NDArray

from scorer.chain.contracts import Addresses, Suite
from scorer.chain.fees import FeePolicy
from scorer.lab.anvil import Anvil
from scorer.lab.demo.stakes import FixedAmount, ModelStaking
from scorer.lab.demo.strategies import Strategy
from scorer.lab.deployer import SuitePlan, deploy
from scorer.lab.member import LocalMember
from scorer.lab.operator import LocalOperator
from scorer.lab.plain_sender import Sender
from scorer.operator.collection import Collection
from scorer.oracle.paths import MemberPaths
from scorer.protocol.digest import content_hash
from scorer.protocol.rules import Rules
from scorer.protocol.signature import SubmissionDigest
from scorer.rewards.allocation import SHARE_FLAG
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.inbox import submit
from scorer.submission.reader import read_for
from scorer.submission.table import SubmissionRefused
from scorer.submission.validity import Universe
from scorer.units import nano_from_nmr, wei_from_nano

ADMIN, OPERATOR, GUARDIAN, FIRST_MEMBER, FIRST_OWNER = 0, 1, 2, 3, 10
MEMBERS = ("ada", "blaise", "carl")
QUORUM = 2
CHALLENGE_WINDOW = 6 * 3600
SUPPLY_NMR = 1_000_000
POOL_NMR = 20_000
SLOTS_PER_CHUNK = 2
"""Small, so that every round of the demo settles in more than one chunk."""
ACCOUNTS = 40
FEES = FeePolicy(tip=10**9)


@dataclass(frozen=True)
class EnteredModel:
    """A model on the chain, and the account that owns it and signs for it."""

    model_id: int
    strategy: Strategy
    account: LocalAccount


@dataclass(frozen=True)
class DemoStage:
    """Everything that plays in the demo."""

    anvil: Anvil
    suite: Suite
    operator: LocalOperator
    members: tuple[LocalMember, ...]
    entries: tuple[EnteredModel, ...]

    def submit(
        self,
        entry: EnteredModel,
        round_id: int,
        universe: Universe,
        content: bytes,
        *,
        kind: str | None = None,
        label: str = "",
    ) -> None:
        """Send a model's file as its data scientist's client does: with a signature over what is in it.

        It arrives at the chain's time, which is not this machine's. A file that cannot be read is sent all
        the same, as a careless client would, with a signature over nothing.

        Parameters
        ----------
        kind
            The rules' ``submissions``.
        label
            Tells the file from an earlier one of the model, which it otherwise replaces.
        """
        name = f"{entry.model_id}{label and '.'}{label}.{entry.strategy.file_format}"
        digest = SubmissionDigest(
            self.suite.addresses.chain_id,
            str(self.suite.tournament.address),
            round_id,
            entry.model_id,
            _content_hash(kind, content, universe, name),
        )
        now = int(self.anvil.w3.eth.get_block("latest")["timestamp"])
        submit(self.operator.inbox, digest, entry.account.key, name, content, received_at=now)

    def seal_round(self, round_id: int) -> Collection:
        """Let the operator lock a round whose submissions have closed, and the members agree on its seal."""
        collection = self.operator.lock_round(self.suite.round(round_id, self.anvil.w3.eth.block_number))
        self.anvil.finalise()
        for member in self.members:
            member.cycle([round_id])
        self.anvil.finalise()
        return collection

    def publish_target(
        self, member: LocalMember, round_id: int, ids: tuple[str, ...], target: NDArray[np.float64]
    ) -> None:
        """Let a member know an outcome, through its own source of targets."""
        folder = round_folder(member.paths.targets, str(self.suite.tournament.address), round_id)
        Bundle(folder).write_targets(ids, {"target_20d2l": target})


def _content_hash(kind: str | None, content: bytes, universe: Universe, name: str) -> bytes:
    try:
        return content_hash(universe.ids, read_for(kind, content, universe, name))
    except SubmissionRefused:
        return bytes(32)


@dataclass(frozen=True)
class Deployed:
    """What a chain holds of a stage: the contracts and the models, without anybody's files.

    Attributes
    ----------
    members
        The committee's accounts, in the order of `MEMBERS`.
    """

    addresses: Addresses
    members: tuple[LocalAccount, ...]
    entries: tuple[EnteredModel, ...]


def set_stage(anvil: Anvil, strategies: Sequence[Strategy], rules: Rules, out: Path) -> DemoStage:
    """Deploy a suite on a local chain, let every strategy register, deposit and allocate, and staff it."""
    return stage_on(anvil, deploy_stage(anvil, strategies, rules), out)


def deploy_stage(anvil: Anvil, strategies: Sequence[Strategy], rules: Rules) -> Deployed:
    """Deploy a suite on a local chain, and let every strategy register, deposit and allocate."""
    admin = Sender(anvil.w3, anvil.account(ADMIN), FEES)
    members = tuple(anvil.account(FIRST_MEMBER + index) for index in range(len(MEMBERS)))
    plan = SuitePlan(
        treasury=admin.address,
        supply=nano_from_nmr(SUPPLY_NMR),
        members=[str(account.address) for account in members],
        quorum=QUORUM,
        challenge_window=CHALLENGE_WINDOW,
        operator=str(anvil.account(OPERATOR).address),
        guardian=str(anvil.account(GUARDIAN).address),
        cap=rules.stake.cap,
        threshold=rules.stake.threshold,
        minimum_position=rules.stake.minimum_position,
    )
    suite = deploy(admin, plan)
    _fund_pool(admin, suite)
    return Deployed(suite.addresses, members, _enter(anvil, suite, admin, strategies))


def stage_on(anvil: Anvil, deployed: Deployed, out: Path) -> DemoStage:
    """Give what is deployed on a chain an operator and a committee, with their files in `out`."""
    suite = Suite.at(anvil.w3, deployed.addresses)
    return DemoStage(
        anvil,
        suite,
        LocalOperator(
            suite,
            out / "inbox",
            out / "published",
            Sender(anvil.w3, anvil.account(OPERATOR), FEES),
            SLOTS_PER_CHUNK,
        ),
        tuple(
            LocalMember(
                suite,
                _paths(out, str(suite.tournament.address), name),
                str(account.address),
                Sender(anvil.w3, account, FEES),
            )
            for name, account in zip(MEMBERS, deployed.members, strict=True)
        ),
        deployed.entries,
    )


def _paths(out: Path, tournament: str, member: str) -> MemberPaths:
    home = out / "members"
    return MemberPaths(
        tournament,
        rounds=home / member / "rounds",
        published=out / "published",
        targets=home / member / "targets",
        peers=tuple(home / each / "rounds" for each in MEMBERS if each != member),
    )


def _fund_pool(admin: Sender, suite: Suite) -> None:
    amount = wei_from_nano(nano_from_nmr(POOL_NMR))
    admin.send(suite.token.functions.approve(suite.tournament.address, amount))
    admin.send(suite.tournament.functions.fundPool(amount))


def _enter(
    anvil: Anvil, suite: Suite, admin: Sender, strategies: Sequence[Strategy]
) -> tuple[EnteredModel, ...]:
    """Register every strategy as a model of its owner; one account an owner."""
    owners = sorted({strategy.owner for strategy in strategies})
    accounts = {owner: anvil.account(FIRST_OWNER + index) for index, owner in enumerate(owners)}
    for owner, account in accounts.items():
        total = sum(strategy.stake.deposit_nmr for strategy in strategies if strategy.owner == owner)
        _give(admin, suite, Sender(anvil.w3, account, FEES), wei_from_nano(nano_from_nmr(total)))
    return tuple(
        _register(Sender(anvil.w3, accounts[strategy.owner], FEES), suite, model_id, strategy)
        for model_id, strategy in enumerate(strategies, start=1)
    )


def _give(admin: Sender, suite: Suite, owner: Sender, amount: int) -> None:
    admin.send(suite.token.functions.transfer(owner.address, amount))
    owner.send(suite.token.functions.approve(suite.tournament.address, amount))


def _register(owner: Sender, suite: Suite, model_id: int, strategy: Strategy) -> EnteredModel:
    owner.send(suite.registry.functions.register(owner.address))
    deposit = wei_from_nano(nano_from_nmr(strategy.stake.deposit_nmr))
    owner.send(suite.tournament.functions.deposit(model_id, deposit))
    owner.send(suite.tournament.functions.setAllocation(model_id, allocation_of(strategy.stake)))
    return EnteredModel(model_id, strategy, owner.account)


def allocation_of(stake: ModelStaking) -> int:
    """A stake's allocation as ``Tournament.setAllocation`` takes it."""
    if isinstance(stake.allocation, FixedAmount):
        return nano_from_nmr(stake.allocation.nmr)
    return SHARE_FLAG | stake.allocation.ppm
