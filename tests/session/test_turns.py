"""How the music turns when people turn it: soon, at an exit, and to the patient's own piece."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st
from session.imagined import Deed, profile, profiles, repertoire, repertoires, stories, told
from session.test_machine import EPS, MANY, walk

from kaproom.session import events as e
from kaproom.session.cues import PlannedCue, gone_s
from kaproom.session.machine import LEAD_S, Session, Stage
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire

SEVEN = profile()
WAITS_S = {e.Infused: 60.0, e.Advanced: 30.0}


def entering(session: Session) -> PlannedCue:
    """What brings in the present phase, or a later one where that is over before."""
    index = session.course.index
    return next(
        c
        for c, following in pairwise([*session.cues, None])
        if c is not None
        and c.phase_index >= index
        and (following is None or following.start_s > session.now_s)
    )


@st.composite
def turns(draw: st.DrawFn) -> tuple[Repertoire, list[Deed]]:
    """Pieces with exits, a stop or an advance in the middle of one, and what comes on top."""
    every_s = draw(st.sampled_from([17.3, 41.0, 70.0, 500.0]))
    length_s = draw(st.sampled_from([100.0, 187.7, 400.0]))
    exits_s = tuple(n * every_s for n in range(1, int(length_s // every_s) + 1))
    music = repertoire(SEVEN, 6, length_s)
    marked = {
        name: tuple(o.model_copy(update={"exits_s": exits_s}) for o in offers)
        for name, offers in music.sections.items()
    }
    stop = Deed(draw(_MOMENTS), e.Infused, {"what": "stopped"}, draw(st.sampled_from([0.0, 25.0])))
    turn = draw(st.sampled_from([stop, Deed(draw(_MOMENTS), e.Advanced, {})]))
    story = [Deed(101.7, e.Infused, {"what": "started"}), turn, *draw(stories(max_deeds=4))[1:]]
    return music.model_copy(update={"sections": marked}), story


_MOMENTS = st.integers(600, 24000).map(lambda n: n / 10)


@MANY
@given(turns())
def test_a_turn_among_pieces_with_exits_is_soon_and_waits_for_one(
    found: tuple[Repertoire, list[Deed]],
) -> None:
    soon(SEVEN, *found)
    waited(SEVEN, *found)


@MANY
@given(profiles(), repertoires(), stories())
def test_a_stop_is_followed_within_a_minute_and_an_advance_within_half_of_one(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    soon(plan, music, story)
    waited(plan, music, story)


def soon(plan: Profile, music: Repertoire, story: list[Deed]) -> None:
    """The music of the phase that was turned to comes in time."""
    for before, event, after, _ in walk(plan, music, story):
        stopped = isinstance(event, e.Infused) and event.what == "stopped"
        if event is None or not (stopped or isinstance(event, e.Advanced)) or after.elsewhere:
            continue
        if after.course.index <= before.course.index or after.stage is not Stage.OPEN:
            continue
        coming = entering(after)
        latest_s = max(event.at_s + WAITS_S[type(event)], after.now_s + LEAD_S)
        assert coming.start_s <= latest_s + EPS, (event, coming)
        seen("turned" if coming.start_s <= after.now_s + LEAD_S + EPS else "waited")


def waited(plan: Profile, music: Repertoire, story: list[Deed]) -> None:
    """What does not come at once comes at an exit, whatever is planned anew meanwhile."""
    promised: PlannedCue | None = None
    for before, event, after, _ in walk(plan, music, story):
        if promised is not None and not isinstance(event, e.Shifted | e.Interrupted):
            undone = after.course.index < promised.phase_index or after.elsewhere
            turned = after.course.index > before.course.index
            hastened = isinstance(event, e.Skipped | e.CameBack | e.SourceFailed)
            if not (undone or turned or hastened) and promised.start_s >= after.now_s:
                assert entering(after).start_s == promised.start_s, (event, promised)
                assert entering(after).crossfade_s >= promised.crossfade_s - EPS
        promised = None
        if event is None or after.elsewhere or after.stage is not Stage.OPEN:
            continue
        sounding = after.cue_at(after.now_s + LEAD_S)
        if sounding is None or sounding.phase_index >= after.course.index:
            continue
        coming = entering(after)
        turn = after.course.index > before.course.index and type(event) in WAITS_S
        if coming.phase_index > after.course.index:
            continue  # the phase would be over before
        if turn and coming.start_s > after.now_s + LEAD_S + EPS:
            at_its_end = sounding.end_s is not None and (
                coming.start_s + coming.crossfade_s >= sounding.end_s - EPS
                or coming.start_s >= sounding.end_s - max(20.0, coming.crossfade_s) - EPS
            )
            at_an_exit = any(abs(x - coming.start_s) < EPS for x in sounding.exits_at_s)
            assert at_its_end or at_an_exit, (event, sounding, coming)
            promised = coming


@MANY
@given(profiles(), repertoires(), stories())
def test_the_patients_own_piece_is_heard_or_still_comes_once_nothing_waits_any_more(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    closing = music.closing
    if closing is None:
        return
    *_, (_, _, session, _) = walk(plan, music, story)
    session = _on(session)
    if session.stage is not Stage.OPEN or closing.key in session.thrown_out:
        return
    cues = [c for c in session.cues if c.offer.key == closing.key]
    ahead = any(c.start_s > session.now_s for c in cues)
    assert ahead or _could_be_heard(session, closing.key)
    seen("ahead" if ahead else "heard")


def _on(session: Session) -> Session:
    """Whatever waits for people goes on."""
    for kind, facts in (
        (e.Continued, {}),
        (e.CameBack, {}),
        (e.Returned, {}),
        (e.Infused, {"what": "started"}),
        (e.Infused, {"what": "resumed"} if session.infusion.stopped_at_s is None else None),
        (e.Advanced, {} if session.course.held else None),
    ):
        if facts is not None:
            session, _, _ = told(session, Deed(4.0, kind, dict(facts)))
    return session


def _could_be_heard(session: Session, key: str) -> bool:
    """Whether a piece had a turn that was not all in a silence that people wanted."""
    until_s = [*gone_s(session.cues), session.now_s]
    return any(
        cue.offer.key == key and not any(s.covers(cue.start_s, end_s) for s in session.silences)
        for cue, end_s in zip(session.cues, until_s, strict=True)
    )
