"""Runs a full dress rehearsal of a public deployment, on a local chain with the properties of Amoy.

python scripts/rehearse.py [--out FOLDER] [--models N]
"""

import argparse
import sys
from pathlib import Path

from scorer.chain.endpoint import EndpointError
from scorer.lab.batch import BatchRefused
from scorer.lab.rehearsal.context import Unexpected
from scorer.lab.rehearsal.run import MODELS, judged, rehearse
from scorer.owned_files import FolderInUse
from scorer.transactions.request import Reverted

REPOSITORY = Path(__file__).resolve().parent.parent


def show(text: str) -> None:
    """Print a line at once, also where the output is no terminal."""
    print(text, flush=True)


def main() -> int:
    """Run the rehearsal; 0 when everything was as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/rehearsal"), help="emptied first")
    parser.add_argument("--models", type=int, default=MODELS)
    options = parser.parse_args()
    try:
        return judged(rehearse(options.out.absolute(), REPOSITORY, show, options.models), show)
    except (Unexpected, BatchRefused, EndpointError, FolderInUse, Reverted) as problem:
        show(f"rehearsal: {problem}")
        return 1
    except KeyboardInterrupt:
        show("rehearsal: expected to come to its end, found that it was interrupted")
        return 1


if __name__ == "__main__":
    sys.exit(main())
