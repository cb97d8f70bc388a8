"""``cupel deployment``: deploy a suite from a file, and compare a manifest with the chain."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from web3 import Web3

from scorer.chain.endpoint import connect
from scorer.cli.common import JsonOption, console, print_json, progress, user_errors, working
from scorer.client.quotes import coin_of
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.keys import key_of
from scorer.deployment import verification
from scorer.deployment.blueprint import Blueprint, blueprint
from scorer.deployment.check import differences
from scorer.deployment.deploy import Builder, appraise, refuse_objections
from scorer.deployment.document import Deployment, DeploymentFileError, load_document
from scorer.deployment.manifest import FILE as MANIFEST_FILE
from scorer.deployment.manifest import ManifestError, read_manifest
from scorer.deployment.prices import DeploymentCost
from scorer.deployment.steps import DeploymentStuck
from scorer.deployment.verification import VerificationError
from scorer.files import write_whole
from scorer.owned_files import refuse_foreign_file
from scorer.redaction import clean, shown, shown_name
from scorer.units import coins_text, short_coins

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
STANDARD_INPUT = b'{"language": "Solidity", "settings": '
"""The first bytes of a contract's standard JSON input."""

FileArgument = Annotated[
    Path, typer.Argument(help="The deployment file (TOML).", exists=True, dir_okay=False)
]
ManifestArgument = Annotated[Path, typer.Argument(help="manifest.json of a deployment.", exists=True)]
EndpointOption = Annotated[str, typer.Option(envvar="CUPEL_RPC_URL", help="An RPC endpoint of the chain.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="A file with the deployer's key in hex.")]
KeystoreOption = Annotated[Path | None, typer.Option(help="The deployer's encrypted key (keystore).")]
PasswordOption = Annotated[Path | None, typer.Option("--password-file", help="The keystore's password.")]
SourcesOption = Annotated[Path, typer.Option(help="A checkout of Cupel in which make setup was run.")]
LabelOption = Annotated[list[str] | None, typer.Option("--contract", help="Only this one; may be repeated.")]


@contextmanager
def _deployment_errors() -> Iterator[None]:
    """End the command as `user_errors` does, for the errors of deployments too."""
    try:
        with user_errors():
            yield
    except (DeploymentFileError, DeploymentStuck, ManifestError, VerificationError) as error:
        typer.echo(f"cupel: {clean(str(error))}", err=True)
        raise typer.Exit(1) from None


@app.command("plan")
def plan(
    file: FileArgument,
    endpoint: EndpointOption,
    deployer: Annotated[str, typer.Option(help="The address that will deploy.")],
    as_json: JsonOption = False,
) -> None:
    """Print what is left to do, with estimated gas and cost. Sends nothing and needs no key."""
    with _deployment_errors():
        document = load_document(file)
        if not Web3.is_checksum_address(deployer):
            raise ConfigError(f"--deployer: expected a checksummed address, found {shown(deployer)}")
        w3 = connect(endpoint, document.chain_id)
        wanted = blueprint(document, deployer)
        if not as_json:
            show_plan(w3, wanted)
            return
        refuse_objections(w3, wanted)
        print_json(_plan_document(wanted, appraise(w3, wanted)))


def _plan_document(wanted: Blueprint, cost: DeploymentCost) -> dict[str, Any]:
    """Return a plan as a document; coins as decimal text."""
    return {
        "name": wanted.document.name,
        "chain_id": wanted.document.chain_id,
        "deployer": wanted.deployer,
        "transactions": [
            {"title": price.step.title, "gas": price.gas, "gas_is_tried": price.is_estimate_of_chain}
            for price in cost.prices
        ],
        "gas": cost.gas,
        "gas_price_wei": cost.price,
        "cost": coins_text(cost.cost),
        "most": coins_text(cost.most),
        "balance": coins_text(cost.balance),
    }


@app.command("deploy")
def deploy(
    file: FileArgument,
    endpoint: EndpointOption,
    key: KeyOption = None,
    keystore: KeystoreOption = None,
    password_file: PasswordOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where journal and manifest are; a folder beside the file if not given."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Deploy, or go on where a deployment was interrupted."""
    with _deployment_errors():
        document = load_document(file)
        signer = key_of(key, keystore, password_file).signer()
        w3 = connect(endpoint, document.chain_id)
        wanted = blueprint(document, signer.address)
        if as_json:
            refuse_objections(w3, wanted)
            cost = appraise(w3, wanted)
        else:
            cost = show_plan(w3, wanted)
        if dry_run and as_json:
            print_json(_plan_document(wanted, cost))
        if dry_run:
            return
        if cost.prices and not yes:
            typer.confirm("Send these transactions?", abort=True, err=as_json)
        folder = out or default_folder(file, document)
        Builder(w3, wanted, signer, folder, progress(as_json=as_json)).run()
    if as_json:
        print_json(_deployed(folder))


def _deployed(folder: Path) -> dict[str, Any]:
    """Return where a deployment's manifest is, and the address of each contract in it."""
    path = folder / MANIFEST_FILE
    document = read_manifest(path)
    contracts = {label: entry["address"] for label, entry in document["contracts"].items()}
    named = {"name": document["name"], "chain_id": document["chain_id"]}
    return {**named, "manifest": str(path), "contracts": contracts}


def default_folder(file: Path, document: Deployment) -> Path:
    """Return the folder of a deployment's journal and manifest for a command without --out."""
    return file.parent / f"{document.name}-{document.instance}"


def show_plan(w3: Web3, wanted: Blueprint) -> DeploymentCost:
    """Print the transactions left of a deployment, and return their cost; raise an objection to it."""
    with working("reading the chain, and estimating gas"):
        refuse_objections(w3, wanted)
        cost = appraise(w3, wanted)
    document, coin = wanted.document, coin_of(wanted.document.chain_id)
    table = Table(title=f"{document.name} on chain {document.chain_id}, from {wanted.deployer}")
    for header in ("step", "gas"):
        table.add_column(header, justify="right" if header == "gas" else "left", overflow="fold")
    for price in cost.prices:
        table.add_row(price.step.title, f"{'' if price.is_estimate_of_chain else '~'}{price.gas:,}")
    console().print(table)
    typer.echo(
        f"plan: {len(cost.prices)} transactions, {cost.gas:,} gas, {short_coins(cost.cost)} {coin} at "
        f"{cost.price / 1e9:.3f} gwei, at most {short_coins(cost.most)}; the deployer has "
        f"{short_coins(cost.balance)}"
    )
    return cost


@app.command("check")
def check(manifest: ManifestArgument, endpoint: EndpointOption, as_json: JsonOption = False) -> None:
    """List what differs between a manifest and the chain; exit code 1 where anything does."""
    with _deployment_errors():
        document = read_manifest(manifest)
        with working("reading the chain"):
            differing = list(differences(document, connect(endpoint, document["chain_id"])))
    if as_json:
        found = {"name": document["name"], "chain_id": document["chain_id"], "agrees": not differing}
        print_json(found | {"differences": list(map(str, differing))})
        raise typer.Exit(1 if differing else 0)
    for difference in differing:
        typer.echo(str(difference))
    if differing:
        typer.echo(f"check: {document['name']} DIFFERS in {len(differing)} places")
        raise typer.Exit(1)
    typer.echo(f"check: {document['name']} on chain {document['chain_id']} agrees")


@app.command("verify-input")
def verify_input(
    manifest: ManifestArgument,
    sources: SourcesOption = Path(),
    out: Annotated[Path, typer.Option(help="Where the inputs are written.")] = Path("build/verify"),
    contract: LabelOption = None,
    etherscan: Annotated[bool, typer.Option(help="Send to Etherscan; key from ETHERSCAN_API_KEY.")] = False,
    sourcify: Annotated[bool, typer.Option(help="Send to Sourcify.")] = False,
    etherscan_url: Annotated[str, typer.Option(help="Another explorer.")] = verification.ETHERSCAN,
    sourcify_url: Annotated[str, typer.Option(help="Another repository.")] = verification.SOURCIFY,
    as_json: JsonOption = False,
) -> None:
    """Write each contract's standard JSON input, whose digest is in the manifest; send it where asked."""
    with _deployment_errors():
        document = read_manifest(manifest)
        key = os.environ.get("ETHERSCAN_API_KEY", "")
        if etherscan and not key:
            raise ConfigError("ETHERSCAN_API_KEY: expected a key in the environment, found none")
        made = [label for label, entry in document["contracts"].items() if not entry.get("existing")]
        if unknown := set(contract or ()) - set(made):
            raise ConfigError(
                f"--contract: expected one of {', '.join(made)}, found {', '.join(map(shown_name, unknown))}"
            )
        out.mkdir(parents=True, exist_ok=True)
        say, done = progress(as_json=as_json), []
        for label in contract or made:
            subject = verification.subject(document, label, sources)
            written = out / f"{label}.json"
            refuse_foreign_file(written, lambda content: content.startswith(STANDARD_INPUT))
            write_whole(written, json.dumps(subject.standard).encode())
            say(f"{label}: {subject.identifier} at {subject.address}, {written}")
            answers = {}
            if etherscan:
                answers["Etherscan"] = verification.to_etherscan(subject, key, etherscan_url)
            if sourcify:
                answers["Sourcify"] = verification.to_sourcify(subject, sourcify_url)
            for service, answered in answers.items():
                say(f"{label}: {service}, {answered}")
            named = {"contract": label, "address": subject.address, "input": str(written)}
            done.append(named | {"answers": answers})
    if as_json:
        print_json(done)
