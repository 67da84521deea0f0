"""What conversations tell the apps to the right of them."""

from django.dispatch import Signal

#: A question has gone to staff. Sent inside the transaction that stores `escalation`, so that what
#: a receiver writes is stored with it or not at all. Also gives `hours`, a `StaffHours`.
escalated = Signal()
