"""Whether the packages that networks need are installed; torch itself is not imported to find out."""

from importlib.util import find_spec

from likeness.errors import InputError

PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "einops")


def require_models(what: str) -> None:
    """Refuse early, in one line, where the optional packages are missing.

    Args:
        what: what needs them, as the subject of the message, e.g. "--method fg-portrait".

    Raises:
        InputError: a package is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(f"{what} needs {', '.join(missing)}: in the checkout, pip install '.[models]'")
