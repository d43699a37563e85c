"""What moves that should not: fast shares of a motion (jitter) and change of the background between frames."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

JITTER_FROM = 6.0  # Hz: heads hardly move faster
LEAST_FRAMES = 16  # a shorter sequence tells no spectrum

Image = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spectrum:
    """Power over frequency, summed over the channels of a signal; its integral is the variance."""

    frequencies: Float[np.ndarray, " F"]  # Hz
    power: Float[np.ndarray, " F"]  # square of the signal's unit, per Hz

    def between(self, low: float, high: float = np.inf) -> float:
        """Root mean square of what lies from `low` up to below `high` Hz, in the signal's unit."""
        step = float(self.frequencies[1] - self.frequencies[0])
        inside = (self.frequencies >= low) & (self.frequencies < high)
        return float(np.sqrt(self.power[inside].sum() * step))


def jitter_spectrum(signal: Float[np.ndarray, "T D"], fps: float) -> Spectrum | None:
    """Periodogram (Hann window, without the linear trend) of evenly spaced frames; gaps (NaN) are bridged by lines.

    None where fewer than `LEAST_FRAMES` frames are finite.
    """
    from scipy.signal import periodogram

    finite = np.isfinite(signal).all(axis=1)
    if finite.sum() < LEAST_FRAMES:
        return None
    places = np.arange(len(signal))
    bridged = np.stack([np.interp(places, places[finite], channel[finite]) for channel in signal.T], axis=1)
    frequencies, power = periodogram(bridged, fps, window="hann", detrend="linear", axis=0)
    return Spectrum(frequencies=frequencies, power=power.sum(axis=1))


def jitter(signal: Float[np.ndarray, "T D"], fps: float, *, above: float = JITTER_FROM) -> float:
    """Root mean square of what is faster than `above` Hz, in the signal's unit; NaN for short sequences."""
    spectrum = jitter_spectrum(signal, fps)
    return float("nan") if spectrum is None else spectrum.between(above)


def background_change(first: Image, second: Image, background: Bool[np.ndarray, "H W"]) -> float:
    """Mean absolute difference of two frames where nobody is, of 255; NaN where somebody is everywhere."""
    import cv2

    count = int(np.count_nonzero(background))
    if not count:
        return float("nan")
    return float(cv2.norm(first, second, cv2.NORM_L1, background.astype(np.uint8)) / (count * first.shape[2]))


def longest_run(indices: tuple[int, ...]) -> slice:
    """Where the longest stretch of successive indices lies within them."""
    best, start = slice(0, 0), 0
    for place in range(1, len(indices) + 1):
        if place == len(indices) or indices[place] != indices[place - 1] + 1:
            if place - start > best.stop - best.start:
                best = slice(start, place)
            start = place
    return best
