"""`import cupel`: the same modules as `import scorer`, under the distribution's name."""

import subprocess
import sys
from importlib import import_module

import pytest

import cupel
import scorer
import scorer.protocol.rules
import scorer.scoring


def test_a_module_is_the_same_under_both_names() -> None:
    assert cupel.__version__ == scorer.__version__
    assert cupel.scoring is scorer.scoring
    assert import_module("cupel.scoring").numerai_corr is scorer.scoring.numerai_corr
    assert import_module("cupel.protocol.rules").Rules is scorer.protocol.rules.Rules
    for module in (scorer.scoring, scorer.protocol.rules):
        assert module.__spec__ is not None
        assert module.__spec__.name == module.__name__


def test_what_is_not_there_is_named_by_the_error() -> None:
    with pytest.raises(AttributeError, match="module cupel has no attribute nothing"):
        _ = cupel.nothing
    with pytest.raises(ModuleNotFoundError, match=r"cupel\.nothing"):
        import_module("cupel.nothing")


def test_to_import_cupel_imports_no_room() -> None:
    code = "import cupel, sys; print([n for n in sys.modules if n.startswith(('scorer.', 'cupel.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
