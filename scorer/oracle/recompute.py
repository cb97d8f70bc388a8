"""Recompute a bundle's report: ``python -m scorer.oracle.recompute FOLDER`` ends with 0 when it agrees.

It ends with `DISAGREES` when it does not, and with any other number when it came to no verdict. With the
round's terms as JSON after the folder, it prints the hash of the report that the inputs there give, and ends
with 0: no report need be there yet.
"""

import json
import os
import sys
from pathlib import Path
from typing import Final

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import InputsMismatch, RoundTerms
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.protocol.documents import to_hex
from scorer.protocol.report import Report
from scorer.storage.bundle import Bundle

DISAGREES: Final = 3
"""Not 1, with which Python ends when it met something unforeseen, such as too little memory."""


def recomputed(bundle: Bundle) -> Report:
    """Return the report that a bundle's inputs give.

    Raises
    ------
    scorer.evaluation.inputs.InputsMismatch
        When the inputs are not those that the bundle's terms commit to.
    scorer.storage.bundle.BundleError
        When a file is missing or broken.
    """
    return evaluate(bundle.inputs()).report


def main(folder: Path) -> int:
    """Compare, write the result in one line, and return the exit code."""
    bundle = Bundle(folder)
    stated = bundle.report().hash()
    try:
        own = recomputed(bundle).hash()
    except InputsMismatch as mismatch:
        sys.stdout.write(f"{mismatch}\n")
        return DISAGREES
    sys.stdout.write(f"{to_hex(own)}: report.json says {to_hex(stated)}\n")
    return 0 if stated == own else DISAGREES


def beforehand(folder: Path, terms: str) -> int:
    """Print the hash of the report that the inputs in a folder give with these terms."""
    inputs = Bundle(folder).inputs(RoundTerms.from_json(json.loads(terms)))
    sys.stdout.write(f"{to_hex(evaluate(inputs).report.hash())}\n")
    return 0


if __name__ == "__main__":
    forbid_core_dumps()
    clean_tracebacks()
    verdict = beforehand(Path(sys.argv[1]), sys.argv[2]) if sys.argv[2:] else main(Path(sys.argv[1]))
    sys.stdout.flush()
    # At once: what native threads do while Python ends once aborted a process that had given its verdict.
    os._exit(verdict)
