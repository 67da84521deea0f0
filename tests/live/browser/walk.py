"""The states in which a guest can see the page, one after the other."""

from playwright.sync_api import expect

UNCONSCIOUS = {
    "ja": "友達が意識を失っています",
    "en": "My friend is unconscious",
    "zh-TW": "我朋友失去意識了",
    "zh-CN": "我朋友失去意识了",
    "ko": "친구가 의식이 없어요",
    "fr": "Mon ami est inconscient",
    "es": "Mi amigo está inconsciente",
}
#: Nothing that an inn's guide answers.
UNKNOWN = "Would a saxophone quartet that rehearses opus 7 suit the neighbours?"
ASKING = "**/api/v1/chat/stream"


def walk(guest, desk, slug, language):
    """Yields the name of each state while the page is in it. What the inn refuses is made up."""
    page, find = guest.page, guest.page.locator
    yes, no = (find(f"#confirm [value={value}]") for value in ("yes", "no"))

    def refuse(address, status):
        body = {"detail": "This cannot be done now."}
        page.route(address, lambda route: route.fulfill(status=status, json=body))

    guest.scan(slug, language=language, token="ZZZZ")
    expect(yes).to_be_visible()
    yield "a link asks to join another device"
    no.click()

    yield "first open"
    find(".languages summary").click()
    yield "language menu"
    find(".languages summary").click()
    find("section details summary").first.click()
    find("#wifi").click()
    expect(find("#wifi-card img")).to_be_visible()
    yield "often asked, and the Wi-Fi card"

    find("#guide > summary").click()  # waits until the guide is there
    known = find("#guide .found summary").nth(2).inner_text()
    find("#guide input").fill(known)
    find("#guide .found summary").first.click()
    yield "guide: found"
    find("#guide input").fill("xyzzy")
    yield "guide: nothing found"

    find("#device > summary").click()
    find("#device input").fill("ZZZZ")
    find("#device form button").click()
    expect(find("#device .trouble")).not_to_be_empty()
    yield "device: a wrong code"

    waiting = []
    page.route(ASKING, lambda route: waiting.append(route))
    guest.write(known)
    expect(find("#messages .writing")).to_be_visible()
    yield "an answer is being written"
    waiting.pop().continue_()
    page.unroute(ASKING)
    # Kept from the inn: it would learn from so many walks not to give this answer any more.
    page.route("**/api/v1/chat/feedback", lambda route: route.fulfill(json={}))
    find("#messages .thumb.negative").click()
    expect(find("#messages .thanks button")).to_be_visible()
    yield "answered, and told that it did not help"

    find("#device .make button").click()
    expect(find("#device .code strong")).to_be_visible()
    yield "device: a code"
    find("#delete").click()
    yield "asked whether to delete"
    no.click()

    guest.ask(UNCONSCIOUS[language])
    yield "emergency"

    find("#person").click()
    yield "asked whether staff shall answer"
    no.click()
    guest.ask(UNKNOWN)
    find("#messages .mail summary").last.click()
    yield "handed over, with the form for mail"
    refuse("**/api/v1/chat/email", 503)
    find("#messages .mail input[type=email]").last.fill("guest@example.com")
    find("#messages .mail input[type=checkbox]").last.check()
    find("#messages .mail button").last.click()
    expect(find("#messages .mail .trouble")).to_be_visible()
    yield "mail: refused"

    desk.reply(guest, "はい、どうぞ。 https://maps.example.com/" + "a-long-address/" * 6)
    expect(guest.staff_replies).to_be_visible()
    yield "staff have replied"

    refuse(ASKING, 422)
    guest.write(UNKNOWN)
    expect(find("#messages .failed .note button")).to_be_visible()
    yield "a question is refused"
    page.unroute(ASKING)

    guest.lose_connection()
    guest.write(known)
    expect(find("#messages .meanwhile")).to_be_visible()
    yield "offline, a question waits with help below it"
    refuse(ASKING, 500)
    guest.find_connection()
    expect(find("#messages .meanwhile")).to_have_count(0)
    yield "the connection is back, the server fails"
