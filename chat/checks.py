"""Conversations that an operator's check holds with the site (`manage.py smoke`).

They are answered as a guest's are, danger too, but call nobody, and no list shows them to staff.
Their questions are in the statistics while they last, which is seconds: the check deletes them.
What one that was killed leaves behind goes in the night.

Only who knows SECRET_KEY can hold one. Whoever else could would take the alarm from an emergency.
"""

from datetime import timedelta
from typing import Final

from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest

#: Of a request: the signature. Of its answer: `ACCEPTED`.
HEADER: Final = "X-Yadopera-Check"
ACCEPTED: Final = "accepted"
#: Each request is signed anew, so a signature that was overheard soon serves nobody.
SIGNATURE_LIFE: Final = timedelta(seconds=60)
#: No check takes longer.
CHECK_LIFE: Final = timedelta(minutes=10)

_signer: Final = TimestampSigner(salt="chat.checks")


def sign_check(facility_id: int) -> str:
    """What proves, for a minute, that a question to this facility is an operator's check."""
    return _signer.sign(str(facility_id))


def is_check(request: HttpRequest, facility_id: int) -> bool:
    try:
        signed = _signer.unsign(request.headers.get(HEADER, ""), max_age=SIGNATURE_LIFE)
    except BadSignature:
        return False
    return signed == str(facility_id)
