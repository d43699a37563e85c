"""What an ablation of FG-Portrait varies (tables 4, 5, 7 and 8, and what we add); rows: `evaluation/variants.py`."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, get_args

from likeness.data.region_weights import RegionWeights
from likeness.errors import InputError
from likeness.evaluation.variants import Switch as AnySwitch
from likeness.evaluation.variants import SwitchTable, Variant, choice, on_off
from likeness.fg_portrait.config import Condition, ControlSettings, FaceLossSettings, Init, Unconditional
from likeness.fg_portrait.recipes import Recipe
from likeness.fg_portrait.schedule import NUM_TIMESTEPS
from likeness.flow.settings import EXTRA_NAMES, Encoding, Extra, FlowFrame, OffHead, Sampling, SurfaceField

Switch: TypeAlias = AnySwitch[Recipe]
FACE_WEIGHTS = RegionWeights(head=2.0, features=4.0)
FACE_LOSS = FaceLossSettings(landmarks=0.02, identity=0.1)
FACE_LOSSES = ("off", "weights", "on")  # weights: of regions alone


def _check(variant: Variant, recipe: Recipe, main: Recipe) -> None:
    """Changes that do not go together, or that change nothing.

    Raises:
        InputError: there are some.
    """
    sampling, control = recipe.model.sampling, recipe.model.control
    if sampling.init == "warped_noised" and control.condition != "flow3d" and not control.warp_latent:
        raise InputError(f"the row {variant.name} cannot be made: without 3D flow no source can be warped")
    if sampling.unconditional != main.model.sampling.unconditional and sampling.guidance == 1.0:
        raise InputError(f"the row {variant.name} changes nothing at guidance 1: join guidance=1.5 to it with +")


def _with_control(recipe: Recipe, **changes: Any) -> Recipe:
    return replace(recipe, model=replace(recipe.model, control=replace(recipe.model.control, **changes)))


def _with_flow(recipe: Recipe, **changes: Any) -> Recipe:
    return _with_control(recipe, flow=replace(recipe.model.control.flow, **changes))


def _with_sampling(recipe: Recipe, **changes: Any) -> Recipe:
    return replace(recipe, model=replace(recipe.model, sampling=replace(recipe.model.sampling, **changes)))


def _control_flag(field: str) -> Switch:
    return on_off(
        lambda recipe: getattr(recipe.model.control, field),
        lambda recipe, is_on: _with_control(recipe, **{field: is_on}),
    )


def _flow_choice(field: str, values: tuple[str, ...], *, is_trained: bool = True) -> Switch:
    return Switch(
        values=values,
        read=lambda recipe: str(getattr(recipe.model.control.flow, field)),
        change=lambda recipe, text: _with_flow(recipe, **{field: choice(text, values)}),
        is_trained=is_trained,
    )


def _flow_number(field: str, values: tuple[str, ...], kind: Callable[[str], float]) -> Switch:
    return Switch(
        values=values,
        read=lambda recipe: f"{getattr(recipe.model.control.flow, field):g}",
        change=lambda recipe, text: _with_flow(recipe, **{field: kind(text)}),
    )


def _sampling_field(field: str, values: tuple[str, ...], kind: Callable[[str], Any]) -> Switch:
    """Of how frames are drawn from weights that are trained already."""

    def read(recipe: Recipe) -> str:
        value = getattr(recipe.model.sampling, field)
        return value if isinstance(value, str) else f"{value:g}"

    return Switch(
        values=values,
        read=read,
        change=lambda recipe, text: _with_sampling(recipe, **{field: kind(text)}),
        is_trained=False,
    )


def _extra(channel: Extra) -> Switch:
    def change(recipe: Recipe, is_on: bool) -> Recipe:
        others = tuple(name for name in recipe.model.control.flow.extras if name != channel)
        return _with_flow(recipe, extras=(*others, channel) if is_on else others)

    return on_off(lambda recipe: channel in recipe.model.control.flow.extras, change)


def _with_resolution(recipe: Recipe, text: str) -> Recipe:
    """Another resolution of the condition; its embedding gets as many levels as lead to the latent's."""
    resolution, latent = int(text), recipe.model.latent_size
    levels = resolution // latent
    if levels < 1 or levels & (levels - 1) or resolution != levels * latent:
        raise InputError(f"the condition has {latent} pixels or that doubled, not {resolution}")
    widths = recipe.model.control.embedding_widths
    count = levels.bit_length()
    widths = (widths[0],) * (count - len(widths)) + widths[max(len(widths) - count, 0) :]
    control: ControlSettings = recipe.model.control
    flow = replace(control.flow, resolution=resolution)
    return _with_control(recipe, flow=flow, embedding_widths=widths)


def _with_image_token(recipe: Recipe, text: str) -> Recipe:
    return replace(recipe, model=replace(recipe.model, image_token=None if text == "off" else int(text)))


def _with_sources(recipe: Recipe, text: str) -> Recipe:
    changed = _with_control(recipe, sources=int(text))
    return replace(changed, samples=replace(recipe.samples, sources=int(text)))


def _with_tracker_noise(recipe: Recipe, is_on: bool) -> Recipe:
    augmentation = replace(recipe.samples.augmentation, tracker_noise=1.0 if is_on else 0.0)
    return replace(recipe, samples=replace(recipe.samples, augmentation=augmentation))


def _face_loss(recipe: Recipe) -> str:
    diffusion = recipe.model.diffusion
    if diffusion.face.is_on:
        return "on"
    return "weights" if diffusion.regions != RegionWeights() else "off"


def with_face_loss(recipe: Recipe, text: str) -> Recipe:
    """The recipe with eyes and mouth that count more (`weights`), and decoded faces that are compared too (`on`).

    A model that repairs drafts predicts a sharp picture whatever the noise: its faces are compared at all timesteps.

    Raises:
        InputError: there is no such value.
    """
    chosen = choice(text, FACE_LOSSES)
    repairs = recipe.model.control.draft and recipe.model.diffusion.prediction == "sample"
    face = replace(FACE_LOSS, below=NUM_TIMESTEPS) if repairs else FACE_LOSS
    diffusion = replace(
        recipe.model.diffusion,
        regions=RegionWeights() if chosen == "off" else FACE_WEIGHTS,
        face=face if chosen == "on" else FaceLossSettings(),
    )
    return replace(recipe, model=replace(recipe.model, diffusion=diffusion))


def _with_reference_time(recipe: Recipe, text: str) -> Recipe:
    chosen: Any = choice(text, ("same", "zero"))
    return replace(recipe, model=replace(recipe.model, reference_time=chosen))


SWITCHES: dict[str, Switch] = {
    "cond": Switch(
        values=get_args(Condition),
        read=lambda recipe: recipe.model.control.condition,
        change=lambda recipe, text: _with_control(recipe, condition=choice(text, get_args(Condition))),
    ),
    "sampling": _flow_choice("sampling", get_args(Sampling)),
    "sampling_test": _flow_choice("sampling", get_args(Sampling), is_trained=False),
    "N": _flow_number("samples", ("1", "2", "5", "10", "20", "40"), int),
    "delta": _flow_number("delta", ("0.0025", "0.005", "0.01", "0.02", "0.05"), float),
    "sf": _flow_choice("surface_field", get_args(SurfaceField)),
    "offhead": _flow_choice("offhead", get_args(OffHead)),
    "flow_frame": _flow_choice("flow_frame", get_args(FlowFrame)),
    "flow_encoding": _flow_choice("encoding", get_args(Encoding)),
    "cond_res": Switch(
        values=("64", "128", "256", "512"),
        read=lambda recipe: str(recipe.model.control.flow.resolution),
        change=_with_resolution,
    ),
    "ref_time": Switch(
        values=("same", "zero"), read=lambda recipe: recipe.model.reference_time, change=_with_reference_time
    ),
    "image_token": Switch(
        values=("off", "768"),  # any width that the image encoder has
        read=lambda recipe: "off" if recipe.model.image_token is None else str(recipe.model.image_token),
        change=_with_image_token,
    ),
    "x_warp_latent": _control_flag("warp_latent"),
    "x_warp_feat": _control_flag("warp_features"),
    "x_draft": _control_flag("draft"),
    "x_background": _control_flag("background"),
    "x_lids": _control_flag("lids"),
    "x_offsets": _control_flag("offsets"),
    "x_multi_src": Switch(
        values=("1", "2", "3", "4"), read=lambda recipe: str(recipe.model.control.sources), change=_with_sources
    ),
    **{f"x_{channel}": _extra(channel) for channel in EXTRA_NAMES},  # type: ignore[arg-type]
    "x_face_loss": Switch(values=FACE_LOSSES, read=_face_loss, change=with_face_loss),
    "x_noise_aug": on_off(lambda recipe: recipe.samples.augmentation.tracker_noise > 0.0, _with_tracker_noise),
    "uncond": _sampling_field(
        "unconditional", get_args(Unconditional), partial(choice, values=get_args(Unconditional))
    ),
    "init": _sampling_field("init", get_args(Init), partial(choice, values=get_args(Init))),
    "guidance": _sampling_field("guidance", ("1", "1.5", "2.5", "3.5", "5"), float),
    "steps": _sampling_field("steps", ("4", "8", "20", "30"), int),
}
TABLE = SwitchTable(switches=SWITCHES, check=_check)
