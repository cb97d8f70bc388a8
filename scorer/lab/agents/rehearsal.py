"""A round on a home chain, its document on another, an agent within it and out of it, and a double signer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_hash.auto import keccak
from web3.contract import Contract
from web3.logs import DISCARD

from scorer.agents.document import ascending_members, rotation_message, set_hash
from scorer.agents.leaves import Body, asset_of
from scorer.agents.run import Agent
from scorer.agents.signing import QuorumConsensus
from scorer.agents.template import CONFIGURATION, AgentFolder
from scorer.agents.tools_client import ask_consensus
from scorer.chain.artifacts import abi, artifact
from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.lab.agents.home import (
    BOND,
    HOUR,
    UNIT,
    double_signer,
    local_tournament,
    sealed_round,
    signed_document,
)
from scorer.lab.agents.serving import served_tools
from scorer.lab.agents.uniswap import Uniswap, deployed
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.batch import LOCAL_FEES
from scorer.lab.in_process import ACCOUNTS
from scorer.lab.plain_sender import Sender
from scorer.lab.rehearsal.context import Unexpected
from scorer.server.consensus_documents import ConsensusDocuments
from scorer.transactions.request import Reverted
from scorer.transactions.signers import KeySigner

Show = Callable[[str], None]
AWAY_CHAIN: Final = 1337
AGENT, AWAY_ADMIN = 20, 0
BOOK: Final = 1_000 * UNIT
POOL: Final = 10_000 * UNIT
TRADED: Final = 4
"""Assets that the account trades: the two with the largest weights of either side."""


@dataclass(frozen=True)
class AgentsVerdict:
    """The figures of a rehearsal.

    Attributes
    ----------
    refused
        The errors by which acts outside of the document were refused, by name.
    lost
        Wei of bond that the member lost that signed two documents.
    agent_lost
        Wei of bond that the agent lost for a sealed act against the document.
    gas
        Of single calls, by their names.
    """

    round_id: int
    signers: int
    acts: int
    refused: tuple[str, ...]
    lost: int
    agent_lost: int
    gas: Mapping[str, int]

    def __str__(self) -> str:
        return (
            f"agents: round {self.round_id} signed by {self.signers} members, admitted on another chain for "
            f"{self.gas['admit']} gas; {self.acts} acts within it (at most {self.gas['act']} gas), "
            f"{len(self.refused)} refused ({', '.join(self.refused)}); a sealed one against it cost the "
            f"agent {self.agent_lost // UNIT} NMR; a double signer lost {self.lost // UNIT} NMR"
        )


def rehearse_agents(out: Path, repository: Path, show: Show) -> AgentsVerdict:
    """Run it all; files are left in `out`, with the gas of single calls in ``gas.json``.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        When something did not happen, or did that must not.
    """
    with (
        run_anvil(accounts=ACCOUNTS) as home,
        run_anvil(chain_id=AWAY_CHAIN, accounts=ACCOUNTS) as away,
    ):
        tournament = local_tournament(home, out)
        round_id = sealed_round(tournament, home)
        show(f"agents: round {round_id} is sealed on chain {LOCAL_CHAIN_ID}")
        document, body = signed_document(tournament, round_id)
        roots = [member.paths.exchange or member.paths.rounds for member in tournament.members]
        away.advance_to(document.consensus.published_at + 60)
        with served_tools(ConsensusDocuments(tournament.suite, roots)) as url:
            asked = ask_consensus(url, round_id)
        if asked != document:
            raise Unexpected("expected the document that members published from the tools, found another")
        trading = _Trading.on(away, repository, document, body)
        acts = trading.act(out / "agent", document, body)
        show(f"agents: {len(acts)} acts within the document on chain {AWAY_CHAIN}")
        refused = tuple(trading.refusals(document, body))
        agent_lost = trading.sealed_against(document, body)
        trading.rotate(document, home)
        lost, proof_gas = double_signer(tournament, document.consensus)
    gas = trading.gas | {"act": max(acts), "proveEquivocation": proof_gas}
    (out / "gas.json").write_text(json.dumps(gas, indent=1, sort_keys=True) + "\n")
    signers = len(list(document.signed_by()))
    return AgentsVerdict(round_id, signers, len(acts), refused, lost, agent_lost, gas)


# the other chain


@dataclass(frozen=True)
class _Trading:
    """Verifier, gate, Uniswap and an account on the chain on which an agent acts."""

    anvil: Anvil
    verifier: Contract
    gate: Contract
    account: Contract
    pools: dict[str, str]
    gas: dict[str, int]

    @classmethod
    def on(cls, anvil: Anvil, repository: Path, document: QuorumConsensus, body: Body) -> "_Trading":
        admin, agent = _sender(anvil, AWAY_ADMIN), _sender(anvil, AGENT)
        consensus = document.consensus
        home = consensus.chain_id, consensus.tournament, 30 * 24 * HOUR, admin.address, b""
        members = ascending_members(document.members)
        authority = _deploy(admin, "Authority", admin.address)
        nmr, cash = (_token(admin, authority) for _ in range(2))
        sink = _deploy(admin, "BurnSink", nmr.address)
        verifier = _deploy(admin, "ConsensusVerifier", home, 1, members, document.quorum)
        gate = _deploy(admin, "ConsensusGate", verifier.address, nmr.address, sink.address, BOND)
        uniswap = Uniswap.deploy(admin, repository, cash.address)
        account = _deploy(
            admin, "UniswapAccount", admin.address, gate.address, uniswap.router.address, cash.address
        )
        pools = {}
        for name in _traded(body):
            token = _token(admin, authority)
            pools[name] = uniswap.add_pool(admin, cash, token, POOL)
            admin.send(account.functions.list(asset_of(name), token.address))
            admin.send(token.functions.transfer(account.address, BOOK))
        admin.send(cash.functions.transfer(account.address, BOOK))
        mandate = agent.address, 2**40, 10, BOOK, BOOK, 0
        admin.send(gate.functions.setMandate(account.address, mandate))
        admin.send(nmr.functions.approve(gate.address, BOND))
        admin.send(gate.functions.postBond(agent.address, BOND))
        receipt = admin.send(gate.functions.admit(*document.arguments))
        return cls(anvil, verifier, gate, account, pools, {"admit": int(receipt["gasUsed"])})

    def act(self, folder: Path, document: QuorumConsensus, body: Body) -> list[int]:
        """Run the agent as its program does; the gas of each act."""
        place = self._configured(folder)
        agent = _sender(self.anvil, AGENT)
        dry = Agent.at(self.anvil.w3, place, agent.address).run(document, body)
        planned = Agent.at(self.anvil.w3, place, agent.address, agent).run(document, body)
        if not planned or dry != planned:
            raise Unexpected(f"expected acts as the dry run says, found {len(planned)} of {len(dry)}")
        again = Agent.at(self.anvil.w3, place, agent.address, agent).run(document, body)
        if again:
            raise Unexpected("expected an agent that runs again to find nothing left, found acts")
        place.stop()
        logs = self.gate.events.Acted().get_logs(from_block=0)
        receipts = [self.anvil.w3.eth.get_transaction_receipt(log["transactionHash"]) for log in logs]
        return [int(receipt["gasUsed"]) for receipt in receipts]

    def _configured(self, folder: Path) -> AgentFolder:
        place = AgentFolder(folder)
        if not (folder / CONFIGURATION).exists():
            place.create()
        lines = [
            f'endpoint = "{self.anvil.url}"',
            f"chain_id = {AWAY_CHAIN}",
            f'gate = "{self.gate.address}"',
            f'account = "{self.account.address}"',
            'server = "http://127.0.0.1/mcp"',
            "[budget]",
            f'size_per_run = "{BOOK}"',
            f"acts_per_run = {TRADED}",
            "[assets]",
            *(f'"{name}" = "{pool}"' for name, pool in self.pools.items()),
        ]
        (folder / CONFIGURATION).write_text("\n".join(lines) + "\n")
        return place

    def refusals(self, document: QuorumConsensus, body: Body) -> list[str]:
        """Try acts outside of the document; the names of the errors that refuse them."""
        digest = document.consensus.digest
        index = max(map(body.index_of, self.pools), key=lambda place: body.leaves[place].weight)
        leaf, proof = body.leaves[index], body.proof(index)
        order = (self.account.address, digest, leaf.asset, leaf.weight > 0, UNIT, 0)
        tries: dict[str, tuple[Any, ...]] = {
            "WrongSide": ((*order[:3], leaf.weight < 0, *order[4:]), leaf.struct, index, proof),
            "SizeAboveWeight": ((*order[:4], BOOK // 3, 0), leaf.struct, index, proof),
            "NotInDocument": (order, (leaf.asset, leaf.rank, 10**9, leaf.salt), index, proof),
            "NotAdmitted": ((order[0], keccak(b"another"), *order[2:]), leaf.struct, index, proof),
        }
        found = []
        for expected, arguments in tries.items():
            try:
                _sender(self.anvil, AGENT).send(self.gate.functions.act(*arguments))
            except Reverted as refused:
                found.append(str(refused.name))
            if found[-1:] != [expected]:
                raise Unexpected(f"expected {expected}, found {found[-1:] or 'an act'}")
        return found

    def sealed_against(self, document: QuorumConsensus, body: Body) -> int:
        """Act sealed beyond an asset's weight, and let anybody open it; what the agent lost, wei."""
        index = max(map(body.index_of, self.pools), key=lambda place: body.leaves[place].weight)
        leaf, digest = body.leaves[index], document.consensus.digest
        functions, agent = self.gate.functions, _sender(self.anvil, AGENT)
        traded = functions.tradedOf(self.account.address, digest, leaf.asset).call()
        order = (self.account.address, digest, leaf.asset, True, UNIT, 0)
        expected = (traded + UNIT, BOOK, BOND)
        receipt = agent.send(functions.actSealed(order, leaf.hash, index, body.proof(index), expected))
        self.gas["actSealed"] = int(receipt["gasUsed"])
        acted = self.gate.events.Acted().process_receipt(receipt, errors=DISCARD)[0]["args"]
        before = int(functions.bondOf(agent.address).call())
        opened = functions.open(acted["actId"], tuple(acted["act"].values()), leaf.struct)
        self.gas["open"] = int(_sender(self.anvil, AWAY_ADMIN).send(opened)["gasUsed"])
        lost = before - int(functions.bondOf(agent.address).call())
        if lost != BOND:
            raise Unexpected(f"expected a wrong sealed act to cost {BOND} wei, found {lost}")
        return lost

    def rotate(self, document: QuorumConsensus, home: Anvil) -> None:
        """Let all members sign another quorum of theirs, and hand it over."""
        members, every = ascending_members(document.members), len(document.members)
        where, hashes = document.consensus, (document.consensus.member_set, set_hash(members, every))
        message = rotation_message(where.chain_id, where.tournament, 2, *hashes)
        signers = {str(account.address): KeySigner(account) for account in map(home.account, range(ACCOUNTS))}
        signatures = b"".join(signers[member].sign_message(message) for member in members)
        signed = (1 << every) - 1, signatures
        call = self.verifier.functions.rotate(2, members, document.quorum, members, every, *signed)
        self.gas["rotate"] = int(_sender(self.anvil, AWAY_ADMIN).send(call)["gasUsed"])


def _traded(body: Body) -> list[str]:
    """Return the ids with the largest weights of either side."""
    ranked = sorted(body.universe, key=lambda name: body.leaves[body.index_of(name)].weight)
    return [*ranked[: TRADED // 2], *ranked[-TRADED // 2 :]]


def _deploy(sender: Sender, name: str, *arguments: Any) -> Contract:
    return deployed(sender, abi(name), artifact(name)["bytecode"], *arguments)


def _token(sender: Sender, authority: Contract) -> Contract:
    return _deploy(sender, "Numeraire", authority.address, sender.address, 1_000_000 * UNIT)


def _sender(anvil: Anvil, account: int) -> Sender:
    return Sender(anvil.w3, anvil.account(account), LOCAL_FEES)
