"""The process that signs, as the web process starts it: ``python -m scorer.server.sign server.toml``."""

import os
import sys
import threading
import time
from pathlib import Path

from scorer.client.signing_service import SigningService
from scorer.daemon.deployment_file import read_deployment
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.server.configuration import ServerConfig, load_server_config


def sign(config: ServerConfig) -> None:
    """Answer at the socket until the process is ended."""
    addresses = read_deployment(config.at(config.chain.deployment))
    service = SigningService(config.wallet(), addresses.chain_id, addresses.tournament)
    service.serve(config.at(config.signer.socket))


def end_with_parent() -> None:
    """End this process soon after the one that started it, however that ends."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    forbid_core_dumps()
    clean_tracebacks()
    end_with_parent()
    sign(load_server_config(Path(sys.argv[1])))
