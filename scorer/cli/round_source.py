"""The place of a round's bundle on a command line: a folder, or a URL whose files are downloaded first."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from scorer.client.download import downloaded_round, is_url
from scorer.redaction import shown_path
from scorer.storage.bundle import MANIFEST, RULES


@dataclass(frozen=True)
class RoundSource:
    """A round's folder on this machine, or on the web."""

    text: str

    def __str__(self) -> str:
        return self.text

    @contextmanager
    def folder(self, files: Iterable[str], longest: float | None = None) -> Iterator[Path]:
        """Yield the folder; of one on the web, a copy of some of its files.

        Parameters
        ----------
        longest
            Seconds that a copy may take; None: any.

        Raises
        ------
        scorer.client.download.DownloadError
            When they cannot be downloaded.
        """
        if is_url(self.text):
            with downloaded_round(self.text, files, longest) as folder:
                yield folder
        else:
            yield Path(self.text)


def round_source(text: str) -> RoundSource:
    """Read the place of a round's bundle from a command line."""
    if not is_url(text) and not Path(text).is_dir():
        raise typer.BadParameter(f"expected a folder or a URL, found {shown_path(Path(text))}")
    if not is_url(text):
        _refuse_parent(Path(text))
    return RoundSource(text)


def _refuse_parent(folder: Path) -> None:
    """Refuse a folder of rounds' folders, which people name for one of them."""
    if (folder / RULES).exists() or (folder / MANIFEST).exists():
        return
    rounds = [path for path in folder.iterdir() if path.name.isdecimal() and (path / RULES).is_file()]
    if rounds:
        newest = max(rounds, key=lambda path: int(path.name))
        raise typer.BadParameter(
            f"expected a round's folder, found one of {len(rounds)} rounds' folders; give one of them, such "
            f"as {shown_path(newest)}"
        )
