"""The data set's files, by the names that clients ask for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scorer.redaction import shown
from scorer.server.errors import ApiError

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED: Final = (".parquet", ".json", ".csv", ".toml")
LIVE: Final = ".live"
"""The end of the name of a version's folder of later live eras."""
LIVE_FILE: Final = "live.parquet"
VALIDATION_FILE: Final = "validation.parquet"
DEFAULT_ALIASES: Final[Mapping[str, str]] = {
    "numerai_live_data.parquet": "live.parquet",
    "numerai_training_data.parquet": "train.parquet",
    "numerai_validation_data.parquet": "validation.parquet",
    "signals/v1.0/live.parquet": "live.parquet",
}
"""Names that scripts and clients have in their code: files of the newest version."""
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True)
class DataSets:
    """Versions of a data set, each a folder of files, as `cupel data` makes them.

    The file ``live.parquet`` of a version is that of its newest live era, in ``<version>.live/<era>``.

    Attributes
    ----------
    root
        The folder of versions; None where the server has no data.
    aliases
        Other names, and the file of the newest version that each means.
    """

    root: Path | None
    aliases: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ALIASES)

    def names(self) -> list[str]:
        """Return the names of all files, aliases of what is there included, sorted."""
        files = set(self._files())
        aliased = [alias for alias in self.aliases if self._meant(alias) in files]
        return sorted({*files, *aliased})

    def path(self, name: str) -> Path:
        """Return the path of a file by its name or an alias.

        Raises
        ------
        ApiError
            When there is no such file; nothing outside of the folder is ever one.
        """
        meant = self._meant(name)
        if self.root is None or meant not in self._files():
            raise ApiError(f"filename: expected one of listDatasets, found {shown(name)}")
        newest = self._newest_live(meant)
        return self.root / meant if newest is None else newest

    def _meant(self, name: str) -> str:
        """Return what a name means: an alias, a file of the newest version."""
        versions = self.versions()
        return f"{versions[-1]}/{self.aliases[name]}" if name in self.aliases and versions else name

    def versions(self) -> list[str]:
        """Return the versions, oldest first: numbers in their names count as numbers."""
        if self.root is None or not self.root.is_dir():
            return []
        folders = [path.name for path in self.root.iterdir() if _is_version(path)]
        return sorted(folders, key=lambda name: ([int(number) for number in _NUMBERS.findall(name)], name))

    def _files(self) -> Iterator[str]:
        """Yield the files of versions: no link, and nothing hidden by a point, as drafts are."""
        for version in self.versions():
            folder = (self.root or Path()) / version
            for path in sorted(folder.rglob("*")):
                parts = path.relative_to(folder).parts
                hidden = any(part.startswith(".") for part in parts)
                if path.suffix in PUBLISHED and not hidden and path.is_file() and not path.is_symlink():
                    yield "/".join((version, *parts))

    def live_features(self, ids: Sequence[str]) -> "pd.DataFrame | None":
        """Return the features of the live era that has these very ids, in their order; None without one.

        Ids are new in each era of Classic. Others call an asset by one name in all eras, so that its ids do
        not say of which one they are.
        """
        # Nothing else here reads a file, and pandas takes a sixth of a server's start.
        from scorer.server.live_features import features_of

        found = (features_of(path, ids) for path in self._live_files())
        return next((features for features in found if features is not None), None)

    def _live_files(self) -> Iterator[Path]:
        """Yield the files of all live eras, newest first."""
        for version in reversed(self.versions()):
            folder = self.root or Path()
            yield from sorted((folder / f"{version}{LIVE}").glob(f"[!.]*/{LIVE_FILE}"), reverse=True)
            if (folder / version / LIVE_FILE).is_file():
                yield folder / version / LIVE_FILE

    def _newest_live(self, name: str) -> Path | None:
        """Return the file of the newest live era, where a version has later ones."""
        version, _, file = name.partition("/")
        eras = ((self.root or Path()) / f"{version}{LIVE}").glob(f"[!.]*/{file}")
        return max(eras, key=lambda path: path.parent.name, default=None)


def _is_version(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name.endswith((LIVE, ".draft", ".before"))
    return path.is_dir() and not path.is_symlink() and not hidden
