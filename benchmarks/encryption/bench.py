"""How long it takes to encrypt predictions, and to decide on a round of them: ``make bench-encryption``.

The floor beside it, in the same run and block by block: ChaCha20-Poly1305 alone over the same payloads, once
each way, which no format can do without. Some envelopes are encrypted and then decided on over and over, as
many as a round has: every one is parsed, opened and checked each time, so that memory holds few. Ends with 1
where encrypting takes more than 50 ms, or deciding on 10,000 envelopes more than 60 s of CPU time. CPU time,
because all of it is computing: on cores of its own it takes no longer by the clock, and a machine that others
use at the same time does not fail it.
"""

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from scorer.encryption import (
    EncryptedSubmission,
    Envelope,
    EnvelopeState,
    Identity,
    MemberKeys,
    RoundContext,
    decrypt_round,
    encrypt_predictions,
    parse_envelope,
    read_release,
    release_shares,
    statements,
    write_release,
)

IDS: Final = 6_000
MEMBERS: Final = 7
THRESHOLD: Final = 5
BLOCK: Final = 500
"""Distinct envelopes, of as many models."""
MOST_ENCRYPT_MS: Final = 50.0
MOST_SECONDS: Final = 60.0
OUT: Final = Path("build/bench/encryption.json")
ROUND: Final = RoundContext(137, "0x5FbDB2315678afecb367f032d93F642f64180aa3", 7)
UNIVERSE: Final = tuple(f"n{number:015x}" for number in range(IDS))


class Stages:
    """Wall time by stage, seconds."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of a block."""
        before = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - before


def floor(payloads: Sequence[bytes]) -> None:
    """Encrypt once and decrypt once, as every member must at least to check a payload."""
    nonce = bytes(12)
    for payload in payloads:
        cipher = ChaCha20Poly1305(bytes(32))
        cipher.decrypt(nonce, cipher.encrypt(nonce, payload, None), None)


def made(count: int, keys: MemberKeys) -> tuple[list[EncryptedSubmission], float]:
    """Submissions of so many models, and the median of the milliseconds that encrypting one took."""
    stream = np.random.default_rng(1)
    found, times = [], []
    for model in range(count):
        predictions = stream.random(IDS)
        before = time.perf_counter()
        found.append(encrypt_predictions(UNIVERSE, predictions, ROUND, model, keys))
        times.append(1e3 * (time.perf_counter() - before))
    return found, median(times)


def released(envelopes: Sequence[Envelope], identities: Sequence[Identity]) -> list[bytes]:
    """The files of the members that release beside the last one, which decides."""
    releases = (release_shares(envelopes, place, identities[place])[0] for place in range(THRESHOLD - 1))
    return [write_release(each) for each in releases]


def decide(
    submissions: Sequence[EncryptedSubmission],
    files: Sequence[bytes],
    identities: Sequence[Identity],
    stages: Stages,
    threads: int | None,
) -> None:
    """One member's work on a block: parse, open its boxes, read the others' releases, decide."""
    keys, own = submissions[0].context.members, MEMBERS - 1
    with stages.timed("parse"):
        envelopes = [parse_envelope(each.content, each.context) for each in submissions]
        for each in envelopes:
            assert len(each.hash) == 32
    with stages.timed("open own boxes"):
        release, _ = release_shares(envelopes, own, identities[own], threads=threads)
        write_release(release)
    with stages.timed("read releases"):
        releases = [
            read_release(file, ROUND, keys, author, own, identities[own]) for author, file in enumerate(files)
        ]
    with stages.timed("combine, decrypt, check"):
        said = statements(envelopes, [*releases, release])
        for found in decrypt_round(envelopes, said, UNIVERSE, threads=threads):
            assert found.state == EnvelopeState.VALID


@dataclass(frozen=True)
class Figures:
    """What was measured; seconds by the clock unless the name says otherwise."""

    envelopes: int
    envelope_bytes: int
    encrypt_ms: float
    threads: int
    seconds: float
    cpu_seconds: float
    floor_seconds: float
    ratio_to_floor: float
    stages: dict[str, float]


def measure(count: int, threads: int | None) -> Figures:
    """Encrypt a block, and decide on it until so many envelopes are decided; the figures."""
    identities = [Identity.generate() for _ in range(MEMBERS)]
    keys = MemberKeys(tuple(each.public for each in identities), THRESHOLD)
    submissions, encrypting = made(min(BLOCK, count), keys)
    files = released([parse_envelope(each.content, each.context) for each in submissions], identities)
    payloads = [np.random.default_rng(2).random(IDS).tobytes()] * len(submissions)
    stages, cpu, decided = Stages(), 0.0, 0
    while decided < count:
        with stages.timed("floor"):
            floor(payloads)
        before = time.process_time()
        decide(submissions, files, identities, stages, threads)
        cpu += time.process_time() - before
        decided += len(submissions)
    least = stages.seconds.pop("floor")
    total = sum(stages.seconds.values())
    return Figures(
        decided,
        submissions[0].context.size,
        round(encrypting, 2),
        threads or len(os.sched_getaffinity(0)),
        round(total, 2),
        round(cpu, 2),
        round(least, 2),
        round(total / least, 1),
        {name: round(each, 2) for name, each in stages.seconds.items()},
    )


def main() -> int:
    """Print and keep the figures; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--envelopes", type=int, default=10_000)
    parser.add_argument("--threads", type=int)
    chosen = parser.parse_args()
    found = measure(chosen.envelopes, chosen.threads)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(asdict(found), indent=1) + "\n")
    print(json.dumps(asdict(found), indent=1))
    most = MOST_SECONDS * found.envelopes / 10_000
    print(f"encrypting {found.encrypt_ms} ms, at most {MOST_ENCRYPT_MS}")
    print(f"deciding {found.cpu_seconds} s of CPU time, at most {most}; by the clock {found.seconds} s")
    return 0 if found.encrypt_ms <= MOST_ENCRYPT_MS and found.cpu_seconds <= most else 1


if __name__ == "__main__":
    sys.exit(main())
