"""The configuration of the weekly loop."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationError

from scorer.data.faults import DataError
from scorer.data.recipe import is_version
from scorer.data.sources.document import described, load_document
from scorer.protocol.fields import Section
from scorer.redaction import shown_path


def _version(text: str) -> str:
    if not is_version(text):
        raise ValueError("expected a name such as v1.0")
    return text


class WeeklyDocument(Section):
    """The configuration of ``cupel data run``; paths begin at its own folder.

    Attributes
    ----------
    source, recipe, key, signing_key
        Files; see the parts of their names.
    versions, version
        The folder of all versions, and the one that live eras go with.
    publish
        The URL of published versions: those that are missing here are pulled first, and new ones published.
    rules, plans
        The rules of the rounds, and the operator's folder of plans.
    rounds, targets
        Folders of one tournament: published rounds by number, and where a member's own targets go.
    """

    version: Annotated[str, AfterValidator(_version)]
    source: str
    recipe: str
    key: str
    signing_key: str | None = None
    versions: str
    publish: str | None = None
    rules: str | None = None
    plans: str | None = None
    rounds: str | None = None
    targets: str | None = None


def load_weekly(path: Path) -> WeeklyDocument:
    """Read the configuration.

    Raises
    ------
    DataError
        Names each wrong field.
    """
    try:
        return WeeklyDocument.model_validate(load_document(path, "a configuration in TOML"))
    except ValidationError as error:
        raise DataError(f"{shown_path(path)}: {described(error)}") from None
