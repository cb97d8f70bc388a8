"""``cupel oracle``: what a member of the committee types."""

from typing import Annotated

import typer

from scorer.cli.common import ConfigOption, SendOption, told
from scorer.config import ConfigError, load_config
from scorer.oracle.decide import Alarm
from scorer.oracle.member import Files, Member

app = typer.Typer(no_args_is_help=True)


@app.command("once")
def once(
    config: ConfigOption,
    send: SendOption = False,
    round_id: Annotated[int | None, typer.Option("--round", help="Look at this round alone.")] = None,
) -> None:
    """Observe the finalised chain, decide, and act, once for every unfinished round."""
    with told():
        node = load_config(config)
        if node.files.rounds is None or node.files.targets is None:
            raise ConfigError(
                f"{config}: expected files.rounds and files.targets for an oracle, found neither or one"
            )
        suite = node.suite()
        files = Files(node.files.rounds, node.files.published, node.files.targets)
        sender = node.sender(suite)
        steps = Member(suite, files, sender.address, sender if send else None).cycle(
            None if round_id is None else [round_id]
        )
    for step in steps:
        typer.echo(f"round {step.round_id}: {type(step.action).__name__}: {step.outcome}")
    if not steps:
        typer.echo("nothing to do: every round is over")
    raise typer.Exit(2 if any(isinstance(step.action, Alarm) for step in steps) else 0)
