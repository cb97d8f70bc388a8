import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scorer.isolation import (
    IsolatedReader,
    IsolationError,
    IsolationReason,
    IsolationUnavailable,
    ReadLimits,
    ReadResult,
)
from scorer.isolation.child import look_around
from scorer.isolation.limits import MIB
from tests.isolation import readers

SHORT = ReadLimits(memory=256 * MIB, cpu=1, wall=0.7, answer=MIB)


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader(workers=2) as reader:
        yield reader


def failure(reader: IsolatedReader, *arguments: object, limits: ReadLimits | None = None) -> IsolationError:
    function, *rest = arguments
    with pytest.raises(IsolationError) as found:
        reader.run(function, *rest, limits=limits)  # type: ignore[arg-type]
    return found.value


def is_well(reader: IsolatedReader) -> bool:
    return reader.run(readers.length, b"abc").facts == {"length": 3}


def test_a_function_is_called_with_the_bytes_and_further_arguments(reader: IsolatedReader) -> None:
    result = reader.run(readers.echo, b"\x00\xff", 7, "word", None)
    assert result == ReadResult({"arguments": [7, "word", None]}, (b"\x00\xff",))


def test_arrays_come_back_as_their_bytes(reader: IsolatedReader) -> None:
    first, second = reader.run(readers.numbers, b"rest", 6_000).blobs
    assert np.array_equal(np.frombuffer(first), np.arange(6_000.0))
    assert second == b"rest"


def test_large_files_pass_both_ways(reader: IsolatedReader) -> None:
    content = os.urandom(9 * MIB)
    assert reader.run(readers.echo, content).blobs == (content,)


def test_an_empty_file_is_a_file(reader: IsolatedReader) -> None:
    assert reader.run(readers.length, b"").facts == {"length": 0}


def test_a_path_is_opened_by_the_child(
    reader: IsolatedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    monkeypatch.chdir(tmp_path)
    assert reader.run(readers.name, Path("folder")).facts == {"names": ["file"]}


def test_a_refusal_is_told_in_the_domains_own_words(reader: IsolatedReader) -> None:
    error = failure(reader, readers.refuse, b"expected a file, found none")
    assert (error.reason, str(error)) == (IsolationReason.REFUSED, "expected a file, found none")


def test_a_refusal_is_one_bounded_line_of_printable_characters(reader: IsolatedReader) -> None:
    error = failure(reader, readers.refuse, b"a\x1b[2Jb\n\r" + b"x" * 10_000)
    assert str(error).startswith("a\\x1b[2Jb\\n\\rx")
    assert len(str(error)) < 2_100


def test_an_exception_that_is_not_declared_is_a_defect_and_says_where(reader: IsolatedReader) -> None:
    error = failure(reader, readers.undeclared, b"oops")
    assert error.reason == IsolationReason.DEFECT
    assert "FileRefused: oops" in str(error)
    assert "readers.py:" in str(error)


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGILL, signal.SIGTERM])
def test_a_death_names_its_signal(reader: IsolatedReader, number: signal.Signals) -> None:
    error = failure(reader, readers.die, b"", int(number))
    assert error.reason == IsolationReason.CRASHED
    assert str(error) == f"one whose reader died of signal {int(number)} ({number.name})"
    assert is_well(reader)


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_silent_exit_is_a_defect(reader: IsolatedReader, status: int) -> None:
    assert failure(reader, readers.leave, b"", status).reason == IsolationReason.DEFECT


@pytest.mark.parametrize("function", [readers.python_memory, readers.grow])
def test_memory_is_limited(reader: IsolatedReader, function: object) -> None:
    error = failure(reader, function, b"", limits=ReadLimits(memory=256 * MIB))
    assert error.reason == IsolationReason.OUT_OF_MEMORY
    assert "256 MiB" in str(error)


@pytest.mark.parametrize("function", [readers.spin, readers.sleep, readers.stubborn, readers.drip])
def test_time_is_limited(reader: IsolatedReader, function: object) -> None:
    before = time.monotonic()
    assert failure(reader, function, b"", limits=SHORT).reason == IsolationReason.OUT_OF_TIME
    assert time.monotonic() - before < 10


def test_cpu_time_is_limited_on_its_own(reader: IsolatedReader) -> None:
    error = failure(reader, readers.spin, b"", limits=ReadLimits(cpu=1, wall=60))
    assert error.reason == IsolationReason.OUT_OF_TIME


def test_the_answer_is_limited(reader: IsolatedReader) -> None:
    assert reader.run(readers.answer_much, b"", MIB // 2, limits=SHORT).blobs == (bytes(MIB // 2),)
    error = failure(reader, readers.answer_much, b"", 32 * MIB, limits=SHORT)
    assert error.reason == IsolationReason.ANSWER_TOO_LARGE


def test_facts_are_few(reader: IsolatedReader) -> None:
    assert failure(reader, readers.facts_much, b"", 2 * MIB).reason == IsolationReason.DEFECT


def header(document: object) -> bytes:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return len(content).to_bytes(8, "big") + content


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x00",
        b"\xff" * 100,
        (0).to_bytes(8, "big"),
        (2**63).to_bytes(8, "big") + b"{}",
        header([]),
        header({}),
        header(b"not JSON"),
        header(b"[" * 100_000),
        header(b'{"kind": "result", "facts": {"x": NaN}, "blobs": []}'),
        header(b'{"kind": "result", "facts": {"x": ' + b"9" * 10_000 + b'}, "blobs": []}'),
        header({"kind": "other"}),
        header({"kind": "CRASHED", "text": "x"}),
        header({"kind": "REFUSED"}),
        header({"kind": [], "text": "x"}),
        header({"kind": "result", "facts": [], "blobs": []}),
        header({"kind": "result", "facts": {}, "blobs": {}}),
        header({"kind": "result", "facts": {}, "blobs": [1]}),
        header({"kind": "result", "facts": {}, "blobs": [-1, 2]}) + b"x",
        header({"kind": "result", "facts": {}, "blobs": [True]}) + b"x",
        header({"kind": "result", "facts": {}, "blobs": [1.0]}) + b"x",
        header({"kind": "result", "facts": {}, "blobs": [0] * 20_000}),
        header({"kind": "result", "facts": {}, "blobs": []}) + b"rest",
        b"\x80\x04cposix\nsystem\n.",
    ],
)
def test_what_a_reader_that_was_taken_over_says_is_checked(reader: IsolatedReader, said: bytes) -> None:
    error = failure(reader, readers.say, said)
    assert error.reason == IsolationReason.DEFECT
    assert "no answer that can be understood" in str(error)


def test_files_leave_no_trace_for_the_next(reader: IsolatedReader) -> None:
    for word in (b"one", b"two"):
        assert reader.run(readers.remember, word).facts == {"seen": [word.decode()]}
    assert readers.SEEN == []


def test_nothing_is_reached_from_a_child(reader: IsolatedReader, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"content")
    done = dict(reader.run(readers.attempt_all, b"", str(tmp_path), os.getpid()).facts)
    assert len(done) == 17
    assert {what for what, outcome in done.items() if outcome == "done"} == set()
    assert [each.name for each in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there").read_bytes() == b"content"


def test_other_processes_and_their_files_are_out_of_reach(reader: IsolatedReader, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"a key")
    with subprocess.Popen(["/bin/sleep", "60"]) as victim:
        done = dict(reader.run(readers.reach_out, b"", str(tmp_path), victim.pid).facts)
        assert victim.poll() is None
        victim.kill()
    assert len(done) == 20
    assert {what for what, outcome in done.items() if outcome == "done"} == set()


def test_a_child_opens_only_what_it_is_asked_to_read(reader: IsolatedReader, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "mine").write_bytes(b"")
    (tmp_path / "beside").write_bytes(b"")
    (folder / "link").symlink_to(tmp_path / "beside")
    found = reader.run(readers.inside, folder).facts
    assert found == {"mine": "done", "../beside": "PermissionError", "link": "PermissionError"}


def test_a_child_has_neither_secrets_nor_descriptors_nor_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_PASSWORD", "hunter2")
    with IsolatedReader() as reader:
        facts = reader.run(readers.situation, b"").facts
    assert "hunter2" not in json.dumps(facts["environment"])
    assert facts["limits"] == [0, 0, 32, 10]
    assert facts["threads"] == 1
    assert facts["input"] == ""
    assert facts["descriptors"] == [0, 1, 2, 3]
    assert facts["standard"] == ["/dev/null"] * 3
    assert not {"web3", "eth_account", "sqlalchemy", "pandas"} & set(facts["modules"])


def test_what_the_kernel_keeps_a_child_from_is_known_by_trying(reader: IsolatedReader) -> None:
    assert reader.run(look_around, b"").facts == {"filter": True, "files": True}


def test_a_library_may_start_threads(reader: IsolatedReader) -> None:
    assert reader.run(readers.thread, b"abc").facts == {"found": [3]}


def test_many_files_come_back_in_order_each_with_its_own_fate(reader: IsolatedReader) -> None:
    files = [b"%d" % number for number in range(40)]
    found = list(reader.map(readers.length, files))
    assert [each.facts["length"] for each in found if isinstance(each, ReadResult)] == [
        len(each) for each in files
    ]
    fates = list(reader.map(readers.refuse, files))
    assert [str(each) for each in fates] == [each.decode() for each in files]


def test_threads_share_a_reader(reader: IsolatedReader) -> None:
    found: list[object] = []

    def ask(number: int) -> None:
        found.append(reader.run(readers.length, bytes(number)).facts["length"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == sorted(str(number) for number in range(12))


def zygote_of(reader: IsolatedReader) -> int:
    assert reader._running is not None
    return reader._running.process.pid


def test_a_zygote_that_dies_is_replaced() -> None:
    with IsolatedReader() as reader:
        assert is_well(reader)
        first = zygote_of(reader)
        os.kill(first, signal.SIGKILL)
        assert is_well(reader)
        assert zygote_of(reader) != first


def test_a_file_that_has_each_of_its_readers_killed_is_at_fault_where_others_live(
    reader: IsolatedReader,
) -> None:
    error = failure(reader, readers.die, b"", int(signal.SIGKILL))
    assert error.reason == IsolationReason.CRASHED
    assert error.text == "one whose reader died of signal 9 (SIGKILL)"
    assert is_well(reader)


def test_a_file_whose_reader_outlives_the_soft_limit_of_cpu_time_is_at_fault(reader: IsolatedReader) -> None:
    error = failure(reader, readers.spin_on, b"", limits=ReadLimits(cpu=1, wall=30))
    assert error.reason in (IsolationReason.CRASHED, IsolationReason.OUT_OF_TIME)
    assert is_well(reader)


def test_a_child_that_is_killed_once_is_not_the_files_fault() -> None:
    with IsolatedReader(workers=1) as reader:
        assert is_well(reader)
        zygote, found = zygote_of(reader), list[ReadResult]()
        thread = threading.Thread(target=lambda: found.append(reader.run(readers.doze, b"", 1.0)))
        thread.start()
        while not (children := children_of(zygote)):
            time.sleep(0.02)
        os.kill(children[0], signal.SIGKILL)
        thread.join()
        assert len(found) == 1


def test_many_files_that_have_their_readers_killed_are_each_at_fault(reader: IsolatedReader) -> None:
    found = list(reader.map(readers.die, [b""] * 6, int(signal.SIGKILL)))
    assert [each.reason for each in found if isinstance(each, IsolationError)] == [
        IsolationReason.CRASHED
    ] * 6


def test_a_system_that_wants_for_memory_ends_a_child_before_its_caller(reader: IsolatedReader) -> None:
    assert reader.run(readers.situation, b"").facts["badness"] == 1000


def test_a_machine_without_descriptors_is_not_the_files_fault(
    reader: IsolatedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pipe() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    assert is_well(reader)
    monkeypatch.setattr(os, "pipe", no_pipe)
    with pytest.raises(IsolationUnavailable, match="Too many open files"):
        reader.run(readers.length, b"")


def test_another_system_than_linux_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_getaffinity")
    with IsolatedReader() as reader, pytest.raises(IsolationUnavailable, match=r"expected Linux.*darwin"):
        reader.run(readers.length, b"")


def test_a_machine_that_gives_no_process_is_not_the_files_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scorer.isolation.zygote_process.START", "import sys; sys.exit(3)")
    with IsolatedReader() as reader, pytest.raises(IsolationUnavailable, match="found 3 that were ended"):
        reader.run(readers.length, b"")


def test_a_call_outlives_the_death_of_its_zygote() -> None:
    with IsolatedReader() as reader:
        assert is_well(reader)
        found: list[ReadResult | IsolationError] = []

        def ask() -> None:
            found.extend(reader.map(readers.sleep, [b""], limits=ReadLimits(wall=4)))

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.5)
        os.kill(zygote_of(reader), signal.SIGKILL)
        thread.join()
        assert isinstance(found[0], IsolationError)
        assert found[0].reason == IsolationReason.OUT_OF_TIME


def children_of(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(each) for each in text.split()]


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 10
    while not all(map(is_gone, processes)):
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.02)


KILLED = """
import sys, threading
from scorer.isolation import IsolatedReader
from tests.isolation import readers
reader = IsolatedReader()
reader.run(readers.length, b"")
threading.Thread(target=lambda: reader.run(readers.sleep, b""), daemon=True).start()
print(reader._running.process.pid, flush=True)
sys.stdin.read()
"""


def test_zygote_and_children_end_with_a_parent_that_is_killed() -> None:
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        zygote = int(parent.stdout.readline())
        deadline = time.monotonic() + 10
        while not (children := children_of(zygote)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert children
        parent.kill()
        wait_until_gone([zygote, *children])


def test_a_reader_that_is_closed_leaves_no_process() -> None:
    reader = IsolatedReader()
    assert is_well(reader)
    first = zygote_of(reader)
    reader.close()
    wait_until_gone([first])


def descriptors(process: int | str = "self") -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def test_nothing_leaks_descriptors(reader: IsolatedReader) -> None:
    assert is_well(reader)
    before = descriptors()
    for _ in range(20):
        failure(reader, readers.refuse, b"no")
    assert descriptors() == before
    assert descriptors(zygote_of(reader)) <= 8


def test_a_forked_process_reads_by_a_zygote_of_its_own(reader: IsolatedReader) -> None:
    """A daemon's child must not end, or wait for, what its parent reads with."""
    assert is_well(reader)
    child = os.fork()
    if child == 0:
        reader.forget()
        good = reader._running is None and is_well(reader)
        reader.close()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert is_well(reader)
