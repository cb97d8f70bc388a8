"""pyproject.toml declares exactly the packages that the scorer imports."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
IMPORTS = re.compile(r'\bimport_module\("([a-z_0-9]+)"\)')
NOT_IMPORTED = {
    "psycopg": "SQLAlchemy imports it for a journal's URL of PostgreSQL",
}
MODELS_OWN = {"inside", "templates"}
"""Folders of the compute room that run in a model's own environment."""
EXTRA_MODULES = {
    "scorer.scoring.compiled",
    "scorer.server.agent_server",
    *(f"scorer.compute.infrastructure.aws_{name}" for name in ("network", "node", "stack")),
}
"""Modules that need an extra; nothing imports them but a function that wants it."""


def declared(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


@cache
def imported_in(path: Path, *, at_once: bool) -> frozenset[str]:
    """Top-level names of the modules that a file imports, also by `import_module`.

    With `at_once`, only those without which the file cannot be imported.
    """
    source = path.read_text()
    tree = ast.parse(source)
    named = [] if at_once else IMPORTS.findall(source)
    return frozenset([*named, *imports_of(tree.body if at_once else ast.walk(tree))])


def imports_of(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


@cache
def distributions() -> Mapping[str, list[str]]:
    """The distributions that are installed, by the top-level names that they have."""
    return packages_distributions()


def distributions_of(folder: Path, *, without: str = "", at_once: bool = False) -> set[str]:
    """Distributions that a folder's modules import, the standard library and our own package left out."""
    known = distributions()
    names = {
        name
        for path in folder.rglob("*.py")
        if without not in path.relative_to(folder).parts
        and not MODELS_OWN.intersection(path.relative_to(folder).parts)
        and not (at_once and module_of(path) in EXTRA_MODULES)
        for name in imported_in(path, at_once=at_once)
    }
    foreign = names - set(sys.stdlib_module_names) - {"scorer"}
    return {canonicalize_name(known.get(name, [name])[0]) for name in foreign}


CORE = declared(PROJECT["dependencies"])
OPTIONAL = declared(
    [
        text
        for name in ("aws", "compiled", "compute", "demo", "mcp", "postgresql", "s3")
        for text in PROJECT["optional-dependencies"][name]
    ]
)


def test_all_that_the_scorer_imports_is_declared() -> None:
    assert distributions_of(REPOSITORY / "scorer", without="lab", at_once=True) <= CORE
    assert distributions_of(REPOSITORY / "scorer", without="lab") <= CORE | OPTIONAL


def test_modules_that_need_an_extra_are_imported_where_it_is_wanted_alone() -> None:
    for path in (REPOSITORY / "scorer").rglob("*.py"):
        if module_of(path) in EXTRA_MODULES or "lab" in path.relative_to(REPOSITORY).parts:
            continue
        imported = {
            f"{node.module}"
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ImportFrom) and node.module
        }
        assert not imported & EXTRA_MODULES, path
    assert all((REPOSITORY / f"{name.replace('.', '/')}.py").is_file() for name in EXTRA_MODULES)


def test_the_lab_may_import_what_is_optional_too() -> None:
    assert distributions_of(REPOSITORY / "scorer" / "lab") <= CORE | OPTIONAL


def test_all_that_is_declared_is_imported() -> None:
    used = distributions_of(REPOSITORY / "scorer")
    assert used | set(NOT_IMPORTED) == CORE | OPTIONAL
    assert not used & set(NOT_IMPORTED)


def test_nothing_is_both_declared_and_optional() -> None:
    assert not CORE & OPTIONAL


def test_the_lock_holds_all_that_is_declared() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    locked = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    assert locked >= CORE | OPTIONAL
