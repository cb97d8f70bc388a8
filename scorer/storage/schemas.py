"""The files of a round's bundle, declared: their names, and what their tables and documents must hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from numpy.typing import NDArray

from scorer.protocol.documents import check_fields, check_types, shown
from scorer.protocol.tables import NEUTRAL_CHURN, table_file

Column = tuple[str, ...] | NDArray[Any]
"""Text without gaps, or values as numpy holds them."""

RULES: Final = "rules.json"
UNIVERSE: Final = "universe.parquet"
NAMES: Final = "universe_names.parquet"
SUBMISSIONS: Final = "submissions.npy"
ENVELOPES: Final = "envelopes.bin"
"""The ciphertexts of a round whose submissions are encrypted, one after the other, all of one size."""
SIGNATURES: Final = "submissions.json"
SELECTION: Final = "selection.json"
VERDICTS: Final = "verdicts.json"
VOTE: Final = "vote.json"
RELEASE: Final = "release.bin"
"""A member's shares for the other members, see `scorer.storage.releases`."""
RELEASED: Final = "released.json"
"""A member's own note on what it released; never in a folder that others read."""
TARGETS: Final = "targets.parquet"
POSITIONS: Final = "positions.parquet"
META_MODEL: Final = "meta_model.parquet"
META_MODEL_DIGEST: Final = "meta_model.json"
"""The digest of the meta model, which is public from the seal on."""
CONSENSUS: Final = "consensus.json"
"""A member's signed consensus document, see `scorer.agents`."""
CONSENSUS_BODY: Final = "consensus_body.json"
CONSENSUS_FOR_SUBSCRIBERS: Final = "consensus_body.age"
SCORES: Final = "scores.parquet"
MANIFEST: Final = "manifest.json"
REPORT: Final = "report.json"
TAKEN: Final = "taken.json"
"""A member's notes on the published files that it took over; never in the folder of a bundle."""
PUBLISHED: Final = (RULES, UNIVERSE, SUBMISSIONS, SIGNATURES)
"""Files of a round in the clear that the operator publishes before the members seal it."""
ENCRYPTED: Final = (RULES, UNIVERSE, ENVELOPES, SIGNATURES)
"""Those of a round whose submissions are encrypted."""

MOST_JSON, MOST_TABLE = 2**28, 2**32
"""Bytes of a file in a bundle that a stranger may have written: room for some 700,000 models."""
TEXT, FLOAT64 = "text", "float64"


def most_bytes(file: str) -> int:
    """Return how many bytes a file of a stranger's bundle may have."""
    return MOST_JSON if file.endswith(".json") else MOST_TABLE


def _kind(column: Column | None) -> str:
    if column is None:
        return "none"
    return TEXT if isinstance(column, tuple) else str(column.dtype)


@dataclass(frozen=True)
class TableSchema:
    """The columns of a Parquet file.

    Attributes
    ----------
    columns
        Kind by name, of those that it must have: text, or the name of a numpy type.
    others
        The kind of all further columns; None where it may have none.
    """

    columns: Mapping[str, str]
    others: str | None = None

    def problem_with(self, found: Mapping[str, Column]) -> str | None:
        """Return how a table differs from the declaration, as "expected ..., found ...", else None."""
        if self.others is None and sorted(found) != sorted(self.columns):
            return f"expected the columns {sorted(self.columns)}, found {shown(sorted(found))}"
        for name in dict.fromkeys((*self.columns, *found)):
            kind, actual = self.columns.get(name, self.others), _kind(found.get(name))
            if kind == TEXT and actual != TEXT:
                return f"expected a column {name} of text, found none"
            if actual != kind:
                return f"expected {kind} in the column {name}, found {actual}"
        return None


@dataclass(frozen=True)
class DocumentSchema:
    """The fields of a JSON object, with the types that JSON has.

    Attributes
    ----------
    takes_more
        Whether further fields are passed over; without it they are refused.
    """

    required: Mapping[str, type]
    optional: Mapping[str, type] = field(default_factory=dict)
    takes_more: bool = False

    def check(self, document: Any) -> None:
        """Refuse a document of another form; KeyError names a missing field, ValueError says the rest."""
        (check_types if self.takes_more else check_fields)(document, self.required, self.optional)


BY_ID: Final = TableSchema({"id": TEXT}, others=FLOAT64)
"""One value for each id in every column."""
TABLES: Final = {
    UNIVERSE: TableSchema({"id": TEXT}),
    META_MODEL: TableSchema({"id": TEXT, "meta_model": FLOAT64}),
    TARGETS: BY_ID,
}
"""Tables that are refused when they are read. The types of others depend on the rules, see their readers."""
WITHOUT_IDS: Final = (NAMES, POSITIONS, SCORES, table_file(NEUTRAL_CHURN))
SIGNED_ENTRY: Final = DocumentSchema(
    {"model_id": int, "content_hash": str, "ciphertext_hash": str, "submitter": str, "signature": str}
)
"""An entry of submissions.json."""
DIGESTS: Final = DocumentSchema(
    {
        **dict.fromkeys(("rules", "universe", "positions", "meta_model", "scores"), str),
        **dict.fromkeys(("submissions", "signatures", "targets"), dict),
    },
    {"tables": dict},
    takes_more=True,
)
"""The section of that name in manifest.json."""
DOCUMENTS: Final = {
    VERDICTS: DocumentSchema({"refused": list}),
    MANIFEST: DocumentSchema(
        {"manifest_version": int, "round": dict, "digests": dict, "refused": list},
        {"volatility": dict},
        takes_more=True,  # which a verification names
    ),
}
"""Documents that are refused when they are read. What others hold is checked by their readers."""


def table_schema(file: str) -> TableSchema | None:
    """Return the schema of a table; None where its reader checks it."""
    return None if file in WITHOUT_IDS else TABLES.get(file, BY_ID)
