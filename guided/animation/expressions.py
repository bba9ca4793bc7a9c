"""Expressions of the time in a film: 1.02 + 0.02*sin(2*pi*t/60).

A text is parsed to Python's syntax tree, and a whitelist of its nodes is computed here, with
floats only, so that no power or product takes long. Nothing is evaluated as Python.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from guided.errors import nearest, shown

LONGEST, DEEPEST = 500, 32  # characters, and levels of the syntax tree
NAMES = {
    "t": "the number of the frame",
    "s": "the time in seconds",
    "fps": "frames per second",
    "frames": "the number of frames",
    "max_f": "the number of the last frame",
    "seed": "the seed of the film",
    "w": "the width in pixels",
    "h": "the height in pixels",
    "change": "how much prompts change: 1 midway from one to the next, 0 where they stay",
    "bass": "how loud the bass of animate.audio is, 0 to 1",
    "mid": "how loud its middle is",
    "treble": "how loud its treble is",
    "loud": "how loud all of it is",
}
OF_SOUND = {"bass", "mid", "treble", "loud"}
OF_TIME = {"t", "s", "change"} | OF_SOUND  # from frame to frame
CONSTANTS = {"pi": math.pi, "tau": math.tau, "e": math.e}
# Python's tokenizer warns of a number with a letter behind it, and accepts 0x1f, 1_000 and 1j.
ODD_NUMBER = re.compile(r"(?<![\w.])(?>(?:\d[\d.]*|\.\d+)(?:[eE][+-]?\d+)?)[A-Za-z_]")
ODD_SIGN = re.compile(r"[^A-Za-z0-9_\s.,()+\-*/%<>=!&|]")
OTHER_SIGNS = {"&&": "and", "||": "or", "^": "**", "×": "*", "÷": "/", "−": "-"}


def sign(value: float) -> float:
    return float((value > 0) - (value < 0))


def rounded(value: float) -> float:
    return float(round(value))


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


# Function, and how many arguments it takes: at least and at most.
FUNCTIONS: dict[str, tuple[Callable[..., float], int, int]] = {
    **{name: (getattr(math, name), 1, 1) for name in (
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
        *("asinh", "acosh", "atanh", "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt"),
        *("floor", "ceil", "trunc", "degrees", "radians"),
    )},
    # As numexpr, which Deforum uses, spells them.
    **{f"arc{name}": (getattr(math, f"a{name}"), 1, 1) for name in (
        *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
    )},
    "atan2": (math.atan2, 2, 2),
    "arctan2": (math.atan2, 2, 2),
    "hypot": (math.hypot, 2, 2),
    "pow": (math.pow, 2, 2),
    "fmod": (math.fmod, 2, 2),
    "abs": (abs, 1, 1),
    "round": (rounded, 1, 1),
    "sign": (sign, 1, 1),
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "clip": (clip, 3, 3),
    "where": (lambda test, one, other: one if test else other, 3, 3),
}  # fmt: skip
BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
    # numexpr's "and" and "or" of two comparisons.
    ast.BitAnd: lambda a, b: float(bool(a) and bool(b)),
    ast.BitOr: lambda a, b: float(bool(a) or bool(b)),
}
UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: lambda a: float(not a),
}
COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True)
class Expression:
    """A checked expression."""

    text: str
    tree: ast.expr = field(compare=False)

    @property
    def names(self) -> set[str]:
        """Return the variables that it contains."""
        nodes = (node for node in ast.walk(self.tree) if isinstance(node, ast.Name))
        return {node.id for node in nodes} - CONSTANTS.keys() - FUNCTIONS.keys()

    @property
    def varies(self) -> bool:
        """Return whether its value changes from frame to frame."""
        return bool(self.names & OF_TIME)

    def __call__(self, variables: Mapping[str, float]) -> float:
        """Return its value. Raise ValueError if that is no finite number."""
        if silent := sorted((self.names & OF_SOUND) - variables.keys()):
            raise ValueError(f"{shown(self.text)}: {silent[0]} needs animate.audio=song.mp3")
        try:
            found = value(self.tree, variables)
        except (ArithmeticError, ValueError) as error:
            reason = str(error) if isinstance(error, ZeroDivisionError) else "no finite number"
            raise ValueError(f"{shown(self.text)} is {reason}{at(variables)}") from error
        if not math.isfinite(found):
            raise ValueError(f"{shown(self.text)} is no finite number{at(variables)}")
        return found


def at(variables: Mapping[str, float]) -> str:
    """Return the frame for a message."""
    return f" at frame {variables['t']:g}" if "t" in variables else ""


def value(node: ast.expr, variables: Mapping[str, float]) -> float:
    """Return the value of a node that `check` accepts."""
    match node:
        case ast.Constant():
            return float(node.value)  # type: ignore[arg-type]
        case ast.Name():
            name = node.id
            return float(variables[name] if name in variables else CONSTANTS[name])
        case ast.UnaryOp():
            return UNARY[type(node.op)](value(node.operand, variables))
        case ast.BinOp():
            left, right = value(node.left, variables), value(node.right, variables)
            return BINARY[type(node.op)](left, right)
        case ast.BoolOp():
            values = [bool(value(one, variables)) for one in node.values]
            return float(all(values) if isinstance(node.op, ast.And) else any(values))
        case ast.Compare():
            numbers = [value(one, variables) for one in (node.left, *node.comparators)]
            pairs = zip(node.ops, numbers, numbers[1:], strict=False)
            return float(all(COMPARE[type(op)](a, b) for op, a, b in pairs))
        case ast.IfExp():
            chosen = node.body if value(node.test, variables) else node.orelse
            return value(chosen, variables)
        case ast.Call(func=ast.Name(id="where"), args=[test, one, other]):
            return value(one if value(test, variables) else other, variables)
        case ast.Call(func=ast.Name(id=name)):
            return float(FUNCTIONS[name][0](*(value(one, variables) for one in node.args)))
    raise ValueError(type(node).__name__)


def parse(name: str, text: str) -> Expression:
    """Return the expression of a text. Raise ValueError, naming the setting, in one line if it is
    none, or is longer than LONGEST or deeper than DEEPEST."""
    if len(text) > LONGEST:
        raise ValueError(
            f"{name}={shown(text)}: an expression has at most {LONGEST} characters, not "
            f"{len(text)}"
        )
    plain = text.strip()
    for odd, usual in OTHER_SIGNS.items():
        if odd in plain:
            raise ValueError(f"{name}={shown(text)}: '{odd}' is written {usual}")
    if odd_sign := ODD_SIGN.search(plain):
        raise ValueError(f"{name}={shown(text)}: {odd_sign[0]!a} is no part of an expression")
    if odd_number := ODD_NUMBER.search(plain):
        raise ValueError(
            f"{name}={shown(text)}: {odd_number[0]!r} is no number; a product is written 2*t"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python's, of numbers with a letter behind them
            tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(
            f"{name}={shown(text)} is no expression, as 1.02 + 0.02*sin(2*pi*t/60)"
        ) from None
    try:
        check(tree)
    except ValueError as error:
        raise ValueError(f"{name}={shown(text)}: {error}") from None
    return Expression(plain, tree)


def check(node: ast.expr, depth: int = 0) -> None:
    """Raise ValueError unless `value` can compute a node, with its variables."""
    if depth > DEEPEST:
        raise ValueError(f"brackets and signs are more than {DEEPEST} deep")
    match node:
        case ast.Constant() if type(node.value) in (int, float):
            if not abs(node.value) < 1e300:  # type: ignore[arg-type]
                raise ValueError("a number is too large")
        case ast.Name():
            if node.id not in NAMES and node.id not in CONSTANTS:
                raise ValueError(unknown(node.id))
        case ast.UnaryOp() if type(node.op) in UNARY:
            check(node.operand, depth + 1)
        case ast.BinOp() if type(node.op) in BINARY:
            check(node.left, depth + 1)
            check(node.right, depth + 1)
        case ast.BoolOp():
            for one in node.values:
                check(one, depth + 1)
        case ast.Compare() if all(type(op) in COMPARE for op in node.ops):
            for one in (node.left, *node.comparators):
                check(one, depth + 1)
        case ast.IfExp():
            for one in (node.test, node.body, node.orelse):
                check(one, depth + 1)
        case ast.Call():
            check_call(node, depth)
        case _:
            raise ValueError(f"{shown(ast.unparse(node))} is no part of an expression")


def check_call(node: ast.Call, depth: int) -> None:
    """Raise ValueError unless a call is of a known function, with as many numbers as it takes."""
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        raise ValueError(
            f"{shown(name)}() is no function; there are {', '.join(sorted(FUNCTIONS))}"
            f"{nearest(name, FUNCTIONS)}"
        )
    _, least, most = FUNCTIONS[node.func.id]
    if node.keywords or not least <= len(node.args) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise ValueError(f"{node.func.id}() takes {count} numbers, not {len(node.args)}")
    for one in node.args:
        check(one, depth + 1)


def unknown(name: str) -> str:
    """Return the message for a name that is no variable."""
    known = [*NAMES, *CONSTANTS]
    hint = f"; {name}() needs brackets" if name in FUNCTIONS else nearest(name, known)
    return f"'{shown(name)}' is not one of {', '.join(known)}{hint}"
