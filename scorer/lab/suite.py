"""Deploys a suite on a local chain, by a deployment document that is made in code.

Contracts, addresses, powers and steps are those of `scorer.deployment`, as for a public chain. Only the
sending differs from `scorer.deployment.deploy.Builder`: all steps at once, without a journal or a manifest,
which takes a tenth of the time. A test lets the builder look afterwards: it finds nothing left to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.chain.windows import Windows
from scorer.deployment.blueprint import blueprint
from scorer.deployment.document import Deployment
from scorer.deployment.fields import NEW
from scorer.deployment.manifest import addresses_of
from scorer.deployment.reader import read_state
from scorer.deployment.steps import steps
from scorer.lab.anvil import Anvil
from scorer.lab.batch import BatchCall, BatchSender
from scorer.protocol.rules import StakeTerms
from scorer.protocol.seal import two_thirds
from scorer.units import nano_from_nmr, nmr_from_nano, wei_from_nano

LOCAL_WINDOWS: Final = Windows(lock_window=86_400, least_lock_window=10, least_notice=1, funding_grace=86_400)
"""For tournaments whose rounds last from a minute to some weeks."""
SUPPLY: Final = nano_from_nmr(1_000_000)
DISPUTE_PERIOD: Final = 86_400
CREATION_GAS: Final = 9_000_000
CALL_GAS: Final = 300_000
AT_ONCE: Final = 3
"""Contracts that are created at once: as many as the gas limits of a block of 30,000,000 allow."""
TOURNAMENT: Final = "classic"


@dataclass(frozen=True)
class Bonds:
    """Deposits of the committee's members and challengers, nano-NMR. Without bonds nothing is slashed."""

    member: int = 0
    challenge: int = 0
    slash: int = 0


NO_BONDS: Final = Bonds()


@dataclass(frozen=True)
class BridgedToken:
    """Addresses of a token that came over a bridge, and of the sink that sends home what burned."""

    token: str
    sink: str

    @property
    def sections(self) -> dict[str, object]:
        """The sections of a deployment file that name it."""
        token = {"address": self.token, "sink": "crosschain"}
        return {"token": token, "burn_sink": {"address": self.sink}}


def local_deployment(
    *,
    members: Sequence[str],
    operator: str,
    guardian: str,
    stake: StakeTerms,
    challenge_window: int,
    quorum: int | None = None,
    supply: int = SUPPLY,
    bonds: Bonds = NO_BONDS,
    lane_price: int = 0,
    name: str = "local",
    court: str = NEW,
    demands: str | None = None,
    bridged: BridgedToken | None = None,
    admin: tuple[str, int] | None = None,
) -> Deployment:
    """Return the document of a suite whose deployer receives all tokens and keeps the admin's role.

    Parameters
    ----------
    members, operator, guardian
        Checksummed addresses.
    challenge_window
        Seconds.
    quorum
        None: two thirds of the members.
    supply, lane_price
        nano-NMR.
    name
        Part of every address: a second suite on the same chain needs another name.
    court
        Who may disprove reports: a new court, one that takes no bonds, nobody, or an address.
    demands
        Where predictions may be demanded: new, nobody, or an address; None as the deployment has it.
    bridged
        A token that came over a bridge, in place of a new one.
    admin
        A contract that takes over, and its delay in seconds; None: the deployer stays.
    """
    holder, delay = admin or ("deployer", 0)
    committee = {
        "members": tuple(members),
        "quorum": two_thirds(len(members)) if quorum is None else quorum,
        "challenge_window": _seconds(challenge_window),
        "dispute_period": _seconds(DISPUTE_PERIOD),
        "member_bond": _nmr(bonds.member),
        "challenge_bond": _nmr(bonds.challenge),
        "slash": _nmr(bonds.slash),
        "absence_slash": "0",
        "absence_limit": 3,
        "court": court,
        **({} if demands is None else {"demands": demands}),
    }
    tournament = {"name": TOURNAMENT, "lane_price": _nmr(lane_price), **stake.model_dump(mode="json")}
    return Deployment.model_validate(
        {
            "version": 1,
            "name": name,
            "chain_id": LOCAL_CHAIN_ID,
            **(
                {"token": {"supply": _nmr(supply), "treasury": "deployer"}}
                if bridged is None
                else bridged.sections
            ),
            "committee": committee,
            "windows": {field: _seconds(value) for field, value in vars(LOCAL_WINDOWS).items()},
            "tournaments": [tournament],
            "roles": {"operator": {"holders": (operator,)}, "guardian": {"holders": (guardian,)}},
            "admin": {
                "holder": holder,
                "kind": "key" if admin is None else "contract",
                "delay": _seconds(delay),
            },
        }
    )


def deploy_suite(anvil: Anvil, deployer: LocalAccount, document: Deployment) -> Suite:
    """Deploy a document on a chain that mines at once; the contracts of its first tournament.

    Raises
    ------
    scorer.lab.batch.BatchRefused
        When a constructor refuses its arguments.
    ValueError
        When the chain has a suite of this name from this deployer: it would have the same addresses.
    """
    planned = blueprint(document, str(deployer.address))
    state = read_state(anvil.w3, planned)
    if state.coded & {creation.label for creation in planned.creations}:
        raise ValueError(f"name: expected one that no suite of this chain has, found {document.name} again")
    first_block = anvil.w3.eth.block_number
    # Anvil has the CREATE2 factory from the start, so that no step puts it there.
    calls = [
        BatchCall(step.to, step.data, CREATION_GAS if step.kind == "create" else CALL_GAS)
        for step in steps(planned, state)
    ]
    batch = BatchSender.on(anvil)
    # Anvil forgets what follows a transaction for which its block has no room left.
    for start in range(0, len(calls), AT_ONCE):
        batch.run((deployer, calls[start : start + AT_ONCE]))
    return Suite.at(anvil.w3, addresses_of(planned, document.tournaments[0].name, first_block))


def fund_pool(batch: BatchSender, suite: Suite, treasury: LocalAccount, amount: int) -> None:
    """Pay `amount` nano-NMR from `treasury` into the pool that payouts come from."""
    pool, wei = suite.tournament, wei_from_nano(amount)
    approve = suite.token.functions.approve(pool.address, wei)
    batch.run((treasury, [BatchCall.of(call, CALL_GAS) for call in (approve, pool.functions.fundPool(wei))]))


def send_tokens(
    batch: BatchSender, suite: Suite, treasury: LocalAccount, accounts: Sequence[LocalAccount], amount: int
) -> None:
    """Give each account `amount` nano-NMR of the treasury's tokens."""
    transfer, wei = suite.token.functions.transfer, wei_from_nano(amount)
    batch.run((treasury, [BatchCall.of(transfer(account.address, wei), CALL_GAS) for account in accounts]))


def post_bonds(batch: BatchSender, suite: Suite, members: Sequence[LocalAccount], amount: int) -> None:
    """Let each member add `amount` nano-NMR of its own tokens to its bond."""
    committee, wei = suite.committee, wei_from_nano(amount)
    approve = suite.token.functions.approve(committee.address, wei)
    post = committee.functions.postBond
    batch.run(
        *(
            (member, [BatchCall.of(call, CALL_GAS) for call in (approve, post(member.address, wei))])
            for member in members
        )
    )


def _seconds(count: int) -> str:
    return f"{count} seconds"


def _nmr(nano: int) -> str:
    return f"{nmr_from_nano(nano):f}"
