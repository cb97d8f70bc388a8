"""``cupel use``: say once which tournament all commands are about, and show where each setting comes from."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from scorer.cli.common import JsonOption, console, print_json, user_errors
from scorer.cli.profile import (
    FILE,
    KEY,
    MANIFESTS,
    VARIABLE,
    ProfileError,
    VariableValue,
    profile_path,
    read_profile,
    settings_of,
    write_profile,
)
from scorer.daemon.deployment_file import read_deployment
from scorer.redaction import shown_path

OF_PLACES: Final = ("CUPEL_RPC_URL", "CUPEL_DEPLOYMENT", "CUPEL_ROUNDS", "CUPEL_INBOX", "CUPEL_KEYSTORE")
"""Variables that a folder's profile may set."""


def use(
    place: Annotated[
        Path | None,
        typer.Argument(
            help="A tournament's folder, such as build/devnet, or its manifest.json or deployment.json."
        ),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="An RPC endpoint of the chain.")] = None,
    keystore: Annotated[Path | None, typer.Option(help="Your encrypted key; see cupel wallet.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="A file with its password.")] = None,
    rounds: Annotated[Path | None, typer.Option(help="The folder of rounds that the operator names.")] = None,
    inbox: Annotated[Path | None, typer.Option(help="The operator's inbox.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the profile.")] = False,
    lose_key: Annotated[
        bool, typer.Option("--lose-key", help="Also where it has an API key, which is shown once.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say once which tournament, files and key all commands use; without arguments, say what is in force.

    With a place, the profile is written anew; with options alone, they are changed in it. An option of a
    command stands above an environment variable, and that above the profile. CUPEL_PROFILE names another
    file, so that there may be several; cupel join writes the profile of a server's tournament.
    """
    own = {
        "CUPEL_RPC_URL": endpoint,
        "CUPEL_KEYSTORE": keystore,
        "CUPEL_PASSWORD_FILE": password_file,
        "CUPEL_ROUNDS": rounds,
        "CUPEL_INBOX": inbox,
    }
    given = {name: _text(value) for name, value in own.items() if value is not None}
    with user_errors():
        path = _path()
        if clear and (given or place is not None):
            raise ProfileError("expected --clear alone, found it beside what is to be used")
        before = _read(path)
        if clear or place is not None:
            _keep_key(path, before, lose_key=lose_key)
        if clear:
            path.unlink(missing_ok=True)
        elif place is not None:
            write_profile(path, _of_place(place) | given)
        elif given:
            write_profile(path, before | given)
        found = settings_of(os.environ, _read(path))
    if as_json:
        print_json({"profile": str(path), "settings": [_document(each) for each in found]})
    else:
        _print(path, found)


def _text(value: str | Path) -> str:
    return str(value.resolve()) if isinstance(value, Path) else value


def _path() -> Path:
    path = profile_path()
    if path is None:
        raise ProfileError(f"{VARIABLE}: expected the path of a profile, found none, and no home")
    return path


def _read(path: Path) -> dict[str, str]:
    return read_profile(path) if path.exists() else {}


def _keep_key(path: Path, before: Mapping[str, str], *, lose_key: bool) -> None:
    """Refuse to remove the key of an account, which its server shows once.

    Raises
    ------
    ProfileError
        Says how to keep it.
    """
    if KEY[1] in before and not lose_key:
        raise ProfileError(
            f"{path}: expected a profile without an API key, which would be lost, found one; name another "
            f"file by {VARIABLE}, or remove it with --lose-key"
        )


def _of_place(place: Path) -> dict[str, str]:
    """Return what a place says of its tournament: its own profile, or the deployment's file alone.

    Raises
    ------
    ProfileError, scorer.daemon.config_errors.ConfigError
        When there is neither, or the deployment cannot be read.
    """
    if place.is_dir():
        own = place / FILE
        values = _of_folder(own) if own.exists() else {"CUPEL_DEPLOYMENT": _text(_manifest(place))}
    else:
        values = {"CUPEL_DEPLOYMENT": _text(place)}
    read_deployment(Path(values.get("CUPEL_DEPLOYMENT", place)))
    return values


def _of_folder(path: Path) -> dict[str, str]:
    """Read a folder's profile, which may be another's work: no key, server or password is taken from it.

    Raises
    ------
    ProfileError
        When it says more than where a tournament is.
    """
    values = read_profile(path)
    if more := sorted(set(values) - set(OF_PLACES)):
        raise ProfileError(
            f"{shown_path(path)}: expected {', '.join(OF_PLACES)} alone, found {', '.join(more)}; a "
            f"profile of your own is named by {VARIABLE}"
        )
    return values


def _manifest(folder: Path) -> Path:
    for name in MANIFESTS:
        if (folder / name).is_file():
            return folder / name
    raise ProfileError(
        f"{shown_path(folder)}: expected a tournament's folder, with {FILE}, {' or '.join(MANIFESTS)}, found "
        "none of them; cupel devnet up and cupel deployment deploy write them"
    )


def _document(setting: VariableValue) -> dict[str, object]:
    return asdict(setting) | {"value": setting.shown}


def _print(path: Path, found: tuple[VariableValue, ...]) -> None:
    if not any(setting.source for setting in found):
        typer.echo(f"{path}: nothing is set; type cupel use FOLDER, or cupel join URL")
        return
    table = Table("what", "value", "from")
    for setting in found:
        if setting.shown is not None:
            origin = "environment, above the profile" if setting.hides else str(setting.source)
            table.add_row(setting.name, setting.shown, origin)
    console().print(table)
    unset = [setting.name for setting in found if setting.source is None]
    typer.echo(f"profile: {path if path.exists() else f'none at {path}'}")
    if unset:
        typer.echo(f"not set: {', '.join(unset)}")
