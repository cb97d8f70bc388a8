"""``cupel data key``: make the key of ids and features, and share it with the members of the committee."""

from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import user_errors
from scorer.data.faults import DataError
from scorer.redaction import shown_path

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
KeyOption = Annotated[Path, typer.Option("--key", help="The secret key of ids and features.")]
RecipientsOption = Annotated[
    list[str] | None,
    typer.Option("--recipient", help="A member's public key, age1...; instead of the chain."),
]
EndpointOption = Annotated[
    str | None, typer.Option(envvar="CUPEL_RPC_URL", help="An RPC endpoint, to read the members' keys from.")
]
DeploymentOption = Annotated[
    Path | None,
    typer.Option(envvar="CUPEL_DEPLOYMENT", help="deployment.json or manifest.json of the deployment."),
]


@app.command("new")
def new(out: Annotated[Path, typer.Option(help="The file to write.")]) -> None:
    """Make a secret key for ids and features, in a file that only its owner can read."""
    from scorer.data.obfuscation import new_key

    with user_errors():
        new_key(out)
    typer.echo(f"wrote {shown_path(out)}: keep it, without it no id can be traced back to its asset")


@app.command("share")
def share(
    key: KeyOption,
    out: Annotated[Path, typer.Option(help="The file to write, which may be public.")],
    recipient: RecipientsOption = None,
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
) -> None:
    """Encrypt the key to the X25519 keys that the committee's members published; again after one rotates."""
    from scorer.data.key_sharing import shared_key
    from scorer.data.obfuscation import load_key
    from scorer.files import write_whole

    with user_errors():
        keys = _recipients(recipient, endpoint, deployment)
        content = shared_key(load_key(key), keys)
        known = out.is_file() and out.read_bytes() == content
        if not known:
            write_whole(out, content)
    done = "is encrypted to" if known else "was written for"
    typer.echo(f"{shown_path(out)} {done} the keys of {len(set(keys))} members")


@app.command("check")
def check(
    shared: Annotated[Path, typer.Argument(help="The shared key.")],
    key: KeyOption,
    recipient: RecipientsOption = None,
    endpoint: EndpointOption = None,
    deployment: DeploymentOption = None,
) -> None:
    """Say whether a shared key is encrypted to the committee's keys of now and to nobody else."""
    from scorer.data.key_sharing import shared_key
    from scorer.data.obfuscation import load_key

    with user_errors():
        keys = _recipients(recipient, endpoint, deployment)
        if not shared.is_file() or shared.read_bytes() != shared_key(load_key(key), keys):
            raise DataError(
                f"{shown_path(shared)}: expected this key for these {len(set(keys))} members, found another "
                "file; where a member joined or rotated its key, the operator types cupel data key share"
            )
    typer.echo(
        f"{shown_path(shared)} is encrypted to the keys of {len(set(keys))} members, and to nobody else"
    )


@app.command("open")
def open_(
    shared: Annotated[Path, typer.Argument(help="The shared key.")],
    identities: Annotated[Path, typer.Option(help="The file of your keys; see cupel oracle encryption-key.")],
    out: Annotated[Path, typer.Option(help="The file to write the key of ids and features to.")],
    version: Annotated[
        Path | None, typer.Option(help="The folder of a version, whose manifest commits to the key.")
    ] = None,
) -> None:
    """Decrypt the key with your own, and write it to a file that only its owner can read."""
    from scorer.data.key_sharing import opened_key
    from scorer.data.manifest import key_commitment, read_manifest
    from scorer.data.obfuscation import write_key

    with user_errors():
        key = opened_key(shared, identities)
        if version is not None and read_manifest(version).key != key_commitment(key):
            raise DataError(
                f"{shown_path(shared)}: expected the key that {shown_path(version)} was built with, found "
                "another; ask the operator"
            )
        write_key(out, key)
    typer.echo(f"wrote {shown_path(out)}: whoever has it sees through the ids of the data set")


def _recipients(recipients: list[str] | None, endpoint: str | None, deployment: Path | None) -> list[bytes]:
    """Return public keys from the command line, or those of the chain; name the members that have none."""
    from scorer.encryption.errors import KeyRefused
    from scorer.encryption.keys import parse_public

    if recipients:
        try:
            return [parse_public(text) for text in recipients]
        except KeyRefused as error:
            raise DataError(f"--recipient: {error}") from None
    if endpoint is None or deployment is None:
        raise DataError("recipients: expected --endpoint and --deployment, or --recipient, found neither")
    published = _published(endpoint, deployment)
    for member, found in published.items():
        if found is None:
            typer.echo(f"{member} published no key that can be used, and is left out", err=True)
    return [found for found in published.values() if found is not None]


def _published(endpoint: str, deployment: Path) -> dict[str, bytes | None]:
    """Return the newest key of each member of the committee; None where it has none that can be used."""
    from scorer.cli.chains import open_suite
    from scorer.cli.options import endpoint_errors
    from scorer.client.stakes import latest_block
    from scorer.encryption.keys import is_usable

    with endpoint_errors(endpoint):
        suite = open_suite(endpoint, deployment)
        block = latest_block(suite).number
        keys = {member: suite.encryption_key(member, block) for member in suite.committee_members(block)}
    return {member: key if any(key) and is_usable(key) else None for member, key in keys.items()}
