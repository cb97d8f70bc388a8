"""``cupel data key``: make the key of ids and features, and share it with the members of the committee."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorer.cli.common import JsonOption, answer, print_json, progress, user_errors
from scorer.data.faults import DataError
from scorer.redaction import shown_path

if TYPE_CHECKING:
    from scorer.chain.contracts import Suite

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
KeyOption = Annotated[Path, typer.Option("--key", help="The secret key of ids and features.")]
RecipientsOption = Annotated[
    list[str] | None,
    typer.Option("--recipient", help="A member's public key, age1...; instead of the chain."),
]
EndpointsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        envvar="CUPEL_RPC_URL",
        help="An RPC endpoint, to read the members' keys from; may be repeated: all must agree.",
    ),
]
DeploymentOption = Annotated[
    Path | None,
    typer.Option(envvar="CUPEL_DEPLOYMENT", help="deployment.json or manifest.json of the deployment."),
]


@app.command("new")
def new(out: Annotated[Path, typer.Option(help="The file to write.")], as_json: JsonOption = False) -> None:
    """Make a secret key for ids and features, in a file that only its owner can read."""
    from scorer.data.obfuscation import new_key

    with user_errors():
        new_key(out)
    line = f"wrote {shown_path(out)}: keep it, without it no id can be traced back to its asset"
    answer({"written": str(out)}, line, as_json=as_json)


@app.command("share")
def share(
    key: KeyOption,
    out: Annotated[Path, typer.Option(help="The file to write, which may be public.")],
    recipient: RecipientsOption = None,
    endpoint: EndpointsOption = None,
    deployment: DeploymentOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Encrypt the key to the X25519 keys that the committee's members published; again after one rotates."""
    from scorer.data.key_sharing import shared_key
    from scorer.data.obfuscation import load_key
    from scorer.encryption.keys import spell_public
    from scorer.files import write_whole

    with user_errors():
        found = _recipients(recipient, endpoint, deployment)
        keys = [public for _, public in found]
        content = shared_key(load_key(key), keys)
        say = progress(as_json=as_json)
        for who, public in found:
            say(f"{who} {spell_public(public)}")
        known = out.is_file() and out.read_bytes() == content
        if not known:
            if not recipient and not yes:
                typer.confirm("Encrypt the data key to these keys?", abort=True, err=True)
            write_whole(out, content)
    done = "is encrypted to" if known else "was written for"
    members = [{"member": who, "key": spell_public(public)} for who, public in found]
    document = {"file": str(out), "written": not known, "members": members}
    answer(document, f"{shown_path(out)} {done} the keys of {len(set(keys))} members", as_json=as_json)


@app.command("check")
def check(
    shared: Annotated[Path, typer.Argument(help="The shared key.")],
    key: KeyOption,
    recipient: RecipientsOption = None,
    endpoint: EndpointsOption = None,
    deployment: DeploymentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a shared key is encrypted to the committee's keys of now and to nobody else."""
    from scorer.data.key_sharing import shared_key
    from scorer.data.obfuscation import load_key
    from scorer.encryption.keys import spell_public

    with user_errors():
        found = _recipients(recipient, endpoint, deployment)
        keys = [public for _, public in found]
        agrees = shared.is_file() and shared.read_bytes() == shared_key(load_key(key), keys)
        if as_json:
            members = [{"member": who, "key": spell_public(public)} for who, public in found]
            print_json({"agrees": agrees, "members": members})
            raise typer.Exit(0 if agrees else 1)
        if not agrees:
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
    as_json: JsonOption = False,
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
    line = f"wrote {shown_path(out)}: whoever has it sees through the ids of the data set"
    answer({"written": str(out)}, line, as_json=as_json)


def _recipients(
    recipients: list[str] | None, endpoints: list[str] | None, deployment: Path | None
) -> list[tuple[str, bytes]]:
    """Return public keys with their owners: those of the command line, or of the members on the chain."""
    from scorer.encryption.errors import KeyRefused
    from scorer.encryption.keys import parse_public

    if recipients:
        try:
            return [("--recipient", parse_public(text)) for text in recipients]
        except KeyRefused as error:
            raise DataError(f"--recipient: {error}") from None
    if not endpoints or deployment is None:
        raise DataError("recipients: expected --endpoint and --deployment, or --recipient, found neither")
    published = _published(endpoints, deployment)
    for member, found in published.items():
        if found is None:
            typer.echo(f"{member} published no key that can be used, and is left out", err=True)
    return [(member, found) for member, found in published.items() if found is not None]


def _published(endpoints: list[str], deployment: Path) -> dict[str, bytes | None]:
    """Return the newest final key of each member of the committee; None where it has none that can be used.

    Each endpoint is read at its own finalised block: one that lags behind cannot hold the others at old keys.
    """
    from scorer.chain.endpoint import host
    from scorer.chain.errors import EndpointsDisagree
    from scorer.cli.chains import suites_of
    from scorer.cli.options import endpoint_errors
    from scorer.encryption.keys import is_usable

    answers = []
    with suites_of(endpoints, deployment, None) as suites:
        for endpoint, suite in zip(endpoints, suites, strict=True):
            with endpoint_errors(endpoint):
                answers.append(_members_keys(suite))
    for endpoint, found in zip(endpoints, answers, strict=True):
        if found != answers[0]:
            raise EndpointsDisagree(
                "recipients: expected the same members and keys at all endpoints, found others at "
                f"{host(endpoint)} than at {host(endpoints[0])}; wait a quarter of an hour if a member just "
                "joined or rotated its key, else ask the members for their keys: an endpoint is wrong"
            )
    return {member: key if any(key) and is_usable(key) else None for member, key in answers[0].items()}


def _members_keys(suite: "Suite") -> dict[str, bytes]:
    """Return the members of the committee and their newest keys at the endpoint's finalised block."""
    from scorer.observation.observe import finalised_block

    block = finalised_block(suite).number
    return {member: suite.encryption_key(member, block) for member in suite.committee_members(block)}
