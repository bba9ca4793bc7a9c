"""Lines of metrics."""

import json

import pytest

from guided.outputs.metrics import Metrics
from tests.outputs.frames import frame, watch


def test_metrics_go_on_behind_a_torn_line(run):
    path = run.folder / "metrics.jsonl"
    watch(Metrics(), run, [frame(step=1)])
    path.write_text(path.read_text() + '{"image": 0, "st')
    watch(Metrics(), run, [frame(step=2)])
    watch(Metrics(), run, [frame(step=3)])
    first, torn, second, third = path.read_text().splitlines()
    assert [json.loads(line)["step"] for line in (first, second, third)] == [1, 2, 3]
    with pytest.raises(ValueError):
        json.loads(torn)


def test_metrics_are_written_step_by_step(run):
    with Metrics().open(run) as viewer:
        viewer.see(frame())
        line = json.loads((run.folder / "metrics.jsonl").read_text())
    assert line["loss"] == {"clip": 2.0}
    assert line["similarity"] is None
