"""Who is one guest: as far as it can be told from what his device sends.

A session lasts a day, and a guest who stays longer, or wants to be many, has several. A device goes
on under the id of its last session (`Conversation.client_ref`), and so it is known again. Who
forgets his id on purpose is only known by his network, and that he shares with every guest who
uses the inn's Wi-Fi. Two phones on two networks cannot be told from two people.
"""

from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.crypto import salted_hmac

from chat.models import Conversation
from facilities.audit import shortened
from facilities.models import Facility

#: Sessions of one device that are followed back: a long stay.
LONGEST_STAY: Final = 31


def guest_of(conversation: Conversation) -> int:
    """The number of the guest: the same in all sessions of his device, one after the other."""
    first = conversation
    for _session in range(LONGEST_STAY):
        if first.client_ref is None:
            return first.pk
        earlier = Conversation.objects.for_facility(first.facility).filter(
            session_id=first.client_ref, pk__lt=first.pk
        )
        found = earlier.select_related("joined").first()
        if found is None:
            # A name that the device made up itself, and uses in each of its sessions.
            return number_of("device", first.facility, first.client_ref)
        first = found.joined or found
    return first.pk


def network_of(address: str, facility: Facility, at: datetime | None = None) -> int:
    """A number for the network of `address` at this inn in the week of `at`: the next week, and at
    another inn, the same network has another."""
    year, week, _day = (at or timezone.now()).isocalendar()
    return number_of("network", facility, f"{shortened(address)} {year} {week}")


def number_of(kind: str, facility: Facility, name: str) -> int:
    """63 bits, from which `name` cannot be told without the server's key."""
    digest = salted_hmac(f"chat.guests.{kind}", f"{facility.pk} {name}", algorithm="sha256")
    return int.from_bytes(digest.digest()[:8]) >> 1
