"""Text of one meaning, secrets of one owner, and folders that a command may empty."""

import os
import stat
import threading
from pathlib import Path

import pytest

from scorer.files import SecretExposed, decoded, one_line, parse_toml, read_secret, write_secret, write_whole
from scorer.owned_files import MARKER, FolderInUse, make_owned_folder, refuse_foreign_file

MADE_BY = "cupel demo"
CONTENTS = ("published", "members", "*.csv")
KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


def own(path: Path, keys: tuple[str, ...] = ()) -> Path:
    return make_owned_folder(path, MADE_BY, CONTENTS, keys=keys)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_is_no_part_of_a_text(mark: bytes) -> None:
    assert decoded(mark + b"a = 1") == "a = 1"
    assert parse_toml(mark + b"a = 1\r\n") == {"a": 1}
    assert one_line(mark + "pass w\u00f6rd \r\n".encode()) == "pass w\u00f6rd "


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_another_encoding_is_refused_and_not_shown(encoding: str) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    for read in (decoded, parse_toml, one_line):
        with pytest.raises(ValueError, match="expected text in UTF-8, found") as caught:
            read(mark + "hunter2 = 'caf\u00e9'".encode(encoding))
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f'file = "{KEY}',
        f"file = {KEY}",
        f'"{KEY}" = 1\n"{KEY}" = 2',
        f"[{KEY}]\n[{KEY}]",
        f"a = {{ '{KEY}' = 1, '{KEY}' = 2 }}",
        f"a = 2026-13-45 # {KEY}",
        f"a = {'9' * 5000} # {KEY}",
        f"'{KEY}'.b = 1\n'{KEY}' = 2",
        "a = " + "[" * 100_000,
        "a = " + "{ b = " * 50_000,
        "a." * 30_000 + "b = 1",
        "[a" + ".a" * 30_000 + "]",
        "\x00" + KEY,
        "a = 1\n" * 1_000_000,
    ],
    ids=range(14),
)
def test_a_fault_in_toml_is_named_without_its_content(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected (a )?TOML") as caught:
        parse_toml(text.encode())
    assert KEY[:10] not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o620, 0o602, 0o601, 0o440, 0o404])
def test_a_secret_that_others_may_use_is_refused_with_what_to_type(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(mode)
    with pytest.raises(SecretExposed, match=f"found mode {mode:04o}; type: chmod 600 {path}"):
        read_secret(path, one_line)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(SecretExposed, match=f"type: chmod 600 {link}"):
        read_secret(link, one_line)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o500])
def test_a_secret_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    (tmp_path / "key").write_text(KEY + "\r\n")
    (tmp_path / "key").chmod(mode)
    assert read_secret(tmp_path / "key", one_line) == KEY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_secret_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_secret(path, KEY)
    os.chown(path, 12345, 12345)
    with pytest.raises(
        SecretExposed, match=f"found one of user 12345, who can read it; type: chown 0 {path}"
    ):
        read_secret(path, one_line)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize(("mode", "taken"), [(0o440, True), (0o400, False), (0o444, False), (0o460, False)])
def test_roots_secret_is_read_through_a_group_as_containers_are_given_them(
    tmp_path: Path, mode: int, taken: bool
) -> None:
    path = Path("/tmp") / f"cupel-test-{os.getpid()}"
    path.write_text(KEY)
    os.chown(path, 0, 12345)
    path.chmod(mode)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(12345)
        os.setuid(12345)
        try:
            read_secret(path, one_line)
            os._exit(0)
        except (SecretExposed, OSError):
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    path.unlink()
    assert (os.waitstatus_to_exitcode(status) == 0) is taken


def test_what_is_no_secret_is_refused_as_that_first(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("one\ntwo")
    (tmp_path / "password").chmod(0o644)
    with pytest.raises(ValueError, match="expected a password in one line"):
        read_secret(tmp_path / "password", one_line)


def test_a_secret_is_never_written_wider_than_for_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0)
    seen: list[int] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append(stat.S_IMODE(self.stat().st_mode))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    try:
        path = tmp_path / "deep" / "key"
        path.parent.mkdir()
        path.write_text("old")
        path.chmod(0o666)
        write_secret(path, KEY)
    finally:
        os.umask(before)
    assert seen == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == KEY
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    contents = [letter.encode() * 200_000 for letter in "abcd"]
    write_whole(path, contents[0])
    seen: set[bytes] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    for content in contents * 5:
        write_whole(path, content)
    stop.set()
    reader.join()
    assert seen <= set(contents)
    with pytest.raises(FileExistsError):
        write_whole(path, b"new", replace=False)
    assert path.read_bytes() == contents[-1]


def test_a_folder_of_a_command_is_emptied_by_it_alone(tmp_path: Path) -> None:
    folder = own(tmp_path / "a" / "demo")
    assert (folder / MARKER).read_text() == "cupel demo\n"
    (folder / "published" / "x").mkdir(parents=True)
    (folder / "scores.csv").write_text("1")
    with pytest.raises(FolderInUse, match=r"or one that cupel devnet up made, found other files in it; name"):
        make_owned_folder(folder, "cupel devnet up", CONTENTS)
    assert (folder / "scores.csv").exists()
    assert [each.name for each in own(folder).iterdir()] == [MARKER]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    own(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [MARKER]


@pytest.mark.parametrize("foreign", ["published/1", "thesis.txt", "operator-key", ".hidden"])
def test_a_folder_without_the_marker_is_left_alone(tmp_path: Path, foreign: str) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / foreign).write_text(KEY)
    before = snapshot(tmp_path)
    with pytest.raises(FolderInUse, match="expected an empty folder, or one that cupel demo made"):
        own(tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "foreign",
    [
        "operator-key",
        "thesis.txt",
        ".env",
        "members/mine/key",
        "members/0/keystore.json",
        "published/wallet.json",
        "members/innocent.txt",
        "members/secret",
        "published/server.pem",
    ],
)
def test_what_somebody_put_into_a_folder_of_a_command_is_left_alone(tmp_path: Path, foreign: str) -> None:
    folder = own(tmp_path / "demo")
    for name in ("published", "members"):
        (folder / name).mkdir()
    (folder / foreign).parent.mkdir(parents=True, exist_ok=True)
    (folder / foreign).write_text(f"0x{KEY}\n")
    before = snapshot(folder)
    with pytest.raises(FolderInUse, match="expected nothing but what cupel demo made, found"):
        own(folder)
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "content", [KEY, f"0X{KEY}\r\n", '{"address": "x",\n "Crypto" : {}}', "-----BEGIN EC PRIVATE KEY-----"]
)
def test_a_key_is_known_by_its_content(tmp_path: Path, content: str) -> None:
    folder = own(tmp_path / "demo")
    (folder / "members").mkdir()
    (folder / "members" / "notes").write_text(content)
    with pytest.raises(FolderInUse, match="found members/notes; move it away"):
        own(folder)


@pytest.mark.parametrize(
    "foreign",
    [
        "published/notes.md",
        "published/0xab/notes.md",
        "published/0xab/7/notes.md",
        "published/0xab/7/deep/rules.json",
        "published/rules.json",
        "published/0xab/7/.env",
        "published/0xab/7/.notes.md.partial",
        "published/.git/config",
        "members/strategy.ipynb",
        "published/0xab/7/rules.json.old",
    ],
)
def test_files_among_those_of_a_command_are_left_alone(tmp_path: Path, foreign: str) -> None:
    contents = ("published/0x*/[.0-9]*/rules.json", "members/*/log", "*.csv")
    folder = make_owned_folder(tmp_path / "demo", MADE_BY, contents)
    for ours in (
        "published/0xab/7/rules.json",
        "published/0xab/.7.taking-over/rules.json",
        "published/0xab/7/.rules.json.partial",
        "published/0xab/7/.rules.json.4711",
        "members/ada/log",
        "a.csv",
    ):
        (folder / ours).parent.mkdir(parents=True, exist_ok=True)
        (folder / ours).write_text("ours")
    (folder / foreign).parent.mkdir(parents=True, exist_ok=True)
    (folder / foreign).write_text("mine")
    before = snapshot(folder)
    with pytest.raises(FolderInUse, match="expected nothing but what cupel demo made, found"):
        make_owned_folder(folder, MADE_BY, contents)
    assert snapshot(folder) == before
    (folder / foreign).unlink()
    make_owned_folder(folder, MADE_BY, contents)
    assert [each.name for each in folder.iterdir()] == [MARKER]


def test_keys_that_the_command_itself_writes_are_removed(tmp_path: Path) -> None:
    folder = own(tmp_path / "demo", ("*/key",))
    write_secret(folder / "members" / "0" / "key", KEY)
    own(folder, ("*/key",))
    assert not (folder / "members").exists()


def test_no_link_is_followed_out_of_a_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "treasure").write_text("mine")
    folder = own(tmp_path / "demo")
    (folder / "published").symlink_to(home)
    (folder / "members").mkdir()
    (folder / "members" / "link").symlink_to(home)
    (folder / "scores.csv").symlink_to(home / "treasure")
    own(folder)
    assert (home / "treasure").read_text() == "mine"
    assert [each.name for each in folder.iterdir()] == [MARKER]


def test_a_folder_that_is_a_link_itself_is_refused(tmp_path: Path) -> None:
    folder = own(tmp_path / "demo")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("link", "dangling"):
        with pytest.raises(FolderInUse, match="found a link, which is not followed; name its target"):
            own(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


def test_a_marker_that_is_a_link_marks_nothing(tmp_path: Path) -> None:
    marked = own(tmp_path / "demo")
    other = tmp_path / "other"
    other.mkdir()
    (other / MARKER).symlink_to(marked / MARKER)
    with pytest.raises(FolderInUse):
        own(other)


def test_neither_home_nor_where_one_works_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = own(tmp_path / "demo")
    (folder / "published" / "deep").mkdir(parents=True)
    for place in ("published/deep", "."):
        monkeypatch.chdir(folder / place)
        for name in (folder, Path(".."), Path()):
            if name.resolve() in (folder, *folder.parents):
                with pytest.raises(FolderInUse):
                    own(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(folder))
    with pytest.raises(FolderInUse):
        own(folder)
    with pytest.raises(FolderInUse):
        own(Path("/"))
    with pytest.raises(FolderInUse):
        own(folder / ".." / "..")
    assert (folder / "published" / "deep").is_dir()


def test_a_folder_that_cannot_be_made_is_reported_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderInUse, match="expected a folder, found a file"):
        own(tmp_path / "file")
    with pytest.raises(FolderInUse, match="expected a folder that can be written, found Not a directory"):
        own(tmp_path / "file" / "demo")
    with pytest.raises(FolderInUse, match="expected a folder that can be written, found"):
        own(Path("/proc/x"))


def test_a_file_is_written_over_only_where_the_same_command_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "board.csv"
    refuse_foreign_file(path, lambda content: content.startswith(b"model,"))
    path.write_text("model,corr\n1,2\n")
    refuse_foreign_file(path, lambda content: content.startswith(b"model,"))
    path.write_text(KEY)
    with pytest.raises(
        FolderInUse, match=r"board.csv: expected no file, or one that this command wrote"
    ) as error:
        refuse_foreign_file(path, lambda content: content.startswith(b"model,"))
    assert KEY not in str(error.value)
