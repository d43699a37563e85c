"""Index sets of the 468 MediaPipe face-mesh landmarks (plus 10 iris points); right and left are the subject's."""

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
EYE_RIGHT_RING = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
EYE_LEFT_RING = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
LIPS_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
LIPS_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
RIGID = (
    10, 338, 297, 109, 67, 151, 9, 8, 168, 6, 197, 195, 108, 337, 33, 133, 362, 263,
    127, 356, 162, 389, 21, 251, 69, 299, 193, 417, 122, 351, 54, 284, 103, 332,
)  # fmt: skip  # forehead, temples, nose bridge, eye corners: what expressions hardly move

UPPER_LID_RIGHT = (246, 161, 160, 159, 158, 157, 173)  # outer to inner corner
LOWER_LID_RIGHT = (7, 163, 144, 145, 153, 154, 155)
UPPER_LID_LEFT = (466, 388, 387, 386, 385, 384, 398)
LOWER_LID_LEFT = (249, 390, 373, 374, 380, 381, 382)
EYE_CORNERS_RIGHT = (33, 133)  # outer, inner
EYE_CORNERS_LEFT = (263, 362)
# Of the left and the right eye.
LIDS = ((UPPER_LID_LEFT, LOWER_LID_LEFT, EYE_CORNERS_LEFT), (UPPER_LID_RIGHT, LOWER_LID_RIGHT, EYE_CORNERS_RIGHT))
IRIS_RIGHT = (468, 469, 470, 471, 472)  # centre, then four points of the rim
IRIS_LEFT = (473, 474, 475, 476, 477)

UPPER_LIP_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)  # subject's right to left
LOWER_LIP_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
# Rows within the lips, from their inner edge (above, without corners) outward.
UPPER_LIP_NEAR = (183, 42, 41, 38, 12, 268, 271, 272, 407)
UPPER_LIP_MIDDLE = (184, 74, 73, 72, 11, 302, 303, 304, 408)
LOWER_LIP_NEAR = (96, 89, 179, 86, 15, 316, 403, 319, 325)
LOWER_LIP_MIDDLE = (77, 90, 180, 85, 16, 315, 404, 320, 307)

OUTER_EYE_CORNERS = (33, 263)
CHIN = 152
FOREHEAD = 10
NOSE_TIP = 1
NOSE_BRIDGE, NOSE_BASE = 168, 2
