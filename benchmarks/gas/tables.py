"""The tables of docs/gas.md, written between its markers from what was measured."""

import re
from typing import Any, Final

MARKED: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
POL_PER_GAS: Final = 30e-9
"""At 30 gwei: bor's floor of 25 for the tip, and what is usual above it."""
LARGEST: Final = "10000"
SIZES: Final = ("1", "100", "2048", "10000")
STEPS: Final = ("open", "lock", "end_lock", "seal", "attest", "begin", "settle", "whole")

Row = list[Any]


def table(head: Row, rows: list[Row]) -> str:
    """Markdown, the first column to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in lines) + "\n"


def _cell(cell: Any) -> str:
    return f"{cell:,}" if isinstance(cell, (int, float)) else str(cell)


def rounds(found: dict[str, Any]) -> str:
    """Locking, its end and settling, of every kind of round."""
    rows: list[Row] = []
    for name, measured in found["rounds"].items():
        cycle, models = measured["cycle"], measured["models"]
        crowd = "1 model" if models == 1 else f"{models:,} models"
        label = crowd if name.isdigit() else f"{crowd}, {name}"
        parts = [measured[step]["per_model"] for step in ("lock", "end_lock", "settle")]
        rows.append([label, *parts, f"**{cycle['per_model']:,}**", cycle["per_model_on_polygon"]])
    return table(
        ["a round of", "lock", "end of the lock", "settle", "all three", "all three, on Polygon"], rows
    )


def rolled(found: dict[str, Any]) -> str:
    """Locking and settling apart, and a round's settling with another one's locking."""
    rows: list[Row] = []
    for size, roll in found["rolled"].items():
        cycle = found["rounds"][size]["cycle"]
        kinds = ("per_model", "per_model_on_polygon")
        saved = [f"{1 - roll[kind] / cycle[kind]:.0%}" for kind in kinds]
        figures = [each for kind, less in zip(kinds, saved, strict=True)
                   for each in (cycle[kind], f"**{roll[kind]:,}** ({less} less)")]  # fmt: skip
        rows.append([f"{int(size):,} models", *figures])
    return table(["a round of", "apart", "rolled", "apart, on Polygon", "rolled, on Polygon"], rows)


def steps(found: dict[str, Any]) -> str:
    """Every transaction of the largest round."""
    measured = found["rounds"][LARGEST]
    rows: list[Row] = [
        [step.replace("_", " "),
         measured[step]["transactions"], measured[step]["ethereum"], measured[step]["polygon"],
         f"{measured[step]['polygon'] * POL_PER_GAS:.3f}"]
        for step in STEPS
    ]  # fmt: skip
    largest = measured["largest_transaction"]
    rows.append(["the largest of them", 1, largest["ethereum"], largest["polygon"], ""])
    return table(["step", "transactions", "gas", "gas on Polygon", "POL at 30 gwei"], rows)


def calls(found: dict[str, Any]) -> str:
    """What stakers, operator and oracles call, one call each."""
    rows: list[Row] = [[name, gas["ethereum"], gas["polygon"]] for name, gas in found["calls"].items()]
    return table(["call", "gas", "gas on Polygon"], rows)


def peers(found: dict[str, Any]) -> str:
    """Ours beside what others cost in the same run, for each recipient."""
    rows: list[Row] = []
    for size in SIZES:
        cycle = found["rounds"][size]["cycle"]
        claim, multisend = (found["peers"][f"{name} {size}"] for name in ("claim of", "multisend to"))
        for kind, where in (("per_model", "Ethereum"), ("per_model_on_polygon", "Polygon")):
            ours, theirs = cycle[kind], (claim[kind], multisend[kind])
            ratios = [f"{other:,} ({other / ours:.1f} times)" for other in theirs]
            rows.append([f"{int(size):,}, {where}", ours, *ratios])
    head = ["recipients", "lock and settle", "MerkleDistributor claim", "ERC-20 multisend"]
    return table(head, rows)


TABLES: Final = {"rounds": rounds, "rolled": rolled, "steps": steps, "calls": calls, "peers": peers}


def page_with(page: str, found: dict[str, Any]) -> str:
    """The page with every table renewed."""
    return MARKED.sub(lambda marks: marks[1] + TABLES[marks[2]](found) + marks[3], page)


def printed(found: dict[str, Any]) -> str:
    """Every table, for a terminal."""
    return "\n".join(make(found) for make in TABLES.values())
