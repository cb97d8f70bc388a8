"""Authority: the roles by name"""

from __future__ import annotations

from support import GUARDIAN_ROLE, MINTER_ROLE, OPERATOR_ROLE, UNPAUSER_ROLE, House


def test_each_role_has_the_number_under_which_it_was_granted(house: House) -> None:
    authority = house.authority
    roles = (
        authority.OPERATOR_ROLE(), authority.GUARDIAN_ROLE(), authority.MINTER_ROLE(),
        authority.UNPAUSER_ROLE(),
    )  # fmt: skip
    holders = (house.operator, house.guardian, house.minter, house.unpauser)
    assert roles == (OPERATOR_ROLE, GUARDIAN_ROLE, MINTER_ROLE, UNPAUSER_ROLE)
    for role, holder in zip(roles, holders, strict=True):
        assert authority.hasRole(role, holder) == (True, 0)
