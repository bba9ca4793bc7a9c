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
