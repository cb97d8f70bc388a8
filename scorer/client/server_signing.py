"""Holds a server's key in a process of its own: ``python -m scorer.client.server_signing PLACE``.

The server starts it, and it ends with the server. It imports nothing of the server, whose libraries take
many seconds to read on a machine that is busy.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from scorer.client.keystore import Wallet
from scorer.client.signing_process import end_with_parent
from scorer.client.signing_service import SigningService
from scorer.errors import CupelError
from scorer.files import SecretExposed, one_line, read_secret
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.redaction import remember, shown_path


class PasswordUnread(CupelError):
    """The file of a password cannot be read, or others can read it."""


@dataclass(frozen=True)
class SigningPlace:
    """The files of a server's key, the socket at which it is asked to sign, and the tournament."""

    keystore: str
    password_file: str
    socket: str
    chain_id: int
    tournament: str

    def command(self) -> list[str]:
        """Return the command of a process that signs here."""
        return [sys.executable, "-m", "scorer.client.server_signing", json.dumps(asdict(self))]

    def serve(self) -> None:
        """Answer at the socket until the process is ended."""
        wallet = Wallet(Path(self.keystore), self._password)
        SigningService(wallet, self.chain_id, self.tournament).serve(Path(self.socket))

    def _password(self) -> str:
        path = Path(self.password_file)
        try:
            password = read_secret(path, one_line)
        except (OSError, SecretExposed) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise PasswordUnread(f"{shown_path(path)}: expected a password, found {reason}") from None
        remember(password)
        return password


def main(place: str) -> int:
    """Sign as the child of a server; the exit code."""
    forbid_core_dumps()
    clean_tracebacks()
    end_with_parent()
    try:
        SigningPlace(**json.loads(place)).serve()
    except CupelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
