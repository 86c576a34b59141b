"""The words on the screens: a file per language, and the same keys in each.

To add a language, add a file: ``fr.toml`` beside these. A key that it does not have is said
in English. Places for values are named, ``{minutes}``, and the same in every language.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from kaproom.errors import Mend

FALLBACK = "en"


class Words:
    """What is said, in one language: ``words("station.stale", age="1:10")``."""

    def __init__(self, language: str = FALLBACK) -> None:
        self.language = language
        self._texts = _texts(FALLBACK) | _texts(language)

    def __call__(self, key: str, **values: object) -> str:
        """The words for a key, with the values in their places."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def own(self, label: str) -> str:
        """A label that kaproom gave, in this language; one that people gave as it is."""
        key = _own().get(label)
        return label if key is None else self(key)

    def count(self, key: str, count: int) -> str:
        """Words with a number: ``key.one`` for 1, else ``key.many``."""
        return self(f"{key}.{'one' if count == 1 else 'many'}", count=count)


def languages() -> list[str]:
    """Every language that there is a file of."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files(__package__ or "").iterdir()
        if entry.name.endswith(".toml")
    )


def spoken(asked: str | None = None, env: Mapping[str, str] = os.environ) -> Words:
    """The words in the language that was asked for, else in the one of this login.

    Raises:
        Mend: There is no such language.
    """
    known = languages()
    if asked:
        if asked not in known:
            raise Mend(f"there are no words in '{asked}'; there are {', '.join(known)}")
        return Words(asked)
    for variable in ("KAPROOM_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        named = env.get(variable, "")
        if named:
            language = named.partition(".")[0].partition("_")[0]
            return Words(language if language in known else FALLBACK)
    return Words()


@cache
def _own() -> dict[str, str]:
    return {text: key for key, text in _texts(FALLBACK).items() if key.startswith("own.")}


@cache
def _texts(language: str) -> dict[str, str]:
    source = files(__package__ or "").joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(source), ""))


def _flat(table: Mapping[str, Any], above: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{above}{key}"
        found += [(name, value)] if isinstance(value, str) else _flat(value, f"{name}.")
    return found
