"""The catalogue is whole: the same keys and the same places for values in each language."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import get_args

import pytest

from kaproom.contract.payload import Code, InfusionPart, Priority, SoundWord
from kaproom.contract.subscriber import EVENTS
from kaproom.displays.station.ward import Standing
from kaproom.displays.words import FALLBACK, Words, _texts, languages, spoken
from kaproom.errors import Mend, Reason
from kaproom.session.profile import VOCABULARY

OTHERS = [language for language in languages() if language != FALLBACK]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def happenings() -> Iterator[tuple[str, str]]:
    """Everything that an event can say."""
    for kind, model in EVENTS.items():
        for what in get_args(model.model_fields["what"].annotation):
            yield kind, what


def test_english_and_german_are_there() -> None:
    assert {"de", "en"} <= set(languages())


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_lacks_no_key_and_has_no_other(language: str) -> None:
    assert set(_texts(language)) == set(_texts(FALLBACK))


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_the_same_places_for_values(language: str) -> None:
    own, english = _texts(language), _texts(FALLBACK)
    assert {k: places(t) for k, t in own.items()} == {k: places(t) for k, t in english.items()}


@pytest.mark.parametrize("language", languages())
def test_every_word_of_the_contract_can_be_said(language: str) -> None:
    words = Words(language)
    infusion = InfusionPart.model_json_schema()["properties"]["state"]["enum"]
    for key in (
        *(f"attention.{code}" for code in Code),
        *(f"priority.{priority}" for priority in Priority),
        *(f"sound.{word}" for word in SoundWord),
        *(f"infusion.{word}" for word in infusion),
        *(f"infusion-short.{word}" for word in infusion),
        *(f"phase.{name}" for name in VOCABULARY),
        *(f"attention-short.{code}" for code in Code),
        *(f"refused.{reason}" for reason in Reason),
        *(f"standing.{standing}" for standing in Standing),
        *(f"history.{kind}.{what}" for kind, what in happenings()),
    ):
        assert words(key)


def test_a_key_that_a_language_lacks_is_said_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(_texts("de"), "common.close")
    assert Words("de")("common.close") == "Close"
    assert Words("de")("common.cancel") == "Abbrechen"


@pytest.mark.parametrize(
    ("asked", "env", "language"),
    [
        ("de", {}, "de"),
        (None, {"LANG": "de_AT.UTF-8"}, "de"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LC_ALL": "de_DE", "LANG": "en_GB"}, "de"),
        (None, {"KAPROOM_LANGUAGE": "en", "LC_ALL": "de_DE"}, "en"),
        (None, {}, "en"),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_logins(
    asked: str | None, env: dict[str, str], language: str
) -> None:
    assert spoken(asked, env).language == language


def test_a_language_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(Mend, match="there are de, en"):
        spoken("xx", {})
