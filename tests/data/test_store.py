"""A panel on disk is the one before or the new one, wherever a process ends."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scorer.data import store
from scorer.data.store import open_panel, recover_panel, save_panel
from scorer.files import whole_file, write_whole
from tests.data.markets import panel


class Killed(Exception):
    pass


@pytest.mark.parametrize("step", range(7))
def test_a_panel_survives_a_process_that_ends_as_it_writes_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder = tmp_path / "panel"
    before, after = panel(20, 100), panel(20, 101)
    first, second = save_panel(before, folder), after.digest()
    left = step

    def ending(action: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any) -> Any:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return action(*arguments)

        return act

    monkeypatch.setattr(Path, "rename", ending(Path.rename))
    monkeypatch.setattr(store, "whole_file", ending(whole_file))
    monkeypatch.setattr(store, "write_whole", ending(write_whole))
    with pytest.raises(Killed):
        save_panel(after, folder)
    monkeypatch.undo()
    recover_panel(folder)
    assert open_panel(folder).digest() == first
    assert save_panel(after, folder) == second == open_panel(folder).digest()


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_panel_before_comes_back_where_its_folder_was_moved_away(tmp_path: Path, is_whole: bool) -> None:
    folder = tmp_path / "panel"
    digest = save_panel(panel(20, 100), folder)
    shutil.copytree(folder, tmp_path / "panel.before")
    if not is_whole:
        (folder / store.META).unlink()
    recover_panel(folder)
    assert open_panel(folder).digest() == digest
    assert [path.name for path in tmp_path.iterdir()] == ["panel"]
