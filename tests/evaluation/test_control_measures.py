import numpy as np
import pytest

from likeness.evaluation.control_measures import leak, naming_of, quantities_of
from likeness.heads.builtin import builtin_head


def test_every_control_of_the_built_in_head_names_a_quantity():
    unknown = [control.name for control in builtin_head().controls if naming_of(control.name) is None]
    assert unknown == []


def test_unknown_controls_are_not_measured():
    assert naming_of("wiggleEars") is None
    assert naming_of("mouthSmile") is None  # a control has a side


def test_a_smile_on_the_left_names_the_left_corner():
    naming = naming_of("mouthSmileLeft")
    assert naming is not None
    assert naming.quantity.name == "mouth corner height, left"
    displacement = np.zeros((478, 3))
    displacement[291, 1] = 4.0
    displacement[70, 1] = displacement[63, 1] = displacement[46, 1] = displacement[
        53, 1
    ] = -0.2  # the other side's brow
    values = quantities_of(displacement)
    assert values[naming.quantity.name] == pytest.approx(4.0)
    assert leak(naming, values) == (pytest.approx(0.2), "outer brow height, right")


def test_a_blink_lessens_the_aperture_of_its_side_alone():
    closing = naming_of("eyeBlinkRight")
    assert closing is not None
    displacement = np.zeros((478, 3))
    displacement[[158, 159, 160], 1] = -3.0
    values = quantities_of(displacement)
    assert closing.direction * values[closing.quantity.name] == pytest.approx(3.0)
    assert leak(closing, values)[0] == 0.0
