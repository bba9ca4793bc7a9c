"""Build the lexicon of small CLIPs: python -m guided.training.data.lexicon

It lists the concepts of Emojibase with their names in all its languages, which of them the CLIPs
were trained on, and the subjects nearest in meaning (guided.prompts.lexicon reads it).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from guided.errors import BadInput
from guided.outputs.manner_names import MANNERS
from guided.paths import conf_folder
from guided.prompts.lexicon import MANNER, PLAIN, SEPARATOR, normal
from guided.training.common.settings import main
from guided.training.data import packages, sources

HERE = Path(__file__).parent
NEAREST = 6  # subjects that are listed for a concept
COMMON = 25  # concepts that share a keyword, from which on it names none of them
OTHER = "other"  # the family of words that no emoji shows
COMPONENTS = 2  # Emojibase's group of skin tones and hair


@dataclass
class Settings:
    """The settings of the lexicon."""

    data: str = "data"  # the output of guided.training.data, which has the package
    words: str = "guided/models/embedded/words.txt"  # the concepts that the CLIPs know
    out: str = "guided/models/embedded/lexicon.tsv"

    def check(self) -> None:
        """Raise BadInput for a file that is not there."""
        for path in (self.data, self.words):
            if not Path(path).exists():
                raise BadInput(f"{path} is not there; python -m guided.training.data makes it")


@dataclass
class Entry:
    """A concept: its names as the CLIPs read them, further names, and its family."""

    label: str
    zh: str
    emoji: str
    family: str
    tags: set[str]
    own: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)


def build(settings: Settings) -> None:
    """Write the lexicon."""
    archive = packages.fetch(sources.read()["words"], Path(settings.data) / "packages")
    languages = packages.read_all(archive, r"package/([a-z-]+)/data\.json")
    english = concepts(languages["en"])
    families = packages.read_json(archive, "meta/groups.json")["subgroups"]
    book = yaml.safe_load((HERE / "lexicon.yaml").read_text())
    subjects = sources.subjects()["weights"]
    entries = entries_of(english, concepts(languages["zh"]), families)
    colours = {normal(name) for names in book["colours"].values() for name in names}
    for code, records in sorted(languages.items()):
        if code not in ("en", "zh"):
            add_names(entries, english, concepts(records), subjects, colours)
    by_label = {entry.label: entry for entry in entries.values()}
    usual = [by_label[label] for label in subjects if label in by_label]
    like = {name: label for label, names in book["near"].items() for name in names}
    for label in sorted(book["instead"].keys() & by_label.keys()):
        for name in book["instead"][label]:
            like[name] = label
            if name not in by_label:  # a thing without an emoji
                entry = Entry(name, name, "", by_label[label].family, set(), own=[name])
                entries[name] = by_label[name] = entry
    taken = {name for entry in entries.values() for name in (*entry.own, *entry.others)}
    for name in book["others_zh"]:
        if name not in taken:
            entries[name] = Entry(name, name, "", OTHER, set(), own=[name])
    for entry in entries.values():
        first = [like[entry.label]] if entry.label in like else []
        entry.near = list(dict.fromkeys([*first, *nearest(entry, usual)]))[:NEAREST]
        entry.others += book["more"].get(entry.label, [])
    known = set(Path(settings.words).read_text().split("\n"))
    order = {label: place for place, label in enumerate(subjects)}
    # The most usual subjects first: a name that several have means the first of them.
    usual_first = sorted(entries.values(), key=lambda one: order.get(one.label, len(order)))
    text = "".join(lines(usual_first, known, book))
    Path(settings.out).write_text(text, encoding="utf-8")


def concepts(records: list[dict]) -> dict[str, dict]:
    """Return Emojibase's records by code point, without parts of others."""
    return {one["hexcode"]: one for one in records if one.get("group", COMPONENTS) != COMPONENTS}


def entries_of(english: dict, chinese: dict, families: dict) -> dict[str, Entry]:
    """Return the entries with their English and Chinese names, by code point."""
    nicknames = sources.name_words()
    entries = {}
    for code, one in english.items():
        zh = chinese[code]["label"] if code in chinese else ""
        entry = Entry(
            label=one["label"],
            zh=zh,
            emoji=one["emoji"],
            family=families[str(one["subgroup"])],
            tags=set(one.get("tags", [])),
        )
        bare = re.sub(r" face$", "", one["label"])
        entry.own = [one["label"], bare, zh, *nicknames.get(one["label"], [])]
        entries[code] = entry
    return entries


def add_names(
    entries: dict[str, Entry], english: dict, records: dict, subjects: dict, colours: set[str]
) -> None:
    """Add one language's names: its labels, and of subjects the keywords that are used for the
    same concepts as one of the English names."""
    labels, keywords = defaultdict(set), defaultdict(set)
    used = english_uses(entries, english)
    order = {label: place for place, label in enumerate(subjects)}
    for code, one in records.items():
        for name in parts(one["label"]):
            labels[name].add(code)
        for name in (*parts(one["label"]), *map(normal, one.get("tags", []))):
            keywords[name].add(code)
    for name, codes in labels.items():
        # An English word of another meaning is meant in English: Estonian `king` is a shoe.
        uses = used.get(name, codes)
        for code in codes & entries.keys() & (uses if len(uses) > 1 else codes):
            entries[code].others += [name, hiragana(name)]
    for name, codes in keywords.items():
        meant = name in labels or name in colours or name in used
        if meant or len(codes) > COMMON or len(name) < 2:
            continue
        subject = [code for code in codes & entries.keys() if entries[code].label in subjects]
        rated = {
            code: likeness(name, codes, entries[code], records[code], used) for code in subject
        }
        best = max(rated, key=lambda code: (rated[code], -order[entries[code].label]), default="")
        if best and rated[best] >= 0.7:
            entries[best].others.append(name)


def hiragana(name: str) -> str:
    """Return a name with its katakana as hiragana."""
    return "".join(chr(ord(c) - 0x60) if "\u30a1" <= c <= "\u30f6" else c for c in name)


def english_uses(entries: dict[str, Entry], english: dict) -> dict[str, set[str]]:
    """Return the concepts that each English name or keyword is used for."""
    used = defaultdict(set)
    for code, entry in entries.items():
        for name in (*entry.own, *english[code].get("tags", [])):
            used[normal(name)].add(code)
    return used


def likeness(
    name: str, codes: set[str], entry: Entry, record: dict, used: dict[str, set[str]]
) -> float:
    """Return how alike the uses of a keyword and of an English name of the entry are: their
    Jaccard index, with a third more if the keyword is a part of the label. A keyword of a single
    concept needs both."""
    inside = any(name in label for label in parts(record["label"]))
    names = {normal(own) for own in entry.own if own.isascii()}
    best = max((len(codes & used[own]) / len(codes | used[own]) for own in names), default=0.0)
    if len(codes) == 1 and not inside:
        return 0.0
    return best + 0.3 * inside


def parts(label: str) -> list[str]:
    """Return the names of a label that lists several."""
    return [normal(part) for part in re.split(r"[,;،]", label) if part.strip()]


def nearest(entry: Entry, subjects: Iterable[Entry]) -> list[str]:
    """Return the labels of the subjects of the same family, those with the most keywords in
    common first."""
    own = entry.tags | set(entry.label.lower().split())
    rated = [
        (len(own & (one.tags | set(one.label.lower().split()))), one.label)
        for one in subjects
        if one.family == entry.family and one.label != entry.label
    ]
    rated.sort(key=lambda one: -one[0])  # stable: the most usual subjects first
    return [label for common, label in rated if common][:NEAREST]


def lines(entries: Iterable[Entry], known: set[str], book: dict) -> Iterable[str]:
    """Yield the lines of the file."""
    yield "# label, Chinese, emoji, family, known, nearest subjects, names as read, other names\n"
    for label, names in book["colours"].items():
        thing = [book["fruit_of"][label]] if label in book["fruit_of"] else []
        zh = book["colours_zh"][label]
        yield line(label, zh[0], "", "colour", "known", thing, [label, *zh], names)
    for (label, zh), names in zip(MANNERS, book["manners"].values(), strict=True):
        artists = [
            name for stem in book["artists"].get(label, "").split() for name in names_of(stem)
        ]
        yield line(label, zh, "", MANNER, "known", [], [label, zh], [*names, *artists])
    yield line(
        "background", "背景", "", "ground", "known", [], ["background", "背景"], book["ground"]
    )
    filler = yaml.safe_load((HERE / "frames.yaml").read_text())["english"]["filler"]
    ignored = filler[: filler.index(book["plain_until"])]  # the words of every day
    plain = [*book["plain"].split(), *book["plain_zh"]]
    plain += [word for word in ignored if word not in book["things"].split()]
    yield line(PLAIN, "", "", PLAIN, "known", [], plain, book["plain_others"].split())
    for entry in entries:
        state = "known" if entry.label in known else ""
        facts = (entry.label, entry.zh, entry.emoji, entry.family, state)
        yield line(*facts, entry.near, entry.own, entry.others)


def names_of(stem: str) -> list[str]:
    """Return an artist's names in conf/artist: in English, that of the file, and in Chinese."""
    card = yaml.safe_load((conf_folder() / "artist" / f"{stem}.yaml").read_text(encoding="utf-8"))
    english, chinese = (card[stem]["name"][language] for language in ("en", "zh"))
    chinese = re.sub(r"（.*?）", "", chinese)
    return [english, stem.replace("_", " "), chinese, *re.findall(r"·(\w{2,})$", chinese)]


def line(
    label: str, zh: str, emoji: str, family: str, state: str,
    near: list[str], own: list[str], others: list[str],
) -> str:  # fmt: skip
    own = list(dict.fromkeys(name for name in map(normal, own) if name))
    others = list(dict.fromkeys(name for name in map(normal, others) if name not in own))
    lists = (SEPARATOR.join(names) for names in (near, own, others))
    return "\t".join([label, zh, emoji, family, state, *lists]) + "\n"


if __name__ == "__main__":
    main(Settings, build)
