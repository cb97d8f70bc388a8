"""``cupel data``: the commands on finished versions: check, diff, publish, pull."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scorer.cli.common import JsonOption, answer, print_json, progress, user_errors
from scorer.data.faults import DataError
from scorer.redaction import shown_path

if TYPE_CHECKING:
    from scorer.data.objects import ObjectFolder


def root_of(out: str, work: Path | None) -> "tuple[Path, ObjectFolder | None]":
    """Return the local folder of versions, and where they are published if `out` is a URL."""
    from scorer.data.objects import ObjectFolder, is_url

    if not is_url(out):
        if work is not None:
            raise DataError("--work: expected none with an --out that is a folder, found one")
        return Path(out), None
    if work is None:
        raise DataError("--work: expected a local folder to build in, for an --out that is a URL; found none")
    return work, ObjectFolder(out)


def check(
    version: Annotated[Path, typer.Argument(help="The folder of a version.")], as_json: JsonOption = False
) -> None:
    """Recompute the digests of a version's files, and say who signed its manifest."""
    from scorer.data.compare import problems
    from scorer.data.manifest import read_manifest, signer_of_version

    with user_errors():
        manifest, signer = read_manifest(version), signer_of_version(version)
        found = list(problems(version))
    digest = f"0x{manifest.digest().hex()}"
    if as_json:
        print_json({"digest": digest, "signer": signer, "problems": found})
    else:
        for line in found:
            typer.echo(line, err=True)
        typer.echo(f"digest {digest}, signed by {signer or 'nobody'}")
    if found:
        raise typer.Exit(1)


def diff(
    one: Annotated[Path, typer.Argument(help="The folder of a version.")],
    two: Annotated[Path, typer.Argument(help="The folder of another.")],
    as_json: JsonOption = False,
) -> None:
    """Say in which eras, columns and values two versions differ."""
    from scorer.data.compare import differences

    with user_errors():
        lines = list(differences(one, two))
    if as_json:
        print_json({"differences": lines})
        return
    for line in lines:
        typer.echo(line)
    counted = f"{len(lines)} difference{'s' * (len(lines) > 1)}"
    typer.echo(counted if lines else "no difference")


def publish(
    folder: Annotated[Path, typer.Argument(help="The folder of all versions.")],
    version: Annotated[str, typer.Option(help="The version's name, such as v1.0.")],
    to: Annotated[str, typer.Option(help="The URL of published versions, such as s3://bucket/data.")],
    as_json: JsonOption = False,
) -> None:
    """Upload a version and its live eras that are not there yet; what is there is never changed."""
    from scorer.data import publishing
    from scorer.data.objects import ObjectFolder

    with user_errors():
        store, names = ObjectFolder(to), list(publishing.local_versions(folder, version))
        if not names:
            raise DataError(f"{shown_path(folder)}: expected the version {version}, found none")
        done = [name for name in names if publishing.publish(folder / name, store, name)]
    answer({"published": done}, f"published {', '.join(done) or 'nothing new'}", as_json=as_json)


def pull(
    folder: Annotated[Path, typer.Argument(help="The folder of all versions.")],
    source: Annotated[str, typer.Option("--from", help="The URL of published versions.")],
    signer: Annotated[
        str | None, typer.Option(help="The operator's address, which must have signed each version.")
    ] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Take versions that nobody signed; anybody can have made them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Download the versions and live eras that are not here yet, each checked against manifest and signer."""
    from scorer.cli.options import address_of
    from scorer.data import publishing
    from scorer.data.manifest import signer_of_version
    from scorer.data.objects import ObjectFolder

    with user_errors():
        if signer is not None and unsigned:
            raise DataError("pull: expected --signer or --unsigned, found both")
        expected = None if signer is None else address_of(signer, "--signer")
        store, say, pulled = ObjectFolder(source), progress(as_json=as_json), []
        for name in publishing.versions(store):
            if publishing.pull(store, name, folder, expected, unsigned=unsigned):
                pulled.append({"version": name, "signer": signer_of_version(folder / name)})
                say(f"pulled {name}, signed by {pulled[-1]['signer'] or 'nobody'}")
    if as_json:
        print_json({"pulled": pulled})
    elif not pulled:
        typer.echo("pulled nothing new")


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "check": check,
    "diff": diff,
    "publish": publish,
    "pull": pull,
}
