"""Sets a server up in one folder, and copies what it holds."""

import re
import secrets
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
import tomli_w

from scorer.client.keystore import new_key, write_keystore
from scorer.daemon.config_errors import ConfigError
from scorer.files import OWNER_ONLY, write_secret, write_whole
from scorer.server.configuration import DATABASE, STORE, ServerConfig, load_server_config
from scorer.server.database import Database
from scorer.server.object_store import try_store

CONFIG: Final = "server.toml"
Preset = Literal["class", "fund", "dao"]
PRIVATE: Final = {"class": True, "fund": True, "dao": False}
"""A class and a fund invite; everybody may take part in a tournament of a DAO."""


@dataclass(frozen=True)
class SetupOptions:
    """Choices with which a server is set up."""

    preset: Preset
    name: str
    kind: str
    url: str
    endpoint: str
    deployment: Path
    inbox: Path
    published: Path
    bundles: tuple[Path, ...]
    data: Path | None = None
    custodian: str | None = None
    port: int = 8700
    host: str = "127.0.0.1"
    metrics_port: int | None = None
    private_webhooks: bool = False
    interval: float = 15.0
    database: str | None = None
    objects: str | None = None

    def document(self, signer: str) -> dict[str, Any]:
        """Return the configuration as a document."""
        paths = {"inbox": self.inbox, "published": self.published, "data": self.data}
        folders = {name: str(path.resolve()) for name, path in paths.items() if path is not None}
        tournament: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "url": self.url,
            "private": PRIVATE[self.preset],
        }
        if self.private_webhooks:
            tournament["private_webhooks"] = True
        listen = {"host": self.host, "port": self.port, "interval": self.interval}
        if self.metrics_port is not None:
            listen["metrics_port"] = self.metrics_port
        if self.objects is not None:
            folders["objects"] = self.objects
        return {
            **({} if self.database is None else {"database": self.database}),
            "tournament": tournament | ({"custodian": self.custodian} if self.custodian else {}),
            "chain": {"endpoint": self.endpoint, "deployment": str(self.deployment.resolve())},
            "folders": {
                **folders,
                "bundles": [str(path.resolve()) for path in self.bundles],
            },
            "signer": {"address": signer},
            "listen": listen,
        }


def set_up(folder: Path, options: SetupOptions) -> ServerConfig:
    """Make configuration, key, secret and database; what is there already is kept.

    A folder that was set up before is only brought to this release's schema.
    """
    path = folder / CONFIG
    if not path.exists():
        _require_stores(options)
        folder.mkdir(parents=True, exist_ok=True)
        password = secrets.token_urlsafe(32)
        write_secret(folder / "signer.password", password + "\n")
        signer = write_keystore(folder / "signer.json", new_key(), password)
        write_secret(folder / "url.secret", secrets.token_hex(32) + "\n")
        mode = 0o666 if options.database is None else OWNER_ONLY  # its password may stand there
        write_whole(path, tomli_w.dumps(options.document(signer)).encode(), mode=mode)
    config = load_server_config(path)
    database = config.open_database()
    database.migrate()
    database.close()
    return config


def _require_stores(options: SetupOptions) -> None:
    """Refuse a database or an object store that cannot be used, before anything is written.

    Raises
    ------
    ConfigError
        Says what is expected in place of it.
    """
    if options.database is not None:
        if re.match(DATABASE, options.database) is None:
            raise ConfigError("database: expected a URL of the scheme postgresql+psycopg, found another")
        _try_database(options.database)
    if options.objects is not None:
        if re.match(STORE, options.objects) is None:
            raise ConfigError("objects: expected a URL of the scheme s3 with a bucket's name, found another")
        try_store(options.objects)


def _try_database(url: str) -> None:
    try:
        database = Database.open(url)
        with database.reading():
            pass
        database.close()
    except ModuleNotFoundError:
        raise ConfigError(
            "database: expected the package psycopg, found none; pip install 'cupel[postgresql]'"
        ) from None
    except sa.exc.SQLAlchemyError as error:
        raise ConfigError(
            "database: expected one that can be reached, found that it cannot "
            f"({type(error).__name__}); check host, name, user and password"
        ) from None


def back_up(config: ServerConfig, target: Path) -> None:
    """Copy database, uploads, configuration, key and secret into a new folder, while the server runs.

    Uploads in an object store stay there: nothing in it is ever changed, or removed once it was submitted.

    To restore, put the copy where the folder was, and run ``cupel server rebuild``.

    Raises
    ------
    ConfigError
        When the target is there already, or the database is PostgreSQL.
    """
    if target.exists():
        raise ConfigError(f"{target}: expected a folder that is not there yet, found one; name another")
    if config.database is not None:
        raise ConfigError("database: expected SQLite, found PostgreSQL; use pg_dump, and copy the folder")
    target.mkdir(parents=True, mode=0o700)
    files = (CONFIG, config.signer.keystore, config.signer.password_file, config.secret_file)
    for file in files:
        shutil.copy2(config.at(Path(file)), target / Path(file).name)
    with (
        closing(sqlite3.connect(config.at(Path("server.sqlite")))) as source,
        closing(sqlite3.connect(target / "server.sqlite")) as copy,
    ):
        source.backup(copy)  # of one moment, whoever writes meanwhile
    blobs = config.at(config.folders.files) / "blobs"
    if blobs.is_dir():  # after the database: what it names is there
        shutil.copytree(blobs, target / "files" / "blobs")
