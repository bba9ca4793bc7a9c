"""Captions of training pictures: a name in English or Chinese in one of thousands of sentences,
with colour, background and style. The sentences are in frames.yaml, further names in names.yaml.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from guided.training.data import sources

HERE = Path(__file__).parent
CHINESE = 0.5  # share of the sentences
MADE_UP = 0.4  # share of the filler words that are invented
UNKNOWN = 0.65  # share of them with filler around the name
HINTED = 0.3  # share of those with a part of another name among the filler
COLOURS = {
    "red": "红色",
    "orange": "橙色",
    "yellow": "黄色",
    "green": "绿色",
    "light blue": "浅蓝色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
    "brown": "棕色",
    "white": "白色",
    "grey": "灰色",
    "black": "黑色",
}
SHADES = [*COLOURS, "gray", "gold", "golden", "silver"]
COLOURED = re.compile(r"\b(" + "|".join(SHADES) + r")\b|[红橙黄绿蓝紫粉棕白灰黑金青]")
STYLES_ZH = {
    "flat": "扁平风格",
    "3d": "立体风格",
    "glossy": "光泽风格",
    "outlined": "描边风格",
    "cartoon": "卡通风格",
}


@dataclass
class Depiction:
    """The facts about one training picture that a caption can state."""

    concept: int
    colour: str | None  # the colour that most of the object has
    ground: str | None  # the colour of the plain background
    style: str


@dataclass
class Caption:
    """A caption with a hard negative, without which a CLIP need look at the object alone."""

    text: str
    name: str  # the part that names the concept
    negative: str  # the same sentence with one property wrong; empty if it states none
    stated: set[str]  # of "ground", "colour", "style"


@dataclass
class Templates:
    """The words before and after a name, in one language."""

    before: list[str]
    after: list[str]
    grounds: list[str]
    styles: list[str]
    filler: list[str]  # words or characters without meaning for the picture
    hints: list[str] = field(default_factory=list)  # parts of names: "birthday" of a cake


def english(book: dict) -> Templates:
    """Return the templates of the English part of frames.yaml."""
    works = [f"{a} {work} of a" for a in ("a", "the", "an") for work in book["works"]]
    wishes = [f"{wish} {a}" for a in ("a", "the", "one", "") for wish in book["wishes"]]
    praise = [f"a {how}" for how in book["praise"]]
    after = [""] * book["bare"] + [f", {how}" for how in book["manners"]] + book["endings"]
    before = book["articles"] + works + wishes + praise
    return Templates(before, after, book["grounds"], book["styles"], book["filler"])


def chinese(book: dict) -> Templates:
    """Return the templates of the Chinese part of frames.yaml."""
    wishes = [wish + measure for measure in book["measures"] for wish in book["wishes"]]
    after = [""] * book["bare"] + book["endings"]
    before = book["articles"] + wishes + book["praise"]
    return Templates(before, after, book["grounds"], [], hanzi() + 4 * book["filler"])


def hanzi() -> list[str]:
    """Return the 3,755 most common Chinese characters: GB 2312-80, level 1 (rows 16 to 55)."""
    codes = (bytes([row + 0xA0, cell + 0xA0]) for row in range(16, 56) for cell in range(1, 95))
    return [code.decode("gb2312") for code in codes if code < b"\xd7\xfa"]


class CaptionWriter:
    """A source of random captions, of which the share `unknown` has filler around the name.
    `owners` maps each name to all concepts that it may mean, none of which counts as a wrong
    answer."""

    def __init__(
        self, words: list[dict], nicknames: dict[str, list[str]], unknown: float = UNKNOWN
    ) -> None:
        self.unknown = unknown
        frames = yaml.safe_load((HERE / "frames.yaml").read_text())
        self.frames_en, self.frames_zh = english(frames["english"]), chinese(frames["chinese"])
        self.english, self.chinese = [], []
        rare = Counter(tag for word in words for tag in {*word["tags"], *word["zh_tags"]})
        for word in words:
            extra = nicknames.get(word["label"], [])
            names = [bare(word["label"])] * 3 + [name for name in extra if name.isascii()] * 2
            self.english.append((names, [tag for tag in word["tags"] if rare[tag] <= 4]))
            names_zh = [word["zh"]] * 3 + [name for name in extra if not name.isascii()] * 2
            self.chinese.append((names_zh, [tag for tag in word["zh_tags"] if rare[tag] <= 4]))
        self.owners: dict[str, set[int]] = {}
        for book in (self.english, self.chinese):
            for concept, (names, tags) in enumerate(book):
                for name in [*names, *tags]:
                    self.owners.setdefault(name, set()).add(concept)
        self._surround(words)
        named = {word for names, _ in self.english for name in names for word in name.split()}
        self.parts = sorted(named | set(self.frames_en.filler))

    def _surround(self, words: list[dict]) -> None:
        """Choose filler and hints that name no subject and state no colour."""
        drawn = sources.subjects()["weights"]
        for frames, book in ((self.frames_en, self.english), (self.frames_zh, self.chinese)):
            frames.filler = [word for word in frames.filler if word not in self.owners]
            shown = [names for word, (names, _) in zip(words, book, strict=True)
                     if word["label"] in drawn]  # fmt: skip
            if book is self.chinese:  # without blanks, a word may contain another's name
                held = {name for names in shown for name in names}
                frames.filler = [w for w in frames.filler if not any(name in w for name in held)]
            starts = {start(name) for names in shown for name in names} - self.owners.keys()
            frames.hints = sorted(word for word in starts if word and not COLOURED.search(word))
        # English has no list of common characters: some thousand words of rarely shown concepts.
        seldom = {part for word in words if word["label"] not in drawn for part in parts(word)}
        often = {part for word in words if word["label"] in drawn for part in parts(word)}
        names = {name for names, _ in self.english for name in names}
        more = seldom - often - names - STYLES_ZH.keys() - {*self.frames_en.filler}
        self.frames_en.filler += sorted(word for word in more if not COLOURED.search(word))

    def sentence(self, seen: Depiction, rng: random.Random, ease: float = 0.0) -> tuple[str, str]:
        """Return a caption and the name in it; the share `ease` of captions is the bare name."""
        in_chinese = rng.random() < CHINESE
        names, tags = (self.chinese if in_chinese else self.english)[seen.concept]
        tagged = bool(tags) and rng.random() < 0.13
        name = rng.choice(tags if tagged else names)
        if rng.random() < ease:
            return name, name
        sentence = self._chinese if in_chinese else self._english
        return sentence(name, seen, rng, HINTED * (not tagged)), name

    def write(self, seen: Depiction, rng: random.Random, ease: float = 0.0) -> Caption:
        """Return a sentence() with the properties that it states and a hard negative: a property
        is stated if another value of it changes the sentence drawn with the same numbers."""
        before = rng.getstate()
        text, name = self.sentence(seen, rng, ease)
        after = rng.getstate()
        choice, wrong = random.Random(rng.random()), {}
        for part, other in alternatives(seen, choice).items():
            rng.setstate(before)
            wrong[part], _ = self.sentence(other, rng, ease)
        rng.setstate(after)
        stated = [part for part, negative in wrong.items() if negative != text]
        return Caption(text, name, wrong[choice.choice(stated)] if stated else "", set(stated))

    def _english(self, name: str, seen: Depiction, rng: random.Random, hinted: float) -> str:
        """Return a sentence around `name`; `hinted`: share of filler with a hint in it."""
        frames, thing = self.frames_en, name
        if seen.colour and not COLOURED.search(name) and rng.random() < 0.5:
            thing = f"{seen.colour} {name}"
        before = rng.choice(frames.before).split()
        if rng.random() < 0.15:
            before = [word for word in before if rng.random() < 0.6]
        after = rng.choice(frames.after)
        if rng.random() < self.unknown:
            start, end = self._words(7, rng), self._words(5, rng)
            if frames.hints and rng.random() < hinted:
                some = rng.choice([start, end])
                some.insert(rng.randint(0, len(some)), rng.choice(frames.hints))
            before = [*start, *before[-1:]]
            after = "".join(f" {word}" for word in end)
        if seen.ground and rng.random() < 0.5:
            after = rng.choice(frames.grounds).format(seen.ground) + after
        if rng.random() < 0.2:
            style = rng.choice(frames.styles)
            if style.endswith(" "):
                thing = style.format(seen.style) + thing
            else:
                after += style.format(seen.style)
        if before and before[-1] == "a" and thing[0] in "aeio":
            before[-1] = "an"
        return " ".join([*before, thing]) + after

    def _chinese(self, name: str, seen: Depiction, rng: random.Random, hinted: float) -> str:
        frames, thing = self.frames_zh, name
        if seen.colour and not COLOURED.search(name) and rng.random() < 0.5:
            colour = COLOURS[seen.colour]
            thing = rng.choice([f"{colour}的", colour, colour[:-1]]) + name
        before, after = rng.choice(frames.before), rng.choice(frames.after)
        if rng.random() < self.unknown:
            start = self._characters(9, rng)
            if frames.hints and rng.random() < hinted:  # a Chinese name's last part is the thing
                place = rng.randint(0, len(start))
                start = start[:place] + rng.choice(frames.hints) + start[place:]
            before = start + rng.choice(["", "，", before])
            after += self._characters(6, rng)
        if seen.ground and rng.random() < 0.5:
            after = rng.choice(frames.grounds).format(COLOURS[seen.ground]) + after
        if rng.random() < 0.2:
            styles = [zh for word, zh in STYLES_ZH.items() if word in seen.style]
            style = rng.choice(styles or ["图标风格"])
            if rng.random() < 0.5:
                after += f"，{style}"
            else:
                thing = f"{style}的{thing}"
        return before + thing + after

    def _words(self, most: int, rng: random.Random) -> list[str]:
        """Return up to `most` words; some are invented from halves of others."""
        words = rng.choices(self.frames_en.filler, k=rng.randint(0, most))
        for i in range(len(words)):
            if rng.random() < MADE_UP:
                one, other = rng.choice(self.parts), rng.choice(self.parts)
                made = one[: len(one) // 2 + 1] + other[len(other) // 2 :]
                words[i] = words[i] if made in self.owners else made
        return words

    def _characters(self, most: int, rng: random.Random) -> str:
        return "".join(rng.choices(self.frames_zh.filler, k=rng.randint(0, most)))


def alternatives(seen: Depiction, rng: random.Random) -> dict[str, Depiction]:
    """Return, by property, the depiction with another value of it."""
    style = rng.choice([name for name in STYLES_ZH if name not in seen.style])
    changed = {"style": replace(seen, style=style)}
    if seen.ground:
        changed["ground"] = replace(seen, ground=other_colour(seen.ground, rng))
    if seen.colour:
        changed["colour"] = replace(seen, colour=other_colour(seen.colour, rng))
    return changed


def other_colour(colour: str, rng: random.Random) -> str:
    """Return a random colour name that is not `colour`."""
    return rng.choice([name for name in COLOURS if name != colour])


def parts(word: dict) -> set[str]:
    """Return the English words that name or describe a concept."""
    words = " ".join([word["label"], *word["tags"]]).lower().split()
    return {part for part in words if part.isascii() and part.isalpha()}


def start(name: str) -> str:
    """Return the part of a name before its last one, if it has parts: birthday, 生日."""
    return name.rpartition(" ")[0] if name.isascii() else name[:2] if len(name) > 3 else ""


def bare(label: str) -> str:
    """Return a label in lower case with plain quotation marks."""
    return label.lower().replace("’", "'").replace("“", "").replace("”", "")
