"""The report of a simulation: who gains, what burns, what skill weighs, what copying or a crisis does."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.lab.simulation.ledger import Ledger
from scorer.lab.simulation.pictures import draw_all
from scorer.lab.simulation.run import Simulation
from scorer.owned_files import make_owned_folder
from scorer.units import NANO_PER_NMR

SHOWN_KINDS = 50
PICTURES = (
    ("stakes.png", "Stake by kind, in percent of the deposits"),
    ("payouts_and_burns.png", "What each round paid and burned"),
    ("weights.png", "Who weighs what in the meta model, and how good it is"),
    ("copycats.png", "What copying pays under each variant"),
    ("crisis.png", "What all earn together under each variant, and the crisis"),
)

MADE_BY: Final = "cupel simulate"
CONTENTS: Final = ("report.json", "report.md", "*.png")
"""Files that a simulation writes into its folder."""


def kinds_of(simulation: Simulation) -> list[str]:
    """All kinds, in the order of the population."""
    return list(dict.fromkeys(simulation.kinds.tolist()))


def nmr(amounts: NDArray[np.uint64]) -> float:
    """The sum of amounts, in NMR."""
    return float(sum(amounts.tolist())) / NANO_PER_NMR


def summary(simulation: Simulation) -> dict[str, Any]:
    """The content of report.json."""
    return {
        "rules": simulation.rules.name,
        "rules_hash": simulation.rules.hash().hex(),
        "chosen_variant": simulation.chosen,
        "models": len(simulation.kinds),
        "rounds": len(simulation.is_crisis),
        "variants": {name: _variant(simulation, ledger) for name, ledger in simulation.ledgers.items()},
        "meta_model": _meta_model(simulation),
    }


def _variant(simulation: Simulation, ledger: Ledger) -> dict[str, Any]:
    paid, burned = (
        np.array([nmr(amounts) for amounts in ledger.paid]),
        np.array([nmr(amounts) for amounts in ledger.burned]),
    )
    net = paid - burned
    crisis = simulation.is_crisis
    return {
        "paid_nmr": float(paid.sum()),
        "burned_nmr": float(burned.sum()),
        "cost_to_the_pool_nmr": float(net.sum()),
        "deviation_of_a_round_nmr": _deviation(net[~crisis]),
        "deviation_of_a_crisis_round_nmr": _deviation(net[crisis]),
        "net_in_crisis_nmr": float(net[crisis].sum()),
        "largest_drawdown_percent": _drawdown(np.array([nmr(amounts) for amounts in ledger.totals])),
        "kinds": {kind: _kind(simulation, ledger, kind) for kind in kinds_of(simulation)},
    }


def _deviation(values: NDArray[np.float64]) -> float:
    return float(values.std()) if len(values) else 0.0


def _drawdown(totals: NDArray[np.float64]) -> float:
    """The largest fall of all stakes together from an earlier height, in percent of it."""
    heights = np.maximum.accumulate(totals)
    return float(100 * ((heights - totals) / np.maximum(heights, 1e-9)).max())


def _kind(simulation: Simulation, ledger: Ledger, kind: str) -> dict[str, float]:
    of_kind = simulation.kinds == kind
    deposit, final = nmr(simulation.deposits[of_kind]), nmr(ledger.totals[-1][of_kind])
    returns = ledger.totals[-1][of_kind] / np.maximum(simulation.deposits[of_kind], 1) - 1.0
    return {
        "models": int(of_kind.sum()),
        "deposit_nmr": deposit,
        "final_nmr": final,
        "paid_nmr": nmr(
            sum((amounts[of_kind] for amounts in ledger.paid), np.zeros(of_kind.sum(), dtype=np.uint64))
        ),
        "burned_nmr": nmr(
            sum((amounts[of_kind] for amounts in ledger.burned), np.zeros(of_kind.sum(), dtype=np.uint64))
        ),
        "return_on_deposit_percent": 100 * (final / deposit - 1) if deposit else 0.0,
        "median_return_percent": float(100 * np.median(returns)),
        "share_that_gains": float((returns > 0).mean()),
    }


def _meta_model(simulation: Simulation) -> dict[str, Any]:
    tenth = max(1, len(simulation.weights) // 10)
    return {
        "corr_stake_weighted": float(np.nanmean(simulation.meta_corr)),
        "corr_equal_weighted": float(np.nanmean(simulation.equal_corr)),
        "weights": {
            kind: {
                "first": float(simulation.weights[:tenth, simulation.kinds == kind].sum(axis=1).mean()),
                "last": float(simulation.weights[-tenth:, simulation.kinds == kind].sum(axis=1).mean()),
                "correlation": float(simulation.correlations[simulation.kinds == kind].mean()),
            }
            for kind in kinds_of(simulation)
        },
    }


def write_report(simulation: Simulation, out: Path) -> dict[str, Any]:
    """Write report.json, report.md and the pictures into a folder; the content of report.json."""
    make_owned_folder(out, MADE_BY, CONTENTS)
    document = summary(simulation)
    (out / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / "report.md").write_text(_markdown(document))
    draw_all(simulation, out)
    return document


def _markdown(document: Mapping[str, Any]) -> str:
    chosen = document["variants"][document["chosen_variant"]]
    lines = [
        f"# {document['rules']}: {document['rounds']} rounds of {document['models']} models",
        "",
        f"Rules hash {document['rules_hash']}. All variants share the scores of the chosen rules, which are "
        f"the variant **{document['chosen_variant']}**; each has stakes of its own.",
        "",
        "## Who gains",
        "",
        *_table(
            ("kind", "models", "deposit NMR", "final NMR", "return %", "median %", "gain", "burned NMR"),
            [
                (kind, row["models"], row["deposit_nmr"], row["final_nmr"], row["return_on_deposit_percent"],
                 row["median_return_percent"], row["share_that_gains"], row["burned_nmr"])
                for kind, row in _ranked(chosen["kinds"])
            ],
        ),
        "",
        "## What the rules do",
        "",
        *_table(
            ("variant", "paid NMR", "burned NMR", "cost to the pool", "deviation of a round",
             "in the crisis", "net in the crisis", "largest drawdown %"),
            [
                (name, row["paid_nmr"], row["burned_nmr"], row["cost_to_the_pool_nmr"],
                 row["deviation_of_a_round_nmr"], row["deviation_of_a_crisis_round_nmr"],
                 row["net_in_crisis_nmr"], row["largest_drawdown_percent"])
                for name, row in document["variants"].items()
            ],
        ),
        "",
        "## Copycats",
        "",
        *_table(
            ("variant", "return of copycats %", "burned NMR"),
            [
                (name, copycat["return_on_deposit_percent"], copycat["burned_nmr"])
                for name, row in document["variants"].items()
                for copycat in (row["kinds"]["copycat"],)
            ],
        ),
        "",
        "## The meta model",
        "",
        f"CORR {document['meta_model']['corr_stake_weighted']:.4f} weighted by stake, "
        f"{document['meta_model']['corr_equal_weighted']:.4f} with equal weights.",
        "",
        *_table(
            ("kind", "weight at first", "weight at last", "correlation with it"),
            [
                (kind, row["first"], row["last"], row["correlation"])
                for kind, row in document["meta_model"]["weights"].items()
            ],
        ),
        "",
        *[f"![{title}]({file})" for file, title in PICTURES],
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _ranked(kinds: Mapping[str, Mapping[str, float]]) -> list[tuple[str, Mapping[str, float]]]:
    return sorted(kinds.items(), key=lambda item: -item[1]["return_on_deposit_percent"])[:SHOWN_KINDS]


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    return [
        line(header),
        line(["---", *["---:"] * (len(header) - 1)]),
        *(line([_cell(value) for value in row]) for row in rows),
    ]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return str(value)
