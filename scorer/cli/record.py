"""``cupel record``: a model's record as one file, and checking such a file with the chain alone."""

import json
from pathlib import Path
from typing import Annotated

import typer

from scorer.agents.record import ModelRecord, record_problems
from scorer.agents.record_chain import RecordError, check_place, read_record
from scorer.cli.common import print_json
from scorer.cli.numbers import NUMBER
from scorer.cli.options import ChainOptions, chain_command
from scorer.files import write_whole
from scorer.protocol.documents import shown
from scorer.storage.folder import BundleError
from scorer.storage.strangers import bounded_json
from scorer.units import nmr_text

VERIFY = "verify"
LARGEST = 64 * 2**20
"""Bytes of a record's file that is read."""


@chain_command(ChainOptions)
def record(
    options: ChainOptions,
    what: Annotated[str, typer.Argument(help="A model's number, or: verify.", metavar="MODEL|verify")],
    file: Annotated[
        Path | None, typer.Argument(help="The file to write, or to verify; without it a record is printed.")
    ] = None,
) -> None:
    """Write a model's record as one file, or check one with the chain alone.

    A record has the stakes, scores, payouts and burns of every round that is over. Checking one asks no
    server: the chain is read up to the record's block. A round that was left out is noticed, as is one that
    was made up.
    """
    if what != VERIFY:
        _write(options, NUMBER(what), file)
    elif file is None:
        raise RecordError("verify: expected a record's file behind it, found none")
    else:
        _verify(options, _read(file))


def _write(options: ChainOptions, model: int, out: Path | None) -> None:
    found = read_record(options.suite, model)
    if out is None:
        print_json(found.to_json())
        return
    write_whole(out, json.dumps(found.to_json(), indent=1).encode())
    typer.echo(f"record: model {model}, {len(found.rounds)} rounds, net {nmr_text(found.net)} NMR: {out}")


def _verify(options: ChainOptions, stated: ModelRecord) -> None:
    check_place(options.suite, stated)
    problems = list(record_problems(stated, read_record(options.suite, stated.model_id, stated.block)))
    for problem in problems:
        typer.echo(f"record: {problem}")
    if problems:
        raise typer.Exit(1)
    typer.echo(
        f"record: model {stated.model_id} agrees with the chain up to block {stated.block}: "
        f"{len(stated.rounds)} rounds, net {nmr_text(stated.net)} NMR"
    )


def _read(file: Path) -> ModelRecord:
    try:
        return ModelRecord.from_json(bounded_json(file, LARGEST))
    except (BundleError, OSError, LookupError, TypeError, ValueError) as error:
        raise RecordError(f"{file}: expected a model's record, found {shown(error)}") from None
