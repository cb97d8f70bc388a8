"""A terminal in which a page is typed: bash in a checkout of its own, with a clean environment and network.

The processes see a network in which every port is free, and no others' processes; all of them end with the
terminal, whatever they started in the background.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pexpect
import pytest

from tests.docs.pages import CONSOLE, ROOT, Block, bare, missing

PATIENCE: Final = 900.0
PASSWORD: Final = "correct horse battery"
_PROMPT: Final = r"<<ended with (\d+)>>"
_CONSOLE: Final = r"In \[\d+\]: "
_ANSWERS: Final = {
    r"(?i)(?:password[^\n:]*|repeat for confirmation): $": PASSWORD,
    r"\[y/N\]: $": "y",
    r"Select an account: $": "TEST::0",
}
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")
_FOREVER: Final = "# until Ctrl-C"
_LINKED: Final = (".venv", ".build", "node_modules")
"""What ``make setup`` puts into a checkout."""
_WRITTEN: Final = "deployments"
"""The folder of the repository in which commands of the pages write, and so a copy in a checkout of tests."""

NONE: Final[Mapping[str, str]] = MappingProxyType({})


def checkout(folder: Path) -> Path:
    """Make a checkout: everything of this one under the same names, but nothing that was built."""
    folder.mkdir()
    shutil.copytree(ROOT / _WRITTEN, folder / _WRITTEN)
    for entry in ROOT.iterdir():
        is_kept = not entry.name.startswith(".") and entry.name not in ("build", "cache", _WRITTEN)
        if is_kept or entry.name in _LINKED:
            (folder / entry.name).symlink_to(entry)
    return folder


@dataclass
class Terminal:
    """Types commands, answers what they ask, and keeps what they print."""

    shell: Any
    printed: list[str] = field(default_factory=list)

    def type(self, command: str, *, may_fail: bool = False) -> str:
        """Type a command and return what it printed.

        Raises
        ------
        AssertionError
            When it fails or does not end.
        """
        self.shell.sendline(command)
        code, output = self._ended()
        assert may_fail or code == 0, f"{command}\nended with {code}:\n{output}"
        return output

    def type_until_stopped(self, command: str, meanwhile: str) -> str:
        """Type a command that runs for ever, run another beside it, and end the first by Ctrl-C after it."""
        self.type(f"({meanwhile} && echo 'reached <''<' || echo 'missed <''<') &")
        self.shell.sendline(command)
        ends = ["reached <<", "missed <<", _PROMPT]
        assert self.shell.expect(ends, timeout=PATIENCE) == 0, f"{command}\n{self.shell.before}"
        before = str(self.shell.before)
        self.shell.sendintr()
        return plain(before) + self._ended()[1]

    def type_into_console(self, block: str) -> str:
        """Type a block whose first line starts a console of Python; each output that it shows must come."""
        start, *session = block.splitlines()
        self.shell.sendline(start)
        said = self._asked()
        for line in session:
            if line.startswith(CONSOLE.strip()):
                self.shell.sendline(line.removeprefix(CONSOLE.strip()).strip())
                said = self._asked()
            else:
                assert said.endswith(line), f"{block}\n{said}"
        self.shell.sendline("exit")
        return self._ended()[1]

    def _asked(self) -> str:
        """Return what a console printed before it asks for the next line."""
        assert self.shell.expect([_CONSOLE, _PROMPT], timeout=PATIENCE) == 0, self.shell.before
        return plain(str(self.shell.before)).strip()

    def _ended(self) -> tuple[int, str]:
        output = ""
        while True:
            found = self.shell.expect([_PROMPT, *_ANSWERS, pexpect.TIMEOUT, pexpect.EOF], timeout=PATIENCE)
            assert found <= len(_ANSWERS), f"expected an end or a question, found {self.shell.before}"
            output += str(self.shell.before)
            if found == 0:
                self.printed.append(plain(output))
                return int(self.shell.match[1]), self.printed[-1]
            output += str(self.shell.after)
            self.shell.sendline(list(_ANSWERS.values())[found - 1])

    def read(
        self, page: tuple[Block, ...], before: Mapping[str, str] = NONE, untyped: Mapping[str, str] = NONE
    ) -> None:
        """Type all blocks of a page; what is shown must come.

        Parameters
        ----------
        before
            What a reader waits for, as a command, by a pattern of the page's command that follows. Where that
            runs until Ctrl-C, it is waited for while it runs.
        untyped
            Commands that are left out, without the comments behind them, and the reasons.
        """
        for block in page:
            # A page may show how something wrong is refused.
            may_fail = any(line.startswith("cupel:") for line in block.shown)
            output = "".join(
                self._typed(command, before, may_fail=may_fail)
                for command in block.commands
                if bare(command) not in untyped
            )
            assert missing(block.shown, output) == [], output

    def _typed(self, command: str, before: Mapping[str, str], *, may_fail: bool) -> str:
        waits = [wait for start, wait in before.items() if re.match(start, command)]
        if CONSOLE in command:
            return self.type_into_console(command)
        if _FOREVER in command:
            return self.type_until_stopped(command, *waits)
        for wait in waits:
            self.type(wait)
        return self.type(command, may_fail=may_fail)


def plain(output: str) -> str:
    """Return what was printed without colours."""
    return _ESCAPE.sub("", output).replace("\r", "")


def _environment(home: Path) -> dict[str, str]:
    """Return the variables that a shell of a new user has, and those that make Python take this checkout."""
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": os.defpath + ":/usr/sbin",
        "PS1": "<<ended with $?>>",
        "PS2": "",
        "TERM": "xterm",
        "IPY_TEST_SIMPLE_PROMPT": "1",  # a console's prompt is drawn once, and not again with each letter
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache"),
    }


@contextmanager
def terminal(folder: Path, home: Path, *, network: bool = False, **variables: str) -> Iterator[Terminal]:
    """Open a terminal in a folder; everything that was started in it ends with it.

    Parameters
    ----------
    network
        Whether it sees this machine's network, in which a test has a chain.
    variables
        Beside those of a new user, or in place of them.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("bubblewrap is not installed: sh scripts/sandbox_setup.sh")
    bash = ("bash", "--norc", "--noprofile", "--noediting", "-i")
    alone = ("--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--die-with-parent")
    network_of_its_own = () if network else ("--unshare-net",)
    shell = pexpect.spawn(
        bwrap,
        [*alone, *network_of_its_own, "--chdir", str(folder), *bash],
        env=_environment(home) | variables,
        echo=False,
        encoding="utf-8",
        dimensions=(50, 110),
        timeout=PATIENCE,
    )
    try:
        shell.expect(_PROMPT)
        yield Terminal(shell)
        shell.sendline("exit")
        shell.expect(pexpect.EOF)
    finally:
        shell.close(force=True)
