"""How well heads that were drawn with known parameters are found again: what lies under every re-tracked measure.

Pictures that hardly differ share their errors and can come out below these numbers; a difference between two methods
that is smaller than they are says nothing. `likeness evaluate noise` measures them anew.
"""

from types import MappingProxyType

# Medians of `likeness evaluate noise --limit 8` (512 pixels, 33 frames each).
# Noise: where two fits are compared, whose offsets and gains are alike.
NOISE = MappingProxyType({"apd": 0.64, "rotation": 0.83, "aed": 0.231, "jaw": 0.79, "gaze": 3.4, "lids": 0.008})
# Errors without the constant difference: where a fit is compared with what was asked.
MOVEMENT_ERRORS = MappingProxyType({"rotation": 1.4, "expression": 0.231, "jaw": 0.63, "gaze": 3.9, "lids": 0.008})
JITTER = 0.26  # degrees above 6 Hz that single frames, fitted by themselves, add
