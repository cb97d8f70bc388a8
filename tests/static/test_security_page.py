"""docs/security.md cites tests: they must be there"""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
PAGE = (REPOSITORY / "docs" / "security.md").read_text()
CONTRACT_TESTS = REPOSITORY / "tests" / "contracts"


def cited() -> list[tuple[str, str]]:
    """(file, test) of every citation; `::test` alone is of the file last named in its row or its head."""
    pairs, head = [], ""
    for line in PAGE.splitlines():
        if "test (`committee/test_attacks.py`)" in line:
            head = "committee/test_attacks.py"
        last = head
        for file, test in re.findall(r"`([a-z_/]+\.py)?::(test_\w+(?:\.\.\.)?)`", line):
            last = file or last
            pairs.append((last, test))
    return pairs


def _folder_of(file: str) -> Path:
    return REPOSITORY if file.startswith("tests/") else CONTRACT_TESTS


def test_every_test_that_the_page_cites_exists() -> None:
    pairs = cited()
    assert len(pairs) > 60
    for file, test in pairs:
        names = re.findall(r"^def (test_\w+)", (_folder_of(file) / file).read_text(), re.MULTILINE)
        wanted = test.removesuffix("...")
        assert any(name.startswith(wanted) for name in names), f"{file}::{test}"


def test_every_invariant_that_the_page_cites_is_tested() -> None:
    suite = (REPOSITORY / "tests" / "invariants" / "Invariants.t.sol").read_text()
    cited_names = set(re.findall(r"`(invariant_\w+)`", PAGE))
    assert cited_names == set(re.findall(r"function (invariant_\w+)", suite))


def test_every_file_that_the_page_links_to_exists() -> None:
    for target in re.findall(r"\]\((\.\./[^)#]+)\)", PAGE):
        assert (REPOSITORY / "docs" / target).exists(), target
