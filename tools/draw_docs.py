"""Draws the figures of the documentation and the table of controls: run `python tools/draw_docs.py` from a checkout
with the `eval` extra installed. Photos: the shipped astronaut, and matplotlib's sample of Grace Hopper (both public
domain).
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from likeness.app.demo import PHOTO, write_demo
from likeness.app.flow_pictures import largest_flow, square_portrait
from likeness.app.framing import frame_portrait, resized_portrait
from likeness.app.heads import draw_groups
from likeness.app.options import Picture
from likeness.app.overlay import draw_fit
from likeness.app.results import unwatched
from likeness.evaluation.control_measures import naming_of
from likeness.face_rig.rig import face_vertices
from likeness.flow.condition import flow_condition
from likeness.flow.depth import render_depth
from likeness.flow.settings import FlowSettings
from likeness.flow.show import carried_photo, draw_arrows, draw_wires, mask_picture, vector_colours
from likeness.flow_warp import Prepared, prepare, render_frame
from likeness.flow_warp.render import backward_map, turned_into_view
from likeness.flow_warp.texture import make_texture, sample_texture
from likeness.heads.builtin import builtin_head
from likeness.heads.model import JOINT_NAMES, Control, HeadModel
from likeness.heads.show import draw_mesh
from likeness.heads.skinning import posed_vertices
from likeness.media.crop import clip_window, extract, resize, square_window
from likeness.media.images import read_image
from likeness.media.sheet import SheetStyle, contact_sheet
from likeness.motion.edit import HeadEdit, apply_edit, control_names
from likeness.motion.record import MotionFrame
from likeness.motion.timeline import motion_of_edits
from likeness.tracking.matte import person_matte
from likeness.tracking.personal import Seen, personal_head, personal_offsets
from likeness.tracking.photo import portrait_from_image
from likeness.tracking.portrait import Portrait
from likeness.tracking.posed import portrait_head, posed_head

DOCS = Path(__file__).parents[1] / "docs"
FIGURES = DOCS / "figures"
QUALITY = 85
MAX_BYTES = 250_000  # of one figure
TABLE = re.compile(r"(?<=<!-- table: written by tools/draw_docs.py -->\n).*(?=<!-- end of table -->)", re.DOTALL)

CELL = 224  # pixels
HEAD_MARGIN = 0.55  # of the face's box, shown on each side
GRID_LINES = 3  # every third line of the grid is drawn
TURN = HeadEdit(yaw=20.0)
FLOW_EDIT = HeadEdit(yaw=18.0, pitch=-5.0, controls={"jawOpen": 0.4, "mouthSmile": 0.4})
EDITS = (
    ("yaw -20", HeadEdit(yaw=-20.0)), ("yaw -10", HeadEdit(yaw=-10.0)), ("the photo", HeadEdit()),
    ("yaw 10", HeadEdit(yaw=10.0)), ("yaw 20", HeadEdit(yaw=20.0)),
    ("pitch -12", HeadEdit(pitch=-12.0)), ("pitch 12", HeadEdit(pitch=12.0)), ("roll 10", HeadEdit(roll=10.0)),
    ("gaze_yaw -20", HeadEdit(gaze_yaw=-20.0)), ("gaze_yaw 20", HeadEdit(gaze_yaw=20.0)),
    ("mouthSmile=0.8", HeadEdit(controls={"mouthSmile": 0.8})), ("jawOpen=0.8", HeadEdit(controls={"jawOpen": 0.8})),
    ("eyeBlink=1", HeadEdit(controls={"eyeBlink": 1.0})),
    ("browInnerUp=1", HeadEdit(controls={"browInnerUp": 1.0})),
    ("mouthPucker=0.8", HeadEdit(controls={"mouthPucker": 0.8})),
)  # fmt: skip
Picture3 = UInt8[np.ndarray, "H W 3"]


def main() -> None:
    """Write every figure and the table."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    head = builtin_head()
    astronaut = portrait_of(read_image(PHOTO), head)
    prepared = prepare(astronaut)
    fine = resized_portrait(astronaut, 2 * astronaut.camera.width, 2 * astronaut.camera.height)
    write("fit", fit_figure(fine))
    write("surroundings", surroundings_figure(prepare(fine)))
    write("layers", layers_figure(prepared))
    write("edits-astronaut", edits_figure(prepared))
    write("edits-hopper", edits_figure(prepare(portrait_of(hopper(), head))))
    for name, picture in zip(("head", "controls-eyes", "controls-mouth"), draw_groups(head), strict=True):
        write(name, picture)
    write("flow-condition", flow_figure(astronaut))
    write("personal-offsets", personal_figure([astronaut, portrait_of(hopper(), head)]))
    write("demo", demo_figure())
    page = DOCS / "controls.md"
    if page.is_file():
        page.write_text(TABLE.sub(lambda _: control_table(head), page.read_text(encoding="utf-8")), encoding="utf-8")


def write(name: str, picture: Picture3) -> None:
    """One figure as JPEG.

    Raises:
        ValueError: it is larger than a figure may be.
    """
    path = FIGURES / f"{name}.jpg"
    Image.fromarray(picture).save(path, quality=QUALITY, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(DOCS.parent)}: {picture.shape[1]} x {picture.shape[0]}, {size // 1000} kB")
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes, at most {MAX_BYTES} are wanted: draw it smaller")


def hopper() -> Picture3:
    """Grace Hopper, from matplotlib's sample data (United States Navy, public domain)."""
    from matplotlib.cbook import get_sample_data

    with get_sample_data("grace_hopper.jpg") as stream:
        return np.array(Image.open(stream).convert("RGB"))


def portrait_of(photo: Picture3, head: HeadModel) -> Portrait:
    """The head fitted to a photo, as a square of 512 pixels around it."""
    return frame_portrait(portrait_from_image(photo, head), Picture(frame="crop", size=512)).portrait


def around_head(portrait: Portrait, picture: Picture3, size: int = CELL, margin: float = HEAD_MARGIN) -> Picture3:
    """The part of a picture, drawn over the portrait's photo, that shows the head."""
    points = portrait.landmarks[:468, :2]
    window = square_window(np.concatenate([points.min(axis=0), points.max(axis=0)]), margin)
    height, width = picture.shape[:2]
    return extract(picture, clip_window(window, width, height), size)


def fit_figure(portrait: Portrait) -> Picture3:
    """Photo, landmarks, fitted face and the whole fitted head."""
    dots = portrait.image.copy()
    for x, y in np.round((portrait.landmarks[:, :2] - 0.5) * 16).astype(int):
        cv2.circle(dots, (int(x), int(y)), 32, (90, 230, 150), -1, cv2.LINE_AA, 4)
    still = motion_of_edits(
        [HeadEdit()], portrait.rest, portrait.head, fps=25, shape=portrait.shape, camera=portrait.camera, source=""
    )
    mesh = draw_fit(portrait.image, still, 0, portrait.head)
    vertices = portrait.rest.T_cam_head.apply(
        posed_vertices(portrait.head, portrait.shape, portrait.rest.expression, portrait.rest.joints)
    )
    solid = draw_mesh(portrait.head, vertices, portrait.camera)
    pictures = [around_head(portrait, each, 320, 0.25) for each in (portrait.image, dots, mesh, solid)]
    captions = ["the photo", "478 landmarks", "fitted face and eyes", "the whole fitted head"]
    return contact_sheet([pictures], column_captions=captions, style=SheetStyle(cell_width=320, cell_height=320))


def surroundings_figure(prepared: Prepared) -> Picture3:
    """The grid with its share in the head's motion, what the backward map does to a chequered photo, the result."""
    portrait = prepared.portrait
    photo = portrait.image
    frame = apply_edit(portrait.rest, TURN, portrait.head)
    chequered = window_of(prepared, photo)
    rows, columns = np.indices(chequered.shape[:2]) // 32
    chequered = np.where(((rows + columns) % 2 == 0)[..., None], chequered, chequered // 2 + 90).astype(np.uint8)
    warped = sample_texture(make_texture(chequered), map_of(prepared, frame))
    cells = [grid_picture(prepared), in_photo(prepared, warped), render_frame(prepared, frame)]
    captions = ["grid: blue still, red with the head", "squares under yaw 20", "yaw 20"]
    style = SheetStyle(cell_width=420, cell_height=round(420 * photo.shape[0] / photo.shape[1]))
    return contact_sheet([cells], column_captions=captions, style=style)


def map_of(prepared: Prepared, frame: object) -> Float[np.ndarray, "H W 2"]:
    """The backward map of one frame."""
    vertices = face_vertices(prepared.rig, frame)
    points = frame.T_cam_head.apply(vertices)
    shown = turned_into_view(prepared, vertices, frame.T_cam_head)
    return backward_map(prepared, frame, points, prepared.camera.project(points), shown)


def window_of(prepared: Prepared, photo: Picture3) -> Picture3:
    """The part of the photo that may change."""
    return np.ascontiguousarray(photo[prepared.window.slices])


def in_photo(prepared: Prepared, window: Picture3) -> Picture3:
    """A picture of that part, back in the photo."""
    whole = prepared.portrait.image.copy()
    whole[prepared.window.slices] = window
    return whole


def grid_picture(prepared: Prepared) -> Picture3:
    """The grid's edges over the pale photo, coloured by head share; the face mesh in white."""
    window = window_of(prepared, prepared.portrait.image)
    picture = (0.55 * window + 0.45 * 255).astype(np.uint8)
    grid = prepared.grid
    nodes = np.column_stack([grid.pixels, grid.head_share]).reshape(*grid.shape, 3)
    for lines in (nodes[::GRID_LINES], nodes[:, ::GRID_LINES].transpose(1, 0, 2)):
        for line in lines:
            for ends in zip(line, line[1:], strict=False):
                share = (ends[0][2] + ends[1][2]) / 2
                colour = (int(40 + 200 * share), 70, int(230 - 190 * share))
                cv2.polylines(picture, [fixed_point(np.array(ends)[:, :2])], False, colour, 2, cv2.LINE_AA, 4)
    for corners in prepared.rest_pixels[prepared.faces]:
        cv2.polylines(picture, [fixed_point(corners)], True, (255, 255, 255), 1, cv2.LINE_AA, 4)
    return in_photo(prepared, picture)


def fixed_point(pixels: Float[np.ndarray, "N 2"]) -> np.ndarray:
    """Pixel positions as OpenCV's drawing takes them with 4 fractional bits."""
    return np.round((pixels - 0.5) * 16.0).astype(np.int32)


def layers_figure(prepared: Prepared) -> Picture3:
    """Moving layer, its alpha and the plate; then the layers of an eye; then mouths."""
    portrait = prepared.portrait
    photo = portrait.image
    layered = prepared.layered.samples[:: prepared.layered.step, :: prepared.layered.step]
    alpha = layered[..., 3:] / 255.0
    moving = (alpha * layered[..., :3] + (1 - alpha) * 200).astype(np.uint8)
    shown = np.repeat(layered[..., 3:], 3, axis=2)
    first = [photo, *(in_photo(prepared, each) for each in (shown, moving, prepared.plate))]
    eye = prepared.eyes[0]
    mask = np.repeat(255.0 * eye.iris_mask[..., None], 3, axis=2)
    second = [eye_picture(each) for each in (eye.photo, eye.sclera, eye.iris, mask)]
    asked = (HeadEdit(), *(HeadEdit(controls={"jawOpen": value}) for value in (0.35, 0.9)))
    asked += (HeadEdit(controls={"mouthSmile": 0.8, "jawOpen": 0.35}),)
    third = [mouth_picture(prepared, edit) for edit in asked]
    titles = (
        ("the photo", "alpha of the moving layer", "moving layer", "plate behind it"),
        ("left eye", "sclera without the iris", "completed iris", "mask of the iris"),
        ("mouth", "jawOpen=0.35", "jawOpen=0.9", "mouthSmile=0.8 jawOpen=0.35"),
    )
    heights = (round(320 * photo.shape[0] / photo.shape[1]), 160, 224)
    strips = [
        contact_sheet([row], column_captions=captions, style=SheetStyle(cell_width=320, cell_height=height))
        for row, captions, height in zip((first, second, third), titles, heights, strict=True)
    ]
    return np.concatenate(strips)


def eye_picture(values: Float[np.ndarray, "H W 3"]) -> Picture3:
    """A layer of an eye (0 to 255), twice as wide as high, enlarged."""
    height, width = values.shape[:2]
    top = max(0, (height - width // 2) // 2)
    part = values[top : top + width // 2]
    return enlarged(np.ascontiguousarray(np.clip(np.round(part), 0, 255).astype(np.uint8)))


def enlarged(picture: Picture3) -> Picture3:
    """Four times as large."""
    return resize(picture, 4 * picture.shape[1], 4 * picture.shape[0])


def mouth_picture(prepared: Prepared, edit: HeadEdit) -> Picture3:
    """The mouth's surroundings under an edit."""
    portrait = prepared.portrait
    picture = render_frame(prepared, apply_edit(portrait.rest, edit, portrait.head))
    corners = portrait.landmarks[[61, 291], :2]
    width = float(np.linalg.norm(corners[1] - corners[0]))
    x, y = corners.mean(axis=0) - np.array([1.0 * width, 0.55 * width])
    part = picture[int(y) : int(y + 1.4 * width), int(x) : int(x + 2.0 * width)]
    return enlarged(np.ascontiguousarray(part))


def edits_figure(prepared: Prepared) -> Picture3:
    """The photo under fifteen edits."""
    portrait = prepared.portrait
    cells = [
        around_head(portrait, render_frame(prepared, apply_edit(portrait.rest, edit, portrait.head)))
        for _, edit in EDITS
    ]
    strips = [
        contact_sheet(
            [cells[start : start + 5]],
            column_captions=[name for name, _ in EDITS[start : start + 5]],
            style=SheetStyle(cell_width=CELL, cell_height=CELL),
        )
        for start in range(0, len(cells), 5)
    ]
    return np.concatenate(strips)


def flow_figure(portrait: Portrait) -> Picture3:
    """The 3D flow from a photo to a turned, smiling, open-mouthed pose: what is given, slices, what it does."""
    square = square_portrait(portrait)
    target = posed_head(square.head, square.shape, apply_edit(square.rest, FLOW_EDIT, square.head), square.camera)
    source = portrait_head(square)
    settings = FlowSettings(resolution=256, surface_field="local", extras=("visibility", "normals"))
    condition = flow_condition(target, source, settings)
    stack = condition.channels[: 3 * settings.samples].reshape(-1, 3, 256, 256)
    largest = largest_flow(stack, condition)
    carried = carried_photo(square.image, condition)
    first = [draw_wires(square.image, source), draw_mesh(square.head, target.vertices, square.camera)]
    first += [mask_picture(condition), vector_colours(condition.channels[-3:], 1.0)]
    second = [vector_colours(stack[number], largest) for number in (0, 10, 19)]
    second += [draw_arrows(carried, condition)]
    titles = (
        ("the photo and its head", "target head", "seen in the photo, hidden", "normals"),
        ("flow, nearest sample", "flow, at the surface", "flow, farthest sample", "photo carried by the flow"),
    )
    style = SheetStyle(cell_width=256, cell_height=256)
    strips = [
        contact_sheet([row], column_captions=captions, style=style)
        for row, captions in zip((first, second), titles, strict=True)
    ]
    return np.concatenate(strips)


def demo_figure() -> Picture3:
    """The contact sheet of `likeness demo`."""
    with tempfile.TemporaryDirectory() as folder:
        for line in write_demo(Path(folder), overwrite=False, watch=unwatched):
            print(line)
        return read_image(Path(folder) / "astronaut.png")


def control_table(head: HeadModel) -> str:
    """One markdown row per control, in the head's order."""
    lines = ["| name | both sides | moves | joint at 1 | skin at 1 |", "|---|---|---|---|---|"]
    known = control_names(head)
    for control in head.controls:
        stem = control.name.removesuffix("Left").removesuffix("Right")
        both = f"`{stem}`" if stem != control.name and stem in known else ""
        cells = (
            f"`{control.name}`",
            both,
            named(control),
            joints_of(control),
            f"{skin_movement(head, control):.1f} mm",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def personal_figure(portraits: Sequence[Portrait]) -> Picture3:
    """Outlines of the fitted and the personal head, in the photo and turned."""
    rows = []
    for portrait in portraits:
        seen = Seen(
            shape=portrait.shape, frame=portrait.rest, camera=portrait.camera, matte=person_matte(portrait.image)
        )
        personal = personal_head(portrait.head, personal_offsets(portrait.head, [seen]))
        cells = []
        for frame in (portrait.rest, apply_edit(portrait.rest, TURN, portrait.head)):
            picture = render_frame(prepare(portrait), frame)
            cells += [outlined(picture, replace(portrait, head=head), frame) for head in (portrait.head, personal)]
        rows.append([around_head(portrait, cell) for cell in cells])
    captions = ["fitted", "personal", f"fitted, yaw {TURN.yaw:g}", f"personal, yaw {TURN.yaw:g}"]
    return contact_sheet(rows, column_captions=captions, style=SheetStyle(cell_width=CELL, cell_height=CELL))


def outlined(picture: Picture3, portrait: Portrait, frame: MotionFrame) -> Picture3:
    """The picture with the outline of the posed head."""
    posed = posed_head(portrait.head, portrait.shape, frame, portrait.camera)
    shown = (render_depth(posed, posed.camera).face >= 0).astype(np.uint8)
    lines, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(picture.copy(), lines, -1, (255, 60, 40), max(round(len(picture) / 256), 1), cv2.LINE_AA)


def named(control: Control) -> str:
    """What the control moves, as the evaluation names it."""
    naming = naming_of(control.name)
    if naming is None:
        return ""
    return f"{naming.quantity.name}: {'more' if naming.direction > 0 else 'less'}"


def joints_of(control: Control) -> str:
    """The joints that turn, in degrees at 1."""
    turns = np.degrees(np.linalg.norm(control.joints, axis=1))
    return ", ".join(f"{JOINT_NAMES[index]} {turns[index]:.0f}°" for index in np.flatnonzero(turns))


def skin_movement(head: HeadModel, control: Control) -> float:
    """The largest movement of the skin of the mean person at 1, millimetres."""
    shape, still = np.zeros(head.num_shape), np.zeros((5, 3))
    rest = posed_vertices(head, shape, np.zeros(head.num_expression), still)
    moved = posed_vertices(head, shape, control.expression, control.joints)
    skin = np.unique(head.part_faces("skin"))
    return float(1000 * np.linalg.norm((moved - rest)[skin], axis=1).max())


if __name__ == "__main__":
    main()
