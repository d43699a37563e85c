"""Live tracking: a frame in, a moment of motion out, nothing from the future; identity settles in the first second."""

from dataclasses import replace
from types import TracebackType

import numpy as np
from jaxtyping import Float, UInt8

from likeness.geometry.camera import DEFAULT_FOCAL_RATIO, default_camera
from likeness.heads.model import HeadModel
from likeness.motion.one_euro import CausalState, smooth_next, start_causal
from likeness.motion.record import MotionFrame
from likeness.tracking.assemble import faded
from likeness.tracking.landmarks import LandmarkDetector
from likeness.tracking.person import Person, Reading, estimate_person, fit_frame, reading
from likeness.tracking.rigid_points import RigidMatcher
from likeness.tracking.texture import TexturePose
from likeness.tracking.video import with_kept_gaze

SETTLE_FRAMES = (1, 5, 15, 30)  # with a face; the identity is estimated anew after each of these, then stays
KEPT_FRAMES = 10  # landmarks from which it is estimated


class StreamTracker:
    """Follows one face through frames as they come; open with `with`, because it holds the landmark networks.

    `person` is who is being followed (None until a face was seen): its shape changes after `SETTLE_FRAMES` frames.
    """

    def __init__(
        self,
        head: HeadModel,
        *,
        face: int | None = None,
        focal_ratio: float = DEFAULT_FOCAL_RATIO,
        is_smoothed: bool = True,
    ) -> None:
        self.person: Person | None = None
        self._head, self._face, self._focal_ratio, self._is_smoothed = head, face, focal_ratio, is_smoothed
        self._detector = LandmarkDetector()
        self._landmarks: list[Float[np.ndarray, "478 3"]] = []
        self._num_seen = 0
        self._matcher, self._num_lifted = RigidMatcher(), 0
        self._texture: TexturePose | None = None
        self._last: Reading | None = None
        self._last_seconds = 0.0
        self._is_gap = True
        self._smooth: CausalState | None = None

    def __enter__(self) -> "StreamTracker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._detector.__exit__(kind, error, trace)

    def push(self, image: UInt8[np.ndarray, "H W 3"], time_seconds: float) -> MotionFrame | None:
        """The next frame's moment. A lost face is held, then fades (see `assemble.faded`); None before the first face.

        Raises:
            NoFaceError: the first frame with faces shows fewer than the wanted number.
            ValueError: the time is not after the last one (with smoothing).
        """
        found = self._detector.follow(image, face=self._face)
        if found is None:
            self._is_gap = True
            if self._last is None:
                return None
            return self._smoothed(faded(self._last.frame, time_seconds - self._last_seconds), time_seconds)
        self._num_seen += 1
        if self._num_seen <= SETTLE_FRAMES[-1]:
            self._settle(found.points, image)
        assert self.person is not None and self._texture is not None
        matches = self._matcher.match(image, found.points, self._num_seen)
        texture = self._texture
        state = fit_frame(
            self.person,
            found.points,
            None if self._is_gap or self._last is None else self._last.state,
            refine=lambda posed: texture.refine(posed, found.points, matches),
        )
        result = reading(self.person, found.points, state)
        result = replace(result, confidence=result.confidence * found.score)
        for number in range(self._num_lifted, len(self._matcher.keyframes)):
            texture.remember(number, self._matcher.keyframes[number], state)
        self._num_lifted = len(self._matcher.keyframes)
        if self._last is not None:
            result = with_kept_gaze(result, self._last)
        self._last, self._last_seconds, self._is_gap = result, time_seconds, False
        return self._smoothed(result.frame, time_seconds)

    @property
    def confidence(self) -> float:
        """Of the last moment, 0 to 1; 0 while the face is lost."""
        return 0.0 if self._last is None or self._is_gap else self._last.confidence

    def _settle(self, points: Float[np.ndarray, "478 3"], image: UInt8[np.ndarray, "H W 3"]) -> None:
        """Estimates the identity from the frames so far; the texture is lifted anew onto it."""
        self._landmarks.append(points)
        if self._num_seen not in SETTLE_FRAMES:
            return
        chosen = np.linspace(0, len(self._landmarks) - 1, min(KEPT_FRAMES, len(self._landmarks))).round().astype(int)
        camera = default_camera(image.shape[1], image.shape[0], self._focal_ratio)
        self.person = estimate_person(self._head, camera, [self._landmarks[index] for index in chosen])
        self._matcher, self._texture, self._num_lifted = RigidMatcher(), TexturePose(self.person), 0
        if self._num_seen == SETTLE_FRAMES[-1]:
            self._landmarks.clear()

    def _smoothed(self, frame: MotionFrame, time_seconds: float) -> MotionFrame:
        if not self._is_smoothed:
            return frame
        if self._smooth is None:
            self._smooth = start_causal(frame, time_seconds)
        else:
            self._smooth = smooth_next(self._smooth, frame, time_seconds)
        return self._smooth.frame
