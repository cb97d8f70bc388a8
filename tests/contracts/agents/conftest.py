"""A verifier and a gate of a home committee, and an agent that trades for an account at Uniswap."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ape.contracts import ContractContainer
from documents import HASHES, LEAVES, ROOT, ascending, proof, set_hash, sign, signed
from eth_utils import keccak
from ethpm_types import ContractType
from states import state
from support import DAY, NMR, House

MODULES = Path(__file__).parents[3] / "node_modules"
HOME_CHAIN = 137
SET_ID = 4
FIRST_ROUND = 5
GRACE = 30 * DAY
LEAST_BOND = 100 * NMR
CASH = 10**18
BOOK = 1_000 * CASH
LIFETIME = 20 * DAY


@dataclass
class Agents:
    """The contracts and people: members sign, the owner has an account, the agent acts for it."""

    house: House
    verifier: Any
    gate: Any
    account: Any
    members: list[Any]
    owner: Any
    agent: Any
    gateway: Any
    cash: Any
    asset: Any
    home: str
    quorum: int = 3
    assets: list[Any] = field(default_factory=list)

    @property
    def token(self) -> Any:
        return self.house.token

    def document(self, **changes: Any) -> dict[str, Any]:
        """A round's document, with fields replaced as asked."""
        now = self.house.now()
        known = {
            "chainId": HOME_CHAIN,
            "tournament": self.home,
            "roundId": 7,
            "memberSet": set_hash(self.members, self.quorum),
            "seal": keccak(b"seal"),
            "metaModel": keccak(b"meta model"),
            "root": ROOT,
            "assets": len(LEAVES),
            "publishedAt": now - 100,
            "expiresAt": now + LIFETIME,
        }
        return known | changes

    def arguments(
        self, document: dict[str, Any], signers: list[Any] | None = None, members: list[Any] | None = None
    ) -> list[Any]:
        """Of `verify` and `admit`: a quorum signs, if not said otherwise."""
        whole = self.members if members is None else members
        chosen = whole[: self.quorum] if signers is None else signers
        bits, signatures = signed(whole, chosen, lambda member: sign(document, member))
        addresses = [member.address for member in ascending(whole)]
        return [tuple(document.values()), addresses, self.quorum, bits, signatures]

    def verify(self, document: dict[str, Any], **how: Any) -> bytes:
        return bytes(self.verifier.verify(*self.arguments(document, **how)))

    def admit(self, document: dict[str, Any]) -> bytes:
        """Admit a document, and name it."""
        self.gate.admit(*self.arguments(document), sender=self.house.bob)
        return bytes(self.gate.documentOf(document["roundId"]))

    def order(self, document: bytes, index: int = 0, **changes: Any) -> tuple[Any, ...]:
        """An order for the asset at `index` on its own side, of a tenth of a unit of cash."""
        known = {
            "account": self.account.address,
            "document": document,
            "asset": LEAVES[index][0],
            "buy": LEAVES[index][2] > 0,
            "size": CASH // 10,
            "bound": 1 if LEAVES[index][2] > 0 else 10**18,
        }
        return tuple((known | changes).values())

    def act(self, document: bytes, index: int = 0, sender: Any = None, **changes: Any) -> Any:
        order = self.order(document, index, **changes)
        leaf, siblings = LEAVES[index], proof(HASHES, index)
        return self.gate.act(order, leaf, index, siblings, sender=sender or self.agent)

    def act_sealed(
        self, document: bytes, index: int = 0, expected: tuple[int, int, int] | None = None, **changes: Any
    ) -> Any:
        """Act sealed, and expect what the gate says now if not said otherwise."""
        order = self.order(document, index, **changes)
        if expected is None:
            size, book, rate = order[4], *self.gate.mandateOf(self.account)[3::2]
            traded = self.gate.tradedOf(self.account, document, order[2])
            expected = traded + size, book, max(LEAST_BOND, -(-size * rate // CASH))
        shown = HASHES[index], index, proof(HASHES, index)
        return self.gate.actSealed(order, *shown, expected, sender=self.agent)


def package(path: str) -> ContractContainer:
    """A contract as its package of npm ships it."""
    found = json.loads((MODULES / path).read_text())
    code = found["bytecode"]
    bytecode = {"bytecode": code if code.startswith("0x") else f"0x{code}"}
    return ContractContainer(
        ContractType.model_validate(
            {"contractName": Path(path).stem, "abi": found["abi"], "deploymentBytecode": bytecode}
        )
    )


@pytest.fixture(scope="session")
def uniswap_types() -> dict[str, ContractContainer]:
    """Uniswap's own factory and router."""
    return {
        "factory": package("@uniswap/v2-core/build/UniswapV2Factory.json"),
        "router": package("@uniswap/v2-periphery/build/UniswapV2Router02.json"),
    }


@state
def agents(house: House, project: Any, accounts: Any, uniswap_types: Any) -> Agents:
    """Everything deployed; a pool of 1,000 against 1,000; the account holds 100 of both tokens."""
    admin, owner, agent, gateway = house.admin, accounts[11], accounts[12], accounts[13]
    members, home = list(accounts[14:18]), accounts[18].address
    addresses = [member.address for member in ascending(members)]
    sender = b"sender on the home chain"
    where = (HOME_CHAIN, home, GRACE, gateway, sender)
    verifier = project.ConsensusVerifier.deploy(where, SET_ID, FIRST_ROUND, addresses, 3, sender=admin)
    gate = project.ConsensusGate.deploy(verifier, house.token, house.sink, LEAST_BOND, sender=admin)
    tokens = [
        project.Numeraire.deploy(house.authority, admin, 1_000_000 * NMR, sender=admin) for _ in range(2)
    ]
    cash, asset = tokens
    factory = uniswap_types["factory"].deploy(admin, sender=admin)
    router = uniswap_types["router"].deploy(factory, cash, sender=admin)
    for token in tokens:
        token.approve(router, 2**256 - 1, sender=admin)
    amounts = (1_000 * CASH, 1_000 * CASH, 0, 0)
    router.addLiquidity(cash, asset, *amounts, admin, house.now() + DAY, sender=admin)
    account = project.UniswapAccount.deploy(owner, gate, router, cash, sender=owner)
    for token in tokens:
        token.transfer(account, 100 * CASH, sender=admin)
    for each in LEAVES[:4]:
        account.list(each[0], asset, sender=owner)
    gate.setMandate(account, (agent, house.now() + 365 * DAY, 5, BOOK, 400 * CASH, 0), sender=owner)
    house.token.approve(gate, 2**256 - 1, sender=admin)
    gate.postBond(agent, LEAST_BOND, sender=admin)
    return Agents(house, verifier, gate, account, members, owner, agent, gateway, cash, asset, home)
