"""The process that signs, as the web process starts it: ``python -m scorer.server.sign server.toml``."""

import sys
from pathlib import Path

from scorer.client.signing_process import end_with_parent
from scorer.client.signing_service import SigningService
from scorer.daemon.deployment_file import read_deployment
from scorer.process import clean_tracebacks, forbid_core_dumps
from scorer.server.configuration import ServerConfig, load_server_config


def sign(config: ServerConfig) -> None:
    """Answer at the socket until the process is ended."""
    addresses = read_deployment(config.at(config.chain.deployment))
    service = SigningService(config.wallet(), addresses.chain_id, addresses.tournament)
    service.serve(config.at(config.signer.socket))


if __name__ == "__main__":
    forbid_core_dumps()
    clean_tracebacks()
    end_with_parent()
    sign(load_server_config(Path(sys.argv[1])))
