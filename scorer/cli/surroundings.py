"""Looks at all that commands on a machine depend on: tools, files, an endpoint, contracts, a server."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from requests import RequestException
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import connect, host, unchecked
from scorer.chain.records import Addresses
from scorer.client.keystore import Wallet
from scorer.compute.checks import check_compute
from scorer.compute.configuration import load_compute_config
from scorer.daemon.checks import Check
from scorer.daemon.deployment_file import read_deployment
from scorer.errors import CupelError, cause_text
from scorer.files import OWNER_ONLY

LEAST_PYTHON: Final = (3, 11)
LEAST_FREE: Final = 1 << 30
"""Bytes: less free disk is reported as a fault."""
MOST_SKEW: Final = 120
"""Seconds between this machine's clock and the head of a live chain."""
PATIENCE: Final = 10
"""Seconds for one answer."""
EXTRAS: Final[Mapping[str, tuple[str, str]]] = {
    "demo": ("matplotlib", "cupel demo, and pictures"),
    "compute": ("distributed", "scores and data sets over several machines"),
    "aws": ("boto3", "models as jobs of AWS Batch"),
    "s3": ("obstore", "data sets at a URL"),
    "postgresql": ("psycopg", "a journal or read model in PostgreSQL"),
    "mcp": ("mcp", "tools for agents"),
}
"""Optional parts: a package of each, and what it is for."""


class Missing(CupelError):
    """Something that is depended on is not there or not as it should be; the message says what to do."""


@dataclass(frozen=True)
class Surroundings:
    """The parts that the environment and the profile name; None for what they do not.

    Attributes
    ----------
    folders
        Paths that commands read or write, by the name of their variable.
    compute
        The configuration of a node that runs models.
    """

    endpoint: str | None
    deployment: Path | None
    keystore: Path | None
    password_file: Path | None
    server: str | None
    folders: Mapping[str, Path]
    ask_server: Callable[[str], tuple[int, str]]
    """Returns chain id and tournament that a server says it is of."""
    compute: Path | None = None

    def checks(self) -> Iterator[Check]:
        """Look at everything, what others rest on first."""
        yield _looked("Python", _python)
        yield _looked("numpy, pandas, web3", _packages)
        yield _looked("anvil", _anvil)
        yield from (_looked(f"cupel[{name}]", partial(_extra, name)) for name in EXTRAS)
        yield _looked("disk", _disk)
        addresses = None
        if self.deployment is not None:
            path = self.deployment
            yield _looked("deployment", lambda: _deployment(path))
            addresses = _addresses(path)
        yield from self._chain_checks(addresses)
        if self.server is not None:
            url = self.server
            yield _looked("server", lambda: self._server(url, addresses))
        if self.keystore is not None:
            keystore = self.keystore
            yield _looked("keystore", lambda: _keystore(keystore))
        if self.password_file is not None:
            password = self.password_file
            yield _looked("password file", lambda: _owners_alone(password))
        for name, folder in self.folders.items():
            yield _looked(name, partial(_folder, folder))
        if self.compute is not None:
            yield from _node(self.compute)

    def _chain_checks(self, addresses: Addresses | None) -> Iterator[Check]:
        if self.endpoint is None:
            detail = "none named: commands that read the chain need --endpoint, CUPEL_RPC_URL, or cupel join"
            yield Check("endpoint", ok=True, detail=detail)
            return
        url = self.endpoint
        found = _looked("endpoint", lambda: _endpoint(url))
        yield found
        if found.ok and addresses is not None:
            yield _looked("contracts", lambda: _contracts(url, addresses))

    def _server(self, url: str, addresses: Addresses | None) -> str:
        chain_id, tournament = self.ask_server(url)
        if addresses is not None and (chain_id, tournament) != (addresses.chain_id, addresses.tournament):
            raise Missing(
                f"expected the server of {addresses.tournament} on chain {addresses.chain_id}, found that of "
                f"{tournament} on {chain_id}; cupel join writes a profile of one tournament"
            )
        return f"{host(url)}, of {tournament} on chain {chain_id}"


def _looked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except (CupelError, Web3Exception, RequestException, OSError, ValueError) as error:
        return Check(name, ok=False, detail=str(error) or cause_text(error))


def _node(path: Path) -> Iterator[Check]:
    """Yield what `cupel compute check` finds, where the configuration can be used."""
    read = _looked("compute", lambda: f"{len(load_compute_config(path).models)} models in {path}")
    yield read
    if read.ok:
        for check in check_compute(load_compute_config(path)):
            yield replace(check, name=f"compute: {check.name}")


def _python() -> str:
    found = sys.version_info[:3]
    text = ".".join(map(str, found))
    if found < LEAST_PYTHON:
        raise Missing(f"expected 3.11 or newer, found {text}; install it, and cupel in it")
    return text if found[:2] == LEAST_PYTHON else f"{text} (all tests run on 3.11 alone)"


def _packages() -> str:
    return ", ".join(version(name) for name in ("numpy", "pandas", "web3"))


def _anvil() -> str:
    beside = Path(sys.executable).parent
    binary = shutil.which("anvil", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if binary is None:
        return "none: demo, devnet, drill and --replay need it; install Foundry 1.7, or make setup in a clone"
    asked = [binary, "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
    return (done.stdout.splitlines() or ["found, and says no version"])[0]


def _extra(name: str) -> str:
    package, purpose = EXTRAS[name]
    if find_spec(package) is None:
        return f"not installed: {purpose} need pip install 'cupel[{name}]'"
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package}, of no known version"


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free
    if free < LEAST_FREE:
        raise Missing(f"expected 1 GiB free here, found {free >> 20} MiB; delete what is not needed")
    return f"{free >> 30} GiB free here"


def _deployment(path: Path) -> str:
    addresses = read_deployment(path)
    return f"tournament {addresses.tournament} on chain {addresses.chain_id}"


def _addresses(path: Path) -> Addresses | None:
    try:
        return read_deployment(path)
    except CupelError:
        return None


def _endpoint(url: str) -> str:
    w3, start = unchecked(url, timeout=PATIENCE), time.monotonic()
    chain_id, head = w3.eth.chain_id, w3.eth.get_block("latest")
    took = (time.monotonic() - start) / 2
    w3.eth.get_block("finalized")
    text = f"{host(url)}, chain {chain_id}, block {head['number']}, {took * 1000:.0f} ms"
    return text + _skew(head["timestamp"])


def _skew(timestamp: int) -> str:
    """Return a word about clocks that differ; a local chain's may be anywhere, so that it is no fault."""
    behind = round(time.time() - timestamp)
    return "" if abs(behind) <= MOST_SKEW else f"; its head is {behind} s behind this machine's clock"


def _contracts(url: str, addresses: Addresses) -> str:
    suite = Suite.at(connect(url, addresses.chain_id, timeout=PATIENCE), addresses)
    for name, address in addresses.to_json().items():
        if isinstance(address, str) and not suite.w3.eth.get_code(suite.w3.to_checksum_address(address)):
            raise Missing(
                f"expected a contract {name} at {address}, found no code; is this the deployment's chain, "
                "or was a local one started anew?"
            )
    return f"all there; rounds so far: {suite.tournament.functions.roundCount().call()}"


def _keystore(path: Path) -> str:
    wallet = Wallet(path, password=lambda: "")
    wallet.check()
    return f"{wallet.address}; {_owners_alone(path)}"


def _owners_alone(path: Path) -> str:
    mode = path.stat().st_mode & 0o777
    if mode & ~OWNER_ONLY:
        raise Missing(
            f"expected a file that only its owner can read, found rights {mode:o}; chmod 600 {path}"
        )
    return "readable by its owner alone"


def _folder(path: Path) -> str:
    if not path.is_dir():
        raise Missing(f"expected a folder at {path}, found none; correct the variable, or make it")
    return str(path)
