"""The documentation's site has every page, and references made from the code that leave nothing out."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from scorer.cli.commands import COMMANDS
from scorer.data.recipe import Recipe

site = import_module("scripts.docs_site")
ROOT = Path(__file__).parents[2]
PAGES = frozenset({"rules.md", "data.md"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[a](rules.md)", "[a](rules.md)"),
        ("[a](docs/rules.md#b)", "[a](rules.md#b)"),
        ("[a](#b)", "[a](#b)"),
        ("[a](https://b.test/c)", "[a](https://b.test/c)"),
        ("[a](scorer/data)", "a"),
        ("[a](../contracts/Numeraire.sol)", "a"),
        ("[a](../README.md#the-house)", "[a](index.md#the-house)"),
        ("[a](docs/notebooks/b.ipynb)", "[a](notebooks/b.md)"),
        ("![a](docs/images/b.png)", "![a](images/b.png)"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_nowhere(source: str, expected: str) -> None:
    assert site.LINK.sub(lambda found: site.site_link(found, PAGES, "docs/"), source) == expected


def test_every_function_of_the_interfaces_is_in_the_reference() -> None:
    text = "\n".join(site.contracts())
    for path in (ROOT / "contracts" / "interfaces").glob("*.sol"):
        for name in re.findall(r"^    function (\w+)", path.read_text(), re.MULTILINE):
            assert f"### {path.stem}.{name} (function)" in text


def test_every_field_of_a_recipe_is_in_the_reference() -> None:
    text = "\n".join(site.document("Recipes", Recipe))
    assert all(f"| `{field}` |" in text for field in Recipe.model_fields)
    assert "| `history` | integer from 1 to 5000 | `1` |" in text


def test_the_site_has_every_page_and_every_command_and_all_are_in_its_navigation(tmp_path: Path) -> None:
    site.write_site(tmp_path / "site")
    written = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*.md")}
    navigation = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert written == navigation
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= written
    reference = (tmp_path / "site" / "reference" / "commands.md").read_text()
    assert all(f"## cupel {name}\n" in reference for name in COMMANDS)
    assert "## cupel stake deposit\n" in reference
