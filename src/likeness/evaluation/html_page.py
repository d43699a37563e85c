"""A report as one HTML file that needs nothing else: tables, plots as SVG, pictures embedded; no scripts."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 1120px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
h1 { font-size: 1.6em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; font-size: 13px } td, th { padding: 3px 9px; border-bottom: 1px solid #ddd }
th { text-align: left; background: #f4f4f4; position: sticky; top: 0 } td + td { text-align: right }
.wide { overflow-x: auto } .no { color: #b00020; font-weight: bold } .yes { color: #1b7f3b }
.verdict { font-size: 1.1em; padding: .6em .9em; background: #f0f4f8; border-left: 4px solid #0072b2 }
.trouble { padding: .6em .9em; background: #fdf0ec; border-left: 4px solid #d55e00 }
img, svg { max-width: 100%; height: auto } summary { cursor: pointer; font-weight: bold; margin: .8em 0 }
figure { margin: 1.2em 0 } figcaption { font-size: 13px; color: #555 }
"""
MAX_PICTURES = 120
_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A piece of a page: its title and its HTML."""

    title: str
    body: str


def page(title: str, sections: Sequence[Section]) -> str:
    """The whole file."""
    parts = [
        f"<h2>{escape(section.title)}</h2>{section.body}" if section.title else section.body for section in sections
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text cells; `yes` and `no` are coloured."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(_cell(text) for text in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def notes(lines: Sequence[str]) -> str:
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def trouble(lines: Sequence[str]) -> str:
    """What went wrong, in sight; nothing where nothing did."""
    if not lines:
        return ""
    return f'<div class="trouble"><b>{len(lines)} problems</b>{notes(lines)}</div>'


def folded(title: str, body: str) -> str:
    """A part that opens on a click."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def picture(path: Path, caption: str) -> str:
    """A picture file, embedded; nothing where it is missing."""
    if not path.is_file():
        return ""
    return embedded(path.read_bytes(), _TYPES[path.suffix.lower()], caption)


def embedded(content: bytes, kind: str, caption: str) -> str:
    """Bytes of a picture of that MIME type."""
    data = base64.b64encode(content).decode("ascii")
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:{kind};base64,{data}"><figcaption>{text}</figcaption></figure>'


def _cell(text: str) -> str:
    kind = f' class="{text}"' if text in ("yes", "no") else ""
    return f"<td{kind}>{escape(text)}</td>"
