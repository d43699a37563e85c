"""Handle tables of the named expression shapes: which vertices move where (centimetres), which stay.

Tables are written for the subject's right side (x < 0) and mirrored for the left. The values were set by eye on the
template and checked against measured faces.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from likeness.heads.landmark_sets import (
    EYE_CORNERS_RIGHT,
    EYE_LEFT_RING,
    EYE_RIGHT_RING,
    LIPS_INNER,
    LIPS_OUTER,
    LOWER_LID_RIGHT,
    OVAL,
    UPPER_LID_RIGHT,
)

Handles = dict[int, tuple[float, float, float]]

EYES = EYE_RIGHT_RING + EYE_LEFT_RING
LIPS = LIPS_INNER + LIPS_OUTER
FOREHEAD = (10, 338, 297, 332, 284, 251, 109, 67, 103, 54, 21, 162, 389)
NOSE = (1, 4, 5, 195, 197, 6, 168, 19, 94, 2, 98, 327, 48, 278, 64, 294)
UPPER_FACE = EYES + (168, 6, 197, 195, 122, 351) + FOREHEAD
JAW_LINE = (58, 288, 132, 361, 93, 323, 234, 454, 127, 356, 172, 397)
BROW_RIGHT = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
BROW_LEFT = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
UNDER_EYE_RIGHT = (230, 229, 231, 119, 118, 101, 100, 117)
UPPER_LIP = (0, 37, 267, 39, 269, 40, 270, 185, 409, 13, 82, 312, 81, 311, 80, 310, 191, 415, 11, 12)
LOWER_LIP = (17, 84, 181, 91, 314, 405, 321, 14, 87, 317, 178, 402, 88, 318, 15, 16, 85, 315, 86, 316)
CHIN = (18, 83, 313, 200, 199, 175, 152, 148, 377, 176, 400)
LOWER_JAW = LOWER_LIP + CHIN
MOUTH_CORNERS = (61, 291, 78, 308)
LIP_HALF_WIDTH = 2.6  # cm


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapeTable:
    """One named shape: handle displacements in cm, and the vertices that must not move."""

    name: str
    handles: Mapping[int, tuple[float, float, float]]
    fixed: tuple[int, ...]


def shape_tables(template: Float[np.ndarray, "468 3"], mirror: Int[np.ndarray, "468"]) -> list[ShapeTable]:
    """All shapes on the given template (cm), Left and Right separately where both exist."""
    tables = []
    for table in [
        *_eye_tables(template),
        *_brow_tables(),
        *_mouth_side_tables(template),
        *_cheek_and_nose_tables(template),
    ]:
        tables += [_renamed(_mirrored(table, mirror), table.name + "Left"), _renamed(table, table.name + "Right")]
    return tables + _mouth_middle_tables(template)


def jaw_weight_handles() -> tuple[dict[int, float], tuple[int, ...]]:
    """Skinning weight of the jaw at some vertices, and the vertices where it is zero."""
    weights = dict.fromkeys(LOWER_JAW, 1.0)
    weights |= dict.fromkeys((149, 378, 150, 379, 169, 394, 210, 430), 0.9)
    weights |= dict.fromkeys((146, 375), 0.82) | dict.fromkeys((95, 324), 0.8)
    weights |= dict.fromkeys(MOUTH_CORNERS, 0.5) | dict.fromkeys((136, 365), 0.7)
    weights |= dict.fromkeys((172, 397), 0.5) | dict.fromkeys((58, 288), 0.22)
    still = UPPER_LIP + UPPER_FACE + NOSE + (132, 361, 93, 323, 234, 454, 127, 356, 50, 280, 101, 330, 205, 425)
    return weights, still


def _renamed(table: ShapeTable, name: str) -> ShapeTable:
    return ShapeTable(name=name, handles=table.handles, fixed=table.fixed)


def _mirrored(table: ShapeTable, mirror: Int[np.ndarray, "468"]) -> ShapeTable:
    handles = {int(mirror[vertex]): (-x, y, z) for vertex, (x, y, z) in table.handles.items()}
    return ShapeTable(name=table.name, handles=handles, fixed=tuple(int(mirror[vertex]) for vertex in table.fixed))


def _curve(template: Float[np.ndarray, "468 3"], vertices: Iterable[int], x: float) -> Float[np.ndarray, "3"]:
    """Point of the polyline through the vertices at the given x."""
    points = template[list(vertices)]
    points = points[np.argsort(points[:, 0])]
    return np.array([x, np.interp(x, points[:, 0], points[:, 1]), np.interp(x, points[:, 0], points[:, 2])])


def _eye_tables(template: Float[np.ndarray, "468 3"]) -> list[ShapeTable]:
    lower_lid = (33, *LOWER_LID_RIGHT, 133)
    centre = template[145, 0]
    blink: Handles = {}
    for vertex in UPPER_LID_RIGHT:
        gap = _curve(template, lower_lid, template[vertex, 0])[1] - template[vertex, 1]
        blink[vertex] = (0.0, 0.92 * gap, 0.12)
    for vertex in LOWER_LID_RIGHT:
        blink[vertex] = (0.0, 0.10 * float(np.exp(-((template[vertex, 0] - centre) ** 2))), 0.0)
    squint: Handles = {
        vertex: (0.0, 0.22 * (1 - 0.4 * abs(template[vertex, 0] - centre) / 1.5), 0.05) for vertex in LOWER_LID_RIGHT
    }
    squint |= {230: (0, 0.18, 0.05), 229: (0, 0.18, 0.05), 119: (0, 0.15, 0.08), 118: (0, 0.15, 0.08)}
    wide: Handles = {vertex: (0.0, 0.18, 0.0) for vertex in UPPER_LID_RIGHT}
    around = BROW_RIGHT + EYE_LEFT_RING + NOSE + OVAL
    return [
        ShapeTable(
            name="eyeBlink",
            handles=blink,
            fixed=EYE_CORNERS_RIGHT + (130, 243) + around + LIPS_OUTER + UNDER_EYE_RIGHT,
        ),
        ShapeTable(name="eyeWide", handles=wide, fixed=EYE_CORNERS_RIGHT + LOWER_LID_RIGHT + around),
        ShapeTable(name="eyeSquint", handles=squint, fixed=EYE_CORNERS_RIGHT + UPPER_LID_RIGHT + around + LIPS_OUTER),
    ]


def _brow_tables() -> list[ShapeTable]:
    around = EYES + NOSE + FOREHEAD + LIPS_OUTER + OVAL
    return [
        ShapeTable(
            name="browInnerUp",
            handles={
                107: (0, 0.75, 0.1), 55: (0, 0.7, 0.1), 66: (0, 0.55, 0.08), 65: (0, 0.5, 0.08),
                9: (0, 0.25, 0.05), 108: (0, 0.5, 0.05),
            },
            fixed=(70, 46, 156, 124) + around,
        ),
        ShapeTable(
            name="browOuterUp",
            handles={
                70: (0, 0.6, 0.05), 63: (0, 0.8, 0.08), 105: (0, 0.75, 0.08), 46: (0, 0.5, 0.05),
                53: (0, 0.65, 0.08), 52: (0, 0.6, 0.08),
            },
            fixed=(107, 55, 9, 8) + around,
        ),
        ShapeTable(
            name="browDown",
            handles={
                107: (0.18, -0.6, -0.02), 55: (0.2, -0.55, 0.05), 66: (0.12, -0.5, 0), 65: (0.12, -0.45, 0.05),
                105: (0.05, -0.35, 0), 52: (0.05, -0.3, 0), 70: (0, -0.1, 0), 46: (0, -0.1, 0),
            },
            fixed=around + BROW_LEFT + (8,),
        ),
    ]  # fmt: skip


def _mouth_side_tables(template: Float[np.ndarray, "468 3"]) -> list[ShapeTable]:
    def beyond(limit: float, vertices: Iterable[int] = LIPS) -> tuple[int, ...]:
        return tuple(vertex for vertex in vertices if template[vertex, 0] > limit)

    base = UPPER_FACE + JAW_LINE
    press: Handles = {}
    for vertex in LIPS:
        x = template[vertex, 0]
        amount = max(0.0, 1 - (abs(x) / 2.5) ** 2) * float(np.clip(0.5 - x / 1.2, 0, 1))
        lift = -0.22 if vertex in UPPER_LIP else 0.22 if vertex in LOWER_LIP else 0.0
        press[vertex] = (0.0, lift * amount * (1.0 if vertex in LIPS_OUTER else 0.25), -0.28 * amount)
    return [
        ShapeTable(
            name="mouthSmile",
            handles={
                61: (-0.75, 0.65, -0.35), 78: (-0.65, 0.55, -0.3), 185: (-0.6, 0.35, -0.2), 146: (-0.6, 0.5, -0.25),
                40: (-0.4, 0.12, -0.1), 91: (-0.45, 0.22, -0.15), 39: (-0.25, 0, -0.08), 181: (-0.28, 0.05, -0.1),
                191: (-0.5, 0.3, -0.2), 95: (-0.5, 0.38, -0.2), 80: (-0.35, 0.1, -0.1), 88: (-0.38, 0.2, -0.12),
                205: (-0.3, 0.5, 0.25), 50: (-0.12, 0.38, 0.22), 187: (-0.35, 0.45, 0.1), 118: (0, 0.2, 0.12),
                214: (-0.3, 0.3, 0), 212: (-0.5, 0.42, -0.1), 57: (-0.7, 0.6, -0.3), 186: (-0.5, 0.45, -0.1),
                0: (-0.06, -0.05, -0.1), 17: (-0.04, -0.02, -0.1), 13: (-0.05, -0.03, -0.1), 14: (-0.04, -0.02, -0.1),
                98: (-0.12, 0.08, 0), 36: (-0.1, 0.25, 0.2),
            },
            fixed=beyond(1.2) + base + (152, 199, 175, 1, 4, 5),
        ),
        ShapeTable(
            name="mouthFrown",
            handles={
                61: (-0.1, -0.6, -0.1), 78: (-0.1, -0.52, -0.08), 146: (-0.08, -0.5, -0.05), 185: (-0.08, -0.4, -0.05),
                91: (0, -0.28, 0), 40: (0, -0.15, 0), 57: (-0.1, -0.55, -0.1), 212: (-0.1, -0.45, 0),
                205: (0, -0.1, 0), 181: (0, -0.05, 0), 84: (0, 0, 0),
            },
            fixed=beyond(0.5) + (0, 13, 14, 17) + base + NOSE,
        ),
        ShapeTable(
            name="mouthStretch",
            handles={
                61: (-0.8, -0.15, -0.4), 78: (-0.7, -0.12, -0.35), 146: (-0.6, -0.2, -0.3), 91: (-0.4, -0.12, -0.15),
                185: (-0.6, -0.05, -0.3), 40: (-0.4, 0, -0.15), 212: (-0.7, -0.3, -0.2), 57: (-0.8, -0.15, -0.35),
                17: (-0.05, -0.05, -0.1), 0: (-0.05, 0, -0.08),
            },
            fixed=beyond(1.2) + base + NOSE,
        ),
        ShapeTable(
            name="mouthDimple",
            handles={
                61: (-0.3, 0.08, -0.4), 78: (-0.24, 0.06, -0.34), 146: (-0.22, 0.04, -0.26), 185: (-0.22, 0.06, -0.26),
                57: (-0.3, 0.08, -0.36), 212: (-0.2, 0.05, -0.15), 186: (-0.18, 0.06, -0.12), 40: (-0.1, 0.02, -0.08),
                91: (-0.1, 0.02, -0.08),
            },
            fixed=beyond(0.0) + base + NOSE + (152, 175),
        ),
        ShapeTable(name="mouthPress", handles=press, fixed=base + NOSE + (152, 175)),
        ShapeTable(
            name="mouthUpperUp",
            handles={
                37: (0, 0.4, 0.05), 39: (0, 0.45, 0.05), 40: (0, 0.35, 0), 82: (0, 0.42, 0.05), 81: (0, 0.45, 0.05),
                80: (0, 0.33, 0), 0: (0, 0.18, 0.03), 13: (0, 0.2, 0.03), 12: (0, 0.2, 0.03), 61: (0, 0.05, 0),
                185: (0, 0.2, 0), 98: (-0.05, 0.2, 0.05), 165: (0, 0.3, 0.05), 206: (0, 0.3, 0.1), 203: (0, 0.25, 0.1),
            },
            fixed=beyond(0.9) + (14, 17, 87, 84, 88, 91, 178, 181) + base + (152, 1, 4),
        ),
        ShapeTable(
            name="mouthLowerDown",
            handles={
                84: (0, -0.4, 0.02), 181: (0, -0.42, 0.02), 91: (0, -0.32, 0), 87: (0, -0.42, 0.02),
                178: (0, -0.45, 0.02), 88: (0, -0.3, 0), 17: (0, -0.2, 0.02), 14: (0, -0.2, 0.02), 15: (0, -0.2, 0),
                146: (0, -0.1, 0), 83: (0, -0.25, 0), 182: (0, -0.25, 0),
            },
            fixed=beyond(0.9) + (0, 13, 37, 39, 40, 82, 81, 80, 61, 78) + base + (152, 199, 175),
        ),
    ]  # fmt: skip


def _cheek_and_nose_tables(template: Float[np.ndarray, "468 3"]) -> list[ShapeTable]:
    left_lips = tuple(vertex for vertex in LIPS if template[vertex, 0] > 0.1)
    return [
        ShapeTable(
            name="cheekPuff",
            handles={
                205: (-0.3, 0, 0.55), 187: (-0.45, 0, 0.5), 50: (-0.15, 0.05, 0.3), 207: (-0.4, 0, 0.5),
                216: (-0.3, 0, 0.45), 214: (-0.4, 0, 0.4), 212: (-0.2, 0, 0.3), 206: (-0.1, 0, 0.25),
            },
            fixed=UPPER_FACE + LIPS_INNER + (152, 1, 4, 5) + JAW_LINE + left_lips,
        ),
        ShapeTable(
            name="cheekSquint",
            handles={
                50: (0, 0.3, 0.18), 205: (-0.03, 0.14, 0.1), 118: (0, 0.25, 0.12), 101: (0, 0.24, 0.12),
                117: (0, 0.22, 0.1), 119: (0, 0.16, 0.08), 123: (-0.05, 0.2, 0.1),
                145: (0, 0.24, 0.06), 144: (0, 0.23, 0.06), 153: (0, 0.2, 0.06), 163: (0, 0.14, 0.05),
                154: (0, 0.14, 0.05),
            },
            fixed=EYE_CORNERS_RIGHT + UPPER_LID_RIGHT + EYE_LEFT_RING + NOSE + LIPS_OUTER + OVAL + BROW_RIGHT,
        ),
        ShapeTable(
            name="noseSneer",
            handles={
                98: (-0.1, 0.3, 0.05), 48: (-0.1, 0.3, 0.05), 64: (-0.12, 0.32, 0.05), 49: (-0.05, 0.25, 0),
                129: (-0.1, 0.3, 0.05), 203: (-0.05, 0.3, 0.15), 36: (0, 0.25, 0.15), 114: (0, 0.12, 0.1),
                39: (0, 0.12, 0), 40: (0, 0.1, 0),
            },
            fixed=EYES + BROW_RIGHT + BROW_LEFT + FOREHEAD + JAW_LINE + LOWER_JAW + left_lips
            + (1, 4, 5, 6, 197, 168, 8, 9, 278, 294),
        ),
    ]  # fmt: skip


def _mouth_middle_tables(template: Float[np.ndarray, "468 3"]) -> list[ShapeTable]:
    base = UPPER_FACE + JAW_LINE + NOSE + (152, 175)

    def bell(vertex: int, width: float = 2.4) -> float:
        return max(0.0, 1 - (abs(template[vertex, 0]) / width) ** 2)

    def scaled_lips(across: float, along: float, forward: float, apart: float = 0.0) -> Handles:
        centre = template[[13, 14]].mean(0)
        handles = {}
        for vertex in LIPS:
            x, y, _ = template[vertex] - centre
            opening = apart if vertex in UPPER_LIP else -apart if vertex in LOWER_LIP else 0.0
            taper = 1 - 0.35 * min(1.0, abs(x) / LIP_HALF_WIDTH)
            handles[vertex] = (x * (across - 1), y * (along - 1) + opening, forward * taper)
        return handles

    pucker = scaled_lips(0.58, 1.05, 0.75)
    pucker |= {
        205: (0.15, 0, 0), 425: (-0.15, 0, 0), 212: (0.45, 0, 0.3), 432: (-0.45, 0, 0.3),
        164: (0, 0, 0.25), 18: (0, 0, 0.4),
    }  # fmt: skip
    funnel = scaled_lips(0.72, 1.1, 0.55, 0.28) | {164: (0, 0.05, 0.2), 18: (0, -0.1, 0.3)}
    roll_upper = {
        vertex: (0.0, (-0.26 if vertex in LIPS_OUTER else -0.02) * bell(vertex), -0.3 * bell(vertex))
        for vertex in UPPER_LIP
    }
    roll_lower = {
        vertex: (0.0, (0.18 if vertex in LIPS_OUTER else 0.02) * bell(vertex), -0.3 * bell(vertex))
        for vertex in LOWER_LIP
    }
    shrug_upper = {vertex: (0.0, 0.25 * bell(vertex), 0.08) for vertex in UPPER_LIP}
    shrug_lower = {vertex: (0.0, 0.35 * bell(vertex), 0.12) for vertex in LOWER_LIP}
    shrug_lower |= {199: (0, 0.25, 0.1), 175: (0, 0.15, 0.05), 200: (0, 0.3, 0.12)}
    tables = [
        ShapeTable(name="mouthPucker", handles=pucker, fixed=base),
        ShapeTable(name="mouthFunnel", handles=funnel, fixed=base),
        ShapeTable(name="mouthRollUpper", handles=roll_upper, fixed=base + LOWER_LIP + MOUTH_CORNERS),
        ShapeTable(name="mouthRollLower", handles=roll_lower, fixed=base + UPPER_LIP + MOUTH_CORNERS),
        ShapeTable(
            name="mouthShrugUpper",
            handles=shrug_upper,
            fixed=UPPER_FACE + JAW_LINE + (152, 1, 4) + MOUTH_CORNERS + LOWER_LIP,
        ),
        ShapeTable(
            name="mouthShrugLower",
            handles=shrug_lower,
            fixed=UPPER_FACE + JAW_LINE + (1, 4) + MOUTH_CORNERS + UPPER_LIP,
        ),
    ]
    for name, sign in (("mouthLeft", 1.0), ("mouthRight", -1.0)):
        handles: Handles = {vertex: (0.75 * sign, 0.0, -0.1) for vertex in LIPS}
        handles |= {18: (0.4 * sign, 0, 0), 164: (0.35 * sign, 0, 0), 200: (0.2 * sign, 0, 0)}
        tables.append(ShapeTable(name=name, handles=handles, fixed=UPPER_FACE + JAW_LINE + (152, 1, 4, 5)))
    return tables


def jaw_open_lip_table() -> ShapeTable:
    """What the lips do beside the jaw's rotation when it opens: corners draw in, the upper lip lifts a little."""
    right: Handles = {
        61: (0.30, 0.02, -0.12), 78: (0.28, 0.02, -0.1), 146: (0.26, 0, -0.08), 185: (0.2, 0.05, -0.05),
        40: (0.1, 0.08, 0), 37: (0.03, 0.1, 0), 91: (0.14, -0.02, 0), 84: (0, 0, 0), 212: (0.15, 0, 0),
    }  # fmt: skip
    pairs = {61: 291, 78: 308, 146: 375, 185: 409, 40: 270, 37: 267, 91: 321, 84: 314, 212: 432}
    handles = dict(right) | {pairs[vertex]: (-x, y, z) for vertex, (x, y, z) in right.items()}
    handles |= {0: (0, 0.1, 0), 13: (0, 0.1, 0), 17: (0, 0, 0), 14: (0, 0, 0)}
    return ShapeTable(name="jawOpen", handles=handles, fixed=UPPER_FACE + NOSE + JAW_LINE + (152, 199))
