"""A tiny synthetic head model and a motion on it, for tests that need a contract and not a face."""

import numpy as np

from likeness.heads.model import EYE_LEFT, EYE_RIGHT, JAW, JOINT_NAMES, NECK, Control, HeadModel
from likeness.motion.record import Motion, MotionFrame

SHAPES = ("mouthSmileLeft", "mouthSmileRight", "browInnerUpLeft", "browInnerUpRight", "eyeBlinkLeft", "eyeBlinkRight")
EXPRESSIONS = (*SHAPES, "corrective00")
JAW_OPEN_RADIANS = np.radians(16.0)


def tiny_head(name: str = "tiny", version: str = "1") -> HeadModel:
    """36 vertices on an ellipsoid; one expression shape per name, two identity modes, a jaw that opens downward."""
    angle, height = np.meshgrid(np.arange(6) * np.pi / 3, np.linspace(-1.2, 1.2, 6))
    ring = np.cos(height)
    template = np.stack([0.08 * ring * np.sin(angle), 0.1 * np.sin(height), 0.09 * ring * np.cos(angle)], axis=-1)
    template = template.reshape(-1, 3)
    num_vertices = len(template)
    generator = np.random.default_rng(7)
    expression_basis = 0.01 * generator.standard_normal((num_vertices, 3, len(EXPRESSIONS)))
    weights = np.zeros((num_vertices, 5))
    weights[:, NECK] = 1.0
    weights[template[:, 1] < -0.05] = np.eye(5)[JAW]
    joints = np.zeros((5, 3))
    joints[NECK] = (0.0, -0.1, -0.03)
    joints[JAW] = (0.0, -0.006, -0.012)
    joints[EYE_LEFT], joints[EYE_RIGHT] = (0.032, 0.03, 0.06), (-0.032, 0.03, 0.06)
    return HeadModel(
        name=name,
        version=version,
        template=template,
        shape_basis=0.01 * generator.standard_normal((num_vertices, 3, 2)),
        expression_basis=expression_basis,
        expression_names=EXPRESSIONS,
        faces=_faces(),
        face_parts=np.zeros(len(_faces()), dtype=np.int64),
        part_names=("skin",),
        joint_positions=joints,
        joint_shape_basis=np.zeros((5, 3, 2)),
        skin_weights=weights,
        landmark_faces=np.arange(4),
        landmark_barycentrics=np.full((4, 3), 1.0 / 3.0),
        shape_deviations=np.ones(2),
        expression_deviations=np.full(len(EXPRESSIONS), 0.5),
        controls=_controls(),
    )


def _faces() -> np.ndarray:
    corners = [
        (r * 6 + c, r * 6 + (c + 1) % 6, (r + 1) * 6 + c, (r + 1) * 6 + (c + 1) % 6) for r in range(5) for c in range(6)
    ]
    return np.array([triangle for a, b, c, d in corners for triangle in ((a, b, d), (a, d, c))])


def _controls() -> tuple[Control, ...]:
    basis, still = np.eye(len(EXPRESSIONS)), np.zeros((len(JOINT_NAMES), 3))
    shapes = [Control(name=name, expression=basis[index], joints=still) for index, name in enumerate(SHAPES)]
    opening = still.copy()
    opening[JAW, 0] = JAW_OPEN_RADIANS
    jaw = Control(name="jawOpen", expression=0.2 * basis[6], joints=opening)
    return (*shapes, jaw)


def rest_frame(head: HeadModel) -> MotionFrame:
    """A frontal head 0.6 m from the camera, eyes open by 0.3."""
    return MotionFrame(
        rotation=np.array([np.pi, 0.0, 0.0]),
        translation=np.array([0.02, -0.01, 0.6]),
        neck=np.zeros(3),
        jaw=np.zeros(3),
        eye_left=np.zeros(3),
        eye_right=np.zeros(3),
        expression=np.zeros(head.num_expression),
        lids=np.array([0.3, 0.3]),
    )


def still_motion(head: HeadModel, num_frames: int = 50, fps: float = 25.0) -> Motion:
    """The rest frame, held."""
    rest = rest_frame(head)
    held = {name: np.repeat(getattr(rest, name)[None], num_frames, axis=0) for name in MotionFrame.__slots__}
    return Motion(
        head_name=head.name,
        head_version=head.version,
        expression_names=head.expression_names,
        source="clip.mp4",
        tracker="test",
        fps=fps,
        times=np.arange(num_frames) / fps,
        confidence=np.ones(num_frames),
        valid=np.ones(num_frames, dtype=bool),
        shape=np.zeros(head.num_shape),
        intrinsics=np.array([[2.5, 0.0, 0.5], [0.0, 2.5, 0.5], [0.0, 0.0, 1.0]]),
        image_size=(512, 512),
        reference=0,
        **held,
    )


def wiggled_motion(head: HeadModel, num_frames: int = 50) -> Motion:
    """Random smooth values in every channel."""
    generator = np.random.default_rng(3)
    motion = still_motion(head, num_frames)
    phase = np.linspace(0.0, 4.0, num_frames)[:, None]

    def wave(width: int, size: float) -> np.ndarray:
        return size * np.sin(phase * generator.uniform(0.5, 2.0, width) + generator.uniform(0.0, 6.0, width))

    return motion.with_frames(
        rotation=motion.rotation + wave(3, 0.2),
        translation=motion.translation + wave(3, 0.02),
        jaw=wave(3, 0.1),
        eye_left=wave(3, 0.1),
        eye_right=wave(3, 0.1),
        expression=wave(head.num_expression, 0.4),
        lids=0.3 + wave(2, 0.1),
    )
