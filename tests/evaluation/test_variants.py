"""Rows of an ablation of any recipe: what names stand for, joined changes, what is refused."""

from dataclasses import dataclass, replace

import pytest

from likeness.errors import InputError
from likeness.evaluation.variants import (
    MAIN,
    Switch,
    SwitchTable,
    Variant,
    choice,
    on_off,
    parse_variants,
    variant_recipe,
)


@dataclass(frozen=True)
class Tea:
    minutes: int = 3
    has_milk: bool = False
    cup: str = "glass"


def check(variant: Variant, recipe: Tea, main: Tea) -> None:
    if recipe.has_milk and recipe.minutes < 2:
        raise InputError(f"the row {variant.name} is too thin for milk")


CUPS = ("glass", "china")
TABLE = SwitchTable(
    switches={
        "minutes": Switch(
            values=("1", "3", "5"),
            read=lambda tea: str(tea.minutes),
            change=lambda tea, text: replace(tea, minutes=int(text)),
        ),
        "milk": on_off(lambda tea: tea.has_milk, lambda tea, is_on: replace(tea, has_milk=is_on)),
        "cup": Switch(
            values=CUPS,
            read=lambda tea: tea.cup,
            change=lambda tea, text: replace(tea, cup=choice(text, CUPS)),
            is_trained=False,
        ),
    },
    check=check,
)


def names(text: str) -> list[str]:
    return [variant.name for variant in parse_variants(text, Tea(), TABLE)]


def test_names_stand_for_all_other_values_and_nothing_comes_twice() -> None:
    assert names("minutes,milk") == [MAIN, "minutes=1", "minutes=5", "milk=on"]
    assert names("minutes=7, milk+cup ,minutes=3,milk=off,minutes=7") == [MAIN, "minutes=7", "milk=on+cup=china"]


def test_a_row_changes_what_it_names() -> None:
    row = parse_variants("milk+cup+minutes=5", Tea(), TABLE)[1]
    assert variant_recipe(row, Tea(), TABLE) == Tea(minutes=5, has_milk=True, cup="china")
    assert TABLE.trained(row).name == "milk=on+minutes=5"
    assert row.only(lambda name: name == "cup").name == "cup=china"
    assert TABLE.values(Tea()) == {"minutes": "3", "milk": "off", "cup": "glass"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("sugar", "there is no switch sugar; choose from minutes, milk, cup"),
        ("sugar=2", "there is no switch sugar"),
        ("minutes,,milk", "empty entry: give names from minutes, milk, cup"),
        ("", "empty entry"),
        ("minutes+milk", "does not say which minutes: write minutes=1"),
        ("minutes=long", "the row minutes=long cannot be made"),
        ("cup=tin", "tin is none of glass, china"),
        ("milk=yes", "yes is none of on, off"),
        ("milk+milk=off", "turns a switch twice"),
        ("milk+minutes=1", "the row milk=on\\+minutes=1 is too thin for milk"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_variants(rows, Tea(), TABLE)
    assert "\n" not in str(caught.value)
