"""What Export3D has published of its comparison and its ablations (VFHQ), as far as it is known to us.

Its CSIM is a cosine of ArcFace embeddings, where more is better; in its place stands our distance of dlib embeddings,
where less is. AED and AKD come from other estimators, on other data: only ratios of AED to the main row compare.
"""

from likeness.evaluation.ablation_report import Published
from likeness.evaluation.published import Column, PublishedMethods, PublishedTable
from likeness.evaluation.scene_measures import C_AED, C_IDENTITY, S_AED, S_IDENTITY, S_LANDMARK, S_PSNR, S_SSIM
from likeness.export3d.switches import CONTRAST

PSNR = Column(measure=S_PSNR, published="PSNR", has_ratio=False)
SSIM = Column(measure=S_SSIM, published="SSIM", has_ratio=False)
AKD = Column(measure=S_LANDMARK, published="AKD", has_ratio=False)
SAME_IDENTITY = Column(measure=S_IDENTITY, published="CSIM", has_ratio=False)
SAME_AED = Column(measure=S_AED, published="AED")
OTHER_IDENTITY = Column(measure=C_IDENTITY, published="CSIM", has_ratio=False)
OTHER_AED = Column(measure=C_AED, published="AED")

METHODS = PublishedMethods(
    title="The paper's comparison",
    columns=(PSNR, SSIM, AKD, SAME_IDENTITY, SAME_AED, OTHER_IDENTITY, OTHER_AED),
    own="Export3D",
    values={
        "StyleHEAT": (14.23, 0.428, 30.41, 0.464, 0.161, 0.505, 0.242),
        "DPE": (23.24, 0.750, 3.66, 0.831, 0.083, 0.586, 0.253),
        "HiDe-NeRF (face only)": (21.23, 0.728, 8.25, 0.867, 0.106, 0.707, 0.255),
        "Export3D": (23.56, 0.704, 3.45, 0.811, 0.082, 0.694, 0.208),
    },
    note="The first five pairs of columns are of the same person, the last two of another's motion.",
)
TABLES = (
    PublishedTable(
        title="Encoding of the expression",
        switches=("expr", "clebs_negatives"),
        columns=(PSNR, SAME_IDENTITY, SAME_AED, OTHER_IDENTITY, OTHER_AED),
        main=f"{CONTRAST}_10",
        values={
            "expr=direct": (23.08, 0.789, 0.105, 0.648, 0.209),
            "expr=lebs_25": (23.11, 0.745, 0.109, 0.670, 0.218),
            "expr=lebs_10": (23.24, 0.751, 0.110, 0.672, 0.238),
            "expr=lebs_5": (22.63, 0.658, 0.140, 0.632, 0.246),
            f"expr={CONTRAST}_10": (23.56, 0.811, 0.082, 0.694, 0.208),
        },
        note="The last two pairs of columns are of another's motion. That CLeBS has 10 directions is our reading; rows"
        " with other negatives were not published.",
    ),
    PublishedTable(
        title="How the expression reaches the generator",
        switches=("cond",),
        columns=(SAME_IDENTITY, SAME_AED),
        main="eadaln",
        values={"cond=eadaln": (0.811, 0.082), "cond=cross_attention": (0.678, 0.125)},
        note="",
    ),
)
PUBLISHED = Published(
    note="Published: VFHQ with other estimators; CSIM (a similarity, more is better) stands beside our distance of"
    " identity (less is better), AKD (pixels) beside our landmark error. Only ratios of AED compare.",
    ablations=TABLES,
    methods=METHODS,
)
