"""A local chain leaves nothing behind, however long it was."""

from pathlib import Path

import pytest

from scorer.lab.anvil import run_anvil

IN_MEMORY = 500
"""States of blocks that anvil keeps before it writes older ones to disk."""


def test_a_long_chain_leaves_no_states_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with run_anvil() as anvil:
        anvil.w3.provider.make_request("anvil_mine", [2 * IN_MEMORY])  # type: ignore[arg-type]
        assert any(path.is_file() for path in temporary.rglob("*"))
    assert list(temporary.iterdir()) == []
    assert not any(path.is_file() for path in home.rglob("*"))


def test_a_chain_of_short_memory_writes_no_states_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with run_anvil(history=64) as anvil:
        anvil.w3.provider.make_request("anvil_mine", [2 * IN_MEMORY])  # type: ignore[arg-type]
        assert not any(path.is_file() for path in tmp_path.rglob("*"))
        account = anvil.account(0).address
        newest = anvil.w3.eth.block_number
        assert anvil.w3.eth.get_balance(account, newest - 32) > 0
