"""The other chain of the rehearsal: verifier, gate, Uniswap, an account, and an agent that acts for it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from web3.contract import Contract
from web3.logs import DISCARD

from scorer.agents.document import ascending_members, rotation_message, set_hash
from scorer.agents.leaves import Body, asset_of
from scorer.agents.signing import QuorumConsensus
from scorer.agents.template import CONFIGURATION, AgentFolder
from scorer.chain.artifacts import abi, artifact
from scorer.lab.agents.uniswap import Uniswap, deployed
from scorer.lab.anvil import Anvil
from scorer.lab.batch import LOCAL_FEES
from scorer.lab.plain_sender import Sender
from scorer.lab.rehearsal.accounts import write_keystore
from scorer.lab.rehearsal.context import Unexpected, expect
from scorer.protocol.typed_data import SIGNATURE_SIZE
from scorer.transactions.request import Reverted
from scorer.transactions.signers import KeySigner

AWAY_CHAIN: Final = 1337
AGENT, AWAY_ADMIN = 20, 0
HOUR: Final = 3600
UNIT: Final = 10**18
BOND: Final = 100 * UNIT
"""The agent's bond, wei."""
BOOK: Final = 1_000 * UNIT
POOL: Final = 10_000 * UNIT
TRADED: Final = 4
"""Assets that the account trades: the two with the largest weights of either side."""
Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Trading:
    """Verifier, gate, Uniswap and an account on the chain on which an agent acts.

    Attributes
    ----------
    pools
        Addresses of the pools of the assets that the account trades, by id.
    gas
        Of single calls so far, by their names.
    """

    anvil: Anvil
    verifier: Contract
    gate: Contract
    account: Contract
    pools: Mapping[str, str]
    gas: dict[str, int]

    @classmethod
    def on(cls, anvil: Anvil, repository: Path, document: QuorumConsensus, body: Body) -> "Trading":
        """Deploy everything, for the members and the assets of a document that nobody admitted yet."""
        admin, agent = _sender(anvil, AWAY_ADMIN), _sender(anvil, AGENT)
        consensus = document.consensus
        home = consensus.chain_id, consensus.tournament, 30 * 24 * HOUR, admin.address, b""
        members, first_set = ascending_members(document.members), (1, 1)
        authority = deploy(admin, "Authority", admin.address)
        nmr, cash = (_token(admin, authority) for _ in range(2))
        sink = deploy(admin, "BurnSink", nmr.address)
        verifier = deploy(admin, "ConsensusVerifier", home, *first_set, members, document.quorum)
        gate = deploy(admin, "ConsensusGate", verifier.address, nmr.address, sink.address, BOND)
        uniswap = Uniswap.deploy(admin, repository, cash.address)
        place = admin.address, gate.address, uniswap.router.address, cash.address
        account = deploy(admin, "UniswapAccount", *place)
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
        return cls(anvil, verifier, gate, account, pools, {})

    def configured(self, folder: Path, tools: str) -> AgentFolder:
        """Write the agent's configuration, as its owner would after ``cupel agent init``."""
        place = AgentFolder(folder)
        place.create()
        lines = [
            f'endpoint = "{self.anvil.url}"',
            f"chain_id = {AWAY_CHAIN}",
            f'gate = "{self.gate.address}"',
            f'account = "{self.account.address}"',
            f'server = "{tools}"',
            "[budget]",
            f'size_per_run = "{BOOK}"',
            f"acts_per_run = {TRADED}",
            "[assets]",
            *(f'"{name}" = "{pool}"' for name, pool in self.pools.items()),
        ]
        (folder / CONFIGURATION).write_text("\n".join(lines) + "\n")
        return place

    def keystore(self, folder: Path) -> tuple[str, ...]:
        """Write the agent's key beside its folder; the options that name it."""
        keystore, password = write_keystore(folder, self._agent)
        return "--keystore", str(keystore), "--password-file", str(password)

    def acts(self) -> list[int]:
        """Return the gas of each act that the gate logged."""
        logs = self.gate.events.Acted().get_logs(from_block=0)
        receipts = [self.anvil.w3.eth.get_transaction_receipt(log["transactionHash"]) for log in logs]
        return [int(receipt["gasUsed"]) for receipt in receipts]

    def documents(self) -> int:
        """Return how many documents the gate admitted."""
        logs = list(self.gate.events.DocumentAdmitted().get_logs(from_block=0))
        receipts = [self.anvil.w3.eth.get_transaction_receipt(log["transactionHash"]) for log in logs]
        self.gas["admit"] = max((int(receipt["gasUsed"]) for receipt in receipts), default=0)
        return len(logs)

    def forgeries(self, document: QuorumConsensus) -> list[str]:
        """Try to admit documents that no quorum signed; the names of the errors that refuse them."""
        consensus, call = document.consensus, self.gate.functions.admit
        tries = {
            "WrongSigner": replace(consensus, root=keccak(b"forged")),
            "WrongChain": replace(consensus, chain_id=consensus.chain_id + 1),
            "WrongTournament": replace(consensus, tournament=self.gate.address),
            "OtherMembers": replace(consensus, member_set=keccak(b"others")),
            "OtherSetsRound": replace(consensus, round_id=0),
        }
        lone = replace(document, signers=1, signatures=document.signatures[:SIGNATURE_SIZE])
        return [
            self._refused("TooFewSigners", call(*lone.arguments)),
            *(
                self._refused(name, call(*replace(document, consensus=forged).arguments))
                for name, forged in tries.items()
            ),
        ]

    def refusals(self, document: QuorumConsensus, body: Body) -> Iterator[str]:
        """Try acts outside of an admitted document; yields the names of the errors that refuse them."""
        digest, (index, proof) = document.consensus.digest, self._largest(body)
        leaf = body.leaves[index]
        order = (self.account.address, digest, leaf.asset, leaf.weight > 0, UNIT, 0)
        known = leaf.struct, index, proof
        tries: dict[str, Arguments] = {
            "WrongSide": ((*order[:3], leaf.weight < 0, *order[4:]), *known),
            "WrongAsset": ((*order[:2], asset_of(next(iter(self.pools))), *order[3:]), *known),
            "SizeAboveWeight": ((*order[:4], BOOK // 3, 0), *known),
            "DayLimitExceeded": ((*order[:4], 2 * BOOK, 0), *known),
            "NotInDocument": (order, (leaf.asset, leaf.rank, 10**9, leaf.salt), index, proof),
            "NotAdmitted": ((order[0], keccak(b"another"), *order[2:]), *known),
        }
        for expected, arguments in tries.items():
            yield self._refused(expected, self.gate.functions.act(*arguments))
        yield self._refused("NotAgent", self.gate.functions.act(order, *known), AWAY_ADMIN)

    def late_refusals(self, document: QuorumConsensus, body: Body) -> Iterator[str]:
        """Try an act of the agent that lost its bond, and the document after its expiry; as `refusals`."""
        index, proof = self._largest(body)
        leaf = body.leaves[index]
        order = (self.account.address, document.consensus.digest, leaf.asset, leaf.weight > 0, 1, 0)
        yield self._refused("BondTooSmall", self.gate.functions.act(order, leaf.struct, index, proof))
        self.anvil.advance_to(document.consensus.expires_at)
        yield self._refused("Expired", self.gate.functions.admit(*document.arguments))

    def sealed_against(self, document: QuorumConsensus, body: Body) -> int:
        """Act sealed beyond an asset's weight, and let anybody open it; what the agent lost, wei."""
        index, proof = self._largest(body)
        leaf, digest = body.leaves[index], document.consensus.digest
        functions, agent = self.gate.functions, _sender(self.anvil, AGENT)
        traded = functions.tradedOf(self.account.address, digest, leaf.asset).call()
        order = (self.account.address, digest, leaf.asset, True, UNIT, 0)
        expected = (traded + UNIT, BOOK, BOND)
        receipt = agent.send(functions.actSealed(order, leaf.hash, index, proof, expected))
        self.gas["actSealed"] = int(receipt["gasUsed"])
        acted = self.gate.events.Acted().process_receipt(receipt, errors=DISCARD)[0]["args"]
        before = int(functions.bondOf(agent.address).call())
        opened = functions.open(acted["actId"], tuple(acted["act"].values()), leaf.struct)
        self.gas["open"] = int(_sender(self.anvil, AWAY_ADMIN).send(opened)["gasUsed"])
        lost = before - int(functions.bondOf(agent.address).call())
        expect("wei that a wrong sealed act cost the agent", BOND, lost)
        return lost

    def rotate(self, document: QuorumConsensus, accounts: Callable[[int], LocalAccount], count: int) -> None:
        """Let all members sign another quorum of theirs from the next round on, and hand it over."""
        members, every = ascending_members(document.members), len(document.members)
        where, hashes = document.consensus, (document.consensus.member_set, set_hash(members, every))
        begins = 2, where.round_id + 1
        message = rotation_message(where.chain_id, where.tournament, *begins, *hashes)
        signers = {str(account.address): KeySigner(account) for account in map(accounts, range(count))}
        signatures = b"".join(signers[member].sign_message(message) for member in members)
        signed = (1 << every) - 1, signatures
        call = self.verifier.functions.rotate(*begins, members, document.quorum, members, every, *signed)
        self.gas["rotate"] = int(_sender(self.anvil, AWAY_ADMIN).send(call)["gasUsed"])

    def _largest(self, body: Body) -> tuple[int, list[bytes]]:
        """Return the place of the traded asset with the largest weight, and its proof."""
        index = max(map(body.index_of, self.pools), key=lambda place: body.leaves[place].weight)
        return index, body.proof(index)

    def _refused(self, expected: str, call: Any, account: int = AGENT) -> str:
        """Send what must be refused; the name of the error.

        Raises
        ------
        Unexpected
            When it is not, or by another error.
        """
        try:
            _sender(self.anvil, account).send(call)
        except Reverted as refused:
            if refused.name == expected:
                return expected
            raise Unexpected(f"expected {expected}, found {refused.name or refused}") from None
        raise Unexpected(f"expected {expected}, found that it was taken")

    @property
    def _agent(self) -> LocalAccount:
        return self.anvil.account(AGENT)


def _traded(body: Body) -> list[str]:
    """Return the ids with the largest weights of either side."""
    ranked = sorted(body.universe, key=lambda name: body.leaves[body.index_of(name)].weight)
    return [*ranked[: TRADED // 2], *ranked[-TRADED // 2 :]]


def deploy(sender: Sender, name: str, *arguments: Any) -> Contract:
    """Deploy one of the package's contracts."""
    return deployed(sender, abi(name), artifact(name)["bytecode"], *arguments)


def _token(sender: Sender, authority: Contract) -> Contract:
    return deploy(sender, "Numeraire", authority.address, sender.address, 1_000_000 * UNIT)


def _sender(anvil: Anvil, account: int) -> Sender:
    return Sender(anvil.w3, anvil.account(account), LOCAL_FEES)
