"""The package's code stands for the sources, and for no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import exported
from exported import REPOSITORY, Exported, is_current

from scorer.chain.artifacts import artifact, source_of
from scorer.deployment.verification import standard_input

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NAME = "BurnSink"


class Project:
    """What ape would compile."""

    BurnSink = "compiled"
    Other = "another"


def test_what_is_exported_is_not_compiled_and_all_else_is() -> None:
    contracts: Any = Exported(Project())
    assert contracts.BurnSink.contract_type.deployment_bytecode.bytecode == artifact(NAME)["bytecode"]
    assert contracts.Other == "another"


def test_a_contract_that_was_changed_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = standard_input(NAME, REPOSITORY)["sources"]
    for file, source in sources.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(source["content"])
    monkeypatch.setattr(exported, "REPOSITORY", tmp_path)
    monkeypatch.setattr(exported, "is_current", is_current.__wrapped__)
    contracts: Any = Exported(Project())
    assert contracts.BurnSink != "compiled"
    imported = next(file for file in sources if file != source_of(NAME))
    (tmp_path / imported).write_text(sources[imported]["content"] + "\n")
    assert contracts.BurnSink == "compiled"
