"""A process that deploys, to be killed: python -m tests.deployment.worker ENDPOINT FOLDER KEY."""

import sys
from pathlib import Path

from scorer.chain.anvil import CHAIN_ID
from scorer.chain.endpoint import connect
from scorer.chain.signers import key_signer
from scorer.deployment.blueprint import blueprint
from scorer.deployment.deploy import Builder
from tests.deployment.files import read


def deploy(endpoint: str, folder: str, key: str) -> None:
    """Deploy the file of the tests."""
    signer = key_signer(bytes.fromhex(key))
    plan = blueprint(read(), signer.address)
    Builder(connect(endpoint, CHAIN_ID), plan, signer, Path(folder), poll=0.01).run()


if __name__ == "__main__":
    deploy(*sys.argv[1:])
