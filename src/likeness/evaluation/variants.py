"""Named changes of a recipe, one at a time or joined: what an ablation varies. Recipes and switches are any method's.

A switch that does not exist is refused; nothing is ignored.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from likeness.errors import InputError

Recipe = TypeVar("Recipe")

MAIN = "main"  # the preset as it is
ON, OFF = "on", "off"


@dataclass(frozen=True, kw_only=True)
class Switch(Generic[Recipe]):
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

    def only(self, switches: Callable[[str], bool]) -> "Variant":
        """The row with those of its changes alone whose switches are wanted."""
        return Variant(changes=tuple(change for change in self.changes if switches(change[0])))


@dataclass(frozen=True, kw_only=True)
class SwitchTable(Generic[Recipe]):
    """All switches of a method."""

    switches: Mapping[str, Switch[Recipe]]
    check: Callable[[Variant, Recipe, Recipe], None]  # row, its recipe, the preset's: changes that do not go together

    def switch(self, name: str) -> Switch[Recipe]:
        """One of them.

        Raises:
            InputError: there is none of this name.
        """
        if name not in self.switches:
            raise InputError(f"there is no switch {name}; choose from {', '.join(self.switches)}")
        return self.switches[name]

    def values(self, recipe: Recipe) -> dict[str, str]:
        """What each switch says of a recipe."""
        return {name: switch.read(recipe) for name, switch in self.switches.items()}

    def trained(self, variant: Variant) -> Variant:
        """The row whose weights a row is drawn with."""
        return variant.only(lambda name: self.switches[name].is_trained)


def parse_variants(text: str, main: Recipe, table: SwitchTable[Recipe]) -> tuple[Variant, ...]:
    """The rows of a list such as `cond,N=10,delta,x_visibility+x_normals`; the preset as it is comes first.

    A bare name stands for each of its values that the preset does not have; `+` joins changes in one row.

    Raises:
        InputError: a switch or a value cannot be used.
    """
    found = [Variant(changes=())]
    for piece in text.split(","):
        if not piece.strip():
            raise InputError(f"--rows has an empty entry: give names from {', '.join(table.switches)}")
        found += _expanded(piece.strip(), main, table)
    kept: dict[str, Variant] = {}
    for variant in found:
        if variant_recipe(variant, main, table) != main or not variant.changes:
            kept.setdefault(variant.name, variant)
    return tuple(kept.values())


def variant_recipe(variant: Variant, main: Recipe, table: SwitchTable[Recipe]) -> Recipe:
    """The recipe of a row.

    Raises:
        InputError: a value cannot be used, or the changes do not go together.
    """
    recipe = main
    for name, value in variant.changes:
        try:
            recipe = table.switch(name).change(recipe, value)
        except (ValueError, InputError) as error:
            raise InputError(f"the row {variant.name} cannot be made: {error}") from error
    table.check(variant, recipe, main)
    return recipe


def choice(text: str, values: tuple[str, ...]) -> str:
    """A value that is one of some.

    Raises:
        InputError: it is none of them.
    """
    if text not in values:
        raise InputError(f"{text} is none of {', '.join(values)}")
    return text


def on_off(read: Callable[[Recipe], bool], change: Callable[[Recipe, bool], Recipe]) -> Switch[Recipe]:
    """A switch with two positions."""
    return Switch(
        values=(ON, OFF),
        read=lambda recipe: ON if read(recipe) else OFF,
        change=lambda recipe, text: change(recipe, choice(text, (ON, OFF)) == ON),
    )


def _expanded(piece: str, main: Recipe, table: SwitchTable[Recipe]) -> Iterator[Variant]:
    parts = [part.strip() for part in piece.split("+")]
    if len(parts) == 1 and "=" not in piece:
        switch = table.switch(piece)
        for value in switch.values:
            if value != switch.read(main):
                yield Variant(changes=((piece, value),))
        return
    changes = []
    for part in parts:
        name, _, value = part.partition("=")
        switch = table.switch(name)
        if "=" not in part:
            others = [entry for entry in switch.values if entry != switch.read(main)]
            if len(others) != 1:
                raise InputError(f"the row {piece} does not say which {name}: write {name}={others[0]}")
            (value,) = others
        changes.append((name, value))
    if len({name for name, _ in changes}) < len(changes):
        raise InputError(f"the row {piece} turns a switch twice: name each once")
    yield Variant(changes=tuple(changes))
