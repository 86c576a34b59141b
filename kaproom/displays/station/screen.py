"""The station's whole screen, from what it knows and what people chose to see.

What has not changed is handed over as the same object, so it costs nothing to draw. It
reads no clock: the moment comes in, on the clock of the arrivals and as people read it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kaproom.clock import NS_PER_S
from kaproom.contract.topics import ROOT
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Group, Screen, Text
from kaproom.displays.station import strips
from kaproom.displays.station.detail import detail_group
from kaproom.displays.station.matters import Desk, Matter, Step
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.telling import Tile, tile
from kaproom.displays.station.tiles import grid, tile_group
from kaproom.displays.station.view import View
from kaproom.displays.station.ward import Key, Place, Standing, Ward

_MARGIN = 14.0
_DETAIL_SHARE = 0.45


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: on the clock of the arrivals, and on the wall clock, for people."""

    now_ns: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Composed:
    """A screen, and what stands on it.

    Attributes:
        order: The rooms as they stand, row by row.
        columns: How many stand side by side.
        matters: Every open matter; all of them are on the screen.
        unseen: The rooms of those that nobody has seen, the most pressing first.
        scroll: How far back the history stands; never beyond its end.
    """

    screen: Screen
    order: tuple[Key, ...]
    columns: int
    matters: tuple[Matter, ...]
    unseen: tuple[Key, ...]
    scroll: int


def _parted(area: Box) -> tuple[Box, Box]:
    """The place of the tiles, and of one room in detail: beside them, or below where it is high."""
    if area.height > area.width:
        high = area.height * (1 - _DETAIL_SHARE)
        return area.top(high - 10), area.below(high)
    across = max(520.0, area.width * _DETAIL_SHARE)
    return area.left(area.width - across - 10), area.beyond(area.width - across)


class Composer:
    """Makes the screens of one station.

    Args:
        ward: What the station knows.
        desk: What people there took note of.
        say: The language.
    """

    def __init__(self, ward: Ward, desk: Desk, say: Saying) -> None:
        self._ward = ward
        self._desk = desk
        self._say = say
        self._groups: dict[str, tuple[object, Group]] = {}
        self._tiles: dict[Key, tuple[object, Tile]] = {}
        self.sound = ""
        """What the head says of this station's own sound."""
        self.failing: str | None = None
        """Why the station cannot remember what it hears."""

    def compose(self, view: View, size: tuple[float, float], moment: Moment) -> Composed:
        """The screen for a window of so many units."""
        width, height = size
        matters = tuple(self._desk.matters(self._ward, moment.now_ns))
        calling = [matter for matter in matters if self._desk.calls_here(matter)]
        tiles = self._all_tiles(matters, moment.now_ns)
        order = self._order(tiles, view.by_severity)
        head = strips.head(
            Box(0, 0, width, strips.HEAD),
            self._desk.name,
            self._told(tiles, view, moment.now_ns),
            linked=self._ward.linked,
            clock=moment.at.astimezone().strftime("%H:%M:%S"),
            beat=moment.at.second % 2 == 0,
            say=self._say,
        )
        groups = [self._same(group) for group in head]
        top = strips.HEAD
        if not self._ward.linked:
            groups.append(self._link(Box(0, top, width, strips.LINK), moment.now_ns))
            top += strips.LINK
        if calling:
            high = strips.banner_height(calling)
            groups.append(self._same(strips.banner(Box(0, top, width, high), calling, self._say)))
            top += high
        area = Box(_MARGIN, top + 8, width - 2 * _MARGIN, height - top - strips.FOOT - 14)
        found = self._ward.places.get(view.chosen) if view.chosen is not None else None
        scroll = 0
        if view.detail and found is not None:
            area, panel = _parted(area)
            made = tiles[found.key]
            detail, scroll = self._detail(panel, made, found, view.scroll, moment)
            groups.append(detail)
        places = grid(len(order), area)
        for key, box in zip(order, places, strict=True):
            groups.append(self._tile(tiles[key], box, key == view.chosen))
        if not order:
            groups.append(self._empty(area))
        groups.append(self._foot(width, height))
        groups += [self._same(group) for group in self._asked(view, matters, width, height)]
        columns = len({box.x for box in places}) or 1
        whole = Screen(width, height, tuple(groups))
        unseen = tuple(dict.fromkeys(m.key for m in matters if m.step > Step.SEEN))
        return Composed(whole, order, columns, matters, unseen, scroll)

    # -- tiles

    def _all_tiles(self, matters: Sequence[Matter], now_ns: int) -> dict[Key, Tile]:
        of_room: dict[Key, list[Matter]] = defaultdict(list)
        for matter in matters:
            of_room[matter.key].append(matter)
        tiles = {}
        for key, found in self._ward.places.items():
            own = of_room.get(key, [])
            age_s = self._ward.age_s(found, now_ns)
            state = (
                found.revision,
                None if age_s is None else int(age_s),
                self._ward.standing(found, now_ns),
                found.label,
                tuple((m.id, m.step, int(m.open_s), m.seen_by) for m in own),
            )
            known = self._tiles.get(key)
            if known is None or known[0] != state:
                clock = (
                    found.seen_at.astimezone().strftime("%H:%M")
                    if found.seen_at is not None
                    else ""
                )
                made = tile(self._ward, found, own, now_ns, say=self._say, clock=clock)
                # What says the same as before is the same, so that it is not drawn.
                if known is not None and known[1] == made:
                    made = known[1]
                known = self._tiles[key] = (state, made)
            tiles[key] = known[1]
        return tiles

    def _order(self, tiles: Mapping[Key, Tile], by_severity: bool) -> tuple[Key, ...]:
        def place(key: Key) -> tuple[object, ...]:
            named = [
                (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold())
                for part in re.findall(r"\d+|\D+", tiles[key].name)
            ]
            return (tiles[key].severity if by_severity else 0, key[0], named, key[1])

        return tuple(sorted(tiles, key=place))

    def _tile(self, made: Tile, box: Box, chosen: bool) -> Group:
        key = f"tile {made.key}"
        state = (id(made), box, chosen)
        kept = self._groups.get(key)
        if kept is None or kept[0] != state:
            kept = self._groups[key] = (state, tile_group(made, box, chosen))
        return kept[1]

    # -- around them

    def _told(self, tiles: Mapping[Key, Tile], view: View, now_ns: int) -> list[str]:
        words = self._say.words
        told = [words.count("station.rooms", len(tiles))]
        running = sum(t.running is not None and t.standing is Standing.LIVE for t in tiles.values())
        told.append(words("station.in-session", count=running))
        if view.by_severity:
            told.append(words("station.sorted-severity"))
        if self._desk.second:
            told.append(words("station.second"))
        if view.muted_until_ns > now_ns:
            left_s = (view.muted_until_ns - now_ns) / NS_PER_S
            told.append(words("station.sound-muted", span=self._say.age(left_s)))
        elif self.sound:
            told.append(self.sound)
        if self.failing is not None:
            told.append(words("station.not-kept", why=self.failing))
        if self._ward.not_understood:
            told.append(words("station.not-understood", count=self._ward.not_understood))
        return told

    def _link(self, box: Box, now_ns: int) -> Group:
        words, lost_ns = self._say.words, self._ward.lost_ns
        text = words("station.link-never")
        if lost_ns is not None:
            text = words("station.link-lost", span=self._say.age((now_ns - lost_ns) / NS_PER_S))
        return self._same(strips.link_banner(box, text, self._ward.fault or ""))

    def _detail(
        self, box: Box, made: Tile, found: Place, scroll: int, moment: Moment
    ) -> tuple[Group, int]:
        missing = sum(last - first + 1 for first, last in found.room.numbers.missing())
        others = self._ward.others.values()
        watchers = [other.name for other in others if other.watches(found.key, moment.now_ns)]
        group, scroll = detail_group(
            box,
            made,
            found,
            missing=missing,
            watchers=sorted(watchers),
            scroll=scroll,
            say=self._say,
        )
        return self._same(group), scroll

    def _empty(self, area: Box) -> Group:
        words = self._say.words
        middle = Box(area.x, area.y + area.height * 0.35, area.width, 60)
        topic = f"{ROOT}/…/state"
        return self._same(
            Group(
                "empty",
                area,
                (
                    Text(middle, words("station.no-rooms"), 34, Role.TEXT, True, "centre"),
                    Text(
                        Box(middle.x, middle.bottom, middle.width, 34),
                        words("station.no-rooms-more", topic=topic),
                        18,
                        Role.SECOND,
                        align="centre",
                    ),
                ),
            )
        )

    def _foot(self, width: float, height: float) -> Group:
        words = self._say.words
        box = Box(0, height - strips.FOOT, width, strips.FOOT)
        return self._same(strips.foot(box, words("station.help-hint"), self._say))

    def _asked(
        self, view: View, matters: Sequence[Matter], width: float, height: float
    ) -> list[Group]:
        asked = []
        if view.help:
            asked.append(strips.keys_help(width, height, self._say))
        if view.asking is not None and view.chosen is not None:
            found = self._ward.places.get(view.chosen)
            name = found.label if found is not None else view.chosen[1]
            open_there = [matter for matter in matters if matter.key == view.chosen]
            if open_there:
                asked.append(
                    strips.initials(
                        width, height, name, open_there, typed=view.asking, say=self._say
                    )
                )
            else:
                asked.append(strips.nothing_open(width, height, name, self._say))
        if view.leaving:
            asked.append(strips.leaving(width, height, self._say))
        return asked

    def _same(self, group: Group) -> Group:
        """The group that stood there before, when this one is equal to it."""
        kept = self._groups.get(group.key)
        if kept is not None and kept[1] == group:
            return kept[1]
        self._groups[group.key] = (None, group)
        return group
