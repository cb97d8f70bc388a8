"""Build a large data set, and write its finished columns with pyarrow alone in the same run.

What is reported, into build/bench/data.json:

- write_ratio: pyarrow's seconds for writing the finished columns over ours for computing and writing them;
  ours with fsync, theirs without.
- cpu_ratio: the same of seconds of CPU, ours divided by the workers: what an idle machine would show.
- peak_rss_mib: the greatest resident memory of all processes together during the build.
- era_seconds: of a build of a tenth of the eras, and of all of them, per era.
- live_seconds: to rebuild one live era.
"""

import argparse
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorer.data.build import Build
from scorer.data.calendar import era_dates
from scorer.data.eras import EraBuilder
from scorer.data.fixed import fixed_log
from scorer.data.mappers import in_processes
from scorer.data.obfuscation import Identifiers
from scorer.data.panel import Groups, Panel
from scorer.data.recipe import Recipe, recipe_from
from scorer.data.sources.packages import synthetic_market

KEY = bytes(range(32))
KINDS = (
    *(
        "momentum",
        "reversal",
        "volatility",
        "downside",
        "skewness",
        "smoothness",
        "ups",
        "autocorrelation",
        "beta",
    ),
    *("correlation", "idiosyncratic", "high", "low", "greatest", "traded", "illiquidity", "volume_trend"),
    "volume_volatility",
)
WINDOWS, LAGS, VARIANTS = [10, 20, 40, 60, 120, 180, 250], [0, 5, 10, 20], ["plain", "sector"]
RISKS = ["momentum_250", "volatility_60"]
UNUSED = 20
"""Eras that are purged, or whose targets are not known."""
START = date(2016, 1, 4)
WEEK = 5


def recipe(features: int, lookback: int) -> Recipe:
    """As many features as asked for, rounded up to whole families, and five targets."""
    family = len(WINDOWS) * len(LAGS) * len(VARIANTS)
    kinds = KINDS[: -(-features // family)]
    named = [{"kind": kind, "windows": WINDOWS, "lags": LAGS, "variants": VARIANTS} for kind in kinds]
    targets = [
        {"name": "sector20", "sessions": 20, "lag": 2, "groups": ["sector"]},
        {"name": "sector60", "sessions": 60, "lag": 2, "groups": ["sector"]},
        {
            "name": "risk20",
            "sessions": 20,
            "lag": 2,
            "groups": ["sector"],
            "features": ["momentum_250", "volatility_60"],
        },
        {"name": "raw20", "sessions": 20, "lag": 2},
        {"name": "raw60", "sessions": 60, "lag": 2},
    ]
    document = {
        "version": 1,
        "name": "bench",
        "calendar": "24/7",
        "eras": {"every": WEEK},
        "features": named,
        "targets": targets if "volatility" in kinds else targets[:2] + targets[3:],
        "splits": {"validation": (START + timedelta(days=lookback + 60 + WEEK * 10)).isoformat()},
    }
    return recipe_from(document, "bench")


def panel(names: int, days: int) -> Panel:
    """A synthetic market, straight into a panel."""
    market = synthetic_market(names, days, 1)
    closes = market["close"]
    logs = fixed_log(closes)
    sectors = np.tile((np.arange(names) % 11).astype(np.int16), (days, 1))
    return Panel(
        "24/7",
        tuple(START + timedelta(days=n) for n in range(days)),
        tuple(f"C{n:05d}" for n in range(names)),
        closes,
        logs - logs[0],
        {"volume": market["volume"]},
        {"sector": Groups(tuple(f"s{n:02d}" for n in range(11)), sectors)},
    )


class Usage:
    """Memory and CPU of this process and all below it, also those that another process waits for."""

    def __init__(self) -> None:
        self.peak = 0
        self._ticks: dict[int, int] = {}

    def sample(self) -> None:
        """Look once: bytes in memory with shared pages divided (PSS), and clock ticks of CPU by process."""
        parents: dict[int, int] = {}
        ticks: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            pid = int(path.parent.name)
            parents[pid], ticks[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
        mine, total = {os.getpid()}, 0
        for _ in range(4):
            mine |= {pid for pid, parent in parents.items() if parent in mine}
        for pid in mine:
            self._ticks[pid] = max(self._ticks.get(pid, 0), ticks.get(pid, 0))
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        self.peak = max(self.peak, total * 1024)

    @property
    def cpu(self) -> float:
        """Seconds of CPU of all processes that were seen."""
        return sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")


@contextmanager
def watched() -> Iterator[Usage]:
    """Sample the usage three times a second while it runs."""
    usage, over = Usage(), threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            usage.sample()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield usage
    over.set()
    thread.join()
    usage.sample()


def pyarrow_seconds(folder: Path, scratch: Path) -> tuple[float, float, int]:
    """Seconds and CPU seconds that pyarrow takes to write the finished columns; the cells."""
    spent, cpu, cells = 0.0, 0.0, 0
    for split in ("train", "validation", "live"):
        file = pq.ParquetFile(folder / f"{split}.parquet")
        with pq.ParquetWriter(scratch / f"{split}.parquet", file.schema_arrow) as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                cells += table.num_rows * table.num_columns
                start, busy = time.perf_counter(), time.process_time()
                writer.write_table(table, row_group_size=table.num_rows)
                spent, cpu = spent + time.perf_counter() - start, cpu + time.process_time() - busy
            start, busy = time.perf_counter(), time.process_time()
        spent, cpu = spent + time.perf_counter() - start, cpu + time.process_time() - busy
    return spent, cpu, cells


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--ids", type=int, default=6000)
    options.add_argument("--eras", type=int, default=500)
    options.add_argument("--features", type=int, default=1000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--out", type=Path, default=Path("build/bench"))
    given = options.parse_args()
    root = given.out / "data"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    lookback = max(WINDOWS) + max(LAGS)
    days = lookback + WEEK * (given.eras + UNUSED)
    print(f"making {given.ids} ids x {days} days", flush=True)
    found = panel(given.ids, days)
    rules = recipe(given.features, lookback)
    per_era = {}
    for eras in (max(given.eras // 10, 1), given.eras):
        part = found.rows(0, lookback + WEEK * (eras + UNUSED) - 1)
        shutil.rmtree(root / "versions", ignore_errors=True)
        job = Build(rules, KEY, part, root / "versions", "v1.0", in_processes(given.workers))
        with watched() as usage:
            usage.sample()
            start, busy = time.perf_counter(), usage.cpu
            manifest = job.run()
            ours = time.perf_counter() - start
        ours_cpu = usage.cpu - busy
        per_era[str(len(manifest.eras))] = ours / len(manifest.eras)
        print(f"{len(manifest.eras)} eras in {ours:.1f} s, {usage.peak / 2**20:.0f} MiB", flush=True)
    scratch = root / "pyarrow"
    scratch.mkdir()
    theirs, theirs_cpu, cells = pyarrow_seconds(root / "versions/v1.0", scratch)
    last = era_dates(rules, found.sessions)[-1]
    start = time.perf_counter()
    EraBuilder.around(rules, Identifiers(rules, KEY), found, [last]).build(last)
    live = time.perf_counter() - start
    files = {
        name: sum(path.stat().st_size for path in folder.glob("*.parquet")) / 2**20
        for name, folder in (("ours", root / "versions/v1.0"), ("pyarrow", scratch))
    }
    report = {
        "ids": given.ids,
        "eras": len(manifest.eras),
        "features": len(rules.specs()),
        "targets": len(rules.targets),
        "workers": given.workers,
        "build_seconds": ours,
        "pyarrow_seconds": theirs,
        "write_ratio": theirs / ours,
        "build_cpu_seconds": ours_cpu,
        "pyarrow_cpu_seconds": theirs_cpu,
        "cpu_ratio": theirs_cpu / (ours_cpu / given.workers),
        "peak_rss_mib": usage.peak / 2**20,
        "era_seconds": per_era,
        "live_seconds": live,
        "mega_cells_a_second": cells / ours / 1e6,
        "file_mib": files,
        "pyarrow": pa.__version__,
        "load": os.getloadavg()[0],
    }
    (given.out / "data.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
