"""Prompts from files: every kind, every language, and slips that are named with their line."""

import pytest

from guided.batch import prompt_files
from guided.batch.planning import plan_batch
from guided.config.composer import Composer
from guided.errors import BadInput


def read(tmp_path, name, text, encoding="utf-8"):
    (tmp_path / name).write_bytes(text.encode(encoding))
    return prompt_files.read(str(tmp_path / name))


def words(rows):
    return [row.words for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_is_a_prompt_in_any_language(tmp_path, encoding, ending):
    lines = ["# mine", "a cat, sitting: fog", "", "一只猫，很大", "قطة", '["fog", "mist:2"]']
    rows = read(tmp_path, "p.txt", ending.join(lines), encoding)
    assert words(rows) == [
        ["prompt=a cat, sitting: fog"],
        ["prompt=一只猫，很大"],
        ["prompt=قطة"],
        ['prompt=["fog", "mist:2"]'],
    ]
    assert [row.where for row in rows] == [f"p.txt:{line}" for line in (2, 4, 5, 6)]


@pytest.mark.parametrize("line", ['"a","b"', "choice(a,b)", "range(0,3)"])
def test_no_line_is_a_sweep(tmp_path, line):
    ((row,),) = [read(tmp_path, "p.txt", line)]
    from guided.config.composition import compose

    assert compose(row.words).prompt == line


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_has_settings_by_the_names_in_its_first_line(tmp_path, mark):
    table = ["prompt|seed|guide.clip.scale|size", '"a, cat; b"|7||"[64,32]"', "猫||500|"]
    rows = read(tmp_path, "p.csv", "\n".join(table).replace("|", mark), "utf-8-sig")
    assert words(rows) == [
        ["prompt=a, cat; b", "seed=7", "size=[64,32]"],
        ["prompt=猫", "guide.clip.scale=500"],
    ]
    assert [row.where for row in rows] == ["p.csv:2", "p.csv:3"]
    assert rows[0].settings == {"prompt": "a, cat; b", "seed": 7, "size": [64, 32]}


def test_a_value_over_several_lines_leaves_the_numbers_of_the_others_right(tmp_path):
    rows = read(tmp_path, "p.csv", 'prompt,seed\n"a\ncat",1\na dog,2\n')
    assert [row.where for row in rows] == ["p.csv:2", "p.csv:4"]


def test_one_row_too_long_leaves_the_others(tmp_path):
    rows = read(tmp_path, "p.csv", "prompt,seed\na cat, big,1\na dog,2\n")
    assert "3 values for 2 columns" in rows[0].wrong
    assert words(rows[1:]) == [["prompt=a dog", "seed=2"]]


def test_a_value_that_cannot_be_read_is_the_fault_of_its_row_alone(tmp_path):
    first, second = read(tmp_path, "p.csv", f"prompt,seed\na cat,{'[' * 41}\na dog,7\n")
    assert "brackets more than 40 deep" in first.wrong and first.where == "p.csv:2"
    assert second.words == ["prompt=a dog", "seed=7"] and not second.wrong


def test_yaml_is_a_list_of_prompts_or_settings(tmp_path):
    text = "- a cat\n- 12:30\n- no\n- {prompt: 'a, b', seed: 3, artist: [x, y]}\n- [fog, mist:2]\n"
    rows = read(tmp_path, "p.yaml", text)
    assert words(rows) == [
        ["prompt=a cat"],
        ["prompt=12:30"],
        ["prompt=no"],
        ["prompt=a, b", "seed=3", "artist=['x','y']"],
        ["prompt=['fog','mist:2']"],
    ]
    assert [row.where for row in rows] == [f"p.yaml:{line}" for line in range(1, 6)]


def test_yaml_lists_and_products_multiply(tmp_path):
    text = "list: [a, {prompt: b, steps: 3}]\nproduct: {seed: 'range(0,2)', size: [32, 64]}\n"
    rows = read(tmp_path, "p.yml", text)
    assert len(rows) == 2 * 2 * 2
    assert rows[0].words == ["prompt=a", "seed=0", "size=32"]
    assert rows[-1].words == ["prompt=b", "steps=3", "seed=1", "size=64"]


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("p.doc", "x", ["p.doc", ".txt, .csv, .tsv, .yaml"]),
        ("p.txt", "# nothing\n\n", ["p.txt", "nothing in it"]),
        ("p.csv", "prompt,seed\n", ["p.csv", "nothing in it"]),
        ("p.csv", "prompt,prompt\na,b\n", ["p.csv:1", "a name of its own"]),
        ("p.csv", 'prompt,seed\na,1\n"b"x,2\n', ["p.csv:3"]),
        ("p.csv", "prompt,folder\na,b\n", ["p.csv:1", "folder", "whole batch"]),
        ("p.yaml", "- a\n- [b\n", ["p.yaml:3"]),
        ("p.yaml", "prompts: [a]\n", ["p.yaml", "list:", "product:"]),
        ("p.yaml", "a: &a [x]\nlist: *a\n", ["p.yaml", "refer to each other"]),
        ("p.yaml", "- {prompt: a, seed: !!python/name:os.system x}\n", ["p.yaml:1"]),
        ("p.yaml", "product: {folder: [a]}\n", ["folder", "whole batch"]),
        ("p.yaml", "product: {seed: [1, 2026-02-30]}\n", ["p.yaml:1", "day is out"]),
        ("p.yaml", "product:\n  ? [a, b]\n  : 1\n", ["p.yaml:2"]),
        ("p.yaml", "- a\n- " + "- " * 200_000, ["p.yaml:2", "deep"]),
        ("p.csv", "prompt,gallery\na,b\n", ["p.csv:1", "gallery", "whole batch"]),
        ("p.csv", "prompt,+folder\na,b\n", ["p.csv:1", "+folder", "not the name"]),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, name, text, parts):
    with pytest.raises(BadInput) as caught:
        rows = read(tmp_path, name, text)
        raise BadInput(f"{rows[0].where}: {rows[0].wrong}")  # as it is told
    for part in parts:
        assert part in str(caught.value)


def test_another_encoding_is_told_with_its_line(tmp_path):
    with pytest.raises(BadInput, match=r"p\.txt:2.*UTF-8"):
        read(tmp_path, "p.txt", "a\ncafé", "latin-1")


def test_too_many_rows_are_refused(tmp_path):
    with pytest.raises(BadInput, match="10000"):
        read(tmp_path, "p.txt", "a\n" * 10_001)


@pytest.mark.parametrize("bad", ["{prompt: a, seed: 2026-02-30}", "? [a, b]", "{seed: !!x y}"])
def test_a_value_that_yaml_cannot_read_is_the_fault_of_its_row_alone(tmp_path, bad):
    first, second = read(tmp_path, "p.yaml", f"- {bad}\n- a dog\n")
    assert first.wrong and first.where == "p.yaml:1"
    assert second.words == ["prompt=a dog"] and not second.wrong


LOOKS_UP = "${oc.env:GUIDED_TEST_SECRET}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.txt", LOOKS_UP),
        ("p.txt", f"'{LOOKS_UP}'"),
        ("p.txt", f'["a", "{LOOKS_UP}"]'),
        ("p.txt", f"{{text: {LOOKS_UP}, weight: 2}}"),
        ("p.txt", "'" + r"\\" + f"{LOOKS_UP}'"),
        ("p.csv", f"prompt,negative\na,{LOOKS_UP}\n"),
        ("p.csv", f"prompt,wildcards\na,{LOOKS_UP}\n"),
        ("p.csv", f"prompt,look\na,{LOOKS_UP}\n"),
        ("p.csv", f"prompt,init\na,'{LOOKS_UP}'\n"),
        ("p.csv", f"prompt,output.still.format\na,'{LOOKS_UP}'\n"),
        ("p.csv", "prompt,output.still.format\na,'" + "\\" + f"{LOOKS_UP}'\n"),
        ("p.csv", f"prompt=['{LOOKS_UP}'\n]\n"),
        ("p.yaml", f"- '{LOOKS_UP}'\n"),
        ("p.yaml", f"- [a, '{LOOKS_UP}']\n"),
        ("p.yaml", f"- prompt: {{text: '{LOOKS_UP}'}}\n"),
        ("p.yaml", f"- {{wildcards: '{LOOKS_UP}', prompt: a}}\n"),
        ("p.yaml", f"product: {{prompt: 'choice(a,\"{LOOKS_UP}\")', init: '{LOOKS_UP},b'}}\n"),
    ],
)
def test_no_row_of_a_file_reads_the_environment(tmp_path, monkeypatch, name, text):
    monkeypatch.setenv("GUIDED_TEST_SECRET", "hush-hush")
    try:
        rows = read(tmp_path, name, text)
    except BadInput as error:
        assert "hush-hush" not in str(error)
        return
    told = [all_that_is_kept(row) for row in rows]
    assert "hush-hush" not in str(told)


def all_that_is_kept(row):
    """What stands in a manifest and in pictures, or what is said of a row that is wrong."""
    try:
        batch = plan_batch(Composer(["prompt=x"]), [row], "")
    except BadInput as error:
        return str(error)
    return batch.manifest, batch.first.settings


BREAKS = ["\u2028", "\u2029", "\x85", "\v", "\f"]


@pytest.mark.parametrize("mark", BREAKS)
def test_line_separators_of_other_kinds_part_no_prompt(tmp_path, mark):
    rows = read(tmp_path, "p.txt", f"a red heart{mark}on paper\na sun\n")
    assert words(rows) == [[f"prompt=a red heart{mark}on paper"], ["prompt=a sun"]]
    assert [row.where for row in rows] == ["p.txt:1", "p.txt:2"]
    rows = read(tmp_path, "p.csv", f"prompt,seed\na red heart{mark}on paper,1\na sun,2\n")
    assert [len(row.words) for row in rows] == [2, 2]
    assert [row.where for row in rows] == ["p.csv:2", "p.csv:3"]
    for quote in ("", "'", '"'):
        text = f"- {quote}a red heart{mark}on paper{quote}\n- prompt: a{mark}b\n"
        rows = read(tmp_path, "p.yaml", text)
        assert words(rows) == [["prompt=a red heart on paper"], ["prompt=a b"]]
        assert [row.where for row in rows] == ["p.yaml:1", "p.yaml:2"]


def test_the_case_of_line_separators_has_two_prompts(tmp_path):
    text = "a red heart\x0con paper\u2028folded\x85twice\na sun\n"
    assert [row.where for row in read(tmp_path, "p.txt", text)] == ["p.txt:1", "p.txt:2"]


TWO = [("château", 2.0), ("brume", 1.0)]


@pytest.mark.parametrize(
    "text",
    [
        "[château:2, brume]",
        "【château：2，brume】",
        '["château:2"，“brume”]',
        '{"0": ["château:2", "brume"]}',
        '[{"text": "château", "weight": 2}, {"text": "brume"}]',
    ],
)
@pytest.mark.parametrize("name", ["p.txt", "p.csv", "p.tsv", "p.yaml", "q.yaml", "r.yaml"])
def test_a_list_is_one_in_every_file(tmp_path, text, name):
    file = {
        "p.txt": text + "\n",
        "p.csv": "prompt,seed\n" + '"' + text.replace('"', '""') + '",3\n',
        "p.tsv": "prompt\tseed\n" + '"' + text.replace('"', '""') + '"\t3\n',
        "p.yaml": "- '" + text + "'\n",
        "q.yaml": "- prompt: '" + text + "'\n",
        "r.yaml": "list:\n  - '" + text + "'\n",
    }[name]
    (row,) = read(tmp_path, name, file)
    assert not row.wrong
    plan = plan_batch(Composer(["steps=20"]), [row], "").first.plan
    assert [(prompt.text, prompt.weight) for prompt in plan.prompts] == TWO


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("- [城堡：2，雾]\n", ["城堡：2", "雾"]),
        ("- prompt: [城堡：2、雾, 树]\n", ["城堡：2", "雾", "树"]),
        ("- ['城堡，雾', 树]\n", ["城堡，雾", "树"]),
        ("- prompt:\n  - 城堡，雾\n  - 树\n", ["城堡，雾", "树"]),
        ("- 一行白鹭上青天，两个黄鹂鸣翠柳\n", "一行白鹭上青天，两个黄鹂鸣翠柳"),
        ("list:\n- [城堡：2，雾]\n", ["城堡：2", "雾"]),
    ],
)
def test_commas_of_other_scripts_part_lists_in_brackets_of_yaml(tmp_path, text, prompt):
    (row,) = read(tmp_path, "p.yaml", text)
    assert row.settings["prompt"] == prompt


def test_a_choice_over_several_lines_is_one_prompt(tmp_path):
    rows = read(tmp_path, "p.txt", "{\n0.6::A\n|\n0.4::B\n}\na sun\n")
    assert words(rows) == [["prompt={ 0.6::A | 0.4::B }"], ["prompt=a sun"]]
    assert [row.where for row in rows] == ["p.txt:1", "p.txt:6"]


def test_a_cell_that_a_spreadsheet_keeps_as_text_is_that_text(tmp_path):
    text = 'prompt,seed\n"=""a house, red""","=""007"""\n'
    assert words(read(tmp_path, "x.csv", text)) == [["prompt=a house, red", "seed=007"]]


@pytest.mark.parametrize(
    ("text", "ending"), [("prompt,seed\na sun,4\n", ".csv"), ("Prompt\tSeed\na sun\t4\n", ".tsv")]
)
def test_a_table_in_a_file_of_prompts_is_refused(tmp_path, text, ending):
    path = tmp_path / "prompts.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=rf"prompts\.txt:1 has names of settings.*{ending}$"):
        prompt_files.read(str(path))
    path.write_text("a sun, a seed\na cat, drawn\n")
    assert len(prompt_files.read(str(path))) == 2


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#NAME?", "#DIV/0!"])
@pytest.mark.parametrize("column", ["seed", "negative"])
def test_an_error_of_a_spreadsheet_is_no_value(tmp_path, error, column):
    table = f"prompt,{column}\na sun,{error}\n#1 of all,7\n"
    first, second = read(tmp_path, "p.csv", table)
    assert first.wrong.startswith(f"{column}={error} is an error of the spreadsheet")
    assert second.words == ["prompt=#1 of all", f"{column}=7"] and not second.wrong


def test_a_lone_item_of_a_list_in_yaml_may_have_semicolons_in_it(tmp_path):
    text = "- [house; fog]\n- [house; at night, fog]\n- ['house; fog']\n"
    found = [row.settings["prompt"] for row in read(tmp_path, "p.yaml", text)]
    assert found == [["house", "fog"], ["house; at night", "fog"], ["house; fog"]]


@pytest.mark.parametrize("text", ["!!timestamp", "!!timestamp tomorrow"])
def test_a_date_that_is_none_is_refused_with_its_line(tmp_path, text):
    with pytest.raises(BadInput, match=r"p\.yaml:1 .* is no date or time; quote it"):
        read(tmp_path, "p.yaml", text)


@pytest.mark.parametrize(
    ("name", "text"), [("p.txt", "{}\na sun\n"), ("q.csv", 'prompt,seed\n"{}",3\na,4\n')]
)
def test_a_line_nested_too_deep_is_wrong_and_the_others_are_right(tmp_path, name, text):
    first, second = read(tmp_path, name, text.format("{a:" * 45 + "}" * 45))
    assert "brackets more than 40 deep" in first.wrong and first.where.startswith(f"{name}:")
    assert not second.wrong
