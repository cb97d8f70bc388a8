"""A campaign of tampering: every kind of change to a bundle, and what ``cupel verify`` makes of it.

``python -m tests.hostile.tampering`` runs all of it, prints the numbers, and every tamper that goes unnoticed
with its reason. It fails where one that must be noticed is not, or where a reader met what it was not written
for. The fast part of it runs with the tests.
"""

import io
import json
import os
import shutil
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import OnChain, RoundInputs, RoundResult
from scorer.isolation import IsolatedReader
from scorer.proofs.terms import terms_hash
from scorer.protocol.digest import table_digest
from scorer.protocol.documents import to_hex
from scorer.protocol.predictions import HEADER_SIZE
from scorer.protocol.report import Report, evidence_hash
from scorer.protocol.rules import preset
from scorer.storage.bundle import (
    ENVELOPES,
    MANIFEST,
    META_MODEL,
    POSITIONS,
    PUBLISHED,
    REPORT,
    RULES,
    SCORES,
    SIGNATURES,
    SUBMISSIONS,
    TARGETS,
    UNIVERSE,
    VERDICTS,
    VOTE,
    Bundle,
    BundleError,
)
from scorer.storage.parquet import read_parquet, write_parquet
from scorer.storage.verification import Chain, verify_bundle
from tests.small_round import (
    AMOUNTS,
    ROUND,
    SUBMITTERS,
    TARGET,
    TOURNAMENT,
    UNKNOWN,
    WRONGLY_SIGNED,
    SmallRound,
    in_the_clear,
    sealed,
    void_on_chain,
)

TABLES: Final = (UNIVERSE, TARGETS, POSITIONS, META_MODEL, SCORES)
DOCUMENTS: Final = (RULES, SIGNATURES, VERDICTS, MANIFEST, REPORT)
FILES: Final = (*TABLES, *DOCUMENTS, SUBMISSIONS)
PUBLIC: Final = (*TABLES, *DOCUMENTS, ENVELOPES)
"""Of a round whose submissions are encrypted, for everybody; members have submissions.npy too."""
REFUSED: Final = (WRONGLY_SIGNED, UNKNOWN)
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1."""
DEFECT: Final = "reader failed"
ALSO_NAMED: Final = {
    "submissions": ("chain, submitter of model", "envelopes.bin, ciphertext of model"),
    "meta_model": ("digests.meta_model",),
    "scores": ("digests.scores",),
    "envelopes": ("submissions.npy: expected a file", "submissions: expected encrypted"),
}
"""By a file's name, what speaks of its content too."""

SAME_LAYOUT: Final = "JSON with other blanks, escapes or order of fields: one document to every reader"
NOTHING_MADE: Final = "predictions of a refused submission: nothing is made of them, whatever they are"
WITHHELD: Final = "a body that members may keep to themselves: verify says that it is not there"
NOT_COVERED: Final = "a file that nothing in a bundle speaks of: verify says that no digest covers it"

Apply = Callable[[Path], None]


@dataclass(frozen=True)
class Tamper:
    """One change to a bundle.

    Attributes
    ----------
    names
        What the verdict is to name; empty: anything.
    same
        Why everybody reads the same afterwards; None: verify must notice.
    kind
        What is verified: a ``settled`` round in the clear, a ``void`` one, or of an encrypted round what is
        ``public`` or what a ``member`` holds.
    """

    what: str
    apply: Apply
    names: str = ""
    same: str | None = None
    kind: str = "settled"


@dataclass(frozen=True)
class Ground:
    """Bundles to spoil, and what the chain says of their rounds."""

    folders: Mapping[str, Path]
    chains: Mapping[str, Chain]


def on_chain(inputs: RoundInputs, result: RoundResult) -> OnChain:
    """What the chain says once the round is settled as it should be."""
    scores = dict(
        zip(result.scores["model_id"].tolist(), result.scores["reward_score"].tolist(), strict=True)
    )
    return OnChain(
        terms=inputs.terms,
        report_hash=result.report.hash(),
        submitters=inputs.submitters,
        settled={m: scores.get(m, 0) if AMOUNTS.get(m) else 0 for m in inputs.positions.models if m},
        is_settled=True,
        reserved=result.report.total_payout,
        paid=result.report.total_payout,
        burned=result.report.total_burn,
    )


def ground(root: Path) -> Ground:
    """Write the bundles of each kind under their tournament and number."""
    kinds = ("settled", "void", "member", "public")
    folders = {kind: root / kind / TOURNAMENT.lower() / str(ROUND) for kind in kinds}
    bundles = {kind: Bundle(folder) for kind, folder in folders.items()}
    inputs, encrypted = SmallRound().inputs(), SmallRound(rules=preset("classic")).inputs()
    result, result_encrypted = evaluate(inputs), evaluate(encrypted)
    bundles["settled"].write(inputs, result)
    bundles["void"].copy(bundles["settled"], *PUBLISHED, VERDICTS)
    bundles["member"].write(encrypted, result_encrypted)
    bundles["public"].copy(bundles["member"], *PUBLIC)
    chain = on_chain(encrypted, result_encrypted)
    chains: dict[str, Chain] = {"settled": on_chain(inputs, result), "void": void_on_chain(inputs)}
    return Ground(folders, {**chains, "member": chain, "public": chain})


# What is done to a file's bytes.


def edit(file: str, change: Callable[[bytes], bytes]) -> Apply:
    """Replace a file's bytes."""

    def apply(folder: Path) -> None:
        (folder / file).write_bytes(change((folder / file).read_bytes()))

    return apply


def flip(at: int) -> Callable[[bytes], bytes]:
    """Change the lowest bit of one byte."""
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def byte_tampers(base: Path, regions: int, files: Sequence[str] = FILES) -> Iterator[Tamper]:
    """A bit in every region of every file, each file cut short, doubled, longer, empty, gone."""
    for file in files:
        content = (base / file).read_bytes()
        step = max(1, len(content) // regions)
        for at in range(0, len(content), step):
            same = (
                SAME_LAYOUT
                if _reads_the_same(file, content, flip(at)(content))
                else _of_nothing(file, at, len(content))
            )
            yield Tamper(f"{file}: a bit of byte {at}", edit(file, flip(at)), file.partition(".")[0], same)
        yield Tamper(f"{file}: half of it", edit(file, lambda c: c[: len(c) // 2]), file)
        yield Tamper(
            f"{file}: without its last byte", edit(file, lambda c: c[:-1]), file, _blank(content[-1:])
        )
        yield Tamper(f"{file}: a byte more", edit(file, lambda c: c + b"\0"), file)
        yield Tamper(f"{file}: twice", edit(file, lambda c: c + c), file)
        yield Tamper(f"{file}: empty", edit(file, lambda _: b""), file)
        yield Tamper(f"{file}: gone", lambda folder, file=file: (folder / file).unlink(), file)  # type: ignore[misc]


def _of_nothing(file: str, at: int, size: int) -> str | None:
    """Whether a byte is of predictions of which nothing is made."""
    start = {SUBMISSIONS: HEADER_SIZE, ENVELOPES: 0}.get(file)
    if start is None or at < start:
        return None
    row = (at - start) * len(SUBMITTERS) // (size - start)
    return NOTHING_MADE if SUBMITTERS[row] in REFUSED else None


def _blank(content: bytes) -> str | None:
    return SAME_LAYOUT if content == b"\n" else None


def _reads_the_same(file: str, before: bytes, after: bytes) -> bool:
    """Whether another JSON reader finds the same; no other file may change at all."""
    if file not in DOCUMENTS:
        return False
    try:
        return bool(json.loads(before) == json.loads(after))
    except ValueError:
        return False


# Fields of documents.


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values that hold no others."""
    if isinstance(document, dict | list) and document:
        items = document.items() if isinstance(document, dict) else enumerate(document)
        for name, part in items:
            yield from leaves(part, (*path, name))
    else:
        yield path


def put(
    file: str, path: tuple[Any, ...], change: Callable[[Any], Any], name: Callable[[Any], Any] | None = None
) -> Apply:
    """Change, rename or remove one value of a document."""

    def apply(folder: Path) -> None:
        document = json.loads((folder / file).read_bytes())
        part = document
        for each in path[:-1]:
            part = part[each]
        value = change(part[path[-1]])
        if name is not None:
            del part[path[-1]]
        if value is not GONE:
            part[path[-1] if name is None else name(path[-1])] = value
        elif name is None:
            del part[path[-1]]
        (folder / file).write_text(json.dumps(document))

    return apply


GONE: Final = object()


def other(value: Any) -> Any:
    """A value of the same type that looks alike."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value.startswith("0x"):
        return value[:-1] + ("1" if value.endswith("0") else "0")
    if isinstance(value, str) and value.isdecimal():
        return str(int(value) + 1)
    return f"{value}x"


def _instead(value: Any, _: Any) -> Any:
    return value


def mistyped(value: Any) -> list[Any]:
    """The value as other types and spellings, which some readers take for it."""
    found: list[Any] = [None, [value], {"value": value}]
    if isinstance(value, int):
        found += [str(value), float(value), -1, 2**53, 2**64]
    if isinstance(value, str):
        found += [value + " ", value.upper() if value.upper() != value else value + "\0", 5, ""]
        found += [int(value)] if value.isdecimal() and int(value) < 2**53 else []
    return found


def document_tampers(base: Path, every: int) -> Iterator[Tamper]:
    """Every field of every document: another value, other types, gone, renamed; more fields, names twice."""
    for file in DOCUMENTS:
        document = json.loads((base / file).read_bytes())
        for number, path in enumerate(leaves(document)):
            if number % every:
                continue
            where = f"{file}: {'.'.join(map(str, path))}"
            value = document
            for each in path:
                value = value[each]
            yield Tamper(f"{where}, another value", put(file, path, other), file)
            for wrong in mistyped(value):
                if wrong != value or type(wrong) is not type(value):
                    changed = put(file, path, partial(_instead, wrong))
                    yield Tamper(f"{where}, as {str(wrong)[:40]!r}", changed, file)
            yield Tamper(f"{where}, gone", put(file, path, lambda _: GONE), file)
            if isinstance(path[-1], str):
                yield Tamper(f"{where}, renamed", put(file, path, lambda v: v, lambda n: f"{n}x"), file)
        yield from _of_text(file)


def _of_text(file: str) -> Iterator[Tamper]:
    def twice(content: bytes) -> bytes:
        """The first name of the first object twice, first with another value."""
        text = content.decode()
        start = text.index('"')
        return (text[:start] + text[start : text.index(":", start)] + ': "x", ' + text[start:]).encode()

    def more(content: bytes) -> bytes:
        return content.replace(b"{", b'{"late": "nothing", ', 1)

    deep = b"[" * 100_000 + b"]" * 100_000
    yield Tamper(f"{file}: a name twice", edit(file, twice), file)
    yield Tamper(f"{file}: a field more", edit(file, more), "late")
    yield Tamper(f"{file}: a byte-order mark", edit(file, lambda c: b"\xef\xbb\xbf" + c), file)
    yield Tamper(f"{file}: in UTF-16", edit(file, lambda c: c.decode().encode("utf-16")), file)
    yield Tamper(
        f"{file}: of many levels", edit(file, lambda c: c.rstrip()[:-1] + b', "x": ' + deep + b"}"), file
    )
    yield Tamper(f"{file}: text after it", edit(file, lambda c: c + b"{}"), file)
    yield Tamper(f"{file}: a comment", edit(file, lambda c: b"// x\n" + c), file)
    yield Tamper(f"{file}: other blanks", edit(file, lambda c: b"\n " + c + b"\t\n"), same=SAME_LAYOUT)
    yield Tamper(f"{file}: fields in another order", edit(file, _reordered), same=SAME_LAYOUT)
    yield Tamper(f"{file}: no document", edit(file, lambda _: b"5"), file)
    yield Tamper(f"{file}: null", edit(file, lambda _: b"null"), file)
    yield Tamper(f"{file}: an empty object", edit(file, lambda _: b"{}"), file)


def _reordered(content: bytes) -> bytes:
    def turned(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: turned(part[name]) for name in reversed(part)}
        return [turned(each) for each in part] if isinstance(part, list) else part

    return json.dumps(turned(json.loads(content)), indent=3).encode()


# Tables.


def rewrite(file: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Apply:
    """Change the columns of a table, and write it in canonical form."""
    return edit(file, lambda content: write_parquet(change(dict(read_parquet(content)))))


def _nudged(column: Any, row: int) -> Any:
    """A column with one value changed by as little as its type allows."""
    if isinstance(column, tuple):
        return (*column[:row], column[row] + "x", *column[row + 1 :])
    changed = column.copy()
    up = np.nextafter(changed[row], np.inf) if changed.dtype.kind == "f" else changed[row] + 1
    changed[row] = 0.5 if changed.dtype.kind == "f" and np.isnan(changed[row]) else up
    return changed


def _rows(table: Mapping[str, Any], rows: list[int]) -> dict[str, Any]:
    return {n: tuple(c[r] for r in rows) if isinstance(c, tuple) else c[rows] for n, c in table.items()}


def table_tampers(base: Path) -> Iterator[Tamper]:
    """Every column of every table: its first and last value, name, place and type; rows and notes."""
    for file in TABLES:
        table = read_parquet((base / file).read_bytes())
        size = len(next(iter(table.values())))
        for name in table:
            for row in (0, size // 2, size - 1):
                nudge = rewrite(file, lambda t, n=name, r=row: {**t, n: _nudged(t[n], r)})  # type: ignore[misc]
                yield Tamper(f"{file}: {name} in row {row} by the least there is", nudge, file)
            yield from _of_column(file, name, table)
        orders = {
            "two rows in the other order": [1, 0, *range(2, size)],
            "all rows in the other order": list(range(size))[::-1],
            "a row twice": [0, *range(size)],
            "a row less": list(range(1, size)),
            "no rows": [],
        }
        for what, rows in orders.items():
            yield Tamper(f"{file}: {what}", rewrite(file, partial(_rows, rows=rows)), file.partition(".")[0])
        column = np.zeros(size)
        yield Tamper(f"{file}: a column more", rewrite(file, lambda t, c=column: {**t, "more": c}), file)  # type: ignore[misc]
        yield Tamper(f"{file}: a column before", rewrite(file, lambda t, c=column: {"more": c, **t}), file)  # type: ignore[misc]
        if len(table) > 1:
            turned = rewrite(file, lambda t: {n: t[n] for n in reversed(t)})
            yield Tamper(f"{file}: columns in another order", turned, file)
        yield from _of_other_writers(file, table)


def _of_column(file: str, name: str, table: Mapping[str, Any]) -> Iterator[Tamper]:
    def renamed(to: str) -> Apply:
        return rewrite(file, lambda t: {to if n == name else n: c for n, c in t.items()})

    yield Tamper(
        f"{file}: {name} gone", rewrite(file, lambda t: {n: c for n, c in t.items() if n != name}), file
    )
    for to in (name + " ", name.upper(), name + "\u200b"):
        yield Tamper(f"{file}: {name} called {to!r}", renamed(to), file)
    column = table[name]
    kinds = [k for k in ("float64", "int64", "uint64") if isinstance(column, tuple) or k != column.dtype.name]
    for kind in kinds:
        fitting = np.arange(len(column)) if isinstance(column, tuple) else np.nan_to_num(column)
        retyped = fitting.astype(kind)
        yield Tamper(f"{file}: {name} as {kind}", rewrite(file, lambda t, c=retyped: {**t, name: c}), file)  # type: ignore[misc]


def parquet(
    file: str, settings: Mapping[str, Any], change: Callable[[pa.Table], pa.Table] = lambda t: t
) -> Apply:
    """Write a table by pyarrow."""

    def written(content: bytes) -> bytes:
        table = pa.Table.from_pandas(pd.read_parquet(io.BytesIO(content)), preserve_index=False)
        buffer = io.BytesIO()
        pq.write_table(change(table), buffer, **settings)
        return buffer.getvalue()

    return edit(file, written)


def noted(notes: Callable[[dict[str, Any]], None]) -> Callable[[pa.Table], pa.Table]:
    """Change what a table tells pandas of itself."""

    def change(table: pa.Table) -> pa.Table:
        document = json.loads(table.schema.metadata[b"pandas"])
        notes(document)
        return table.replace_schema_metadata({"pandas": json.dumps(document)})

    return change


def swap_names(document: dict[str, Any]) -> None:
    """Have pandas call the last two columns by each other's name."""
    one, two = document["columns"][-2:] if len(document["columns"]) > 1 else document["columns"] * 2
    one["name"], two["name"] = two["name"], one["name"]


def column_as_index(document: dict[str, Any]) -> None:
    """Have pandas take the last column for the index."""
    document["index_columns"] = [document["columns"][-1]["field_name"]]


def lying(content: bytes) -> bytes:
    """Statistics that say that every value of a column lies outside of what it holds."""
    buffer = io.BytesIO()
    table = pa.Table.from_pandas(pd.read_parquet(io.BytesIO(content)), preserve_index=False)
    pq.write_table(table.replace_schema_metadata(None), buffer, store_schema=False, compression="none")
    found = pq.ParquetFile(io.BytesIO(buffer.getvalue())).metadata.row_group(0).column(0).statistics
    true = found.min.encode() if isinstance(found.min, str) else int(found.min).to_bytes(8, "little")
    whole = buffer.getvalue()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    return whole[:footer] + whole[footer:].replace(true, b"\x7f" * len(true))


def _of_other_writers(file: str, table: Mapping[str, Any]) -> Iterator[Tamper]:
    plain = {"store_schema": False, "write_statistics": False, "compression": "none"}
    ways: dict[str, Apply] = {
        "written by pandas": parquet(file, {}),
        "written plainly by pyarrow": parquet(file, plain, lambda t: t.replace_schema_metadata(None)),
        "in small row groups": parquet(file, {**plain, "row_group_size": 7}),
        "with an index of pages": parquet(
            file, {**plain, "write_statistics": True, "write_page_index": True}
        ),
        "with a note": parquet(file, plain, lambda t: t.replace_schema_metadata({"note": "x"})),
        "compressed": parquet(file, {**plain, "compression": "zstd"}),
        "names exchanged for pandas": parquet(file, plain, noted(swap_names)),
        "a column that pandas takes for the index": parquet(file, plain, noted(column_as_index)),
        "statistics that lie": edit(file, lying),
    }
    for what, apply in ways.items():
        yield Tamper(f"{file}: {what}", apply, file)
    first = next(iter(table))

    def doubled(t: pa.Table) -> pa.Table:
        return t.append_column(first, t.column(0))

    def narrowed(t: pa.Table) -> pa.Table:
        kinds = {pa.float64(): pa.float32(), pa.int64(): pa.int32(), pa.uint64(): pa.uint32()}
        columns = [c.cast(kinds.get(c.type, pa.large_string()), safe=False) for c in t.columns]
        return pa.table(columns, names=t.column_names)

    def nulled(t: pa.Table) -> pa.Table:
        values = t.column(t.num_columns - 1).to_pylist()
        return t.set_column(t.num_columns - 1, t.column_names[-1], pa.array([None, *values[1:]]))

    yield Tamper(f"{file}: two columns of one name", parquet(file, plain, doubled), file)
    yield Tamper(f"{file}: narrower types", parquet(file, plain, narrowed), file)
    yield Tamper(f"{file}: a null", parquet(file, plain, nulled), file)


# Submissions and signatures.


def prediction(row: int, column: int, value: Callable[[float], float]) -> Apply:
    """Change one prediction in submissions.npy."""

    def change(content: bytes) -> bytes:
        matrix = np.load(io.BytesIO(content)).copy()
        matrix[row, column] = value(matrix[row, column])
        return content[:128] + bytes(matrix.tobytes())

    return edit(SUBMISSIONS, change)


def signature(change: Callable[[bytes], bytes]) -> Apply:
    """Change the first entry's signature."""
    return put(SIGNATURES, (0, "signature"), lambda text: to_hex(change(bytes.fromhex(text[2:]))))


def _mirrored(found: bytes) -> bytes:
    """The other s of the same signature, which recovers the same address."""
    s = ORDER - int.from_bytes(found[32:64], "big")
    return found[:32] + s.to_bytes(32, "big") + bytes([55 - found[64]])


def submission_tampers() -> Iterator[Tamper]:
    """Predictions, rows, headers; signatures of every other shape, and another valid one."""
    for row, model in enumerate(SUBMITTERS):
        ulp = prediction(row, 5, lambda v: float(np.nextafter(v, 1)))
        same = NOTHING_MADE if model in REFUSED else None
        yield Tamper(
            f"{SUBMISSIONS}: a prediction of row {row} by one ulp", ulp, "predictions of model", same
        )
    for what, value in (("NaN", np.nan), ("infinity", np.inf), ("more than 1", 1.5)):
        yield Tamper(f"{SUBMISSIONS}: {what}", prediction(0, 0, lambda _, v=value: v), "predictions of model")  # type: ignore[misc]
    headers: dict[str, Callable[[bytes], bytes]] = {
        "its shape turned": lambda c: c.replace(b"(9, 900)", b"(900, 9)"),
        "in Fortran's order": lambda c: c.replace(b"False", b"True "),
        "as whole numbers": lambda c: c.replace(b"<f8", b"<i8"),
        "big-endian": lambda c: c.replace(b"<f8", b">f8"),
        "version 2.0": lambda c: c.replace(b"NUMPY\x01", b"NUMPY\x02"),
        "as objects": lambda c: c.replace(b"'<f8'", b"'|O' "),
    }
    for what, change in headers.items():
        yield Tamper(f"{SUBMISSIONS}: {what}", edit(SUBMISSIONS, change), SUBMISSIONS)
    signatures: dict[str, Callable[[bytes], bytes]] = {
        "of zeros": lambda s: bytes(65),
        "with the other s": _mirrored,
        "with v as 0 or 1": lambda s: s[:64] + bytes([s[64] - 27]),
        "with v of a chain": lambda s: s[:64] + bytes([s[64] + 8]),
        "of 64 bytes": lambda s: s[:64],
        "of 66 bytes": lambda s: s + b"\0",
        "of no bytes": lambda s: b"",
        "of a million bytes": lambda s: s * 16_000,
    }
    for kind in ("settled", "void"):
        for what, change in signatures.items():
            yield Tamper(f"{SIGNATURES}: a signature {what}", signature(change), SIGNATURES, kind=kind)
        swapped = edit(SIGNATURES, lambda c: json.dumps(json.loads(c)[::-1]).encode())
        yield Tamper(f"{SIGNATURES}: entries in the other order", swapped, "submissions", kind=kind)
        twice = edit(SIGNATURES, lambda c: json.dumps([*json.loads(c), json.loads(c)[0]]).encode())
        yield Tamper(f"{SIGNATURES}: an entry twice", twice, "submissions", kind=kind)
        zero, named = prediction(0, 5, lambda v: 0.0), {"settled": "predictions of model", "void": UNSIGNED}
        yield Tamper(f"{SUBMISSIONS}: a prediction of 0", zero, named[kind], kind=kind)
        yield from _of_verdicts(kind)


def _of_verdicts(kind: str) -> Iterator[Tamper]:
    """Other models refused than at the seal."""
    changes: dict[str, Callable[[list[int]], list[int]]] = {
        "a refusal less": lambda models: models[1:],
        "a refusal more": lambda models: [1, *models],
        "another refusal": lambda models: [6, *models[1:]],
        "no refusals": lambda _: [],
        "everybody refused": lambda _: list(SUBMITTERS),
    }
    named = {"settled": VERDICTS, "void": "submissions.json, root"}
    for what, change in changes.items():
        yield Tamper(f"{VERDICTS}: {what}", put(VERDICTS, ("refused",), change), named[kind], kind=kind)
    more = put(VERDICTS, ("refused",), lambda models: [*models, 1_000])
    yield Tamper(f"{VERDICTS}: a refusal of nobody's", more, VERDICTS, kind=kind)
    for what, change in {"descending": lambda m: m[::-1], "one twice": lambda m: [m[0], *m]}.items():
        yield Tamper(f"{VERDICTS}: {what}", put(VERDICTS, ("refused",), change), VERDICTS, kind=kind)
    yield Tamper(f"{VERDICTS}: gone", lambda folder: (folder / VERDICTS).unlink(), VERDICTS, kind=kind)


UNSIGNED: Final = "expected the predictions that were signed, found others"
"""Why a submission must not count whose predictions, or whose universe, are not those of the hash."""


# Forgeries in which everything fits.


def forged(change: Callable[[RoundInputs], RoundInputs]) -> Apply:
    """Score other inputs, and write all files as they then must be."""

    def apply(folder: Path) -> None:
        inputs = change(SmallRound().inputs())
        Bundle(folder).write(inputs, evaluate(inputs))

    return apply


def restated(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Apply:
    """Change scores alone, and have manifest and report say what they must of them."""

    def apply(folder: Path) -> None:
        bundle = Bundle(folder)
        scores = change(bundle.scores())
        (folder / SCORES).write_bytes(write_parquet(scores))
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["digests"]["scores"] = to_hex(table_digest(scores))
        restate(folder, manifest)

    return apply


def restate(folder: Path, manifest: Any) -> None:
    """Write a manifest, and a report that names its digest."""
    (folder / MANIFEST).write_text(json.dumps(manifest))
    report = Report.from_json(json.loads((folder / REPORT).read_bytes()))
    changed = replace(report, evidence_hash=evidence_hash(manifest))
    (folder / REPORT).write_text(json.dumps(changed.to_json()))


def _paid(scores: dict[str, Any]) -> dict[str, Any]:
    return {**scores, "payout": scores["payout"] + np.uint64(10**12)}


def forgery_tampers() -> Iterator[Tamper]:
    """Bundles that agree with themselves, of a round that was another one."""
    tweaked = SmallRound().inputs().targets[TARGET].copy()
    tweaked[0] = 1.0 - tweaked[0]
    changes: dict[str, Callable[[RoundInputs], RoundInputs]] = {
        "another outcome": lambda i: replace(i, targets={TARGET: tweaked}),
        "another round": lambda i: replace(i, terms=replace(i.terms, round_id=6)),
        "another chain": lambda i: replace(i, terms=replace(i.terms, chain_id=1)),
        "a model left out": lambda _: SmallRound().without(1).inputs(),
        "other rules": lambda _: SmallRound(rules=in_the_clear(preset("classic-atomic"))).inputs(),
        "another submitter": lambda i: replace(i, submitters={**i.submitters, 1: i.submitters[2]}),
        "a refusal less": lambda i: sealed(i, i.refused - {WRONGLY_SIGNED}),
        "a refusal more": lambda i: sealed(i, i.refused | {1}),
        "other terms": lambda i: replace(
            i, terms=replace(i.terms, terms_hash=terms_hash(i.rules, len(i.submissions.universe)))
        ),
    }
    for what, change in changes.items():
        yield Tamper(f"all consistent: {what}", forged(change))
    yield Tamper("scores restated: payouts", restated(_paid), "payout")
    yield Tamper("scores restated: no rows", restated(lambda s: {n: c[:0] for n, c in s.items()}), SCORES)
    restatements: tuple[tuple[str, object], ...] = (
        *(("refused", {}), ("refused", []), ("refused", [*REFUSED, 1_000])),
        *(("manifest_version", 1), ("round", {}), ("more", "x")),
    )
    for path, value in restatements:
        apply = lambda folder, p=path, v=value: restate(  # noqa: E731
            folder, {**json.loads((folder / MANIFEST).read_bytes()), p: v}
        )
        yield Tamper(f"manifest restated: {path}", apply, MANIFEST if path == "round" else path)


# The folder.


def beside(name: str, make: Callable[[Path], object]) -> Apply:
    """Put something more into the folder."""

    def apply(folder: Path) -> None:
        make(folder / name)

    return apply


def moved(to: str) -> Apply:
    """Have the folder stand elsewhere: the campaign verifies it there."""

    def apply(folder: Path) -> None:
        (folder / MOVED).write_text(to)

    return apply


MOVED: Final = ".moved-to"


def linked(file: str) -> Apply:
    """A file that is a link to where it was."""

    def apply(folder: Path) -> None:
        away = folder.parent / f"away-{file}"
        (folder / file).rename(away)
        (folder / file).symlink_to(away)

    return apply


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as served:
        served.bind(f"/proc/self/fd/{folder}/{path.name}")  # a socket's address is short
    os.close(folder)


def folder_tampers() -> Iterator[Tamper]:
    """What lies beside the files, and in whose folder all of it is."""
    text: Callable[[Path], object] = lambda path: path.write_text("{}")  # noqa: E731
    for name in (
        "selection.json",
        VOTE,
        "universe_names.parquet",
        "features.parquet",
        "payouts.csv",
        ".hidden",
        "a\nb",
    ):
        for kind in ("settled", "void"):
            shown = name.replace("\n", "\\n")
            yield Tamper(f"folder: also {name!r}", beside(name, text), shown, NOT_COVERED, kind)
    yield Tamper("folder: a folder in it", beside("more", Path.mkdir), "more/", NOT_COVERED)
    for file in (RULES, SCORES, SUBMISSIONS, MANIFEST):
        yield Tamper(f"folder: {file} is a link", linked(file), file)
    yield Tamper("folder: a link in it", beside("x", lambda p: p.symlink_to("/etc/passwd")), "x")
    yield Tamper("folder: a pipe in it", beside("x", os.mkfifo), "x")
    yield Tamper("folder: a socket in it", beside("x", _socket), "x")
    yield Tamper("folder: another round's", moved(f"{TOURNAMENT.lower()}/6"), "round_id")
    yield Tamper("folder: another tournament's", moved(f"0x{'11' * 20}/{ROUND}"), "tournament")


def void_tampers(settled: Path) -> Iterator[Tamper]:
    """Results, true or forged, in the folder of a void round; and what was published, spoiled."""
    for file in (SCORES, META_MODEL, MANIFEST, REPORT):
        copy = beside(file, lambda path: shutil.copy(settled / path.name, path))
        yield Tamper(f"void: {file} in it", copy, file, kind="void")
    for file in (TARGETS, POSITIONS):
        copy = beside(file, lambda path: shutil.copy(settled / path.name, path))
        yield Tamper(f"void: {file} in it", copy, file, NOT_COVERED, kind="void")
    for file in (*PUBLISHED, VERDICTS):
        yield Tamper(f"void: {file} gone", lambda folder, file=file: (folder / file).unlink(), kind="void")  # type: ignore[misc]
    yield Tamper("void: the universe by pandas", parquet(UNIVERSE, {}), UNIVERSE, kind="void")
    nudge = rewrite(UNIVERSE, lambda t: {"id": _nudged(t["id"], 3)})
    yield Tamper("void: another id", nudge, UNSIGNED, kind="void")


def all_tampers(found: Ground, *, regions: int, every: int) -> Iterator[Tamper]:
    """The campaign; fewer of a kind where `regions` is small and `every` large."""
    base = found.folders["settled"]
    yield from byte_tampers(base, regions)
    yield from document_tampers(base, every)
    yield from table_tampers(base)
    yield from submission_tampers()
    yield from forgery_tampers()
    yield from folder_tampers()
    yield from void_tampers(base)
    yield from encrypted_tampers(found, regions=regions, every=every)


def encrypted_tampers(found: Ground, *, regions: int, every: int) -> Iterator[Tamper]:
    """The same of what is public of a round whose submissions are encrypted, and of what members hold."""
    base = found.folders["public"]
    tampers = (
        *byte_tampers(base, regions, PUBLIC),
        *document_tampers(base, every),
        *table_tampers(base),
        *envelope_tampers(base),
    )
    yield from (_of_kind("public", tamper, META_MODEL) for tamper in tampers)
    member = byte_tampers(found.folders["member"], regions, (SUBMISSIONS, ENVELOPES))
    yield from (_of_kind("member", tamper, SUBMISSIONS) for tamper in (*member, *envelope_tampers(base)))


def _of_kind(kind: str, tamper: Tamper, withheld: str) -> Tamper:
    """A tamper with a bundle of another kind, from which one file may be missing."""
    same = WITHHELD if tamper.what == f"{withheld}: gone" else tamper.same
    return replace(tamper, what=f"{kind}: {tamper.what}", kind=kind, same=same)


def envelope_tampers(base: Path) -> Iterator[Tamper]:
    """Envelopes in another order, one of another model, one less, one more."""
    size = len((base / ENVELOPES).read_bytes()) // len(SUBMITTERS)

    def rows(order: Sequence[int]) -> Callable[[bytes], bytes]:
        return lambda content: b"".join(content[size * row : size * (row + 1)] for row in order)

    every = range(len(SUBMITTERS))
    orders: dict[str, Sequence[int]] = {
        "two exchanged": [1, 0, *every[2:]],
        "one twice": [0, 0, *every[2:]],
        "one less": every[1:],
        "one more": [*every, 0],
        "none": [],
    }
    for what, order in orders.items():
        yield Tamper(f"{ENVELOPES}: {what}", edit(ENVELOPES, rows(order)), ENVELOPES)
    hashes = [(number, "ciphertext_hash") for number in every]
    for path in hashes:
        zero = put(SIGNATURES, path, partial(_instead, f"0x{bytes(32).hex()}"))
        yield Tamper(f"{SIGNATURES}: model {path[0]} in the clear", zero, "submissions")


# The verdicts.


@dataclass(frozen=True)
class Outcome:
    """What became of one tamper: ``named``, ``elsewhere``, ``unnoticed``, ``same`` or ``defect``."""

    tamper: Tamper
    kind: str
    said: str


def outcome(tamper: Tamper, found: Ground, reader: IsolatedReader) -> Outcome:
    """Verify a copy that was tampered with."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / TOURNAMENT.lower() / str(ROUND)
        shutil.copytree(found.folders[tamper.kind], folder)
        tamper.apply(folder)
        if (folder / MOVED).exists():
            to = Path(scratch) / (folder / MOVED).read_text()
            (folder / MOVED).unlink()
            to.parent.mkdir(exist_ok=True)
            folder = folder.rename(to)
        try:
            verdict = verify_bundle(folder, found.chains[tamper.kind], reader)
        except BundleError as error:
            said = str(error)
            return Outcome(tamper, "defect" if DEFECT in said else _named(tamper, said), said)
        said = f"{'; '.join(verdict.first)} | {', '.join(verdict.not_covered)}"
        if verdict.count:
            return Outcome(tamper, _named(tamper, said), said)
        if tamper.same == NOT_COVERED:
            return Outcome(tamper, "same" if tamper.names in said else "unnoticed", said)
        if tamper.same == WITHHELD:
            return Outcome(tamper, "same" if "withheld" in verdict.agreement else "unnoticed", said)
        _check_independently(folder)
        return Outcome(tamper, "unnoticed" if tamper.same is None else "same", said)


def _named(tamper: Tamper, said: str) -> str:
    also = ALSO_NAMED.get(tamper.names.partition(".")[0], ())
    return "named" if any(name in said for name in (tamper.names, *also)) else "elsewhere"


def _check_independently(folder: Path) -> None:
    """Hold pandas, which filters by what a file says of itself, against what verify read."""
    for file in TABLES:
        if (folder / file).exists():
            own = read_parquet((folder / file).read_bytes())
            frame = pd.read_parquet(folder / file)
            assert list(frame.columns) == list(own), file
            for name, column in own.items():
                np.testing.assert_array_equal(frame[name].to_numpy(), np.asarray(column))
            name, column = next(iter(own.items()))
            if len(column):
                kept = pd.read_parquet(folder / file, filters=[(name, "==", column[-1])])
                assert len(kept) == sum(1 for each in column if each == column[-1]), file


def run(tampers: Iterator[Tamper], found: Ground, reader: IsolatedReader) -> list[Outcome]:
    """Verify after each tamper."""
    return [outcome(tamper, found, reader) for tamper in tampers]


def report(outcomes: list[Outcome]) -> bool:
    """Print the numbers, and every tamper that went through; whether all is as it must be."""
    counts = Counter(each.kind for each in outcomes)
    print(f"{len(outcomes)} tampers: {counts['named']} noticed by name, {counts['elsewhere']} elsewhere,")
    print(f"{counts['same']} that mean the same to every reader, {counts['unnoticed']} unnoticed,")
    print(f"{counts['defect']} at which a reader failed")
    for reason, number in Counter(each.tamper.same for each in outcomes if each.kind == "same").items():
        print(f"  {number} not refused: {reason}")
    for each in outcomes:
        if each.kind in ("unnoticed", "defect", "elsewhere"):
            print(f"  {each.kind}: {each.tamper.what}: {each.said[:300]}")
    return not counts["unnoticed"] and not counts["defect"]


def main() -> int:
    """Run the whole campaign; 0 when nothing went unnoticed that means something else to anybody."""
    with tempfile.TemporaryDirectory() as root, IsolatedReader() as reader:
        found = ground(Path(root))
        whole = report(run(all_tampers(found, regions=64, every=1), found, reader))
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
