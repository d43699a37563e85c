"""Tables of what is measured on some frames of a clip (`details.py`): medians beside those of the baselines."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from likeness.evaluation.feature_sets import VideoNetwork
from likeness.evaluation.frechet import LEAST_SAMPLES, frechet_distance
from likeness.evaluation.keepers import TRUTH
from likeness.evaluation.landmark_measures import REGIONS
from likeness.evaluation.networks import LPIPS_FILES, NOT_INSTALLED, Networks
from likeness.evaluation.noise_floor import NOISE
from likeness.evaluation.picture_measures import REGION_TITLES
from likeness.evaluation.report import Measure, Table, summary_table
from likeness.evaluation.results import Row

_KINDS = (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 3), ("ms_ssim", "MS-SSIM", 3), ("l1", "L1, of 255", 2))
PICTURES = tuple(
    Measure(key=f"{region}_{kind}", title=f"{title}, {place}", digits=digits)
    for region, place in REGION_TITLES.items()
    for kind, title, digits in _KINDS
    if (region, kind) not in (("face", "psnr"), ("face", "ssim"))  # stand in the summary, from all frames
) + (Measure(key="background", title="background change / the real clip's"),)
LANDMARKS = (
    Measure(key="akd", title="AKD, pixels at 256"),
    *(Measure(key=f"landmark_{name}", title=f"landmark error, {name}, %") for name in REGIONS),
)
FIT = (
    Measure(key="fit_apd", title="APD, radians x 100", floor=NOISE["apd"]),
    Measure(key="fit_rotation", title="rotation, degrees", floor=NOISE["rotation"]),
    Measure(key="fit_aed", title="AED, deviations", digits=3, floor=NOISE["aed"]),
    Measure(key="fit_jaw", title="jaw, degrees", floor=NOISE["jaw"]),
    Measure(key="fit_gaze", title="gaze, degrees", floor=NOISE["gaze"]),
    Measure(key="fit_lids", title="lids, aperture", digits=3, floor=NOISE["lids"]),
)
IDENTITY = (
    Measure(key="csim_dlib", title="CSIM, dlib", digits=3),
    Measure(key="csim_arcface", title="CSIM, ArcFace", digits=3),
)


def detail_tables(rows: Sequence[Row], controls: Mapping[str, str], *, networks: Networks) -> tuple[Table, ...]:
    """Medians over the clips; what needs a network that is not there says so.

    Args:
        controls: titles of what stands beside, by the suffix of its measures.
    """
    return (
        summary_table(rows, PICTURES, title="Pictures by region", controls=controls),
        summary_table(rows, LANDMARKS, title="Landmarks by region", controls=controls),
        summary_table(rows, FIT, title="Pose and expression, fitted again", controls=controls),
        with_missing_networks(summary_table(rows, network_measures(), title="Networks", controls=controls), networks),
    )


def network_measures() -> tuple[Measure, ...]:
    """LPIPS of both backbones on the frame and the face, and identity."""
    places = (("", "full frame"), ("_face", "face box"))
    names = {"lpips_alex": "LPIPS Alex", "lpips_vgg": "LPIPS VGG"}
    lpips = (
        Measure(key=f"{name}{end}", title=f"{names[name]}, {place}", digits=3)
        for name in LPIPS_FILES
        for end, place in places
    )
    return (*lpips, *IDENTITY)


def with_missing_networks(table: Table, networks: Networks) -> Table:
    """The table with "not installed" in the rows of networks that are not there."""
    missing = {measure.title for measure in network_measures() if not _is_there(measure.key, networks)}
    rows = tuple((row[0], NOT_INSTALLED, *[""] * (len(row) - 2)) if row[0] in missing else row for row in table.rows)
    return Table(title=table.title, header=table.header, rows=rows)


def fid_table(features: Mapping[str, Float[np.ndarray, "N D"]], titles: Mapping[str, str]) -> Table:
    """FID of every method against the true frames, all clips together; the sizes of the sets stand beside.

    Args:
        features: by the suffix of the method, and `keepers.TRUTH`; empty where no network is there.
        titles: of the suffixes.
    """
    return _frechet_table("FID", "pictures", features, titles, empty=NOT_INSTALLED)


def fvd_table(
    features: Mapping[str, Float[np.ndarray, "N D"]], titles: Mapping[str, str], network: VideoNetwork | None
) -> Table:
    """The same of stretches of successive frames: FVD."""
    empty = NOT_INSTALLED
    if network is not None:
        empty = f"no {network.frames} successive frames: give more --frames"
    return _frechet_table("FVD", "sequences", features, titles, empty=empty)


def _frechet_table(
    name: str, samples: str, features: Mapping[str, np.ndarray], titles: Mapping[str, str], *, empty: str
) -> Table:
    cells = [] if features else [("all", empty, "")]
    for suffix, title in titles.items():
        if suffix in features:
            made, truth = features[suffix], features[TRUTH]
            enough = min(len(made), len(truth)) >= LEAST_SAMPLES
            value = f"{frechet_distance(made, truth):.1f}" if enough else f"fewer than {LEAST_SAMPLES} {samples}"
            cells.append((title, value, f"{len(made)} / {len(truth)}"))
    return Table(title=name, header=("method", name, f"{samples} / true ones"), rows=tuple(cells))


def _is_there(key: str, networks: Networks) -> bool:
    return key.removesuffix("_face") in networks.lpips or key.removeprefix("csim_") in networks.embedders
