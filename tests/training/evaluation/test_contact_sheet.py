"""The sheets of pictures for people."""

from pathlib import Path

from PIL import Image

from guided.training.evaluation import contact_sheet


def test_a_blind_sheet_has_its_key_apart(tmp_path: Path) -> None:
    paths = []
    for i, colour in enumerate(("red", "green", "blue")):
        paths.append(tmp_path / f"{i}.png")
        Image.new("RGB", (8, 8), colour).save(paths[-1])
    contact_sheet.blind(paths, ["a red heart", "a tree", "the sea"], tmp_path / "blind")
    key = [line.split(" ", 1) for line in (tmp_path / "blind.txt").read_text().splitlines()]
    assert sorted(text for _, text in key) == ["a red heart", "a tree", "the sea"]
    with Image.open(tmp_path / "blind.png") as sheet:
        named = {"a red heart": (255, 0, 0), "a tree": (0, 128, 0), "the sea": (0, 0, 255)}
        for number, text in key:
            x = (int(number) - 1) * (contact_sheet.SIDE + 4) + contact_sheet.SIDE // 2
            assert sheet.getpixel((x, contact_sheet.SIDE // 2)) == named[text]


def test_each_row_of_a_blind_sheet_has_an_order_of_its_own(tmp_path: Path) -> None:
    names, colours = ["slow", "quick", "new"], ["red", "green", "blue"]
    rows = []
    for row in range(6):
        rows.append([tmp_path / f"{row}{name}.png" for name in names])
        for path, colour in zip(rows[-1], colours, strict=True):
            Image.new("RGB", (8, 8), colour).save(path)
    contact_sheet.blind_rows(rows, names, tmp_path / "blind")
    key = [line.split("\t") for line in (tmp_path / "blind.txt").read_text().splitlines()]
    assert len({tuple(line) for line in key}) > 1 and len(key) == 6
    shown = dict(zip(names, ((255, 0, 0), (0, 128, 0), (0, 0, 255)), strict=True))
    with Image.open(tmp_path / "blind.png") as sheet:
        for row, line in enumerate(key):
            y = row * (contact_sheet.SIDE + contact_sheet.LABEL + 4) + contact_sheet.SIDE // 2
            for column, name in enumerate(line):
                x = column * (contact_sheet.SIDE + 4) + contact_sheet.SIDE // 2
                assert sheet.getpixel((x, y)) == shown[name]
