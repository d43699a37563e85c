"""The open mouth: the photo's own teeth stay rigid with skull and jaw; what the photo never showed is drawn."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from likeness.face_rig.moment import Moment
from likeness.face_rig.mouth_interior import (
    LOWER_EDGE_BELOW_LIP,
    SHEET_BEHIND_LIPS,
    UPPER_EDGE_BELOW_LIP,
    MouthColours,
    draw_interior,
    mouth_colours,
    teeth_sheet,
)
from likeness.face_rig.patch import Patch, hole_map, patch_around, polygon_mask, sample, strip_triangles
from likeness.face_rig.rig import CENTIMETRE
from likeness.face_rig.warp_raster import lay_over
from likeness.geometry.transform import RigidTransform
from likeness.heads.landmark_sets import LIPS_INNER, LIPS_OUTER, LOWER_LIP_INNER, UPPER_LIP_INNER

MIDDLE_UPPER, MIDDLE_LOWER = (13, 82, 312), (14, 87, 317)
CHIN_POINTS = (199, 152, 175)
OPEN_IN_PHOTO = 0.10  # cm: the photo shows something between the lips
WIDE_IN_PHOTO = 1.3  # cm: upper and lower rows are apart
BARELY_OPEN = 0.03  # cm: nothing is drawn below
FULLY_SHOWN = 2.5  # pixels: the soft edge of a narrower opening would darken the lips around it
EXACT_CHANGE = (0.04, 0.19)  # cm of opening over which the photo's own pixels give way to layers
HOLE = strip_triangles(UPPER_LIP_INNER, LOWER_LIP_INNER)


@dataclass(frozen=True, kw_only=True, slots=True)
class MouthLayers:
    """What the photo shows of the mouth's inside."""

    colours: MouthColours
    rest_gap: float  # cm
    teeth_shown: float  # 0 to 1: how surely the photo shows teeth
    upper_mask: Float[np.ndarray, "H W"]  # of the photo's window `patch`: pixels that move with the skull
    lower_mask: Float[np.ndarray, "H W"]  # pixels that move with the jaw
    photo: Float[np.ndarray, "H W 3"]
    patch: Patch
    sheet_front: float  # m
    sheet_middle: float  # m
    upper_edge: float  # cm
    lower_edge: float  # cm


def lip_gap(vertices: Float[np.ndarray, "468 3"]) -> float:
    """Mean distance between the inner lips at the middle, cm."""
    return float((vertices[list(MIDDLE_UPPER), 1] - vertices[list(MIDDLE_LOWER), 1]).mean() / CENTIMETRE)


def build_mouth(
    image: UInt8[np.ndarray, "H W 3"],
    on_face: Bool[np.ndarray, "H W"],
    pixels: Float[np.ndarray, "468 2"],
    vertices: Float[np.ndarray, "468 3"],
    T_cam_head: RigidTransform,
    pixels_per_metre: float,
) -> MouthLayers:
    """Layers of the photo's mouth. `on_face`: where the face is."""
    import cv2

    rim = max(3, round(CENTIMETRE * pixels_per_metre) | 1)
    face = cv2.erode(on_face.astype(np.uint8), np.ones((rim, rim), np.uint8))
    up = T_cam_head.rotation[:2, 1] / max(float(np.linalg.norm(T_cam_head.rotation[:2, 1])), 1e-6)

    height, width = image.shape[:2]
    outline = pixels[list(LIPS_INNER)]
    patch = patch_around(pixels[list(LIPS_OUTER)], 6, width, height)
    photo = image[patch.slices].astype(np.float32)
    hole = polygon_mask(outline, patch, 0.6)
    eroded = cv2.GaussianBlur(cv2.erode(hole, np.ones((3, 3), np.uint8)), (0, 0), 1.0)
    gap = lip_gap(vertices)
    colours = mouth_colours(image, face > 0)
    teeth_shown, colours = _teeth_shown(
        image, face, photo, hole, polygon_mask(pixels[list(LIPS_OUTER)], patch, 0.3), gap, colours
    )
    upper_edge = vertices[13, 1] / CENTIMETRE - UPPER_EDGE_BELOW_LIP
    lower_edge = vertices[14, 1] / CENTIMETRE - LOWER_EDGE_BELOW_LIP
    lower_mask = np.zeros_like(eroded)
    if gap > OPEN_IN_PHOTO and teeth_shown > 0:
        if gap < WIDE_IN_PHOTO:  # a smile: the row in sight is the upper one and reaches the lower lip
            upper_edge = float(vertices[list(MIDDLE_LOWER), 1].mean() / CENTIMETRE)
            lower_edge = upper_edge - 0.02
        else:
            seam = 0.45 * pixels[list(MIDDLE_UPPER)].mean(0) + 0.55 * pixels[list(MIDDLE_LOWER)].mean(0)
            below = np.clip(-((patch.centres() - seam) @ up) / 2.0, 0, 1)
            lower_mask, eroded = eroded * below, eroded * (1 - below)
    return MouthLayers(
        colours=colours,
        rest_gap=gap,
        teeth_shown=teeth_shown,
        upper_mask=eroded.astype(np.float32),
        lower_mask=lower_mask.astype(np.float32),
        photo=photo,
        patch=patch,
        sheet_front=float(vertices[[0, 17, 13, 14], 2].mean()) - SHEET_BEHIND_LIPS * CENTIMETRE,
        sheet_middle=float(vertices[[13, 14], 0].mean()),
        upper_edge=float(upper_edge),
        lower_edge=float(lower_edge),
    )


def _teeth_shown(
    image: np.ndarray,
    face: np.ndarray,
    photo: np.ndarray,
    hole: np.ndarray,
    lips: np.ndarray,
    gap: float,
    colours: MouthColours,
) -> tuple[float, MouthColours]:
    """How surely the photo shows teeth (bright and not red between the lips), and their colour if it does."""
    inside = photo[hole > 0.85]
    if gap <= OPEN_IN_PHOTO or len(inside) <= 12:
        return 0.0, colours
    skin = image[face > 0].astype(np.float64)
    skin_median = np.median(skin, axis=0)
    lip_pixels = photo[(lips > 0.5) & (hole < 0.2)]
    lip_median = np.median(lip_pixels, axis=0) if len(lip_pixels) else skin_median

    def redness(colour: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch"] | np.floating:
        return colour[..., 0] / (colour.sum(-1) + 1e-3)

    bright = inside.mean(1) > 0.55 * skin_median.mean()
    pale = redness(inside) < 0.5 * redness(lip_median) + 0.5 * redness(skin_median) + 0.005
    toothy = float(np.clip(((bright & pale).mean() - 0.12) / 0.2, 0, 1))
    wide = float(np.clip((gap - 0.9) / 0.5, 0, 1))
    shown = max(toothy, wide)
    brightness = inside.mean(1)
    brightest = np.median(inside[brightness > np.percentile(brightness, 70)], axis=0)
    if shown > 0 and len(inside) > 30 and brightest.mean() > 0.7 * colours.enamel.mean():
        enamel = 0.85 * brightest + 0.15 * colours.enamel
        colours = MouthColours(enamel=enamel, cavity=colours.cavity, tongue=colours.tongue)
    return shown, colours


def draw_mouth(
    out: UInt8[np.ndarray, "H W 3"],
    mouth: MouthLayers,
    moment: Moment,
) -> None:
    """Draw the inside of the mouth into the picture."""
    import cv2

    camera, vertices, pixels = moment.camera, moment.vertices, moment.pixels
    gap = lip_gap(vertices)
    if gap < BARELY_OPEN:
        return
    height, width = out.shape[:2]
    outline = pixels[list(LIPS_INNER)]
    patch = patch_around(outline, 4, width, height)
    if patch.is_empty:
        return
    centres = patch.centres()
    directions = np.concatenate(
        [(centres - camera.centre_pixels) / camera.focal_pixels, np.ones((*centres.shape[:2], 1))], axis=-1
    )
    T_head_cam = moment.T_cam_head.inverse()
    sheet = teeth_sheet(
        centres,
        T_head_cam.translation,
        directions @ T_head_cam.rotation.T,
        front=mouth.sheet_front,
        middle=mouth.sheet_middle,
    )
    drop = (vertices[list(CHIN_POINTS)] - moment.rest_vertices[list(CHIN_POINTS)]).mean(0)
    picture = draw_interior(
        sheet / CENTIMETRE,
        vertices / CENTIMETRE,
        mouth.colours,
        upper_edge=mouth.upper_edge,
        lower_edge=mouth.lower_edge + 0.9 * drop[1] / CENTIMETRE,
    )
    picture = cv2.GaussianBlur(picture, (0, 0), 0.012 * CENTIMETRE * moment.pixels_per_metre + 0.5)
    alpha = polygon_mask(outline, patch, 0.9)
    if mouth.rest_gap > 0.05:
        picture = _with_photo_teeth(picture, mouth, sheet, drop, moment)
        moved, inside = hole_map(pixels, moment.rest_pixels - mouth.patch.corner, HOLE, patch, np.zeros_like(centres))
        low, high = EXACT_CHANGE
        exact = float(np.clip((high - max(gap - mouth.rest_gap, 0.0)) / (high - low), 0, 1))
        exact_here = (exact * inside)[..., None]
        alpha *= 1 - exact * (1 - inside)  # the soft edge around them would lay drawn gums on the lips
        picture = exact_here * sample(mouth.photo, moved, cubic=True) + (1 - exact_here) * picture
    opening = np.linalg.norm(pixels[list(UPPER_LIP_INNER[3:-3])] - pixels[list(LOWER_LIP_INNER[3:-3])], axis=1).mean()
    shown = min(float(np.clip((gap - BARELY_OPEN) / 0.06, 0, 1)), float(opening) / FULLY_SHOWN)
    lay_over(out[patch.slices], picture, alpha * min(shown, 1.0))


def _with_photo_teeth(
    picture: np.ndarray,
    mouth: MouthLayers,
    sheet: Float[np.ndarray, "H W 3"],
    drop: Float[np.ndarray, "3"],
    moment: Moment,
) -> np.ndarray:
    """The photo's upper teeth, rigid with the skull, and lower teeth, carried by the jaw, over the drawn interior."""
    upper = _upper_teeth_points(mouth, sheet, moment.vertices, moment.rest_vertices)
    lower = sheet - drop * np.array([1.0, 1.0, 0.0])
    for points, mask in ((lower, mouth.lower_mask), (upper, mouth.upper_mask)):
        where = moment.rest_camera.project(moment.rest_T_cam_head.apply(points)) - mouth.patch.corner
        weight = (sample(mask, where) * mouth.teeth_shown)[..., None]
        picture = weight * sample(mouth.photo, where, cubic=True) + (1 - weight) * picture
    return picture


def _upper_teeth_points(
    mouth: MouthLayers,
    sheet: Float[np.ndarray, "H W 3"],
    vertices: Float[np.ndarray, "468 3"],
    rest_vertices: Float[np.ndarray, "468 3"],
) -> Float[np.ndarray, "H W 3"]:
    """Where on the photo's sheet each point comes from: the same place, but squeezed so that a wider mouth or a
    lifted lip shows more of the same row instead of skin."""
    upper, lower = list(UPPER_LIP_INNER), list(LOWER_LIP_INNER)
    half = max(abs(float(vertices[78, 0] - vertices[308, 0])) / 2, 1e-3)
    rest_half = abs(float(rest_vertices[78, 0] - rest_vertices[308, 0])) / 2
    middle = 0.5 * float(vertices[78, 0] + vertices[308, 0])
    points = sheet.copy()
    points[..., 0] = (sheet[..., 0] - middle) * min(1.0, rest_half / half) + middle
    lip = np.interp(sheet[..., 0], vertices[upper, 0], vertices[upper, 1])
    rest_lip = np.interp(points[..., 0], rest_vertices[upper, 0], rest_vertices[upper, 1])
    if mouth.rest_gap < WIDE_IN_PHOTO:
        bottom = np.interp(points[..., 0], rest_vertices[lower, 0], rest_vertices[lower, 1])
    else:
        bottom = rest_lip - 0.9 * CENTIMETRE
    height = np.maximum(lip - bottom, 0.05 * CENTIMETRE)
    rest_height = np.maximum(rest_lip - bottom, 0.03 * CENTIMETRE)
    squeeze = np.minimum(1.0, rest_height / height)
    y = sheet[..., 1]
    points[..., 1] = np.where(y > bottom, bottom + (y - bottom) * squeeze, y)
    return points
