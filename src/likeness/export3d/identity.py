"""The identity term: faces of the drawn and the true picture, aligned by the fitted head, as a recogniser sees them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from likeness.data.face_places import ALIGNED, face_places, five_places, similarity
from likeness.data.sample import Shot
from likeness.heads.model import HeadModel
from likeness.nn.face_recognition import aligned_faces

Recogniser = Callable[[Tensor], Tensor]  # aligned faces to embeddings of length 1


def identity_term(
    recogniser: Recogniser,
    pictures: Float[Tensor, "B 3 H W"],
    truth: Float[Tensor, "B 3 H W"],
    maps: Float[Tensor, "B 2 3"],
) -> Float[Tensor, ""]:
    """One minus the mean cosine between embeddings."""
    one, other = (recogniser(aligned_faces(images, maps)) for images in (pictures, truth.detach()))
    return 1.0 - (one * other).sum(dim=1).mean()


def face_map(head: HeadModel, shape: Float[np.ndarray, " S"], shot: Shot) -> Float[np.ndarray, "2 3"]:
    """From pixel positions in an aligned face to places in the shot's picture, -1 to 1 across it."""
    return similarity(ALIGNED, 2.0 * five_places(face_places(head, shape, shot), is_mirrored=False) - 1.0)
