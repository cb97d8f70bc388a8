"""``cupel operator``: what the operator of a tournament types."""

import typer

from scorer.cli.common import ConfigOption, SendOption, told
from scorer.config import ConfigError, load_config
from scorer.oracle.operator import Operator

app = typer.Typer(no_args_is_help=True)


@app.command("once")
def once(config: ConfigOption, send: SendOption = False) -> None:
    """Lock and seal every round whose submissions have closed."""
    with told():
        node = load_config(config)
        if node.files.inbox is None:
            raise ConfigError(f"{config}: expected files.inbox for an operator, found none")
        suite = node.suite()
        acting = Operator(suite, node.files.inbox, node.files.published, node.sender(suite))
        if not send:
            typer.echo(f"dry run: rounds to lock and seal: {[r.round_id for r in acting.due()] or 'none'}")
            return
        typer.echo(f"sealed rounds: {acting.cycle() or 'none'}")
