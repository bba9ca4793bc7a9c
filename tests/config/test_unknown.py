"""Names that are no settings are refused with the nearest that are, of the choices at hand."""

import pytest

from guided.config.composer import Composer
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput

CASES = [
    (["sampler=plms", "sampler.recurrence=1"], r"sampler.recurrence' is not .* order, eta"),
    (["sampler=ddim", "sampler.recurence=1"], "did you mean 'sampler.recurrence'"),
    (["clip.embedded.weight=2"], r"stands for 2.*clip.embedded_a.weight, clip.embedded_b.weight$"),
    (["guide.smooth.scale=3"], r"smooth is not chosen.*guide=\[clip,range,palette,smooth\]"),
    (["guide=[clip]", "guide.range.scale=3"], r"guide=\[clip,range\]"),
    (["sede=3"], "did you mean 'seed'"),
]


@pytest.mark.parametrize(("words", "message"), CASES)
def test_a_name_is_refused_with_the_settings_of_what_is_chosen(words, message):
    with pytest.raises(BadInput, match=message) as caught:
        compose(["prompt=x", *words])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("words", "message"), CASES[:3])
def test_a_row_is_refused_as_a_command_is(words, message):
    with pytest.raises(BadInput, match=message), Composer(["prompt=x"]).row(words):
        pass


@pytest.mark.parametrize(("text", "warned"), [("{x: y}", True), ("{curly} braces", False)])
def test_a_mapping_with_other_keys_is_drawn_as_text_with_a_warning(caplog, text, warned):
    plan = Plan.read(compose(["prompt=x", f"negative={text}"]))
    assert plan.prompts[1].text == text
    assert ("drawn as one text" in caplog.text) == warned


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["generator=pixels", "generator.symmetry=both"],
            "but of generator/diffusion; .*momentum",
        ),
        (["sampler=plms", "sampler.recurrence=2"], "but of sampler/ddim and sampler/ddpm"),
        (["output.still.every=5"], "but of output/cuts and output/steps and output/video"),
    ],
)
def test_a_setting_of_another_choice_of_the_group_is_told_to_be_one(words, message):
    with pytest.raises(BadInput, match=message) as caught:
        compose(["prompt=x", *words])
    assert "did you mean" not in str(caught.value)


def test_a_preset_that_sets_what_the_generator_has_not_is_told_so():
    with pytest.raises(BadInput, match=r"generator\.symmetry .* generator/diffusion.* a preset"):
        Plan.read(compose(["prompt=x", "generator=pixels", "look=kaleidoscope"]))


def test_a_group_of_ones_own_needs_a_plus_or_its_folder(tmp_path, monkeypatch):
    (tmp_path / "mine" / "shade").mkdir(parents=True)
    (tmp_path / "mine" / "shade" / "deep.yaml").write_text("# @package _global_\nsteps: 25\n")
    monkeypatch.chdir(tmp_path)
    flags = ["--config-dir", "mine"]
    with pytest.raises(BadInput, match=r"chosen with a plus, \+shade=NAME"):
        compose(["prompt=x", "shade=deep"], flags)
    assert compose(["prompt=x", "+shade=deep"], flags).steps == 25
    with pytest.raises(BadInput, match=r"mine/shade/deep.yaml is chosen with --config-dir mine"):
        compose(["prompt=x", "shade=deep"])


def test_settings_of_a_film_name_the_choices_of_films():
    with pytest.raises(BadInput, match=r"'animate.zoom' needs a choice of animate: animate=2d, "):
        compose(["prompt=a", "animate.zoom=1.02"])
    with pytest.raises(BadInput) as told:
        compose(["prompt=a", "animate.zoom=1.02"])
    assert "animate=none" not in str(told.value)  # would not help
    with pytest.raises(BadInput, match=r"animate=true: true is not the name .* animate=list"):
        compose(["prompt=a", "animate=true"])


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["drawn.nosuch=e"], "drawn"),
        (["+seed.first=1"], "seed"),
        (["show.a=1"], "show"),
        (["guide.clip.scale.a=1"], "guide.clip.scale"),
        (["animate=2d", "animate.angle.a.b=2"], "animate.angle"),
    ],
)
def test_a_name_inside_a_setting_that_has_a_value_is_refused(words, name):
    with pytest.raises(BadInput, match=f"{name} has a value, .* no settings of its own"):
        compose(words)
