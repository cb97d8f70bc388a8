"""The place of a round's bundle on a command line: a folder, or a URL whose files are downloaded first."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from scorer.client.download import downloaded_round, is_url
from scorer.redaction import shown_path


@dataclass(frozen=True)
class RoundSource:
    """A round's folder on this machine, or on the web."""

    text: str

    def __str__(self) -> str:
        return self.text

    @contextmanager
    def folder(self, files: Iterable[str]) -> Iterator[Path]:
        """Yield the folder; of one on the web, a copy of some of its files.

        Raises
        ------
        scorer.client.download.DownloadError
            When they cannot be downloaded.
        """
        if is_url(self.text):
            with downloaded_round(self.text, files) as folder:
                yield folder
        else:
            yield Path(self.text)


def round_source(text: str) -> RoundSource:
    """Read the place of a round's bundle from a command line."""
    if not is_url(text) and not Path(text).is_dir():
        raise typer.BadParameter(f"expected a folder or a URL, found {shown_path(Path(text))}")
    return RoundSource(text)
