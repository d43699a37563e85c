"""Plots as SVG text, drawn by hand so that a report needs no plotting library: lines over time, items, intervals."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from jaxtyping import Float

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")  # Okabe and Ito
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 56, 16, 30, 34  # pixels
_TICKS = 5
_MOST_POINTS = 2000  # of a line; longer ones are thinned
_LETTER = 6.6  # pixels


def line_plot(
    title: str,
    x: Float[np.ndarray, " N"],
    lines: Mapping[str, Float[np.ndarray, " N"]],
    *,
    x_title: str,
    marks: Sequence[float] = (),
    height: int = 220,
) -> str:
    """Lines over one axis; NaN leaves a gap. `marks` are places on the x axis that get a thin bar."""
    stride = max(1, -(-len(x) // _MOST_POINTS))
    x = x[::stride]
    shown = {name: np.asarray(values, dtype=np.float64)[::stride] for name, values in lines.items()}
    frame = _Frame(x, list(shown.values()), height)
    body = [_bar(frame.across(mark), _TOP, height - _BOTTOM) for mark in marks]
    for number, values in enumerate(shown.values()):
        for piece in _pieces(x, values):
            points = " ".join(f"{frame.across(a):.1f},{frame.up(b):.1f}" for a, b in piece)
            body.append(
                f'<polyline points="{points}" fill="none" stroke="{_colour(number)}" stroke-width="1.5" '
                f'stroke-opacity="0.9"/>'
            )
    return _svg(title, height, [*frame.axes(x_title), *body, *_legend(list(shown))])


def items_plot(
    title: str, items: Sequence[str], series: Mapping[str, Sequence[float | None]], *, height: int = 240
) -> str:
    """A dot per item and series, items in the order of the first series' values; None leaves a gap."""
    table = {name: _floats(values) for name, values in series.items()}
    first = next(iter(table.values()))
    order = np.argsort(np.where(np.isfinite(first), first, np.inf), kind="stable")
    places = np.arange(len(items), dtype=np.float64)
    frame = _Frame(places, list(table.values()), height, has_numbers=False)
    body = []
    for number, values in enumerate(table.values()):
        for place, value in zip(places, values[order], strict=True):
            if np.isfinite(value):
                name = escape(f"{items[order[int(place)]]}: {value:.4g}")
                body.append(
                    f'<circle cx="{frame.across(place):.1f}" cy="{frame.up(value):.1f}" r="3" '
                    f'fill="{_colour(number)}" fill-opacity="0.85"><title>{name}</title></circle>'
                )
    return _svg(title, height, [*frame.axes("items, in the order of the first"), *body, *_legend(list(table))])


def intervals_plot(title: str, rows: Sequence[tuple[str, float, tuple[float, float] | None]]) -> str:
    """Medians with their intervals, one method below the other."""
    height = _TOP + _BOTTOM + 24 * len(rows)
    ends = [value for _, median, interval in rows for value in (median, *(interval or ()))]
    margin = int(max([len(name) for name, _, _ in rows], default=0) * _LETTER) + 12
    frame = _Frame(np.asarray([0.0, *ends]), [np.zeros(1)], height, left=max(margin, _LEFT))
    body = []
    for number, (name, median, interval) in enumerate(rows):
        y = _TOP + 24 * number + 12
        body.append(_text(name, frame.left - 8, y + 4, anchor="end"))
        if interval is not None:
            low, high = (frame.across(end) for end in interval)
            body.append(
                f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{_colour(number)}" stroke-width="6" '
                f'stroke-opacity="0.4"/>'
            )
        body.append(f'<circle cx="{frame.across(median):.1f}" cy="{y}" r="4" fill="{_colour(number)}"/>')
        is_far = frame.across(median) > 0.8 * _WIDTH
        shift, anchor = (-8, "end") if is_far else (8, "start")
        body.append(_text(f"{median:.4g}", frame.across(median) + shift, y - 5, anchor=anchor))
    return _svg(title, height, [*frame.axes("", has_y=False), *body])


class _Frame:
    """From numbers to pixels."""

    def __init__(
        self, x: np.ndarray, lines: Sequence[np.ndarray], height: int, *, has_numbers: bool = True, left: int = _LEFT
    ) -> None:
        self.height, self.left, self.has_numbers = height, left, has_numbers
        self.x_low, self.x_high = _range(x, pad=0.0)
        self.y_low, self.y_high = _range(np.concatenate(list(lines)), pad=0.06)

    def across(self, value: float) -> float:
        """Pixels from the left."""
        return self.left + (value - self.x_low) / (self.x_high - self.x_low) * (_WIDTH - self.left - _RIGHT)

    def up(self, value: float) -> float:
        """Pixels from the top."""
        room = self.height - _TOP - _BOTTOM
        return self.height - _BOTTOM - (value - self.y_low) / (self.y_high - self.y_low) * room

    def axes(self, x_title: str, *, has_y: bool = True) -> list[str]:
        """Grid, numbers and the title of the x axis."""
        lines = []
        for value in _ticks(self.y_low, self.y_high) if has_y else ():
            y = self.up(value)
            lines.append(_grid(self.left, _WIDTH - _RIGHT, y, y))
            lines.append(_text(f"{value:g}", self.left - 6, y + 4, anchor="end"))
        for value in _ticks(self.x_low, self.x_high) if self.has_numbers else ():
            x = self.across(value)
            lines.append(_grid(x, x, _TOP, self.height - _BOTTOM))
            lines.append(_text(f"{value:g}", x, self.height - _BOTTOM + 14, anchor="middle"))
        lines.append(_text(x_title, _WIDTH - _RIGHT, self.height - 5, anchor="end"))
        return lines


def _svg(title: str, height: int, body: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="11" role="img">'
    )
    ground = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    return "".join([head, ground, _text(title, 8, 16, weight="bold"), *body, "</svg>"])


def _legend(names: Sequence[str]) -> list[str]:
    """Names at the top right, from the right."""
    lines, right = [], float(_WIDTH - _RIGHT)
    for number in range(len(names) - 1, -1, -1):
        right -= len(names[number]) * _LETTER
        lines.append(_text(names[number], right, 16))
        lines.append(f'<circle cx="{right - 8:.1f}" cy="12" r="4" fill="{_colour(number)}"/>')
        right -= 24.0
    return lines


def _text(text: str, x: float, y: float, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#333333">'
        f"{escape(text)}</text>"
    )


def _grid(x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _bar(x: float, top: float, bottom: float) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#d55e00" stroke-opacity="0.25"/>'


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _floats(values: Sequence[float | None]) -> Float[np.ndarray, " N"]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _pieces(x: np.ndarray, y: np.ndarray) -> list[list[tuple[float, float]]]:
    """The line between its gaps."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if np.isfinite(b):
            pieces[-1].append((a, b))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _range(values: np.ndarray, *, pad: float) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    width = high - low or max(abs(high), 1.0)
    return low - pad * width, (low + width) + pad * width


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds."""
    rough = (high - low) / _TICKS
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * unit for factor in (1.0, 2.0, 5.0, 10.0) if factor * unit >= rough)
    return [round(number * step, 12) for number in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
