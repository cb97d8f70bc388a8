"""Polygon's own contracts as npm ships them, compiled by the compilers of their days."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract

from scorer.errors import CupelError
from scorer.files import write_whole
from scorer.lab.plain_sender import Sender

FX: Final = "node_modules/@maticnetwork/fx-portal/contracts"
POS: Final = "node_modules/@maticnetwork/pos-portal/contracts"
FX_SOURCES: Final = (f"{FX}/FxRoot.sol", f"{FX}/FxChild.sol")
POS_SOURCES: Final = (
    f"{POS}/root/StateSender/DummyStateSender.sol",
    f"{POS}/root/MockCheckpointManager.sol",
    f"{POS}/root/RootChainManager/RootChainManager.sol",
    f"{POS}/root/RootChainManager/RootChainManagerProxy.sol",
    f"{POS}/root/TokenPredicates/ERC20Predicate.sol",
    f"{POS}/root/TokenPredicates/ERC20PredicateProxy.sol",
    f"{POS}/child/ChildChainManager/ChildChainManager.sol",
    f"{POS}/child/ChildChainManager/ChildChainManagerProxy.sol",
    f"{POS}/child/ChildToken/UpgradeableChildERC20/UChildERC20.sol",
    f"{POS}/child/ChildToken/UpgradeableChildERC20/UChildERC20Proxy.sol",
)
KEPT: Final = "build/polygon"
COMPILE: Final = """
const fs = require("fs"), path = require("path"), solc = require(process.argv[1]);
const found = (name) => {
  const mapped = name.replace(/^@openzeppelin\\/contracts/, "node_modules/openzeppelin-contracts-3");
  for (const file of [mapped, path.join("node_modules", name)])
    if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
  return { error: "not found: " + name };
};
process.stdout.write(solc.compile(fs.readFileSync(0, "utf8"), { import: found }));
"""
"""Runs npm's solc in the repository: standard JSON in, standard JSON out."""


class NoPolygonContracts(CupelError):
    """Polygon's contracts are not installed, or do not compile."""


@dataclass(frozen=True)
class PolygonContract:
    """A compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str

    def deploy(self, sender: Sender, *arguments: Any) -> Contract:
        """Deploy it, and return it bound to its address."""
        made = sender.w3.eth.contract(abi=self.abi, bytecode=self.bytecode)
        receipt = sender.send(made.constructor(*arguments))
        return self.at(sender.w3, str(receipt["contractAddress"]))

    def at(self, w3: Web3, address: str) -> Contract:
        """Return it bound to an address."""
        bound: Contract = w3.eth.contract(address=Web3.to_checksum_address(address), abi=self.abi)
        return bound


def polygon_contracts(repository: Path) -> Mapping[str, PolygonContract]:
    """Return Polygon's contracts by name: FxRoot and FxChild, and those of the PoS portal.

    Raises
    ------
    NoPolygonContracts
        When npm did not install them, or they do not compile.
    """
    return _compiled(repository, "solc", FX_SOURCES) | _compiled(repository, "solc-0.6", POS_SOURCES)


def _compiled(repository: Path, compiler: str, sources: Sequence[str]) -> dict[str, PolygonContract]:
    missing = [name for name in sources if not (repository / name).is_file()]
    if missing:
        raise NoPolygonContracts(
            f"expected Polygon's contracts from npm, found no {missing[0]}; run make setup"
        )
    document = {
        "language": "Solidity",
        "sources": {name: {"content": (repository / name).read_text()} for name in sources},
        "settings": {
            "optimizer": {"enabled": True, "runs": 200},
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    output = _output(repository, compiler, json.dumps(document))
    wanted = {Path(name).stem: name for name in sources}
    return {
        name: PolygonContract(name, found["abi"], "0x" + found["evm"]["bytecode"]["object"])
        for name, source in wanted.items()
        for found in [output["contracts"][source][name]]
    }


def _output(repository: Path, compiler: str, document: str) -> dict[str, Any]:
    """Return what a compiler makes of a document; kept, as it takes seconds."""
    kept = repository / KEPT / f"{compiler}-{sha256(document.encode()).hexdigest()[:16]}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text()))
    node = shutil.which("node")
    if node is None:
        raise NoPolygonContracts("expected node on PATH, found none; run make setup")
    command = [node, "-e", COMPILE, str(repository / "node_modules" / compiler)]
    done = subprocess.run(  # noqa: S603 - the compiler that the lock file names
        command, input=document, capture_output=True, text=True, cwd=repository, check=False
    )
    output = dict(json.loads(done.stdout)) if done.returncode == 0 else {}
    errors = [error for error in output.get("errors", ()) if error["severity"] == "error"]
    if errors or "contracts" not in output:
        found = errors[0]["formattedMessage"] if errors else done.stderr[-500:]
        raise NoPolygonContracts(f"{compiler}: expected Polygon's contracts to compile, found: {found}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, json.dumps(output).encode())
    return output
