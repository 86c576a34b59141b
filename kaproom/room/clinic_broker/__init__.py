"""A clinic's own broker: Mosquitto that tells rooms, stations and dashboards apart.

Whoever connects is known by a certificate of the clinic's own authority (a dashboard may
have a password instead), is called by that name whatever it claims, and may do what the
list of rights says for that name and nothing else. All of it lies in one folder that
``kaproom broker`` makes and keeps: see BROKER.md beside this file.
"""

from kaproom.room.clinic_broker.folder import ClinicBroker
from kaproom.room.clinic_broker.identity import Identity, Kind
from kaproom.room.clinic_broker.listening import Listening

__all__ = ["ClinicBroker", "Identity", "Kind", "Listening"]
