"""``cupel oracle``: run, step and check a member of the committee, and recompute reports."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.action_results import print_results
from scorer.cli.checklist import report_checks
from scorer.cli.common import ConfigOption, JsonOption, SendOption, print_json, user_errors
from scorer.cli.numbers import NUMBER
from scorer.daemon import assembly
from scorer.daemon.checks import check_member
from scorer.daemon.configuration import load_config
from scorer.daemon.daemon import OracleDaemon
from scorer.daemon.logging import configure_logging
from scorer.oracle.actions import Alarm
from scorer.oracle.compare import gaps
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import Bundle

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
LONGEST_LIST = 20
TournamentOption = Annotated[
    str | None,
    typer.Option("--tournament", help="By its name or address, where the daemon serves several."),
]


@app.command("run")
def run(
    config: ConfigOption,
    send: SendOption = False,
    cycles: Annotated[int | None, typer.Option(parser=NUMBER, help="End after so many cycles.")] = None,
) -> None:
    """Score, attest, challenge and settle, cycle after cycle, until stopped."""
    configure_logging()
    with user_errors(), assembly.oracle(load_config(config), send=send) as assembled:
        assembly.run(assembled, cycles=cycles)


@app.command("once")
def once(
    config: ConfigOption,
    send: SendOption = False,
    round_id: Annotated[
        int | None, typer.Option("--round", parser=NUMBER, help="Look at this round alone.")
    ] = None,
    tournament: TournamentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Observe the finalised chain, decide, and act, once for every unfinished round."""
    configure_logging()
    with user_errors(), assembly.oracle(load_config(config), send=send, by_hand=True) as assembled:
        daemon = assembled.daemon
        rounds = None if round_id is None else [round_id]
        results = daemon.once(rounds, tournament) if isinstance(daemon, OracleDaemon) else ()
    code = 2 if any(isinstance(result.action, Alarm) for result in results) else 0
    if as_json:
        print_results(results, sent=send)
        raise typer.Exit(code)
    for result in results:
        typer.echo(f"round {result.round_id}: {type(result.action).__name__}: {result.outcome}")
    if not results:
        typer.echo("nothing to do: every round is over")
    raise typer.Exit(code)


@app.command("check")
def check(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Check everything that a member depends on, a line each; exit code 1 when anything fails."""
    with user_errors():
        node = load_config(config)
    report_checks(check_member(node), as_json=as_json)


@app.command("recompute")
def recompute(
    config: ConfigOption,
    round_id: Annotated[int, typer.Option("--round", parser=NUMBER, help="The round.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Another member's bundle of the round.", exists=True, file_okay=False),
    ] = None,
    tournament: TournamentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a round's report once more; compare it with another member's, model by model."""
    with user_errors(), assembly.oracle(load_config(config), send=False) as assembled:
        daemon = assembled.daemon
        if not isinstance(daemon, OracleDaemon):
            raise TypeError("expected an oracle")
        bundle, stated = daemon.recomputed(round_id, tournament)
        differences = [] if against is None else list(gaps(bundle, Bundle(against)))
    if as_json:
        hashes = {"report_hash": to_hex(bundle.report().hash()), "stated": stated and to_hex(stated)}
        print_json({"round": round_id, **hashes, "differences": list(map(str, differences))})
        raise typer.Exit(1 if differences else 0)
    typer.echo(f"round {round_id}: report {to_hex(bundle.report().hash())}")
    if stated is not None and stated != bundle.report().hash():
        typer.echo(f"round {round_id}: report.json had said {to_hex(stated)}")
    for gap in differences[:LONGEST_LIST]:
        typer.echo(str(gap))
    if against is not None:
        typer.echo(
            f"recompute: {len(differences)} differences"
            if differences
            else "recompute: the reports are equal"
        )
    raise typer.Exit(1 if differences else 0)
