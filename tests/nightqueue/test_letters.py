"""The weekly letter: on Monday morning by the inn's clock, once, to owners who want it."""

import threading
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from chat.learning import learn
from chat.models import Conversation
from chat.retention import delete_conversation
from facilities.models import AuditEvent, Facility, Membership, User
from faq.models import FaqRevision
from faq.services import add_guest_wordings, change_faq, create_faq, delete_faq
from nightqueue.letters import make_weekly_letters
from nightqueue.models import Delivery, WeeklyLetter
from nightqueue.outbox import send_pending
from nightqueue.tasks import look_after_staff
from nightqueue.weekly import Week
from tests.chat.test_statistics import ask
from tests.conftest import SAKURA_FACTS

#: Monday, 8 in the morning in Japan.
MORNING = datetime(2026, 12, 6, 23, tzinfo=UTC)
MONDAY = date(2026, 11, 30)
ASKED = MORNING - timedelta(days=3)
MINUTE = timedelta(minutes=1)
PARROT = "can my parrot surf"


def inn(zone, slug="inn", **fields):
    facility = Facility.objects.create(slug=slug, timezone=zone, **SAKURA_FACTS | fields)
    user = User.objects.create_user(f"{slug}@example.com", "sakura-no-ki-2026")
    Membership.objects.create(facility=facility, user=user, role="owner")
    return facility


def hand_over(facility, text=PARROT, at=ASKED, **fields):
    return ask(facility, at=at, source="handed_over", trigger="low_confidence", text=text, **fields)


def letter_of(mail):
    (message,) = mail.messages
    return message.get_content().replace("\r\n", "\n")


def sent(mail, at=MORNING):
    make_weekly_letters(at)
    send_pending()
    return letter_of(mail)


# When -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "asked", "due"),
    [
        ("Asia/Tokyo", "2026-12-03T03:00Z", "2026-12-06T23:00Z"),
        ("Pacific/Kiritimati", "2026-12-03T03:00Z", "2026-12-06T18:00Z"),
        ("Asia/Kathmandu", "2026-12-03T03:00Z", "2026-12-07T02:15Z"),
        ("Pacific/Pago_Pago", "2026-12-03T03:00Z", "2026-12-07T19:00Z"),
        # Clocks are set forward, and back, on the Sunday before.
        ("America/New_York", "2026-03-05T12:00Z", "2026-03-09T12:00Z"),
        ("America/New_York", "2026-10-29T12:00Z", "2026-11-02T13:00Z"),
    ],
)
def test_it_is_made_at_eight_on_monday_by_the_inns_clock(db, zone, asked, due):
    facility = inn(zone)
    ask(facility, at=datetime.fromisoformat(asked))
    due = datetime.fromisoformat(due)

    assert make_weekly_letters(due - MINUTE) == []
    (letter,) = make_weekly_letters(due)
    assert letter.facility == facility
    assert Delivery.objects.get().weekly_letter == letter


@pytest.mark.parametrize(("hours", "count"), [(-24, 0), (0, 1), (47, 1), (49, 0), (6 * 24, 0)])
def test_late_it_is_still_sent_but_not_when_it_is_no_news(sakura, hanako, hours, count):
    ask(sakura, at=ASKED)

    assert len(make_weekly_letters(MORNING + timedelta(hours=hours))) == count


def test_its_week_begins_and_ends_at_the_inns_midnight(sakura):
    first = datetime(2026, 11, 29, 15, tzinfo=UTC)
    for at in (first - MINUTE, first, first + timedelta(days=7) - MINUTE):
        ask(sakura, at=at)
    ask(sakura, at=first + timedelta(days=7))

    assert Week(sakura, MONDAY).figures.questions == 2


def test_an_inn_that_moves_to_another_time_zone_gets_one(sakura, hanako):
    ask(sakura, at=ASKED)
    make_weekly_letters(MORNING)
    Facility.objects.filter(pk=sakura.pk).update(timezone="America/New_York")

    assert make_weekly_letters(MORNING + timedelta(hours=14)) == []


# Once -------------------------------------------------------------------------------------------


def test_however_often_beat_looks_it_is_sent_once_a_week(sakura, hanako, mail, at):
    ask(sakura, at=ASKED)
    at(MORNING)
    for _beat in range(3):
        look_after_staff()
    assert len(mail.mails) == 1

    ask(sakura, at=ASKED + timedelta(days=7))
    at(MORNING + timedelta(days=7))
    look_after_staff()
    assert len(mail.mails) == 2


def test_two_workers_at_once_make_one(committed, sakura, hanako):
    ask(sakura, at=ASKED)
    barrier = threading.Barrier(2)

    def work():
        barrier.wait()
        make_weekly_letters(MORNING)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert WeeklyLetter.objects.filter(facility=sakura).count() == 1
    assert Delivery.objects.filter(kind="letter").count() == 1


def test_a_worker_killed_before_it_is_stored_leaves_nothing(sakura, hanako, monkeypatch):
    ask(sakura, at=ASKED)

    def die(_deliveries):
        raise SystemExit

    with monkeypatch.context() as killed:
        killed.setattr("nightqueue.letters.post", die)
        with pytest.raises(SystemExit):
            make_weekly_letters(MORNING)
    assert not WeeklyLetter.objects.exists()

    assert len(make_weekly_letters(MORNING)) == 1


def test_a_mail_server_that_is_away_gets_it_later_with_the_same_key(sakura, hanako, mail):
    ask(sakura, at=ASKED)
    mail.to_message.append("451 try later")
    make_weekly_letters(MORNING)
    send_pending()
    delivery = Delivery.objects.get()
    assert (mail.mails, delivery.state) == ([], "pending")

    Delivery.objects.update(next_attempt_at=delivery.created_at)
    send_pending()

    (message,) = mail.messages
    assert str(delivery.key) in message["Message-ID"]


def test_a_wrong_address_is_given_up_visibly(sakura, hanako, mail):
    ask(sakura, at=ASKED)
    mail.to_recipient.append("550 no such user")
    make_weekly_letters(MORNING)
    send_pending()

    delivery = Delivery.objects.get()
    assert (delivery.state, mail.mails) == ("failed", [])
    assert "refuses the address" in delivery.last_error


def test_one_inns_trouble_is_not_anothers(sakura, maple, hanako, momiji, monkeypatch):
    from django.db import DatabaseError

    from nightqueue import letters

    make = letters.make_weekly_letter
    for facility in (sakura, maple):
        ask(facility, at=ASKED)

    def stumble(facility_id, week):
        if facility_id == sakura.pk:
            raise DatabaseError
        return make(facility_id, week)

    monkeypatch.setattr(letters, "make_weekly_letter", stumble)
    assert [letter.facility for letter in make_weekly_letters(MORNING)] == [maple]


# To whom ----------------------------------------------------------------------------------------


def test_owners_get_it_and_nobody_else(sakura, maple, hanako, momiji, mail):
    def member(name, **fields):
        user = User.objects.create_user(f"{name}@example.com", "sakura-no-ki-2026")
        return Membership.objects.create(facility=sakura, user=user, **{"role": "owner"} | fields)

    member("staff", role="staff")
    member("quiet", weekly_letter=False)
    member("invited", joined_at=None)
    User.objects.filter(pk=member("gone").user_id).update(is_active=False)
    member("second")
    ask(sakura, at=ASKED)

    make_weekly_letters(MORNING)
    send_pending()

    receivers = sorted(to for (to,), _message in mail.mails)
    assert receivers == ["hanako@sakura.example.com", "second@example.com"]


@pytest.mark.parametrize(
    "change", [{"weekly_letter": False}, {"role": "staff"}, None], ids=["off", "staff", "removed"]
)
def test_who_is_no_reader_any_more_when_it_is_sent_gets_none(sakura, hanako, mail, change):
    ask(sakura, at=ASKED)
    make_weekly_letters(MORNING)
    if change:
        Membership.objects.filter(user=hanako).update(**change)
    else:
        Membership.objects.filter(user=hanako).delete()

    send_pending()

    assert mail.mails == []
    assert Delivery.objects.get().state == "needless"


def test_a_week_without_questions_is_not_told(sakura, hanako):
    ask(sakura, at=ASKED, source="manners")

    assert make_weekly_letters(MORNING) == []
    assert not Delivery.objects.exists()


def test_nor_one_whose_guests_have_deleted_what_they_said(sakura, hanako, mail):
    ask(sakura, at=ASKED)
    make_weekly_letters(MORNING)
    delete_conversation(Conversation.objects.get())

    send_pending()

    assert mail.mails == []


def test_an_inn_that_is_closed_gets_none(sakura, hanako):
    ask(sakura, at=ASKED)
    Facility.objects.update(is_active=False)

    assert make_weekly_letters(MORNING) == []


def test_an_owner_switches_it_off_and_that_is_on_record(sakura, hanako):
    client = Client(headers={"accept-language": "en"})
    client.force_login(hanako)
    member = Membership.objects.get(user=hanako)
    address = f"/admin/facilities/membership/{member.pk}/change/"
    assert "weekly letter" in client.get(address).content.decode().lower()

    client.post(address, {"facility": sakura.pk, "role": "owner"})

    member.refresh_from_db()
    assert not member.weekly_letter
    assert AuditEvent.objects.filter(action="changed", fields=["weekly_letter"]).count() == 1
    client.post(address, {"facility": sakura.pk, "role": "owner", "weekly_letter": "on"})
    member.refresh_from_db()
    assert member.weekly_letter


# What it says -----------------------------------------------------------------------------------


def test_it_tells_how_much_was_asked_and_saved(sakura, hanako, mail):
    for number in range(20):
        ask(sakura, at=ASKED, faq=sakura.faqs.first(), text=f"q{number}")
    hand_over(sakura)
    for _question in range(2):
        ask(sakura, at=ASKED - timedelta(days=7))

    text = sent(mail)

    assert mail.messages[0]["Subject"].strip() == "さくら屋：先週のまとめ（お客様の質問21件）"
    assert "さくら屋の先週（11月30日～12月6日）のまとめ" in text
    assert "21件の質問がありました（前の週は2件）" in text
    assert "そのうち20件（95％）" in text
    assert "およそ1.0時間分" in text


def test_it_is_in_english_where_the_inns_own_language_is_another(sakura, hanako, mail):
    Facility.objects.filter(pk=sakura.pk).update(language="fr")
    hand_over(sakura)

    text = sent(mail)

    assert "Last week at さくら屋, 30 November to 6 December." in text
    assert "1. can my parrot surf (guests: 1)" in text
    assert "件" not in text


def test_it_names_the_faqs_of_the_week(sakura, hanako, mail, at):
    def create(question):
        texts = {"ja": (question, "はい")}
        return create_faq(facility=sakura, actor=hanako, category="basic", texts=texts)

    at(ASKED - timedelta(days=7))
    create("前の週")
    at(ASKED)
    create("凧を借りられますか")
    delete_faq(faq=create("消したもの"), actor=hanako)
    laundry = sakura.faqs.get(intent_key="facilities_laundry")
    for answer in ("2階です", "3階です"):
        change_faq(faq=laundry, actor=hanako, texts={"ja": ("洗濯機はどこですか", answer)})
    ask(sakura, at=ASKED)

    text = sent(mail)

    assert "・追加：凧を借りられますか" in text
    assert text.count("・変更：洗濯機はどこですか") == 1
    assert "前の週\n" not in text
    assert "消したもの" not in text


def test_many_changes_are_counted(sakura, hanako, mail, at):
    at(ASKED)
    for faq in sakura.faqs.all()[:8]:
        change_faq(faq=faq, actor=hanako, priority=1 + faq.priority % 5)
    ask(sakura, at=ASKED)

    text = sent(mail)

    assert FaqRevision.objects.count() == 8
    assert text.count("・変更：") == 6
    assert "・変更：ほか3件" in text


def test_it_tells_the_three_gaps_of_most_guests_each_with_a_link_that_closes_it(
    sakura, hanako, mail, settings
):
    settings.PUBLIC_BASE_URL = "https://yado.example.com"
    for text, guests in (("a kite?", 1), ("a boat?", 3), ("a drum?", 2), (PARROT, 4)):
        for _guest in range(guests):
            hand_over(sakura, text)

    text = sent(mail)

    assert [line for line in text.splitlines() if line[:2] in {"1.", "2.", "3.", "4."}] == [
        f"1. {PARROT}（お客様4名）",
        "2. a boat?（お客様3名）",
        "3. a drum?（お客様2名）",
    ]
    link = text.split(PARROT)[1].split("https://yado.example.com")[1].split()[0]
    client = Client()
    client.force_login(hanako)
    form = client.get(link, follow=True).context["adminform"].form
    assert form["question_en"].value() == PARROT


def test_it_counts_what_guests_words_were_added_in_the_week(sakura, hanako, mail, at):
    laundry = sakura.faqs.get(intent_key="facilities_laundry")
    at(ASKED - timedelta(days=7))
    add_guest_wordings(laundry, {("en", "clothes are soaked")})
    at(ASKED)
    add_guest_wordings(laundry, {("en", "spin my shirts"), ("fr", "laver mon linge")})
    ask(sakura, at=ASKED)

    assert "・お客様の実際の聞き方を2件、FAQに加えました" in sent(mail)


def test_it_names_the_suggestions_that_wait_and_where_they_are(
    sakura, maple, hanako, mail, settings
):
    settings.PUBLIC_BASE_URL = "https://yado.example.com"
    for inn, texts in ((sakura, (PARROT, "a drum kit at noon")), (maple, ("a sledge",))):
        for text in texts:
            hand_over(inn, text)
        learn(inn)

    text = sent(mail)

    assert "■ 確認待ちのFAQの候補（2件）" in text
    client = Client()
    client.force_login(hanako)
    page = client.get(text.split("候補（2件）")[1].split("https://yado.example.com")[1].split()[0])
    assert PARROT in page.content.decode()


def test_without_suggestions_it_does_not_speak_of_them(sakura, hanako, mail):
    ask(sakura, at=ASKED)

    assert "FAQの候補" not in sent(mail)


def test_a_gap_that_is_closed_since_is_not_told(sakura, hanako, mail):
    hand_over(sakura)
    hand_over(sakura, "is there a washing machine")

    text = sent(mail)

    assert PARROT in text
    assert "washing" not in text


def test_without_a_gap_it_says_so(sakura, hanako, mail):
    ask(sakura, at=ASKED, faq=sakura.faqs.first())

    assert "お答えできずに残っている質問はありません" in sent(mail)


def test_it_tells_neither_a_secret_nor_who_asked(sakura, hanako, mail):
    reply = hand_over(
        sakura,
        "does hanami-1234 fit my\nparrot John? Write to john@example.com or +81 90-1234-5678",
        language="en",
    )
    Conversation.objects.update(contact_email="guest@example.com", location="room-203")
    reply.reply_to.staff_text = "hanami-1234はオウムに合いますか"
    reply.reply_to.save()

    text = sent(mail)

    for personal in ("hanami-1234", "john@", "guest@", "5678", "room-203"):
        assert personal not in text
    assert "1. does … fit my parrot John? Write to … or …" in text
    assert "訳：…はオウムに合いますか" in text


def test_nothing_of_another_inn_is_in_it(sakura, maple, hanako, mail):
    ask(sakura, at=ASKED)
    hand_over(maple, "their parrot")
    text = sent(mail)

    assert "1件の質問" in text
    assert "parrot" not in text


def test_its_links_lead_to_the_first_page_and_to_the_switch(sakura, hanako, mail, settings):
    settings.PUBLIC_BASE_URL = "https://yado.example.com"
    ask(sakura, at=ASKED)
    member = Membership.objects.get(user=hanako)

    text = sent(mail)

    assert f"https://yado.example.com/admin/?facility={sakura.pk}\n" in text
    assert f"https://yado.example.com/admin/facilities/membership/{member.pk}/change/" in text


# The command ------------------------------------------------------------------------------------


def run(**options):
    out = StringIO()
    call_command("send_weekly_letters", stdout=out, **options)
    return out.getvalue()


def test_a_dry_run_sends_nothing(sakura, hanako, mail):
    ask(sakura, at=ASKED)

    said = run(at=MORNING.isoformat(), dry_run=True)

    assert "sakura week of 2026-11-30: 1 questions, 1 owners" in said
    assert "1 letters are due; nothing was sent." in said
    assert not WeeklyLetter.objects.exists()


def test_it_sends_what_is_due_at_that_moment(sakura, hanako, mail):
    ask(sakura, at=ASKED)

    assert "1 letters made." in run(at="2026-12-07T08:00+09:00")
    assert "0 letters made." in run(at="2026-12-07T08:00+09:00")
    assert len(mail.mails) == 1


@pytest.mark.parametrize("moment", ["monday", "2026-12-07T08:00", "2026-13-07T08:00+09:00"])
def test_a_moment_that_is_none_is_refused(db, moment):
    with pytest.raises(CommandError, match="--at"):
        run(at=moment)
