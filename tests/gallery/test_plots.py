"""Curves from metrics.jsonl."""

import json
import xml.etree.ElementTree as xml

from hypothesis import given, settings
from hypothesis import strategies as st

from guided.gallery import plots
from tests.gallery.batches import save_metrics


def test_only_the_pictures_asked_for(tmp_path):
    for number in (1, 11, 2):
        save_metrics(tmp_path, number, steps=5)
    found = plots.curves(tmp_path / "metrics.jsonl", {1, 2})
    assert set(found) == {1, 2}
    assert list(found[1]) == ["similarity", "loss clip", "loss range", "gradient"]
    assert found[1]["loss clip"] == {k: 1 / k for k in range(1, 6)}


def test_the_last_line_of_a_step_counts_and_torn_lines_do_not(tmp_path):
    lines = [
        json.dumps({"image": 0, "step": 1, "similarity": 0.1}),
        json.dumps({"image": 0, "step": 2, "similarity": 0.2}),
        '{"image": 0, "step": 3, "simil',
        json.dumps({"image": 0, "step": 2, "similarity": 0.25}),
        '{"image": 0, "step": 4, "similarity": NaN, "loss": {"clip": 1}}',
        '"image": 0',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    found = plots.curves(tmp_path / "metrics.jsonl", {0})
    assert found[0]["similarity"] == {1: 0.1, 2: 0.25}
    assert found[0]["loss clip"] == {4: 1.0}


def test_no_metrics_no_curves(tmp_path):
    assert plots.curves(tmp_path / "metrics.jsonl", {3}) == {3: {}}


def points(svg):
    line = xml.fromstring(svg).find("{http://www.w3.org/2000/svg}polyline")
    return [tuple(map(float, point.split(","))) for point in line.get("points").split()]


def test_a_curve_goes_from_corner_to_corner():
    drawn = points(plots.svg("similarity", {1: 0.0, 2: 0.5, 3: 1.0}))
    assert drawn == [
        (plots.MARGIN, plots.HEIGHT - plots.MARGIN),
        (plots.WIDTH / 2, plots.HEIGHT / 2),
        (plots.WIDTH - plots.MARGIN, plots.MARGIN),
    ]


@settings(deadline=None, max_examples=30)
@given(
    st.dictionaries(st.integers(1, 5000), st.floats(-1e300, 1e300), min_size=1, max_size=600),
    st.text(),
)
def test_every_curve_is_well_formed_inside_its_frame_and_the_same_each_time(curve, name):
    name = "".join(c for c in name if c.isprintable())
    svg = plots.svg(name, curve)
    assert svg == plots.svg(name, dict(reversed(curve.items())))
    for x, y in points(svg):
        assert 0 <= x <= plots.WIDTH
        assert 0 <= y <= plots.HEIGHT


def test_a_long_curve_keeps_its_ends_and_its_only_peak():
    curve = {step: 0.0 for step in range(1, 5001)} | {2222: 9.0}
    kept = dict(plots.thinned(sorted(curve.items())))
    assert len(kept) <= 2 * plots.BUCKETS + 2
    assert {1, 2222, 5000} <= set(kept)


def test_a_guides_name_is_text():
    svg = plots.svg('loss "><script>alert(1)</script>', {1: 1.0})
    assert "<script" not in svg
    xml.fromstring(svg)
