"""Eyes: the iris turns on an eyeball over a sclera that moves with the lids, and closed lids get a lash line.

Small changes keep the photo's own pixels; only when the gaze or the opening really changes do the separated layers
(sclera without iris, completed iris) fade in.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from likeness.face_rig.moment import Moment
from likeness.face_rig.patch import Patch, hole_map, patch_around, polygon_mask, sample, strip_triangles
from likeness.face_rig.rig import CENTIMETRE
from likeness.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from likeness.geometry.smoothstep import smoothstep
from likeness.heads.landmark_sets import EYE_LEFT_RING, EYE_RIGHT_RING, IRIS_LEFT, IRIS_RIGHT, LIDS
from likeness.media.fill import push_pull
from likeness.motion.record import MotionFrame

EYE_RADIUS = 1.25 * CENTIMETRE
EYE_INSET = 0.95 * CENTIMETRE  # centre of the eyeball behind the mean of the lid ring
RINGS = (EYE_LEFT_RING, EYE_RIGHT_RING)
IRISES = (IRIS_LEFT, IRIS_RIGHT)
SCLERA_TINT = np.array([1.02, 1.0, 0.98])
SCLERA_BRIGHTNESS = 0.95  # of the skin around the eye
LASH_WIDTH = 0.10 * CENTIMETRE
LASH_DARKENING = 0.55
SHUTTING = (0.35, 0.75)  # of the photo's lid gap: a gaze drawn by itself is not seen below, and all seen above
LID_SHADOW = 0.30 * CENTIMETRE  # the upper lid shades this much of the eyeball


@dataclass(frozen=True, kw_only=True, slots=True)
class EyeLayers:
    """One eye of the photo: its own pixels, a sclera without iris, a completed iris and its mask, over one window."""

    ring: tuple[int, ...]
    upper: Int[np.ndarray, " U"]
    lower: Int[np.ndarray, " U"]
    hole: Int[np.ndarray, "F 3"]
    centre: Float[np.ndarray, "3"]  # of the eyeball in the head frame
    patch: Patch  # window of the photo that the layers cover
    photo: Float[np.ndarray, "H W 3"]
    sclera: Float[np.ndarray, "H W 3"]
    iris: Float[np.ndarray, "H W 3"]
    iris_mask: Float[np.ndarray, "H W"]


def build_eyes(
    image: UInt8[np.ndarray, "H W 3"],
    pixels: Float[np.ndarray, "468 2"],
    landmarks: Float[np.ndarray, "478 3"],
    vertices: Float[np.ndarray, "468 3"],
) -> tuple[EyeLayers, EyeLayers]:
    """Layers of the left and the right eye; `pixels` and `landmarks` in the picture."""
    left, right = (_build_eye(image, side, pixels, landmarks, vertices) for side in (0, 1))
    return left, right


def _build_eye(
    image: UInt8[np.ndarray, "H W 3"],
    side: int,
    pixels: Float[np.ndarray, "468 2"],
    landmarks: Float[np.ndarray, "478 3"],
    vertices: Float[np.ndarray, "468 3"],
) -> EyeLayers:
    """Layers of the left (0) or right (1) eye; `pixels` and `landmarks` in the picture."""
    import cv2

    ring = RINGS[side]
    upper, lower, corners = LIDS[side]
    height, width = image.shape[:2]
    outline = pixels[list(ring)]
    patch = patch_around(outline, 0.6 * float(np.ptp(outline[:, 0])) + 2, width, height)
    photo = image[patch.slices].astype(np.float32)
    centres = patch.centres()
    iris_points = landmarks[list(IRISES[side]), :2]
    iris_radius = max(float(np.linalg.norm(iris_points[1:] - iris_points[0], axis=1).mean()), 1.0)
    from_iris = np.linalg.norm(centres - iris_points[0], axis=-1) / iris_radius
    opening = polygon_mask(outline, patch, 0.4) > 0.5
    inner = cv2.erode(opening.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    sclera = _sclera(photo, inner, from_iris)
    sclera = sclera * _lid_shading(centres, pixels[list(upper)], 0.84 * iris_radius, 0.70)[..., None]
    blend = cv2.GaussianBlur(np.clip((1.22 - from_iris) / 0.10, 0, 1).astype(np.float32), (0, 0), 0.6)[..., None]
    return EyeLayers(
        ring=ring,
        upper=np.array(upper),
        lower=np.array(lower),
        hole=strip_triangles((corners[0], *upper, corners[1]), (corners[0], *lower, corners[1])),
        centre=vertices[list(ring)].mean(0) - np.array([0.0, 0.0, EYE_INSET]),
        patch=patch,
        photo=photo,
        sclera=blend * sclera + (1 - blend) * photo,
        iris=_completed_iris(photo, inner, from_iris, centres, iris_points[0]),
        iris_mask=np.clip((1.12 - from_iris) / 0.14, 0, 1).astype(np.float32),
    )


def _sclera(photo: np.ndarray, inner: np.ndarray, from_iris: np.ndarray) -> np.ndarray:
    """The white of the eye, continued under the iris from its brighter pixels; where a photo shows hardly any, a white
    as bright as the skin around the eye suggests.
    """
    brightness = photo.mean(-1)
    skin = float(np.percentile(brightness[~inner], 75)) if (~inner).any() else float(brightness.max())
    expected = SCLERA_TINT * min(skin * SCLERA_BRIGHTNESS, 235.0)
    white = inner & (from_iris > 1.15)
    if white.sum() > 8:
        white &= brightness >= np.percentile(brightness[white], 50)
    count = float(white.sum())
    if count <= 4:
        return np.broadcast_to(expected.astype(np.float32), photo.shape).copy()
    seen = np.median(photo[white], axis=0)
    trust = count / (count + 40.0)
    tone = trust * (0.7 * seen + 0.3 * seen.mean() * SCLERA_TINT) + (1 - trust) * expected
    return 0.5 * push_pull(photo, white.astype(np.float32)) + 0.5 * tone.astype(np.float32)


def _completed_iris(
    photo: np.ndarray, inner: np.ndarray, from_iris: np.ndarray, centres: np.ndarray, centre: np.ndarray
) -> np.ndarray:
    """The iris with what the lids hide taken from its mirror image below, or from its rim's colour."""
    import cv2

    mirrored = np.stack([centres[..., 0], 2 * centre[1] - centres[..., 1]], axis=-1)
    local = mirrored - centres[0, 0] + 0.5
    reflected = sample(photo, local)
    seen = inner.astype(np.float32)
    seen_mirrored = sample(seen, local)
    rim = inner & (from_iris < 1.0) & (from_iris > 0.6)
    if rim.sum() > 3:
        dark = photo[rim].mean(0)
    else:
        dark = photo[inner].mean(0) if inner.any() else photo.mean((0, 1))
    trust = (cv2.GaussianBlur(seen, (0, 0), 0.8) * seen)[..., None]
    trust_mirrored = np.clip(cv2.GaussianBlur(seen_mirrored, (0, 0), 0.8) * seen_mirrored, 0, 1)[..., None]
    return (trust * photo + (1 - trust) * (trust_mirrored * reflected + (1 - trust_mirrored) * dark)).astype(np.float32)


def _lid_shading(
    centres: Float[np.ndarray, "H W 2"], upper_lid: Float[np.ndarray, "U 2"], reach: float, darkest: float
) -> Float[np.ndarray, "H W"]:
    """Brightness under the upper lid: `darkest` at its edge, 1 from `reach` pixels below."""
    order = np.argsort(upper_lid[:, 0])
    edge = np.interp(centres[0, :, 0], upper_lid[order, 0], upper_lid[order, 1])
    return (darkest + (1 - darkest) * smoothstep((centres[..., 1] - edge[None]) / reach)).astype(np.float32)


def draw_eyes(
    out: UInt8[np.ndarray, "H W 3"],
    eyes: tuple[EyeLayers, EyeLayers],
    moment: Moment,
    rest: MotionFrame,
    frame: MotionFrame,
    *,
    gaze_alone: bool = False,
) -> None:
    """Draw both eyes into the picture.

    Args:
        rest: the photo's own moment.
        gaze_alone: the picture has the lids already: only what a turned gaze changes between open ones.
    """
    turns = (rest.eye_left, frame.eye_left), (rest.eye_right, frame.eye_right)
    for eye, (before, asked) in zip(eyes, turns, strict=True):
        _draw_eye(out, eye, moment, _relative_turn(before, asked), gaze_alone)


def _relative_turn(rest: Float[np.ndarray, "3"], asked: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Rotation (axis-angle) of the eyeball from the photo's gaze to the asked one."""
    return axis_angle_from_matrix(matrix_from_axis_angle(asked) @ matrix_from_axis_angle(rest).T)


def _draw_eye(
    out: UInt8[np.ndarray, "H W 3"],
    eye: EyeLayers,
    moment: Moment,
    turn: Float[np.ndarray, "3"],
    gaze_alone: bool,
) -> None:
    """Draw one eye into the picture; `turn` is the gaze's rotation (axis-angle, head frame) since the photo."""
    pixels, scale = moment.pixels, moment.pixels_per_metre
    height, width = out.shape[:2]
    outline = pixels[list(eye.ring)]
    patch = patch_around(outline, 4, width, height)
    if patch.is_empty:
        return
    centres = patch.centres()
    opening = polygon_mask(outline, patch, 0.7)[..., None]
    ball = _eyeball_map(eye, moment, turn, centres) - eye.patch.corner
    drawn = sample(eye.photo, ball, cubic=True)
    gap, rest_gap = _gap(eye, moment.vertices), _gap(eye, moment.rest_vertices)
    gaze = _far_enough(float(np.linalg.norm(turn[:2])) * EYE_RADIUS * scale)
    layered = max(gaze, _far_enough(1.5 * (gap - rest_gap) * scale))
    if layered > 0:
        moved, _ = hole_map(pixels, moment.rest_pixels - eye.patch.corner, eye.hole, patch, ball)
        sclera = sample(eye.sclera, moved)
        iris_mask = sample(eye.iris_mask, ball)[..., None]
        shade = _lid_shading(centres, pixels[eye.upper], LID_SHADOW * scale, 0.72)[..., None]
        rebuilt = iris_mask * sample(eye.iris, ball, cubic=True) * shade + (1 - iris_mask) * sclera
        drawn = (1 - layered) * drawn + layered * rebuilt
    under = out[patch.slices].astype(np.float32)
    if gaze_alone:
        first, second = SHUTTING
        shown = (gap / max(rest_gap, 0.05 * CENTIMETRE) - first) / (second - first)
        opening = opening * (gaze * smoothstep(np.array(shown)))
    result = opening * drawn + (1 - opening) * under
    closing = 0.0 if gaze_alone else float(smoothstep(np.array(1.25 - 1.6 * gap / max(rest_gap, 0.05 * CENTIMETRE))))
    if closing > 0.02 and rest_gap > 0.1 * CENTIMETRE:
        result *= 1 - LASH_DARKENING * closing * _lash_line(outline, eye, patch, scale)[..., None]
    out[patch.slices] = np.clip(np.round(result), 0, 255).astype(np.uint8)


def _far_enough(pixels: float) -> float:
    """How far the layers take the place of the photo's own pixels after that way."""
    return float(np.clip((pixels - 0.4) / 2.0, 0, 1))


def _gap(eye: EyeLayers, vertices: Float[np.ndarray, "468 3"]) -> float:
    """Mean lid gap, metres."""
    return float(np.mean(vertices[eye.upper, 1] - vertices[eye.lower, 1]))


def _eyeball_map(
    eye: EyeLayers,
    moment: Moment,
    turn: Float[np.ndarray, "3"],
    centres: Float[np.ndarray, "H W 2"],
) -> Float[np.ndarray, "H W 2"]:
    """For each target pixel, the photo pixel of the same point of the eyeball before it turned."""
    centre = moment.T_cam_head.apply(eye.centre)
    rays = np.concatenate(
        [(centres - moment.camera.centre_pixels) / moment.camera.focal_pixels, np.ones((*centres.shape[:2], 1))], -1
    )
    square = (rays * rays).sum(-1)
    along = rays @ centre
    inside = np.maximum(along**2 - square * (centre @ centre - EYE_RADIUS**2), 1e-10)
    points = rays * ((along - np.sqrt(inside)) / square)[..., None]
    on_ball = moment.T_cam_head.inverse().apply(points) - eye.centre
    before = on_ball @ matrix_from_axis_angle(turn)
    return moment.rest_camera.project(moment.rest_T_cam_head.apply(before + eye.centre))


def _lash_line(
    outline: Float[np.ndarray, "16 2"], eye: EyeLayers, patch: Patch, pixels_per_metre: float
) -> Float[np.ndarray, "H W"]:
    """A thin soft line along the upper lid's edge, fading toward the corners."""
    import cv2

    line = np.zeros((patch.bottom - patch.top, patch.right - patch.left), np.uint8)
    upper = np.round((outline[: len(eye.upper) + 2] - patch.corner - 0.5) * 16).astype(np.int32)
    thickness = max(1, round(LASH_WIDTH * pixels_per_metre))
    cv2.polylines(line, [upper], False, 255, thickness, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(line, (0, 0), 0.5 * LASH_WIDTH * pixels_per_metre + 0.3).astype(np.float32) / 255
    across = np.linspace(0, 1, line.shape[1])[None]
    return np.clip(soft * np.clip(np.minimum(across, 1 - across) / 0.25, 0, 1), 0, 1)
