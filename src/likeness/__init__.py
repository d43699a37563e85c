"""likeness: one photo in, a moving, exactly editable, freely turnable person out.

`likeness.animate`, `likeness.edit` and `likeness.track` do what the commands of these names do; their options are
`AnimateOptions`, `Edits`, `Picture`, `Rendering` and `Strength`. They are loaded when first used, so that the import
stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from likeness.app.options import AnimateOptions, Edits, Picture, Rendering, Strength
    from likeness.app.pipeline import animate, edit, track

__version__ = "0.1.0"
__all__ = ["AnimateOptions", "Edits", "Picture", "Rendering", "Strength", "animate", "edit", "track"]

_OPTIONS = ("AnimateOptions", "Edits", "Picture", "Rendering", "Strength")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("likeness.app.options" if name in _OPTIONS else "likeness.app.pipeline"), name)
