"""The demo page in a real browser.

Run alone: python -m pytest tests/test_demo_page.py

Drives the installed Chromium, headless; no driver is fetched. What is expected
are the answers of `spelled_model.py`. After every test the browser's console
must be empty, and no request may have left for another host.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from spelled_model import write_two_versions

from electra_keras.serving.demo.answers import ShownModel
from electra_keras.serving.demo.server import DemoApplication, open_server

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
EXAMPLE = "the chef cooked the meal"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_two_versions(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def serve(folder: Path) -> Iterator[Callable[..., str]]:
    """Serves versions of the models; returns the page's address."""
    servers = []

    def serve(*versions: str) -> str:
        app = DemoApplication([ShownModel.load(folder / v) for v in versions])
        server = open_server(app, "127.0.0.1", 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.port}/"

    yield serve
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="module")
def address(serve: Callable[..., str]) -> str:
    """The page of one model, with a generator."""
    return serve("1")


def start_browser(language: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    return webdriver.Chrome(options, Service(executable_path=str(DRIVER)))


@pytest.fixture(scope="module")
def chrome() -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"no {CHROMIUM} or {DRIVER}: the demo page is not driven")
    driver = start_browser("en-US")
    yield driver
    driver.quit()


@pytest.fixture
def browser(chrome: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    yield chrome
    check_logs(chrome)
    for command in ("clearDeviceMetricsOverride", "setEmulatedMedia"):
        chrome.execute_cdp_cmd(f"Emulation.{command}", {})


def check_logs(driver: webdriver.Chrome) -> None:
    """Checks that nothing was complained of, and nothing asked of other hosts."""
    complaints = [entry["message"] for entry in driver.get_log("browser")]
    assert complaints == []
    events = [
        json.loads(e["message"])["message"] for e in driver.get_log("performance")
    ]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert urls
    assert [u for u in urls if not u.startswith("http://127.0.0.1:")] == []


def open_page(browser: webdriver.Chrome, address: str) -> None:
    browser.get(address)
    wait_for(browser, lambda: typed_line(browser) == EXAMPLE)


def wait_for(browser: webdriver.Chrome, condition: Callable[[], Any]) -> Any:
    # A line may be drawn anew while it is read.
    wait = WebDriverWait(browser, 10, 0.05, [StaleElementReferenceException])
    return wait.until(lambda _: condition())


def all_of(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def one_of(browser: webdriver.Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def property_of(browser: webdriver.Chrome, element: WebElement, name: str) -> Any:
    return browser.execute_script(f"return arguments[0].{name}", element)


def typed_line(browser: webdriver.Chrome) -> str:
    """The first line of tokens, with all white space."""
    script = "return document.querySelector('.tokens')?.textContent ?? ''"
    return browser.execute_script(script)


def numbers(browser: webdriver.Chrome) -> list[str]:
    return [t.get_attribute("data-number") or "" for t in all_of(browser, ".token")]


def number_over(browser: webdriver.Chrome, token: WebElement) -> str | None:
    """The number that a token shows now, or None."""
    display, content, height = browser.execute_script(
        "const style = getComputedStyle(arguments[0], '::after');"
        "return [style.display, style.content, style.height]",
        token,
    )
    if display == "none":
        return None
    assert float(height.removesuffix("px")) < 30  # On one line.
    return content.strip('"')


def type_anew(browser: webdriver.Chrome, text: str) -> None:
    field = one_of(browser, "#text")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text)


def set_value(browser: webdriver.Chrome, selector: str, value: str) -> None:
    """Sets what the driver cannot type: emoji, and a slider's place."""
    browser.execute_script(
        "arguments[0].value = arguments[1];"
        "arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
        one_of(browser, selector),
        value,
    )


def counts(browser: webdriver.Chrome) -> list[str]:
    """Hits, misses, false alarms."""
    return [item.text for item in all_of(browser, ".counts b")]


def test_first_the_papers_example_is_shaded(browser, address: str) -> None:
    open_page(browser, address)
    assert numbers(browser) == ["30%", "40%", "60%", "30%", "40%"]
    tokens = all_of(browser, ".token")
    shades = [token.value_of_css_property("background-color") for token in tokens]
    assert (
        shades[0] == "rgba(214, 69, 46, 0.224)"
        or shades[0] == "rgba(214, 69, 46, 0.227)"
    )
    assert shades[2] == "rgba(214, 69, 46, 0.45)"
    # Not by colour alone: the strong one is underlined and bold.
    lines = [
        word.value_of_css_property("text-decoration-line")
        for word in all_of(browser, ".token .now")
    ]
    assert lines == ["none", "none", "underline", "none", "none"]
    assert one_of(browser, ".naturalness b").text == "0.600"


def test_number_shows_on_hover_and_readers_hear_it(browser, address: str) -> None:
    open_page(browser, address)
    cooked = all_of(browser, ".token")[2]
    assert number_over(browser, cooked) is None
    ActionChains(browser).move_to_element(cooked).perform()
    assert number_over(browser, cooked) == "60%"
    assert cooked.accessible_name == "cooked: 60% replaced"
    assert cooked.aria_role == "button"


def test_typing_asks_by_itself(browser, address: str) -> None:
    open_page(browser, address)
    type_anew(browser, "친구랑  영화를 봤어")
    wait_for(browser, lambda: typed_line(browser) == "친구랑  영화를 봤어")
    assert numbers(browser) == ["30%", "30%", "20%"]


def test_emoji_and_spaces_look_as_typed(browser, address: str) -> None:
    open_page(browser, address)
    text = "  👨‍👩‍👧 a\n👍🏽  <b>ㅋㅋ</b> "
    set_value(browser, "#text", text)
    wait_for(browser, lambda: typed_line(browser) == text)
    words = [token.get_attribute("textContent") for token in all_of(browser, ".token")]
    assert words == ["👨‍👩‍👧", "a\n👍🏽", "<b>ㅋㅋ</b>"]
    assert all_of(browser, ".tokens b") == []


def test_corrupt_counts_what_was_noticed(browser, address: str) -> None:
    open_page(browser, address)
    one_of(browser, "#corrupt").click()
    wait_for(browser, lambda: counts(browser) == ["1", "0", "1"])
    changed = one_of(browser, ".token.replaced")
    assert one_of(browser, ".token.replaced .was").text == "chef"
    assert one_of(browser, ".token.replaced .now").text == "replaced"
    assert changed.accessible_name == "replaced, was chef: 80% replaced, noticed"
    assert one_of(browser, ".token.falseAlarm .now").text == "cooked"
    assert (
        "Draw 1. 1 of 2 masked tokens were replaced." in one_of(browser, ".answer").text
    )
    one_of(browser, "#corrupt").click()  # The next draw: "cat" for "chef".
    wait_for(browser, lambda: counts(browser) == ["0", "1", "1"])
    assert one_of(browser, ".token.miss .now").text == "cat"
    set_value(browser, "#threshold", "25")  # Every token has at least 0.3.
    assert one_of(browser, "#threshold-value").text == "25%"
    assert counts(browser) == ["1", "0", "4"]
    one_of(browser, "#look").click()
    wait_for(browser, lambda: numbers(browser)[1:2] == ["40%"])
    assert counts(browser) == []


def test_model_without_generator_says_how_to_get_one(browser, serve) -> None:
    open_page(browser, serve("2"))
    note = one_of(browser, "#no-generator")
    assert not note.is_displayed()
    one_of(browser, "#corrupt").click()
    wait_for(browser, note.is_displayed)
    assert "export it with --with_generator" in note.text


def test_two_models_stand_side_by_side(browser, serve, folder: Path) -> None:
    open_page(browser, serve("1", "2"))
    wait_for(browser, lambda: len(all_of(browser, ".answer")) == 2)
    names = [title.text for title in all_of(browser, ".answer h2")]
    assert names == [str(folder / "1"), str(folder / "2")]
    assert numbers(browser) == ["30%", "40%", "60%", "30%", "40%"] * 2
    first, second = all_of(browser, ".answer")
    assert first.rect["y"] == second.rect["y"]
    assert first.rect["x"] + first.rect["width"] <= second.rect["x"]
    one_of(browser, "#corrupt").click()
    wait_for(browser, lambda: counts(browser) == ["1", "0", "1"])
    assert "cannot replace words" in all_of(browser, ".answer")[1].text


def test_long_text_is_cut_and_the_page_says_so(browser, address: str) -> None:
    open_page(browser, address)
    type_anew(browser, "a " * 20)
    wait_for(browser, lambda: len(numbers(browser)) == 14)
    note = one_of(browser, ".cut").text
    assert note == "Grey text was not read: the model cuts a text at 16 tokens."
    assert one_of(browser, ".unread").get_attribute("textContent") == " a" * 6 + " "


def test_examples_are_clickable(browser, address: str) -> None:
    open_page(browser, address)
    examples = all_of(browser, "[data-example]")
    assert examples[0].text == EXAMPLE and len(examples) == 6
    for example in examples[1:]:
        example.click()
        wait_for(browser, lambda wanted=example.text: typed_line(browser) == wanted)


def test_languages_switch(browser, address: str) -> None:
    open_page(browser, address)
    assert one_of(browser, "html").get_attribute("lang") == "en"
    assert one_of(browser, "#corrupt").text == "Corrupt"
    one_of(browser, "[data-language=ko]").click()
    assert one_of(browser, "html").get_attribute("lang") == "ko"
    assert one_of(browser, "h1").text == "모델의 눈으로 보기"
    assert one_of(browser, "#corrupt").text == "바꿔 보기"
    assert all_of(browser, ".token")[2].accessible_name == "cooked: 바뀌었을 확률 60%"
    assert one_of(browser, ".naturalness").text.startswith("자연스러움 0.600 (높을수록")
    one_of(browser, "[data-language=en]").click()
    assert one_of(browser, "h1").text == "What the model sees"


def test_every_word_of_the_page_is_in_both_languages(browser, address: str) -> None:
    open_page(browser, address)
    labels = browser.execute_async_script(
        "const done = arguments[0]; import('/labels.js').then((m) => done(m.LABELS))"
    )
    assert labels["en"].keys() == labels["ko"].keys()
    for name, english in labels["en"].items():
        korean = labels["ko"][name]
        assert sorted(re.findall(r"\{\d\}", english)) == sorted(
            re.findall(r"\{\d\}", korean)
        ), name
    used = {e.get_attribute("data-label") for e in all_of(browser, "[data-label]")}
    assert len(used) > 8 and used <= labels["en"].keys()


def test_browser_in_korean_gets_korean(chrome: object, address: str) -> None:
    driver = start_browser("ko-KR,ko")
    try:
        open_page(driver, address)
        assert one_of(driver, "#look").text == "살펴보기"
        check_logs(driver)
    finally:
        driver.quit()


@pytest.mark.parametrize("width", [320, 412])
def test_phone_has_one_column_and_no_sideways_scroll(
    browser, serve, width: int
) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    open_page(browser, serve("1", "2"))
    set_value(
        browser, "#text", "the " * 6 + "w" * 300 + " 👨‍👩‍👧 아름다운 이야기였어요"
    )
    wait_for(browser, lambda: len(numbers(browser)) == 20)
    root = one_of(browser, "html")
    for token in all_of(browser, ".token"):
        browser.execute_script("arguments[0].focus()", token)
        assert property_of(browser, root, "scrollWidth") == width
    first, second = all_of(browser, ".answer")
    assert first.rect["x"] == second.rect["x"]
    assert first.rect["y"] + first.rect["height"] <= second.rect["y"]


def test_touch_shows_the_number(browser, address: str) -> None:
    open_page(browser, address)
    set_value(browser, "#text", "a chef")
    wait_for(browser, lambda: numbers(browser) == ["10%", "40%"])
    letter, chef = all_of(browser, ".token")
    letter.click()
    assert number_over(browser, letter) == "10%"  # It is wider than its token.
    chef.click()
    assert browser.switch_to.active_element == chef
    assert number_over(browser, chef) == "40%"


def test_keyboard_is_enough(browser, address: str) -> None:
    open_page(browser, address)
    keys = ActionChains(browser)
    for _ in range(3):  # English, 한국어, the text.
        keys.send_keys(Keys.TAB)
    keys.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL)
    keys.send_keys("one three fifteen", Keys.ENTER).perform()
    wait_for(browser, lambda: numbers(browser) == ["30%", "50%", "70%"])
    keys = ActionChains(browser)
    for _ in range(3 + 6 + 1):  # Look, Corrupt, threshold; examples; tokens.
        keys.send_keys(Keys.TAB)
    keys.perform()
    assert browser.switch_to.active_element.text == "one"
    assert number_over(browser, browser.switch_to.active_element) == "30%"
    for key, word in (
        (Keys.ARROW_RIGHT, "three"),
        (Keys.END, "fifteen"),
        (Keys.ARROW_RIGHT, "fifteen"),
        (Keys.ARROW_LEFT, "three"),
        (Keys.HOME, "one"),
    ):
        ActionChains(browser).send_keys(key).perform()
        assert browser.switch_to.active_element.text == word


def test_dark_is_as_the_reader_likes_it(browser, address: str) -> None:
    features = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
    open_page(browser, address)
    body = one_of(browser, "body")
    assert body.value_of_css_property("background-color") == "rgba(22, 24, 29, 1)"
    assert body.value_of_css_property("color") == "rgba(236, 238, 242, 1)"


def test_problems_are_told(browser, address: str) -> None:
    open_page(browser, address)
    browser.execute_script("document.getElementById('text').value = 'a'.repeat(70000)")
    one_of(browser, "#look").click()
    problem = one_of(browser, "#problem")
    wait_for(browser, problem.is_displayed)
    assert problem.text.startswith("Received a body of 70011 bytes; expected at most")
    one_of(browser, "[data-language=ko]").click()
    assert problem.text.startswith("받은 것: a body of 70011 bytes. 필요한 것:")
    (complaint,) = browser.get_log("browser")  # The browser's own line for a 413.
    assert "413" in complaint["message"]
    type_anew(browser, "a")
    wait_for(browser, lambda: typed_line(browser) == "a")
    assert not problem.is_displayed()
