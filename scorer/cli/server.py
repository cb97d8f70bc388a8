"""``cupel server``: run the server of a tournament."""

import shlex
import threading
from pathlib import Path
from typing import Annotated

import typer

from scorer.cli.common import JsonOption, answer, user_errors
from scorer.cli.numbers import whole
from scorer.daemon.logging import configure_logging
from scorer.redaction import shown
from scorer.server.configuration import ServerConfig, load_server_config
from scorer.server.errors import ApiError
from scorer.server.services import Services
from scorer.server.serving import now, run_web, run_worker
from scorer.server.setup import CONFIG, Preset, SetupOptions, back_up, set_up

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

ServerOption = Annotated[
    Path, typer.Option("--config", envvar="CUPEL_SERVER", help="server.toml of the server.", exists=True)
]


@app.command("init")
def initialise(
    folder: Annotated[Path, typer.Argument(help="A new folder for everything that the server keeps.")],
    endpoint: Annotated[str, typer.Option(envvar="CUPEL_RPC_URL", help="An RPC endpoint of the chain.")],
    deployment: Annotated[
        Path, typer.Option(envvar="CUPEL_DEPLOYMENT", help="deployment.json or manifest.json.", exists=True)
    ],
    inbox: Annotated[Path, typer.Option(help="The operator's inbox.")],
    published: Annotated[Path, typer.Option(help="The folder in which the operator publishes rounds.")],
    bundles: Annotated[list[Path], typer.Option(help="A member's folder of rounds; may be repeated.")],
    preset: Annotated[str, typer.Option(help="class or fund: by invitation; dao: open to all.")] = "class",
    name: Annotated[str, typer.Option(help="What the tournament is called.")] = "tournament",
    kind: Annotated[
        str, typer.Option(help="classic, signals or crypto: whose clients it is for.")
    ] = "classic",
    url: Annotated[str | None, typer.Option(help="The public URL; by default this machine's.")] = None,
    port: Annotated[int, typer.Option(parser=whole(1, 65_535), help="Where the server listens.")] = 8700,
    host: Annotated[str, typer.Option(help="The address at which it listens.")] = "127.0.0.1",
    metrics_port: Annotated[
        int | None,
        typer.Option(parser=whole(1, 65_535), help="Where Prometheus asks, on this machine alone."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of the data set's versions.")] = None,
    custodian: Annotated[
        str | None, typer.Option(help="The address that owns models held for accounts without a wallet.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            envvar="CUPEL_DATABASE",
            help="postgresql+psycopg://user@host/name, by environment if it has a password; else SQLite.",
        ),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(help="s3://bucket/prefix for uploads; by default they are in the folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make configuration, key and database in one folder. Run again, it migrates the database."""
    chosen: Preset = "fund" if preset == "fund" else "dao" if preset == "dao" else "class"
    with user_errors():
        if preset != chosen:
            raise ApiError("--preset: expected class, fund or dao, found another")
        public = url or f"http://127.0.0.1:{port}"
        places = (deployment, inbox, published, tuple(bundles), data)
        options = SetupOptions(
            *(chosen, name, kind, public, endpoint, *places, custodian, port),
            host=host,
            metrics_port=metrics_port,
            database=database,
            objects=objects,
        )
        config = set_up(folder, options)
    url, signer, path = config.tournament.url, config.signer.address, folder / CONFIG
    answer(
        {"url": url, "signer": signer, "configuration": str(path)},
        f"server: {url}, signs as {signer}",
        f"run it: cupel server run --config {shlex.quote(str(path))}",
        as_json=as_json,
    )


@app.command("run")
def run(
    config: ServerOption,
    work: Annotated[bool, typer.Option(help="Follow the chain in this process too.")] = True,
    signer: Annotated[bool, typer.Option(help="Start the process that signs too.")] = True,
) -> None:
    """Serve the API; alone, this is the whole server."""
    configure_logging()
    with user_errors():
        run_web(load_server_config(config), works=work, signs=signer)


@app.command("work")
def work(
    config: ServerOption,
    steps: Annotated[int | None, typer.Option(parser=whole(1, 10**9), help="End after so many.")] = None,
) -> None:
    """Follow the chain, apart from the web process."""
    configure_logging()
    with user_errors():
        run_worker(load_server_config(config), threading.Event(), steps=steps)


@app.command("sign")
def sign(config: ServerOption) -> None:
    """Hold the server's key, and sign receipts and submissions for the web process."""
    with user_errors():
        load_server_config(config).signing_place().serve()


@app.command("rebuild")
def rebuild(config: ServerOption, as_json: JsonOption = False) -> None:
    """Make rounds, scores, payouts and leaderboards anew from chain and bundles; nothing else is touched."""
    configure_logging()
    with user_errors():
        loaded = load_server_config(config)
        database = loaded.open_database()
        database.require_current()
        progress = loaded.parts().follower(loaded.suite(), database).rebuild()
        database.close()
    block, waiting = progress.block.number, list(progress.waiting)
    lines = [f"server: as of block {block}, {len(progress.scored)} rounds scored"]
    if waiting:
        lines.append(f"server: no bundle yet of {', '.join(map(str, waiting))}")
    document = {"block": block, "scored": len(progress.scored), "without_bundle": waiting}
    answer(document, *lines, as_json=as_json)


@app.command("backup")
def backup(
    config: ServerOption,
    target: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    as_json: JsonOption = False,
) -> None:
    """Copy all that the server keeps, while it runs."""
    with user_errors():
        back_up(load_server_config(config), target)
    answer({"copy": str(target)}, f"server: copied to {target}", as_json=as_json)


@app.command("invite")
def invite(
    config: ServerOption,
    note: Annotated[str, typer.Option(help="For whom, as a reminder.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Print an invitation, which opens one account within 30 days."""
    with user_errors():
        loaded = load_server_config(config)
        code = _services(loaded).accounts.invite(note)
    answer({"invitation": code, "server": loaded.tournament.url}, code, as_json=as_json)


@app.command("hold")
def hold(
    config: ServerOption,
    model: Annotated[int, typer.Argument(parser=whole(1, 10**9), help="A model that the custodian owns.")],
    username: Annotated[str, typer.Argument(help="The account that may submit for it.")],
    as_json: JsonOption = False,
) -> None:
    """Hold a model for an account without a wallet, until its owner has one."""
    with user_errors():
        accounts = _services(load_server_config(config)).accounts
        account, held = accounts.by_name(username), accounts.model(model)
        if account is None:
            raise ApiError(f"hold: expected an account of this server, found none named {shown(username)}")
        if held is None:
            raise ApiError(
                f"hold: expected a registered model, found no model {model} in a final block that the server "
                "has read; if it was registered just now, try again in a minute"
            )
        if held.owner != accounts.custodian:
            raise ApiError(
                f"hold: expected a model that the custodian {accounts.custodian} owns, "
                f"found one of {held.owner}"
            )
        accounts.edit_model(model, account=account.id)
    document = {"model": model, "account": account.username}
    answer(document, f"server: model {model} is held for {account.username}", as_json=as_json)


def _services(config: ServerConfig) -> Services:
    database = config.open_database()
    database.require_current()
    return config.parts().services(config.suite(), database, now)
