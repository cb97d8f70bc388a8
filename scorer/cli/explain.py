"""``cupel explain`` and ``cupel statement``: the reasons of a position's earnings, in a round and a year."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from scorer.chain.contracts import Suite
from scorer.cli.chains import DeploymentOption, EndpointOption, ReplayOption, chain_of, how_far
from scorer.cli.common import JsonOption, console, print_json, user_errors, working
from scorer.cli.numbers import MODEL, NUMBER
from scorer.cli.round_source import RoundSource, round_source
from scorer.daemon.config_errors import ConfigError
from scorer.evaluation.buckets import RankBucket
from scorer.evaluation.explain import Explanation, ScoredRound
from scorer.evaluation.statement import COLUMNS, StatementEntry, write_statement
from scorer.observation.observe import finalised_block
from scorer.observation.receipts import SettledRound, read_settled_round
from scorer.owned_files import refuse_foreign_table
from scorer.storage.bucket_inputs import WITH_PREDICTIONS, WITHOUT, bundle_buckets
from scorer.storage.bundle import MANIFEST, REPORT, RULES, SCORES, Bundle, BundleError
from scorer.submission.reader import check_submission, read_bounded
from scorer.units import nmr_text

EXPLAINED: Final = (RULES, MANIFEST, SCORES, REPORT)
"""Files on which an explanation rests."""


def explain(
    model: Annotated[int, typer.Option(parser=MODEL, help="The model's number.")],
    bundle: Annotated[
        RoundSource | None,
        typer.Argument(parser=round_source, help="A round's folder, or its URL.", metavar="BUNDLE"),
    ] = None,
    round_id: Annotated[
        int | None, typer.Option("--round", parser=NUMBER, help="Or the round's number")
    ] = None,
    rounds: Annotated[
        Path | None, typer.Option(help="under this folder.", exists=True, file_okay=False)
    ] = None,
    as_json: JsonOption = False,
    buckets: Annotated[
        bool, typer.Option("--buckets", help="Which tenths of the predictions, by rank, made or lost it.")
    ] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="The file that you submitted, CSV or Parquet, for --buckets where a round encrypts.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
    replay: ReplayOption = None,
) -> None:
    """Take apart what a model earned in a round, to the last nano-NMR.

    Without a chain, the pool is taken to have been large enough for all payouts. With --buckets, it is split
    among the tenths of the predictions too, to the last nano-NMR.
    """
    wanted: tuple[str, ...] = EXPLAINED
    if buckets or predictions is not None:
        wanted += WITHOUT if predictions is None else WITH_PREDICTIONS
    with (
        user_errors(),
        chain_of(endpoint, deployment, replay) as suite,
        _round_folder(bundle, rounds, round_id, suite).folder(wanted) as folder,
    ):
        scored = read_scored(folder)
        if suite is not None:
            refuse_other_deployment(scored, suite)
            with working("reading the chain"):
                on_chain = read_settled_round(suite, scored.terms.round_id, finalised_block(suite))
            if on_chain is None:
                far = how_far(suite, scored.terms.round_id)
                raise BundleError(f"{folder}: expected a settled round, found one that is {far}")
            scored = _as_settled(scored, on_chain)
        explanation, parts = scored.explain(model), tuple[RankBucket, ...]()
        if wanted != EXPLAINED:
            source = Bundle(folder, strict=True)
            own = None if predictions is None else _submitted(source, predictions)
            parts = bundle_buckets(source, scored, model, own)
    if as_json:
        shown = {"buckets": [part.to_json() for part in parts]} if wanted != EXPLAINED else {}
        print_json(explanation.to_json() | shown)
        return
    console().print(_table(explanation))
    if wanted != EXPLAINED:
        console().print(_bucket_table(explanation, parts))


def _submitted(bundle: Bundle, file: Path) -> NDArray[np.float64]:
    """Read the file that was submitted, as the operator would."""
    universe = bundle.named_universe()
    content = read_bounded(file, len(universe.ids))
    return check_submission(bundle.rules().submissions, content, universe, str(file)).values


def _round_folder(
    bundle: RoundSource | None, rounds: Path | None, round_id: int | None, suite: Suite | None
) -> RoundSource:
    """Return the named folder, or a round's under a folder: the chain's tournament's if there are several.

    Raises
    ------
    BundleError
        When there is no such folder, or one of several tournaments.
    """
    if bundle is not None and rounds is None and round_id is None:
        return bundle
    if bundle is not None or rounds is None or round_id is None:
        raise ConfigError(
            "explain: expected a round's folder, or --rounds and --round, found another mixture"
        )
    folders = [folder for folder in round_folders(rounds) if int(folder.name) == round_id]
    if suite is not None:
        own = suite.tournament.address.lower()
        folders = [folder for folder in folders if folder.parent.name.lower() == own] or folders
    if len(folders) != 1:
        names = ", ".join(map(str, folders)) or "none"
        raise BundleError(f"{rounds}: expected one folder of round {round_id} with scores, found {names}")
    return RoundSource(str(folders[0]))


def _table(explanation: Explanation) -> Table:
    table = Table(title=f"round {explanation.round_id}, model {explanation.model_id}", show_footer=True)
    table.add_column("why", "paid" if explanation.net >= 0 else "burned")
    table.add_column("how", f"rate {explanation.rate / 10_000:+.4f} %")
    table.add_column("NMR", _signed(explanation.net), justify="right")
    table.add_row("position", "at risk", nmr_text(explanation.position), end_section=True)
    for step in explanation.steps:
        table.add_row(step.name, step.detail, _signed(step.amount))
    return table


def _bucket_table(explanation: Explanation, parts: Sequence[RankBucket]) -> Table:
    factors = list(parts[0].amounts) if parts else []
    table = Table(title="by rank of the predictions, lowest first", show_footer=True)
    table.add_column("tenth", "all")
    table.add_column("ids", justify="right")
    table.add_column("predictions", justify="right")
    for name in factors:
        table.add_column(name, _signed(sum(part.amounts[name] for part in parts)), justify="right")
    table.add_column("NMR", _signed(explanation.net), justify="right")
    for part in parts:
        span = f"{part.lowest:.4f} to {part.highest:.4f}"
        amounts = (_signed(part.amounts[name]) for name in factors)
        number = "no tenth's alone" if part.number is None else str(part.number)
        table.add_row(number, str(part.ids), span, *amounts, _signed(part.amount))
    return table


def _signed(amount: int) -> str:
    """Return nano-NMR in NMR with a sign and all nine decimals, so that columns line up."""
    whole, rest = divmod(abs(amount), 10**9)
    return f"{'-' if amount < 0 else '+'}{whole:,}.{rest:09}"


def statement(
    rounds: Annotated[
        Path, typer.Argument(help="A folder of rounds' folders.", exists=True, file_okay=False)
    ],
    model: Annotated[
        list[int] | None, typer.Option(parser=NUMBER, help="A model's number; may be repeated.")
    ] = None,
    year: Annotated[
        int | None, typer.Option(parser=NUMBER, help="Settled in this year (UTC); needs a chain.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The CSV file; by default, standard output.")] = None,
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
    replay: ReplayOption = None,
) -> None:
    """Write what models earned, round by round, as CSV: amounts and reasons, dates and transactions."""
    with user_errors(), chain_of(endpoint, deployment, replay) as suite:
        if year is not None and suite is None:
            raise ConfigError(
                "expected --endpoint and --deployment, or --replay, with --year, because only the chain "
                "knows when a round was settled; found none"
            )
        entries = [
            entry
            for scored in scored_rounds(rounds)
            for entry in _entries(scored, model, suite)
            if year is None or (entry.receipt is not None and entry.receipt.settled_at.year == year)
        ]
    if out is None:
        write_statement(entries, sys.stdout)
        return
    with user_errors():
        refuse_foreign_table(out, ",".join(COLUMNS))
    with out.open("w", newline="") as file:
        write_statement(entries, file)
    net = sum(entry.explanation.net for entry in entries)
    typer.echo(f"{out}: {len(entries)} positions, net {nmr_text(net)} NMR")


def round_folders(root: Path) -> list[Path]:
    """Return the folders of scored rounds under a folder, in the order of their rounds."""
    folders = [path.parent for path in root.rglob(SCORES) if _is_number(path.parent.name)]
    if not folders:
        raise BundleError(f"{root}: expected folders of scored rounds, found none")
    return sorted(folders, key=lambda folder: (folder.parent, int(folder.name)))


def _is_number(name: str) -> bool:
    """Return True for ASCII digits: in digits of other scripts two folders would be one round."""
    return name.isascii() and name.isdecimal()


def read_scored(folder: Path) -> ScoredRound:
    """Read a scored round from a stranger's bundle; refuse it in another round's folder."""
    scored = Bundle(folder, strict=True).scored_round()
    number = scored.terms.round_id
    if _is_number(folder.name) and folder.name != str(number):
        raise BundleError(
            f"{folder}: expected the bundle of round {folder.name}, as its folder, found that of round "
            f"{number}"
        )
    return scored


def refuse_other_deployment(scored: ScoredRound, suite: Suite) -> None:
    """Refuse a round of another tournament than the chain's, which would be asked for what it never saw.

    Raises
    ------
    BundleError
        Names both, and what to give.
    """
    terms, own = scored.terms, suite.addresses
    if (terms.chain_id, terms.tournament.lower()) != (own.chain_id, own.tournament.lower()):
        raise BundleError(
            f"round {terms.round_id}: expected one of tournament {own.tournament} on chain {own.chain_id}, "
            f"found another deployment's round, of {terms.tournament} on chain {terms.chain_id}; give its "
            "own --deployment (CUPEL_DEPLOYMENT) and --endpoint (CUPEL_RPC_URL), or neither"
        )


def scored_rounds(root: Path) -> list[ScoredRound]:
    """Read the scored rounds under a folder, in order.

    Raises
    ------
    BundleError
        When a round is there twice, such as a copy in another folder: it would count twice.
    """
    rounds: dict[tuple[int, str, int], tuple[Path, ScoredRound]] = {}
    for folder in round_folders(root):
        scored = read_scored(folder)
        terms = scored.terms
        key = (terms.chain_id, terms.tournament, terms.round_id)
        if key in rounds:
            raise BundleError(
                f"{root}: expected each round once, found round {terms.round_id} in {rounds[key][0]} and "
                f"{folder}; move one of them away"
            )
        rounds[key] = folder, scored
    return [scored for _, scored in rounds.values()]


def _entries(
    scored: ScoredRound, models: Iterable[int] | None, suite: Suite | None
) -> Iterator[StatementEntry]:
    """Yield a round's positions; with a chain, only if the round is settled, with block and transaction."""
    on_chain = None
    if suite is not None:
        on_chain = read_settled_round(suite, scored.terms.round_id, finalised_block(suite))
        if on_chain is None:
            return
        scored = _as_settled(scored, on_chain)
    wanted = None if models is None else set(models)
    for explanation in scored.explain_all(wanted):
        receipt = None if on_chain is None else on_chain.receipts[explanation.model_id]
        yield StatementEntry(scored.terms.tournament, explanation, receipt)


def _as_settled(scored: ScoredRound, on_chain: SettledRound) -> ScoredRound:
    """Return the round with the chain's pool and silent models; refuse a bundle that pays other amounts."""
    settled = replace(scored, reserved=on_chain.reserved, silent=on_chain.silent)
    totals = (settled.settled.total_payout, settled.settled.total_burn)
    if totals != (on_chain.paid, on_chain.burned):
        raise BundleError(
            f"round {scored.terms.round_id}: expected a bundle that pays and burns "
            f"{on_chain.paid} and {on_chain.burned} nano-NMR as the chain did, found {totals[0]} and "
            f"{totals[1]}; cupel verify names what differs"
        )
    return settled
