"""The home chain of the rehearsal: daemons seal a round and sign its document, and a member signs two."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.agents.document import Consensus
from scorer.agents.files import read_body, read_quorum, read_signed
from scorer.agents.leaves import Body
from scorer.agents.signing import QuorumConsensus, SignedConsensus
from scorer.encryption import Identity
from scorer.encryption.age import content_size, decrypt, parse
from scorer.encryption.keys import spell_public
from scorer.files import write_whole
from scorer.isolation import SHARED_READER
from scorer.lab import nodes
from scorer.lab.anvil import Anvil
from scorer.lab.devnet.network import tick
from scorer.lab.drill.waiting import accepted, posted, sealed, settled
from scorer.lab.local_tournament import FIRST_MEMBER, MEMBER_BOND, LocalTournament
from scorer.lab.processes import ProcessGroup, cupel
from scorer.lab.rehearsal.context import Unexpected, await_that, expect, run_cupel
from scorer.protocol.documents import from_hex
from scorer.storage.schemas import CONSENSUS, CONSENSUS_FOR_SUBSCRIBERS
from scorer.transactions.signers import KeySigner
from scorer.units import wei_from_nano

MEMBERS: Final = 3
MODELS: Final = 6
PATIENCE: Final = 300.0
"""Seconds that anything of the daemons may take, on a machine that is busy with other things."""
PROVER: Final = 21
"""Whose account proves that a member signed twice."""
QUORUM_FILE: Final = "consensus.quorum.json"
BODY_FILE: Final = "body.json"
LIAR: Final = 0
"""The member that signs two documents."""


@dataclass(frozen=True)
class HomeNetwork:
    """A tournament whose operator and members are daemons in processes of their own.

    Attributes
    ----------
    subscriber
        Whose key members encrypt the body to.
    """

    local: LocalTournament
    processes: ProcessGroup
    repository: Path
    subscriber: Identity

    @property
    def chain_options(self) -> tuple[str, ...]:
        """The options of commands that read the home chain."""
        return "--endpoint", self.local.url, "--deployment", str(self.local.out / "deployment.json")

    def cupel(self, *arguments: str, expected: int = 0) -> str:
        """Run a ``cupel`` command; what it printed."""
        log = self.processes.folder / "commands.log"
        return run_cupel(log, self.repository, *arguments, expected=expected)

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for something that the daemons must do."""
        await_that(self.processes, what, condition, PATIENCE)

    def exchange(self, round_id: int) -> list[Path]:
        """Return the folder of a round in which each member publishes."""
        return [self.local.folder(f"{name}/exchange", round_id) for name in self.local.member_names]


@contextmanager
def home_network(home: Anvil, out: Path, repository: Path) -> Iterator[HomeNetwork]:
    """Deploy a tournament with models and bonds, and start an operator and three members, each a process.

    All of them are ended at the end.
    """
    local = LocalTournament.build(home, out / "home", members=MEMBERS, models=MODELS)
    network = HomeNetwork(local, ProcessGroup(out / "run"), repository, Identity.generate())
    subscribers = [spell_public(network.subscriber.public)]
    for place, name in enumerate(local.member_names):
        local.configure(name, home.account(FIRST_MEMBER + place), run__subscribers=subscribers)
    tick(home.w3)
    try:
        for name in ("operator", *local.member_names):
            role = "operator" if name == "operator" else "oracle"
            config = str(local.out / name / nodes.FILE)
            network.processes.start(name, [cupel(), role, "run", "--config", config, "--send"])
        yield network
    finally:
        network.processes.stop_all()


def sealed_round(network: HomeNetwork) -> int:
    """Open a round, and wait until members sealed it and each published its document; the round's number."""
    local = network.local
    round_id = local.open()
    local.close(round_id)
    network.until("a seal", sealed(local, round_id))
    for folder in network.exchange(round_id):
        network.until(f"{folder / CONSENSUS}", (folder / CONSENSUS).exists)
    return round_id


def assembled(network: HomeNetwork, round_id: int) -> QuorumConsensus:
    """Assemble the document from what the daemons published, by the commands that people type.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        When not every member signed the same, or it is not the round's.
    """
    file = network.local.out / QUORUM_FILE
    folders = [str(network.local.out / name / "exchange") for name in network.local.member_names]
    where = "--round", str(round_id), "--out", str(file)
    network.cupel("consensus", "show", *folders, *where, *network.chain_options)
    network.cupel("consensus", "verify", str(file), *network.chain_options)
    found = read_quorum(file)
    expect("members that signed the document", MEMBERS, len(list(found.signed_by())))
    return found


def subscribed_body(network: HomeNetwork, document: QuorumConsensus) -> tuple[Path, Body]:
    """Decrypt the body as a subscriber does; its file, and what is in it."""
    folder = network.exchange(document.consensus.round_id)[-1]
    content = (folder / CONSENSUS_FOR_SUBSCRIBERS).read_bytes()
    size = content_size(len(content), 1)
    if size is None:
        raise Unexpected(f"{folder}: expected a body for one subscriber, found another file")
    file = network.local.out / BODY_FILE
    write_whole(file, decrypt(parse(content, size), network.subscriber)[1])
    return file, read_body(file, document.consensus)


def double_signer(network: HomeNetwork, consensus: Consensus) -> tuple[int, int]:
    """Let a member publish a second document, others notice, and anybody prove it.

    Returns
    -------
    tuple
        What the member lost, wei, and the gas of the proof.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        When nobody notices, or it does not lose its whole bond.
    """
    local, liar = network.local, network.local.member_names[LIAR]
    first = network.exchange(consensus.round_id)[LIAR] / CONSENSUS
    kept = local.out / "first.json"
    write_whole(kept, first.read_bytes())
    network.processes.stop(liar)
    _sign_another(local, first)
    witness = local.member_names[-1]
    log = network.processes.log(witness)
    network.until(f"{witness} to notice", lambda: "different documents" in log.read_text())
    call = local.suite.committee.functions.proveEquivocation(*_evidence(network, kept, first))
    address = str(local.anvil.account(FIRST_MEMBER + LIAR).address)
    before = _bond_of(local, address)
    receipt = local.sender(PROVER).send(call)
    lost = before - _bond_of(local, address)
    expect("wei that a double signer lost", wei_from_nano(MEMBER_BOND), lost)
    return lost, int(receipt["gasUsed"])


def _sign_another(local: LocalTournament, file: Path) -> None:
    """Replace a member's document by one of another root, signed with its key."""
    signed = read_signed(file, SHARED_READER)
    if signed is None:
        raise Unexpected(f"{file}: expected a signed document, found none")
    other = replace(signed.consensus, root=keccak(b"another"))
    signer = KeySigner(local.anvil.account(FIRST_MEMBER + LIAR))
    second = SignedConsensus(other, signed.member, signer.sign_message(other.message))
    write_whole(file, json.dumps(second.to_json()).encode())


def _evidence(network: HomeNetwork, first: Path, second: Path) -> list[Any]:
    """Return the arguments that ``cupel consensus accuse`` writes, as the contract takes them."""
    found: Sequence[Any] = json.loads(network.cupel("consensus", "accuse", str(first), str(second)))[
        "proveEquivocation"
    ]
    documents = (Consensus.from_json(found[place]).struct for place in (0, 2))
    signatures = (from_hex(found[place], 65) for place in (1, 3))
    return [part for pair in zip(documents, signatures, strict=True) for part in pair]


def _bond_of(local: LocalTournament, address: str) -> int:
    return int(local.suite.committee.functions.bondOf(address).call())


def settle(network: HomeNetwork, round_id: int) -> None:
    """Let the members that are left report the outcome, and wait until the round is settled."""
    local = network.local
    local.resolve(round_id)
    network.until("an accepted report", accepted(local, round_id))
    # The window is as long again after the evidence is public.
    network.until("public evidence", posted(local, round_id))
    local.pass_challenge_window()
    network.until("a settled round", settled(local, round_id))
