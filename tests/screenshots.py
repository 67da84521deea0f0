"""`python -m tests.screenshots`: the pictures of README.md, of a demo inn with a busy evening.

The whole of Yadopera is started in a home of its own, guests ask in their languages, staff reply,
and Chromium looks: docs/screenshots/*.png, each with few colours, to be small.
"""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.live.browser.conftest import CHROMIUM, FLAGS, Desk, Laptop, Phone
from tests.live.conftest import ROOT, Run

FOLDER: Final = ROOT / "docs" / "screenshots"
COLOURS: Final = 128
DESK: Final = {"width": 1280, "height": 860}
#: language -> what guests of it ask in this evening.
EVENING: Final = {
    "en": ("Is there a washing machine?", "Could we borrow a kite for the beach?"),
    "zh-TW": ("請問幾點可以辦理入住？", "附近有可以看螢火蟲的地方嗎？"),
    "ko": ("체크아웃은 몇 시까지예요?", "우쿨렐레를 빌릴 수 있나요?"),
    "fr": ("Où puis-je garer mon vélo ?",),
    "es": ("¿A qué hora es el desayuno?",),
}
KITE_REPLY: Final = "Yes, two kites are in the umbrella stand by the door."
DANGER: Final = "朋友昏倒了，叫不醒"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = Run(Path(folder) / "home").wait_until_ready()
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            phones = ask_in_the_evening(chromium, run)
            take("guest", phones["en"])
            danger = Phone(chromium, run.url, "zh-TW", device_scale_factor=2).scan()
            danger.ask(DANGER)
            take("guest-emergency", danger)
            take_staff_pages(chromium, run)
        finally:
            chromium.close()
            run.stop()


def ask_in_the_evening(chromium: Any, run: Run) -> dict[str, Phone]:
    phones = {}
    for language, questions in EVENING.items():
        phone = phones[language] = Phone(chromium, run.url, language, device_scale_factor=2).scan()
        for question in questions:
            phone.ask(question)
    Desk(run).reply(phones["en"], KITE_REPLY)
    expect(phones["en"].staff_replies).to_contain_text(KITE_REPLY)
    return phones


def take_staff_pages(chromium: Any, run: Run) -> None:
    """In Japanese, as an inn's staff see them."""
    laptop = Laptop(chromium, run, "ja", viewport=DESK).sign_in()
    page = laptop.page
    take("staff-first-page", laptop)
    page.goto(f"{run.url}/admin/chat/conversation/")
    page.locator("#result_list tr", has_text="kite").locator("a").first.click()
    expect(page.locator(".thread")).to_be_visible()
    take("staff-conversation", laptop)
    page.goto(f"{run.url}/admin/faq/faqsuggestion/")
    suggested = page.locator("#result_list a", has_text="kite")
    wait_for(lambda: suggested.count() > 0, page)
    suggested.first.click()
    take("staff-suggestion", laptop)
    page.goto(f"{run.url}/admin/faq/faq/")
    page.locator("#result_list tbody th a").first.click()
    take("staff-faq", laptop)


def wait_for(is_there: Callable[[], bool], page: Any) -> None:
    """The worker may need some seconds for what it makes of a reply."""
    for _second in range(30):
        if is_there():
            return
        page.wait_for_timeout(1000)
        page.reload()
    raise TimeoutError("the worker has made no suggestion of the reply")


def take(name: str, device: Phone) -> None:
    device.page.wait_for_timeout(1000)  # it scrolls gently
    shot = Image.open(io.BytesIO(device.page.screenshot(animations="disabled")))
    path = FOLDER / f"{name}.png"
    shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
