"""The servers that a gateway knows: which tournament each is of, and by which key it signs receipts."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scorer.chain.records import Addresses
from scorer.errors import CupelError
from scorer.files import write_whole
from scorer.redaction import shown_path


class ServerChanged(CupelError):
    """A server says that it is of another tournament than it should be, or signs by another key."""


@dataclass(frozen=True)
class ServerIdentity:
    """A tournament, and the key by which its server signs receipts."""

    chain_id: int
    tournament: str
    server: str

    @property
    def place(self) -> tuple[int, str]:
        """The chain and the tournament's address."""
        return self.chain_id, self.tournament


@dataclass(frozen=True)
class KnownServers:
    """A file with the identity of every server that a gateway was ever started for.

    A server can name any tournament, and a signature for that one is what it gets. So its word is taken once,
    and only where the user's own deployment file says no other.
    """

    path: Path

    def require(self, url: str, found: ServerIdentity, addresses: Addresses | None) -> None:
        """Refuse a server that is not the one it was, or not of the user's deployment.

        Raises
        ------
        ServerChanged
            Names what was expected, and what was found.
        """
        known = self._read()
        first = ServerIdentity(**known[url]) if url in known else None
        if addresses is not None:
            own = ServerIdentity(addresses.chain_id, addresses.tournament, found.server)
            _require_equal(url, own, found, "as the deployment file says")
            if first is not None and first.place != own.place:
                first = None  # the user has another deployment now
        if first is not None:
            where = f"as at the first start; edit {shown_path(self.path)} if the operator confirms it"
            _require_equal(url, first, found, where)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps({**known, url: asdict(found)}, indent=1).encode())

    def _read(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise ServerChanged(
                f"{shown_path(self.path)}: expected the servers that this gateway knows, found no JSON; "
                "remove it only if you know the server's tournament"
            ) from None
        return known


def require_contracts(url: str, own: Addresses, found: Addresses) -> None:
    """Refuse a server that names other contracts than the user's deployment file.

    A wallet that signs for the tournament and pays a token of the server's choice is robbed all the same, so
    every address counts.

    Raises
    ------
    ServerChanged
        Names the first that differs.
    """
    for name, expected in vars(own).items():
        named = getattr(found, name)
        if named != expected:
            raise ServerChanged(
                f"{url}: expected {name} {expected}, as your deployment file says, found {named}; ask the "
                "operator elsewhere which is right, and name that file with --deployment"
            )


def _require_equal(url: str, expected: ServerIdentity, found: ServerIdentity, where: str) -> None:
    if found != expected:
        raise ServerChanged(
            f"{url}: expected the tournament {expected.tournament} of chain {expected.chain_id} and receipts "
            f"signed by {expected.server}, {where}; found {found.tournament}, {found.chain_id} and "
            f"{found.server}"
        )
