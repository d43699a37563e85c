"""What a trained model makes of people that it has not seen: pixels beside copying, a mouth that follows, depth of a
a head.

Pairs of a clip are drawn with their own expression and camera and compared where the target is true. For the mouth,
the source's own camera looks at two expressions of the clip, those with the widest and with the narrowest opening of
the lips; MediaPipe reads both pictures. For the depth, the canonical camera looks at the source's expression.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from likeness.data.clip import Clip
from likeness.data.comparison import trusted_psnr
from likeness.data.pairs import PairRule, draw_pair, usable
from likeness.data.sample import Shot, shot_of
from likeness.evaluation.face_measures import mouth_opening
from likeness.evaluation.landmark_reader import LandmarkReader
from likeness.evaluation.metrics import ssim
from likeness.evaluation.report import Measure
from likeness.evaluation.results import Row, numbers
from likeness.export3d.batches import picture_array, target_camera
from likeness.export3d.cameras import canonical_camera, project_world, world_from_head
from likeness.export3d.model import Export3dModel
from likeness.export3d.subject import Subject, read_subject
from likeness.heads.landmark_sets import NOSE_TIP
from likeness.heads.model import HeadModel
from likeness.heads.skinning import landmark_points, posed_vertices
from likeness.media.crop import resize
from likeness.motion.record import MotionFrame

SEED = 20_261_100
PAIRS = 4  # of each clip
READING_SIDE = 256  # pixels: smaller pictures are enlarged before faces are looked for
MEASURES = (
    Measure(key="psnr", title="PSNR, dB", digits=2),
    Measure(key="gain", title="PSNR above copying, dB", digits=2, least=1.5),
    Measure(key="ssim", title="SSIM", digits=3),
    Measure(key="mouth_follows", title="mouth follows", digits=2),
    Measure(key="nose_is_nearest", title="nose nearer than both ears", digits=2),
    Measure(key="opacity", title="mean opacity", digits=2),
)


class PeopleCheck:
    """A model and the reader of its pictures; open with `with`."""

    def __init__(self, model: Export3dModel, head: HeadModel) -> None:
        self.model, self.head = model.eval(), head
        self._reader = LandmarkReader()

    def __enter__(self) -> "PeopleCheck":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__()

    @torch.no_grad()
    def row(self, clip: Clip) -> Row:
        """The measures of one person; the mouth is left out where a face is not found in a drawn picture."""
        size = self.model.config.image_size
        pairs = np.array([self._pair(clip, number) for number in range(PAIRS)])
        may_source, may_target = usable(clip)
        source = shot_of(clip, int(np.flatnonzero(may_source)[0]), size)
        subject = self._read(clip, source)
        lips = [(self._lip_gap(clip, int(index)), int(index)) for index in np.flatnonzero(may_target)]
        follows = self._mouth(subject, source, clip.motion.frame(min(lips)[1]), clip.motion.frame(max(lips)[1]))
        row: Row = {
            "psnr": float(pairs[:, 0].mean()),
            "psnr_copy": float(pairs[:, 1].mean()),
            "gain": float((pairs[:, 0] - pairs[:, 1]).mean()),
            "ssim": float(pairs[:, 2].mean()),
            "ssim_copy": float(pairs[:, 3].mean()),
            "opacity": float(pairs[:, 4].mean()),
            "nose_is_nearest": float(self._nose_is_nearest(subject, clip, source.frame)),
            "mouth_unread": float(follows is None),
        }
        return row if follows is None else row | {"mouth_follows": float(follows)}

    def _pair(self, clip: Clip, number: int) -> tuple[float, float, float, float, float]:
        """PSNR, PSNR of copying, SSIM, SSIM of copying, mean opacity."""
        size = self.model.config.image_size
        rule = PairRule(turned_share=1.0)
        source_index, target_index = draw_pair(clip, np.random.default_rng((SEED, number)), rule)
        source, target = shot_of(clip, source_index, size), shot_of(clip, target_index, size)
        picture = self._read(clip, source).drawn(target.frame, target_camera(target, self.model.config))
        drawn = picture_array(picture.image[0])
        shown, copied = (_inside(image, target) for image in (drawn, source.image))
        return (
            trusted_psnr(drawn, target.image, target.trust),
            trusted_psnr(source.image, target.image, target.trust),
            ssim(shown, target.image),
            ssim(copied, target.image),
            float(picture.opacity.mean()),
        )

    def _mouth(self, subject: Subject, source: Shot, narrow: MotionFrame, wide: MotionFrame) -> bool | None:
        """Whether the wide mouth is drawn wider than the narrow one; None where a face is not found."""
        camera = target_camera(source, self.model.config)
        gaps = [self._gap(picture_array(subject.drawn(frame, camera).image[0])) for frame in (narrow, wide)]
        return None if not np.isfinite(gaps).all() else bool(gaps[1] > gaps[0])

    def _gap(self, image: UInt8[np.ndarray, "H W 3"]) -> float:
        """Opening of the lips as MediaPipe sees it, in its own unit."""
        side = max(READING_SIDE, image.shape[0])
        return float(mouth_opening(self._reader.read_still(resize(image, side, side))))

    def _lip_gap(self, clip: Clip, index: int) -> float:
        """Opening of the lips of the head itself."""
        frame = clip.motion.frame(index)
        vertices = posed_vertices(self.head, clip.motion.shape, frame.expression, frame.joints)
        return float(mouth_opening(landmark_points(self.head, vertices)))

    def _nose_is_nearest(self, subject: Subject, clip: Clip, frame: MotionFrame) -> bool:
        """Whether the canonical camera sees the nose's tip nearer than both ears."""
        camera = canonical_camera()
        depth = subject.drawn(frame, torch.from_numpy(camera)).depth[0, 0].numpy()
        vertices = posed_vertices(self.head, clip.motion.shape, frame.expression, frame.joints)
        ears = vertices[np.unique(self.head.part_faces("ear"))]
        points = np.stack(
            [
                landmark_points(self.head, vertices)[NOSE_TIP],
                ears[ears[:, 0] > 0.0].mean(axis=0),
                ears[ears[:, 0] < 0.0].mean(axis=0),
            ]
        )
        places = project_world(camera, world_from_head(points)) * depth.shape[0]
        nose, left, right = (
            depth[int(np.clip(y, 0, depth.shape[0] - 1)), int(np.clip(x, 0, depth.shape[1] - 1))] for x, y in places
        )
        return bool(nose < left and nose < right)

    def _read(self, clip: Clip, source: Shot) -> Subject:
        """What the model takes from a picture."""
        return read_subject(self.model, self.head, clip.motion.shape, source)


def shares(rows: Sequence[Row]) -> list[str]:
    """What the rows say about the two yes-or-no questions, in lines."""
    lines = []
    for key, words, least in (
        ("mouth_follows", "mouth follows the asked expression", 0.8),
        ("nose_is_nearest", "nose nearer than both ears", 0.9),
    ):
        answers = numbers(rows, key)
        if answers:
            lines.append(f"{words}: {np.mean(answers):.0%} of {len(answers)} (wanted >= {least:.0%})")
    unread = sum(numbers(rows, "mouth_unread"))
    lines.append(f"no face was found in the drawn mouths of {unread:.0f} people")
    return lines


def _inside(image: UInt8[np.ndarray, "H W 3"], target: Shot) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with the truth where the target cannot be trusted."""
    return np.where(target.trust[..., None], image, target.image)
