"""The home chain of the rehearsal: a sealed round, what its members sign, and one that signs twice."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from eth_hash.auto import keccak

from scorer.agents.document import Consensus
from scorer.agents.files import collect, read_body
from scorer.agents.leaves import Body
from scorer.agents.signing import QuorumConsensus, SignedConsensus, equivocations
from scorer.isolation import SHARED_READER
from scorer.lab.anvil import Anvil
from scorer.lab.demo.files import write_submission
from scorer.lab.in_process import (
    ADMIN,
    FIRST_MEMBER,
    FIRST_OWNER,
    MEMBERS,
    InProcessTournament,
    deploy_tournament,
    run_tournament,
)
from scorer.lab.population import equal_stakes
from scorer.lab.rehearsal.context import Unexpected
from scorer.protocol.rules import preset
from scorer.storage.schemas import CONSENSUS_BODY
from scorer.submission.validity import Universe
from scorer.transactions.signers import KeySigner

HOUR: Final = 3600
MODELS: Final = 6
IDS: Final = tuple(f"id{number:03}" for number in range(40))
PROVER: Final = 21
"""Whose account proves that a member signed twice."""
UNIT: Final = 10**18
BOND: Final = 100 * UNIT
"""The bond of the member that signs twice, and that of the agent, wei."""


def local_tournament(home: Anvil, out: Path) -> InProcessTournament:
    """Deploy a tournament with its models, and give it an operator and three members."""
    rules = preset("classic")
    owners = [home.account(FIRST_OWNER)]
    entered = deploy_tournament(home, equal_stakes(owners, MODELS, "100", "20"), rules)
    return run_tournament(home, entered, out / "home")


def sealed_round(tournament: InProcessTournament, home: Anvil) -> int:
    """Take a round to its seal, after which every member works once more; its number."""
    now = int(home.w3.eth.get_block("latest")["timestamp"])
    times = now, now + HOUR, now + 24 * HOUR, now + 72 * HOUR
    rules = preset("classic")
    round_id = tournament.open_round(rules, IDS, times)
    for model in tournament.participants:
        guesses = pd.Series(np.random.default_rng(model.model_id).random(len(IDS)), index=list(IDS))
        content = write_submission(guesses, "csv")
        file = f"{model.model_id}.csv"
        tournament.submit(model, round_id, Universe(IDS, {}), content, file, kind=rules.submissions)
    home.advance_to(times[1])
    tournament.seal_round(round_id)
    for member in tournament.members:
        member.cycle([round_id])
        home.finalise()
    return round_id


def signed_document(tournament: InProcessTournament, round_id: int) -> tuple[QuorumConsensus, Body]:
    """Return what members published, and the body from one of them, as a subscriber has it.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        When not every member signed the same.
    """
    suite = tournament.suite
    block = suite.w3.eth.block_number
    members = suite.member_set(suite.round(round_id, block).member_set_id, block)
    folders = [member.paths.exchange_bundle(round_id).folder for member in tournament.members]
    place = suite.addresses.chain_id, suite.addresses.tournament, round_id
    found = collect(folders, place, members.members, members.quorum, SHARED_READER)
    if found.agreed is None or len(found.signed) != len(MEMBERS):
        raise Unexpected(f"expected a document that {len(MEMBERS)} members signed, found {len(found.signed)}")
    own = tournament.members[0].paths.own_bundle(round_id).folder / CONSENSUS_BODY
    return found.agreed, read_body(own, found.agreed.consensus)


def double_signer(tournament: InProcessTournament, consensus: Consensus) -> tuple[int, int]:
    """Let a member sign a second document, prove it; what the member lost, wei, and the gas of the proof.

    Raises
    ------
    scorer.lab.rehearsal.context.Unexpected
        When it is not the whole bond.
    """
    committee, admin = tournament.suite.committee, tournament.sender(ADMIN)
    signer = KeySigner(tournament.anvil.account(FIRST_MEMBER))
    for call in (
        tournament.suite.token.functions.approve(committee.address, BOND),
        committee.functions.postBond(signer.address, BOND),
    ):
        admin.send(call)
    pair = [
        SignedConsensus(document, signer.address, signer.sign_message(document.message))
        for document in (consensus, replace(consensus, root=keccak(b"another")))
    ]
    ((first, second),) = equivocations(pair)
    evidence = [first.consensus.struct, first.signature, second.consensus.struct, second.signature]
    before = int(committee.functions.bondOf(signer.address).call())
    receipt = tournament.sender(PROVER).send(committee.functions.proveEquivocation(*evidence))
    lost = before - int(committee.functions.bondOf(signer.address).call())
    if lost != BOND:
        raise Unexpected(f"expected a double signer to lose {BOND} wei, found {lost}")
    return lost, int(receipt["gasUsed"])
