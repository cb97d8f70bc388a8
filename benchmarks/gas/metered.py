"""Gas of whole transactions, at Ethereum's prices as the chain charged it and at Polygon's from a trace.

Polygon prices cold storage by itself since its Chicago fork (PIP-88, May 2026): a cold SLOAD costs 5,460
instead of 2,100 and the surcharge of a cold SSTORE 2,940 instead of 2,100. What a cold and a warm write cost
together stays, so that a warm write of a slot in use costs 2,060 instead of 2,900, and clearing one refunds
3,960 instead of 4,800. https://forum.polygon.technology/t/pip-88-cold-storage-and-precompile-gas-repricing/21897
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction

TRANSFER = 21_000
FLOOR_A_TOKEN = 10
TOKENS_A_BYTE = 4
REFUND_QUOTIENT = 5

COLD_SLOAD, COLD_SSTORE = 2_100, 2_100
POLYGON_COLD_SLOAD, POLYGON_COLD_SSTORE = 5_460, 2_940
_READ, _WRITE = POLYGON_COLD_SLOAD - COLD_SLOAD, POLYGON_COLD_SSTORE - COLD_SSTORE

DEARER_ON_POLYGON = {
    ("SLOAD", 100): 0,
    ("SLOAD", 2_100): _READ,
    ("SSTORE", 100): 0,  # written before in this transaction, or unchanged
    ("SSTORE", 2_200): _WRITE,  # cold and unchanged
    ("SSTORE", 2_900): -_WRITE,  # read before: the write is what is left of 5,000
    ("SSTORE", 5_000): 0,  # cold, of a slot in use
    ("SSTORE", 20_000): 0,  # read before, and zero
    ("SSTORE", 22_100): _WRITE,  # cold, and zero
}
REFUND_CHANGES = {
    0: 0,
    4_800: -_WRITE,  # cleared
    -4_800: _WRITE,  # cleared before in this transaction, and used again
    2_800: -_WRITE,  # written back to what it was
    -2_000: 0,  # both of these
    19_900: 0,  # back to zero
}

# Counts (opcode, cost, change of the refund counter). The tracer is told a cost without what is cold or warm,
# so the cost is taken as the gas that is gone at the next step.
_TRACER = """{
  counts: {}, refund: 0, op: '', gas: 0,
  step: function (log) {
    if (this.op) {
      var key = this.op + ' ' + (this.gas - log.getGas()) + ' ' + (log.getRefund() - this.refund);
      this.counts[key] = (this.counts[key] || 0) + 1;
    }
    var op = log.op.toString();
    this.op = (op == 'SLOAD' || op == 'SSTORE') ? op : '';
    this.gas = log.getGas();
    this.refund = log.getRefund();
  },
  fault: function () {},
  result: function () { return {counts: this.counts, refund: this.refund}; }
}"""


@dataclass(frozen=True)
class Gas:
    """What transactions cost, in gas; the largest of them too, for a chain's limit on one."""

    ethereum: int = 0
    polygon: int = 0
    transactions: int = 0
    largest: int = 0
    largest_on_polygon: int = 0

    def __add__(self, other: "Gas") -> "Gas":
        return Gas(
            self.ethereum + other.ethereum,
            self.polygon + other.polygon,
            self.transactions + other.transactions,
            max(self.largest, other.largest),
            max(self.largest_on_polygon, other.largest_on_polygon),
        )


@dataclass(frozen=True)
class Meter:
    """Sends transactions to a local chain, one a block, and reads what each cost."""

    w3: Web3
    gas_limit: int

    def send(self, account: LocalAccount, call: ContractFunction | ContractConstructor) -> Any:
        """The receipt of a transaction that succeeded."""
        fields: Any = {
            "from": account.address,
            "nonce": self.w3.eth.get_transaction_count(account.address),
            "gas": self.gas_limit,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 0,
            "chainId": self.w3.eth.chain_id,
        }
        transaction: Any = call.build_transaction(fields)
        sent = self.w3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)
        receipt: Any = self.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
        if receipt["status"] != 1:
            raise RuntimeError(f"{getattr(call, 'fn_name', 'deployment')} reverted; it was to be measured")
        return receipt

    def measure(self, account: LocalAccount, call: ContractFunction) -> Gas:
        """What a transaction costs on both chains."""
        receipt = self.send(account, call)
        used = int(receipt["gasUsed"])
        found = self._trace(receipt["transactionHash"].to_0x_hex())
        refund = int(found["refund"])
        gross = _before_refund(used, refund)
        for key, count in found["counts"].items():
            op, cost, change = key.split()
            gross += DEARER_ON_POLYGON[op, int(cost)] * count
            refund += REFUND_CHANGES[int(change)] * count
        polygon = gross - min(refund, gross // REFUND_QUOTIENT)
        data = bytes(self.w3.eth.get_transaction(receipt["transactionHash"])["input"])
        if _calldata_floor(data) >= min(used, polygon):
            raise RuntimeError("expected a transaction whose work costs more than EIP-7623's floor")
        return Gas(used, polygon, 1, used, polygon)

    def _trace(self, transaction: str) -> Any:
        request: Any = "debug_traceTransaction"
        response = self.w3.provider.make_request(request, [transaction, {"tracer": _TRACER}])
        if "result" not in response:
            raise RuntimeError(f"expected a trace, found {response}")
        return response["result"]


def _before_refund(used: int, refund: int) -> int:
    """What was used before a fifth of it at most was given back."""
    if refund <= (used + refund) // REFUND_QUOTIENT:
        return used + refund
    gross = used * REFUND_QUOTIENT // (REFUND_QUOTIENT - 1)
    return next(g for g in range(gross - 2, gross + 3) if g - g // REFUND_QUOTIENT == used)


def _calldata_floor(data: bytes) -> int:
    """The least a transaction costs by its calldata alone (EIP-7623)."""
    zeros = Counter(data)[0]
    return TRANSFER + FLOOR_A_TOKEN * (zeros + TOKENS_A_BYTE * (len(data) - zeros))
