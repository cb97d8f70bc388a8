"""The tutorials, typed as they stand; what a page leaves to its reader is filled in here."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, blocks, page, written
from tests.docs.terminal import Terminal, checkout, terminal

CHANGED: Final = ("scorer", "tests")
"""Folders of the checkout that the tutorial of a score writes into."""
TIME: Final = "python -m tests.devnet_time"
CLASS: Final = "build/class/devnet/manifest.json"
SERVER_IS_UP: Final = "until curl -sf $CLASS_URL/status > /dev/null; do sleep 0.2; done"
BASH: Final = "bash --norc --noprofile --noediting -i"
STUDENT: Final = {
    "pip install ./cupel-*.whl numerapi pandas requests": "the checkout's environment has them",
    "python -m http.server 8800 --directory build/class/devnet/rounds": "it serves files until Ctrl-C",
}
"""Commands of a student and for one that are not typed, and why."""


@contextmanager
def reader(tmp_path: Path, *, copied: tuple[str, ...] = ()) -> Iterator[tuple[Terminal, Path]]:
    """Yield a terminal in a checkout, in which some folders are copies, and the checkout."""
    folder = checkout(tmp_path / "cupel")
    for name in copied:
        (folder / name).unlink()
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with terminal(folder, tmp_path / "home", PYTHONPATH=str(folder)) as shell:
        yield shell, folder


@pytest.mark.long
def test_rules_of_ones_own_are_written_checked_played_and_deployed(tmp_path: Path) -> None:
    with reader(tmp_path) as (shell, _):
        shell.read(blocks(page("docs/tutorial-rules.md")))
        assert "alice" in "\n".join(shell.printed)


@pytest.mark.long
def test_a_score_is_added_tested_and_paid_by(tmp_path: Path) -> None:
    text = page("docs/tutorial-add-a-score.md")
    _, test = written(text)
    (rules,) = written(text, "toml")
    with reader(tmp_path, copied=CHANGED) as (shell, folder):
        (folder / "tests/factors/test_side.py").write_text(test)
        shell.read(blocks(text))
        # What section 4 says in words: the function moves, and the entry is added.
        function = test.partition("def side")[2].partition("\n\n\n")[0]
        version = folder / "scorer/factors/version_1.py"
        head, beginning, entries = version.read_text().partition("SCORES: Final = (")
        added = f'def _side{function}\n\n\n{beginning}\n    Score("side", _side),'
        version.write_text(head + added + entries)
        (folder / "tests/factors/test_side.py").unlink()
        mine = (ROOT / "scorer/protocol/presets/classic.toml").read_text() + "\n" + rules
        (folder / "build").mkdir(exist_ok=True)
        (folder / "build/side.toml").write_text(mine)
        said = shell.type("cupel rules check build/side.toml")
        assert "1 x side on target_20d2l" in said
        assert "can be proven" not in said


@pytest.mark.long
def test_a_class_joins_submits_and_reads_its_leaderboard(tmp_path: Path) -> None:
    text = page("docs/tutorial-class.md").replace("$(hostname)", "127.0.0.1")
    predict = written(text)[0]
    tournament, key, server, models, held, student, _, evening, after = blocks(text)
    with reader(tmp_path) as (shell, folder):
        shell.read((tournament, key, server))
        shell.type(SERVER_IS_UP)
        (folder / "build/class/names.txt").write_text("ada\n")
        shell.read((models,))
        # Another shell with a home of its own stands for the student's machine.
        shell.type(f"export CODE; HOME=$HOME/student {BASH}")
        for command in _filled(student.commands):
            shell.type(command)
        # Until the server has read the final block in which the model was registered.
        shell.type(f"until {held.commands[0]} > /dev/null 2>&1; do sleep 0.2; done")
        shell.read((held,))
        (folder / "predict.py").write_text(predict)
        assert "in round 1" in shell.type("python predict.py")
        shell.type("exit")
        shell.type(f"{TIME} settled 1 {CLASS}")
        shell.read((evening, after))
        printed = "\n".join(shell.printed)
        assert "verify: round 1 agrees: " in printed


def _filled(commands: tuple[str, ...]) -> Iterator[str]:
    """Yield what a student types, with what the teacher handed out."""
    for command in commands:
        if command not in STUDENT:
            yield command.replace("CLASS_URL", "$CLASS_URL").replace(" CODE ", " $CODE ")
