"""Small models of every kind, and a node that runs them in a small tournament."""

import json
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from scorer.compute.assembly import AssembledNode, assembled
from scorer.compute.configuration import ComputeConfig, load_compute_config
from scorer.compute.job import JobLimits, JobResult, ModelJob, ModelKind
from scorer.compute.providers.local import LocalProvider
from scorer.compute.providers.protocol import JobState
from scorer.compute.record import make_readable
from scorer.protocol.signature import SubmissionDigest
from scorer.storage.bundle import Bundle, round_folder
from tests.waiting import eventually
from tests.world import World

PYTHON = Path(sys.executable)
FAST = """
import os
import pyarrow.parquet as pq
import pyarrow as pa
ids = pq.read_table("/in/live.parquet").column("id").to_pylist()
"""
WRITE = """
pq.write_table(pa.table({"id": ids, "prediction": values}), "/out/predictions.parquet")
"""
GOOD = FAST + "values = [(place + 0.5) / len(ids) for place in range(len(ids))]\n" + WRITE
NAN = FAST + "values = [float('nan')] * len(ids)\n" + WRITE


def write_live(folder: Path, ids: tuple[str, ...]) -> None:
    """Write live data of two features into a folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    columns = {name: random.random(len(ids)) for name in ("feature_a", "feature_b")}
    pq.write_table(pa.table({"id": list(ids), **columns}), folder / "live.parquet")
    make_readable(folder)


def script(folder: Path, source: str) -> Path:
    """Write a model of one script."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(source)
    make_readable(folder)
    return folder


def safetensors(folder: Path, tensors: Mapping[str, Any]) -> Path:
    """Write a file of safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    header, content = {}, b""
    for name, values in tensors.items():
        part = np.asarray(values, dtype="<f8").tobytes()
        shape = list(np.shape(values))
        header[name] = {
            "dtype": "F64",
            "shape": shape,
            "data_offsets": [len(content), len(content) + len(part)],
        }
        content += part
    encoded = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(encoded)) + encoded + content)
    return folder


def job(inputs: Path, code: Path, key: str = "one", **changes: Any) -> ModelJob:
    """A job that runs a script."""
    given: dict[str, Any] = {
        "kind": ModelKind.SCRIPT,
        "entry": "model.py",
        "seconds": 120.0,
        "limits": JobLimits(),
    }
    return ModelJob(key, inputs, code, PYTHON, **(given | changes))


def result_of(provider: LocalProvider, given: ModelJob) -> JobResult:
    """Run a job to its end."""
    provider.submit(given)
    eventually(lambda: provider.status(given.key) is JobState.ENDED, "an end", given.seconds + 60)
    result = provider.result(given.key)
    assert result is not None
    provider.forget(given.key)
    return result


@dataclass(frozen=True)
class KnownSigner:
    """Signs with an owner's key; the process that does so is tested for itself."""

    world: World
    model: int = 1

    @property
    def address(self) -> str:
        return str(self.world.participants[self.model - 1].account.address)

    def sign_submission(self, digest: SubmissionDigest) -> bytes:
        return digest.sign(bytes(self.world.participants[digest.model_id - 1].account.key))


@dataclass(frozen=True)
class Site:
    """A node's folder in a world."""

    world: World
    folder: Path

    def write(self, models: list[dict[str, Any]], **sections: Any) -> ComputeConfig:
        """Write compute.toml, and read it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "deployment.json").write_text(json.dumps(self.world.suite.addresses.to_json()))
        document: dict[str, Any] = {
            "chain": {
                "endpoint": self.world.anvil.url,
                "chain_id": self.world.suite.addresses.chain_id,
                "deployment": "deployment.json",
            },
            "submitter": {"keystore": "key.json", "password_file": "password"},
            "rounds": {"published": str(self.world.operator.published)},
            "submit": {"inbox": str(self.world.operator.inbox), "in_the_clear": True},
            "run": {"interval": 0.05, "pause": 0, "margin": 1},
            "models": models,
        }
        for name, changes in sections.items():
            document[name] = {**document.get(name, {}), **changes}
        (self.folder / "compute.toml").write_text(tomli_w.dumps(document))
        return load_compute_config(self.folder / "compute.toml")

    def open(self) -> int:
        """Open a round whose live data are published, and let that be final."""
        self.world.operator.inbox.mkdir(parents=True, exist_ok=True)
        round_id = self.world.open()
        write_live(self.published(round_id), self.world.ids)
        self.world.anvil.finalise()
        return round_id

    def published(self, round_id: int) -> Path:
        """The folder in which the operator published a round."""
        return round_folder(self.world.operator.published, str(self.world.suite.tournament.address), round_id)

    def inbox(self, round_id: int, model: int) -> list[Path]:
        """The submissions of a model in the operator's inbox."""
        folder = round_folder(self.world.operator.inbox, str(self.world.suite.tournament.address), round_id)
        found = folder.glob(f"{model}.*") if folder.is_dir() else ()
        return sorted(path for path in found if not path.name.endswith(".signature.json"))

    def arrive(self, round_id: int) -> None:
        """Let what is in the inbox have arrived at the chain's time, which is not this machine's."""
        folder = round_folder(self.world.operator.inbox, str(self.world.suite.tournament.address), round_id)
        for path in folder.iterdir():
            os.utime(path, (self.world.now, self.world.now))

    def bundle(self, round_id: int) -> Bundle:
        return Bundle(self.published(round_id))

    @contextmanager
    def node(self, config: ComputeConfig) -> Iterator[AssembledNode]:
        """A node that signs with the owners' keys."""
        with assembled(config, KnownSigner(self.world)) as node:
            yield node


def model(
    number: int, folder: Path, kind: ModelKind = ModelKind.SCRIPT, entry: str = "model.py", **more: Any
) -> dict[str, Any]:
    """A section of the configuration."""
    named = {"model": number, "folder": str(folder), "kind": str(kind), "entry": entry, "python": str(PYTHON)}
    return {**named, **more}
