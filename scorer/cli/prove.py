"""``cupel prove`` and ``cupel watch``: is an accepted report right, and if not, the proof that ends it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord, RoundState
from scorer.cli.common import print_json
from scorer.cli.numbers import NUMBER, whole
from scorer.cli.options import ChainOptions, chain_command, endpoint_errors, wallet_of
from scorer.cli.round_source import RoundSource, round_source
from scorer.cli.sending import CommandResult, SendContext, send
from scorer.client import download
from scorer.client.actions import ActionRefused, ClientAccount
from scorer.client.bond_actions import CollectCredit
from scorer.client.bonds import bond_of
from scorer.client.court_actions import (
    PUBLIC_FILES,
    Examined,
    ProveReport,
    examine,
    proof_terms,
    round_files,
)
from scorer.client.demand_actions import Owed, read_owed
from scorer.client.download import is_url
from scorer.client.keystore import Wallet
from scorer.client.quotes import coin_of, fees_of
from scorer.client.stakes import latest_block, model_count
from scorer.client.staking_client import staking_client
from scorer.errors import CupelError
from scorer.observation.observe import unfinished_rounds
from scorer.proofs.search import FalseClaim
from scorer.protocol.documents import to_hex
from scorer.protocol.predictions import Predictions
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.published import PublishedBounds, require_bounded
from scorer.submission.reader import check_submission, read_bounded
from scorer.submission.table import SubmissionRefused
from scorer.transactions.node import Web3Node
from scorer.units import coins_text, short_coins

WRONG: Final = 3
"""Exit code where a report can be proven wrong, and was not."""
ModelOption = Annotated[
    int | None, typer.Option(parser=NUMBER, help="Your model, with the file that you submitted.")
]
PredictionsOption = Annotated[
    Path | None,
    typer.Option(help="The file that you submitted as --model, CSV or Parquet.", exists=True, dir_okay=False),
]


@dataclass(frozen=True, kw_only=True)
class ProvingOptions(ChainOptions):
    """Adds the options that a proof is sent with: without --send nothing needs a key."""

    keystore: Annotated[
        Path | None, typer.Option(envvar="CUPEL_KEYSTORE", help="Your encrypted key; see cupel wallet.")
    ] = None
    password_file: Annotated[
        Path | None,
        typer.Option(
            envvar="CUPEL_PASSWORD_FILE", help="A file with its password; without it you are asked."
        ),
    ] = None
    send: Annotated[bool, typer.Option("--send", help="Send proofs. Without it, a dry run.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False

    @cached_property
    def wallet(self) -> Wallet:
        """The keystore; the password is asked for when it is needed."""
        if self.keystore is None:
            raise ActionRefused("expected --keystore to send a proof with, found none")
        keystore = self.keystore
        return wallet_of(keystore, self.password_file)

    @property
    def prover(self) -> str:
        """The account that would send: without a keystore one that stands for any."""
        return str(self.suite.tournament.address) if self.keystore is None else self.wallet.address

    def sending(self) -> SendContext:
        """Return the context in which the keystore's account sends, with the journal beside the keystore."""
        account = ClientAccount(self.suite, self.wallet.address, self.wallet)
        client = partial(staking_client, self.suite, self.wallet)
        fees = fees_of(self.suite.addresses.chain_id)
        return SendContext(account, fees, client, as_json=self.as_json, dry_run=False, yes=self.yes)


@chain_command(ProvingOptions)
def prove(
    options: ProvingOptions,
    bundle: Annotated[
        RoundSource,
        typer.Argument(parser=round_source, help="A round's folder, or its URL.", metavar="ROUND"),
    ],
    model: ModelOption = None,
    predictions: PredictionsOption = None,
    round_id: Annotated[
        int | None,
        typer.Option("--round", parser=NUMBER, help="Its number, where the folder's name does not say it."),
    ] = None,
) -> None:
    """Say whether the accepted report of a round is wrong, and with --send prove it to the court.

    A dry run says what is wrong and by how much, what a proof costs and what it brings; it needs no key. What
    can be checked are the scores of models whose predictions you have: yours, with --model and --predictions,
    and in a round in the clear everybody's; and of all models that those who must have no score have none.

    Exit code 0: nothing is wrong, or it was proven; 3: it can be proven wrong, and nothing was sent.
    """
    number = number_of(bundle) if round_id is None else round_id
    # Predictions are read from the folder when they are asked for: of a URL, it is gone at the end.
    with _bounded(options.suite, bundle) as folder:
        examined = examine(
            options.suite, number, round_files(folder, own_predictions(folder, model, predictions))
        )
        fault = examined.fault_of(model)
        if not options.as_json:
            _show(options, examined, fault)
        if fault is not None and options.send:
            _prove(options, ProveReport(examined, fault))
            return
        if options.as_json:
            print_json(_document(options, examined, fault))
    if fault is not None:
        raise typer.Exit(WRONG)


@chain_command(ProvingOptions)
def watch(
    options: ProvingOptions,
    rounds: Annotated[
        str, typer.Argument(help="The folder in which members publish rounds, or its URL.", metavar="ROUNDS")
    ],
    model: ModelOption = None,
    predictions: PredictionsOption = None,
    every: Annotated[
        int, typer.Option(parser=whole(0, 86_400), help="Look again after so many seconds; 0: once.")
    ] = 0,
) -> None:
    """Check every accepted report that is not final yet, and with --send prove those that are wrong.

    No membership is needed, and without --send no key: then it ends with exit code 3 where a report can be
    proven wrong, and 1 where one could not be checked. With --model and --predictions, your own score of the
    round that the file was submitted to is checked too, and it is said when its predictions are demanded.
    """
    suite = options.suite  # what is wrong with the options ends the command; what passes does not
    while True:
        all_checked = True
        for problem in _problems(options, suite, (rounds, model, predictions)):
            all_checked = False
            typer.echo(f"watch: {problem}", err=True)
        if not every:
            raise typer.Exit(0 if all_checked else 1)
        time.sleep(every)


def _problems(
    options: ProvingOptions, suite: Suite, files: tuple[str, int | None, Path | None]
) -> Iterator[str]:
    """Check every report that may still be proven wrong; yields why one was not checked or proven."""
    rounds, model, predictions = files
    try:
        with endpoint_errors(options.endpoint):
            records = _standing(suite)
    except CupelError as error:
        yield f"NOT CHECKED: which reports are not final cannot be read: {error}"
        return
    for record in records:
        problem = _watched(options, rounds, record, model, predictions)
        if problem is not None:
            yield problem


def _watched(
    options: ProvingOptions, rounds: str, record: RoundRecord, model: int | None, predictions: Path | None
) -> str | None:
    """Check a report that may still be proven wrong; returns why it was not checked or proven, or None."""
    suite, number = options.suite, record.round_id
    try:
        source = _source(rounds, suite, number)
        with endpoint_errors(options.endpoint), _bounded(suite, source, download.LONGEST) as folder:
            own = _own_of_any(folder, model, predictions)
            files = round_files(folder, own, skip_others=True)
            examined = examine(suite, number, files)
            fault = examined.fault_of(model)
            _show(options, examined, fault)
            if model is not None and files.rules.demands:
                _show_owed(read_owed(suite, number, files, model))
            if fault is not None and options.send:
                _prove(options, ProveReport(examined, fault))
                return None
    except CupelError as error:
        return f"round {number}: NOT CHECKED OR NOT PROVEN: {error}"
    if fault is not None:
        raise typer.Exit(WRONG)
    return None if examined.case is not None else f"round {number}: NOT CHECKED: its evidence is not public"


def _show_owed(owed: Owed | None) -> None:
    """Say that the predictions of one's own model are demanded: showing them is left to the owner."""
    if owed is not None:
        typer.echo(
            f"round {owed.record.round_id}: the predictions of model {owed.model} are DEMANDED: if nobody "
            f"shows them until {owed.until} (Unix time), it is not paid; cupel answer shows them"
        )


def _prove(options: ProvingOptions, action: ProveReport) -> None:
    """Send a proof, and have what it brought paid out."""
    context, number = options.sending(), action.examined.record.round_id
    send(context, action, lambda _: _ended(options.suite, number))
    # Else it lies at the committee until its owner thinks of it.
    if bond_of(options.suite, context.account.address).owed:
        send(context, CollectCredit(context.account.address), lambda _: CommandResult({}, ()))


def _standing(suite: Suite) -> list[RoundRecord]:
    """Return the rounds with an accepted report that is not final."""
    block = latest_block(suite)
    records = [each for each in unfinished_rounds(suite, block) if each.state == RoundState.SEALED]
    proposals = suite.proposals([record.round_id for record in records], block.number)
    return [
        record
        for record, proposal in zip(records, proposals, strict=True)
        if proposal is not None and not proposal.is_final(block.timestamp) and proposal.stands
    ]


@contextmanager
def _bounded(suite: Suite, source: RoundSource, longest: float | None = None) -> Iterator[Path]:
    """Yield the folder of a round's public files, none of which is larger than so many models make it.

    They are read in this process, and may be those of a member who would rather have it end.
    """
    models = model_count(suite, latest_block(suite).number)
    with source.folder(PUBLIC_FILES, longest) as folder:
        require_bounded(folder, PUBLIC_FILES, PublishedBounds(models))
        yield folder


def _source(rounds: str, suite: Suite, number: int) -> RoundSource:
    if is_url(rounds):
        return RoundSource(f"{rounds.rstrip('/')}/{number}")
    folder = round_folder(Path(rounds), str(suite.tournament.address), number)
    return RoundSource(str(folder if folder.is_dir() else Path(rounds) / str(number)))


def number_of(bundle: RoundSource) -> int:
    """Return the round whose folder this is, by its name."""
    name = str(bundle).rstrip("/").rpartition("/")[2]
    if not (name.isascii() and name.isdecimal() and len(name) < 16):
        raise ActionRefused("expected --round, as the name of the round's folder is no number, found none")
    return int(name)


def own_predictions(folder: Path, model: int | None, file: Path | None) -> Mapping[int, Predictions]:
    """Read the file that was submitted as the operator would, or the client that encrypted it."""
    if (model is None) != (file is None):
        raise ActionRefused("expected --model and --predictions together, found one of them")
    if model is None or file is None:
        return {}
    bundle = Bundle(folder, strict=True)
    universe = bundle.named_universe()
    content = read_bounded(file, len(universe.ids))
    return {model: check_submission(bundle.rules().submissions, content, universe, str(file)).values}


def _own_of_any(folder: Path, model: int | None, file: Path | None) -> Mapping[int, Predictions]:
    """Do as `own_predictions`; a file that cannot be a submission to this round is one to another."""
    try:
        return own_predictions(folder, model, file)
    except SubmissionRefused:
        return {}


def _show(options: ProvingOptions, examined: Examined, fault: FalseClaim | None) -> None:
    """Say what was found, and what a proof costs and brings."""
    number, report = examined.record.round_id, to_hex(examined.proposal.report_hash)
    if examined.case is None:
        typer.echo(f"round {number}: the evidence of the report {report} is not public: nothing to check yet")
        return
    checked = f"{len(examined.checked)} scores computed"
    if fault is None:
        typer.echo(f"round {number}: nothing is wrong in the report {report} ({checked})")
        return
    typer.echo(f"round {number}: the report {report} is WRONG: {fault}")
    if len(examined.faults) > 1:
        typer.echo(f"round {number}: {len(examined.faults)} faults in all ({checked})")
    try:
        cost = _terms_document(options, examined, fault)
    except ActionRefused as refusal:
        typer.echo(f"round {number}: nobody can prove it here: {refusal}")
        return
    brings = f"brings {cost['reward_nmr']} NMR, half of what {cost['liars']} members lose"
    if not examined.case.court.slashes:
        brings = "brings nothing, as this court takes no bonds"
    typer.echo(
        f"round {number}: a proof takes at most {cost['gas']:,} gas in {cost['transactions']} transactions, "
        f"{cost['cost']} {cost['coin']} now, and {brings}; it is taken before {examined.until} (Unix time)"
    )


def _document(options: ProvingOptions, examined: Examined, fault: FalseClaim | None) -> dict[str, Any]:
    return {
        "round": examined.record.round_id,
        "report": to_hex(examined.proposal.report_hash),
        "has_evidence": examined.case is not None,
        "checked": list(examined.checked),
        "faults": [
            {"kind": each.kind.name.lower(), "model": each.model, "claimed": each.claimed, "true": each.true}
            for each in examined.faults
        ],
        "until": examined.until,
        "proof": None if fault is None else _proof_document(options, examined, fault),
    }


def _proof_document(options: ProvingOptions, examined: Examined, fault: FalseClaim) -> dict[str, Any]:
    """Return what a proof costs and brings, or why nobody can send it."""
    try:
        return _terms_document(options, examined, fault)
    except ActionRefused as refusal:
        return {"refused": str(refusal)}


def _terms_document(options: ProvingOptions, examined: Examined, fault: FalseClaim) -> dict[str, Any]:
    suite = options.suite
    terms, market = proof_terms(suite, examined, fault, options.prover), Web3Node(suite.w3).head().market
    price = market.base_fee + max(fees_of(suite.addresses.chain_id).tip, market.tip)
    return {
        "gas": terms.whole_gas,
        "transactions": terms.transactions,
        "cost": short_coins(terms.whole_gas * price),
        "coin": coin_of(suite.addresses.chain_id),
        "liars": terms.liars,
        "reward_nmr": coins_text(terms.reward),
    }


def _ended(suite: Suite, number: int) -> CommandResult:
    proposal = suite.proposal(number, latest_block(suite).number)
    status = "none" if proposal is None else proposal.status.name.lower()
    return CommandResult({"round": number, "report": status}, (f"round {number}: the report is {status}",))
