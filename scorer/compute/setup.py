"""Makes the folder of a node: its configuration, and a first model from a template."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w
from pydantic import ValidationError

from scorer.compute.configuration import FILE, ComputeConfig, load_compute_config
from scorer.daemon.config_errors import ConfigError, problems
from scorer.daemon.deployment_file import read_deployment
from scorer.files import OWNER_ONLY, write_whole
from scorer.redaction import shown, shown_path

TEMPLATES: Final[Mapping[str, tuple[str, str]]] = {
    "ridge": ("function", "model.py:predict"),
    "boosted_trees": ("function", "model.py:predict"),
    "numerai_example": ("script", "predict.py"),
}
"""The kind and the entry of each template."""
FOLDER: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class NodeOptions:
    """The choices from which a node's configuration is made; see `ComputeConfig`."""

    model: int
    endpoint: str
    deployment: Path
    keystore: Path
    password_file: Path
    template: str = "ridge"
    rounds: Path | None = None
    inbox: Path | None = None
    server: str | None = None
    api_key_file: Path | None = None
    python: Path | None = None


def set_up(folder: Path, options: NodeOptions) -> Path:
    """Make a node's folder; return the path of its configuration.

    Raises
    ------
    ConfigError
        When the folder holds something, or the choices do not go together: nothing is written then.
    """
    if options.template not in TEMPLATES:
        raise ConfigError(
            f"--template: expected one of {', '.join(TEMPLATES)}, found {shown(options.template)}"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{shown_path(folder)}: expected a new folder, found one that holds something")
    document = _document(options)
    try:
        ComputeConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"init: {'; '.join(problems(error))}") from None
    models = folder / "models"
    models.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(FOLDER / options.template, models / options.template, ignore=ignored)
    path = folder / FILE
    write_whole(path, tomli_w.dumps(document).encode(), mode=OWNER_ONLY)
    load_compute_config(path)
    return path


def _document(options: NodeOptions) -> dict[str, Any]:
    kind, entry = TEMPLATES[options.template]
    chain_id = read_deployment(options.deployment).chain_id
    submit: dict[str, Any] = {}
    if options.inbox is not None:
        submit["inbox"] = _whole(options.inbox)
    if options.server is not None and options.inbox is None:
        submit["server"] = options.server
    if options.api_key_file is not None:
        submit["api_key_file"] = _whole(options.api_key_file)
    rounds = {"published": _whole(options.rounds)} if options.rounds else {"server": options.server}
    # Not resolved: a virtual environment is known by where its link to an interpreter stands.
    python = os.path.abspath(options.python or sys.executable)  # noqa: PTH100
    model = {"model": options.model, "folder": f"models/{options.template}", "kind": kind, "entry": entry}
    return {
        "chain": {
            "endpoint": options.endpoint,
            "chain_id": chain_id,
            "deployment": _whole(options.deployment),
        },
        "submitter": {
            "keystore": _whole(options.keystore),
            "password_file": _whole(options.password_file),
        },
        "rounds": {name: value for name, value in rounds.items() if value is not None},
        "submit": submit,
        "models": [{**model, "python": python}],
    }


def _whole(path: Path) -> str:
    return str(path.resolve())
