"""What people say for a picture: a name in English or Chinese, in one of thousands of sentences,
with colour, ground and style. The sentences are in frames.yaml, other names in names.yaml.

Knows words only: which picture is shown, what colour it has and what ground it stands on are told
by the caller.
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
MADE_UP = 0.4  # share of those words that exist nowhere
UNKNOWN = 0.65  # share of them in which the words around the name mean nothing
HINTED = 0.3  # share of those in which one of the words around is half of another name
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
class Seen:
    """What can be said of one training picture besides its name."""

    concept: int
    colour: str | None  # the colour that most of the object has
    ground: str | None  # the colour of the plain background
    style: str


@dataclass
class Said:
    """A caption. Without near misses a CLIP may look at nothing but the object."""

    text: str
    name: str  # the part that names the concept
    twin: str  # the same sentence with another ground, colour or style; empty if it tells none
    told: set[str]  # of "ground", "colour", "style"


@dataclass
class Frames:
    """What may stand before and after a name, in one language."""

    before: list[str]
    after: list[str]
    grounds: list[str]
    styles: list[str]
    filler: list[str]  # words or characters that mean nothing here
    hints: list[str] = field(default_factory=list)  # "birthday", which is no cake yet


def english(book: dict) -> Frames:
    works = [f"{a} {work} of a" for a in ("a", "the", "an") for work in book["works"]]
    wishes = [f"{wish} {a}" for a in ("a", "the", "one", "") for wish in book["wishes"]]
    praise = [f"a {how}" for how in book["praise"]]
    after = [""] * book["bare"] + [f", {how}" for how in book["manners"]] + book["endings"]
    before = book["articles"] + works + wishes + praise
    return Frames(before, after, book["grounds"], book["styles"], book["filler"])


def chinese(book: dict) -> Frames:
    wishes = [wish + measure for measure in book["measures"] for wish in book["wishes"]]
    after = [""] * book["bare"] + book["endings"]
    before = book["articles"] + wishes + book["praise"]
    return Frames(before, after, book["grounds"], [], hanzi() + 4 * book["filler"])


def hanzi() -> list[str]:
    """The 3,755 most common Chinese characters: GB 2312-80, level 1 (rows 16 to 55)."""
    codes = (bytes([row + 0xA0, cell + 0xA0]) for row in range(16, 56) for cell in range(1, 95))
    return [code.decode("gb2312") for code in codes if code < b"\xd7\xfa"]


class Captions:
    """Draws captions; remembers which concepts a name may mean, so that none of them counts as a
    wrong answer."""

    def __init__(self, words: list[dict], nicknames: dict[str, list[str]]) -> None:
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
        """What may stand around a name: it names nothing that is drawn, and tells no colour."""
        drawn = sources.subjects()["weights"]
        for frames, book in ((self.frames_en, self.english), (self.frames_zh, self.chinese)):
            frames.filler = [word for word in frames.filler if word not in self.owners]
            shown = [names for word, (names, _) in zip(words, book, strict=True)
                     if word["label"] in drawn]  # fmt: skip
            if book is self.chinese:  # which has no blanks: a word may hold another's name
                held = {name for names in shown for name in names}
                frames.filler = [w for w in frames.filler if not any(name in w for name in held)]
            starts = {start(name) for names in shown for name in names} - self.owners.keys()
            frames.hints = sorted(word for word in starts if word and not COLOURED.search(word))
        # Some thousand words more for English, which no list of common characters covers: what is
        # said of things that are seldom shown.
        seldom = {part for word in words if word["label"] not in drawn for part in parts(word)}
        often = {part for word in words if word["label"] in drawn for part in parts(word)}
        names = {name for names, _ in self.english for name in names}
        more = seldom - often - names - STYLES_ZH.keys() - {*self.frames_en.filler}
        self.frames_en.filler += sorted(word for word in more if not COLOURED.search(word))

    def draw(self, seen: Seen, rng: random.Random, ease: float = 0.0) -> tuple[str, str]:
        """(caption, the name in it); a share `ease` of the captions is the bare name."""
        in_chinese = rng.random() < CHINESE
        names, tags = (self.chinese if in_chinese else self.english)[seen.concept]
        tagged = bool(tags) and rng.random() < 0.13
        name = rng.choice(tags if tagged else names)
        if rng.random() < ease:
            return name, name
        sentence = self._chinese if in_chinese else self._english
        return sentence(name, seen, rng, HINTED * (not tagged)), name

    def say(self, seen: Seen, rng: random.Random, ease: float = 0.0) -> Said:
        """As draw, with what the sentence tells besides the name, and a wrong twin of it."""
        before = rng.getstate()
        text, name = self.draw(seen, rng, ease)
        after = rng.getstate()
        luck, wrong = random.Random(rng.random()), {}
        for what, other in others(seen, luck).items():
            rng.setstate(before)
            wrong[what], _ = self.draw(other, rng, ease)
        rng.setstate(after)
        told = [what for what, twin in wrong.items() if twin != text]
        return Said(text, name, wrong[luck.choice(told)] if told else "", set(told))

    def _english(self, name: str, seen: Seen, rng: random.Random, hinted: float) -> str:
        """hinted: how often a birthday is spoken of where no cake is to be seen."""
        frames, thing = self.frames_en, name
        if seen.colour and not COLOURED.search(name) and rng.random() < 0.5:
            thing = f"{seen.colour} {name}"
        before = rng.choice(frames.before).split()
        if rng.random() < 0.15:
            before = [word for word in before if rng.random() < 0.6]
        after = rng.choice(frames.after)
        if rng.random() < UNKNOWN:
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

    def _chinese(self, name: str, seen: Seen, rng: random.Random, hinted: float) -> str:
        frames, thing = self.frames_zh, name
        if seen.colour and not COLOURED.search(name) and rng.random() < 0.5:
            colour = COLOURS[seen.colour]
            thing = rng.choice([f"{colour}的", colour, colour[:-1]]) + name
        before, after = rng.choice(frames.before), rng.choice(frames.after)
        if rng.random() < UNKNOWN:
            start = self._characters(9, rng)
            if frames.hints and rng.random() < hinted:  # in Chinese the last thing is meant
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
        """Up to so many words; some are made up of halves of others, as no list has all words."""
        words = rng.choices(self.frames_en.filler, k=rng.randint(0, most))
        for i in range(len(words)):
            if rng.random() < MADE_UP:
                one, other = rng.choice(self.parts), rng.choice(self.parts)
                made = one[: len(one) // 2 + 1] + other[len(other) // 2 :]
                words[i] = words[i] if made in self.owners else made
        return words

    def _characters(self, most: int, rng: random.Random) -> str:
        return "".join(rng.choices(self.frames_zh.filler, k=rng.randint(0, most)))


def others(seen: Seen, luck: random.Random) -> dict[str, Seen]:
    """What might be said instead, one property at a time."""
    changed = {"style": luck.choice([name for name in STYLES_ZH if name not in seen.style])}
    for what, right in (("ground", seen.ground), ("colour", seen.colour)):
        if right:
            changed[what] = luck.choice([name for name in COLOURS if name != right])
    return {what: replace(seen, **{what: wrong}) for what, wrong in changed.items()}


def parts(word: dict) -> set[str]:
    """The English words with which something is named or described."""
    said = " ".join([word["label"], *word["tags"]]).lower().split()
    return {part for part in said if part.isascii() and part.isalpha()}


def start(name: str) -> str:
    """What stands before the last part of a name, if it has parts: birthday, 生日."""
    return name.rpartition(" ")[0] if name.isascii() else name[:2] if len(name) > 3 else ""


def bare(label: str) -> str:
    return label.lower().replace("’", "'").replace("“", "").replace("”", "")
