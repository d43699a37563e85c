"""How near a picture is to a truth that is known in part."""

import numpy as np
from jaxtyping import Bool, UInt8


def trusted_psnr(
    picture: UInt8[np.ndarray, "H W 3"], truth: UInt8[np.ndarray, "H W 3"], trust: Bool[np.ndarray, "H W"]
) -> float:
    """Decibels over the trusted pixels; minus infinity where there are none."""
    error = np.square(picture.astype(np.float64) - truth)[trust].mean() if trust.any() else np.inf
    return float(10.0 * np.log10(255.0**2 / max(error, 1e-6)))
