"""``cupel operator``: run, step and check the operator of a tournament."""

from typing import Annotated

import typer

from scorer.cli.action_results import print_results
from scorer.cli.checklist import report_checks
from scorer.cli.common import ConfigOption, JsonOption, SendOption, answer, user_errors
from scorer.cli.numbers import NUMBER
from scorer.daemon import assembly
from scorer.daemon.checks import check_operator
from scorer.daemon.configuration import load_config
from scorer.daemon.daemon import OperatorDaemon
from scorer.daemon.logging import configure_logging
from scorer.operator.waking import NotWoken, wake

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("run")
def run(
    config: ConfigOption,
    send: SendOption = False,
    cycles: Annotated[int | None, typer.Option(parser=NUMBER, help="End after so many cycles.")] = None,
) -> None:
    """Open planned rounds, lock and seal, cycle after cycle, until stopped."""
    configure_logging()
    with user_errors(), assembly.operator(load_config(config), send=send) as assembled:
        assembly.run(assembled, cycles=cycles)


@app.command("once")
def once(config: ConfigOption, send: SendOption = False, as_json: JsonOption = False) -> None:
    """Open planned rounds that are due, and lock and seal every round whose submissions have closed."""
    configure_logging()
    with user_errors(), assembly.operator(load_config(config), send=send) as assembled:
        daemon = assembled.daemon
        results = daemon.once() if isinstance(daemon, OperatorDaemon) else ()
    if as_json:
        print_results(results, sent=send)
        return
    for result in results:
        typer.echo(str(result))
    if not results:
        typer.echo(
            "nothing to do: no round is due at the last final block; a plan is due some seconds after its "
            "open_at, once that is final"
        )


@app.command("check")
def check(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Check everything that the operator depends on, a line each; exit code 1 when anything fails."""
    with user_errors():
        node = load_config(config)
    report_checks(check_operator(node), as_json=as_json)


@app.command("wake")
def wake_nodes(
    urls: Annotated[list[str], typer.Argument(help="Where data scientists' nodes take calls.")],
    config: ConfigOption,
    as_json: JsonOption = False,
) -> None:
    """Call nodes of cupel compute, so that they look at the chain at once; they find a round without it too.

    Exit code 1 where one of them does not take the call.
    """
    failed = []
    with user_errors():
        key = bytes(load_config(config).key.account().key)
    for url in urls:
        try:
            wake(url, key)
        except NotWoken as error:
            failed.append(url)
            typer.echo(f"cupel: {error}", err=True)
    document = {"woken": [url for url in urls if url not in failed], "failed": failed}
    answer(document, f"operator: woke {len(urls) - len(failed)} of {len(urls)} nodes", as_json=as_json)
    raise typer.Exit(1 if failed else 0)
