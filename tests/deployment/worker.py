"""A process that deploys, to be killed: python -m tests.deployment.worker ENDPOINT FOLDER KEY."""

import sys
from pathlib import Path

from scorer.chain.endpoint import LOCAL_CHAIN_ID, connect
from scorer.deployment.blueprint import blueprint
from scorer.deployment.deploy import Builder
from scorer.transactions.signers import key_signer
from tests.deployment.files import read


def deploy(endpoint: str, folder: str, key: str) -> None:
    """Deploy the file of the tests."""
    signer = key_signer(bytes.fromhex(key))
    plan = blueprint(read(), signer.address)
    Builder(connect(endpoint, LOCAL_CHAIN_ID), plan, signer, Path(folder), poll=0.01).run()


if __name__ == "__main__":
    deploy(*sys.argv[1:])
