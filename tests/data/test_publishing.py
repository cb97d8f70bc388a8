"""Versions in an object store are whole, never changed, and survive whatever ends an upload."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from eth_account import Account

from scorer.data.build import Build
from scorer.data.faults import DataError
from scorer.data.manifest import (
    MANIFEST,
    SIGNATURE,
    Sign,
    key_file_address,
    key_file_signer,
    read_manifest,
    write_manifest,
)
from scorer.data.mappers import over_dask
from scorer.data.objects import ObjectFolder
from scorer.data.parts import run_task
from scorer.data.publishing import publish, pull, versions
from tests.cli.test_cupel import run
from tests.data.markets import KEY, panel, recipe
from tests.data.test_build import build, contents
from tests.data.test_weekly import SUNDAY, folder, look, prices
from tests.object_store import LocalS3, s3, s3_server

__all__ = ["folder", "s3", "s3_server"]
pytest.importorskip("obstore")


@pytest.fixture
def store(s3: LocalS3) -> ObjectFolder:
    """A folder of its own in the bucket."""
    return ObjectFolder(s3.url)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one version, and with its twin of an older name."""
    path = tmp_path_factory.mktemp("versions")
    build(path)
    shutil.copytree(path / "v1.0", path / "v0.9")
    rewrite(path / "v0.9", version="v0.9")
    return path


def rewrite(folder: Path, sign: Sign | None = None, version: str | None = None) -> None:
    """Write a version's manifest anew, and the signature under it."""
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, version=version or manifest.version), sign)


def signing(path: Path) -> Sign:
    """Return a signer with a new key, in a file."""
    path.write_text(Account.create().key.hex())
    return key_file_signer(path)


class KilledError(Exception):
    """Stands in for the end of the process."""


class Killing(ObjectFolder):
    """A store whose process ends after some objects were written."""

    left = 0

    def write(self, name: str, content: bytes | Path, *, replace: bool = True) -> bool:
        if not Killing.left:
            raise KilledError
        Killing.left -= 1
        return super().write(name, content, replace=replace)


def test_a_version_is_published_once_and_pulled_whole(
    store: ObjectFolder, root: Path, tmp_path: Path
) -> None:
    assert publish(root / "v1.0", store, "v1.0")
    assert not publish(root / "v1.0", store, "v1.0")
    assert versions(store) == ["v1.0"]
    assert pull(store, "v1.0", tmp_path, unsigned=True)
    assert not pull(store, "v1.0", tmp_path, unsigned=True)
    assert contents(tmp_path / "v1.0") == contents(root / "v1.0")
    with pytest.raises(DataError, match=r"expected the version v1\.1, found none"):
        pull(store, "v1.1", tmp_path, unsigned=True)


@pytest.mark.parametrize("written", [0, 1, 6, 10])
def test_an_upload_that_is_killed_leaves_old_versions_whole_and_goes_on(
    store: ObjectFolder, root: Path, tmp_path: Path, written: int
) -> None:
    publish(root / "v0.9", store, "v0.9")
    Killing.left = written
    with pytest.raises(KilledError):
        publish(root / "v1.0", Killing(store.url), "v1.0")
    assert versions(store) == ["v0.9"]
    with pytest.raises(DataError, match="found none"):
        pull(store, "v1.0", tmp_path, unsigned=True)
    assert pull(store, "v0.9", tmp_path, unsigned=True)
    assert publish(root / "v1.0", store, "v1.0")
    assert versions(store) == ["v0.9", "v1.0"]


def test_a_published_version_is_never_changed(store: ObjectFolder, root: Path, tmp_path: Path) -> None:
    publish(root / "v1.0", store, "v1.0")
    before = {name: store.read(name) for name in store.names()}
    build(tmp_path, rules=recipe(obfuscation={"flips": True}))
    with pytest.raises(DataError, match="found another; versions are never changed"):
        publish(tmp_path / "v1.0", store, "v1.0")
    assert {name: store.read(name) for name in store.names()} == before
    with pytest.raises(DataError, match=r"expected the version v1\.0 of .*, found another"):
        pull(store, "v1.0", tmp_path, unsigned=True)


def test_a_file_that_was_changed_in_the_store_is_refused(
    store: ObjectFolder, root: Path, tmp_path: Path
) -> None:
    publish(root / "v1.0", store, "v1.0")
    live = pd.read_parquet(root / "v1.0/live.parquet")
    live.iloc[:, 3] = 4 - live.iloc[:, 3]
    live.to_parquet(tmp_path / "live.parquet")
    store.write("v1.0/live.parquet", tmp_path / "live.parquet")
    with pytest.raises(DataError, match=r"live\.parquet: era"):
        pull(store, "v1.0", tmp_path / "versions", unsigned=True)
    assert not (tmp_path / "versions/v1.0").exists()


def test_a_file_that_no_manifest_names_is_refused_before_anything_is_downloaded(
    store: ObjectFolder, root: Path, tmp_path: Path
) -> None:
    publish(root / "v1.0", store, "v1.0")
    store.write("v1.0/more.parquet", bytes(100))
    with pytest.raises(DataError, match=r"expected the files of its manifest, found more\.parquet too"):
        pull(store, "v1.0", tmp_path, unsigned=True)
    assert {path.name for path in (tmp_path / ".v1.0.pulled").iterdir()} == {MANIFEST}


@pytest.mark.parametrize(("file", "size"), [(MANIFEST, (1 << 24) + 1), (SIGNATURE, (1 << 20) + 1)])
def test_documents_larger_than_any_are_refused_unread(
    store: ObjectFolder, root: Path, tmp_path: Path, file: str, size: int
) -> None:
    put(store, "v1.0", root / "v1.0")
    store.write(f"v1.0/{file}", bytes(size))
    with pytest.raises(DataError, match=f"of at most {size - 1} bytes, found {size} bytes"):
        pull(store, "v1.0", tmp_path, unsigned=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / MANIFEST).write_bytes(b" " * ((1 << 24) + 1))
    with pytest.raises(DataError, match="expected at most 16777216 bytes, found more"):
        read_manifest(tmp_path / "here")


def put(store: ObjectFolder, name: str, folder: Path) -> None:
    """Write a version to the store as whoever holds the bucket can: unchecked."""
    for path in folder.iterdir():
        store.write(f"{name}/{path.name}", path)


def test_a_version_that_another_than_the_operator_signed_is_refused(
    store: ObjectFolder, root: Path, tmp_path: Path
) -> None:
    own, other = signing(tmp_path / "own.key"), signing(tmp_path / "other.key")
    operator, forger = (key_file_address(tmp_path / f"{name}.key") for name in ("own", "other"))
    forged, versions_here = tmp_path / "v1.0", tmp_path / "versions"
    shutil.copytree(root / "v1.0", forged)
    put(store, "v1.0", forged)
    with pytest.raises(DataError, match=f"expected a version that {operator} signed, found one by nobody"):
        pull(store, "v1.0", versions_here, operator)
    with pytest.raises(DataError, match="expected a signed version, found one that nobody signed"):
        pull(store, "v1.0", versions_here)
    rewrite(forged, other)
    put(store, "v1.0", forged)
    with pytest.raises(DataError, match=f"found one by {forger}"):
        pull(store, "v1.0", versions_here, operator)
    theirs = (forged / SIGNATURE).read_bytes()
    store.write(f"v1.0/{SIGNATURE}", theirs.replace(forger.encode(), operator.encode()))
    with pytest.raises(DataError, match=f"expected the signature of {operator}, found that of"):
        pull(store, "v1.0", versions_here, unsigned=True)
    assert not (versions_here / "v1.0").exists()
    rewrite(forged, own)
    put(store, "v1.0", forged)
    assert pull(store, "v1.0", versions_here, operator)


def test_a_signed_version_under_another_name_is_refused(
    store: ObjectFolder, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "v0.9", tmp_path / "v0.9")
    rewrite(tmp_path / "v0.9", signing(tmp_path / "own.key"))
    for name in ("v1.0", "v1.0.live/0019"):
        put(store, name, tmp_path / "v0.9")
        with pytest.raises(DataError, match=r"expected the manifest of .* v1\.0.*, found that of v0\.9"):
            pull(store, name, tmp_path / "versions", key_file_address(tmp_path / "own.key"))
    with pytest.raises(DataError, match=r"expected the manifest of the version v1\.1, found that of v0\.9"):
        publish(tmp_path / "v0.9", store, "v1.1")


def test_only_names_of_versions_and_their_live_eras_are_taken(store: ObjectFolder, tmp_path: Path) -> None:
    taken = ["v1.0", "v1.0.live/0019"]
    for name in (*taken, "a/b", "v1.0.live", "v1.0.live.0019", "v1.0.live/a/b", "v1.0.live/a.live/b", "V 1"):
        store.write(f"{name}/{MANIFEST}", b"{}")
    assert versions(store) == taken
    for name in ("a/b", "v1.0.live", "../v1.0"):
        with pytest.raises(DataError, match=r"expected the version .*, found none"):
            pull(store, name, tmp_path, unsigned=True)


def test_the_command_names_the_signer_of_what_it_pulled(
    store: ObjectFolder, root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "v1.0", tmp_path / "v1.0")
    publish(root / "v0.9", store, "v0.9")
    command = ("data", "pull", tmp_path / "here", "--from", store.url)
    code, said = run(*command)
    assert (code, "--unsigned takes it too" in said) == (1, True)
    assert run(*command, "--unsigned") == (0, "pulled v0.9, signed by nobody\n")
    rewrite(tmp_path / "v1.0", signing(tmp_path / "own.key"))
    operator = key_file_address(tmp_path / "own.key")
    publish(tmp_path / "v1.0", store, "v1.0")
    assert run(*command, "--signer", Account.create().address)[0] == 1
    assert run(*command, "--signer", operator, "--unsigned")[0] == 1
    assert run(*command, "--signer", operator) == (0, f"pulled v1.0, signed by {operator}\n")
    assert run(*command) == (0, "pulled nothing new\n")
    assert json.loads(run(*command, "--json")[1]) == {"pulled": []}
    publishing = ("data", "publish", root, "--version", "v1.0", "--to", store.url, "--json")
    assert "published" in json.loads(run(*publishing)[1])


def test_sizes_differ_from_those_of_published_versions(
    store: ObjectFolder, root: Path, tmp_path: Path
) -> None:
    publish(root / "v1.0", store, "v1.0")
    Build(recipe(), KEY, panel(), tmp_path, "v1.1", published=store).run()
    for name in contents(root / "v1.0").keys() - {MANIFEST}:
        sizes = {path.stat().st_size for path in (tmp_path / "v1.1" / name, root / "v1.0" / name)}
        assert len(sizes) == 2, name


def apart(found: Any) -> Iterator[int]:
    """Map tasks as a cluster does: each is sent, and knows nothing but what it holds."""
    import pickle

    for task in found:
        yield run_task(pickle.loads(pickle.dumps(task)))


def test_machines_that_share_no_folder_build_the_same_bytes(
    store: ObjectFolder, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorer.data.parts.ERAS_AT_ONCE", 10)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    done = 0

    def killed_once(found: Any) -> Iterator[int]:
        nonlocal done
        for count in apart(found):
            done += 1
            yield count
            if done == 1:
                raise KilledError

    with pytest.raises(KilledError):
        Build(recipe(), KEY, panel(), tmp_path / "one", "v1.0", killed_once, shared=store).run()
    assert sum(".npz" in name for name in store.names()) == 10
    counts: list[int] = []

    def counted(found: Any) -> Iterator[int]:
        counts.append(len(found))
        yield from apart(found)

    Build(recipe(), KEY, panel(), tmp_path / "one", "v1.0", counted, shared=store).run()
    assert contents(tmp_path / "one/v1.0") == contents(root / "v1.0")
    assert not [name for name in store.names() if name.endswith(".npz")]
    assert versions(store) == []


def test_a_dask_cluster_reads_and_writes_objects(store: ObjectFolder, root: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        Build(recipe(), KEY, panel(), tmp_path, "v1.0", over_dask(client), shared=store).run()
    assert contents(tmp_path / "v1.0") == contents(root / "v1.0")


def test_a_new_machine_goes_on_from_what_the_one_before_published(
    store: ObjectFolder, folder: Path, tmp_path: Path
) -> None:
    with (folder / "config.toml").open("a") as config:
        config.write(f'publish = "{store.url}"\n')
    prices(folder, SUNDAY + 1)
    lines = look(folder, SUNDAY)
    assert sum("published" in line for line in lines) == 2
    assert versions(store) == ["v1.0", "v1.0.live/0019"]
    (folder / "versions").rename(tmp_path / "lost")
    lines = look(folder, SUNDAY)
    assert [line.split(" from")[0] for line in lines] == ["pulled v1.0", "pulled v1.0.live/0019"]
    assert read_manifest(folder / "versions/v1.0") == read_manifest(tmp_path / "lost/v1.0")
    prices(folder, SUNDAY + 8)
    assert f"published v1.0.live/0020 at {store.url}" in look(folder, SUNDAY + 7)


def test_the_loop_takes_back_only_what_its_own_key_signed(
    store: ObjectFolder, folder: Path, tmp_path: Path
) -> None:
    sign = signing(folder / "signing.key")
    with (folder / "config.toml").open("a") as config:
        config.write(f'publish = "{store.url}"\nsigning_key = "signing.key"\n')
    prices(folder, SUNDAY + 1)
    look(folder, SUNDAY)
    (folder / "versions").rename(tmp_path / "lost")
    assert sum("pulled" in line for line in look(folder, SUNDAY)) == 2
    shutil.rmtree(folder / "versions")
    rewrite(tmp_path / "lost/v1.0", signing(tmp_path / "other.key"))
    put(store, "v1.0", tmp_path / "lost/v1.0")
    with pytest.raises(DataError, match=f"expected a version that {sign(bytes(32))[0]} signed"):
        look(folder, SUNDAY)


def test_a_store_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("scorer.data.objects.RETRIES", 0)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1" if name.endswith("URL") else "hunter2secret")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with pytest.raises(DataError, match=r"s3://bucket/x: expected a list of objects, found") as refused:
        versions(ObjectFolder("s3://bucket/x"))
    assert "hunter2secret" not in str(refused.value)
    with pytest.raises(DataError, match="expected the URL of a bucket, s3 or file, found"):
        versions(ObjectFolder("nothing://bucket/x"))
