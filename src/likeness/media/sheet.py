"""Contact sheets: a grid of pictures with captions, drawn with Pillow's built-in scalable font."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from likeness.media.crop import resize

_INK = (32, 32, 32)
_PAPER = (255, 255, 255)


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetStyle:
    """Sizes in pixels."""

    cell_width: int = 256
    cell_height: int = 256
    gap: int = 6
    font_size: int = 16


def contact_sheet(
    rows: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"] | None]],
    *,
    row_captions: Sequence[str] = (),
    column_captions: Sequence[str] = (),
    style: SheetStyle = SheetStyle(),
) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures of any size, row by row, each fitted into its cell without distortion; None leaves a cell blank.

    Raises:
        ValueError: there is no picture, or the captions do not match the grid.
    """
    num_columns = max((len(row) for row in rows), default=0)
    if num_columns == 0:
        raise ValueError("a contact sheet needs at least one picture")
    if row_captions and len(row_captions) != len(rows):
        raise ValueError(f"expected {len(rows)} row captions, got {len(row_captions)}")
    if column_captions and len(column_captions) != num_columns:
        raise ValueError(f"expected {num_columns} column captions, got {len(column_captions)}")
    font = ImageFont.load_default(style.font_size)
    left = style.gap + (max(_text_size(text, font)[0] for text in row_captions) + style.gap if row_captions else 0)
    line = max((_text_size(text, font)[1] for text in column_captions), default=0)
    top = style.gap + (line + style.gap if column_captions else 0)
    step_x, step_y = style.cell_width + style.gap, style.cell_height + style.gap
    sheet = Image.new("RGB", (left + num_columns * step_x, top + len(rows) * step_y), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, text in enumerate(column_captions):
        fitted = _fit_text(text, font, style.cell_width)
        draw.multiline_text((left + column * step_x, style.gap), fitted, fill=_INK, font=font)
    for row, text in enumerate(row_captions):
        middle = top + row * step_y + (style.cell_height - _text_size(text, font)[1]) // 2
        draw.multiline_text((style.gap, middle), text, fill=_INK, font=font)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            if picture is not None:
                cell = Image.fromarray(letterbox(picture, style.cell_width, style.cell_height))
                sheet.paste(cell, (left + column * step_x, top + row * step_y))
    return np.array(sheet)


def letterbox(
    image: UInt8[np.ndarray, "H W 3"], width: int, height: int, colour: tuple[int, int, int] = (224, 224, 224)
) -> UInt8[np.ndarray, "height width 3"]:
    """The whole picture at its own aspect ratio, centred on a plain ground of that size."""
    scale = min(width / image.shape[1], height / image.shape[0])
    inner_width = min(width, max(1, round(image.shape[1] * scale)))
    inner_height = min(height, max(1, round(image.shape[0] * scale)))
    result = np.empty((height, width, 3), np.uint8)
    result[:] = colour
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    result[top : top + inner_height, left : left + inner_width] = resize(image, inner_width, inner_height)
    return result


def text_block(lines: Sequence[str], width: int, *, font_size: int = 14) -> UInt8[np.ndarray, "H width 3"]:
    """Lines of text below each other, to stand under a sheet of that width; long lines are cut."""
    font, gap = ImageFont.load_default(font_size), SheetStyle().gap
    step = round(1.4 * font_size)
    sheet = Image.new("RGB", (width, step * len(lines) + 2 * gap), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        draw.text((gap, gap + number * step), _fit_text(line, font, width - 2 * gap), fill=_INK, font=font)
    return np.array(sheet)


def _text_size(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> tuple[int, int]:
    """Width and height in pixels of a text that may have several lines."""
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    box = probe.multiline_textbbox((0, 0), text, font=font)
    return int(np.ceil(box[2])), int(np.ceil(box[3]))


def _fit_text(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, each line cut to the width with an ellipsis."""
    lines = []
    for line in text.split("\n"):
        shown = line
        while len(shown) > 1 and _text_size(shown, font)[0] > width:
            shown = shown.rstrip("…")[:-1] + "…"
        lines.append(shown)
    return "\n".join(lines)
