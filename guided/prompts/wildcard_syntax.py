"""The syntax of wildcards in prompts, as regular expressions, and texts without them.

    {red|blue}  {3::oak|birch}  {2$$a|b|c}  {1-2$$ and $$a|b}  __artist__  __trees/oak__  __t*__

A backslash before {, } or |, or before two underscores, makes them text. Imports nothing.
"""

import re

WORD = r"[^{}|\\]*(?:\\.[^{}|\\]*)*"  # one choice
# How many are chosen, and the text between them: `2$$`, `1-3$$`, `2-$$`, `-3$$ and $$`.
SEVERAL = re.compile(
    r"\s*(?:(?P<low>\d{1,4})(?P<dash>-(?P<high>\d{0,4}))?|-(?P<most>\d{1,4}))"
    r"\s*\$\$(?:(?P<between>[^{}|$]*)\$\$)?"
)
BOUNDS = re.sub(r"\?P<\w+>", "?:", SEVERAL.pattern)
CHOICE = re.compile(rf"(?<!\\)\{{({WORD}(?:\|{WORD})+|{BOUNDS}{WORD})(?<!\\)\}}")
LIST = r"__(?P<name>[\w*-]+?(?:/[\w*-]+?)*)__"
NAME = re.compile(rf"(?<!\\){LIST}")
SEVERAL_OF_LIST = re.compile(rf"(?<!\\)\{{(?P<bounds>{BOUNDS})\s*{LIST}\s*\}}")
ESCAPE = re.compile(r"\\(__|[{}|])")
SHARE = re.compile(r"\s*(?P<share>\d+\.?\d*|\.\d+)\s*[:：]{2}(?P<word>.*)", re.DOTALL)
DEEPEST_CHOICE = 40  # choices in each other
MEANT = re.compile(r"\\\{[^{}]*\\\}")  # braces with backslashes before them
GONE = "…"


def literal(text: str) -> str:
    """Return a text from which `draw` makes this one: escaped if it has wildcards in it."""
    if any(pattern.search(text) for pattern in (NAME, CHOICE, ESCAPE)):
        return re.sub(r"__|[{}|]", r"\\\g<0>", text)
    return text


def usual(text: str) -> str:
    """Return a text with full-width braces and bars as usual ones if it has a choice then."""
    half = text.translate(str.maketrans("｛｝｜", "{}|"))
    return half if half != text and CHOICE.search(half) else text


def apart(text: str) -> tuple[str, str]:
    """Return the choices {a|b} of a text, and the rest of it, where GONE stands for wildcards and
    for what is escaped."""
    text = usual(text)
    for pattern in (MEANT, ESCAPE, SEVERAL_OF_LIST, NAME):
        text = pattern.sub(GONE, text)
    choices = ""
    for _ in range(DEEPEST_CHOICE):
        if CHOICE.search(text) is None:
            break
        choices += "".join(match[0] for match in CHOICE.finditer(text))
        text = CHOICE.sub(GONE, text)
    return choices, text
