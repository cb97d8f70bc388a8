"""Tournament.depositWithPermit"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_account.messages import encode_typed_data
from states import state
from support import DAY, NANO, NMR, House, only

ZERO = b"\0" * 32


@pytest.fixture
def permit(house: House) -> Any:
    """Sign a permit of alice's for the tournament: (deadline, v, r, s)."""

    def sign(amount: int, deadline: int = 2**256 - 1) -> tuple[int, int, bytes, bytes]:
        fields = ["owner", "spender", "value", "nonce", "deadline"]
        message = {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Permit": [
                    {"name": name, "type": "address" if name in ("owner", "spender") else "uint256"}
                    for name in fields
                ],
            },
            "primaryType": "Permit",
            "domain": {
                "name": "Numeraire",
                "version": "1",
                "chainId": house.chain.chain_id,
                "verifyingContract": house.token.address,
            },
            "message": {
                "owner": house.alice.address,
                "spender": house.tournament.address,
                "value": amount,
                "nonce": house.token.nonces(house.alice),
                "deadline": deadline,
            },
        }
        signature = house.alice.sign_message(encode_typed_data(full_message=message))
        return deadline, signature.v, bytes(signature.r), bytes(signature.s)

    return sign


@state
def model(house: House) -> int:
    house.token.approve(house.tournament, 0, sender=house.alice)
    return house.register(house.alice)


def test_reverts_when_the_permit_fails_and_the_allowance_is_short(house: House, model: int) -> None:
    with ape.reverts(house.token.ERC20InsufficientAllowance):
        house.tournament.depositWithPermit(model, NMR, 2**256 - 1, 27, ZERO, ZERO, sender=house.alice)


def test_reverts_for_a_permit_past_its_deadline_without_allowance(
    house: House, model: int, permit: Any
) -> None:
    signed = permit(NMR, deadline=house.now() - 1)
    with ape.reverts(house.token.ERC20InsufficientAllowance):
        house.tournament.depositWithPermit(model, NMR, *signed, sender=house.alice)


def test_reverts_while_paused(house: House, model: int, permit: Any) -> None:
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.tournament.depositWithPermit(model, NMR, *permit(NMR), sender=house.alice)


def test_deposits_without_an_approval_before(house: House, model: int, permit: Any) -> None:
    receipt = house.tournament.depositWithPermit(model, NMR, *permit(NMR), sender=house.alice)
    assert only(receipt, house.tournament.Deposited).amount == NANO
    assert house.tournament.idleOf(model) == NANO
    assert house.token.allowance(house.alice, house.tournament) == 0
    house.assert_books_balance()


def test_a_permit_spent_by_somebody_else_does_not_matter(house: House, model: int, permit: Any) -> None:
    signed = permit(NMR)
    house.token.permit(house.alice, house.tournament, NMR, *signed, sender=house.bob)
    house.tournament.depositWithPermit(model, NMR, *signed, sender=house.alice)
    assert house.tournament.idleOf(model) == NANO


def test_a_failing_permit_does_not_matter_when_the_allowance_suffices(house: House, model: int) -> None:
    house.token.approve(house.tournament, NMR, sender=house.alice)
    house.tournament.depositWithPermit(model, NMR, 0, 27, ZERO, ZERO, sender=house.alice)
    assert house.tournament.idleOf(model) == NANO


def test_somebody_elses_permit_does_not_spend_their_tokens(house: House, model: int, permit: Any) -> None:
    """Bob offers alice's permit: it must not deposit alice's tokens, and his own allowance is what counts."""
    house.token.approve(house.tournament, 0, sender=house.bob)
    with ape.reverts(house.token.ERC20InsufficientAllowance):
        house.tournament.depositWithPermit(model, NMR, *permit(NMR), sender=house.bob)
