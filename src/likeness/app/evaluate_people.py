"""`likeness evaluate people`: a trained Export3D on clips of people that it has not seen, as a table and a sheet."""

from functools import partial
from pathlib import Path

from likeness.app.console import say
from likeness.app.results import Watch, unwatched
from likeness.app.training import open_folders
from likeness.data.pairs import has_pair
from likeness.errors import InputError
from likeness.evaluation.report import Report, item_table, summary_table, to_markdown, without_item_tables, write_report
from likeness.evaluation.results import Item, run_items
from likeness.export3d.people_check import MEASURES, PeopleCheck, shares
from likeness.export3d.people_sheet import people_sheet
from likeness.export3d.weights import load_model
from likeness.files import made_folder
from likeness.heads.builtin import builtin_head
from likeness.media.images import write_image

NAME = "people"
SHOWN = 12  # people on the sheet, the first by name


def evaluate_people(
    weights: Path, data: Path, *, out: Path, limit: int | None = None, watch: Watch = unwatched
) -> None:
    """Say and write the table, and a sheet of the first people from several sides.

    Raises:
        LikenessError: weights or clips cannot be used, or a file cannot be written.
    """
    head = builtin_head()
    model = load_model(weights, head=head)
    clips = [clip for clip in open_folders([data], head) if has_pair(clip) and clip.header.num_frames > 1][:limit]
    if not clips:
        raise InputError(f"{data} has no clip with a pair of frames: make some with `likeness data people`")
    folder = made_folder(out)
    with PeopleCheck(model, head) as check:
        items = [Item(name=clip.header.name, measure=partial(check.row, clip)) for clip in clips]
        settings = {"weights": str(weights.resolve()), "data": str(data.resolve())}
        rows = run_items(items, folder / f"{NAME}.jsonl", settings, watch)
    size = model.config.image_size
    report = Report(
        title="People that the model has not seen",
        notes=(f"{len(clips)} people, {size} x {size} pixels; weights {weights}", *shares(rows)),
        tables=(summary_table(rows, MEASURES), item_table(rows, MEASURES)),
        rows=tuple(rows),
    )
    paths = write_report(report, folder, NAME)
    picture = folder / f"{NAME}.png"
    write_image(picture, people_sheet(model, clips[:SHOWN], head), overwrite=True)
    say(to_markdown(without_item_tables(report)))
    for path in (*paths, picture):
        say(str(path))
