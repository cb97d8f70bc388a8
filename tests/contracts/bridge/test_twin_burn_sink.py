"""TwinBurnSink.flush, on either chain"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import NMR, ZERO_ADDRESS, House, is_event, only

ELSEWHERE = 999


@pytest.fixture
def chain_id(house: House) -> int:
    return int(house.token.provider.chain_id)


def test_on_ethereum_it_destroys(house: House, project: Any, chain_id: int) -> None:
    sink = project.TwinBurnSink.deploy(chain_id, house.token, ZERO_ADDRESS, False, sender=house.admin)
    assert sink.token() == house.token
    with ape.reverts(sink.NothingToBurn):
        sink.flush(sender=house.bob)
    house.token.transfer(sink, 3 * NMR, sender=house.alice)
    supply = house.token.totalSupply()
    is_event(only(sink.flush(sender=house.bob), sink.Flushed), caller=house.bob, amount=3 * NMR)
    assert house.token.totalSupply() == supply - 3 * NMR


def test_the_nmr_of_2017_burns_by_mint(house: House, project: Any, hostile_types: Any, chain_id: int) -> None:
    nmr = hostile_types["RealNmr"].deploy(house.admin, NMR, house.bob, sender=house.admin)
    plain = project.TwinBurnSink.deploy(chain_id, nmr, ZERO_ADDRESS, False, sender=house.admin)
    sink = project.TwinBurnSink.deploy(chain_id, nmr, ZERO_ADDRESS, True, sender=house.admin)
    nmr.transfer(plain, NMR // 2, sender=house.admin)
    nmr.transfer(sink, NMR // 2, sender=house.admin)
    with ape.reverts(plain.NotBurned, amount=NMR // 2):
        plain.flush(sender=house.bob)
    sink.flush(sender=house.bob)
    assert (nmr.balanceOf(sink), nmr.totalSupply()) == (0, NMR // 2)


@pytest.mark.parametrize(
    ("answers", "from_balance", "from_supply", "error"),
    [
        (False, 0, 0, "MintFailed"),
        (True, 0, 0, "NotBurned"),
        (True, 0, NMR, "StillHeld"),
        (True, NMR, 1, "NotBurned"),
    ],
)
def test_attack_a_mint_that_says_that_it_burned(
    house: House, project: Any, hostile_types: Any, chain_id: int,
    answers: bool, from_balance: int, from_supply: int, error: str,
) -> None:  # fmt: skip
    liar = hostile_types["LyingNmr"].deploy(answers, from_balance, from_supply, sender=house.admin)
    sink = project.TwinBurnSink.deploy(chain_id, liar, ZERO_ADDRESS, True, sender=house.admin)
    liar.give(sink, NMR, sender=house.admin)
    with ape.reverts(getattr(sink, error)):
        sink.flush(sender=house.bob)


@pytest.mark.parametrize(("burns", "error"), [(NMR, None), (NMR - 1, "NotBurned"), (0, "NotBurned")])
def test_on_polygon_it_withdraws_to_itself(
    house: House, project: Any, hostile_types: Any, burns: int, error: str | None
) -> None:
    child = hostile_types["LyingChild"].deploy(burns, sender=house.admin)
    sink = project.TwinBurnSink.deploy(ELSEWHERE, ZERO_ADDRESS, child, True, sender=house.admin)
    child.give(sink, NMR, sender=house.admin)
    assert sink.token() == child
    if error is None:
        is_event(only(sink.flush(sender=house.bob), sink.Flushed), amount=NMR)
        return
    with ape.reverts(getattr(sink, error)):
        sink.flush(sender=house.bob)
