"""Deploys a suite from a file through a network and an account of ape.

ape run deploy --network polygon:amoy:node --file deployments/amoy.toml --account NAME [--dry-run] [--yes]

A thin edge: ape supplies the endpoint and the signatures, `scorer.deployment` does all else. So does
``cupel deployment deploy``, which needs no ape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option, network_option
from eth_hash.auto import keccak

from scorer.chain.endpoint import EndpointError, checked
from scorer.cli.deployment import default_folder, show_plan
from scorer.deployment.blueprint import blueprint
from scorer.deployment.deploy import Builder
from scorer.deployment.document import DeploymentFileError, load_document
from scorer.deployment.steps import DeploymentStuck
from scorer.transactions.journal import JournalError
from scorer.transactions.request import Reverted
from scorer.transactions.signers import Signed, SignerError

EXPECTED = (DeploymentFileError, DeploymentStuck, EndpointError, JournalError, Reverted, SignerError)


@dataclass(frozen=True)
class ApeSigner:
    """Signs with an account of ape; fees and sending are left to the transaction manager."""

    account: Any
    ecosystem: Any

    @property
    def address(self) -> str:
        """The checksummed address."""
        return str(self.account.address)

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Sign an EIP-1559 transaction.

        Raises
        ------
        SignerError
            When the account's holder declines.
        """
        given = {("gasLimit" if name == "gas" else name): value for name, value in fields.items()}
        transaction = self.ecosystem.create_transaction(type=2, sender=self.address, **given)
        signed = self.account.sign_transaction(transaction)
        if signed is None:
            raise SignerError(f"account {self.address}: expected a signature, found that it was declined")
        raw = bytes(signed.serialize_transaction())
        return Signed(bytes(keccak(raw)), raw)


@click.command(cls=ConnectedProviderCommand)
@network_option()
@account_option()
@click.option("--file", "path", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), help="Where journal and manifest are.")
@click.option("--dry-run", is_flag=True, help="Print the plan only.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
def cli(provider: Any, account: Any, path: Path, out: Path | None, dry_run: bool, yes: bool) -> None:
    """Deploy a suite, or go on where a deployment was interrupted."""
    try:
        document = load_document(path)
        w3 = checked(provider.web3, str(provider.uri), document.chain_id)
        signer = ApeSigner(account, provider.network.ecosystem)
        plan = blueprint(document, signer.address)
        found = show_plan(w3, plan)
        if dry_run:
            return
        if found.prices and not yes:
            click.confirm("Send these transactions?", abort=True)
        if found.prices and hasattr(account, "set_autosign"):
            account.set_autosign(True)  # asked once for the passphrase, not for each transaction
        Builder(w3, plan, signer, out or default_folder(path, document), click.echo).run()
    except EXPECTED as error:
        raise click.ClickException(str(error)) from None
