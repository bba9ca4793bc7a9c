"""What small CLIPs understand of the prompts, told before anything is drawn. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from guided.errors import nearest, shown
from guided.models.cards import ClipCard
from guided.prompts.lexicon import Lexicon, Reading
from guided.prompts.prompt import Prompt, weights_of
from guided.text import CHINESE, language

SHORTEST = 2  # letters of a name, up to which a slip is not told from another word
SEVERAL = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|many|several)\b", re.I)
SEVERAL_ZH = re.compile(r"[两二三四五六七八九十几][只个条头匹朵辆座颗棵本张把]")
NEGATION = re.compile(r"\b(no|not|without|never)\b", re.I)
NEGATION_ZH = re.compile("没有|不要|不是|无")
MOST = 8  # words that a message names
MORE = "model=imagenet512 clip=[vit_b32,vit_b16]"
MORE_ZH = "model=imagenet512 clip=[chinese]"


def lexicons(cards: Mapping[str, ClipCard], names: Sequence[str]) -> list[Lexicon]:
    """Return the lexicons of the CLIPs that a prompt is for (`names`; none: all), each once. None
    if one of them is large and knows everything."""
    asked = [card.words() for name, card in cards.items() if not names or name in names]
    small = [words for words in asked if words is not None]
    return [] if len(small) < len(asked) else list({id(words): words for words in small}.values())


def understood(prompts: Sequence[Prompt], cards: Mapping[str, ClipCard]) -> dict[str, str]:
    """Return the texts that small CLIPs read otherwise than typed, with what they read."""
    readings = {
        asked.text: words.read(asked.text).text
        for asked in prompts
        if not asked.image
        for words in lexicons(cards, asked.clips)
    }
    return {text: read for text, read in readings.items() if read != text}


def warnings(prompts: Sequence[Prompt], cards: Mapping[str, ClipCard]) -> Iterator[str]:
    """Yield a line for each text with something that small CLIPs do not know, in the language of
    the text: English or Chinese."""
    texts = {
        asked.text: (words, max(weights_of(asked)) <= 0)
        for asked in prompts
        if not asked.image
        for words in lexicons(cards, asked.clips)
    }
    for text, (words, avoided) in texts.items():
        reading = words.read(text)
        if language(text) == CHINESE:
            if notes := list(notes_zh(reading, text, avoided)):
                more = f"words=list 列出认识的词；{MORE_ZH} 认识更多"
                yield f"“{shown(text)}”：{'；'.join(notes)}。{more}"
        elif notes := list(notes_en(reading, text, avoided, words)):
            more = f"words=list shows what is known; {MORE} knows more"
            yield f'"{shown(text)}": {"; ".join(notes)}. {more}'


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


def notes_en(reading: Reading, text: str, avoided: bool, words: Lexicon) -> Iterator[str]:
    """Yield what a text loses, in English. `avoided`: it has a negative weight."""
    for typed, name in reading.instead.items():
        yield f'"{shown(typed)}" is not known, and "{name}" is drawn instead'
    if out := reading.left_out:
        meant = "".join(nearest(word, known_words(words), 0.84) for word in out[:MOST])
        if reading.known:
            yield f"{listed(out)} {are(out)} not known and left out{meant}"
        elif avoided:
            yield f"{listed(out)} {are(out)} not known, which hardly keeps anything away{meant}"
        else:
            smear = "nothing to draw is known, so the picture will be a smear"
            yield f"{listed(out)} {are(out)} not known{meant}; {smear}"
    if beside := reading.beside:
        yield f"one thing is drawn at a time, so {listed(beside)} {are(beside)} left out"
    elif SEVERAL.search(text) and not avoided:
        yield "one thing is drawn at a time"
    if NEGATION.search(text) and not avoided:
        yield "what a text denies is drawn too; negative= keeps things away"
    if reading.empty:
        yield "nothing in it says what to draw"


def notes_zh(reading: Reading, text: str, avoided: bool) -> Iterator[str]:
    """Yield what a text loses, in Chinese. `avoided`: it has a negative weight."""
    for typed, name in reading.instead.items():
        yield f"不认识“{shown(typed)}”，改画“{name}”"
    if reading.left_out:
        words = "”、“".join(map(shown, reading.left_out[:MOST]))
        smear = "几乎不起作用" if avoided else "没有认识的事物，画面会是模糊的色块"
        yield f"不认识“{words}”，{'略去' if reading.known else smear}"
    if reading.beside:
        yield f"一次只画一样事物，略去“{'”、“'.join(map(shown, reading.beside[:MOST]))}”"
    elif SEVERAL_ZH.search(text) and not avoided:
        yield "一次只画一样事物"
    if NEGATION_ZH.search(text) and not avoided:
        yield "否定的事物也会画出来；不要的写在 negative= 里"
    if reading.empty:
        yield "没有说要画什么"


@cache
def known_words(words: Lexicon) -> tuple[str, ...]:
    """Return the English names of the things that are known, for finding a slip."""
    found = (name for name, label in words.own.items() if words.entries[label].known)
    return tuple(name for name in found if name.isascii() and len(name) > SHORTEST)


def are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def listed(names: Sequence[str]) -> str:
    """Return names in quotes, the first few of many."""
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(f'"{shown(name)}"' for name in names[:MOST]) + more
