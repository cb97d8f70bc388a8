"""``cupel submit``: check, sign and hand in predictions."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from scorer.cli.common import print_json
from scorer.cli.numbers import MODEL, NUMBER
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
    model: Annotated[int, typer.Option(parser=MODEL, help="The model's number.")],
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
    in_the_clear: Annotated[
        bool,
        typer.Option(
            "--in-the-clear",
            help="Send it unencrypted, where the round's rules say that all are.",
        ),
    ] = False,
) -> None:
    """Check a submission as the operator will, encrypt and sign it, and write it into the inbox.

    Only members of the round's committee can read it, a quorum of them together, once all stakes are locked.

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
    prepared = prepare(suite, wallet, record, model, file, universe, in_the_clear=in_the_clear)
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
    typer.echo(_secrecy(prepared))


def _secrecy(prepared: PreparedSubmission) -> str:
    members = prepared.members
    if members is None:
        return "in the clear: the operator reads it at once, everybody from the close on"
    return (
        f"encrypted to {len(members.holders)} members of the committee, any {members.threshold} of whom can "
        "read it together, once stakes are locked" + _demandable(prepared.demands)
    )


def _demandable(demands: int) -> str:
    """Say that predictions may become public all the same; nothing where the rules demand none."""
    if not demands:
        return ""
    models = "one model" if demands == 1 else f"{demands} models"
    return f"; once the report is public, {models} drawn by payout may have to show theirs to be paid"


def _document(prepared: PreparedSubmission, signer: str, closes: str, path: Path | None) -> dict[str, Any]:
    return {
        "dry_run": path is None,
        "round": prepared.digest.round_id,
        "model": prepared.digest.model_id,
        "predictions": prepared.predictions,
        "ids": prepared.coverage.document(),
        "content_hash": f"0x{prepared.digest.content_hash.hex()}",
        "ciphertext_hash": f"0x{prepared.digest.ciphertext_hash.hex()}",
        "encrypted_to": None if prepared.members is None else len(prepared.members.holders),
        "demands": prepared.demands,
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
