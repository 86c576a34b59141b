"""A folder becomes a playlist that can be loaded, whatever its files are called."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studio import Studio, picture

from kaproom.audio.decoder import Probe
from kaproom.curation.music import music_in, natural
from kaproom.curation.newlist import write_playlist
from kaproom.curation.words import minutes
from kaproom.errors import Mend, WorldFailed
from kaproom.files import load_playlist
from kaproom.session.playlist import FilePiece
from kaproom.session.roomfile import RoomFile


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "music")


def pieces(file: Path) -> list[FilePiece]:
    section = load_playlist(file, RoomFile()).playlist.sections["unsorted"]
    assert all(isinstance(piece, FilePiece) for piece in section)
    return [piece for piece in section if isinstance(piece, FilePiece)]


def files(file: Path) -> list[Path]:
    """Where the pieces of a playlist lie, as its reader finds them."""
    return [Path(os.path.normpath(file.parent / piece.file)) for piece in pieces(file)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_track_of_the_folder_is_in_the_playlist(studio: Studio) -> None:
    made = [
        studio.tone("1 Arrival.wav"),
        studio.tone("2 Deep.flac"),
        studio.tone("10 Return.ogg"),
        studio.tone("more/3 Home.mp3"),
        studio.coded("more/4 Late.m4a", "aac"),
        studio.coded("more/5 Later.opus", "libopus"),
    ]
    file = write_playlist(studio.folder)
    assert file == Path.cwd() / "music.yaml"
    assert files(file) == made


def test_a_file_that_cannot_be_played_is_told_of(studio: Studio) -> None:
    studio.tone("a.flac")
    studio.bytes("b.mp3", b"Dear diary, " * 500)
    told: list[tuple[str, str]] = []
    file = write_playlist(studio.folder, left_out=lambda *why: told.append(why))
    assert [name for name, _ in told] == ["music/b.mp3"]
    assert told[0][1].endswith("; copy it again or replace it")
    assert f"    #   music/b.mp3: {told[0][1]}\n" in file.read_text()


def test_lengths_stand_beside_the_tracks_and_tags_below_them(studio: Studio) -> None:
    studio.coded("a.flac", "flac", {"title": 'The "Long" Day', "artist": "Ö"}, length_s=61.4)
    text = write_playlist(studio.folder).read_text()
    assert '    - file: "music/a.flac"  # 1:01\n' in text
    piece = pieces(Path("music.yaml").absolute())[0]
    assert (piece.title, piece.artist) == ('The "Long" Day', "Ö")


def test_the_sections_of_the_shipped_profiles_stand_ready(studio: Studio) -> None:
    studio.tone("a.wav")
    text = write_playlist(studio.folder).read_text()
    for section in ("arriving:", "open:", "returning:"):
        assert f"\n  # {section}" in text
    assert "# descent, landing\n" in text


def test_a_section_whose_mark_is_taken_off_holds_the_pieces_below_it(studio: Studio) -> None:
    studio.tone("a.wav")
    file = write_playlist(studio.folder)
    text = file.read_text().replace("  # arriving:", "  arriving:")
    head, _, tail = text.partition("  arriving:")
    line, _, rest = tail.partition("\n")
    file.write_text(f'{head}  arriving:{line}\n    - file: "music/a.wav"\n{rest}')
    assert "arriving" in load_playlist(file, RoomFile()).playlist.sections


@pytest.mark.parametrize(
    "name",
    [
        'it\'s "quoted" \\ back.wav',
        "- leading dash.wav",
        "--out.wav",
        "line\nbreak\tand tab.wav",
        "bell\x07and\x1bescape.wav",
        "夜 🌌 música.wav",
        "e\u0301 combining \u200b\ufeff\u2028.wav",
        "# not a comment: {x} [y] *z &w !v %u @t `s` | >.wav",
        "~.wav",
        " spaces at both ends .wav",
        "kaproom: playlist/2.wav",
    ],
)
def test_a_hostile_name_comes_back_as_it_was(studio: Studio, name: str) -> None:
    made = studio.tone(name)
    assert files(write_playlist(studio.folder)) == [made]


def test_a_folder_called_tilde_is_not_somebodys_home(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = studio.tone("~/a.wav")
    monkeypatch.chdir(studio.folder)
    file = write_playlist(Path("./~"), Path("list.yaml"))
    piece = pieces(file)[0]
    assert piece.file == "./~/a.wav"
    assert files(file) == [made]


def probe_with(title: str) -> Probe:
    return Probe(10.0, 48_000, 2, "flac", {"title": title, "artist": title})


@given(title=st.text(max_size=200))
def test_any_tag_makes_a_valid_playlist(
    tmp_path_factory: pytest.TempPathFactory, title: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.flac").touch()
    file = write_playlist(folder, folder / "list.yaml", probe=lambda _: probe_with(title))
    piece = pieces(file)[0]
    if title.isprintable() and len(title) < 100:
        assert (piece.title or "") == " ".join(title.split())


@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60)
)
def test_any_name_makes_a_valid_playlist(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / f"x{name}.flac"
    path.touch()
    file = write_playlist(folder, folder / "list.yaml", probe=lambda _: probe_with("t"))
    assert files(file) == [path]


def test_a_name_that_is_no_text_is_told_and_left_out(studio: Studio) -> None:
    studio.tone("a.wav")
    broken = os.fsencode(studio.folder) + b"/b\xff\xfe.wav"
    Path(os.fsdecode(broken)).write_bytes((studio.folder / "a.wav").read_bytes())
    file = write_playlist(studio.folder)
    assert len(pieces(file)) == 1
    assert "    #   music/b\\udcff\\udcfe.wav: its name is not valid UTF-8; rename it\n" in (
        file.read_text()
    )


def test_what_cannot_be_played_is_told_with_its_reason_and_left_out(studio: Studio) -> None:
    studio.tone("a.wav")
    studio.bytes("b empty.mp3", b"")
    studio.bytes("c picture.flac", picture())
    studio.protected("d shop.m4p")
    file = write_playlist(studio.folder)
    assert len(pieces(file)) == 1
    text = file.read_text()
    assert "    #   music/b empty.mp3: is empty; copy it again\n" in text
    assert "    #   music/c picture.flac: holds no sound; replace it by a music file\n" in text
    assert "    #   music/d shop.m4p: is copy-protected (DRM); use a copy without" in text


def test_hidden_files_and_what_is_no_music_are_passed_over(studio: Studio) -> None:
    made = studio.tone("a.WAV")
    studio.tone("._a.wav")
    studio.tone(".trash/b.wav")
    studio.bytes("cover.png", picture())
    studio.bytes("notes.txt", b"notes")
    assert files(write_playlist(studio.folder)) == [made]


def test_a_named_pipe_does_not_keep_anybody_waiting(studio: Studio) -> None:
    made = studio.tone("a.wav")
    os.mkfifo(studio.folder / "pipe.wav")
    assert files(write_playlist(studio.folder)) == [made]


def test_what_is_called_like_music_and_cannot_be_read_is_told(studio: Studio) -> None:
    studio.tone("a.wav")
    os.mkfifo(studio.folder / "pipe.wav")
    (studio.folder / "gone.wav").symlink_to("unplugged.wav")
    (studio.folder / "loop.wav").symlink_to("loop.wav")
    told: dict[str, str] = {}
    write_playlist(studio.folder, left_out=told.__setitem__)
    assert {Path(name).name: why for name, why in told.items()} == {
        "gone.wav": "does not exist; put it back or name another",
        "loop.wav": "cannot be read (ELOOP); check the disk it lies on",
        "pipe.wav": "is not a regular file; name a music file",
    }


def test_folders_that_link_to_each_other_are_read_once(studio: Studio) -> None:
    made = studio.tone("inside/a.wav")
    (studio.folder / "inside" / "back").symlink_to(studio.folder)
    elsewhere = studio.folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.wav").write_bytes(made.read_bytes())
    (studio.folder / "linked").symlink_to(elsewhere)
    assert music_in(studio.folder) == [made, studio.folder / "linked" / "b.wav"]


def test_two_comes_before_ten() -> None:
    names = ["10.wav", "2.wav", "b/1.wav", "A/11.wav", "a/9.wav", "1b.wav", "1.wav"]
    ordered = sorted(names, key=lambda name: natural(Path(name)))
    assert ordered == ["1.wav", "1b.wav", "2.wav", "10.wav", "a/9.wav", "A/11.wav", "b/1.wav"]


@given(st.lists(st.text(st.characters(exclude_characters="\0/"), min_size=1), max_size=8))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    sorted((Path(name) for name in names), key=natural)


def test_an_existing_file_is_left_as_it_is(studio: Studio) -> None:
    studio.tone("a.wav")
    Path("music.yaml").write_text("mine")
    with pytest.raises(Mend) as raised:
        write_playlist(studio.folder)
    assert str(raised.value) == (
        "music.yaml exists already and is left as it is; choose another name: "
        "kaproom new playlist music --out NAME.yaml"
    )
    assert Path("music.yaml").read_text() == "mine"
    assert files(write_playlist(studio.folder, Path("other"))) == [studio.folder / "a.wav"]
    assert Path("other.yaml").exists()


def test_an_empty_folder_is_refused(studio: Studio) -> None:
    studio.folder.mkdir()
    with pytest.raises(Mend, match="music holds no music; name a folder with music files in it"):
        write_playlist(studio.folder)
    assert list(Path().glob("*.yaml")) == []


def test_a_folder_that_is_not_there_is_refused(studio: Studio) -> None:
    with pytest.raises(Mend, match=r"^music does not exist$"):
        write_playlist(studio.folder)
    made = studio.tone("a.wav")
    with pytest.raises(Mend, match=r"^music/a.wav is a file; name the folder"):
        write_playlist(made)


def test_a_folder_with_nothing_that_can_be_played_is_refused_with_the_first_reason(
    studio: Studio,
) -> None:
    studio.bytes("a.mp3", b"")
    studio.bytes("b.mp3", b"")
    with pytest.raises(Mend) as raised:
        write_playlist(studio.folder)
    assert str(raised.value) == (
        "music holds no music that can be played; of 2 the first, music/a.mp3: "
        "is empty; copy it again"
    )


def test_a_place_that_cannot_be_written_is_one_line(studio: Studio) -> None:
    studio.tone("a.wav")
    with pytest.raises(WorldFailed, match=r"/proc/list\.yaml cannot be written: "):
        write_playlist(studio.folder, Path("/proc/list.yaml"))
    with pytest.raises(Mend, match="nowhere is no folder; choose another with --out"):
        write_playlist(studio.folder, Path("nowhere/list.yaml"))


def test_progress_is_told_for_each_track(studio: Studio) -> None:
    studio.tone("a.wav")
    studio.tone("b.wav")
    told: list[tuple[int, int, str]] = []
    write_playlist(studio.folder, progress=lambda *now: told.append(now))
    assert told == [(0, 2, "a.wav"), (1, 2, "b.wav"), (2, 2, "")]


@pytest.mark.parametrize(
    ("length_s", "said"), [(0.2, "0:00"), (59.6, "1:00"), (245.0, "4:05"), (3750.0, "1:02:30")]
)
def test_lengths_read_as_on_a_sleeve(length_s: float, said: str) -> None:
    assert minutes(length_s) == said
