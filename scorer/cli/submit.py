"""``cupel submit``: check, sign and hand in predictions."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from scorer.cli.common import print_json
from scorer.cli.numbers import NUMBER
from scorer.cli.options import WalletOptions, chain_command
from scorer.cli.submission import report_coverage
from scorer.client.actions import ActionRefused
from scorer.client.keystore import Wallet
from scorer.client.submitting import PreparedSubmission, open_round, prepare, published_universe


@chain_command(WalletOptions)
def submit(
    options: WalletOptions,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or Parquet with a column of ids and one of predictions.", exists=True, dir_okay=False
        ),
    ],
    model: Annotated[int, typer.Option(parser=NUMBER, help="The model's number.")],
    inbox: Annotated[
        Path, typer.Option(envvar="CUPEL_INBOX", help="The folder that the operator takes submissions from.")
    ],
    universe: Annotated[
        Path | None, typer.Option(help="universe.parquet of the round, with what is published beside it.")
    ] = None,
    rounds: Annotated[
        Path | None,
        typer.Option(envvar="CUPEL_ROUNDS", help="Or the folder where the operator publishes rounds."),
    ] = None,
    round_id: Annotated[
        int | None,
        typer.Option("--round", parser=NUMBER, help="The round; without it, the one that is open."),
    ] = None,
) -> None:
    """Check a submission as the operator will, sign it (EIP-712), and write it into the operator's inbox.

    It costs nothing. Of several submissions of a model the latest before the close counts.
    """
    suite, wallet = options.suite, options.wallet
    if not options.dry_run and not inbox.is_dir():
        raise ActionRefused(f"{inbox}: expected the operator's inbox, a folder, found none")
    record = open_round(suite, round_id)
    address = str(suite.tournament.address)
    if universe is None:
        if rounds is None:
            raise ActionRefused("submit: expected --universe or --rounds, found neither")
        universe = published_universe(rounds, address, record.round_id)
    prepared = prepare(suite, wallet, record, model, file, universe)
    path = None if options.dry_run else _written(prepared, inbox, wallet)
    closes = datetime.fromtimestamp(record.close_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    report_coverage(prepared.coverage, quiet=options.as_json)
    if options.as_json:
        print_json(_document(prepared, wallet.address, closes, path))
        return
    summary = f"round {record.round_id}, model {model}: {prepared.predictions} predictions"
    typer.echo(f"{summary}, valid; dry run: nothing was written" if path is None else f"{summary} in {path}")
    typer.echo(
        f"content hash 0x{prepared.digest.content_hash.hex()}, signer {wallet.address}, closes {closes}"
    )


def _document(prepared: PreparedSubmission, signer: str, closes: str, path: Path | None) -> dict[str, Any]:
    return {
        "dry_run": path is None,
        "round": prepared.digest.round_id,
        "model": prepared.digest.model_id,
        "predictions": prepared.predictions,
        "ids": prepared.coverage.document(),
        "content_hash": f"0x{prepared.digest.content_hash.hex()}",
        "signer": signer,
        "close_at": closes,
        "file": None if path is None else str(path),
    }


def _written(prepared: PreparedSubmission, inbox: Path, wallet: Wallet) -> Path:
    try:
        return prepared.write(inbox, wallet)
    except OSError as error:
        raise ActionRefused(
            f"{inbox}: expected an inbox that takes files, found {error.strerror}; it is not handed in"
        ) from None
