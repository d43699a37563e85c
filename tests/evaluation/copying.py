"""A renderer that copies the photo, and a made-up material of moving pictures, for tests of the protocols."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from likeness.evaluation.runner import Pieces
from likeness.geometry.camera import default_camera
from likeness.motion.record import Motion, MotionFrame
from likeness.tracking.portrait import Portrait
from tests.heads_for_tests import rest_frame, still_motion, tiny_head

CLIP_FRAMES = 12


def copying_pieces() -> Pieces:
    """Whatever the motion, every frame is the photo."""

    def portrait_from_image(image: np.ndarray) -> Portrait:
        head = tiny_head()
        height, width = image.shape[:2]
        return Portrait(
            image=image,
            head=head,
            camera=default_camera(width, height),
            shape=np.zeros(head.num_shape),
            rest=rest_frame(head),
            landmarks=np.zeros((478, 3)),
            confidence=1.0,
        )

    def track_video(path: Path, start: int) -> Motion:
        return still_motion(tiny_head(), count(path) - start)

    def render(prepared: Portrait, frames: Iterable[MotionFrame]) -> Iterator[np.ndarray]:
        return (prepared.image for _ in frames)

    return Pieces(
        portrait_from_image=portrait_from_image,
        track_video=track_video,
        retarget=lambda motion, portrait, mode: motion,
        prepare=lambda portrait: portrait,
        render=render,
    )


def count(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def shipped_face() -> np.ndarray:
    """The public-domain portrait that the package carries, small."""
    import likeness
    from likeness.evaluation.material import read_photo

    return read_photo(Path(likeness.__file__).parent / "assets" / "astronaut.jpg", longest_side=256)


def sliding_clip(image: np.ndarray, shift: int = 1, num_frames: int = CLIP_FRAMES) -> list[np.ndarray]:
    """The picture, sliding to the right by `shift` pixels per frame."""
    return [np.roll(image, shift * number, axis=1) for number in range(num_frames)]


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.height, stream.width = (side // 2 * 2 for side in frames[0].shape[:2])
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            cut = np.ascontiguousarray(frame[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cut, format="rgb24")))
        container.mux(stream.encode(None))
