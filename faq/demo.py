"""The inn that a new installation shows."""

from datetime import time
from typing import Any, Final

from django.db import transaction

from facilities.models import Facility, SiteKey
from faq.services import add_starter_faqs

SLUG: Final = "demo"
# The phone number is of the range that Japan keeps for examples.
FACTS: Final[dict[str, Any]] = {
    "name": "やどぺらゲストハウス",
    "name_en": "Yadopera Guesthouse",
    "email": "hello@yadopera.example.com",
    "phone": "03-0000-0000",
    "address": "東京都台東区花町1-2-3",
    "check_in_time": time(15, 0),
    "check_out_time": time(10, 0),
    "wifi_ssid": "Yadopera-Guest",
    "wifi_password": "hanamachi-2026",
    "house_rules": (
        "22:00から7:00まではお静かにお願いします。館内は全面禁煙です。"
        "玄関で靴を脱いでお上がりください。共用キッチンは使った後に洗って元の場所へお戻しください。"
    ),
    "local_info": (
        "最寄り駅まで徒歩5分。24時間営業のコンビニが徒歩1分、スーパーが徒歩4分、"
        "銭湯が徒歩6分、ドラッグストアが徒歩3分のところにあります。"
    ),
    "prohibited_items": (
        "館内での喫煙、ろうそくやお香など火の出るもの、カセットこんろの持ち込みはご遠慮ください。"
    ),
}


@transaction.atomic
def load_demo() -> Facility:
    """The demo inn with all starter FAQs and a QR key. Keeps whatever was changed in it."""
    facility, _created = Facility.objects.get_or_create(slug=SLUG, defaults=FACTS)
    add_starter_faqs(facility, confirmed=True)
    if not SiteKey.objects.for_facility(facility).valid().exists():
        SiteKey.objects.create(facility=facility, location="entrance")
    return facility
