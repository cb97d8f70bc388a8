"""Messages of the gateways and what they carry, as contracts encode them. Pure."""

from dataclasses import dataclass
from typing import Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from scorer.errors import CupelError

EVM_CHAIN: Final = bytes.fromhex("00010000")
"""Version 1 and the kind of EVM chains: the first bytes of an address as ERC-7930 writes it."""
ADDRESS_BYTES: Final = 20
_MESSAGE: Final = "(uint256,address,address,bytes)"
_TRANSFER: Final = ("bytes", "bytes", "uint256")


class MalformedMessage(CupelError):
    """Bytes are not what a gateway or a bridge encodes."""


@dataclass(frozen=True)
class Message:
    """A gateway's message: its number, who sent it, who receives it, and what it carries."""

    number: int
    sender: str
    recipient: str
    payload: bytes

    @property
    def encoded(self) -> bytes:
        """The message as ``IGateway.Posted`` has it."""
        return encode([_MESSAGE], [(self.number, self.sender, self.recipient, self.payload)])


@dataclass(frozen=True)
class Transfer:
    """A transfer of the token that a message carries; `amount` in wei."""

    sender: str
    receiver: str
    amount: int


def interoperable(chain_id: int, address: str) -> bytes:
    """Return an address with its chain, as ERC-7930 writes it (version 1, EVM)."""
    reference = chain_id.to_bytes((chain_id.bit_length() + 7) // 8, "big")
    account = bytes.fromhex(address[2:])
    return EVM_CHAIN + bytes([len(reference)]) + reference + bytes([len(account)]) + account


def address_in(text: bytes) -> str:
    """Return the address of an EVM chain's interoperable address, checksummed.

    Raises
    ------
    MalformedMessage
        When it is no such address.
    """
    reference = text[4] if len(text) > 4 else 0
    account = text[6 + reference :]
    if text[:4] != EVM_CHAIN or len(account) != ADDRESS_BYTES or text[5 + reference] != ADDRESS_BYTES:
        raise MalformedMessage(f"expected an address of an EVM chain by ERC-7930, found 0x{text.hex()}")
    return str(to_checksum_address(account))


def message_id(chain_id: int, gateway: str, to_chain_id: int, message: bytes) -> bytes:
    """Return the id of an encoded message that `gateway` on `chain_id` sent, as ``IGateway.idOf``."""
    types = ["uint256", "address", "uint256", "bytes"]
    return bytes(keccak(encode(types, [chain_id, gateway, to_chain_id, message])))


def parse_message(encoded: bytes) -> Message:
    """Decode a message.

    Raises
    ------
    MalformedMessage
        When it is none.
    """
    try:
        ((number, sender, recipient, payload),) = decode([_MESSAGE], encoded)
    except (DecodingError, OverflowError, ValueError) as error:
        raise MalformedMessage(f"expected a message of a gateway, found {type(error).__name__}") from None
    return Message(number, to_checksum_address(sender), to_checksum_address(recipient), payload)


def parse_transfer(payload: bytes) -> Transfer:
    """Decode the payload of a message between the token's two ends. Raises as `parse_message` does."""
    try:
        sender, receiver, amount = decode(list(_TRANSFER), payload)
    except (DecodingError, OverflowError, ValueError) as error:
        raise MalformedMessage(f"expected a transfer of the token, found {type(error).__name__}") from None
    if len(receiver) != ADDRESS_BYTES:
        raise MalformedMessage(f"expected a receiver of 20 bytes, found {len(receiver)}")
    return Transfer(address_in(sender), str(to_checksum_address(receiver)), amount)
