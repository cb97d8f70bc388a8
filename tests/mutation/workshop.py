"""A copy of the repository in which contracts are compiled with a fault and tried by the tests.

The tests run as they are. Those of forge deploy the artifacts of a folder that an environment variable names;
those of ape deploy what ape believes to have compiled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scorer.chain.artifacts import CONTRACTS, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutation.operators import Mutant, Node
from tests.mutation.reach import test_name

REPOSITORY: Final = Path(__file__).parent.parent.parent
FOLDER: Final = REPOSITORY / "build" / "mutation"
TREE: Final = FOLDER / "tree"
COPIED: Final = ("contracts", "scripts", "scorer", "tests/contracts", "tests/invariants")
COPIED_FILES: Final = ("foundry.toml", "ape-config.yaml", "pyproject.toml", "tests/__init__.py")
ARTIFACTS: Final = "build/artifacts"
MANIFEST: Final = ".build/__local__.json"
TIME_LIMIT: Final = 1800
"""Seconds for one step; a fault may make a loop endless."""

SETTINGS: Final[Node] = {
    "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
    "evmVersion": "prague",
    "viaIR": True,
    "optimizer": {"enabled": True, "runs": 20_000},
    # Without the hash of the sources, equal code is equal bytes.
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
}
CODE: Final = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]


class CompileError(Exception):
    """The compiler refuses the source."""


@dataclass(frozen=True)
class Code:
    """A contract as the compiler gives it.

    Attributes
    ----------
    abi
        As in an artifact.
    creation, runtime
        Bytecode in hexadecimal digits without prefix.
    """

    abi: list[dict[str, Any]]
    creation: str
    runtime: str


@dataclass(frozen=True)
class Step:
    """A command that tries a mutant.

    Attributes
    ----------
    failure
        Finds the name of the test that failed in what the command prints.
    harmless
        Finds what is no test's failure, but makes the command fail.
    """

    name: str
    command: tuple[str, ...]
    failure: str
    harmless: str | None = None


UNITS: Final = Step(
    "forge's tests",
    ("forge", "test", "--no-match-contract", "InvariantsTest"),
    r"\[FAIL[^\n]*?\] (\w+)",
)


def campaign(runs: int) -> Step:
    """The stateful invariants. That a handler never succeeded is chance, and kills nobody."""
    command = ("python", "tests/invariants/campaign.py", "--runs", str(runs))
    return Step(f"campaign of {runs}", command, r"(?m)^(invariant_\w+)\(\) failed", r"never did: [\w, ]+")


def tests_of(functions: set[str]) -> Step | None:
    """The tests of tests/contracts that are named after entry points, or else call them, if there are any."""
    files = sorted((TREE / "tests/contracts").rglob("test_*.py"))
    names = tuple(f"test_{test_name(function)}" for function in functions)
    calls = [f"{function}(" for function in functions]
    named = [file for file in files if names and file.name.startswith(names)]
    found = named or [file for file in files if any(call in file.read_text() for call in calls)]
    return _ape(*(str(file.relative_to(TREE)) for file in found)) if found else None


def _ape(*arguments: str) -> Step:
    return Step(
        " ".join(arguments), ("ape", "test", *arguments, "-x", "-rfE"), r"(?m)^(?:FAILED|ERROR) (\S+)"
    )


EVERYTHING: Final = _ape("tests/contracts")


def prepare() -> None:
    """Copy what the tests need from the repository; forge's cache and ape's stay."""
    for name in COPIED:
        shutil.rmtree(TREE / name, ignore_errors=True)
        shutil.copytree(
            REPOSITORY / name, TREE / name, ignore=shutil.ignore_patterns("__pycache__", "bundles")
        )
    for name in COPIED_FILES:
        shutil.copyfile(REPOSITORY / name, TREE / name)
    if not (TREE / "node_modules").is_symlink():
        (TREE / "node_modules").symlink_to(REPOSITORY / "node_modules")


def sources() -> dict[str, str]:
    """The files that can be mutated: content by path."""
    folders = (TREE / "contracts", TREE / "contracts" / "lib")
    files = sorted(file for folder in folders for file in folder.glob("*.sol"))
    return {str(file.relative_to(TREE)): file.read_text() for file in files}


def syntax_trees() -> dict[str, Node]:
    """The compiler's syntax tree of every source under contracts/."""
    files = [str(file.relative_to(TREE)) for file in sorted((TREE / "contracts").rglob("*.sol"))]
    output = _solc(files, {"*": {"": ["ast"]}})
    return {file: output["sources"][file]["ast"] for file in files}


def deployables(file: str, trees: dict[str, Node]) -> list[str]:
    """The contracts whose code depends on a file."""
    return [name for name in CONTRACTS if file in _closure(source_of(name), trees)]


def compiled(names: list[str]) -> dict[str, Code]:
    """The named contracts, compiled from the sources as they are in the copy."""
    files = {source_of(name): name for name in names}
    output = _solc(list(files), {file: {name: CODE} for file, name in files.items()})
    return {name: _code(output["contracts"][file][name]) for file, name in files.items()}


def write_artifacts(codes: dict[str, Code]) -> None:
    """Let forge's tests deploy this code."""
    folder = TREE / ARTIFACTS
    folder.mkdir(parents=True, exist_ok=True)
    for name, code in codes.items():
        document = {"abi": code.abi, "bytecode": "0x" + code.creation}
        (folder / f"{name}.json").write_text(json.dumps(document))


def compile_with_ape() -> dict[str, Any]:
    """Ape's manifest of the project after it compiled the sources as they are."""
    (TREE / MANIFEST).unlink(missing_ok=True)
    subprocess.run(["ape", "compile"], cwd=TREE, env=_environment(), check=True, capture_output=True)
    manifest: dict[str, Any] = json.loads((TREE / MANIFEST).read_text())
    return manifest


def write_manifest(manifest: dict[str, Any], codes: dict[str, Code]) -> None:
    """Let ape's tests deploy this code: ape compiles nothing whose source it knows."""
    kinds = dict(manifest["contractTypes"])
    for name, code in codes.items():
        kinds[name] = kinds[name] | {
            "deploymentBytecode": {"bytecode": "0x" + code.creation},
            "runtimeBytecode": {"bytecode": "0x" + code.runtime},
        }
    known = {
        file: source | {"content": (TREE / file).read_text()} for file, source in manifest["sources"].items()
    }
    (TREE / MANIFEST).write_text(json.dumps(manifest | {"contractTypes": kinds, "sources": known}))


def try_with(step: Step) -> str | None:
    """Run the step; return the name of the test that failed, or None."""
    process = subprocess.Popen(
        step.command, cwd=TREE, env=_environment(), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        printed, _ = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"{step.name}: no end"
    if process.returncode == 0:
        return None
    found = re.search(step.failure, printed)
    if found:
        return found.group(1)
    if step.harmless and re.search(step.harmless, printed):
        return None
    raise SystemExit(f"expected {step.name} to name what failed, found:\n{printed[-3000:]}")


def put_in(mutant: Mutant) -> None:
    """Write the fault into the copy."""
    (TREE / mutant.file).write_text(mutant.text)


def take_out(mutant: Mutant, original: str) -> None:
    """Write the original back."""
    (TREE / mutant.file).write_text(original)


def digest(*folders: str) -> str:
    """One digest of all files below folders of the copy, by path and content."""
    hashed = hashlib.sha256()
    for file in sorted(file for folder in folders for file in (TREE / folder).rglob("*") if file.is_file()):
        hashed.update(f"{file.relative_to(TREE)}\0".encode() + file.read_bytes() + b"\0")
    return hashed.hexdigest()


def _closure(file: str, trees: dict[str, Node]) -> set[str]:
    reached: set[str] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current not in reached and current in trees:
            reached.add(current)
            waiting.extend(_imports(trees[current]))
    return reached


def _imports(tree: Node) -> Iterator[str]:
    return (node["absolutePath"] for node in tree["nodes"] if node["nodeType"] == "ImportDirective")


def _solc(files: list[str], selection: Node) -> dict[str, Any]:
    given = {
        "language": "Solidity",
        "sources": {file: {"content": (TREE / file).read_text()} for file in files},
        "settings": SETTINGS | {"outputSelection": selection},
    }
    compiler = _compiler()
    assert compiler.stdin, "a pipe"
    assert compiler.stdout, "a pipe"
    compiler.stdin.write(json.dumps(given) + "\n")
    compiler.stdin.flush()
    output: dict[str, Any] = json.loads(compiler.stdout.readline())
    errors = [error["formattedMessage"] for error in output.get("errors", []) if error["severity"] == "error"]
    if errors:
        raise CompileError(errors[0])
    return output


@cache
def _compiler() -> subprocess.Popen[str]:
    """The compiler, which ends when its input does."""
    command = ["node", str(Path(__file__).parent / "compiler.js")]
    return subprocess.Popen(command, cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _code(found: dict[str, Any]) -> Code:
    return Code(found["abi"], found["evm"]["bytecode"]["object"], found["evm"]["deployedBytecode"]["object"])


def _environment() -> dict[str, str]:
    return os.environ | {
        "FOUNDRY_PROFILE": "invariants",
        "FOUNDRY_FUZZ_SEED": "0x1",
        "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0",
        "CUPEL_ARTIFACTS": ARTIFACTS,
        "SOLCX_BINARY_PATH": str(TREE / "scripts" / "solc"),
        "APE_DATA_FOLDER": str(FOLDER / "ape"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
