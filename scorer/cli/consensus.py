"""``cupel consensus``: show, check and sign consensus documents, and prove that a member signed two."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from scorer.agents.document import Consensus
from scorer.agents.files import Collected, ConsensusError, collect, read_body, read_quorum, read_signed
from scorer.agents.leaves import Body, Leaf
from scorer.agents.signing import QuorumConsensus, SignedConsensus, equivocations, problems_with
from scorer.chain.contracts import Suite
from scorer.chain.records import MemberSet
from scorer.cli.common import print_json, user_errors
from scorer.cli.member import MemberOptions
from scorer.cli.numbers import NUMBER
from scorer.cli.options import ChainOptions, chain_command
from scorer.files import write_whole
from scorer.isolation import SHARED_READER
from scorer.observation.observe import finalised_block
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import round_folder
from scorer.storage.schemas import CONSENSUS

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Show, check and prove consensus documents of rounds."
)
Folders = Annotated[
    list[Path],
    typer.Argument(help="Folders in which members publish, with <tournament>/<round>.", exists=True),
]
RoundOption = Annotated[int, typer.Option("--round", parser=NUMBER, help="The round.")]


@app.command()
@chain_command(ChainOptions)
def show(
    options: ChainOptions,
    folders: Folders,
    round_id: RoundOption,
    out: Annotated[
        Path | None, typer.Option(help="Write the document with its signatures here, for agents.")
    ] = None,
) -> None:
    """Collect what members signed of a round, and show the document that a quorum agrees on."""
    suite, members = options.suite, _member_set(options.suite, round_id)
    found = _collected(suite, members, folders, round_id)
    agreed = found.agreed
    if agreed is None:
        raise ConsensusError(
            f"round {round_id}: expected a document signed by {members.quorum} of {len(members.members)} "
            f"members, found {len(found.signed)} signatures that do not agree on one; wait for more members"
        )
    if out is not None:
        write_whole(out, json.dumps(agreed.to_json(), indent=1).encode())
    if options.as_json:
        print_json(agreed.to_json())
        return
    for name, value in agreed.consensus.to_json().items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"digest: {to_hex(agreed.consensus.digest)}")
    typer.echo(f"signed by: {', '.join(member for member, _ in agreed.signed_by())}")


@app.command()
@chain_command(ChainOptions)
def verify(
    options: ChainOptions,
    document: Annotated[Path, typer.Argument(help="A document with its signatures, as show writes it.")],
    body: Annotated[
        Path | None, typer.Option(help="consensus_body.json, to check it and show an asset.", exists=True)
    ] = None,
    asset: Annotated[str | None, typer.Option(help="An id whose rank and weight are shown.")] = None,
) -> None:
    """Hold a document against the chain: its round, its members, its signatures and its seal."""
    found = read_quorum(document)
    problems = list(_problems(options.suite, found))
    opened = None if body is None else read_body(body, found.consensus)
    answer: dict[str, Any] = {"digest": to_hex(found.consensus.digest), "problems": problems}
    if asset is not None:
        answer["asset"] = _shown_asset(opened, asset)
    if options.as_json:
        print_json(answer)
    else:
        for problem in problems:
            typer.echo(f"consensus: {problem}")
        if asset is not None:
            typer.echo(f"consensus: {asset}: {answer['asset']}")
        if not problems:
            count = len(list(found.signed_by()))
            typer.echo(f"consensus: round {found.consensus.round_id} is signed by {count} members, a quorum")
    if problems:
        raise typer.Exit(1)


@app.command()
@chain_command(MemberOptions)
def sign(options: MemberOptions, round_id: RoundOption) -> None:
    """Show the document that the daemon signed; one of a round is signed by the daemon, and by it alone.

    A second signature for a round costs the bond, so no command makes one.
    """
    rounds = options.node.files.rounds
    if rounds is None:
        raise ConsensusError(
            "files.rounds: expected the folder of your bundles in the configuration, found none"
        )
    path = round_folder(rounds, options.suite.addresses.tournament, round_id) / CONSENSUS
    signed = read_signed(path, SHARED_READER)
    if signed is None:
        raise ConsensusError(
            f"{path}: expected the document that cupel oracle run signs after the seal, found none; see that "
            "it runs and holds the round's files"
        )
    print_json(signed.to_json())


@app.command()
def accuse(
    first: Annotated[Path, typer.Argument(help="A signed document, consensus.json.", exists=True)],
    second: Annotated[Path, typer.Argument(help="Another one of the same member and round.", exists=True)],
) -> None:
    """Write the arguments of proveEquivocation, which takes the bond of whoever signed two documents."""
    with user_errors():
        pair = [_signed(path) for path in (first, second)]
        if not list(equivocations(pair)):
            raise ConsensusError(
                "expected two documents of one round that one member signed, found others; nothing is proven"
            )
        print_json({"proveEquivocation": [part for signed in pair for part in _evidence(signed)]})


def _signed(path: Path) -> SignedConsensus:
    signed = read_signed(path, SHARED_READER)
    if signed is None:
        raise ConsensusError(f"{path}: expected a signed consensus document, found none")
    return signed


def _evidence(signed: SignedConsensus) -> tuple[Any, str]:
    return signed.consensus.to_json(), to_hex(signed.signature)


def _member_set(suite: Suite, round_id: int) -> MemberSet:
    block = finalised_block(suite).number
    count = suite.round_count(block)
    if not 0 < round_id <= count:
        raise ConsensusError(f"expected a round from 1 to {count}, found round {round_id}")
    return suite.member_set(suite.round(round_id, block).member_set_id, block)


def _collected(suite: Suite, members: MemberSet, folders: list[Path], round_id: int) -> Collected:
    tournament = suite.addresses.tournament
    rounds = [round_folder(folder, tournament, round_id) for folder in folders]
    place = suite.addresses.chain_id, tournament, round_id
    return collect(rounds, place, members.members, members.quorum, SHARED_READER)


def _problems(suite: Suite, found: QuorumConsensus) -> list[str]:
    consensus, here = found.consensus, (suite.addresses.chain_id, suite.addresses.tournament)
    if (consensus.chain_id, consensus.tournament) != here:
        return [
            f"expected a document of {here[1]} on chain {here[0]}, found one of {consensus.tournament} on "
            f"chain {consensus.chain_id}"
        ]
    members, block = _member_set(suite, consensus.round_id), finalised_block(suite)
    problems = list(problems_with(found, members.members, members.quorum, block.timestamp))
    return problems + list(_seal_problems(suite, consensus, block.number))


def _seal_problems(suite: Suite, consensus: Consensus, block: int) -> list[str]:
    (record,) = suite.seals([consensus.round_id], block)
    if record.digest == consensus.seal:
        return []
    return [f"expected the seal {to_hex(record.digest)}, found {to_hex(consensus.seal)}"]


def _shown_asset(body: Body | None, name: str) -> dict[str, Any]:
    if body is None:
        raise ConsensusError("--asset: expected --body beside it, found none")
    try:
        index = body.index_of(name)
    except KeyError as error:
        raise ConsensusError(str(error.args[0])) from None
    leaf: Leaf = body.leaves[index]
    return {
        "index": index,
        "rank": leaf.rank / 2,
        "of": len(body.universe),
        "weight_billionths": leaf.weight,
        "salt": to_hex(leaf.salt),
        "proof": [to_hex(sibling) for sibling in body.proof(index)],
    }
