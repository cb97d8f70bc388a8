"""Keys of actions: journals of earlier versions hold them, so that each keeps its text for ever."""

from dataclasses import replace
from typing import Final

import pytest

from scorer.chain.records import Addresses
from scorer.client.actions import ClientAction
from scorer.client.amounts import Allocation
from scorer.client.bond_actions import CollectCredit, LeaveCommittee, PostBond, ReleaseBond
from scorer.client.committee_actions import ChallengeReport, RemoveAbsent
from scorer.client.model_actions import (
    ClaimModel,
    NameSubmitter,
    OfferModel,
    RegisterModel,
    TransferModel,
)
from scorer.client.stake_actions import Allocate, Deposit, Withdraw
from scorer.rewards.allocation import SHARE_FLAG
from scorer.units import NanoNmr, Ppm

NMR = 10**9
TOURNAMENT: Final = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
REGISTRY: Final = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
COMMITTEE: Final = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
SOMEBODY: Final = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"
ADDRESSES: Final = Addresses(
    chain_id=31_337,
    authority=SOMEBODY,
    numeraire=SOMEBODY,
    registry=REGISTRY,
    committee=COMMITTEE,
    tournament=TOURNAMENT,
    burn_sink=SOMEBODY,
    roller=SOMEBODY,
    block=0,
)
KEYS: Final[list[tuple[ClientAction, str]]] = [
    (Deposit(3, NanoNmr(5 * NMR)), f"deposit:{TOURNAMENT}:3:5000000000"),
    (Deposit(3, NanoNmr(5 * NMR), to_another=True), f"deposit:{TOURNAMENT}:3:5000000000"),
    (Withdraw(3, NanoNmr(1), SOMEBODY), f"withdraw:{TOURNAMENT}:3:1:{SOMEBODY}"),
    (Withdraw(3, None, SOMEBODY), f"withdraw:{TOURNAMENT}:3:all:{SOMEBODY}"),
    (Allocate(3, Allocation(amount=NanoNmr(2 * NMR))), f"allocate:{TOURNAMENT}:3:2000000000"),
    (Allocate(3, Allocation(share=Ppm(400_000))), f"allocate:{TOURNAMENT}:3:{SHARE_FLAG | 400_000}"),
    (RegisterModel(SOMEBODY), f"register:{REGISTRY}:{SOMEBODY}"),
    (TransferModel(3, SOMEBODY), f"transfer:{REGISTRY}:3:{SOMEBODY}"),
    (OfferModel(3, SOMEBODY), f"offer:{REGISTRY}:3:{SOMEBODY}"),
    (OfferModel(3, None), f"offer:{REGISTRY}:3:nobody"),
    (ClaimModel(3), f"claim:{REGISTRY}:3"),
    (NameSubmitter(3, SOMEBODY), f"submitter:{REGISTRY}:3:{SOMEBODY}"),
    (PostBond(SOMEBODY, NanoNmr(100 * NMR)), f"post:{COMMITTEE}:{SOMEBODY}:100000000000"),
    (ReleaseBond(NanoNmr(7), SOMEBODY), f"release:{COMMITTEE}:7:{SOMEBODY}"),
    (ReleaseBond(None, SOMEBODY), f"release:{COMMITTEE}:all:{SOMEBODY}"),
    (LeaveCommittee(), f"leave:{COMMITTEE}"),
    (CollectCredit(SOMEBODY), f"collect:{COMMITTEE}:{SOMEBODY}"),
    (ChallengeReport(412), f"challenge:{TOURNAMENT}:412"),
    (RemoveAbsent(SOMEBODY), f"remove-absent:{COMMITTEE}:{SOMEBODY}"),
]


@pytest.mark.parametrize(("action", "key"), KEYS, ids=[key.partition(":")[0] for _, key in KEYS])
def test_an_action_keeps_the_key_by_which_journals_know_it(action: ClientAction, key: str) -> None:
    assert action.key(ADDRESSES) == key


@pytest.mark.parametrize(("action", "key"), KEYS, ids=[key.partition(":")[0] for _, key in KEYS])
def test_a_key_is_the_same_however_the_deployment_file_spells_its_addresses(
    action: ClientAction, key: str
) -> None:
    lower = replace(
        ADDRESSES,
        tournament=TOURNAMENT.lower(),
        registry=REGISTRY.lower(),
        committee=COMMITTEE.lower(),
    )
    assert action.key(lower) == key


def test_different_actions_have_different_keys() -> None:
    keys = [key for action, key in KEYS if action != KEYS[1][0]]
    assert len(set(keys)) == len(keys)
