"""A full dress rehearsal of a public deployment, on a local chain that stands in for Amoy.

python scripts/rehearse.py [--out FOLDER] [--models N]
"""

import argparse
import sys
from pathlib import Path

from scorer.chain.endpoint import EndpointError
from scorer.files import FolderInUse
from scorer.lab.devnet.population import CrowdRefused
from scorer.lab.rehearsal.run import MODELS, judged, rehearse
from scorer.lab.rehearsal.stage import Unexpected
from scorer.transactions.request import Reverted

REPOSITORY = Path(__file__).resolve().parent.parent


def tell(text: str) -> None:
    """To whoever watches, at once."""
    print(text, flush=True)


def main() -> int:
    """Play it; 0 when everything was as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/rehearsal"), help="emptied first")
    parser.add_argument("--models", type=int, default=MODELS)
    options = parser.parse_args()
    try:
        return judged(rehearse(options.out.absolute(), REPOSITORY, tell, options.models), tell)
    except (Unexpected, CrowdRefused, EndpointError, FolderInUse, Reverted) as problem:
        tell(f"rehearsal: {problem}")
        return 1
    except KeyboardInterrupt:
        tell("rehearsal: expected to come to its end, found that it was interrupted")
        return 1


if __name__ == "__main__":
    sys.exit(main())
