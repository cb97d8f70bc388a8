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


def test_a_picture_is_shown_by_the_scheme_that_a_reader_chose(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        '<picture><source media="(prefers-color-scheme: dark)" srcset="docs/images/b-dark.png">'
        '<img alt="what" src="docs/images/b.png"></picture>\n'
    )
    expected = "![what](images/b.png#only-light)\n![what](images/b-dark.png#only-dark)\n"
    assert site.page(tmp_path / "a.md", PAGES, "docs/") == expected


def dark_of(picture: Path) -> Path:
    """The dark variant of a picture of the documentation."""
    stem = picture.stem.removesuffix("-light")
    return picture.with_stem(f"{stem}-dark")


def test_each_picture_has_its_dark_variant_and_pages_show_both() -> None:
    pictures = [path for path in (ROOT / "docs/images").rglob("*.png") if not path.stem.endswith("phone")]
    light = [path for path in pictures if not path.stem.endswith("-dark")]
    assert len(light) > 15
    assert [path.name for path in light if not dark_of(path).exists()] == []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text()
        assert "images/" not in re.sub(site.PICTURE, "", text).replace("docs/images/", ""), page.name
        for dark, _, source in re.findall(site.PICTURE, text):
            assert (page.parent / dark) == dark_of(page.parent / source)
            assert (page.parent / source).exists()


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
