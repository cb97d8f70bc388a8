"""Recompute a bundle's report: ``python -m scorer.oracle.recompute FOLDER`` ends with 0 when it agrees."""

import sys
from pathlib import Path

from scorer.rounds.documents import to_hex
from scorer.rounds.evaluation import evaluate
from scorer.rounds.report import Report
from scorer.store.bundle import Bundle


def recomputed(bundle: Bundle) -> Report:
    """The report that a bundle's inputs give.

    Raises
    ------
    scorer.rounds.evaluation.InputsMismatch
        When the inputs are not those that the bundle's terms commit to.
    scorer.store.bundle.BundleError
        When a file is missing or broken.
    """
    return evaluate(bundle.inputs()).report


def main(folder: Path) -> int:
    """Compare, and say it in one line."""
    bundle = Bundle(folder)
    stated, own = bundle.report().hash(), recomputed(bundle).hash()
    sys.stdout.write(f"{to_hex(own)}: report.json says {to_hex(stated)}\n")
    return 0 if stated == own else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
