"""Quality against time: what is compared, and what is on the front."""

import json
import xml.etree.ElementTree as ET

import pytest

from benchmarks import scatter
from benchmarks.quality import VARIANTS, Settings, compared, on_front, report, rows, verdict
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput


def test_words_with_several_values_make_every_combination_once_and_none_comes_first() -> None:
    found = rows("steps=15,25 sampler.eta=0; look=draft; steps=25 sampler.eta=0; ; seed=3")
    assert [sorted(words) for words in found] == [
        [],
        ["sampler.eta=0", "steps=15"],
        ["sampler.eta=0", "steps=25"],
        ["look=draft"],
        ["seed=3"],
    ]


@pytest.mark.parametrize("text", VARIANTS.split(";"))
def test_the_variants_can_be_drawn(text: str) -> None:
    """The last of each line; the others have the same names."""
    assert Plan.read(compose(["prompt=x", *rows(text)[-1]]))


def test_without_an_end_there_are_no_variants() -> None:
    with pytest.raises(BadInput, match="no end"):
        rows("sampler.eta=interval(0,1)")


def test_the_front_has_what_nothing_beats_in_both() -> None:
    points = {"quick": (1, 0.2), "good": (4, 0.8), "slow": (5, 0.8), "poor": (2, 0.1)}
    points |= {"between": (2, 0.5), "twin": (4, 0.8)}
    lines = [
        {"name": name, "seconds": seconds, "judges": {"j": {"chance": chance}}}
        for name, (seconds, chance) in points.items()
    ]
    front = {line["name"] for line in lines if on_front(line, lines, "j")}
    assert front == {"quick", "between", "good", "twin"}


def test_pictures_are_compared_one_by_one() -> None:
    """A difference that each of them has is certain, however much they differ themselves."""
    assert compared([0.9, 0.1, 0.5], [0.8, 0.0, 0.4]) == {"apart": 0.1, "error": 0.0}
    mixed = compared([1.0, 0.0], [0.0, 0.0])
    assert mixed["apart"] == 0.5 and mixed["error"] == 0.5  # sqrt(1/2) / sqrt(2)


def test_small_differences_are_ties() -> None:
    found = verdict([0.9, 0.5, 0.505, 0.1], [0.1, 0.5, 0.5, 0.2], tie=0.01)
    assert (found["better"], found["worse"], found["ties"]) == (1, 1, 2)
    assert found["p"] == 1


class NamedJudge:
    """All of a judge that a report asks for."""

    def __init__(self, name: str, family: str) -> None:
        self.name, self.family = name, family


def results(name: str, seconds: float, *chances: list[float]) -> dict:
    """Return what was found about a setting by each of some judges."""
    judges = {
        f"judge{n}": {"first": 0.5, "five": 1.0, "chance": sum(c) / len(c), "diversity": 0.25}
        | {"chances": c}
        for n, c in enumerate(chances)
    }
    return {"settings": name, "seconds": seconds, "folder": name, "judges": judges}


def test_each_judge_has_a_table_and_one_family_alone_is_told(
    tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    same, better = [0.5] * 8, [0.9] * 8
    found = [results("default", 4, same, same), results("new", 2, better, same)]
    judges = [NamedJudge("judge0", "a"), NamedJudge("judge1", "b")]
    report(Settings(), judges, tmp_path, found)
    text = capsys.readouterr().out
    tables = text.split("\njudge ")[1:]
    assert [table.split()[0] for table in tables] == ["judge0", "judge1"]
    assert "8/0/0  0.008" in tables[0] and "0/0/8  1.000" in tables[1]
    assert "one family" not in text
    kept = json.loads((tmp_path / "quality.json").read_text())
    assert kept["families"] == {"judge0": "a", "judge1": "b"} and kept["pictures"] == 8
    assert [line["judges"]["judge0"]["front"] for line in kept["variants"]] == [False, True]
    assert (tmp_path / "quality.svg").exists()
    lines = (tmp_path / "quality.md").read_text().splitlines()
    assert "| `new` | 2.0 | 0.50 | 1.00 | 0.90 | 0.25 | 8, 0, 0 | 0.008 |" in lines
    report(Settings(), judges[:1], tmp_path, found)
    assert "one family of judges only" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", [dict(every=0), dict(seeds=0), dict(views=2), dict(tie=-1), dict(kind="x")], ids=str
)
def test_a_setting_out_of_range_is_named(wrong: dict) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Settings(**wrong).check()


def test_points_of_the_plot_lie_where_their_values_are() -> None:
    points = [
        scatter.Point(1, 0.2, "quick & <rough>", True),
        scatter.Point(2, 0.3, "other", False),
        scatter.Point(4, 0.6, "good", True),
    ]
    tree = ET.fromstring(scatter.svg(points, "title", "seconds"))
    name = "{http://www.w3.org/2000/svg}"
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in tree.iter(f"{name}circle")]
    (x1, y1), (x2, y2), (x4, y4) = dots
    assert x2 - x1 == pytest.approx(x4 - x2, abs=0.2)  # each twice the one before
    assert (y1 - y4) / (y1 - y2) == pytest.approx(4, abs=0.05)
    written = [text.text for text in tree.iter(f"{name}text")]
    assert "quick & <rough>" in written and "good" in written and "other" not in written


def test_a_single_point_has_a_plot_too() -> None:
    ET.fromstring(scatter.svg([scatter.Point(3, 0.5, "one", True)], "t", "s"))
