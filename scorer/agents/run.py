"""Runs an agent once: reads the gate, plans, and acts within its budget; a dry run sends nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from web3 import Web3
from web3.contract import Contract

from scorer.agents.leaves import Body, asset_of
from scorer.agents.plan import Budget, GateView, Mandate, ProposedAct, proposed_acts, refusal
from scorer.agents.signing import QuorumConsensus
from scorer.agents.template import AgentError, AgentFolder
from scorer.chain.binding import bound
from scorer.protocol.documents import to_hex

PPM: Final = 10**6


class ActSender(Protocol):
    """An account that sends calls, see `scorer.lab.plain_sender.Sender` and `scorer.client`."""

    @property
    def address(self) -> str:
        """Its checksummed address."""
        ...

    def send(self, call: Any) -> Any:
        """Send a call and wait until it is mined."""
        ...


@dataclass(frozen=True)
class Agent:
    """An agent at a gate.

    Attributes
    ----------
    assets
        The pool of each id that the account trades, Uniswap's second version.
    sender
        None: a dry run for `address`.
    """

    w3: Web3
    gate: Contract
    account: str
    folder: AgentFolder
    budget: Budget
    assets: Mapping[str, str]
    address: str
    slippage: int
    sender: ActSender | None = None

    @classmethod
    def at(cls, w3: Web3, folder: AgentFolder, address: str, sender: ActSender | None = None) -> "Agent":
        """Return the agent of a folder, at a connection to its chain."""
        found = folder.configuration()
        gate = bound(w3, "ConsensusGate", Web3.to_checksum_address(found.gate))
        account, budget = Web3.to_checksum_address(found.account), found.budget.budget()
        return cls(w3, gate, account, folder, budget, found.assets, address, found.slippage_ppm, sender)

    def run(self, document: QuorumConsensus, body: Body) -> list[ProposedAct]:
        """Act once on a document; the acts that were planned.

        Raises
        ------
        AgentError
            When the body is not the document's.
        """
        consensus = document.consensus
        if body.root != consensus.root:
            raise AgentError(
                f"expected the body of the root {to_hex(consensus.root)}, found that of {to_hex(body.root)}"
            )
        self._admit(document)
        view = self._view(consensus.digest)
        why = refusal(view, self.address, is_stopped=self.folder.is_stopped)
        if why is not None:
            self.folder.log({"round": consensus.round_id, "refused": why})
            return []
        acts = list(proposed_acts(body, view, self.budget, self.assets))
        for act in acts:
            if self.folder.is_stopped:
                self.folder.log({"round": consensus.round_id, "refused": "stopped between two acts"})
                break
            self._act(consensus.digest, consensus.round_id, body, act)
        return acts

    def _admit(self, document: QuorumConsensus) -> None:
        """Hand the document to the gate, which checks its signatures, where that is left to do."""
        known = bytes(self.gate.functions.documentOf(document.consensus.round_id).call())
        if known == bytes(32) and self.sender is not None and not self.folder.is_stopped:
            self.sender.send(self.gate.functions.admit(*document.arguments))

    def _act(self, digest: bytes, round_id: int, body: Body, act: ProposedAct) -> None:
        order = (self.account, digest, act.leaf.asset, act.buy, act.size, self._bound(act))
        entry = {"round": round_id, "document": to_hex(digest), **act.to_json()}
        if self.sender is None:
            self.folder.log(entry | {"outcome": "dry run: nothing sent"})
            return
        # Before it is sent: what is not in the log was not done.
        self.folder.log(entry | {"outcome": "to be sent"})
        call = self.gate.functions.act(order, act.leaf.struct, act.index, body.proof(act.index))
        receipt = self.sender.send(call)
        self.folder.log(entry | {"outcome": f"block {receipt['blockNumber']}"})

    def _bound(self, act: ProposedAct) -> int:
        """Return the least to get, or the most to give, of the asset's units, at the pool's price now."""
        cash, tokens = self._reserves(act.name)
        fair = act.size * tokens // cash
        return fair * (PPM - self.slippage) // PPM if act.buy else fair * (PPM + self.slippage) // PPM

    def _reserves(self, name: str) -> tuple[int, int]:
        """Return what the pool of an asset holds of cash and of the asset."""
        account = bound(self.w3, "UniswapAccount", self.account).functions
        cash, token = account.cash().call(), account.tokenOf(asset_of(name)).call()
        if int(token, 16) == 0:
            raise AgentError(
                f"{name}: expected an asset that the account {self.account} trades, found one that its owner "
                "did not list"
            )
        pool = self._pool(name, account.router().call(), (cash, token))
        first, second, _ = pool.functions.getReserves().call()
        cash_is_first = pool.functions.token0().call() == cash
        found = (first, second) if cash_is_first else (second, first)
        if not all(found):
            raise AgentError(f"{name}: expected a pool with reserves, found an empty one")
        return int(found[0]), int(found[1])

    def _pool(self, name: str, router: str, tokens: tuple[str, str]) -> Contract:
        """Return the pool of an asset: the one at which the account's router trades, as the owner wrote too.

        The price of another one would bound nothing.
        """
        factory = self._uniswap(router).functions.factory().call()
        pair = str(self._uniswap(factory).functions.getPair(*tokens).call())
        written = Web3.to_checksum_address(self.assets[name])
        if pair != written:
            raise AgentError(
                f"{name}: expected the pool {pair}, at which the account trades it, found {written}"
            )
        return self._uniswap(pair)

    def _uniswap(self, address: str) -> Contract:
        return self.w3.eth.contract(Web3.to_checksum_address(address), abi=UNISWAP)

    def _view(self, digest: bytes) -> GateView:
        gate, block = self.gate.functions, self.w3.eth.get_block("latest")
        mandate = gate.mandateOf(self.account).call()
        acts, size = gate.todayOf(self.account).call()
        return GateView(
            int(block["timestamp"]),
            Mandate(mandate[0], *map(int, mandate[1:])),
            int(gate.admitted(digest).call()[3]),
            dict(self._traded(digest)),
            int(acts),
            int(size),
            int(gate.bondOf(self.address).call()),
            int(gate.leastBond().call()),
        )

    def _traded(self, digest: bytes) -> Iterator[tuple[str, int]]:
        for name in self.assets:
            traded = self.gate.functions.tradedOf(self.account, digest, asset_of(name)).call()
            yield name, int(traded)


def _asked(name: str, inputs: int, *outputs: str) -> dict[str, Any]:
    """Return a view's entry of an ABI, whose arguments are addresses."""
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": f"input{place}", "type": "address"} for place in range(inputs)],
        "outputs": [{"name": f"output{place}", "type": kind} for place, kind in enumerate(outputs)],
    }


UNISWAP: Final = [
    _asked("factory", 0, "address"),
    _asked("getPair", 2, "address"),
    _asked("getReserves", 0, "uint112", "uint112", "uint32"),
    _asked("token0", 0, "address"),
]
"""The functions of router, factory and pool of Uniswap's second version that are asked."""
