"""Charts as SVG text that a browser shows without scripts; colours and fonts come from the style sheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from scorer.server.pages.formatting import MINUS

WIDTH: Final = 640
HEIGHT: Final = 240
LEFT: Final = 64
RIGHT: Final = 16
TOP: Final = 16
BOTTOM: Final = 34
ROW: Final = 22
"""Height of a bar that lies."""
LONGEST_NAME: Final = 30
"""Letters of a feature's name beside its bar."""
BARS: Final = 31
"""Bars of a histogram: odd, so that one is about zero."""
LIFE: Final = ("open", "locking", "locked", "sealed", "settling", "settled")
"""States of a round that ends well, in order."""


@dataclass(frozen=True)
class Line:
    """One line of a chart; `style` is one of the style sheet's classes series-1 to series-4."""

    label: str
    values: Sequence[float | None]
    style: str


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        span = self.high - self.low or 1.0
        return round(self.start + (value - self.low) / span * (self.end - self.start), 2)


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return round numbers within the bounds, about so many."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def number(value: float) -> str:
    """Return a label of an axis."""
    text = f"{value:,.10g}" if abs(value) < 10_000 else f"{value / 1000:,.4g}k"
    return text.replace("-", MINUS)


def _svg(title: str, body: str, *, height: int = HEIGHT, style: str = "chart") -> Markup:
    opening = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        style, WIDTH, height, title
    )
    return opening + Markup(body) + Markup("</svg>")  # noqa: S704 - made of numbers and escaped labels


def _text(x: float, y: float, label: str, style: str) -> str:
    return str(Markup('<text x="{}" y="{}" class="{}">{}</text>').format(x, y, style, label))


def _rule(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{style}"/>'


def _left_axis(scale: Scale, *, whole: bool = False) -> str:
    parts = []
    for tick in ticks(scale.low, scale.high):
        if whole and tick != int(tick):
            continue
        y = scale(tick)
        parts.append(_rule(LEFT, y, WIDTH - RIGHT, y, "grid" if tick else "zero"))
        parts.append(_text(LEFT - 8, y + 4, number(tick), "label end"))
    return "".join(parts)


def histogram(values: Sequence[float], title: str, unit: str) -> Markup:
    """Return the distribution of scores, gains and losses in their own colours and hatching."""
    if not values:
        return Markup()
    most = max(max(abs(value) for value in values), 1e-9)
    counts = [0] * BARS
    for value in values:
        place = int((value + most) / (2 * most) * BARS)
        counts[min(max(place, 0), BARS - 1)] += 1
    across = Scale(-most, most, LEFT, WIDTH - RIGHT)
    up = Scale(0, max(counts), HEIGHT - BOTTOM, TOP)
    return _svg(title, _left_axis(up, whole=True) + _bars(counts, across, up) + _bottom_axis(across, unit))


def _bars(counts: Sequence[int], across: Scale, up: Scale) -> str:
    width = (across.end - across.start) / BARS
    parts = []
    for place, count in enumerate(counts):
        if not count:
            continue
        middle = place - BARS // 2
        style = "bar gain" if middle > 0 else "bar loss" if middle < 0 else "bar"
        x, y = round(across.start + place * width + 0.75, 2), up(count)
        size = f'width="{round(width - 1.5, 2)}" height="{round(up(0) - y, 2)}"'
        parts.append(f'<rect x="{x}" y="{y}" {size} class="{style}"/>')
    return "".join(parts)


def _bottom_axis(across: Scale, unit: str) -> str:
    base = HEIGHT - BOTTOM
    labels = [
        _text(across(tick), base + 16, number(tick), "label middle")
        for tick in ticks(across.low, across.high)
    ]
    name = _text(WIDTH - RIGHT, base + 30, unit, "label end")
    return _rule(across(0), TOP, across(0), base, "zero") + "".join(labels) + name


def exposure_chart(exposures: Sequence[tuple[str, float]], title: str) -> Markup:
    """Return bars to both sides of zero, one a feature, with its name and number; from -1 to 1 at most."""
    if not exposures:
        return Markup()
    most = max(abs(value) for _, value in exposures) or 1.0
    across = Scale(-most, most, WIDTH * 0.42, WIDTH - RIGHT - 64)
    height = TOP + len(exposures) * ROW + BOTTOM
    parts = [_rule(across(tick), TOP, across(tick), height - BOTTOM, "grid") for tick in ticks(-most, most)]
    parts += [
        _text(across(tick), height - BOTTOM + 18, number(tick), "label middle") for tick in ticks(-most, most)
    ]
    for place, (name, value) in enumerate(exposures):
        parts.append(_exposure_bar(TOP + place * ROW, name, value, across))
    parts.append(_rule(across(0), TOP, across(0), height - BOTTOM, "zero"))
    return _svg(title, "".join(parts), height=height, style="chart bars")


def _exposure_bar(y: float, name: str, value: float, across: Scale) -> str:
    left, right = sorted((across(0), across(value)))
    size = f'width="{round(right - left, 2)}" height="{ROW - 6}"'
    bar = f'<rect x="{left}" y="{y + 3}" {size} class="bar {"gain" if value > 0 else "loss"}"/>'
    shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    base = y + ROW / 2 + 4
    return bar + _text(0, base, shown, "label") + _text(WIDTH, base, signed(value), "label end")


def signed(value: float) -> str:
    """Return a number with its sign and four decimals."""
    return f"{value:+.4f}".replace("-", MINUS)


def line_chart(times: Sequence[int], lines: Sequence[Line], title: str, *, from_zero: bool = False) -> Markup:
    """Return lines over time; times are Unix seconds, in order."""
    known = [value for line in lines for value in line.values if value is not None]
    if not known or not times:
        return Markup()
    low, high = min(known), max(known)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    pad = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    up = Scale(low if from_zero and low == 0 else low - pad, high + pad, HEIGHT - BOTTOM, TOP)
    across = Scale(times[0], times[-1], LEFT + 4, WIDTH - RIGHT - 4)
    body = _left_axis(up) + _days(times, across)
    body += "".join(_path(line, times, across, up) for line in lines)
    return _svg(title, body)


def _days(times: Sequence[int], across: Scale) -> str:
    chosen = sorted({0, len(times) // 2, len(times) - 1})
    parts = []
    for index in chosen:
        style = "label" if index == 0 else "label end" if index == len(times) - 1 else "label middle"
        moment = datetime.fromtimestamp(times[index], UTC)
        name = moment.strftime("%-d %b %Y" if times[-1] - times[0] > 3 * 86_400 else "%-d %b %H:%M")
        parts.append(_text(across(times[index]), HEIGHT - BOTTOM + 18, name, style))
        if len(times) == 1:
            break
    return "".join(parts)


def _path(line: Line, times: Sequence[int], across: Scale, up: Scale) -> str:
    points, pen = [], "M"
    for time, value in zip(times, line.values, strict=True):
        if value is None:
            pen = "M"
            continue
        points.append(f"{pen}{across(time)} {up(value)}")
        pen = "L"
    dots = ""
    if len(points) <= 40:
        places = [point[1:].split(" ") for point in points]
        dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.5"/>' for x, y in places)
    return f'<g class="line {line.style}"><path d="{"".join(points)}"/>{dots}</g>'


def sparkline(values: Sequence[float], title: str) -> Markup:
    """Return a small line without axes."""
    if len(values) < 2:
        return Markup()
    across = Scale(0, len(values) - 1, 2, 98)
    up = Scale(min(*values, 0.0), max(*values, 0.0), 22, 2)
    points = " ".join(f"{across(place)},{up(value)}" for place, value in enumerate(values))
    body = f'<line x1="2" x2="98" y1="{up(0)}" y2="{up(0)}" class="zero"/><polyline points="{points}"/>'
    opening = Markup('<svg class="spark" viewBox="0 0 100 24" role="img" aria-label="{}">').format(title)
    return opening + Markup(body) + Markup("</svg>")  # noqa: S704 - made of numbers


def life_of_a_round(state: str) -> Markup:
    """Return the states of a round as a picture, with the present one marked."""
    step = (WIDTH - 96) / (len(LIFE) - 1)
    reached = LIFE.index(state) if state in LIFE else -1
    parts = [_rule(48, 26, WIDTH - 48, 26, "track")]
    if reached > 0:
        parts.append(_rule(48, 26, 48 + reached * step, 26, "track done"))
    for place, name in enumerate(LIFE):
        x = round(48 + place * step, 2)
        style = "now" if place == reached else "done" if place < reached else "ahead"
        parts.append(f'<circle cx="{x}" cy="26" r="{9 if style == "now" else 6}" class="stop {style}"/>')
        parts.append(_text(x, 54, name, f"label middle {style}"))
    if state == "void":
        parts.append(_text(WIDTH / 2, 12, "void: every position came back whole", "label middle now"))
    title = f"States of a round: {', '.join(LIFE)}. This one is {state}."
    return _svg(title, "".join(parts), height=64, style="life")
