"""The settings regions and layout: their forms, and what is no region."""

import pytest

from guided.errors import BadInput
from guided.prompts.prompt import Prompt
from guided.prompts.region_prompts import parse, parts_of, placed
from guided.prompts.regions import Region

LEFT = Region(box=(0, 0, 0.5, 1))


def test_regions_stand_behind_the_prompts_of_the_whole_picture():
    given = [
        {"box": [0, 0, 0.5, 1], "prompt": "a tree", "weight": 2, "until": "60%"},
        {"mask": "sky.png", "prompt": "a sun:0.5", "from": 0.1, "clips": "b"},
        {"box": [0, 0, 0.5, 1], "image": "leaf.png"},
    ]
    assert parse("a field:0.2", "fog", None, given) == [
        Prompt("a field", 0.2),
        Prompt("fog", -0.5),
        Prompt("a tree", 2, ends=0.6, region=LEFT),
        Prompt("a sun", 0.5, ("b",), begins=0.1, region=Region(mask="sky.png")),
        Prompt("leaf.png", 1, image="leaf.png", region=LEFT),
    ]


def test_the_text_of_a_list_of_regions_is_read_in_every_script():
    text = "[{box: [0,0,0.5,1], prompt: a tree, weight: 2}, {mask: sky.png, prompt: 太阳}]"
    expected = [Prompt("a tree", 2, region=LEFT), Prompt("太阳", region=Region(mask="sky.png"))]
    assert parse(None, regions=text) == expected
    assert parse(None, regions="{box: [0,0,0.5,1], prompt: a tree:2}") == expected[:1]
    assert parse(None, regions="[{box：[0,0,0.5,1]，prompt：a tree:2}]") == expected[:1]
    assert parse(None, regions='[{"box": [0, 0, 0.5, 1], "prompt": "a tree:2"}]') == expected[:1]


def test_a_schedule_weighs_a_region():
    (one,) = parse(
        None, regions=[{"box": [0, 0, 1, 1], "prompt": "a", "weight": [[0, 1], [1, 3]]}]
    )
    assert (one.at(0), one.at(1)) == (1, 3)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a cat | a tree:2|a sun", ["a cat", "a tree:2", "a sun"]),
        ("猫｜树", ["猫", "树"]),
        ("a {red|blue} cat | a {big|{a|b}} tree", ["a {red|blue} cat", "a {big|{a|b}} tree"]),
        (r"a \| b | c", [r"a \| b", "c"]),
        ("a || b |", ["a", "b"]),
        ("a } | b", ["a }", "b"]),
        ("", []),
    ],
)  # fmt: skip
def test_bars_part_a_text_outside_of_choices(text, parts):
    assert parts_of(text) == parts


def test_a_layout_places_the_parts_of_a_prompt_and_the_seed_decides_where():
    asked = parse("a cat | a tree:2", "fog", layout="row")
    assert asked == [
        Prompt("fog", -0.5),
        Prompt("a cat", region=Region(slot=0)),
        Prompt("a tree", 2, region=Region(slot=1)),
    ]
    found = placed(asked, "row", (96, 32), 5)
    assert [one.region for one in found] == [None, LEFT, Region(box=(0.5, 0, 1, 1))]
    assert placed(asked, "scatter", (64, 64), 5) != placed(asked, "scatter", (64, 64), 6)


def test_a_layout_places_a_list_and_the_regions_that_have_no_place():
    assert parse('[a cat, "a tree:2"]', layout="grid") == parse("a cat|a tree:2", layout="grid")
    given = [{"prompt": "a cat"}, {"box": [0, 0, 0.5, 1], "prompt": "a"}, {"prompt": "a tree"}]
    asked = parse("a field", regions=given, layout="row")
    assert [one.region for one in asked] == [None, Region(slot=0), LEFT, Region(slot=1)]
    assert placed(asked, "row", (64, 64), 0)[3].region == Region(box=(0.5, 0, 1, 1))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"regions": [{"prompt": "a"}]}, "has neither box nor mask.* layout=row places"),
        ({"regions": [{"box": [0, 0, 2, 1], "prompt": "a"}]}, r"the nearest is box=\[0,0,1,1\]"),
        ({"regions": [{"box": [0, 0, 1, 1]}]}, "a region has a prompt"),
        ({"regions": [{"box": [0, 0, 1, 1], "prompt": " "}]}, "is empty"),
        ({"regions": [{"box": [0, 0, 1, 1], "mask": "m.png", "prompt": "a"}]}, "not both"),
        ({"regions": [{"mask": "", "prompt": "a"}]}, "mask=, which is no picture"),
        ({"regions": [{"mask": [0, 0, 1, 1], "prompt": "a"}]}, "which is no picture; a box"),
        ({"regions": [{"boxes": [0, 0, 1, 1], "prompt": "a"}]}, "boxes is not .*mean 'box'"),
        ({"regions": [{"box": [0, 0, 1, 1], "prompt": ["a", "b"]}]}, "is one text"),
        ({"regions": [{"box": [0, 0, 1, 1], "prompt": "a", "weight": "x"}]}, "weight"),
        ({"regions": [{"box": [0, 0, 1, 1], "prompt": "a", "from": 0.9, "until": 0.2}]}, "until"),
        (
            {"regions": [{"box": [0, 0, 1, 1], "prompt": "a", "weight": 0}]},
            "^regions: every weight",
        ),
        ({"regions": "[{box: [0,0,1,1], prompt: a, prompt: b}]"}, "regions=.* has a key twice"),
        ({"regions": "[{box: [0,0,1,1], prompt: a]"}, "which is no region, as in"),
        ({"regions": ["a tree"]}, r"a tree in it, which is no region, as in regions=\[\{box"),
        ({"regions": [{"box": [0, 0, 1, 1], "prompt": "a"}] * 65}, "65 regions are more than"),
        ({"prompt": "a cat", "layout": "row"}, r'several prompts, as in prompt="a cat \| a tree"'),
        ({"prompt": "{0: a, 0.5: b}", "layout": "row"}, "layout=row places"),
        ({"prompt": "a | b", "layout": "rows"}, "layout=rows is not one of .*did you mean 'row'"),
        ({}, "prompt is empty"),
    ],
)
def test_what_is_no_region_is_told_in_one_line(given, said):
    with pytest.raises(BadInput, match=said) as told:
        parse(**{"prompt": None} | given)
    assert "\n" not in str(told.value)
