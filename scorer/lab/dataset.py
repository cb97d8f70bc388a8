"""Data sets that come with the package: folders of a recipe and a source, under a key that is no secret."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

from scorer.data.obfuscation import Identifiers
from scorer.data.recipe import load_recipe
from scorer.data.rounds import Rebuilder
from scorer.data.sources.assemble import load_panel
from scorer.files import write_secret

RECIPE: Final = "recipe.toml"
SOURCE: Final = "source.toml"
KEY_FILE: Final = "data.key"
KEY: Final = hashlib.sha256(b"cupel").digest()
"""The same for everybody, so that ids are the same everywhere; a tournament's own key is secret."""


def load_dataset(folder: Path) -> Rebuilder:
    """Return what makes a data set's eras from the raw prices of all sessions.

    Raises
    ------
    scorer.data.faults.DataError
        When a package that the source needs is not installed.
    """
    recipe = load_recipe(folder / RECIPE)
    return Rebuilder(recipe, Identifiers(recipe, KEY), load_panel(folder / SOURCE).panel)


def write_dataset(folder: Path, into: Path) -> None:
    """Write a data set's files and key into a new folder, for ``cupel data`` to make its rounds again."""
    shutil.copytree(folder, into)
    write_secret(into / KEY_FILE, KEY.hex() + "\n")
