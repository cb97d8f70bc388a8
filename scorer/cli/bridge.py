"""``cupel bridge``: carry messages between two chains, send tokens over, prove logs, watch the balance."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from web3 import Web3

from scorer.bridge.addresses import read_bridge
from scorer.bridge.relayer import RelayCycle, title
from scorer.chain.accounts import KeyTextError, require_address
from scorer.chain.endpoint import connect
from scorer.cli.bridge_latency import BridgeConfig as ConfigOption
from scorer.cli.bridge_latency import latency
from scorer.cli.common import JsonOption, SendOption, print_json, progress, user_errors
from scorer.cli.numbers import NUMBER
from scorer.daemon import bridge_commands, bridge_node
from scorer.daemon.bridge_configuration import load_bridge_config
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.keys import key_of
from scorer.daemon.logging import configure_logging
from scorer.deployment.bridge_deploy import BridgeBuilder, bridge_differences
from scorer.deployment.bridge_document import load_bridge_document
from scorer.deployment.bridge_plan import bridge_plan
from scorer.deployment.document import DeploymentFileError
from scorer.deployment.steps import DeploymentStuck
from scorer.oracle.alarm_reasons import ignore_alarm
from scorer.redaction import clean, shown
from scorer.units import WEI_PER_NANO, coins_text, nano_from_nmr

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
FileArgument = Annotated[Path, typer.Argument(help="The bridge's deployment file (TOML).", exists=True)]
RootOption = Annotated[
    str, typer.Option("--root-endpoint", envvar="CUPEL_RPC_ROOT", help="An RPC endpoint of Ethereum.")
]
ChildOption = Annotated[
    str, typer.Option("--child-endpoint", envvar="CUPEL_RPC_CHILD", help="An RPC endpoint of Polygon.")
]


app.command("latency")(latency)


@contextmanager
def _deployment_errors() -> Iterator[None]:
    """End the command as `user_errors` does, for the errors of deployments too."""
    try:
        with user_errors():
            yield
    except (DeploymentFileError, DeploymentStuck) as error:
        typer.echo(f"cupel: {clean(str(error))}", err=True)
        raise typer.Exit(1) from None


@app.command("run")
def run(
    config: ConfigOption,
    send: SendOption = False,
    cycles: Annotated[int | None, typer.Option(parser=NUMBER, help="End after so many cycles.")] = None,
) -> None:
    """Prove and deliver messages and results, cycle after cycle, until stopped. Anybody may run it."""
    configure_logging()
    with user_errors():
        settings = load_bridge_config(config)
        with bridge_node.relaying(settings, send=send) as daemon:
            bridge_node.run(daemon, settings, cycles=cycles)


@app.command("status")
def status(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Show both ends, the balance between them, and what is left to do; exit code 1 where it is broken."""
    with user_errors(), bridge_node.relaying(load_bridge_config(config), send=False) as daemon:
        daemon.relayer.raise_alarm = ignore_alarm  # what is wrong is printed below
        done = daemon.once()
    if as_json:
        print_json(_document(done))
    else:
        typer.echo("\n".join(_lines(done)))
    raise typer.Exit(0 if done.balance.holds else 1)


def _document(done: RelayCycle) -> dict[str, object]:
    balance, checkpoint = done.balance, done.view.checkpoint
    amounts = {name: str(getattr(balance, name)) for name in ("locked", "supply", "down", "up")}
    return {
        "conserved": balance.holds,
        "breaches": list(balance.breaches()),
        **amounts,
        "root_block": balance.root_block,
        "child_block": balance.child_block,
        "checkpointed": None if checkpoint is None else checkpoint.end,
        "available": str(done.view.available),
        "left": [{"action": title(result.action), "state": result.outcome.text} for result in done.results],
    }


def _lines(done: RelayCycle) -> list[str]:
    balance, checkpoint = done.balance, done.view.checkpoint
    up_to = "none yet" if checkpoint is None else f"up to block {checkpoint.end} of Polygon"
    return [
        f"locked on Ethereum  {coins_text(balance.locked)} NMR at block {balance.root_block}",
        f"supply on Polygon   {coins_text(balance.supply)} NMR at block {balance.child_block}",
        f"in flight           {coins_text(balance.down)} NMR down, {coins_text(balance.up)} NMR up",
        f"checkpoints         {up_to}",
        f"may leave now       {coins_text(done.view.available)} NMR",
        *map(str, done.results),
        *(f"BROKEN: {breach}" for breach in balance.breaches()),
        f"bridge: {'conserved' if balance.holds else 'NOT CONSERVED'}",
    ]


@app.command("transfer")
def transfer(
    config: ConfigOption,
    amount: Annotated[str, typer.Argument(help="NMR, such as 12.5.")],
    to: Annotated[str, typer.Option(help="The receiver's address on the other chain.")],
    home: Annotated[bool, typer.Option("--home", help="From Polygon to Ethereum.")] = False,
    send: SendOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send NMR to the other chain from the configuration's key; approves the lockbox first where needed."""
    with user_errors():
        settings = load_bridge_config(config)
        receiver = _receiver(to)
        wei = nano_from_nmr(amount) * WEI_PER_NANO
        if wei == 0:
            raise ConfigError("amount: expected more than 0 NMR, found 0")
        with bridge_node.relaying(settings, send=send) as daemon:
            say, done = progress(as_json=as_json), []
            for line in bridge_commands.transfer(daemon, receiver, wei, home=home):
                say(line)
                done.append(line)
    if as_json:
        direction = "to Ethereum" if home else "to Polygon"
        print_json({"sent": send, "direction": direction, "to": receiver, "wei": str(wei), "steps": done})


def _receiver(text: str) -> str:
    try:
        return Web3.to_checksum_address(require_address(text))
    except KeyTextError as error:
        raise ConfigError(f"--to: {error}") from None


@app.command("prove")
def prove(
    config: ConfigOption,
    transaction: Annotated[str, typer.Argument(help="Hash of a transaction on Polygon.")],
    log: Annotated[int, typer.Option(parser=NUMBER, help="Place of the log in its receipt, from 0.")] = 0,
) -> None:
    """Print the proof of a log as CheckpointProof.Proof takes it, for any contract on Ethereum."""
    with user_errors():
        settings = load_bridge_config(config)
        print_json(bridge_commands.proof_of(settings, _hash(transaction), log).to_json())


def _hash(text: str) -> bytes:
    digits = text.removeprefix("0x")
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise ConfigError(f"transaction: expected a hash of 64 hexadecimal digits, found {shown(text)}")
    return found


@app.command("deploy")
def deploy(
    file: FileArgument,
    root: RootOption,
    child: ChildOption,
    key: Annotated[Path | None, typer.Option("--key", help="A file with the deployer's key in hex.")] = None,
    keystore: Annotated[Path | None, typer.Option(help="The deployer's encrypted key (keystore).")] = None,
    password_file: Annotated[Path | None, typer.Option(help="The keystore's password.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where journals and bridge.json are.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Deploy both ends, or go on where a deployment was interrupted; writes bridge.json."""
    with _deployment_errors():
        document = load_bridge_document(file)
        signer = key_of(key, keystore, password_file).signer()
        ends = connect(root, document.root.chain_id), connect(child, document.child.chain_id)
        plan = bridge_plan(document, signer.address)
        say = progress(as_json=as_json)
        for name, end in (("root", plan.root), ("child", plan.child)):
            for label, address in end.addresses.items():
                say(f"{name}.{label}: {end.contracts[label]} at {address}")
        if not yes:
            typer.confirm("Send what is left of these on both chains?", abort=True, err=as_json)
        folder = out or file.parent / f"{document.name}-{document.instance}"
        folder.mkdir(parents=True, exist_ok=True)
        BridgeBuilder(*ends, plan, signer, folder, say).run()
    if as_json:
        places = {"root": plan.root.addresses, "child": plan.child.addresses}
        print_json({"folder": str(folder), **places})


@app.command("check")
def check(
    file: FileArgument,
    bridge: Annotated[Path, typer.Option(help="bridge.json of the deployment.", exists=True)],
    deployer: Annotated[str, typer.Option(help="The address that deployed.")],
    root: RootOption,
    child: ChildOption,
    as_json: JsonOption = False,
) -> None:
    """List what differs between a bridge's file and both chains; exit code 1 where anything does."""
    with _deployment_errors():
        document = load_bridge_document(file)
        if not Web3.is_checksum_address(deployer):
            raise ConfigError(f"--deployer: expected a checksummed address, found {shown(deployer)}")
        ends = connect(root, document.root.chain_id), connect(child, document.child.chain_id)
        differing = list(bridge_differences(bridge_plan(document, deployer), read_bridge(bridge), *ends))
    if as_json:
        found = {"name": document.name, "agrees": not differing, "differences": list(map(str, differing))}
        print_json(found)
        raise typer.Exit(1 if differing else 0)
    for difference in differing:
        typer.echo(str(difference))
    typer.echo(f"check: {document.name} {f'DIFFERS in {len(differing)} places' if differing else 'agrees'}")
    raise typer.Exit(1 if differing else 0)
