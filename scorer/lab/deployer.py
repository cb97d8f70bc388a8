"""Deploys a suite and hands out its roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.contract import Contract

from scorer.chain.artifacts import abi, artifact
from scorer.chain.contracts import ZERO_ADDRESS, Addresses, Suite
from scorer.chain.windows import Windows
from scorer.lab.plain_sender import Sender
from scorer.units import WEI_PER_NANO, wei_from_nano

TOURNAMENT_ROLES: Final = {
    "OPERATOR_ROLE": ("openRound", "lock"),
    "GUARDIAN_ROLE": ("pause",),
    "UNPAUSER_ROLE": ("unpause",),
}
ROLLER_ROLES: Final = {"OPERATOR_ROLE": ("roll",)}
COMMITTEE_ROLES: Final = {"GUARDIAN_ROLE": ("veto",)}


LOCAL_WINDOWS: Final = Windows(lock_window=86_400, least_lock_window=10, least_notice=1, funding_grace=86_400)
"""Of tournaments that live for a while on a local chain, whose rounds last from a minute on."""


@dataclass(frozen=True)
class SuitePlan:
    """What to deploy. Amounts in nano-NMR, shares in ppm, times in seconds.

    Attributes
    ----------
    supply
        Minted to `treasury` at once, within the token's cap.
    unpauser
        Empty: nobody can end a pause.
    windows
        What the tournament fixes for all its rounds.
    members, quorum, challenge_window, dispute_period, member_bond, challenge_bond, slash,
    absence_slash, absence_limit
        Of the oracle committee. Without bonds, as on a devnet, nothing is slashed, and a challenge is free.
    lane_price
        What a model's first deposit pays into the pool.
    """

    treasury: str
    supply: int
    members: Sequence[str]
    quorum: int
    challenge_window: int
    operator: str
    guardian: str
    cap: int
    threshold: int
    minimum_position: int
    dispute_period: int = 86_400
    member_bond: int = 0
    challenge_bond: int = 0
    slash: int = 0
    absence_slash: int = 0
    absence_limit: int = 3
    unpauser: str = ""
    windows: Windows = LOCAL_WINDOWS
    lane_price: int = 0


def deploy(sender: Sender, plan: SuitePlan) -> Suite:
    """Deploy every contract of a suite from `sender`, who becomes its admin, and grant the roles.

    Raises
    ------
    scorer.transactions.request.Reverted
        When a constructor refuses its arguments.
    """
    first_block = sender.w3.eth.block_number
    authority = _deployed(sender, "Authority", sender.address)
    token = _deployed(sender, "Numeraire", authority, plan.treasury, wei_from_nano(plan.supply))
    registry = _deployed(sender, "ModelRegistry")
    sink = _deployed(sender, "BurnSink", token)
    members = [Web3.to_checksum_address(member) for member in plan.members]
    makings = (_committee_terms(plan), members, plan.quorum)
    committee = _deployed(sender, "OracleCommittee", authority, token, sink, ZERO_ADDRESS, *makings)
    windows, parameters = plan.windows.to_contract(), (plan.cap, plan.threshold, plan.minimum_position)
    terms = (WEI_PER_NANO, plan.lane_price, windows, *parameters)
    tournament = _deployed(sender, "Tournament", authority, token, registry, committee, sink, *terms)
    addresses = Addresses(
        chain_id=sender.w3.eth.chain_id,
        authority=authority,
        numeraire=token,
        registry=registry,
        committee=committee,
        tournament=tournament,
        burn_sink=sink,
        roller=_deployed(sender, "Roller", authority),
        block=first_block,
    )
    suite = Suite.at(sender.w3, addresses)
    sender.send(suite.committee.functions.addTournament(tournament))
    for operator in (plan.operator, addresses.roller):
        _grant(sender, suite, "OPERATOR_ROLE", operator)
    _grant(sender, suite, "GUARDIAN_ROLE", plan.guardian)
    if plan.unpauser:
        _grant(sender, suite, "UNPAUSER_ROLE", plan.unpauser)
    return suite


def _committee_terms(plan: SuitePlan) -> tuple[int, int, int, int, int, int, int]:
    """The constructor's ``Terms``: two periods in seconds, four amounts in wei, and a count of seals."""
    return (
        plan.challenge_window,
        plan.dispute_period,
        wei_from_nano(plan.member_bond),
        wei_from_nano(plan.challenge_bond),
        wei_from_nano(plan.slash),
        wei_from_nano(plan.absence_slash),
        plan.absence_limit,
    )


def _deployed(sender: Sender, name: str, *arguments: Any) -> str:
    contract = sender.w3.eth.contract(abi=abi(name), bytecode=artifact(name)["bytecode"])
    receipt = sender.send(contract.constructor(*arguments))
    return str(receipt["contractAddress"])


def _grant(sender: Sender, suite: Suite, role_name: str, holder: str) -> None:
    role = suite.authority.get_function_by_name(role_name)().call()
    powers = (
        (suite.tournament, TOURNAMENT_ROLES),
        (suite.committee, COMMITTEE_ROLES),
        (suite.roller, ROLLER_ROLES),
    )
    for target, names in powers:
        if selectors := _selectors(target, names.get(role_name, ())):
            sender.send(suite.authority.functions.setTargetFunctionRole(target.address, selectors, role))
    sender.send(suite.authority.functions.grantRole(role, Web3.to_checksum_address(holder), 0))


def _selectors(contract: Contract, names: Sequence[str]) -> list[bytes]:
    entries: Sequence[Any] = contract.abi
    return [
        function_abi_to_4byte_selector(entry)
        for entry in entries
        if entry["type"] == "function" and entry["name"] in names
    ]
