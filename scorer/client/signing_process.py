"""A process that holds a submitter's key and signs submissions for another, which never has it.

``python -m scorer.client.signing_process``, with a JSON document on standard input.
"""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from scorer.client.keystore import KeystoreError, Wallet
from scorer.client.signing_service import SigningClient, SigningService, SigningUnavailable
from scorer.files import SecretExposed, one_line, read_secret
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.protocol.signature import SubmissionDigest
from scorer.redaction import remember, shown_path

READY: Final = 60.0
"""Seconds that a keystore may take to open: that is slow on purpose."""
POLL: Final = 0.05


@dataclass(frozen=True)
class SigningOptions:
    """The key of a submitter, what is signed with it, and the socket at which it is asked.

    Attributes
    ----------
    socket
        Its folder is made, for this user alone.
    """

    keystore: str
    password_file: str
    chain_id: int
    tournament: str
    socket: str

    @property
    def wallet(self) -> Wallet:
        """The keystore; it is opened when it is used."""
        return Wallet(Path(self.keystore), lambda: _password(Path(self.password_file)))


def _password(path: Path) -> str:
    try:
        password = read_secret(path, one_line)
    except (OSError, SecretExposed, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KeystoreError(f"{shown_path(path)}: expected a password, found {reason}") from None
    remember(password)
    return password


@dataclass
class SubmitterProcess:
    """The process that signs, started anew when it has ended.

    Attributes
    ----------
    address
        The address of its key, as the keystore states it.
    """

    options: SigningOptions
    _child: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """The checksummed address of the key."""
        return self.options.wallet.address

    def sign_submission(self, digest: SubmissionDigest) -> bytes:
        """Return the signature of a submission, 65 bytes; raises `SigningUnavailable`."""
        self.start()
        return SigningClient(Path(self.options.socket), self.address).sign_submission(digest)

    def start(self) -> None:
        """Start it, unless it runs, and wait until it can be asked.

        Raises
        ------
        SigningUnavailable
            When it does not come up: it says why on standard error.
        """
        self.begin()
        if self._child is not None:
            _await(Path(self.options.socket), self._child)

    def begin(self) -> None:
        """Start it, unless it runs; it opens the keystore meanwhile, which is slow on purpose."""
        if self._child is not None and self._child.poll() is None:
            return
        socket = Path(self.options.socket)
        socket.unlink(missing_ok=True)
        self._child = subprocess.Popen(  # noqa: S603 - this interpreter, on a module of ours
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE
        )
        if self._child.stdin is not None:
            self._child.stdin.write(json.dumps(asdict(self.options)).encode())
            self._child.stdin.close()

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()
            self._child = None


def _await(socket: Path, child: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY
    while not socket.exists():
        if child.poll() is not None or time.monotonic() > until:
            raise SigningUnavailable("signing process: expected it to start, found that it ended; see above")
        time.sleep(POLL)


def end_with_parent() -> None:
    """End this process soon after the one that started it, however that ends."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Answer at the socket until the process is ended."""
    forbid_core_dumps()
    clean_tracebacks()
    end_with_parent()
    options = SigningOptions(**json.load(sys.stdin))
    service = SigningService(options.wallet, options.chain_id, options.tournament, signs_receipts=False)
    try:
        service.serve(Path(options.socket))
    except KeystoreError as error:
        sys.exit(f"cupel: {error}")


if __name__ == "__main__":
    main()
