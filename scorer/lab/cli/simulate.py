"""``cupel simulate``: try rules out on made-up data scientists, on the demo's real data, or on attackers."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from scorer.cli.common import JsonOption, console, print_json, user_errors
from scorer.cli.numbers import whole
from scorer.cli.rules import read
from scorer.daemon.config_errors import ConfigError
from scorer.protocol.rules import DEFAULT_PRESET, Rules
from scorer.redaction import shown


def simulate(
    rules: Annotated[
        str, typer.Option(help="A preset's name, or the path of a rules document.")
    ] = DEFAULT_PRESET,
    out: Annotated[Path, typer.Option(help="Where report and pictures are written.")] = Path("build/sim"),
    compare: Annotated[
        bool, typer.Option("--compare", help="Play attackers against these rules and others.")
    ] = False,
    seeds: Annotated[int, typer.Option(parser=whole(2), help="How many markets; only with --compare.")] = 20,
    rounds: Annotated[
        int, typer.Option(parser=whole(10), help="How many rounds; the demo has up to 198.")
    ] = 500,
    models: Annotated[
        int, typer.Option(parser=whole(7), help="How many models; not for the demo's data.")
    ] = 1000,
    ids: Annotated[
        int, typer.Option(parser=whole(100), help="How many ids; not for the demo's data.")
    ] = 1000,
    seed: Annotated[int, typer.Option(parser=whole(0), help="The same seed gives the same report.")] = 1,
    data: Annotated[str, typer.Option(help="synthetic, or demo for real prices.")] = "synthetic",
    as_json: JsonOption = False,
) -> None:
    """Take many data scientists through hundreds of rounds under a rules document, without a chain."""
    with user_errors():
        document = read(rules)
        if data not in ("synthetic", "demo"):
            raise ConfigError(f"expected synthetic or demo with --data, found {shown(data)}")
        if compare:
            _compare(document, out, ComparedData(data, rounds, models, ids), seeds, as_json=as_json)
            return
        if document.adjusters.neutral_churn is not None:
            raise ConfigError(
                "expected rules without adjusters.neutral_churn, which is not simulated, found it"
            )
    try:
        from scorer.lab.simulation.report import write_report
        from scorer.lab.simulation.run import simulate as run
        from scorer.lab.simulation.sources import make_source
    except ModuleNotFoundError as missing:
        raise _without_packages(missing) from None
    start = time.monotonic()
    with user_errors():
        source = make_source(document, data, rounds=rounds, models=models, ids=ids, seed=seed)
    with Progress(console=console(err=as_json), transient=True) as progress:
        task = progress.add_task("rounds", total=source.rounds)
        simulation = run(document, source, tick=lambda: progress.advance(task))
    with user_errors():
        report = write_report(simulation, out)
    if as_json:
        print_json(report)
        return
    console().print(_table(report))
    typer.echo(
        f"simulate: {report['rounds']} rounds, {report['models']} models, {time.monotonic() - start:.0f} s; "
        f"{out}/report.md"
    )


def _without_packages(missing: ModuleNotFoundError) -> typer.Exit:
    typer.echo(f"cupel: expected the demo's packages, found no {missing.name}; install cupel[demo]", err=True)
    return typer.Exit(1)


@dataclass(frozen=True)
class ComparedData:
    """The data that the rounds of a comparison are made of, and how many there are of what."""

    data: str
    rounds: int
    models: int
    ids: int


def _compare(document: Rules, out: Path, source: ComparedData, seeds: int, *, as_json: bool) -> None:
    try:
        from scorer.lab.comparison.rules import can_be_compared
        from scorer.lab.comparison.runner import compare
        from scorer.lab.comparison.sources import make_markets
        from scorer.lab.comparison.table import write_comparison
    except ModuleNotFoundError as missing:
        raise _without_packages(missing) from None
    if not can_be_compared(document):
        raise ConfigError("expected rules of corr and mmc alone with --compare, found others")
    start = time.monotonic()
    markets = make_markets(source.data, rounds=source.rounds, models=source.models, ids=source.ids)
    with Progress(console=console(err=as_json), transient=True) as progress:
        task = progress.add_task("markets", total=seeds)
        comparison = compare(document, markets, seeds, tick=lambda: progress.advance(task))
    content = write_comparison(comparison, out)
    if as_json:
        print_json(content)
        return
    console().print(_comparison_table(content))
    typer.echo(
        f"compare: {seeds} markets of {markets.rounds} rounds and {markets.models} models, "
        f"{time.monotonic() - start:.0f} s; {out}/compare.md"
    )


def _comparison_table(content: Mapping[str, Any]) -> Table:
    """Returns of every participant under every rule, with the reach of their intervals."""
    from scorer.lab.comparison.table import cell

    rules = content["rules"]
    table = Table(title=f"return in percent, 95 % intervals over {content['seeds']} markets")
    for header in ("", *rules):
        table.add_column(header, justify="right" if header else "left", no_wrap=not header)
    for kind in rules[content["shipped"]]:
        table.add_row(kind.replace("_", " "), *(cell(kinds[kind]) for kinds in rules.values()))
    return table


def _table(report: dict[str, object]) -> Table:
    """Returns of every kind under every variant."""
    variants: dict[str, dict[str, dict[str, dict[str, float]]]] = report["variants"]  # type: ignore[assignment]
    table = Table(title=f"return in percent under {report['rules']} (chosen: {report['chosen_variant']})")
    for header in ("kind", *variants):
        table.add_column(header, justify="left" if header == "kind" else "right")
    kinds = next(iter(variants.values()))["kinds"]
    for kind in sorted(kinds, key=lambda kind: -kinds[kind]["return_on_deposit_percent"])[:12]:
        table.add_row(
            kind,
            *(f"{each['kinds'][kind]['return_on_deposit_percent']:+.1f}" for each in variants.values()),
        )
    return table
