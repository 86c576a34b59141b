"""A clinic's broker: each may do what it should, and every crossing is refused.

Every test runs on a real Mosquitto with the settings and the certificates that
`kaproom broker` made, and shows in the same run that the honest way works.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bus import Peer, TurnedAway, listening_addresses
from clinic import (
    AUDITORS,
    DASHBOARD,
    ELSEWHERE,
    EVERYBODY,
    OTHER_ROOM,
    OTHER_STATION,
    ROOM,
    STATION,
    Clinic,
    copied,
    running,
)
from pulse import until

from kaproom.room import broker as launcher
from kaproom.room.clinic_broker import authority as authorities
from kaproom.room.clinic_broker.listening import PACKET_MAX_BYTES

pytestmark = pytest.mark.skipif(
    launcher._program("mosquitto") is None, reason="apt-get install mosquitto"
)

VERSIONS = pytest.mark.parametrize("mqtt5", [False, True], ids=["mqtt3", "mqtt5"])

_marks = itertools.count(1)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Two rooms, two stations and two dashboards of one site, a room of another."""
    made = Clinic(tmp_path_factory.mktemp("clinic") / "broker").enrol(*EVERYBODY).add_browser()
    with running(made.let_in_auditors()) as clinic:
        yield clinic


@pytest.fixture
def own_clinic(tmp_path: Path) -> Iterator[Clinic]:
    """A broker that this test may change."""
    with running(Clinic(tmp_path / "broker").enrol(*EVERYBODY)) as clinic:
        yield clinic


def heard_by(auditor: Peer, clinic: Clinic) -> list[tuple[str, bytes]]:
    """All that was sent until now: an honest word that comes last has been heard."""
    word = f"honest {next(_marks)}".encode()
    with clinic.peer("hospital/room-1") as honest:
        assert honest.publish("kaproom/1/hospital/room-1/mark", word)
    auditor.wait_for_topic("kaproom/1/hospital/room-1/mark", word)
    return [(heard.topic, heard.payload) for heard in auditor.heard]


def attempts(forger: Peer, topics: list[str]) -> None:
    """Publish each in every way there is."""
    for topic, qos, retain in itertools.product(topics, (0, 1, 2), (False, True)):
        forger.publish(topic, b"forged", qos=qos, retain=retain)


def nothing_forged(clinic: Clinic, auditor: Peer) -> bool:
    """Nobody heard it, and nothing of it was retained."""
    live = heard_by(auditor, clinic)
    with clinic.auditor(AUDITORS[1]) as late:
        retained = heard_by(late, clinic)
    return all(payload != b"forged" for _, payload in (*live, *retained))


ROOMS_TOPICS = ["state", "availability", "meta", "event/phase", "attention/call", "replay/req"]


@VERSIONS
def test_a_room_speaks_in_its_own_subtree_and_nowhere_else(clinic: Clinic, mqtt5: bool) -> None:
    foreign = [
        *(f"kaproom/1/{OTHER_ROOM}/{topic}" for topic in ROOMS_TOPICS),
        *(f"kaproom/1/{ELSEWHERE}/{topic}" for topic in ROOMS_TOPICS),
        *(f"kaproom/1/{STATION}", "kaproom/1/clinic/station/room-1", "kaproom/1/clinic"),
        *("kaproom/1/clinic/room-10/state", "kaproom/2/clinic/room-1/state", "anything"),
        *("$SYS/broker/uptime", "kaproom/1/clinic//room-1/state"),
    ]
    with clinic.auditor() as auditor, clinic.peer(ROOM, mqtt5=mqtt5) as room:
        attempts(room, foreign)
        if mqtt5:
            assert not room.publish(f"kaproom/1/{OTHER_ROOM}/state", b"forged")
        assert nothing_forged(clinic, auditor)
        for topic in ROOMS_TOPICS:
            assert room.publish(f"kaproom/1/{ROOM}/{topic}", b"honest", retain=topic == "state")
            auditor.wait_for_topic(f"kaproom/1/{ROOM}/{topic}", b"honest")


@VERSIONS
def test_a_station_speaks_for_itself_and_asks_for_replays_and_writes_no_room_s_state(
    clinic: Clinic, mqtt5: bool
) -> None:
    foreign = [
        *(f"kaproom/1/{ROOM}/{topic}" for topic in ROOMS_TOPICS if topic != "replay/req"),
        *(f"kaproom/1/{OTHER_STATION}", f"kaproom/1/{STATION}/deeper", "kaproom/1/clinic/station"),
        *(f"kaproom/1/{ELSEWHERE}/replay/req", f"kaproom/1/{ROOM}/replay/req/deeper"),
        *("kaproom/1/hospital/station/desk-1", f"kaproom/1/{ELSEWHERE}/state"),
    ]
    with clinic.auditor() as auditor, clinic.peer(STATION, mqtt5=mqtt5) as station:
        attempts(station, foreign)
        assert nothing_forged(clinic, auditor)
        with clinic.peer(ROOM) as room:
            room.subscribe("kaproom/1/clinic/station/+", f"kaproom/1/{ROOM}/replay/req")
            assert station.publish(f"kaproom/1/{STATION}", b"seen", retain=True)
            assert station.publish(f"kaproom/1/{ROOM}/replay/req", b"from 7")
            room.wait_for_topic(f"kaproom/1/{STATION}", b"seen")
            room.wait_for_topic(f"kaproom/1/{ROOM}/replay/req", b"from 7")


@pytest.mark.parametrize("who", ["certificate", "password"])
def test_a_dashboard_reads_its_site_and_writes_nothing(clinic: Clinic, who: str) -> None:
    foreign = [
        *(f"kaproom/1/{ROOM}/{topic}" for topic in ROOMS_TOPICS),
        *(f"kaproom/1/{STATION}", f"kaproom/1/{DASHBOARD}", "kaproom/1/clinic/dashboard/browser"),
    ]
    dashboard = clinic.peer(DASHBOARD) if who == "certificate" else clinic.browser()
    with clinic.auditor() as auditor, dashboard, clinic.peer(ROOM) as room:
        attempts(dashboard, foreign)
        assert nothing_forged(clinic, auditor)
        dashboard.subscribe("kaproom/1/clinic/#")
        assert room.publish(f"kaproom/1/{ROOM}/event/note", b"honest")
        dashboard.wait_for_topic(f"kaproom/1/{ROOM}/event/note", b"honest")


TO_ALL = ["#", "kaproom/#", "kaproom/1/#", "+/+/+/+/+", "$SYS/#", "$share/all/kaproom/1/#"]


@VERSIONS
def test_a_room_that_subscribes_to_all_hears_itself_and_the_stations_of_its_site(
    clinic: Clinic, mqtt5: bool
) -> None:
    with (
        clinic.peer(OTHER_ROOM) as other,
        clinic.peer(ELSEWHERE) as elsewhere,
        clinic.peer(STATION) as station,
        clinic.peer(ROOM, mqtt5=mqtt5) as room,
    ):
        other.publish(f"kaproom/1/{OTHER_ROOM}/state", b"early", retain=True)
        elsewhere.publish(f"kaproom/1/{ELSEWHERE}/state", b"early", retain=True)
        room.subscribe(*TO_ALL, f"kaproom/1/{OTHER_ROOM}/state", f"kaproom/1/{OTHER_ROOM}/#")
        other.publish(f"kaproom/1/{OTHER_ROOM}/state", b"late", retain=True)
        other.publish(f"kaproom/1/{OTHER_ROOM}/event/note", b"late", qos=0)
        elsewhere.publish(f"kaproom/1/{ELSEWHERE}/state", b"late")
        station.publish(f"kaproom/1/{OTHER_ROOM}/replay/req", b"not for this room")
        station.publish(f"kaproom/1/{STATION}", b"last", retain=True)
        room.publish(f"kaproom/1/{ROOM}/state", b"last")
        room.wait_for_topic(f"kaproom/1/{STATION}", b"last")
        room.wait_for_topic(f"kaproom/1/{ROOM}/state", b"last")
        allowed = (f"kaproom/1/{ROOM}/", "kaproom/1/clinic/station/")
        assert [topic for topic in room.topics() if not topic.startswith(allowed)] == []


@pytest.mark.parametrize("who", [STATION, DASHBOARD])
def test_a_station_or_dashboard_that_subscribes_to_all_hears_its_own_site_alone(
    clinic: Clinic, who: str
) -> None:
    with clinic.peer(ELSEWHERE) as elsewhere, clinic.peer(ROOM) as room, clinic.peer(who) as peer:
        elsewhere.publish(f"kaproom/1/{ELSEWHERE}/state", b"early", retain=True)
        peer.subscribe(*TO_ALL, f"kaproom/1/{ELSEWHERE}/state")
        elsewhere.publish(f"kaproom/1/{ELSEWHERE}/state", b"late", retain=True)
        room.publish(f"kaproom/1/{ROOM}/state", b"last")
        peer.wait_for_topic(f"kaproom/1/{ROOM}/state", b"last")
        assert [topic for topic in peer.topics() if not topic.startswith("kaproom/1/clinic/")] == []


def left_behind(peer: Peer) -> None:
    """Connect, then die without a goodbye; returns when the broker has dealt with it."""
    with contextlib.suppress(TurnedAway), peer as dying:
        dying.drop()
        assert dying.ended.wait(10.0)


@VERSIONS
@pytest.mark.parametrize("forger", [ROOM, STATION, DASHBOARD])
def test_a_last_will_in_another_s_name_is_never_sent(
    clinic: Clinic, forger: str, mqtt5: bool
) -> None:
    foreign = f"kaproom/1/{OTHER_ROOM}/availability"
    own = f"kaproom/1/{ROOM}/availability"
    with clinic.auditor() as auditor:
        left_behind(clinic.peer(forger, will=(foreign, b"forged"), mqtt5=mqtt5))
        # The same name again: the broker has buried its former connection before it answers.
        clinic.peer(forger).connect().close()
        left_behind(clinic.peer(ROOM, will=(own, b"offline"), mqtt5=mqtt5))
        clinic.peer(ROOM).connect().close()
        auditor.wait_for_topic(own, b"offline")
        assert nothing_forged(clinic, auditor)


@pytest.mark.parametrize("thief", [ROOM, STATION, DASHBOARD, "browser"])
def test_a_stolen_client_id_neither_pushes_its_owner_out_nor_gives_its_rights(
    clinic: Clinic, thief: str
) -> None:
    claims = {"client_id": OTHER_ROOM}
    with clinic.auditor() as auditor, clinic.peer(OTHER_ROOM, **claims) as owner:
        stolen = clinic.browser(**claims) if thief == "browser" else clinic.peer(thief, **claims)
        with stolen:
            attempts(stolen, [f"kaproom/1/{OTHER_ROOM}/state"])
            assert nothing_forged(clinic, auditor)
            assert not owner.ended.is_set()
            assert owner.publish(f"kaproom/1/{OTHER_ROOM}/state", b"honest")
        auditor.wait_for_topic(f"kaproom/1/{OTHER_ROOM}/state", b"honest")


def test_a_user_that_is_claimed_beside_a_certificate_counts_for_nothing(clinic: Clinic) -> None:
    with (
        clinic.auditor() as auditor,
        clinic.peer(ROOM, login=(OTHER_ROOM, "any")) as room,
    ):
        attempts(room, [f"kaproom/1/{OTHER_ROOM}/state"])
        assert nothing_forged(clinic, auditor)
        assert room.publish(f"kaproom/1/{ROOM}/state", b"honest")


def test_nobody_gets_in_without_a_certificate_of_the_clinic_s_authority(
    clinic: Clinic, tmp_path: Path
) -> None:
    foreign = Clinic(tmp_path / "foreign").enrol(ROOM)
    server = (clinic.folder / "broker/server.crt", clinic.folder / "broker/server.key")
    for turned_away in (
        Peer(clinic.port, ca=clinic.ca),
        Peer(clinic.port, ca=clinic.ca, login=(ROOM, "any"), client_id=ROOM),
        Peer(clinic.port),
        Peer(clinic.port, login=(AUDITORS[0], "any")),
        Peer(clinic.port, ca=clinic.ca, pair=foreign.pair(ROOM)),
        Peer(clinic.port, ca=clinic.ca, pair=server),
    ):
        with pytest.raises(TurnedAway):
            turned_away.connect()
    with clinic.peer(ROOM) as honest:
        assert honest.publish(f"kaproom/1/{ROOM}/state", b"honest")


def test_a_certificate_that_has_run_out_keeps_its_owner_out(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorities, "CERTIFICATE_DAYS", -1 / 48)
    with pytest.raises(TurnedAway):
        Peer(clinic.port, ca=clinic.ca, pair=signed_by(clinic, ROOM, tmp_path)).connect()


def test_a_certificate_that_is_in_no_list_gets_in_and_may_do_nothing(
    clinic: Clinic, tmp_path: Path
) -> None:
    pair = signed_by(clinic, "clinic/room-9", tmp_path)
    with (
        clinic.auditor() as auditor,
        Peer(clinic.port, ca=clinic.ca, pair=pair) as unknown,
        clinic.peer(ROOM) as room,
    ):
        unknown.subscribe("#", f"kaproom/1/{ROOM}/state", "kaproom/1/clinic/room-9/#")
        attempts(unknown, ["kaproom/1/clinic/room-9/state", f"kaproom/1/{ROOM}/state"])
        assert room.publish(f"kaproom/1/{ROOM}/state", b"honest", retain=True)
        assert nothing_forged(clinic, auditor)
        unknown.publish("kaproom/1/clinic/room-9/state")  # its answer comes after what it heard
        assert unknown.topics() == []


def signed_by(clinic: Clinic, name: str, folder: Path) -> tuple[Path, Path]:
    """A certificate of the clinic's own authority that was never entered anywhere."""
    issued = clinic.authority().client(name)
    (folder / "unlisted.crt").write_bytes(issued.certificate)
    (folder / "unlisted.key").write_bytes(issued.key)
    return folder / "unlisted.crt", folder / "unlisted.key"


def test_websockets_take_no_anonymous_no_wrong_password_and_no_room_s_name(clinic: Clinic) -> None:
    user = "clinic/dashboard/browser"
    for login in (
        None,
        (user, None),
        (user, ""),
        (user, "wrong"),
        (ROOM, None),
        (ROOM, ""),
        (ROOM, "any"),
        ("", ""),
        ("nobody", "any"),
    ):
        with pytest.raises(TurnedAway):
            clinic.dashboard(login, client_id=user).connect()
    with clinic.browser() as dashboard:
        dashboard.subscribe("kaproom/1/clinic/#")


def test_websockets_are_open_to_this_machine_alone(clinic: Clinic) -> None:
    assert listening_addresses(clinic.pid) == {
        ("127.0.0.1", clinic.port),
        ("127.0.0.1", clinic.websockets_port),
    }


def test_websockets_for_the_network_are_encrypted_and_take_the_same_passwords(
    tmp_path: Path,
) -> None:
    made = Clinic(tmp_path / "broker", websockets="tls").enrol(ROOM).add_browser()
    with running(made) as clinic, clinic.peer(ROOM) as room:
        assert {host for host, _ in listening_addresses(clinic.pid)} == {"127.0.0.1"}
        with clinic.browser(ca=clinic.ca) as dashboard:
            dashboard.subscribe("kaproom/1/clinic/#")
            room.publish(f"kaproom/1/{ROOM}/state", b"honest")
            dashboard.wait_for_topic(f"kaproom/1/{ROOM}/state", b"honest")
        for turned_away in (
            clinic.browser(),  # not encrypted
            clinic.dashboard(None, ca=clinic.ca),
            clinic.dashboard((ROOM, "any"), ca=clinic.ca),
        ):
            with pytest.raises(TurnedAway):
                turned_away.connect()


def test_without_websockets_one_port_is_open(tmp_path: Path) -> None:
    with running(Clinic(tmp_path / "broker", websockets="off")) as clinic:
        assert listening_addresses(clinic.pid) == {("127.0.0.1", clinic.port)}


def test_whoever_was_revoked_is_muted_at_once_and_kept_out_and_the_others_are_not(
    own_clinic: Clinic, tmp_path: Path
) -> None:
    clinic, stolen = own_clinic, copied(own_clinic.pair(ROOM), tmp_path)
    with (
        clinic.peer(STATION) as station,
        Peer(clinic.port, ca=clinic.ca, pair=stolen) as thief,
        clinic.peer(OTHER_ROOM) as other,
    ):
        station.subscribe("kaproom/1/clinic/#")
        thief.subscribe("#")
        thief.publish(f"kaproom/1/{ROOM}/state", b"before", retain=True)
        station.wait_for_topic(f"kaproom/1/{ROOM}/state", b"before")
        assert clinic.broker.revoke(ROOM) == 1
        clinic.reload()
        # Only a second connection shows from outside that the list has been read.
        until(lambda: clinic.keeps_out(stolen))
        attempts_of_a_revoked(thief)
        assert other.publish(f"kaproom/1/{OTHER_ROOM}/state", b"honest")
        station.wait_for_topic(f"kaproom/1/{OTHER_ROOM}/state", b"honest")
        assert all(heard.payload != b"forged" for heard in station.heard)
        assert f"kaproom/1/{OTHER_ROOM}/state" not in thief.topics()
    clinic.restart()
    assert clinic.keeps_out(stolen)
    with clinic.peer(OTHER_ROOM) as other, clinic.peer(STATION) as station:
        assert other.publish(f"kaproom/1/{OTHER_ROOM}/state", b"back")


def attempts_of_a_revoked(thief: Peer) -> None:
    with contextlib.suppress(TurnedAway):  # so much the better
        attempts(thief, [f"kaproom/1/{ROOM}/state"])


def test_a_room_takes_neither_another_room_nor_a_stranger_for_its_broker(
    clinic: Clinic, tmp_path: Path
) -> None:
    stranger = Clinic(tmp_path / "stranger")
    impostors = (
        clinic.pair(OTHER_ROOM),
        (stranger.folder / "broker/server.crt", stranger.folder / "broker/server.key"),
    )
    for cert, key in impostors:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key)
        room = ssl.create_default_context(cafile=str(clinic.ca))
        room.check_hostname = False  # so that only what the certificate is for can refuse it
        ours, theirs = socket.socketpair()

        def serve(end: socket.socket, context: ssl.SSLContext) -> None:
            try:
                context.wrap_socket(end, server_side=True).close()
            except OSError:
                end.close()

        serving = threading.Thread(target=serve, args=(theirs, server))
        serving.start()
        with ours, pytest.raises(ssl.SSLCertVerificationError):
            room.wrap_socket(ours)
        serving.join()


def test_a_packet_that_is_too_large_hangs_up_on_its_sender_alone(clinic: Clinic) -> None:
    with clinic.auditor() as auditor, clinic.peer(OTHER_ROOM) as other:
        with clinic.peer(ROOM) as room, pytest.raises(TurnedAway):
            room.publish(f"kaproom/1/{ROOM}/event/large", bytes(PACKET_MAX_BYTES + 1))
        with clinic.peer(ROOM) as room:
            assert room.publish(f"kaproom/1/{ROOM}/meta", bytes(PACKET_MAX_BYTES - 100))
        assert other.publish(f"kaproom/1/{OTHER_ROOM}/meta", b"honest")
        auditor.wait_for_topic(f"kaproom/1/{OTHER_ROOM}/meta", b"honest")
        auditor.wait_for_topic(f"kaproom/1/{ROOM}/meta")
        assert f"kaproom/1/{ROOM}/event/large" not in auditor.topics()
