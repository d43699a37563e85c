import json

import pytest

from likeness.errors import InputError
from likeness.evaluation import results
from likeness.evaluation.results import Item, numbers, run_items


def counting(calls: list[str], name: str, value: float = 1.0) -> Item:
    def measure():
        calls.append(name)
        return {"score": value}

    return Item(name=name, measure=measure)


def test_a_second_run_measures_only_what_is_missing(tmp_path):
    path, calls = tmp_path / "rows.jsonl", []
    run_items([counting(calls, "a", 1.0)], path, {"frames": 10})
    rows = run_items([counting(calls, "a", 9.0), counting(calls, "b", 2.0)], path, {"frames": 10})
    assert calls == ["a", "b"]
    assert rows == [{"item": "a", "score": 1.0}, {"item": "b", "score": 2.0}]


def test_rows_of_other_settings_are_kept_and_those_of_other_code_are_not(tmp_path, monkeypatch):
    path, calls = tmp_path / "rows.jsonl", []
    run_items([counting(calls, "a")], path, {"frames": 10})
    before = path.read_bytes()
    with pytest.raises(InputError, match="frames: 10, now 20.*choose another --out"):
        run_items([counting(calls, "a")], path, {"frames": 20})
    with pytest.raises(InputError, match="weights: not set, now w"):
        run_items([counting(calls, "a")], path, {"frames": 10, "weights": "w"})
    assert path.read_bytes() == before and calls == ["a"]
    monkeypatch.setattr(results, "code_fingerprint", lambda: "other")
    run_items([counting(calls, "a")], path, {"frames": 10})
    assert calls == ["a", "a"]


def test_a_line_cut_off_by_a_stop_is_measured_again(tmp_path):
    path, calls = tmp_path / "rows.jsonl", []
    items = [counting(calls, "a"), counting(calls, "b")]
    run_items(items, path, {})
    path.write_text(path.read_text()[:-5])
    assert len(run_items(items, path, {})) == 2
    assert calls == ["a", "b", "b"]
    assert [json.loads(line).get("item") for line in path.read_text().splitlines()] == [None, "a", "b"]


def test_rows_are_written_as_they_come(tmp_path):
    path, calls = tmp_path / "rows.jsonl", []

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_items([counting(calls, "a"), Item(name="b", measure=stop)], path, {})
    run_items([counting(calls, "a")], path, {})
    assert calls == ["a"]


def test_failures_for_the_user_become_rows_and_are_tried_again(tmp_path):
    def fail():
        raise InputError("no face was found")

    item = Item(name="a", measure=fail)
    assert run_items([item], tmp_path / "rows.jsonl", {}) == [{"item": "a", "error": "no face was found"}]
    assert run_items([counting([], "a")], tmp_path / "rows.jsonl", {}) == [{"item": "a", "score": 1.0}]


def test_numbers_that_are_not_finite_are_kept_as_missing(tmp_path):
    rows = run_items([counting([], "a", float("nan"))], tmp_path / "rows.jsonl", {})
    assert rows == [{"item": "a", "score": None}]
    assert numbers(rows, "score") == []
