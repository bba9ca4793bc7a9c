"""show=true prints what was understood of any command as YAML, and leaves nothing behind."""

import subprocess
import sys

import pytest
import yaml

from guided.batch import understood
from guided.batch.planning import drawable, plan_batch
from guided.batch.run import begin
from guided.cli.main import do
from guided.config.composer import Composer
from guided.config.overrides import parse_all
from guided.errors import BadInput
from guided.runs import record
from guided.runs.manifest import DONE, Row
from guided.schedule import schedule

MANY = ["-m"]


@pytest.fixture(autouse=True)
def unestimated(monkeypatch, tmp_path):
    """Estimates have tests of their own; here they would load the models."""
    monkeypatch.setattr(understood, "estimate", lambda plans: {"time": f"{len(plans)} rows"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(capsys, *words, flags=()):
    assert do([*words, "show=true"], list(flags)) is None
    return yaml.safe_load(capsys.readouterr().out)["understood"]


def test_prompts_have_their_weights_and_those_to_avoid_are_apart(capsys, tmp_path):
    found = shown(
        capsys, 'prompt=["a castle:2", "fog"]', "negative=text", "seed=7", "count=3", "size=64x32"
    )
    assert found["prompts"] == [
        {"text": "a castle", "weight": 2},
        {"text": "fog", "weight": 1},
    ]
    assert found["negative"] == [{"text": "text", "weight": -0.5}]
    assert found["models"] == ["embedded"] and found["sizes"] == [[64, 32]]
    assert found["clips"] == ["embedded_a", "embedded_b"]
    assert found["seeds"] == [7, 8, 9] and found["pictures"] == 3
    assert found["estimate"] and "missing" not in found and "drawn_as" not in found
    assert list(tmp_path.iterdir()) == []


def test_a_prompt_of_a_part_of_the_run_has_its_bounds_and_its_schedule(capsys):
    found = shown(
        capsys, 'prompt={0: a seed, "50%": {text: a tree, weight: {linear: [[0, 1], [1, 3]]}}}'
    )
    assert found["prompts"] == [
        {"text": "a seed", "weight": 1, "from": 0, "until": 0.5},
        {
            "text": "a tree",
            "weight": {"linear": [[0, 1], [1, 3]]},
            "from": 0.5,
            "until": 1,
        },
    ]
    assert found["seeds"] == "random"


@pytest.mark.parametrize("value", [2, [[0, 1], [0.5, 3]], {"cosine": [[0, 1], [1, 3]]}])
def test_a_schedule_is_shown_as_it_is_written(value):
    once = understood.of_schedule(schedule("weight", value))
    assert schedule("weight", once) == schedule("weight", value)
    assert once == value


def test_what_wildcards_and_looks_make_of_a_text_is_shown_where_it_is_certain(capsys):
    found = shown(capsys, "prompt=a {red|red} cat", "look=ink_wash", "seed=1")
    [drawn] = found["drawn_as"]
    assert drawn.startswith("a red cat, ") and "ink" in drawn
    assert "drawn_as" not in shown(capsys, "prompt=a {red|blue} cat")
    assert shown(capsys, "prompt=un gato")["read_as"] == {"un gato": "un cat"}
    assert "read_as" not in shown(capsys, "prompt=a cat")


def test_rows_have_in_common_what_is_common(capsys, tmp_path):
    found = shown(capsys, "prompt=x", "seed=1,2", "steps=20,30", flags=MANY)
    assert found["prompts"] == [{"text": "x", "weight": 1}]
    assert [(row["seeds"], row["steps"]) for row in found["rows"]] == [
        *(([1], 20), ([1], 30), ([2], 20), ([2], 30)),
    ]
    assert found["pictures"] == 4 and found["estimate"]["time"] == "4 rows"
    assert list(tmp_path.iterdir()) == []


def test_rows_of_a_table_say_where_they_are_and_what_is_wrong(capsys, tmp_path):
    (tmp_path / "rows.csv").write_text("prompt,steps\na sun,20\na moon,many\n", encoding="utf-8")
    found = shown(capsys, "prompts=rows.csv")
    good, bad = found["rows"]
    assert found["prompts"] == [{"text": "a sun", "weight": 1}] and found["pictures"] == 1
    assert good["where"].startswith("rows.csv") and "steps=many" in bad["wrong"]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    (tmp_path / "rows.csv").write_text("prompt,steps\na sun,many\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"^rows.csv:2: steps=many"):
        do(["prompts=rows.csv", "show=true"], [])


def test_no_more_rows_and_seeds_are_shown_than_can_be_read(capsys):
    found = shown(capsys, "prompt=x", "seed=range(0,200)", "count=2", flags=MANY)
    assert len(found["rows"]) == understood.MOST + 1 and found["rows"][-1] == "and 150 more"
    assert found["pictures"] == 400
    found = shown(capsys, "prompt=x", "seed=0", "count=1000")
    assert found["seeds"] == [*range(understood.MOST), "to 999"]


def test_weights_that_are_missing_are_named_and_no_error(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path))
    found = shown(capsys, "prompt=x", "model=imagenet512", "size=[512,512]")
    assert found["models"] == ["imagenet512"] and "models=download" in found["missing"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prompt=x", "steps=0"], "steps=0"),
        ([], "prompt is empty"),
        (["prompt=x", "stepz=3"], "stepz"),
        (["resume=nowhere"], "there is no folder"),
        (["prompts=nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_cannot_be_drawn_is_bad_input_here_too(words, told):
    with pytest.raises(BadInput, match=told):
        do([*words, "show=true"], [])


def test_other_values_than_true_and_false_are_refused_and_false_changes_nothing(monkeypatch):
    with pytest.raises(BadInput, match="show=maybe must be true or false"):
        do(["prompt=x", "show=maybe"], [])
    drawn = []
    monkeypatch.setattr("guided.batch.run.draw", lambda words, *more: drawn.append(words))
    do(["prompt=x", "show=false"], [])
    assert [[word.raw for word in words] for words in drawn] == [["prompt=x"]]


def test_a_resumed_run_shows_the_rows_that_are_left(capsys, tmp_path):
    rows = [Row(["seed=1"]), Row(["seed=2"])]
    composer = Composer(parse_all(["prompt=x"]))
    batch = plan_batch(composer, rows, "x")
    batch.manifest.pictures[0].state = DONE
    folder = begin(batch, composer, tmp_path / "outputs")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert shown(capsys, f"resume={folder}")["seeds"] == [2]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("words", [["gallery=outputs"], ["models=download"]])
def test_commands_that_draw_nothing_do_nothing_either(words, capsys, tmp_path):
    name, _, value = words[0].partition("=")
    assert shown(capsys, *words) == {name: value}
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_shown_with_settings_that_from_reads_again(capsys, tmp_path):
    planned = drawable(Composer(parse_all(["prompt=a sun:2", "seed=3"])), Row())
    (tmp_path / "mine.yaml").write_text(record.as_yaml(planned.settings), encoding="utf-8")
    do(["from=mine.yaml", "show=true", "steps=30"], [])
    text = capsys.readouterr().out
    settings = yaml.safe_load(text)
    assert settings["understood"]["prompts"] == [{"text": "a sun", "weight": 2}]
    assert (settings["seed"], settings["steps"], settings["understood"]["steps"]) == (3, 30, 30)
    (tmp_path / "again.yaml").write_text(text, encoding="utf-8")
    do(["from=again.yaml", "show=true"], [])
    assert yaml.safe_load(capsys.readouterr().out)["understood"] == settings["understood"]


def test_control_characters_are_not_printed(capsys):
    do(["prompt=a\x1b[2Jcat", "show=true"], [])
    assert "\x1b" not in capsys.readouterr().out


def test_a_command_without_torch_knows_all_but_the_estimate():
    program = """
import sys
from guided.batch import understood
from guided.config.overrides import parse_all
understood.estimate = lambda plans: {}
print(understood.text(parse_all(["prompt=x"]), []))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_regions_are_shown_with_their_places_and_what_is_read_in_their_texts(capsys):
    regions = "regions=[{box: [0,0,0.5,1], prompt: gato, until: 0.5}, {prompt: a sun:2}]"
    found = shown(
        capsys, "prompt=a field:0.2", "negative=text", regions, "layout=row", "size=64x32"
    )
    assert found["prompts"] == [{"text": "a field", "weight": 0.2}]
    assert found["negative"] == [{"text": "text", "weight": -0.5}]
    assert found["regions"] == [
        {"box": [0, 0, 0.5, 1], "text": "gato", "weight": 1, "from": 0, "until": 0.5},
        {"layout": "row", "text": "a sun", "weight": 2},
    ]
    assert found["read_as"]["gato"] == "cat"
    split = shown(capsys, "prompt=a cat | a tree", "layout=grid")
    assert split["prompts"] == [] and [one["text"] for one in split["regions"]] == [
        "a cat",
        "a tree",
    ]
