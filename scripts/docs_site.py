"""Write the sources of the documentation's site: the repository's pages, and references made from the code.

Usage: python scripts/docs_site.py OUT

Links to files that are not pages of the site lose their target: a site has no checkout beside it.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from scorer.cli.commands import COMMANDS, load
from scorer.data.recipe import Recipe
from scorer.protocol.rules import Rules

ROOT: Final = Path(__file__).resolve().parents[1]
LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
PICTURE: Final = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">'
    r'<img alt="([^"]+)" src="([^"]+)"></picture>'
)
"""A picture with its dark variant, as GitHub shows it by the reader's own scheme."""
DECLARATION: Final = re.compile(
    r"((?:^[ \t]*///.*\n)*)^[ \t]*((?:function|event|error|struct)\s[^;{]+)[;{]", re.MULTILINE
)


def site_link(found: re.Match[str], pages: frozenset[str], prefix: str) -> str:
    """Return a link of a page as the site has it: to another page, to a picture, or the text alone.

    Parameters
    ----------
    prefix
        The start of paths of pages as the source spells them: ``docs/`` in the README.
    """
    picture, text, target = found.groups()
    path, _, anchor = target.partition("#")
    if "://" in target or not path:
        return found[0]
    if path.endswith("README.md"):
        path = "index.md"
    elif prefix and not path.startswith(prefix) and path not in pages:
        return text
    path = path.removeprefix(prefix)
    path = re.sub(r"^(notebooks/.*)\.ipynb$", r"\1.md", path)
    if path in {*pages, "index.md"} or path.startswith(("images/", "notebooks/")):
        return f"{picture}[{text}]({path}{'#' + anchor if anchor else ''})"
    return text


def both(found: re.Match[str]) -> str:
    """Return a picture and its dark variant for the site, which shows one by the scheme chosen there."""
    dark, text, light = found.groups()
    return f"![{text}]({light}#only-light)\n![{text}]({dark}#only-dark)"


def page(source: Path, pages: frozenset[str], prefix: str = "") -> str:
    """Return a page of the repository with the links and pictures of the site."""
    text = PICTURE.sub(both, source.read_text())
    return LINK.sub(lambda link: site_link(link, pages, prefix), text)


def notebook(source: Path) -> str:
    """Return a notebook as a page: its text, and its code in blocks."""
    cells = json.loads(source.read_text())["cells"]
    texts = ("".join(cell["source"]) for cell in cells)
    shown = [
        f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
        for cell, text in zip(cells, texts, strict=True)
    ]
    where = f"This page is `docs/notebooks/{source.name}` of the checkout, where tests run it."
    return "\n\n".join([*shown, where]) + "\n"


def commands() -> Iterator[str]:
    """Yield the reference of commands, from the help that each prints."""
    yield "# Commands\n\nMade from the commands themselves: what `--help` prints.\n"
    for name in COMMANDS:
        yield from _command(load(name), f"cupel {name}")


def _command(command: Any, path: str) -> Iterator[str]:
    context = command.make_context(path, [], resilient_parsing=True)
    yield f"## {path}\n\n```text\n{command.get_help(context)}\n```\n"
    for name, inner in getattr(command, "commands", {}).items():
        yield from _command(inner, f"{path} {name}")


def contracts() -> Iterator[str]:
    """Yield the reference of contracts, from the NatSpec of their interfaces."""
    yield "# Contracts\n\nMade from `contracts/interfaces`: what each part says of itself.\n"
    for path in sorted((ROOT / "contracts" / "interfaces").glob("*.sol")):
        found = list(DECLARATION.finditer(path.read_text()))
        if found:
            yield f"## {path.stem}\n"
        for comment, declaration in (each.groups() for each in found):
            words = declaration.split()
            name = re.split(r"[({]", words[1])[0]
            text = "\n".join(line.strip().removeprefix("///").strip() for line in comment.splitlines())
            code = f"```solidity\n{' '.join(words)}\n```"
            yield f"### {path.stem}.{name} ({words[0]})\n\n{code}\n\n{_natspec(text)}\n"


def _natspec(text: str) -> str:
    """Return a comment as a paragraph, its parameters as a list."""
    text = text.replace("@inheritdoc", "See").replace("<", "&lt;")
    text = re.sub(r"^@(?:notice|dev|title|author)\s+", "", text, flags=re.M)
    text = re.sub(r"^@param\s+(\S+)", r"\n- `\1`", text, flags=re.M)
    return re.sub(r"^@return\s+", "\n- Returns ", text, flags=re.M)


def document(title: str, model: type[BaseModel]) -> Iterator[str]:
    """Yield the reference of a document in TOML, from its schema."""
    schema = model.model_json_schema()
    yield f"# {title}\n\nMade from the schema that checks it. A field without a default must be given.\n"
    for name, section in [(model.__name__, schema), *schema.get("$defs", {}).items()]:
        if "properties" in section:
            yield f"## {name}\n\n{_prose(section.get('description', ''))}\n"
            yield "| field | type | default |\n|---|---|---|"
            for field, given in section["properties"].items():
                yield f"| `{field}` | {_kind(given)} | {_default(field, given, section)} |"
            yield ""


def _prose(docstring: str) -> str:
    """Return a docstring with its attributes as a list."""
    text = re.sub(r"Attributes\n-+\n", "", docstring)
    text = re.sub(r"^([a-z_]+(?:, [a-z_]+)*)\n +(.*)", r"- `\1`: \2", text, flags=re.M)
    return text.replace("<", "&lt;")


def _kind(given: dict[str, Any]) -> str:
    if "$ref" in given:
        return str(given["$ref"]).rsplit("/", 1)[-1]
    for several in ("anyOf", "oneOf"):
        if several in given:
            return " or ".join(_kind(one) for one in given[several])
    if "enum" in given or "const" in given:
        return ", ".join(f"`{each}`" for each in given.get("enum", [given.get("const")]))
    if given.get("type") == "array":
        return f"list of {_kind(given.get('items', {}))}"
    bounds = [
        f"{word} {given[key]}"
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in given
    ]
    return " ".join([str(given.get("type", "text")), *bounds])


def _default(field: str, given: dict[str, Any], section: dict[str, Any]) -> str:
    if field in section.get("required", []):
        return ""
    if isinstance(given.get("default"), dict):
        return "its own defaults"
    return f"`{given['default']}`" if given.get("default") is not None else "none"


def write_site(out: Path) -> None:
    """Write all pages into a folder of its own, which is replaced."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "reference").mkdir(parents=True)
    docs = ROOT / "docs"
    pages = frozenset(path.name for path in docs.glob("*.md"))
    for path in sorted(docs.glob("*.md")):
        (out / path.name).write_text(page(path, pages))
    (out / "notebooks").mkdir()
    for path in sorted((docs / "notebooks").glob("*.ipynb")):
        (out / "notebooks" / f"{path.stem}.md").write_text(notebook(path))
    shutil.copytree(docs / "images", out / "images")
    (out / "index.md").write_text(page(ROOT / "README.md", pages, "docs/"))
    (out / "changes.md").write_text((ROOT / "CHANGELOG.md").read_text())
    (out / "contributing.md").write_text(page(ROOT / "CONTRIBUTING.md", pages, "docs/"))
    made = {
        "commands": commands(),
        "contracts": contracts(),
        "rules": document("Rules documents", Rules),
        "recipes": document("Recipes of data sets", Recipe),
    }
    for name, lines in made.items():
        (out / "reference" / f"{name}.md").write_text("\n".join(lines))
    (out / "reference" / "scoring.md").write_text("# Scores\n\n::: scorer.scoring\n")


if __name__ == "__main__":
    write_site(Path(sys.argv[1]))
