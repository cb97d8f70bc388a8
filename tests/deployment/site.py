"""A building site for tests: a chain, and the deployment of the file of tests.deployment.files on it."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scorer.deployment.blueprint import Blueprint, blueprint
from scorer.deployment.deploy import Builder
from scorer.deployment.document import Deployment
from scorer.deployment.reader import Reader
from scorer.lab.anvil import Anvil
from scorer.lab.plain_sender import Sender
from scorer.transactions.signers import KeySigner, Signer
from tests.chains import Chains
from tests.deployment.files import TEXT, read


@dataclass(frozen=True)
class Site:
    """A chain, and who builds what on it."""

    anvil: Anvil
    plan: Blueprint
    folder: Path

    @property
    def signer(self) -> KeySigner:
        return KeySigner(self.anvil.account(0))

    def builder(
        self, signer: Signer | None = None, report: Callable[[str], None] = lambda _: None
    ) -> Builder:
        return Builder(self.anvil.w3, self.plan, signer or self.signer, self.folder, report, poll=0.01)

    def built(self) -> dict[str, Any]:
        return self.builder().run()

    def nonce(self) -> int:
        """Count the transactions that the deployer has sent."""
        return int(self.anvil.w3.eth.get_transaction_count(self.anvil.account(0).address))

    def contract(self, contract: str, label: str) -> Any:
        return Reader(self.anvil.w3).bound(contract, self.plan.addresses[label])

    def send(self, index: int, call: Any) -> None:
        """Call as one of the test accounts."""
        Sender(self.anvil.w3, self.anvil.account(index)).send(call)


def site(anvil: Anvil, folder: Path, document: Deployment | None = None) -> Site:
    """A site on a chain whose clock moves a second a block, so that two runs make the same blocks."""
    anvil.w3.provider.make_request("anvil_setBlockTimestampInterval", [1])  # type: ignore[arg-type]
    return Site(anvil, blueprint(document or read(), anvil.account(0).address), folder)


@contextmanager
def built_site(chains: Chains, folder: Path, text: str = TEXT) -> Iterator[tuple[Site, dict[str, Any]]]:
    """Borrow a chain on which a file was deployed once for all tests, and the manifest.

    `folder` gets a copy of what the builder wrote, its journal included.
    """
    with chains.prepared(("site", text), lambda anvil: _built(anvil, text)) as (anvil, written):
        shutil.copytree(written.name, folder)
        yield site(anvil, folder, read(text)), json.loads((folder / "manifest.json").read_text())


def _built(anvil: Anvil, text: str) -> "TemporaryDirectory[str]":
    written = TemporaryDirectory(prefix="cupel-site-")
    site(anvil, Path(written.name), read(text)).built()
    return written
