"""The dark variant of a picture: the same figure, each colour replaced by its counterpart on a dark page."""

from pathlib import Path
from typing import Any, Final

from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text

PAGE: Final = "#0D1117"
INK: Final = "#E6EDF3"
COUNTERPARTS: Final = {
    "#FFFFFF": PAGE,
    "#000000": INK,
    "#222222": INK,
    "#555555": "#A6B0BA",
    "#777777": "#8B949E",
    "#888888": "#8B949E",
    "#B0B0B0": "#262C34",  # lines of a grid
    "#BBBBBB": "#59626C",
    "#CCCCCC": "#30363D",  # frames of legends
    "#E6E6E6": "#262C34",
    "#F3E3D3": "#2E2418",
    "#0072B2": "#3FA2EE",
    "#D55E00": "#FF7A33",
    "#009E73": "#1FC495",
    "#E69F00": "#FFCB57",
    "#56B4E9": "#AFE1FF",
    "#CC79A7": "#E58FC4",
    "#004C75": "#6A79D6",
    "#8C3D00": "#B0704A",
    "#7A5C00": "#A8A24A",
    "#4095C6": "#2D7DB8",
    "#E0864D": "#C0612B",
}
"""The colour on a dark page by the one on a white page: of the same hue, so that it means the same."""
_PARTS: Final = {
    Line2D: ("color", "markerfacecolor", "markeredgecolor"),
    Text: ("color",),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
}


def dark_path(path: Path) -> Path:
    """Return where the dark variant of a picture is: beside it."""
    return path.with_stem(f"{path.stem}-dark")


def darken(figure: Figure) -> None:
    """Give every part of a figure, drawn before, its colour on a dark page.

    Raises
    ------
    ValueError
        When a colour has no counterpart, such as one that is new.
    """
    artists: set[Any] = set(figure.findobj())
    artists |= {each.arrow_patch for each in artists if isinstance(each, Annotation) and each.arrow_patch}
    for artist in artists:
        _recolour(artist)


def _recolour(artist: Any) -> None:
    for kind, names in _PARTS.items():
        if isinstance(artist, kind):
            # All are read first: a marker has the colour of its line until it is given another.
            found = {name: getattr(artist, f"get_{name}")() for name in names}
            for name, colour in found.items():
                getattr(artist, f"set_{name}")(_counterparts(colour, is_many=kind is Collection))


def _counterparts(found: Any, *, is_many: bool) -> Any:
    return [_counterpart(each) for each in found] if is_many else _counterpart(found)


def _counterpart(colour: Any) -> Any:
    """Return a colour's counterpart, of the same opacity."""
    *_, opacity = to_rgba(colour)
    known = to_hex(colour).upper()
    if opacity == 0:
        return colour
    if known not in COUNTERPARTS:
        raise ValueError(
            f"expected a colour with a counterpart on a dark page, found {known}; add it to COUNTERPARTS"
        )
    return to_rgba(COUNTERPARTS[known], opacity)
