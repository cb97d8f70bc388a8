"""The check of words in `make lint`."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

check = import_module("scripts.check_words")

RULES = """
pending = ["scorer/attic"]
not_first = ["What", "Whether"]

[instead]
"bell|bells" = "alarm"
"wei of gas" = "wei per gas"

[instead_in_code]
"tell" = "report"
"""
VOCABULARY = check.Vocabulary.parse(RULES)


def faults_of(source: str, file: str = "scorer/room.py") -> list[tuple[int, str]]:
    return sorted(set(check.file_faults(file, source, VOCABULARY)))


@pytest.mark.parametrize("name", ["bell", "BELL", "ring_bell", "Bell", "OldBells", "bellTower", "HTTPBell"])
def test_a_word_is_found_as_a_part_of_any_identifier(name: str) -> None:
    assert len(faults_of(f"{name} = 1\n")) == 1


@pytest.mark.parametrize("name", ["label", "bellows", "Isabella", "_rebellion"])
def test_a_word_within_another_word_is_left_alone(name: str) -> None:
    assert faults_of(f"{name} = 1\n") == []


def test_a_fault_names_its_line_and_the_word_to_use() -> None:
    source = '"""Rings.\n\nA fee in wei of\n    gas, and a bell."""\n\nx = 1  # a bell\n'
    assert faults_of(source) == [
        (1, 'expected a docstring of more than one word, found "Rings"'),
        (3, 'expected "wei per gas", found "wei of gas"'),
        (4, 'expected "alarm", found "bell"'),
        (6, 'expected "alarm", found "bell"'),
    ]


def test_strings_that_are_data_or_messages_are_left_alone() -> None:
    assert faults_of('path = "bell"\nraise ValueError(f"no bell at {path}")\n') == []
    assert faults_of('string constant NAME = "bell";\n', "contracts/Tower.sol") == []


def test_contracts_and_pages_are_checked_by_the_line() -> None:
    assert faults_of("// one\n/// @notice Rings the bell.\n", "contracts/Tower.sol") == [
        (2, 'expected "alarm", found "bell"')
    ]
    assert faults_of("# Page\n\nThe `BellTower` and wei of\ngas.\n", "docs/page.md") == [
        (3, 'expected "alarm", found "Bell"'),
        (3, 'expected "wei per gas", found "wei of gas"'),
    ]


def test_an_ordinary_word_is_refused_in_code_alone() -> None:
    assert faults_of("def tell() -> None: ...\n") == [(1, 'expected "report", found "tell"')]
    assert faults_of("Tell the members.\n", "docs/page.md") == []


@pytest.mark.parametrize("text", ["What it is.", "Whether it is so.", "What, then."])
def test_no_docstring_begins_with_a_word_of_the_list(text: str) -> None:
    places = (
        f'"""{text}"""\n',
        f'X = 1\n"""{text}"""\n',
        f'class A:\n    """{text}"""\n',
        f'class A:\n    x: int\n    """{text}"""\n\n    def _f(self) -> None:\n        """{text}"""\n',
        f'async def f() -> None:\n    """{text}"""\n',
    )
    for source in places:
        docstrings = source.count(text)
        assert len(list(VOCABULARY.docstring_faults(check.docstrings(ast.parse(source))))) == docstrings


@pytest.mark.parametrize("text", ["Now.", "Now.\n\nAnd more of it.", "ppm.", "ppm; of the stake.", ""])
def test_no_docstring_is_a_single_word(text: str) -> None:
    assert len(list(VOCABULARY.docstring_faults([(1, text)]))) == 1


@pytest.mark.parametrize("text", ["Return it.", "Stake, nano-NMR.", "Whatever is left.", "A use.\n\nWhat."])
def test_other_docstrings_pass(text: str) -> None:
    assert list(VOCABULARY.docstring_faults([(1, text)])) == []


def test_a_public_class_of_a_name_that_is_taken_is_found() -> None:
    one = "class Step: ...\nclass _Own: ...\nclass Only:\n    class Inner: ...\n"
    other = "class Step: ...\nclass _Own: ...\nclass Inner: ...\n"
    assert list(check.repeated_classes({"a.py": one, "b.py": other})) == [
        "expected one class Step, found 2: a.py, b.py"
    ]


def test_rooms_that_are_pending_are_passed_by_but_their_classes_count(tmp_path: Path) -> None:
    for name in ("scorer/attic/a.py", "scorer/attic_door.py", "scorer/deep/room/b.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("class Bell: ...\n")
    faults = list(check.faults(VOCABULARY, tmp_path))
    assert [fault.split(": expected")[0] for fault in faults[:-1]] == [
        "scorer/attic_door.py:1",
        "scorer/deep/room/b.py:1",
    ]
    assert faults[-1].startswith("expected one class Bell, found 3: ")


def test_the_repository_has_no_fault_and_no_pending_room_that_is_gone() -> None:
    vocabulary = check.Vocabulary.parse(check.WORDS.read_text())
    assert list(check.faults(vocabulary)) == []
    for room in vocabulary.pending:
        assert (check.REPOSITORY / room).exists(), room
