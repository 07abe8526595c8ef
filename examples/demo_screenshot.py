r"""A picture of the demo page.

  python examples/demo_screenshot.py --model=runs/quickstart/model/2 \
    --output=demo.png --draw=8 "The chef cooked the meal before the guests arrived."

Serves the page to a headless Chromium on this machine, types the text, lets
the generator draw and saves what stands there. Needs the extra `dev`, Chromium
and its driver. `docs/images/demo.png` shows a model of 2 blocks of 128 after
10,000 steps on Korean film reviews (disc_auc 0.85), exported with its generator,
and draw 1 of a sentence that was made up for it.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from electra_keras.command_line import import_tensorflow_quietly
from electra_keras.errors import UsageError
from electra_keras.whole_files import write_bytes

_WIDTH = 900  # CSS pixels; the picture has twice as many.


@contextmanager
def serve(folders: list[str]) -> Iterator[str]:
    """Serves the page for as long as the context lasts; gives its address."""
    from electra_keras.serving.demo.answers import ShownModel
    from electra_keras.serving.demo.server import DemoApplication, open_server

    app = DemoApplication([ShownModel.load(folder) for folder in folders])
    server = open_server(app, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()


def start_browser(chromium: str, driver: str) -> webdriver.Chrome:
    """Starts the installed Chromium; nothing is fetched."""
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"intl.accept_languages": "en-US"})
    return webdriver.Chrome(options, Service(executable_path=driver))


def take_picture(
    browser: webdriver.Chrome, address: str, text: str, draws: int
) -> bytes:
    """Opens the page, types, draws and takes the picture.

    Args:
        browser: From `start_browser`.
        address: From `serve`.
        text: To be typed.
        draws: Clicks on the button that corrupts; 0 leaves the text as it is.

    Returns:
        A PNG of the whole page.
    """
    set_height(browser, 800)
    browser.get(address)
    wait = WebDriverWait(browser, 60)
    answers = browser.find_element(By.ID, "answers")
    wait.until(lambda _: answers.text)
    browser.execute_script("document.getElementById('text').value = arguments[0]", text)
    for button in ["look", *["corrupt"] * draws]:
        browser.find_element(By.ID, button).click()
        wait.until(lambda _: answers.get_attribute("aria-busy") == "false")
    # The most suspicious token shows its number.
    browser.execute_script(
        "const tokens = [...document.querySelectorAll('.token')];"
        "tokens.sort((a, b) => b.dataset.probability - a.dataset.probability);"
        "tokens[0]?.focus()"
    )
    set_height(browser, browser.find_element(By.TAG_NAME, "body").rect["height"])
    return browser.get_screenshot_as_png()


def set_height(browser: webdriver.Chrome, height: float) -> None:
    """Makes the window as high as that, in CSS pixels."""
    size = {"width": _WIDTH, "height": int(height), "deviceScaleFactor": 2}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**size, "mobile": False}
    )


def main() -> None:
    """Parses, takes the picture and writes it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="version folder of an export")
    parser.add_argument("--compare", help="another one, shown beside it")
    parser.add_argument("--output", required=True, help="the PNG file to write")
    parser.add_argument("--draw", type=int, default=0, help="draws; default: 0")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--driver", default="/usr/bin/chromedriver")
    parser.add_argument("text", help="what is typed")
    options = parser.parse_args()
    import_tensorflow_quietly()
    folders = [options.model, *([options.compare] if options.compare else [])]
    try:
        with serve(folders) as address:
            browser = start_browser(options.chromium, options.driver)
            try:
                picture = take_picture(browser, address, options.text, options.draw)
            finally:
                browser.quit()
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    write_bytes(Path(options.output), picture)
    print(f"wrote {options.output}: {len(picture) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
