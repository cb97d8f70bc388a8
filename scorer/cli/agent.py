"""``cupel agent``: a program that follows consensus documents within limits; its key stays outside of it."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.agents.files import read_body
from scorer.agents.run import Agent
from scorer.agents.template import AgentFolder
from scorer.agents.tools_client import ask_consensus
from scorer.chain.endpoint import connect
from scorer.chain.fees import FeePolicy
from scorer.cli import feedback
from scorer.cli.common import JsonOption, answer, user_errors
from scorer.cli.numbers import NUMBER
from scorer.cli.options import wallet_of
from scorer.client.plain_sending import PlainSending

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Run an agent that follows consensus documents within limits.",
)
app.command("feedback")(feedback.feedback)
FolderArgument = Annotated[Path, typer.Argument(help="The agent's folder.")]


@app.command()
def init(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Write the configuration of a new agent, which allows nothing until it is edited."""
    with user_errors():
        file = AgentFolder(folder).create()
    line = f"agent: edit {file}; then cupel agent run {folder} shows what it would do"
    answer({"configuration": str(file)}, line, as_json=as_json)


@app.command()
def run(
    folder: FolderArgument,
    round_id: Annotated[int, typer.Option("--round", parser=NUMBER, help="The round to act on.")],
    body: Annotated[Path, typer.Option(help="consensus_body.json of the round.", exists=True)],
    keystore: Annotated[
        Path, typer.Option(envvar="CUPEL_KEYSTORE", help="The agent's encrypted key; see cupel wallet.")
    ],
    password_file: Annotated[
        Path | None, typer.Option(envvar="CUPEL_PASSWORD_FILE", help="A file with its password.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Act; without it, only show what would be done.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Act once on a round's document, as far as document, mandate and budget allow; each act is explained."""
    with user_errors():
        place = AgentFolder(folder)
        found = place.configuration()
        wallet = wallet_of(keystore, password_file)
        w3 = connect(found.endpoint, found.chain_id)
        document = ask_consensus(found.server, round_id)
        opened = read_body(body, document.consensus)
        sender = PlainSending(w3, wallet.account, FeePolicy()) if send else None
        acts = Agent.at(w3, place, wallet.address, sender).run(document, opened)
    done = [act.to_json() for act in acts]
    lines = [f"agent: {act['side']} {act['size']} of {act['asset']}: {act['rule']}" for act in done]
    lines.append(
        f"agent: {len(acts)} acts {'sent' if send else 'planned, none sent'}; {place.path / 'acts.jsonl'}"
    )
    answer({"sent": send, "acts": done}, *lines, as_json=as_json)


@app.command()
def stop(folder: FolderArgument) -> None:
    """Put the file STOP into the agent's folder: it sends nothing more until the file is taken away."""
    with user_errors():
        AgentFolder(folder).stop()
    typer.echo(f"agent: stopped; to stop it for good, end its mandate at the gate ({folder / 'STOP'})")
