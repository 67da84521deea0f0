"""The optional second factor of sign-in: a code of an app on the phone, or a backup code.

django-otp keeps the devices, checks the codes and makes whoever fails wait longer each time.
"""

import base64
import secrets
import unicodedata
from typing import Final

from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from facilities import audit
from facilities.models import User
from facilities.qr import data_url, qr_svg

BACKUP_CODES: Final = 10
#: Without look-alikes; ten of them are 49 random bits.
CODE_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
CODE_LENGTH: Final = 10


def is_on(user: User) -> bool:
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def codes_left(user: User) -> int:
    devices = StaticDevice.objects.filter(user=user, confirmed=True)
    return sum(device.token_set.count() for device in devices)


@transaction.atomic
def verify(user: User, code: str) -> bool:
    """Whether `code` is right now; it is used up then. Wrong also while a wrong one before it still
    makes the caller wait."""
    code = plain(code)
    if code.isdecimal():
        app = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
        return app is not None and app.verify_token(code)
    sheet = StaticDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
    return sheet is not None and sheet.verify_token(digest_of(code))


def plain(code: str) -> str:
    """As people type it: in full-width digits, in groups, in capitals."""
    kept = unicodedata.normalize("NFKC", code).replace("-", "")
    return "".join(kept.split()).lower()[:100]


def digest_of(backup_code: str) -> str:
    """What is kept of a backup code. The library's column holds 16 characters; keyed with
    SECRET_KEY they cannot be tried out by whoever has only the database."""
    return salted_hmac("facilities.backup_code", backup_code, algorithm="sha256").hexdigest()[:16]


def device_to_set_up(user: User) -> TOTPDevice:
    """The one that counts once its first code was typed in; shown again, it is the same."""
    waiting = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    return waiting or TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def picture_of(device: TOTPDevice) -> str:
    """A `data:` URL of the QR code that an app scans."""
    return data_url(qr_svg(device.config_url), "image/svg+xml")


def key_of(device: TOTPDevice) -> str:
    """The secret as one types it into an app, in groups of four."""
    key = base64.b32encode(device.bin_key).decode()
    return " ".join(key[at : at + 4] for at in range(0, len(key), 4))


@transaction.atomic
def switch_on(user: User, code: str, *, request: HttpRequest) -> list[str] | None:
    """Ask for codes from the next sign-in on. The backup codes, which exist nowhere else from here
    on; None when `code` is not the new device's."""
    User.objects.select_for_update().get(pk=user.pk)
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    if device is None or not device.verify_token(plain(code)):
        return None
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
    audit.record_of_person(audit.Action.SECOND_FACTOR_ON, person=user, request=request)
    return replace_codes(user)


@transaction.atomic
def renew_codes(user: User, *, request: HttpRequest) -> list[str]:
    """New backup codes; the old ones count no more."""
    audit.record_of_person(audit.Action.CODES_RENEWED, person=user, request=request)
    return replace_codes(user)


def replace_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    sheet = StaticDevice.objects.create(user=user, name="backup codes")
    codes = [
        "".join(secrets.choice(CODE_LETTERS) for _letter in range(CODE_LENGTH))
        for _code in range(BACKUP_CODES)
    ]
    for code in codes:
        sheet.token_set.create(token=digest_of(code))
    half = CODE_LENGTH // 2
    return [f"{code[:half]}-{code[half:]}" for code in codes]


@transaction.atomic
def switch_off(user: User, *, by: User | None = None, request: HttpRequest) -> None:
    """The password alone is enough again. `by` is who did it for him, as an operator does when the
    phone is lost."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    audit.record_of_person(audit.Action.SECOND_FACTOR_OFF, person=user, by=by, request=request)
