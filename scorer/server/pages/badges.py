"""Badges: a model's rank or return as a small picture for a README."""

from typing import Final

from markupsafe import Markup

CHARACTER: Final = 6.6
"""Width of a letter of eleven pixels in the fonts that are asked for, on the generous side."""
PADDING: Final = 9
TEMPLATE: Final = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{title}">'
    "<title>{title}</title>"
    '<rect width="{width}" height="20" rx="2" fill="#23211d"/>'
    '<rect x="{split}" width="{rest}" height="20" rx="2" fill="{colour}"/>'
    '<g font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle" fill="#fff">'
    '<text x="{left}" y="14">{label}</text><text x="{right}" y="14">{value}</text></g></svg>'
)
GOOD, BAD, NEUTRAL = "#0b5e9e", "#a34008", "#5d584f"


def badge(label: str, value: str, colour: str = NEUTRAL) -> str:
    """Return a badge of two fields as an SVG document; the texts may be anybody's."""
    first = round(len(label) * CHARACTER) + 2 * PADDING
    second = round(len(value) * CHARACTER) + 2 * PADDING
    return TEMPLATE.format(
        width=first + second,
        split=first,
        rest=second,
        left=first / 2,
        right=first + second / 2,
        label=label,
        value=value,
        title=f"{label}: {value}",
        colour=colour,
    )
