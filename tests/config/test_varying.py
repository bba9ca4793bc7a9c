"""Settings of parts that vary over a film."""

import pytest

from guided.config.composition import compose
from guided.config.plan import Plan
from guided.config.replay import Record
from guided.errors import BadInput
from tests.config.records import kept, settings_of


def plan(vary: str, *words: str) -> Plan:
    usual = ["prompt=x", "seed=1", "animate=2d", "frames=11", "fps=5", "steps=20"]
    return Plan.read(compose([*usual, f"animate.vary={{{vary}}}", *words]))


def test_every_part_has_its_values_at_each_frame():
    made = plan(
        'guide.clip.scale: "0: (4000), 10: (1000)", sampler.eta: "t/20", generator.clamp: 0.5,'
        'clip.embedded_a.weight: "0s: (1), 1s: (2)", guide.range.scale: "10*max_f"'
    )
    frames = [made.at_frame(frame) for frame in (0, 5, 10)]
    assert [one.guides["clip"].scale(0.3) for one in frames] == [4000, 2500, 1000]
    assert [one.guides["range"].scale(0.3) for one in frames] == [100, 100, 100]
    assert [one.sampler.eta(0.3) for one in frames] == [0, 0.25, 0.5]
    assert [one.generator.clamp(0.3) for one in frames] == [0.5] * 3
    assert [one.clips["embedded_a"].weight(0.5) for one in frames] == [1, 2, 2]
    assert made.clips["embedded_b"] == frames[2].clips["embedded_b"]


def test_whole_numbers_are_rounded():
    made = plan('cutouts.overview: "0: (2), 10: (5)"')
    assert [made.at_frame(k).cutouts.overview(0) for k in range(11)] == [
        round(2 + 0.3 * k) for k in range(11)
    ]


def test_settings_of_one_part_have_their_values_together():
    made = plan("cutouts.overview: 0, cutouts.inner: 3.6", "cutouts.inner=0").at_frame(0).cutouts
    assert (made.overview(0), made.inner(0)) == (0, 4)  # one alone would leave no cutouts


@pytest.mark.parametrize("init", ["gradient:#102040-#f0c080", "perlin:natural"])
def test_an_init_changes_the_sampler_of_the_first_frame_only(init):
    words = [f"init={init}", "strength=0.5", "sampler.recurrence=[[0,4],[0.5,1]]"]
    made = plan("guide.clip.scale: 9", *words)
    first, second = (made.at_frame(k).sampler.recurrence for k in (0, 1))
    assert (first(0.6), first(0.8)) == (4, 1)
    assert (second(0.4), second(0.6)) == (4, 1)


@pytest.mark.parametrize(
    ("vary", "part"),
    [
        ("animate.zoom: 2", "animate.zoom takes key frames itself"),
        ("steps: 9", "steps does not vary; the settings of clip, cutouts"),
        ("guide.clip.scales: 9", "did you mean 'guide.clip.scale'?"),
        ("guide.smooth.scale: 9", "smooth is not chosen"),
        ("sampler.eta.x: 1", "sampler.eta has a value"),
        ("cutouts.area: 3", "cutouts.area"),
        ("generator.symmetry: 3", "is no number that may vary"),
        ('guide.clip.scale: "0: (1), 5: (-1)"', "animate.vary at frame 5: guide.clip.scale=-1"),
        ('sampler.eta: "1.5 + t/9"', "animate.vary at frame 0: sampler.eta=1.5"),
        ("guide.clip.scale: two", "vary.guide.clip.scale=two"),
    ],
)
def test_what_cannot_vary_is_refused_in_one_line(vary, part):
    with pytest.raises(BadInput) as caught:
        plan(vary)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_by_name_are_a_mapping():
    with pytest.raises(BadInput, match="must be settings by name"):
        Plan.read(compose(["prompt=x", "animate=2d", "animate.vary=9"]))


def test_a_record_has_what_varies(tmp_path):
    vary = {"guide.clip.scale": "0: (4000), 10: (1000)", "sampler.eta": "t/20"}
    settings = settings_of("prompt=x", "animate=2d", "frames=11") | {"steps": 20}
    settings["animate"]["vary"] = vary
    found = Record.read(kept(tmp_path, settings))
    for words in ([], ["seed=9"], ["animate.zoom=1.1"]):
        made = Plan.read(found.config(words))
        assert made.at_frame(5).guides["clip"].scale(0) == 2500
    assert Plan.read(found.config(["animate.vary=null"])).at_frame(5).varied == {}
