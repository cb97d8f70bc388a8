"""The faults that are put into Python files: each where it should be, and each only once."""

import ast
from functools import cache
from textwrap import dedent

from tests.mutation.operators import Mutant
from tests.mutation.survivors import explained
from tests.mutation_python.operators import mutants_of
from tests.mutation_python.run import ROOT, SURVIVORS, TESTS


def faults(source: str) -> list[str]:
    """Return the changed lines, in the order of the file."""
    return [mutant.after for mutant in mutants_of("file.py", dedent(source))]


@cache
def mutants_in(file: str) -> list[Mutant]:
    """Return the faults of a file of ours, each of which takes a compilation to make."""
    return list(mutants_of(file, (ROOT / file).read_text()))


def test_a_comparison_moves_by_one_and_turns_round() -> None:
    assert faults("x = a < b\n")[1:] == ["x = (a <= b)", "x = (a >= b)"]
    assert faults("x = a is None\n")[1:] == ["x = (a is not None)"]


def test_a_statement_is_left_out_and_a_result_becomes_none() -> None:
    assert faults("def f():\n    g()\n    return 'x'\n") == ["pass", "return None"]


def test_a_condition_always_and_never_holds() -> None:
    assert faults("if a and b:\n    f()\n")[:2] == ["if True:", "if False:"]


def test_words_of_an_error_and_types_are_left_alone() -> None:
    source = """\
        def f(x: int = 7) -> 'int | None':
            '''Says 1 + 1.'''
            raise ValueError(f'expected {1 + 1}, found {x - 1}')
    """
    assert faults(source) == [
        "def f(x: int = 8) -> 'int | None':",
        "def f(x: int = 6) -> 'int | None':",
        "pass",
    ]


def test_every_fault_of_the_files_compiles_and_has_a_name_of_its_own() -> None:
    for file in TESTS:
        source = (ROOT / file).read_text()
        found = mutants_in(file)
        assert len({mutant.name for mutant in found}) == len(found) > 20
        for mutant in found:
            assert mutant.text != source
            ast.parse(mutant.text)


def test_every_survivor_that_is_listed_is_a_fault_of_these_files() -> None:
    known = {
        (mutant.file, mutant.where, mutant.before, mutant.after, mutant.nth)
        for file in TESTS
        for mutant in mutants_in(file)
    }
    assert explained(SURVIVORS.read_text()) <= known
