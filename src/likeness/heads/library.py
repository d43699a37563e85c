"""Any head model by name or file, and the one-time conversion of foreign models."""

from pathlib import Path

from likeness.errors import InputError
from likeness.heads.builtin import NAME, builtin_head
from likeness.heads.model import HeadModel
from likeness.heads.stored import load_head

FOREIGN_SUFFIXES = (".pkl", ".mat")


def open_head(head: str | Path) -> HeadModel:
    """The built-in head by its name, or a converted one by its file.

    Raises:
        InputError: there is no such file, or it is no converted head.
    """
    if str(head) == NAME:
        return builtin_head()
    path = Path(head)
    if path.suffix.lower() in FOREIGN_SUFFIXES or path.is_dir():
        raise InputError(f"{path} is not converted yet: run `likeness head convert {path} --out NAME.npz` once")
    return load_head(path)


def convert_head(source: Path, *, landmarks: Path | None = None, name: str | None = None) -> HeadModel:
    """A foreign head model: FLAME (`.pkl`), BFM (`BFM_model_front.mat`), or the folder FaceXModel of ICT-FaceKit.

    `landmarks` is a landmark embedding for FLAME, where it does not lie beside the model; `name` is what motion files
    will call the head.

    Raises:
        InputError: the source is none of these, or a file of it cannot be used.
    """
    source = Path(source)
    if name is not None and not name.isidentifier():
        raise InputError(f"a head cannot be called {name[:60]!r}: use letters, digits and _")
    if name == NAME:
        raise InputError(f"the name {NAME} belongs to the built-in head: choose another one")
    if not source.exists():
        raise InputError(f"there is no {source}: check the name")
    if landmarks is not None and source.suffix.lower() != ".pkl":
        raise InputError("--landmarks is for FLAME; the other models bring their own")
    if source.is_dir():
        from likeness.heads.ict import read_ict

        return read_ict(source, name=name or "ict")
    if source.suffix.lower() == ".mat":
        from likeness.heads.bfm import read_bfm

        return read_bfm(source, name=name or "bfm")
    if source.suffix.lower() == ".pkl":
        from likeness.heads.flame import flame_files, read_flame

        return read_flame(flame_files(source, landmarks=landmarks), name=name or "flame")
    raise InputError(
        f"{source} is no head model that can be converted: give a FLAME .pkl, a BFM_model_front.mat,"
        " or the folder FaceXModel of ICT-FaceKit"
    )
