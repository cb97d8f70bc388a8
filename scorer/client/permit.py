"""EIP-2612: an allowance by signature, so that a deposit is one transaction."""

from dataclasses import dataclass
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_canonical_address
from web3.contract import Contract
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from scorer.chain.bulk import read_view
from scorer.chain.errors import Refused
from scorer.chain.rpc_errors import Answer

_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_VERSION: Final = "1"
_TYPES: Final = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}


@dataclass(frozen=True)
class Permit:
    """A signed allowance: the arguments of ``permit`` after owner, spender and value."""

    deadline: int
    v: int
    r: bytes
    s: bytes


@dataclass(frozen=True)
class PermitSigner:
    """Signs permits of one owner's tokens, with the token's EIP-712 domain and the owner's next nonce."""

    domain: dict[str, Any]
    nonce: int

    def sign(self, account: LocalAccount, spender: str, value: int, deadline: int) -> Permit:
        """Sign that `spender` may take `value` wei until `deadline` (seconds since the epoch)."""
        message = {
            "owner": account.address,
            "spender": spender,
            "value": value,
            "nonce": self.nonce,
            "deadline": deadline,
        }
        signed = Account.sign_typed_data(account.key, self.domain, _TYPES, message)
        return Permit(deadline, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))


def permit_signer(token: Contract, owner: str, chain_id: int, block: int) -> PermitSigner | None:
    """Return the signer of a token's permits; None for a token without permits or with an unknown domain.

    The token's own DOMAIN_SEPARATOR decides, because a permit in another domain would fail on the chain.
    """
    try:
        separator = bytes(read_view(token.functions.DOMAIN_SEPARATOR(), block))
        nonce = int(read_view(token.functions.nonces(owner), block))
        name = str(read_view(token.functions.name(), block))
    except (ContractLogicError, BadFunctionCallOutput, UnicodeDecodeError):
        return None
    except Refused as error:
        # Contracts of Ethereum's first years use up all gas for an unknown call. The NMR contract returns
        # nothing instead, which is BadFunctionCallOutput above.
        if error.answer != Answer.GAS_TOO_LOW:
            raise
        return None
    if separator != _separator(name, chain_id, str(token.address)):
        return None
    domain = {"name": name, "version": _VERSION, "chainId": chain_id, "verifyingContract": token.address}
    return PermitSigner(domain, nonce)


def _separator(name: str, chain_id: int, token: str) -> bytes:
    parts = (keccak(name.encode()), keccak(_VERSION.encode()), chain_id.to_bytes(32, "big"))
    return keccak(_DOMAIN_TYPE + b"".join(parts) + to_canonical_address(token).rjust(32, b"\0"))
