"""`likeness evaluate people`: a trained Export3D on clips of people that it has not seen, as a table and a sheet."""

from functools import partial
from pathlib import Path

from likeness.app.console import say
from likeness.app.results import Watch, unwatched
from likeness.app.training import open_folders
from likeness.data.held_out import person_code
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
from likeness.nn.checkpoint import read_header

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
    model, known = load_model(weights, head=head), read_header(weights).people
    usable = [clip for clip in open_folders([data], head) if has_pair(clip) and clip.header.num_frames > 1]
    if not usable:
        raise InputError(f"{data} has no clip with a pair of frames: make some with `likeness data people`")
    fresh = [clip for clip in usable if person_code(clip) not in known]
    if not fresh:
        raise InputError(f"{weights} was trained on everybody in {data}: give clips of other people")
    clips = fresh[:limit]
    folder = made_folder(out)
    with PeopleCheck(model, head) as check:
        items = [Item(name=clip.header.name, measure=partial(check.row, clip)) for clip in clips]
        settings = {"weights": str(weights.resolve()), "data": str(data.resolve())}
        rows = run_items(items, folder / f"{NAME}.jsonl", settings, watch)
    size = model.config.image_size
    report = Report(
        title="People that the model has not seen",
        notes=(
            f"{len(clips)} people, {size} x {size} pixels; weights {weights}",
            f"{len(usable) - len(fresh)} clips of people who were trained on are left out"
            if known
            else "whom these weights were trained on is not known: it is for you to see that these are other people",
            *shares(rows),
        ),
        tables=(summary_table(rows, MEASURES), item_table(rows, MEASURES)),
        rows=tuple(rows),
    )
    paths = write_report(report, folder, NAME)
    picture = folder / f"{NAME}.png"
    write_image(picture, people_sheet(model, clips[:SHOWN], head), overwrite=True)
    say(to_markdown(without_item_tables(report)))
    for path in (*paths, picture):
        say(str(path))
