"""What a journal of a year costs: every look-up that a cycle makes, and the size of its file.

365 rounds of 100,000 models in 100 chunks each: 36,500 acts of 8.7 kB, twice (the call, and its signed
bytes), as the first releases kept them; then migrated, then pruned. Beside each look-up stands one select by
primary key in the same file and run. ``python benchmarks/journal/bench.py [rounds] [chunks]`` for another
size. Written to build/bench/journal.json; exit code 1 where a look-up takes more than `MOST_MS`.
"""

import gc
import json
import shutil
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from scorer.transactions.journal import Journal
from tests.transactions import old_journal

OUT = Path("build/bench/journal")
SCOPE = "137:0x" + "Ab" * 20
ACCOUNT = "0x" + "Cd" * 20
BYTES = bytes(8_700)
MOST_MS = 50.0
REPEATS = 7
DAY = 86_400
UNFINISHED = 3


def main(rounds: int, chunks: int) -> int:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    path = OUT / "journal.sqlite"
    fill(path, rounds, chunks)
    results: dict[str, Any] = {
        "rounds": rounds,
        "chunks": rounds * chunks,
        "mb_of_version_1": megabytes(path),
    }
    began = time.perf_counter()
    with Journal.open(path) as journal:
        results["migration_s"] = round(time.perf_counter() - began, 1)
        results["whole"] = looked_up(journal, path, rounds)
        began = time.perf_counter()
        over = [each for each in journal.whole_rounds(SCOPE) if each <= rounds - UNFINISHED]
        for start in range(0, len(over), 20):
            journal.prune(SCOPE, over[start : start + 20], 10**9, 0)
        results["pruning_s"] = round(time.perf_counter() - began, 1)
        results["mb_migrated"] = megabytes(path)
    with Journal.open(path) as journal:
        results["mb_pruned"] = megabytes(path)
        results["pruned"] = looked_up(journal, path, rounds)
    (OUT.parent / "journal.json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    slowest = max(each["ms"] for part in ("whole", "pruned") for each in results[part].values())
    print(f"slowest look-up: {slowest} ms, at most {MOST_MS:.0f}")
    shutil.rmtree(OUT)
    return 1 if slowest > MOST_MS else 0


def fill(path: Path, rounds: int, chunks: int) -> None:
    """A journal as the first releases wrote it; of the last round, some chunks are on their way."""
    old_journal.write(path, copies=0)
    count = rounds * chunks
    with closing(sqlite3.connect(path)) as file, file:
        for number in range(count):
            round_id, chunk = number // chunks + 1, number % chunks
            act = "challenge" if chunk == 0 and round_id % 100 == 0 else f"settle:{chunk}"
            state = "sent" if number >= count - UNFINISHED else "final"
            finished = None if state == "sent" else number
            file.execute(
                "insert into intent(id, key, generation, account, 'to', data, value, gas, state, nonce, "
                "block, finished_at) values (?, ?, 0, ?, ?, ?, '0', 1, ?, ?, ?, ?)",
                (
                    number + 1,
                    f"{SCOPE}:{round_id}:{act}",
                    ACCOUNT,
                    ACCOUNT,
                    BYTES,
                    state,
                    number,
                    number,
                    finished,
                ),
            )
            file.execute(
                "insert into attempt(hash, intent, raw, tip, cap, cancels, signed_at, least_tip) "
                "values (?, ?, ?, '1', '1', 0, ?, '0')",
                (number.to_bytes(32, "big"), number + 1, BYTES, round_id * DAY),
            )


def looked_up(journal: Journal, path: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each look-up, and how many selects by primary key that is."""
    key = f"{SCOPE}:{rounds // 2}:settle:5"
    found = journal.latest(key)
    assert found is not None
    asked: dict[str, Callable[[], object]] = {
        "what is not finished": lambda: journal.open_intents(ACCOUNT),
        "our challenges": lambda: journal.intents_of(SCOPE, "challenge"),
        "rounds whose bytes are kept": lambda: journal.whole_rounds(SCOPE),
        "nothing to prune": lambda: journal.prune(SCOPE, [], 10**9, 0),
        "the next nonce": lambda: journal.next_nonce(ACCOUNT),
        "who holds a nonce": lambda: journal.holder(ACCOUNT, 5),
        "the newest of a key": lambda: journal.latest(key),
        "all of a key": lambda: journal.generations(key),
        "attempts": lambda: journal.attempts(found),
        "a note": lambda: journal.note("n"),
        "a numbered request": lambda: journal.numbered("n"),
    }
    with closing(sqlite3.connect(path)) as file:
        floor = milliseconds(lambda: file.execute("select * from intent where id = 17").fetchall())
    return {
        what: {"ms": round(took, 3), "selects_by_primary_key": round(took / floor, 1)}
        for what, took in ((what, milliseconds(ask)) for what, ask in asked.items())
    }


def milliseconds(ask: Callable[[], object]) -> float:
    ask()
    gc.freeze()  # going through all that web3 holds would take ten times as long as a look-up
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:3] or ("365", "100"))))
