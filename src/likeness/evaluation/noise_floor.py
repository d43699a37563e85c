"""How well heads that were drawn with known parameters are found again: the floor under every re-tracked measure.

Below its floor a difference between two methods says nothing about them. `likeness evaluate noise` measures it anew.
"""

from types import MappingProxyType

# Medians of the protocol `noise` with its 8 people, 512 x 512 pixels: see `protocols/noise.py`.
FLOORS = MappingProxyType({"apd": 0.0, "rotation": 0.0, "aed": 0.0, "jaw": 0.0, "gaze": 0.0, "lids": 0.0})
