"""The reading of prompts by small CLIPs, told before anything is drawn. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from itertools import product, zip_longest
from typing import Any

from guided.errors import shown
from guided.models.cards import ClipCard
from guided.outputs.manner_names import NAMES
from guided.prompts.lexicon import Lexicon, Reading
from guided.prompts.prompt import Prompt, is_wanted, weights_of
from guided.text import CHINESE, language, scripts

SIMILAR = 0.84  # of a word to the name that may be meant, by difflib
SHORTEST = 2  # letters of a name, up to which a slip is not told from another word
MOST = 8  # words that a message names
TITLES = {"han": "Chinese characters", "kana": "Japanese"}  # of scripts, in messages
MORE = "model=imagenet512 clip=[vit_b32,vit_b16]"
MORE_ZH = "model=imagenet512 clip=[chinese]"


@dataclass(frozen=True)
class Phrases:
    """The sentences about a text in one language, with places for words of it."""

    line: str
    link: str  # between notes
    stop: str  # after the last note
    instead: str
    left_out: str
    avoided: str  # not known, and of a negative weight
    smear: str  # not known, and nothing else is
    beside: str
    one: str
    denied: str
    empty: str
    quoted: str
    comma: str  # between quoted words
    more: str  # after the first few of many words
    doubt: str  # of a finished picture
    several: re.Pattern[str]  # a number of things
    negation: re.Pattern[str]

    def listed(self, words: Sequence[str], meant: Sequence[str] = ()) -> str:
        """Return words in quotes, the first few of many, each of these with what it may have
        `meant`."""
        more = self.more.format(len(words) - MOST) if len(words) > MOST else ""
        each = zip_longest(words[:MOST], meant, fillvalue="")
        return self.comma.join(self.quoted.format(shown(one)) + end for one, end in each) + more

    def are(self, words: Sequence[str]) -> str:
        return "is" if len(words) == 1 else "are"


ENGLISH = Phrases(
    line=f'"{{}}": {{}} words=list shows what is known; {MORE} knows more',
    link="; ",
    stop=".",
    instead='"{}" is not known, and "{}" is drawn instead',
    left_out="{words} {are} not known and left out",
    avoided="{words} {are} not known, which hardly keeps anything away",
    smear="{words} {are} not known; nothing to draw is known, so the picture will be a smear",
    beside="one thing is drawn at a time, so {words} {are} left out",
    one="one thing is drawn at a time",
    denied="what a text denies is drawn too; negative= keeps things away",
    empty="nothing in it says what to draw",
    quoted='"{}"',
    comma=", ",
    more=" and {} more",
    doubt=(
        'it may be a smear, and no "{}": it is unlike what the model has learnt; another seed may '
        "do better, and count=4 keep=1 keeps the best of four"
    ),
    several=re.compile(
        r"\b(two|three|four|five|six|seven|eight|nine|ten|many|several)\b", re.IGNORECASE
    ),
    negation=re.compile(r"\b(no|not|without|never)\b", re.IGNORECASE),
)
CHINESE_ONES = Phrases(
    line=f"“{{}}”：{{}}words=list 列出认识的词；{MORE_ZH} 认识更多",
    link="；",
    stop="。",
    instead="不认识“{}”，改画“{}”",
    left_out="不认识{words}，略去",
    avoided="不认识{words}，几乎不起作用",
    smear="不认识{words}，没有认识的事物，画面会是模糊的色块",
    beside="一次只画一样事物，略去{words}",
    one="一次只画一样事物",
    denied="否定的事物也会画出来；不要的写在 negative= 里",
    empty="没有说要画什么",
    quoted="“{}”",
    comma="、",
    more="",
    doubt=(
        "画面可能不清楚，不像“{}”：与模型学过的差别大；换一个 seed 也许更好，"
        "count=4 keep=1 留下四幅中最好的"
    ),
    several=re.compile(r"[两二三四五六七八九十几][只个条头匹朵辆座颗棵本张把]"),
    negation=re.compile("没有|不要|不是|无"),
)


def lexicons(cards: Mapping[str, ClipCard], names: Sequence[str]) -> list[Lexicon]:
    """Return the lexicons of the CLIPs that a prompt is for (`names`; none: all), each once. None
    if one of them is large and knows everything."""
    asked = [card.words() for name, card in cards.items() if not names or name in names]
    small = [words for words in asked if words is not None]
    return [] if len(small) < len(asked) else list({id(words): words for words in small}.values())


def manner_of(prompts: Sequence[Prompt], cards: Mapping[str, ClipCard]) -> str:
    """Return the label of the manner of drawing that most of the wanted prompts, by their weights,
    name in the lexicons of small CLIPs; "" if most name none."""
    weights: dict[str, float] = {}
    for asked in prompts:
        if asked.image or not is_wanted(asked):
            continue
        for words in lexicons(cards, asked.clips):
            manner = words.read(asked.text).manner
            label = manner if manner in NAMES else ""
            weights[label] = weights.get(label, 0) + max(weights_of(asked))
    return max(weights, key=lambda label: (weights[label], label != ""), default="")


def without_manner(asked: Prompt, cards: Mapping[str, ClipCard]) -> Prompt:
    """Return a prompt, if it is wanted, without the manners of drawing that small CLIPs would read
    in it."""
    if asked.image or not is_wanted(asked):
        return asked
    text = asked.text
    for words in lexicons(cards, asked.clips):
        text = words.read(text).plain
    return replace(asked, text=text)


def understood(
    prompts: Sequence[Prompt], cards: Mapping[str, ClipCard], filters: bool
) -> dict[str, str]:
    """Return the texts that small CLIPs read otherwise than typed, with their reading; `filters`:
    without manners of drawing in what is wanted."""
    readings = {
        asked.text: words.read((without_manner(asked, cards) if filters else asked).text).text
        for asked in prompts
        if not asked.image
        for words in lexicons(cards, asked.clips)
    }
    return {text: read for text, read in readings.items() if read != text}


def warnings(prompts: Sequence[Prompt], cards: Mapping[str, ClipCard]) -> Iterator[str]:
    """Yield a line for each text with something that small CLIPs do not know, in the language of
    the text: English or Chinese."""
    texts = {
        asked.text: (words, asked)
        for asked in prompts
        if not asked.image
        for words in lexicons(cards, asked.clips)
    }
    for text, (words, asked) in texts.items():
        reading = words.read(text)
        say = CHINESE_ONES if reading.chinese else ENGLISH
        if lost := list(notes(reading, asked, words, say)):
            said = say.link.join(lost)
            yield say.line.format(shown(text), said + say.stop)


def warning_of_presets(texts: Mapping[str, str], cards: Mapping[str, ClipCard]) -> str | None:
    """Return a warning that names the artists and looks whose words small CLIPs do not know, or
    None. `texts`: their words by name."""
    unknown = [
        name
        for name, text in texts.items()
        if any(words.read(text).left_out for words in lexicons(cards, ()))
    ]
    if not unknown:
        return None
    return (
        f"the words of {', '.join(unknown)} are not known and left out; colours and settings of "
        f"presets count. {MORE} knows more"
    )


def unreadable(prompts: Iterable[Prompt], reads: Mapping[str, Sequence[str]]) -> str | None:
    """Return a warning about texts in scripts that their CLIPs were not trained on, with a
    remedy, or None. One that learned from English captions ranks the right picture of a Chinese
    caption first in 0.4 % of cases, where a multilingual one does so in half, yet its gradient is
    as large.

    `reads` has the scripts of each CLIP; `any`: every script; none: unknown, never warned
    about."""
    blind: dict[str, list[str]] = {}
    example = ""
    for asked, (name, known) in product(prompts, reads.items()):
        if asked.image or (asked.clips and name not in asked.clips):
            continue
        unknown = set() if not known or "any" in known else scripts(asked.text) - set(known)
        for script in sorted(unknown):
            example = example or asked.text
            if name not in blind.setdefault(script, []):
                blind[script].append(name)
    if not blind:
        return None
    clips = sorted({name for names in blind.values() for name in names})
    titles = " and ".join(TITLES.get(script, script.capitalize()) for script in blind)
    remedy = "clip=[chinese] or " if set(blind) == {"han"} else ""
    return (
        f"{', '.join(clips)} {'does' if len(clips) == 1 else 'do'} not read {titles}, and "
        f"{example!r} pulls at random there; what reads it: {remedy}clip=[multilingual]"
    )


def doubt(thing: Any) -> str | None:
    """Return a line, in the thing's language, about a picture that may be a smear and not the
    thing; None for anything but a name, as a record of unknown origin may have."""
    if not thing or not isinstance(thing, str):
        return None
    say = CHINESE_ONES if language(thing) == CHINESE else ENGLISH
    return say.doubt.format(shown(thing))


def notes(reading: Reading, asked: Prompt, words: Lexicon, say: Phrases) -> Iterator[str]:
    """Yield the lost parts of a prompt."""
    text, avoided = asked.text, not is_wanted(asked)
    for typed, name in reading.instead.items():
        yield say.instead.format(shown(typed), name)
    if out := reading.left_out:
        state = say.left_out if reading.known else say.avoided if avoided else say.smear
        meant = [slip(word, words) for word in out[:MOST] if say is ENGLISH]
        yield state.format(words=say.listed(out, meant), are=say.are(out))
    if beside := reading.beside:
        yield say.beside.format(words=say.listed(beside), are=say.are(beside))
    elif say.several.search(text) and not avoided and not is_counted(reading, words, say):
        yield say.one
    if say.negation.search(text) and not avoided:
        yield say.denied
    if reading.empty:
        yield say.empty


def slip(word: str, words: Lexicon) -> str:
    """Return ` (did you mean "sunflower"?)` for a word that is nearly the name of a known thing;
    an empty text for another."""
    word = word.lower()
    names = [name for name in known_words(words) if name[0] == word[0]]
    found = get_close_matches(word, names, n=1, cutoff=SIMILAR)
    return f' (did you mean "{found[0]}"?)' if found else ""


def is_counted(reading: Reading, words: Lexicon, say: Phrases) -> bool:
    """Return whether the thing's own name has a number in it, as two hearts."""
    return any(say.several.search(name) for name in words.names.get(reading.known or "", ()))


@cache
def known_words(words: Lexicon) -> tuple[str, ...]:
    """Return the English names of the things that are known, for finding a slip."""
    found = (name for name, label in words.own.items() if words.entries[label].known)
    return tuple(name for name in found if name.isascii() and len(name) > SHORTEST)
