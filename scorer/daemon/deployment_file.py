"""Reads the file that says where a deployment's contracts are."""

import json
from pathlib import Path
from typing import Any, Final

from scorer.chain.records import Addresses
from scorer.daemon.config_errors import ConfigError
from scorer.files import decoded, read_bounded
from scorer.protocol.documents import parse_json
from scorer.redaction import shown_path

WRITTEN: Final = "give the manifest.json or deployment.json that cupel deployment deploy wrote"


def read_deployment(path: Path) -> Addresses:
    """Read a deployment.json.

    Raises
    ------
    ConfigError
        When it cannot be read, or does not hold a deployment's addresses.
    """
    try:
        return Addresses.from_json(_json(path))
    except OSError as error:
        raise ConfigError(
            f"{shown_path(path)}: expected a deployment's addresses, found {error.strerror}"
        ) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{shown_path(path)}: expected a deployment's addresses, found {error}") from None


def _json(path: Path) -> Any:
    """Read a JSON document; what is wrong with it is not quoted, as it may be a file with a key in it."""
    text = decoded(read_bounded(path))
    try:
        return parse_json(text.encode())
    except (ValueError, RecursionError) as error:
        where = f", at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"no JSON that can be read{where}; {WRITTEN}") from None
