"""Messages and addresses as contracts encode them."""

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from scorer.bridge.messages import (
    MalformedMessage,
    Message,
    Transfer,
    address_in,
    interoperable,
    parse_message,
    parse_transfer,
)

ALICE, BOB = (str(to_checksum_address(byte * 20)) for byte in (b"\x0a", b"\x0b"))


@pytest.mark.parametrize(
    ("chain", "reference"), [(1, "0101"), (137, "0189"), (80002, "03013882"), (11155111, "03aa36a7")]
)
def test_an_address_names_its_chain_as_erc_7930_writes_it(chain: int, reference: str) -> None:
    text = interoperable(chain, ALICE)
    assert text.hex() == "00010000" + reference + "14" + "0a" * 20
    assert address_in(text) == ALICE


@pytest.mark.parametrize("text", ["", "0001", "00010000018914" + "0a" * 19, "00010002018914" + "0a" * 20])
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(MalformedMessage, match="expected an address of an EVM chain"):
        address_in(bytes.fromhex(text))


def test_a_message_is_read_as_it_was_written() -> None:
    message = Message(3, ALICE, BOB, b"payload")
    assert parse_message(message.encoded) == message
    with pytest.raises(MalformedMessage):
        parse_message(message.encoded[:-40])


def test_a_transfer_is_read_as_the_bridge_writes_it() -> None:
    types = ["bytes", "bytes", "uint256"]
    payload = encode(types, [interoperable(137, ALICE), bytes.fromhex(BOB[2:]), 5])
    assert parse_transfer(payload) == Transfer(ALICE, BOB, 5)
    for receiver in (b"", b"\1" * 19, b"\1" * 32):
        with pytest.raises(MalformedMessage, match="expected a receiver of 20 bytes"):
            parse_transfer(encode(types, [interoperable(137, ALICE), receiver, 5]))
    with pytest.raises(MalformedMessage):
        parse_transfer(b"\1")
