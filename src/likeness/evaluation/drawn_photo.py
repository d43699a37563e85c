"""A photo's head as a textured mesh under known poses and expressions: pictures whose truth is known exactly.

Every point of the fitted mesh takes the colour that the photo has there; behind it lies the photo, blurred. Nothing is
made up: a landmark network sees a real face.
"""

import numpy as np
from jaxtyping import UInt8

from likeness.geometry.raster import interpolate, rasterise
from likeness.heads.show import inside_depths
from likeness.heads.skinning import posed_vertices
from likeness.media.crop import resize
from likeness.motion.record import MotionFrame
from likeness.tracking.portrait import Portrait

SUPERSAMPLING = 2  # samples per pixel along each axis
_BLUR = 0.06  # of the longer side: the background keeps no second face


def draw_moment(portrait: Portrait, frame: MotionFrame) -> UInt8[np.ndarray, "H W 3"]:
    """The portrait's mesh at a moment, in the photo's camera, before the blurred photo."""
    import cv2

    head, camera = portrait.head, portrait.camera
    width, height = SUPERSAMPLING * camera.width, SUPERSAMPLING * camera.height
    fine = camera.resized(width, height)
    rest = portrait.rest.T_cam_head.apply(
        posed_vertices(head, portrait.shape, portrait.rest.expression, portrait.rest.joints)
    )
    points = frame.T_cam_head.apply(posed_vertices(head, portrait.shape, frame.expression, frame.joints))
    raster = rasterise(fine.project(points), points[:, 2] + inside_depths(head), head.faces, width=width, height=height)
    places = interpolate(raster, head.faces, camera.project(rest)).astype(np.float32) - 0.5
    drawn = cv2.remap(portrait.image, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    behind = cv2.GaussianBlur(portrait.image, (0, 0), _BLUR * max(camera.width, camera.height))
    picture = cv2.resize(behind, (width, height), interpolation=cv2.INTER_LINEAR)
    covered = raster.face >= 0
    picture[covered] = drawn[covered]
    return resize(picture, camera.width, camera.height)
