"""Profiles, playlists and room files as people write them, and as they get them wrong.

Every refusal is asserted whole, as its reader sees it.
"""

import contextlib
import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kaproom.errors import Mend
from kaproom.files import (
    load_playlist,
    load_profile,
    load_room,
    missing_files,
    pieces,
    problems,
)
from kaproom.files.schemas import shipped_schemas
from kaproom.places import listing, shipped
from kaproom.session.playlist import FilePiece
from kaproom.session.profile import VOCABULARY
from kaproom.session.roomfile import RoomFile

ROOM = RoomFile()

PROFILE = """\
kaproom: profile/1
title: Forty minutes
infusion:
  planned_min: 40
playlist: ./music.yaml
phases:
  - name: settling
    section: calm
  - name: onset
    start_min: 0
    section: calm
  - name: peak
    start_min: 20
    section: wide
    level_lu: 1
  - name: descent
    start_min: 35
    crossfade_s: 20
session_end_min: 95
refuge: {soundscape: ocean, intensity: 0.2}
"""

PLAYLIST = """\
kaproom: playlist/1
sections:
  calm:
    - soundscape: pad
  wide:
    - file: music/Wide Water.flac
      cue_in_s: 1:30
      vocals: false
    - file: music/two.mp3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a profile, its playlist and its music, and people standing in it."""
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "Wide Water.flac").write_bytes(b"fLaC")
    (tmp_path / "music" / "two.mp3").write_bytes(b"ID3")
    (tmp_path / "plan.yaml").write_text(PROFILE)
    (tmp_path / "music.yaml").write_text(PLAYLIST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(name: str = "plan.yaml") -> str:
    """What the person reads when this profile is loaded."""
    with pytest.raises(Mend) as caught:
        load_profile(f"./{name}", ROOM)
    return str(caught.value)


def profile_with(old: str, new: str) -> str:
    assert old in PROFILE
    Path("plan.yaml").write_text(PROFILE.replace(old, new, 1))
    return said()


def playlist_with(old: str, new: str) -> str:
    assert old in PLAYLIST
    Path("music.yaml").write_text(PLAYLIST.replace(old, new, 1))
    return said()


# What is right


def test_a_profile_brings_its_playlist(folder: Path) -> None:
    loaded = load_profile("./plan.yaml", ROOM)
    assert loaded.profile.name == "plan"
    assert loaded.playlist.name == "music"
    assert loaded.profile_path == folder / "plan.yaml"
    assert loaded.playlist_path == folder / "music.yaml"
    assert [piece.path.name for piece in pieces(loaded)] == ["Wide Water.flac", "two.mp3"]
    piece = loaded.playlist.sections["wide"][0]
    assert isinstance(piece, FilePiece) and piece.cue_in_s == 90
    assert missing_files(loaded) == []


@pytest.mark.usefixtures("folder")
def test_a_value_can_be_traced_to_its_line() -> None:
    loaded = load_profile("./plan.yaml", ROOM)
    place = loaded.profile_source.place
    assert place(("phases", 2, "level_lu")) == "plan.yaml:15: phases.peak.level_lu"
    assert place(("infusion", "planned_min")) == "plan.yaml:4: infusion.planned_min"
    place = loaded.playlist_source.place
    assert place(("sections", "wide", 1, "file")) == "music.yaml:9: sections.wide[2].file"


@pytest.mark.usefixtures("folder")
def test_a_byte_order_mark_and_foreign_line_ends_do_no_harm() -> None:
    text = PROFILE.replace("\n", "\r\n")
    Path("plan.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_profile("./plan.yaml", ROOM).profile.session_end_min == 95


@pytest.mark.usefixtures("folder")
def test_words_mean_what_they_say() -> None:
    # In YAML 1.1 a section called `no` would be called False, and `010` would be eight.
    Path("music.yaml").write_text(
        "kaproom: playlist/1\nsections:\n  calm: [{file: no}]\n  wide: [{file: 'x', cue_in_s: 010}]"
        "\n  no: [{soundscape: pad, title: 2024-01-01}]\n"
    )
    playlist = load_playlist("./music.yaml", ROOM).playlist
    assert list(playlist.sections) == ["calm", "wide", "no"]
    wide = playlist.sections["wide"][0]
    assert isinstance(wide, FilePiece) and wide.cue_in_s == 10


@pytest.mark.usefixtures("folder")
def test_what_is_said_once_can_be_used_again_by_an_alias() -> None:
    Path("plan.yaml").write_text(
        PROFILE.replace("{soundscape: ocean, intensity: 0.2}", "&sea {soundscape: ocean}")
        + "checklist: {after: [&done Done, *done]}\n"
    )
    assert load_profile("./plan.yaml", ROOM).profile.checklist.after == ("Done", "Done")


@pytest.mark.parametrize("name", listing("profile", ROOM))
def test_every_shipped_profile_is_in_order(name: str) -> None:
    assert problems(name, ROOM) == []
    loaded = load_profile(name, ROOM)
    assert loaded.profile.name == name
    assert tuple(phase.name for phase in loaded.profile.phases) == VOCABULARY
    assert loaded.profile.phases[loaded.profile.descent_index].name == "descent"
    assert loaded.profile.description


def test_the_promised_profiles_and_playlists_are_shipped() -> None:
    assert {"demo-3min", "iv-40-calm-from-35", "iv-60"} <= set(listing("profile", ROOM))
    assert "soundscapes" in listing("playlist", ROOM)


def test_calming_begins_at_minute_35() -> None:
    profile = load_profile("iv-40-calm-from-35", ROOM).profile
    assert profile.infusion.planned_min == 40 and profile.infusion.dose_mg_per_kg == 0.5
    assert profile.phases[profile.descent_index].start_min == 35


def test_the_shipped_playlists_need_no_file() -> None:
    for name in listing("profile", ROOM):
        assert list(pieces(load_profile(name, ROOM))) == []


# The schemas


def test_the_shipped_schemas_are_current() -> None:
    for path, text in shipped_schemas().items():
        assert path.read_text() == text, f"run python -m kaproom.files.schemas: {path.name}"


@pytest.mark.parametrize(
    ("kind", "schema"), [("profile", "profile.schema.json"), ("playlist", "playlist.schema.json")]
)
def test_an_editor_finds_the_shipped_files_right(kind: str, schema: str) -> None:
    folder = shipped("profile" if kind == "profile" else "playlist")
    validator = jsonschema.Draft202012Validator(json.loads((folder / schema).read_text()))
    for path in folder.glob("*.yaml"):
        validator.validate(yaml.safe_load(path.read_text()))


def test_an_editor_finds_a_wrong_profile_wrong() -> None:
    schema = json.loads((shipped("profile") / "profile.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for old, new in (
        ("planned_min: 40", "planned_min: -5"),
        ("planned_min", "planed_min"),
        ("soundscape: ocean", "soundscape: sea"),
        ("kaproom: profile/1", "kaproom: playlist/1"),
        ("session_end_min: 95\n", ""),
        ("    start_min: 35\n", "    start_min: 35\n    before_end_min: 5\n"),
        ("    start_min: 35\n", "    effect: {fraction: 0.9}\n"),
    ):
        assert not validator.is_valid(yaml.safe_load(PROFILE.replace(old, new, 1))), new


@pytest.mark.parametrize("kind", ["profile", "playlist"])
def test_every_key_is_explained_to_the_editor(kind: str) -> None:
    folder = shipped("profile" if kind == "profile" else "playlist")
    schema = json.loads((folder / f"{kind}.schema.json").read_text())
    for part in (schema, *schema["$defs"].values()):
        for key, value in part["properties"].items():
            assert value.get("description") or "$ref" in value, key


@pytest.mark.parametrize("kind", ["profile", "playlist"])
def test_every_key_is_explained_in_the_readme(kind: str) -> None:
    folder = shipped("profile" if kind == "profile" else "playlist")
    readme = (folder / "README.md").read_text()
    schema = json.loads((folder / f"{kind}.schema.json").read_text())
    for part in (schema, *schema["$defs"].values()):
        for key in part["properties"]:
            assert f"`{key}`" in readme, key


@pytest.mark.parametrize("kind", ["profile", "playlist"])
def test_every_example_in_the_readme_is_right(kind: str, tmp_path: Path) -> None:
    folder = shipped("profile" if kind == "profile" else "playlist")
    blocks = (folder / "README.md").read_text().split("```yaml\n")[1:]
    whole = [text for block in blocks if (text := block.split("```")[0]).startswith("kaproom:")]
    assert whole
    for text in whole:
        path = tmp_path / "example.yaml"
        path.write_text(text)
        if text.startswith("kaproom: profile/1"):
            assert load_profile(path, ROOM).profile.title
        elif text.startswith("kaproom: playlist/1"):
            assert load_playlist(path, ROOM).playlist.sections
        else:
            assert load_room(path)[0].room


# What is wrong in a profile


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "planned_min: 40",
            "planned_min: -5",
            "plan.yaml:4: infusion.planned_min is -5; it must be more than 0",
        ),
        (
            "planned_min: 40",
            "planned_min: forty",
            "plan.yaml:4: infusion.planned_min is 'forty'; it must be a number",
        ),
        (
            "planned_min: 40",
            "planned_min: 40 min",
            "plan.yaml:4: infusion.planned_min is '40 min'; it must be a number without quotes or"
            " unit: 40",
        ),
        (
            "planned_min: 40",
            "planned_min: 0x28",
            "plan.yaml:4: infusion.planned_min is '0x28'; it must be a number",
        ),
        (
            "planned_min: 40",
            "planned_min: 40:00",
            "plan.yaml:4: infusion.planned_min is '40:00'; it must be a number",
        ),
        (
            "planned_min: 40",
            "planned_min: 37,5",
            "plan.yaml:4: infusion.planned_min is '37,5'; it must be a number, with a point: 37.5",
        ),
        (
            "planned_min: 40",
            "planned_min: .nan",
            "plan.yaml:4: infusion.planned_min is nan; it must be an ordinary number",
        ),
        (
            "planned_min: 40",
            "planned_min:",
            "plan.yaml:4: infusion.planned_min is empty; give it a value or remove the line",
        ),
        (
            "planned_min: 40",
            "planned_s: 2400",
            "plan.yaml:3: infusion.planned_min is missing; add it (how long the infusion is"
            " planned to run, in minutes)\n"
            "plan.yaml:4: infusion.planned_s is not known; it is given in minutes, as"
            " 'planned_min'",
        ),
        (
            "    start_min: 20",
            "    start: 20",
            "plan.yaml:13: phases.peak.start is not known; it is given in minutes, as 'start_min'",
        ),
        (
            "    crossfade_s: 20",
            "    crosfade_s: 20",
            "plan.yaml:18: phases.descent.crosfade_s is not known (did you mean 'crossfade_s'?);"
            " known here: name, start_min, before_end_min, after_end_min, after_previous_min,"
            " effect, not_before_min, not_after_min, level_lu, intensity, section, bed,"
            " crossfade_s, vocals, fill",
        ),
        (
            "    level_lu: 1",
            "    level_lu: 12",
            "plan.yaml:15: phases.peak.level_lu is 12; it must be at most 6",
        ),
        (
            "    start_min: 35",
            "    start_min: 20",
            "plan.yaml:17: phases.descent.start_min is 20; it must be later than the start of"
            " 'peak', 20",
        ),
        (
            "    start_min: 35\n",
            "",
            "plan.yaml:16: phases.descent.start_min is missing; say at which minute of the"
            " infusion 'descent' starts (or give one of before_end_min, after_end_min,"
            " after_previous_min, effect)",
        ),
        (
            "  - name: settling\n",
            "  - name: settling\n    start_min: 0\n",
            "plan.yaml:8: phases.settling.start_min is 0; the first phase waits for the infusion"
            " and has none: remove the line",
        ),
        (
            "    start_min: 35\n",
            "    start_min: 35\n    before_end_min: 5\n",
            "plan.yaml:18: phases.descent.before_end_min stands beside start_min; keep one of them",
        ),
        (
            "    start_min: 35\n",
            "    effect: {fraction: 0.9, side: falling}\n",
            "plan.yaml:17: phases.descent.effect needs a dose to be predicted from; add"
            " infusion.dose_mg or infusion.dose_mg_per_kg, or give minutes",
        ),
        (
            "    start_min: 35\n",
            "    effect: {fraction: 80, side: down}\n",
            "plan.yaml:17: phases.descent.effect.fraction is 80; it must be at most 1\n"
            "plan.yaml:17: phases.descent.effect.side is 'down'; it must be 'rising' or 'falling'",
        ),
        (
            "    start_min: 35\n",
            "    before_end_min: 45\n",
            "plan.yaml:17: phases.descent.before_end_min is 45; the infusion lasts 40 min",
        ),
        (
            "    start_min: 35\n",
            "    before_end_min: 21\n",
            "plan.yaml:17: phases.descent.before_end_min comes to minute 19 as planned; it must be"
            " later than the start of 'peak', 20",
        ),
        (
            "    start_min: 35\n",
            "    after_end_min: 5\n    not_before_min: 50\n    not_after_min: 49\n",
            "plan.yaml:19: phases.descent.not_after_min is 49; it must not be before"
            " not_before_min, 50",
        ),
        (
            "    start_min: 0\n",
            "    after_previous_min: 5\n",
            "plan.yaml:10: phases.onset.after_previous_min counts from 'settling', which waits for"
            " the infusion; give start_min",
        ),
        (
            "name: peak",
            "name: onset",
            "plan.yaml:12: phases.onset.name is 'onset', which phase 2 is called already; give"
            " each its own name",
        ),
        (
            "name: peak",
            "name: 3",
            'plan.yaml:12: phases[3].name is 3; it must be text: put it in quotes, "3"',
        ),
        (
            "    section: wide",
            "    section: wild",
            "plan.yaml:14: phases.peak.section is 'wild' (did you mean 'wide'?); playlist 'music'"
            " has calm, wide",
        ),
        (
            "    section: wide",
            "    vocals: maybe",
            "plan.yaml:14: phases.peak.vocals is 'maybe'; it must be 'allowed' or 'none'",
        ),
        (
            "refuge: {soundscape: ocean, intensity: 0.2}\n",
            "",
            "plan.yaml:1: refuge is missing; add it (what `calm` goes to)",
        ),
        (
            "{soundscape: ocean, intensity: 0.2}",
            "ocean",
            "plan.yaml:20: refuge is 'ocean'; write {file: music/x.flac} or {soundscape: ocean}",
        ),
        (
            "{soundscape: ocean, intensity: 0.2}",
            "{soundscape: ocaen}",
            "plan.yaml:20: refuge.soundscape is 'ocaen'; the built-in soundscapes are pad, ocean,"
            " bowls, drone (did you mean 'ocean'?)",
        ),
        (
            "{soundscape: ocean, intensity: 0.2}",
            "{soundscape: ocean, intensity: 20}",
            "plan.yaml:20: refuge.intensity is 20; it must be at most 1",
        ),
        (
            "{soundscape: ocean, intensity: 0.2}",
            "{sondscape: ocean}",
            "plan.yaml:20: refuge has neither file nor soundscape, but sondscape (did you mean"
            " 'soundscape'?)",
        ),
        (
            "session_end_min: 95",
            "session_end_min: 30",
            "plan.yaml:19: session_end_min is 30; it must be later than the start of 'descent', 35",
        ),
        (
            "session_end_min: 95",
            "session_end_min: 300",
            "plan.yaml:19: session_end_min is 300; limits.max_session_min allows 240",
        ),
        (
            "infusion:\n  planned_min: 40",
            "infusion: 40",
            "plan.yaml:3: infusion is 40; it must hold keys of its own, indented below it",
        ),
        (
            "refuge:",
            "notes:\n  - {category: Eyes open, key: ee, label: Eyes open, share: yes}\nrefuge:",
            "plan.yaml:21: notes[1].category is 'Eyes open'; it may hold only a-z, 0-9 and '-'"
            " (not at its ends), at most 40 of them\n"
            "plan.yaml:21: notes[1].key is 'ee'; it must be one key of the keyboard: a letter, a"
            " digit or a sign\n"
            "plan.yaml:21: notes[1].share is 'yes'; it must be true or false",
        ),
        (
            "refuge:",
            "checklist:\n  before:\n    must: [a, b, c, d, e, f, g]\nrefuge:",
            "plan.yaml:22: checklist.before.must is a list; it may have at most 6 items, not 7",
        ),
        (
            "refuge:",
            "checklist: {after: Escort here}\nrefuge:",
            "plan.yaml:20: checklist.after is 'Escort here'; it must be a list: below it, each"
            " item on its own line after '- '",
        ),
        (
            "title: Forty minutes",
            "title: ''",
            "plan.yaml:2: title is ''; it must be one line of text, and not blank",
        ),
        (
            "playlist: ./music.yaml",
            "playlist: ./musik.yaml",
            "plan.yaml:5: playlist: musik.yaml does not exist (did you mean 'music.yaml'?)",
        ),
        (
            "playlist: ./music.yaml",
            "playlist: soundscape",
            "plan.yaml:5: playlist: no playlist is called 'soundscape' (did you mean"
            " 'soundscapes'?); there are soundscapes (a path needs a '/', as in"
            " ./soundscape.yaml)",
        ),
        (
            "playlist: ./music.yaml",
            "playlist: ./plan.yaml",
            "plan.yaml:1: kaproom is 'profile/1': this is a profile, and a playlist is needed here",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_profile_gets_a_line_that_says_what_to_write(old: str, new: str, line: str) -> None:
    assert profile_with(old, new) == line


# What is wrong in a playlist


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "cue_in_s: 1:30",
            "cue_in_s: 1:75",
            "music.yaml:7: sections.wide[1].cue_in_s is '1:75'; write seconds, or minutes and"
            ' seconds as "3:05"',
        ),
        (
            "cue_in_s: 1:30",
            "cue_in: 1:30",
            "music.yaml:7: sections.wide[1].cue_in is not known; it is given in seconds, as"
            " 'cue_in_s'",
        ),
        (
            "cue_in_s: 1:30",
            "gain_trim_db: 9",
            "music.yaml:7: sections.wide[1].gain_trim_db is 9; it must be at most 6",
        ),
        (
            "vocals: false",
            "vocals: no",
            "music.yaml:8: sections.wide[1].vocals is 'no'; it must be true or false",
        ),
        (
            "vocals: false",
            "cue_out_s: 0:20",
            "music.yaml:8: sections.wide[1].cue_out_s is 20; it must be later than cue_in_s, 90",
        ),
        (
            "    - file: music/two.mp3",
            "    - music/two.mp3",
            "music.yaml:9: sections.wide[2] is 'music/two.mp3'; write {file: music/x.flac} or"
            " {soundscape: ocean}",
        ),
        (
            "    - file: music/two.mp3",
            "    - {file: music/two.mp3, soundscape: pad}",
            "music.yaml:9: sections.wide[2] has both file and soundscape; keep one of them",
        ),
        (
            "    - soundscape: pad",
            "    - soundscape: pad\n    - file: music/two.mp3",
            "music.yaml:4: sections.calm[1].length_min is missing; without it 'pad' plays to the"
            " end of the phase and the pieces after it are never reached",
        ),
        (
            "    - soundscape: pad",
            "    []",
            "music.yaml:3: sections.calm is a list; it needs at least 1, each on its own "
            "line after '- '",
        ),
        (
            "  wide:\n",
            "  calm:\n",
            "music.yaml:5: 'calm' stands twice, first in line 3; remove one",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_playlist_gets_a_line_that_says_what_to_write(
    old: str, new: str, line: str
) -> None:
    assert playlist_with(old, new) == line


@pytest.mark.usefixtures("folder")
def test_a_phase_without_vocals_needs_pieces_without() -> None:
    Path("music.yaml").write_text(
        PLAYLIST.replace("vocals: false", "vocals: true").replace(
            "two.mp3", "two.mp3\n      vocals: true"
        )
    )
    assert profile_with("    level_lu: 1", "    vocals: none") == (
        "plan.yaml:15: phases.peak.vocals is none, but every piece of section 'wide' has vocals;"
        " add pieces without, or allow them"
    )


# What is wrong as YAML


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "  planned_min: 40",
            "\tplanned_min: 40",
            "plan.yaml:4: is indented with a tab; YAML allows only spaces there",
        ),
        (
            "title: Forty minutes",
            "title: Forty: minutes",
            "plan.yaml:2: a ':' too many; put the text in quotes, or indent the line like the one"
            " above it",
        ),
        (
            "title: Forty minutes",
            "title: 'Forty minutes",
            "plan.yaml:20: a quote or a bracket is opened before this and never closed",
        ),
        (
            "title: Forty minutes",
            "title: @forty",
            "plan.yaml:2: text that begins with a sign such as @ ` % or & needs quotes",
        ),
        (
            "title: Forty minutes",
            "title: *forty",
            "plan.yaml:2: '*forty' stands for nothing that ended before it",
        ),
        (
            "title: Forty minutes",
            "title: !!python/object/apply:os.system [ls]",
            "plan.yaml:2: the tag 'tag:yaml.org,2002:python/object/apply:os.system' means nothing"
            " here; remove it",
        ),
        (
            "title: Forty minutes",
            "title: a\ntitle: b",
            "plan.yaml:3: 'title' stands twice, first in line 2; remove one",
        ),
        (
            "session_end_min: 95",
            " session_end_min: 95",
            "plan.yaml:19: is indented unlike the lines above it; line it up with them",
        ),
        (
            "ocean, intensity: 0.2}",
            "ocean, intensity: 0.2",
            "plan.yaml:20: a ',' or the closing bracket is missing before this",
        ),
        (
            "title: Forty minutes",
            "title Forty minutes",
            "plan.yaml:3: a key needs a ':' and a space after it",
        ),
        (
            "refuge:",
            "---\nrefuge:",
            "plan.yaml:20: a second document begins here; keep one, and remove `---`",
        ),
        (
            "title: Forty minutes",
            "[a]: b",
            "plan.yaml:2: a key must be one word or text, not a list or a group of keys",
        ),
        (
            "title: Forty minutes",
            "title: " + "[" * 40 + "]" * 40,
            "plan.yaml:2: is nested deeper than 20 levels; make it flatter",
        ),
        (
            "title: Forty minutes",
            "title: a\x07b",
            "plan.yaml:2: holds the control character U+0007; remove it",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_wrong_yaml_gets_a_line_that_helps_who_does_not_know_yaml(
    old: str, new: str, line: str
) -> None:
    assert profile_with(old, new) == line


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "plan.yaml:1: is empty; its first line must be `kaproom: profile/1`"),
        (b"# soon\n", "plan.yaml:1: is empty; its first line must be `kaproom: profile/1`"),
        (b"hello", "plan.yaml:1: the first line must be `kaproom: profile/1`"),
        (b"- a\n- b\n", "plan.yaml:1: the first line must be `kaproom: profile/1`"),
        (
            b"title: x\nkaproom: profile/1\n",
            "plan.yaml:1: the first line must be `kaproom: profile/1`, not 'title'",
        ),
        (
            b"kaproom: profile/2\n",
            "plan.yaml:1: kaproom is 'profile/2'; this kaproom reads profile/1: use the kaproom it"
            " was made for",
        ),
        (b"kaproom: 1\n", "plan.yaml:1: kaproom is '1'; it must be profile/1"),
        (
            b"kaproom: profile/1\ntitle: Caf\xe9\n",
            "plan.yaml:2: is not UTF-8 text (byte 0xe9); save it as UTF-8 in the editor",
        ),
        (
            "kaproom: profile/1".encode("utf-16"),
            "plan.yaml:1: is not UTF-8 text (byte 0xff); save it as UTF-8 in the editor",
        ),
        (b"a" * 1_000_001, "plan.yaml is larger than 1 MB; split it into several"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_file_that_is_no_profile_says_what_it_lacks(content: bytes, line: str) -> None:
    Path("plan.yaml").write_bytes(content)
    assert said() == line


@pytest.mark.usefixtures("folder")
def test_what_is_no_file_is_told() -> None:
    assert said("plam.yaml") == "plam.yaml does not exist (did you mean 'plan.yaml'?)"
    assert said("Plan.yaml") == (
        "Plan.yaml does not exist (did you mean 'plan.yaml'? Capitals count)"
    )
    assert said("clinic/plan.yaml") == "clinic/plan.yaml does not exist (there is no folder clinic)"
    assert said("music") == "music is a folder; name a .yaml file in it"
    assert said("a\0b.yaml").startswith("a\\x00b.yaml ")
    assert "name too long" in said("x" * 300)
    os.mkfifo("pipe.yaml")
    assert said("pipe.yaml") == "pipe.yaml is not an ordinary file; save it as a .yaml file"
    Path("loop.yaml").symlink_to("loop.yaml")
    assert said("loop.yaml").startswith("loop.yaml ")


@pytest.mark.usefixtures("folder")
def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    bomb = "kaproom: profile/1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 12):
        bomb += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n"
    Path("plan.yaml").write_text(bomb)
    assert said() == "plan.yaml:5: holds more than 100000 values; split it into several"


@pytest.mark.usefixtures("folder")
def test_a_thousand_mistakes_do_not_fill_the_screen() -> None:
    Path("plan.yaml").write_text(PROFILE + "".join(f"wrong{n}: {n}\n" for n in range(1000)))
    lines = said().split("\n")
    assert len(lines) == 21
    assert lines[-1] == "plan.yaml: and 980 more of such lines"


@pytest.mark.usefixtures("folder")
def test_every_mistake_is_told_in_one_go_in_the_order_of_the_lines() -> None:
    told = profile_with("planned_min: 40", "planned_min: 0").split("\n")
    assert len(told) == 1
    Path("plan.yaml").write_text(
        PROFILE.replace("40", "0").replace("20", "'20'").replace("refuge", "refugium")
    )
    assert [line.split(" is ")[0] for line in said().split("\n")] == [
        "plan.yaml:1: refuge",
        "plan.yaml:4: infusion.planned_min",
        "plan.yaml:13: phases.peak.start_min",
        "plan.yaml:18: phases.descent.crossfade_s",
        "plan.yaml:20: refugium",
    ]


# Files that a playlist names


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "music/two.mp3",
            "music/tow.mp3",
            "music.yaml:9: sections.wide[2].file is 'music/tow.mp3'; there is no such file (did"
            " you mean 'two.mp3'?)",
        ),
        (
            "music/Wide Water.flac",
            "music/wide water.flac",
            "music.yaml:6: sections.wide[1].file is 'music/wide water.flac'; there is no such file"
            " (did you mean 'Wide Water.flac'? Capitals count)",
        ),
        (
            "music/two.mp3",
            "musik/two.mp3",
            "music.yaml:9: sections.wide[2].file is 'musik/two.mp3'; there is no such file (there"
            " is no folder musik)",
        ),
        (
            "music/two.mp3",
            "music",
            "music.yaml:9: sections.wide[2].file is 'music'; that is a folder; name a file in it",
        ),
        (
            "music/two.mp3",
            "music\\two.mp3",
            "music.yaml:9: sections.wide[2].file is 'music\\two.mp3'; there is no such file; write"
            " / where it says \\",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_missing_file_is_told_with_the_line_that_names_it(old: str, new: str, line: str) -> None:
    Path("music.yaml").write_text(PLAYLIST.replace(old, new))
    assert problems("./plan.yaml", ROOM) == [line]


@pytest.mark.usefixtures("folder")
def test_a_missing_refuge_is_told() -> None:
    Path("plan.yaml").write_text(
        PROFILE.replace("{soundscape: ocean, intensity: 0.2}", "{file: calm.flac}")
    )
    assert problems("./plan.yaml", ROOM) == [
        "plan.yaml:20: refuge.file is 'calm.flac'; there is no such file"
    ]


@pytest.mark.usefixtures("folder")
def test_files_of_sections_that_no_phase_draws_on_are_nobodys_problem() -> None:
    Path("music.yaml").write_text(PLAYLIST + "  later:\n    - file: music/none.flac\n")
    assert problems("./plan.yaml", ROOM) == []


# The room file


def test_a_room_works_with_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaproom.places.ETC", tmp_path / "etc")
    env = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    room, path = load_room(None, env)
    assert path is None
    assert (room.site, room.room, room.device) == ("clinic", "room", "auto")
    assert room.data == str(tmp_path / "data" / "kaproom")


def test_paths_in_a_room_file_start_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "garden.yaml"
    path.write_text(
        "kaproom: room/1\nsite: north\nroom: garden\ndata: record\nruntime: /tmp/k\n"
        "profiles: [plans]\nbroker:\n  url: mqtts://ward.example:8883\n  ca: ca.pem\n"
        "calibration:\n  reference_dba: 78\n"
    )
    room, found = load_room(path, {})
    assert found == path
    assert room.data == str(tmp_path / "record")
    assert room.profiles == (str(tmp_path / "plans"),)
    assert room.broker is not None and room.broker.ca == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (
            "room: Room 1",
            "room is 'Room 1'; it may hold only a-z, 0-9 and '-' (not at its ends),"
            " at most 40 of them",
        ),
        (
            "room: station",
            "room is 'station'; that word belongs to the nurse stations; call the"
            " room something else",
        ),
        ("latency_ms: 5", "latency_ms is 5; it must be at least 20"),
        ("latency_ms: 900", "latency_ms is 900; it must be at most 800"),
        ("latency_s: 0.1", "latency_s is not known; it is given in milliseconds, as 'latency_ms'"),
        ("rate_hz: 22050", "rate_hz is 22050; it must be 44100, 48000, 88200 or 96000"),
        (
            "broker: {url: ward}",
            "broker.url is 'ward'; write mqtt://HOST:1883, or mqtts://HOST:8883 with TLS",
        ),
        (
            "broker: {url: 'mqtt://u:p@ward'}",
            "broker.url is 'mqtt://u:p@ward'; put no user or"
            " password in it; use broker.username and broker.password_file",
        ),
        (
            "broker: {url: 'mqtt://ward', ca: x}",
            "broker.url is 'mqtt://ward'; certificates need TLS: write mqtts://HOST:8883",
        ),
        ("broker: {url: 'mqtts://ward', cert: x}", "broker.key is missing; cert needs it"),
        (
            "broker: {url: 'mqtts://ward:99999'}",
            "broker.url is 'mqtts://ward:99999'; write"
            " mqtt://HOST:1883, or mqtts://HOST:8883 with TLS",
        ),
        (
            "calibration: {reference_dba: 200}",
            "calibration.reference_dba is 200; it must be at most 110",
        ),
    ],
)
def test_a_wrong_room_file_gets_a_line(
    written: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("room.yaml").write_text(f"kaproom: room/1\n{written}\n")
    with pytest.raises(Mend) as caught:
        load_room("room.yaml", {})
    assert str(caught.value) == f"room.yaml:2: {line}"


# Anything at all


def _only_mend(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with contextlib.suppress(Mend):
        load_profile(path, ROOM)
    with contextlib.suppress(Mend):
        load_playlist(path, ROOM)
    for line in problems(path, ROOM):
        assert "\n" not in line and line.isprintable()


FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(content=st.binary(max_size=300))
@example(content=b"kaproom: profile/1\n\xff")
@example(content=b"? ")
@example(content=b"*a")
@example(content=b"&a [*a]")
@example(content=b"%YAML 9.9\n---\n")
@example(content=b"%TAG ! !\n---\n!x y")
@example(content=b"{" * 5000)
@example(content=b"kaproom: profile/1\nphases: [" + b"9" * 6000 + b"]")
def test_no_bytes_raise_anything_but_mend(content: bytes, folder: Path) -> None:
    _only_mend(folder / "any.yaml", content)
    _only_mend(folder / "any.yaml", b"kaproom: profile/1\n" + content)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["ocean", "1:30", "settling", "wide", "music.yaml"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=6)
            | st.sampled_from(["name", "start_min", "file", "soundscape", "exits_s", "at_min"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_KEYS = ["title", "infusion", "phases", "refuge", "notes", "prompts", "sections", "limits", "name"]


@FUZZ
@given(changes=st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4))
def test_no_values_raise_anything_but_mend(changes: dict[str, object], folder: Path) -> None:
    for base in (PROFILE, PLAYLIST):
        whole = {**yaml.safe_load(base), **changes}
        _only_mend(folder / "any.yaml", yaml.safe_dump(whole, sort_keys=False).encode())


@FUZZ
@given(data=st.data())
def test_no_slip_of_the_finger_raises_anything_but_mend(data: st.DataObject, folder: Path) -> None:
    text = data.draw(st.sampled_from([PROFILE, PLAYLIST]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        text = (
            text[:at]
            + data.draw(st.text("\t :-[]{}'\"#&*!|>%@,\n0aé", max_size=3))
            + text[at + cut :]
        )
    _only_mend(folder / "any.yaml", text.encode())
