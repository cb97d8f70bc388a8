"""``cupel oracle drill``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import JsonOption, answer, progress, user_errors
from scorer.redaction import shown


def drill(
    out: Annotated[
        Path, typer.Option(help="Where the drill keeps its files: a new folder, or an earlier drill's.")
    ] = Path("build/drill"),
    only: Annotated[str, typer.Option(help="Play the scenarios whose names contain this.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Kill, reorganise, cut off and stall a daemon on a local chain; pass or fail."""
    from scorer.lab.drill.plan import run_drill

    results, say = [], progress(as_json=as_json)
    with user_errors():
        for result in run_drill(out, only):
            say(str(result))
            results.append(result)
    failed = sum(not result.ok for result in results)
    if not results:
        say(f"drill: expected the name of a scenario, or a part of it, found {shown(only)}")
        raise typer.Exit(1)
    line = f"drill: {failed} of {len(results)} failed" if failed else f"drill: all {len(results)} passed"
    document = {"failed": failed, "scenarios": [asdict(result) for result in results]}
    answer(document, line, as_json=as_json)
    raise typer.Exit(1 if failed else 0)
