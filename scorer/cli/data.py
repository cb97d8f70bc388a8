"""``cupel data``: build data sets from raw prices, compare, attack and report on them, rebuild targets."""

import time
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from scorer.cli import data_key, data_versions
from scorer.cli.common import JsonOption, answer, console, print_json, user_errors
from scorer.cli.numbers import day, whole
from scorer.data.faults import DataError
from scorer.redaction import shown_path

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(
    data_key.app,
    name="key",
    help="The key of ids and features, and its copy for the members of the committee.",
)
for _name, _command in data_versions.COMMANDS.items():
    app.command(_name)(_command)
RecipeOption = Annotated[Path, typer.Option("--recipe", help="The recipe, TOML.")]
SourceOption = Annotated[Path, typer.Option("--source", help="The source document, TOML.")]
KeyOption = Annotated[Path, typer.Option("--key", help="The secret key of ids and features.")]
RoundsOption = Annotated[
    Path | None, typer.Option(help="Published rounds by number, whose meta models go into the version.")
]
WorkersOption = Annotated[int, typer.Option(parser=whole(1, 256), help="Processes.")]
FIRST_LINES = 20


@app.command("panel")
def panel(
    source: SourceOption,
    report: Annotated[Path | None, typer.Option(help="Write every fault to this CSV file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read the raw data, and say what was repaired or refused in it."""
    from scorer.data.sources.assemble import load_panel

    with user_errors():
        found = load_panel(source)
    if report is not None:
        report.write_text(found.report.csv())
    counts = dict(sorted(found.report.counts().items()))
    sessions, names, digest = found.panel.sessions, found.panel.names, found.panel.digest()
    span = {"first": str(sessions[0]), "last": str(sessions[-1])}
    answer(
        {"names": len(names), "sessions": len(sessions), **span, "digest": digest, "rows": counts},
        *(f"{count} rows {done}" for done, count in counts.items()),
        f"{len(names)} names, {len(sessions)} sessions from {sessions[0]} to {sessions[-1]}, digest {digest}",
        as_json=as_json,
    )


@app.command("recipe")
def recipe(
    path: Annotated[Path, typer.Argument(help="A recipe, TOML.")], as_json: JsonOption = False
) -> None:
    """Say whether a recipe is valid, what it makes, and its hash."""
    from scorer.data.recipe import load_recipe

    with user_errors():
        found = load_recipe(path)
    count, targets, digest = len(found.specs()), [each.name for each in found.targets], str(found.hash())
    answer(
        {"name": found.name, "features": count, "targets": targets, "recipe_hash": digest},
        f"{count} features, targets {', '.join(targets)}",
        f"{found.name}: valid, recipe hash {digest}",
        as_json=as_json,
    )


@app.command("build")
def build(
    recipe: RecipeOption,
    source: SourceOption,
    key: KeyOption,
    version: Annotated[
        str, typer.Option(help="The version's name, such as v1.0; a version is never changed.")
    ],
    out: Annotated[
        str, typer.Option(help="The folder of all versions, or its URL, such as s3://bucket/data.")
    ],
    work: Annotated[
        Path | None, typer.Option(help="With an --out that is a URL: a local folder to build in.")
    ] = None,
    sign: Annotated[Path | None, typer.Option(help="The operator's private key, hex, to sign with.")] = None,
    workers: WorkersOption = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Map eras over the Dask cluster at this address.")
    ] = None,
    shared: Annotated[
        str | None, typer.Option(help="A URL that the cluster's machines reach, where they share no folder.")
    ] = None,
    rounds: RoundsOption = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write the live era as CSV too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a version of a data set: train, validation and live files, a manifest, and its signature."""
    from scorer.data.build import Build
    from scorer.data.manifest import key_file_signer
    from scorer.data.mappers import in_processes, over_dask
    from scorer.data.obfuscation import load_key
    from scorer.data.objects import ObjectFolder
    from scorer.data.publishing import publish
    from scorer.data.recipe import load_recipe
    from scorer.data.sources.assemble import load_panel

    with user_errors():
        rules, secret = load_recipe(recipe), load_key(key)
        signer = None if sign is None else key_file_signer(sign)
        mapper = in_processes(workers) if scheduler is None else over_dask(_client(scheduler))
        root, published = data_versions.root_of(out, work)
        job = Build(
            rules,
            secret,
            load_panel(source).panel,
            root,
            version,
            mapper,
            signer,
            published=published,
            shared=None if shared is None else ObjectFolder(shared),
            rounds=rounds,
        )
        manifest = job.run()
        if csv:
            _write_csv(job.target)
        if published is not None:
            publish(job.target, published, version)
    files, eras, digest = dict(sorted(manifest.files.items())), len(manifest.eras), manifest.digest().hex()
    answer(
        {"folder": str(job.target), "eras": eras, "digest": f"0x{digest}", "files": files},
        *(f"{of_file[:16]}  {name}" for name, of_file in files.items()),
        f"{shown_path(job.target)}: {eras} eras, digest 0x{digest}",
        as_json=as_json,
    )


def _client(address: str) -> object:
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise DataError(
            "--scheduler: expected the package distributed; pip install 'cupel[compute]'"
        ) from None
    try:
        client: object = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise DataError(f"--scheduler: expected a Dask cluster at {address}, found {error}") from None
    return client


def _write_csv(folder: Path) -> None:
    from scorer.data.compare import LIVE_CSV, live_csv

    (folder / LIVE_CSV).write_text(live_csv(folder))


@app.command("targets")
def targets(
    recipe: RecipeOption,
    source: SourceOption,
    key: KeyOption,
    round_folder: Annotated[
        Path | None, typer.Option("--round", help="A round's folder with universe.parquet.")
    ] = None,
    session: Annotated[
        date | None, typer.Option(parser=day, help="Or the session that the era was decided on.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for targets and factor inputs.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another member's folder with targets.parquet, to compare with.")
    ] = None,
    benchmark: Annotated[
        Path | None, typer.Option(help="A version's benchmark.json: makes the input of BMC too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a round's universe, targets and factor inputs from one's own raw data; name differences."""
    from scorer.data.benchmark import read_benchmark
    from scorer.data.obfuscation import Identifiers, load_key
    from scorer.data.recipe import load_recipe
    from scorer.data.rounds import Rebuilder
    from scorer.data.sources.assemble import load_panel
    from scorer.storage.bundle import Bundle

    with user_errors():
        rules = load_recipe(recipe)
        rebuilder = Rebuilder(rules, Identifiers(rules, load_key(key)), load_panel(source).panel)
        if round_folder is None and session is None:
            raise DataError("targets: expected --round or --session, found neither")
        ids = () if round_folder is None else Bundle(round_folder).universe()
        era = rebuilder.with_ids(ids) if session is None else rebuilder.on(session)
        data = rebuilder.of(era)
        lines = [] if round_folder is None else [str(each) for each in data.universe_differences(ids)]
        if against is not None:
            lines += map(str, data.target_differences(Bundle(against).targets(data.table.ids)))
        if out is not None:
            if not data.is_known:
                raise DataError(f"era {era.label}: expected raw data to the end of its horizon, found less")
            out.mkdir(parents=True, exist_ok=True)
            more = {} if benchmark is None else data.benchmark_input(read_benchmark(benchmark))
            data.write(Bundle(out), more)
    count, digest = len(data.table.ids), str(data.table.digest)
    answer(
        {"era": era.label, "day": str(era.day), "ids": count, "digest": digest, "differences": lines},
        f"era {era.label}, decided on {era.day}: {count} ids, digest {digest}",
        *lines[:FIRST_LINES],
        *([f"{len(lines)} differences"] if lines else []),
        as_json=as_json,
    )
    if lines:
        raise typer.Exit(1)


@app.command("attack")
def attack(
    recipe: RecipeOption,
    source: SourceOption,
    key: KeyOption,
    eras: Annotated[int, typer.Option(parser=whole(1, 200), help="How many eras the attacker has.")] = 6,
    as_json: JsonOption = False,
) -> None:
    """Play an attacker with the public prices: the share of rows and columns recovered, beside chance."""
    from scorer.data.attack import attack as play
    from scorer.data.calendar import era_dates
    from scorer.data.obfuscation import load_key
    from scorer.data.recipe import load_recipe
    from scorer.data.sources.assemble import load_panel

    with user_errors():
        rules, panel = load_recipe(recipe), load_panel(source).panel
        last = len(panel.sessions) - rules.reach
        known = [era for era in era_dates(rules, panel.sessions) if era.session < last]
        if not known:
            raise DataError("attack: expected an era whose targets are known, found none")
        results = play(rules, load_key(key), panel, known[-eras:])
    if as_json:
        documents = [asdict(each) | {"setting": str(each.setting)} for each in results]
        # JSON has no NaN.
        found = [{n: None if v != v else v for n, v in each.items()} for each in documents]
        print_json(found)
        return
    table = Table("setting", "rows", "by chance", "columns", "by chance")
    for each in results:
        columns = "none to find" if each.columns != each.columns else f"{each.columns:.1%}"
        chance = f"{each.rows_by_chance:.1%}", f"{each.columns_by_chance:.1%}"
        table.add_row(str(each.setting), f"{each.rows:.1%}", chance[0], columns, chance[1])
    console().print(table)


@app.command("report")
def report(
    version: Annotated[Path, typer.Argument(help="The folder of a version.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write an HTML report with plots: coverage, distributions, stability, and how baselines score."""
    from scorer.data.manifest import read_manifest
    from scorer.data.report import write_report

    with user_errors():
        write_report(version, out)
        manifest = read_manifest(version)
    if as_json:
        digest = f"0x{manifest.digest().hex()}"
        document = {"name": manifest.name, "version": manifest.version, "digest": digest}
        print_json({**document, "eras": len(manifest.eras), "written": str(out)})
        return
    typer.echo(f"wrote {shown_path(out)}")


@app.command("run")
def run(
    config: Annotated[Path, typer.Option(help="The configuration, TOML.")],
    every: Annotated[int, typer.Option(parser=whole(1, 86400), help="Seconds between two looks.")] = 600,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    workers: WorkersOption = 1,
) -> None:
    """Build live eras, plan rounds and write targets as they fall due; catches up after any downtime."""
    from scorer.data.mappers import in_processes
    from scorer.data.weekly import Weekly
    from scorer.data.weekly_document import load_weekly

    while True:
        with user_errors():
            look = Weekly(load_weekly(config), config.parent, int(time.time()), in_processes(workers))
            for line in look.run():
                typer.echo(line)
        if once:
            return
        time.sleep(every)
