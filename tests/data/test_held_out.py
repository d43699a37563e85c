"""Who is in a clip, by its name and kind."""

from likeness.data.held_out import person_code, person_of
from tests.data.clips import new_clip, stored


def test_all_material_of_one_photo_or_video_is_one_person(tmp_path):
    names = {
        "p012": "photo",
        "pair-3-000041-p012": "round-trip",
        "photo-person-1-000007-p012": "photo-views",
        "photo-person-2-000100-p012": "photo-views",
        "p012-003": "video",
    }
    clips = stored(tmp_path, *(new_clip(name, kind=kind) for name, kind in names.items()))
    assert {person_of(clip) for clip in clips} == {"p012"}
    assert len({person_code(clip) for clip in clips}) == 1
    (other,) = stored(tmp_path, new_clip("made-person-1-000007", kind="made-head"))
    assert person_of(other) == "made-person-1-000007"
    assert len(person_code(other)) == 12 and person_code(other) != person_code(clips[0])
