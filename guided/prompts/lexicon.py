"""The lexicon of small CLIPs: which things they know, by names in many languages and emoji.

A text is read word by word, longest name first. Names in other languages, emoji and plurals become
the names that the CLIPs were trained on; things that they do not know are told, with the nearest
that they do. The file is made by guided.training.data.lexicon. Imports no torch.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

from guided.errors import BadInput
from guided.text import CHINESE, language
from guided.untrusted import regular_files

LARGEST = 8 << 20  # bytes of a file
COLUMNS = 8
SEPARATOR = "|"  # of names in a column
PLAIN, COLOUR, GROUND, MANNER = "-", "colour", "ground", "manner"  # families without objects
LONGEST = 6  # words of a name
WIDEST = 24  # characters of a name in a script without blanks
# Scripts that put no blanks between words: kana, Han, Thai.
SOLID = re.compile(r"[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
HEADS = ("animal", "face-costume")  # families of which emoji show the head, and mean the whole
VOWELS = ("", *"aeiouаеиоуыьюяії")  # at the end of words of other languages
PARTICLES = (*"을를이가은는의와과에로도", "에서", "으로")  # of Korean
CASES = ["en", "es", "er", "ов", "ев", "ей", "ам", "ям", "ах", "ой", "ом", "ем"]
ENDINGS = {*VOWELS, *CASES, *PARTICLES, *"nsrйвмхт"}
# Letters of scripts that small CLIPs do not read: neither Latin nor Han.
UNREAD = re.compile(
    r"[^\u0000-\u036f\u1e00-\u218f\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
HEAD_FINAL = re.compile(r"[的\u3040-\u30ff\uac00-\ud7af]")  # a thing's attributes stand before it
# Manners whose names also describe things: they are meant where no thing follows.
DESCRIBING = ("black and white", "night", "pastel", "mosaic")
# What may stand between a manner and the thing that it is of.
STYLE = re.compile(
    r"(?:of|in|by|as|and|style[ds]?|pictures?|images?|photos?|photographs?|drawings?|paintings?"
    r"|art|风格|照片|图|画)",
    re.IGNORECASE,
)
# What joined a manner to a thing, at the beginning and the end of a text that has lost it.
BEFORE = re.compile(
    r"^(?:[:：,，]|\(\s*\)|(?:(?:an?|the)\s+)?(?:of|in|by|as|and|styled?)\s|用(?=\S)|(?:风格)?的)\s*",
    re.IGNORECASE,
)
AFTER = re.compile(
    r"(?:[\s,，]+(?:an?|the|of|in|by|as|like|and|with|style|manner)|[:：,，]|\(\s*\)|的|风格)$",
    re.IGNORECASE,
)
SHORT = 3  # letters up to which an unknown word of another language is taken for a plain one


class Folding(dict[int, str | None]):
    """Letters of names without accents, hyphens, apostrophes and blanks: a table for
    str.translate, filled as letters are met."""

    def __missing__(self, code: int) -> str | None:
        letter = chr(code)
        self[code] = None if unicodedata.combining(letter) or letter in "-' " else letter
        return self[code]


LETTERS = {"ß": "ss", "œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "ı": "i", "đ": "d"}
FOLDING = Folding((ord(letter), plain) for letter, plain in LETTERS.items())


def normal(name: str) -> str:
    """Return a name as it is compared: lower case, without variants of characters and blanks."""
    text = unicodedata.normalize("NFKC", name).replace("’", "'").replace("\ufe0f", "")
    return " ".join(text.lower().split())


@dataclass(frozen=True)
class Entry:
    """A concept. `known`: the CLIPs were trained on it; `near`: labels of the nearest subjects."""

    label: str
    zh: str
    emoji: str
    family: str
    known: bool
    near: tuple[str, ...]

    @property
    def is_object(self) -> bool:
        """Return whether it is a thing to draw, not a colour, a manner or a plain word."""
        return self.family not in (PLAIN, COLOUR, GROUND, MANNER)


@dataclass
class Piece:
    """A part of a text: as typed, as the CLIPs read it, and the entry that it names."""

    typed: str
    read: str
    entry: Entry | None = None
    foreign: bool = False  # a name in another language
    word: bool = False  # letters, not blanks or signs


@dataclass
class Reading:
    """A text as the CLIPs read it, and its unknown words."""

    text: str
    chinese: bool  # and not in another language
    plain: str  # as typed, without the manners of drawing in it
    manner: str = ""  # the label of the first of these
    known: str | None = None  # the label of the thing that is drawn
    colours: tuple[str, ...] = ()  # labels of the colours that stand beside it
    instead: dict[str, str] = field(default_factory=dict)  # typed -> name of what is drawn
    left_out: list[str] = field(default_factory=list)  # words that are not known, as typed
    beside: list[str] = field(default_factory=list)  # further known things, as typed
    empty: bool = False  # nothing in it means anything

    def take_manners(self, pieces: Sequence[Piece]) -> None:
        """Take the manners of drawing out of what was typed, if there is a thing beside them. A
        name that describes something else than the thing, as that of a neon sign, is no manner."""
        manners = [
            piece
            for at, piece in enumerate(pieces)
            if piece.entry
            and piece.entry.family == MANNER
            and is_manner(piece.entry.label, pieces[at + 1 :], self.known)
        ]
        if not manners or not self.known:
            return
        assert manners[0].entry is not None
        self.manner, before = manners[0].entry.label, ""
        self.plain = "".join("" if piece in manners else piece.typed for piece in pieces)
        while self.plain != before:
            before = self.plain
            self.plain = AFTER.sub("", BEFORE.sub("", tidy(self.plain)))
        self.plain = tidy(self.plain)


@dataclass(eq=False)
class Lexicon:
    """Concepts by label, and by each of their names: as the CLIPs read them, and others."""

    entries: dict[str, Entry] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)  # label -> English, Chinese

    @cached_property
    def folded(self) -> dict[str, str]:
        """The names by what they are without accents and hyphens, the first of each."""
        names = [name for name in (*self.own, *self.others) if len(name) >= SHORT]
        return {fold(name): name for name in reversed(names)}

    def manner(self, words: str) -> str:
        """Return the label of the manner of drawing that English words name; "" if none is."""
        read = self.read(f"a cat, {words.strip()}").text
        labels = (one.label for one in self.entries.values() if one.family == MANNER)
        return next((label for label in labels if label in read), "")

    # Each CLIP, the warnings and the record of a picture ask for it; lexicons are kept for good.
    @lru_cache(1024)  # noqa: B019
    def read(self, text: str) -> Reading:
        """Return the reading of a text, which is not to be changed: its first known thing with
        colours and plain words, or the known thing that is nearest to its first; nothing else is
        kept beside a thing. A text without any is kept."""
        chinese = language(text) == CHINESE
        pieces = self._pieces(text, chinese)
        typed = list(pieces)
        reading = Reading(text, chinese, text)
        things = [piece for piece in pieces if piece.entry and piece.entry.is_object]
        if not things:
            things = self._fruit(pieces, chinese)
        drawn = head([piece for piece in things if piece.entry and piece.entry.known], pieces)
        if drawn is None:
            drawn = head([piece for piece in things if self._nearest(piece.entry)], pieces)
            label = self._nearest(drawn.entry) if drawn else None
            if drawn and label:
                drawn.read = reading.instead[drawn.typed] = self.names[label][chinese]
                reading.known = label
        elif drawn.entry:
            reading.known = drawn.entry.label
        reading.take_manners(typed)
        colours = colours_of(drawn, pieces)
        reading.colours = tuple(dict.fromkeys(p.entry.label for p in colours if p.entry))
        swap_colours(pieces)
        for piece in [piece for piece in pieces if piece.entry and piece.entry.family == MANNER][
            1:
        ]:
            piece.read = ""  # one manner at a time
        for before, piece in zip([None, *pieces], pieces, strict=False):
            lost = piece.word and (piece.entry is None or piece.entry.is_object)
            if piece is not drawn and lost:
                beside = piece.entry is not None and piece.entry.known
                # The same thing once more, or the end of its name, as the flower of 玫瑰花.
                again = piece.entry and piece.entry.label == reading.known
                if not again and not (before is drawn and drawn and is_suffix(piece.typed)):
                    (reading.beside if beside else reading.left_out).append(piece.typed)
                piece.read = "" if drawn else piece.read
            if piece.word and UNREAD.search(piece.read):
                piece.read = " "
        if drawn:
            leave_out_colours(pieces, colours)
        reading.left_out = list(dict.fromkeys(reading.left_out))
        reading.beside = list(dict.fromkeys(reading.beside))
        meant = [piece.entry for piece in pieces if piece.entry]
        meaning = any(entry.family not in (PLAIN, MANNER) for entry in meant)
        reading.empty = not meaning and not reading.left_out
        if any(piece.read != piece.typed for piece in pieces):
            reading.text = tidy("".join(piece.read for piece in pieces))
        return reading

    def alternatives(self, text: str) -> list[str]:
        """Return texts that show something else than a text that the CLIPs read: with each other
        known thing in place of its thing, each other colour in place of a colour, and each other
        manner in place of its manner. None if there is no thing in it."""
        text = self.read(text).text
        chinese = language(text) == CHINESE
        pieces = self._pieces(text, chinese)
        entries = [entry for entry in self.entries.values() if entry.known]
        things = [self.names[entry.label][chinese] for entry in entries if entry.is_object]
        known = [piece for piece in pieces if piece.entry and piece.entry.known]
        thing = head([piece for piece in known if piece.entry and piece.entry.is_object], pieces)
        if thing is None:
            return []
        read = [piece.read for piece in pieces]
        found: list[str] = []
        for at, piece in enumerate(pieces):
            names = things if piece is thing else []
            if piece.entry and piece.entry.family in (COLOUR, MANNER):
                family = piece.entry.family
                names = [self.names[e.label][chinese] for e in entries if e.family == family]
            before, after = "".join(read[:at]), "".join(read[at + 1 :])
            found += [tidy(f"{before}{name}{after}") for name in names]
        return [other for other in dict.fromkeys(found) if other != text]

    def _fruit(self, pieces: list[Piece], chinese: bool) -> list[Piece]:
        """Return the last colour that is a thing too, as an orange, and make it that thing in the
        pieces; none if there is none."""
        for at, piece in reversed([*enumerate(pieces)]):
            if "色" in piece.typed:  # 橙色 is the colour, 橙 may be the fruit
                continue
            if piece.entry and piece.entry.family == COLOUR and piece.entry.near:
                entry = self.entries[piece.entry.near[0]]
                name = self.names[entry.label][chinese]
                pieces[at] = replace(piece, entry=entry, read=name)
                return [pieces[at]]
        return []

    def _nearest(self, entry: Entry | None) -> str | None:
        """Return the label of the nearest concept that is known."""
        near = entry.near if entry else ()
        known = (label for label in near if label in self.entries and self.entries[label].known)
        return next(known, None)

    def _pieces(self, text: str, chinese: bool) -> list[Piece]:
        """Return the parts of a text with the entries that they name."""
        pieces: list[Piece] = []
        parts = list(split(text))
        foreign = self._is_foreign(parts)
        at = 0
        while at < len(parts):
            part, kind = parts[at]
            if kind == "solid":
                pieces += self._solid(part, chinese)
            elif kind == "word":
                length, piece = self._words(parts, at, foreign)
                pieces.append(piece)
                at += length - 1
            elif kind == "other":
                pieces += self._solid(part, chinese)
            else:
                pieces.append(Piece(part, part))
            at += 1
        return pieces

    def _is_foreign(self, parts: list[tuple[str, str]]) -> bool:
        """Return whether a text has words of another language than English, or no English ones."""
        words = [normal(part) for part, kind in parts if kind == "word"]
        return not any(word in self.own for word in words) or any(
            not word.isascii() or (word in self.others and word not in self.own) for word in words
        )

    def _words(self, parts: list[tuple[str, str]], at: int, foreign: bool) -> tuple[int, Piece]:
        """Return the number of parts that the longest name at a place takes, and its piece."""
        last = min(2 * LONGEST - 1, len(parts) - at)
        for length in range(last - 1 + last % 2, 0, -2):
            if parts[at + length - 1][1] != "word":
                continue
            typed = "".join(part for part, _ in parts[at : at + length])
            name = normal(typed)
            if name in self.own:
                return length, Piece(typed, typed, self.entries[self.own[name]], word=True)
            if name in self.others:
                return length, self._piece(typed, self.others[name], False, foreign=True)
            same = self.folded.get(fold(name), "")
            if same in self.own or (foreign and same in self.others):
                return length, self._same(typed, same)
            for singular in singulars(name):
                if singular in self.own and self.entries[self.own[singular]].is_object:
                    entry = self.entries[self.own[singular]]
                    return length, Piece(typed, singular, entry, word=True)
        typed = parts[at][0]
        name = normal(typed)
        if foreign:
            for other in inflected(name):
                if other in self.others and self.entries[self.others[other]].is_object:
                    return 1, self._piece(typed, self.others[other], False, foreign=True)
        plain = name.isdecimal() or len(name) < 2 or (foreign and len(name) <= SHORT)
        return 1, Piece(typed, typed, word=not plain)

    def _same(self, typed: str, name: str) -> Piece:
        """Return the piece of a word that is a name without its accents or hyphens."""
        if name in self.own:
            return Piece(typed, name, self.entries[self.own[name]], word=True)
        return self._piece(typed, self.others[name], False, foreign=True)

    def _solid(self, run: str, chinese: bool) -> Iterator[Piece]:
        """Yield the pieces of a run of letters without blanks between words."""
        rest, at = "", 0
        while at <= len(run):
            match = self._longest(run, at) if at < len(run) else None
            if match is None and at < len(run):
                rest += run[at]
                at += 1
                continue
            if rest:
                yield Piece(rest, rest, word=len(rest) > 1 and kind_of(rest[0]) == "solid")
                rest = ""
            if match is None:
                return
            label, length, own = match
            typed = run[at : at + length]
            if own:
                yield Piece(typed, typed, self.entries[label], word=True)
            else:
                apart = not chinese or kind_of(typed[0]) == "other"
                yield self._piece(typed, label, chinese, foreign=True, apart=apart)
            at += length

    def _longest(self, run: str, at: int) -> tuple[str, int, bool] | None:
        """Return the label and length of the longest name at a place, and whether it is one that
        the CLIPs read."""
        for length in range(min(WIDEST, len(run) - at), 0, -1):
            name = normal(run[at : at + length])
            if name in self.own:
                return self.own[name], length, True
            if name in self.others:
                return self.others[name], length, False
        return None

    def _piece(
        self, typed: str, label: str, chinese: bool, foreign: bool, apart: bool = False
    ) -> Piece:
        """Return the piece of a name that the CLIPs do not read as it is typed."""
        entry = self.entries[label]
        read = self.names[label][chinese] if entry.known and entry.family != PLAIN else typed
        return Piece(typed, f" {read} " if apart else read, entry, foreign, word=True)


def split(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a text with their kinds: word, solid (letters of a script without blanks)
    or other."""
    kinds = [kind_of(letter) for letter in text]
    for at, (kind, after) in enumerate(pairwise(kinds)):
        if (kind, after) == ("word", "solid") and (at == 0 or kinds[at - 1] != "word"):
            kinds[at] = "solid"  # one letter before others, as in T恤
    for at, letters in enumerate(zip(kinds, text[1:], kinds[2:], strict=False), 1):
        if letters == ("solid", "·", "solid"):
            kinds[at] = "solid"  # between the names of a person
    at = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or kinds[end] != kinds[at]:
            yield text[at:end], kinds[at]
            at = end


def kind_of(letter: str) -> str:
    """Return the kind of part that a character belongs to."""
    if SOLID.match(letter):
        return "solid"
    category = unicodedata.category(letter)
    if (category[0] in "LMN" and letter != "\ufe0f") or letter in "'’-":
        return "word"
    return "blank" if letter.isspace() else "sign" if category[0] == "P" else "other"


def fold(name: str) -> str:
    """Return a name without accents, hyphens, apostrophes and blanks."""
    return unicodedata.normalize("NFD", name).translate(FOLDING)


def is_suffix(typed: str) -> bool:
    """Return whether it is a single Han character, which may end a name."""
    return len(typed) == 1 and kind_of(typed) == "solid"


def singulars(name: str) -> Iterator[str]:
    """Yield the English words of which a word may be the plural."""
    for ending, instead in (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            yield name.removesuffix(ending) + instead


def inflected(name: str) -> Iterator[str]:
    """Yield words of other languages of which a word may be a plural or a case."""
    for cut in (1, 2):
        stem, ending = name[:-cut], name[-cut:]
        shortest = 4 if name.isascii() else 1 if ending in PARTICLES else 3
        if ending in ENDINGS and len(stem) >= shortest:
            yield from (stem + other for other in VOWELS)
    if len(name) >= 3:
        yield from (name + ending for ending in VOWELS[1:])


def head(things: list[Piece], pieces: list[Piece]) -> Piece | None:
    """Return the thing that a text is about, among the known things in its pieces: of the first
    clause that has any, the first; in Japanese and Korean, and after a Chinese 的, the last."""
    clause: list[Piece] = []
    final = False
    for piece in pieces:
        if piece in things:
            clause.append(piece)
        if re.search(r"[,;.!?，；。！？、]", piece.typed) and clause:
            break
        final = final or bool(clause and HEAD_FINAL.search(piece.typed))
    return (clause[-1] if final else clause[0]) if clause else None


def tidy(text: str) -> str:
    """Return a text without the blanks and commas that left out words were between, with the
    articles that its words take now."""
    text = re.sub(r"\s*([,;，；、])(\s*[,;，；、])*", r"\1", text)
    text = " ".join(text.strip(",;，；、 ").split())
    text = re.sub(r"\b([Aa])n(?= [b-df-hj-np-tv-z])", r"\1", text)
    return re.sub(r"\b([Aa])(?= [aeio])", r"\1n", text)


def is_manner(label: str, after: Sequence[Piece], thing: str | None) -> bool:
    """Return whether a manner of drawing is meant by its name, given the pieces after it and the
    label of the text's thing."""
    for piece in after:
        if not piece.typed.strip():
            continue
        if not piece.word:
            return True  # a sign
        if STYLE.fullmatch(piece.typed):
            return True
        if piece.entry and piece.entry.label == thing:
            return label not in DESCRIBING
        if not (piece.entry and piece.entry.family in (COLOUR, MANNER, PLAIN)):
            return False
    return True


def colours_of(thing: Piece | None, pieces: list[Piece]) -> list[Piece]:
    """Return the colours before a thing, or in another language next to it, with no other thing
    between."""
    if thing is None:
        return []
    at = next(k for k, piece in enumerate(pieces) if piece is thing)
    after = (p for p in pieces[at + 1 :] if not p.word or p.foreign or thing.foreign)
    return list(colours_in(reversed(pieces[:at]))) or list(colours_in(after))


def colours_in(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the colours among pieces up to the first thing or background."""
    for piece in pieces:
        if piece.entry and piece.entry.family not in (COLOUR, PLAIN):
            return
        if piece.entry and piece.entry.family == COLOUR:
            yield piece


def leave_out_colours(pieces: list[Piece], kept: list[Piece]) -> None:
    """Make colours read as nothing that stand before a word which is left out, as green where eyes
    are. Those that are `kept` stay, and those that follow a background in another language, which
    they describe."""
    meaning = [p for p in pieces if (p.entry.family != PLAIN if p.entry else p.word)]
    for before, piece, following in zip([None, *meaning], meaning, meaning[1:], strict=False):
        of_ground = piece.foreign and before and before.entry and before.entry.family == GROUND
        is_kept = any(piece is one for one in kept) or of_ground
        if piece.entry and piece.entry.family == COLOUR and not is_kept and not following.read:
            piece.read = ""


def swap_colours(pieces: list[Piece]) -> None:
    """Put colours of other languages, which may follow what they describe, before it."""
    named = [at for at, piece in enumerate(pieces) if piece.read.strip()]
    for thing, colour in ((pieces[a], pieces[b]) for a, b in pairwise(named)):
        if not (thing.entry and colour.entry and thing.foreign and colour.foreign):
            continue
        if thing.entry.family not in (COLOUR, PLAIN) and colour.entry.family == COLOUR:
            thing.read, colour.read = colour.read, thing.read


@cache
def load(path: Path) -> Lexicon:
    """Return the lexicon of an untrusted file. Raise BadInput if it is none."""
    try:
        text = regular_files.read_text(path, LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"lexicon={path} cannot be read: {error}") from error
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) != COLUMNS:
                raise BadInput(f"lexicon={path}, line {number}: not {COLUMNS} columns")
            rows.append(columns)
    return made_of(rows)


def made_of(rows: list[list[str]]) -> Lexicon:
    """Return the lexicon of the file's rows. A name of several concepts means one that is known,
    and the first of these."""
    lexicon = Lexicon()
    for label, zh, emoji, family, state, near, _, _ in rows:
        nearest = tuple(names(near))
        lexicon.entries[label] = Entry(label, zh, emoji, family, state == "known", nearest)
    for label, zh, _, family, _, _, own, _ in rows:
        bare = normal(label)
        if family.startswith(HEADS):
            bare = bare.removesuffix(" face")  # "face" says more than is meant
        lexicon.names[label] = (bare if bare in names(own) else label, zh or label)
    known = [row for row in rows if row[4] == "known"]
    colours = {row[0] for row in rows if row[3] == COLOUR}
    unknown = [row for row in rows if row[4] != "known"]
    for row in known:
        add(lexicon.own, [*names(row[6])[:1], normal(row[1])], row[0])
    for row in known:
        add(lexicon.own, names(row[6]), row[0])
    for row in known:
        add(lexicon.others, [*names(row[7]), normal(row[2])], row[0])
    for row in unknown:
        if is_coloured(row[0], colours, lexicon.own):  # a black cat: read word by word
            add(lexicon.others, [normal(row[2])], row[0])
            continue
        # The same thing drawn otherwise, as a cat and a cat's face.
        known_as = (lexicon.own[name] for name in names(row[6]) if name in lexicon.own)
        same = next((label for label in known_as if lexicon.entries[label].is_object), row[0])
        add(lexicon.own if same == row[0] else lexicon.others, names(row[6]), same)
        add(lexicon.others, [*names(row[7]), normal(row[2])], same)
    return lexicon


def is_coloured(label: str, colours: set[str], own: dict[str, str]) -> bool:
    """Return whether a label is a colour and a name that is known."""
    colour, _, thing = normal(label).partition(" ")
    return colour in colours and thing in own


def names(column: str) -> list[str]:
    return [name for name in column.split(SEPARATOR) if name]


def add(book: dict[str, str], own: list[str], label: str) -> None:
    """Add names that mean nothing yet."""
    for name in own:
        if name:
            book.setdefault(name, label)
