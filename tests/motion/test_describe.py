"""The summary names what is in the motion."""

import numpy as np

from likeness.motion.describe import count_blinks, describe
from likeness.motion.edit import HeadEdit, apply_edit
from tests.heads_for_tests import rest_frame, still_motion, tiny_head


def test_summary():
    head = tiny_head()
    motion = still_motion(head, 100)
    turned = apply_edit(rest_frame(head), HeadEdit(yaw=20.0, controls={"jawOpen": 1.0}), head)
    rotation, jaw, lids, expression = (getattr(motion, n).copy() for n in ("rotation", "jaw", "lids", "expression"))
    rotation[50:60], jaw[50:60] = turned.rotation, turned.jaw
    lids[[20, 21, 22, 70, 71]] = 0.02
    expression[:50, 0] = 0.7
    motion = motion.with_frames(rotation=rotation, jaw=jaw, lids=lids, expression=expression)
    text = describe(motion)
    for words in ("100 frames, 3.96 s, 25 frames", "tiny 1", "0.0 to 20.0 degrees", "0.0 to 16.0 degrees", "60.0 cm"):
        assert words in text
    assert "mouthSmileLeft 0.70" in text and "mouthSmileRight" not in text
    assert count_blinks(motion) == 2


def test_no_face_at_all_and_one_frame():
    motion = still_motion(tiny_head(), 1)
    assert "0.0 %" in describe(motion.with_frames(valid=np.zeros(1, bool)))
