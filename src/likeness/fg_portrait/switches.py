"""Named changes of a recipe, one at a time or joined: what an ablation varies (FG-Portrait, tables 4, 5, 7 and 8).

A switch that does not exist is refused; nothing is ignored.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

from likeness.data.region_weights import RegionWeights
from likeness.errors import InputError
from likeness.fg_portrait.config import Condition, ControlSettings, Init, Unconditional
from likeness.fg_portrait.recipes import Recipe
from likeness.flow.settings import EXTRA_NAMES, Encoding, Extra, FlowFrame, OffHead, Sampling, SurfaceField

MAIN = "main"  # the preset as it is
ON, OFF = "on", "off"
FACE_WEIGHTS = RegionWeights(head=2.0, features=4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """One thing that can be varied; values are text, as they are typed and shown."""

    values: tuple[str, ...]  # that its bare name stands for
    read: Callable[[Recipe], str]
    change: Callable[[Recipe, str], Recipe]
    is_trained: bool = True  # no: it is turned when pictures are drawn, with the weights of the row without it


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One row of an ablation."""

    changes: tuple[tuple[str, str], ...]  # switch and value; none: the preset as it is

    @property
    def name(self) -> str:
        """For tables and messages, and as it can be typed."""
        return "+".join(f"{switch}={value}" for switch, value in self.changes) or MAIN

    @property
    def trained(self) -> "Variant":
        """The row whose weights this one is drawn with."""
        return Variant(changes=tuple(change for change in self.changes if SWITCHES[change[0]].is_trained))


def parse_variants(text: str, main: Recipe) -> tuple[Variant, ...]:
    """The rows of a list such as `cond,N=10,delta,x_visibility+x_normals`; the preset as it is comes first.

    A bare name stands for each of its values that the preset does not have; `+` joins changes in one row.

    Raises:
        InputError: a switch or a value cannot be used.
    """
    found = [Variant(changes=())]
    for piece in text.split(","):
        if not piece.strip():
            raise InputError(f"--rows has an empty entry: give names from {', '.join(SWITCHES)}")
        found += _expanded(piece.strip(), main)
    kept: dict[str, Variant] = {}
    for variant in found:
        if variant_recipe(variant, main) != main or not variant.changes:
            kept.setdefault(variant.name, variant)
    return tuple(kept.values())


def variant_recipe(variant: Variant, main: Recipe) -> Recipe:
    """The recipe of a row.

    Raises:
        InputError: a value cannot be used, or the changes do not go together.
    """
    recipe = main
    for name, value in variant.changes:
        try:
            recipe = SWITCHES[name].change(recipe, value)
        except (ValueError, InputError) as error:
            raise InputError(f"the row {variant.name} cannot be made: {error}") from error
    sampling, control = recipe.model.sampling, recipe.model.control
    if sampling.init == "warped_noised" and control.condition != "flow3d" and not control.warp_latent:
        raise InputError(f"the row {variant.name} cannot be made: without 3D flow no source can be warped")
    if sampling.unconditional != main.model.sampling.unconditional and sampling.guidance == 1.0:
        raise InputError(f"the row {variant.name} changes nothing at guidance 1: join guidance=1.5 to it with +")
    return recipe


def _expanded(piece: str, main: Recipe) -> Iterator[Variant]:
    parts = [part.strip() for part in piece.split("+")]
    if len(parts) == 1 and "=" not in piece:
        switch = _switch(piece)
        for value in switch.values:
            if value != switch.read(main):
                yield Variant(changes=((piece, value),))
        return
    changes = []
    for part in parts:
        name, _, value = part.partition("=")
        switch = _switch(name)
        if "=" not in part:
            others = [entry for entry in switch.values if entry != switch.read(main)]
            if len(others) != 1:
                raise InputError(f"the row {piece} does not say which {name}: write {name}={others[0]}")
            (value,) = others
        changes.append((name, value))
    if len({name for name, _ in changes}) < len(changes):
        raise InputError(f"the row {piece} turns a switch twice: name each once")
    yield Variant(changes=tuple(changes))


def _switch(name: str) -> Switch:
    if name not in SWITCHES:
        raise InputError(f"there is no switch {name}; choose from {', '.join(SWITCHES)}")
    return SWITCHES[name]


def _choice(text: str, values: tuple[str, ...]) -> str:
    if text not in values:
        raise InputError(f"{text} is none of {', '.join(values)}")
    return text


def _with_control(recipe: Recipe, **changes: Any) -> Recipe:
    return replace(recipe, model=replace(recipe.model, control=replace(recipe.model.control, **changes)))


def _with_flow(recipe: Recipe, **changes: Any) -> Recipe:
    return _with_control(recipe, flow=replace(recipe.model.control.flow, **changes))


def _with_sampling(recipe: Recipe, **changes: Any) -> Recipe:
    return replace(recipe, model=replace(recipe.model, sampling=replace(recipe.model.sampling, **changes)))


def _control_flag(field: str) -> Switch:
    return Switch(
        values=(ON, OFF),
        read=lambda recipe: ON if getattr(recipe.model.control, field) else OFF,
        change=lambda recipe, text: _with_control(recipe, **{field: _choice(text, (ON, OFF)) == ON}),
    )


def _flow_choice(field: str, values: tuple[str, ...], *, is_trained: bool = True) -> Switch:
    return Switch(
        values=values,
        read=lambda recipe: str(getattr(recipe.model.control.flow, field)),
        change=lambda recipe, text: _with_flow(recipe, **{field: _choice(text, values)}),
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
    def change(recipe: Recipe, text: str) -> Recipe:
        others = tuple(name for name in recipe.model.control.flow.extras if name != channel)
        return _with_flow(recipe, extras=(*others, channel) if _choice(text, (ON, OFF)) == ON else others)

    return Switch(
        values=(ON, OFF),
        read=lambda recipe: ON if channel in recipe.model.control.flow.extras else OFF,
        change=change,
    )


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


def _with_tracker_noise(recipe: Recipe, text: str) -> Recipe:
    noise = 1.0 if _choice(text, (ON, OFF)) == ON else 0.0
    augmentation = replace(recipe.samples.augmentation, tracker_noise=noise)
    return replace(recipe, samples=replace(recipe.samples, augmentation=augmentation))


def _with_face_weights(recipe: Recipe, text: str) -> Recipe:
    regions = FACE_WEIGHTS if _choice(text, (ON, OFF)) == ON else RegionWeights()
    return replace(recipe, model=replace(recipe.model, diffusion=replace(recipe.model.diffusion, regions=regions)))


def _with_reference_time(recipe: Recipe, text: str) -> Recipe:
    chosen: Any = _choice(text, ("same", "zero"))
    return replace(recipe, model=replace(recipe.model, reference_time=chosen))


SWITCHES: dict[str, Switch] = {
    "cond": Switch(
        values=get_args(Condition),
        read=lambda recipe: recipe.model.control.condition,
        change=lambda recipe, text: _with_control(recipe, condition=_choice(text, get_args(Condition))),
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
    "x_warp_latent": _control_flag("warp_latent"),
    "x_warp_feat": _control_flag("warp_features"),
    "x_draft": _control_flag("draft"),
    **{f"x_{channel}": _extra(channel) for channel in EXTRA_NAMES},  # type: ignore[arg-type]
    "x_face_loss": Switch(
        values=(ON, OFF),
        read=lambda recipe: ON if recipe.model.diffusion.regions == FACE_WEIGHTS else OFF,
        change=_with_face_weights,
    ),
    "x_noise_aug": Switch(
        values=(ON, OFF),
        read=lambda recipe: ON if recipe.samples.augmentation.tracker_noise > 0.0 else OFF,
        change=_with_tracker_noise,
    ),
    "uncond": _sampling_field(
        "unconditional", get_args(Unconditional), partial(_choice, values=get_args(Unconditional))
    ),
    "init": _sampling_field("init", get_args(Init), partial(_choice, values=get_args(Init))),
    "guidance": _sampling_field("guidance", ("1", "1.5", "2.5", "3.5", "5"), float),
    "steps": _sampling_field("steps", ("4", "8", "20", "30"), int),
}
