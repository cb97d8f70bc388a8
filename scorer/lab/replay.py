"""A chain that a demo saved, run once more."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scorer.chain.contracts import Suite
from scorer.daemon.deployment_file import read_deployment
from scorer.lab.anvil import run_anvil


@contextmanager
def replayed(folder: Path) -> Iterator[Suite]:
    """The contracts of the demo in `folder`, on a local chain that has its whole history."""
    with run_anvil(state=folder / "chain.json") as anvil:
        anvil.finalise()
        yield Suite.at(anvil.w3, read_deployment(folder / "deployment.json"))
