"""A contract of the package is bound as web3 binds it."""

import pytest
from web3 import Web3

from scorer.chain.artifacts import CONTRACTS
from scorer.chain.binding import bound

W3 = Web3()
ADDRESS = "0x" + "11" * 20


@pytest.mark.parametrize("name", CONTRACTS)
def test_functions_and_events_are_those_that_web3_binds(name: str) -> None:
    ours = bound(W3, name, ADDRESS)
    theirs = W3.eth.contract(address=Web3.to_checksum_address(ADDRESS), abi=ours.abi, decode_tuples=True)
    assert ours.address == theirs.address
    assert [each.abi for each in ours.all_functions()] == [each.abi for each in theirs.all_functions()]
    # Of a contract without events web3 refuses to name any.
    if any(entry["type"] == "event" for entry in ours.abi):
        assert [each.event_name for each in ours.events] == [each.event_name for each in theirs.events]  # type: ignore[attr-defined]


def test_calls_of_overloaded_functions_are_told_apart() -> None:
    ours = bound(W3, "ModelRegistry", ADDRESS)
    theirs = W3.eth.contract(address=Web3.to_checksum_address(ADDRESS), abi=ours.abi)
    for arguments in ((ADDRESS, ADDRESS, 1), (ADDRESS, ADDRESS, 1, b"x")):
        data = [
            contract.functions.safeTransferFrom(*arguments)._encode_transaction_data()
            for contract in (ours, theirs)
        ]
        assert data[0] == data[1]
