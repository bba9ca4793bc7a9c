"""Libraries whose import is put off until something of them is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class Deferred(ModuleType):
    """A module, function or class of a library that is not imported yet. Using it imports the
    library; what is asked of it inside `deferred` is deferred too."""

    _load: Callable[[str], ModuleType]
    _root: str

    def __init__(self, name: str, load: Callable[[str], ModuleType], root: str) -> None:
        super().__init__(name)
        self._load, self._root = load, root
        self.__path__ = []  # a package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if isinstance(sys.modules.get(self._root), Deferred):
            return Deferred(f"{self.__name__}.{name}", self._load, self._root)
        return getattr(self._real(), name)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        return self._real()(*args, **settings)

    def __instancecheck__(self, value: object) -> bool:
        return self._root in sys.modules and isinstance(value, self._real())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()  # a class that is derived from this one lacks it

    def _real(self) -> Any:
        """Return what this stands for, after importing the modules that lead to it."""
        found: Any = self._load(self._root)
        if isinstance(found, Deferred):
            raise ImportError(f"{self.__name__} is used where it is deferred")
        name = self._root
        for part in self.__name__.removeprefix(self._root).split(".")[1:]:
            name = f"{name}.{part}"
            found = getattr(found, part) if hasattr(found, part) else import_module(name)
        return found


class Finder(MetaPathFinder, Loader):
    """Finds the modules of deferred libraries."""

    def __init__(self, names: Sequence[str], load: Callable[[str], ModuleType]) -> None:
        self.names, self.load = names, load

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        inside = name.partition(".")[0] in self.names
        return ModuleSpec(name, self, is_package=True) if inside else None

    def create_module(self, spec: ModuleSpec) -> Deferred:
        return Deferred(spec.name, self.load, spec.name.partition(".")[0])

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def deferred(
    names: Sequence[str], load: Callable[[str], ModuleType] = import_module
) -> Iterator[None]:
    """Put off importing these libraries, where they are installed and not imported yet, in what is
    imported inside the block. `load` imports one when something of it is used."""
    late = [name for name in names if name not in sys.modules and find_spec(name) is not None]
    finder = Finder(late, load)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name, module in list(sys.modules.items()):
            if type(module) is Deferred:
                del sys.modules[name]
