"""The report of a fine-tuning, also in a real browser.

Run alone: python -m pytest tests/test_tuning_report.py
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tuned_outcomes as tuned
from checked_html import CheckedHtml
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from electra_keras.finetuning.reporting.html_page import make_html
from electra_keras.finetuning.reporting.markdown_page import escape, make_markdown
from electra_keras.finetuning.reporting.outcome import gather_outcome
from electra_keras.finetuning.reporting.report import make_page, write_report

SECTIONS = (
    *("verdict", "figures", "curves", "answers", "errors", "labels", "data"),
    *("setup", "next"),
)
CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")


class Parsed(CheckedHtml):
    """Collects table rows, too."""

    def __init__(self, text: str) -> None:
        self.rows: list[list[str]] = []
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuned.Tuned:
    made = tuned.make_classification(tmp_path_factory.mktemp("tuned") / "chat")
    write_report(made.folder, made.data, made.results, made.source)
    return made


@pytest.fixture(scope="module")
def html(made: tuned.Tuned) -> str:
    return (made.folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def markdown(made: tuned.Tuned) -> str:
    return (made.folder / "report.md").read_text("utf-8")


def test_the_page_is_well_formed_and_has_every_section(html: str) -> None:
    page = Parsed(html)
    assert [x["id"] for tag, x in page.tags if tag == "section"] == [*SECTIONS]
    links = [x["href"] for tag, x in page.tags if tag == "a"]
    assert links == [f"#{name}" for name in SECTIONS[1:]]
    assert page.tags[0] == ("html", {"lang": "en"})
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_both_pages_show_the_same_tables(html: str, markdown: str) -> None:
    rows = [row for row in Parsed(html).rows if row]
    lines = [
        [re.sub(r"\\(.)", r"\1", cell.replace("**", "")) for cell in line]
        for line in re.findall(r"^\| (.*) \|$", markdown, re.M)
        if not line.startswith("---")
        for line in [re.split(r" \| ", line)]
    ]
    # The tiles are a table of their own there; here a list.
    shown = [[cell.strip() for cell in line] for line in lines[6:]]
    hostile = [row for row in rows if "<script>" in " ".join(row)]
    assert len(hostile) == 1  # Its | is escaped there.
    assert [row for row in shown if row not in rows] == []
    assert ["Median", "0.6250", "0.6349", "0.4255", "0.8000", "–"] in rows
    assert ["Seed 1, the best", "0.7500", "0.6349", "0.4255", "0.8000", "10"] in rows
    assert ["Baseline", "0.5000", "0.2222", "0.0000", "–", "–"] in rows
    assert ["Standard deviation", "0.1250", "0.0000", "0.0000", "0.0000", "–"] in rows
    assert ["daily", "2", "1", "1", "4"] in rows
    assert ["10", "0.5000", "0.7500", "0.6250"] in rows
    assert ["Validation", "set aside: unknown label", "2"] in rows
    assert ["data/validation.tsv:12", "unknown label", "7"] in rows
    assert ["Parameters", "1,072 without heads"] in rows


def test_what_is_told_in_words(html: str, markdown: str) -> None:
    page = Parsed(html)
    for text in (page.text, re.sub(r"\\(.)", r"\1", markdown)):
        assert "Fine-tuning: chat" in text
        assert "median of 3; 0.5000 to 0.7500" in text
        assert "it is too sure, by 0.105." in text
        assert "Validation: 2 of 8 texts were cut: 7 tokens of O." in text
        assert "love (0.980)" in text and "line 3" in text
        assert "python -m electra_keras.predict --model=" in text
        assert "python -m electra_keras.export --run=" in text


def test_the_page_asks_nothing_of_the_network(html: str) -> None:
    assert "http" not in html.replace("http-equiv", "")
    assert "url(" not in html and "@import" not in html
    for tag, attributes in Parsed(html).tags:
        assert tag not in {"script", "img", "iframe", "object", "embed"}
        assert not attributes.keys() & {"src", "srcset", "xlink:href", "onload"}
        href = attributes.get("href") or "#"
        assert href.startswith("#") or (tag, href) == ("link", "data:,")


def test_hostile_texts_stay_texts(html: str, markdown: str) -> None:
    page = Parsed(html)
    assert "<script" not in html and html.count("</style>") == 1
    assert tuned.HOSTILE in page.text
    assert "שלום עולם ‹U+202E›abc‹U+D800› 👨‍👩‍👧" in page.text
    assert "\u202e" not in html and "\u202e" not in markdown
    assert r"\<script\>alert(1)\</script\>" in markdown
    assert "<script" not in re.sub(r"\\<", "", markdown)


def test_hostile_names_stay_texts(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out")
    outcome = made.gather()
    page = make_page(outcome)
    hostile = _make_hostile(page)
    text = make_html(hostile)
    assert "<script" not in text and "alert(1)</" not in text
    assert {tag for tag, _ in Parsed(text).tags} == {
        tag for tag, _ in Parsed(make_html(page)).tags
    }
    text = make_markdown(hostile)
    outside = re.sub(r"^(`{3,})\w*.*?^\1$", "", text, flags=re.M | re.S)
    assert re.findall(r"(?<!\\)<", outside) == []


def _make_hostile(value: Any) -> Any:
    """Puts hostile text into every text but those that the page itself chooses."""
    if isinstance(value, str):
        return value + tuned.HOSTILE
    if isinstance(value, tuple):
        return tuple(_make_hostile(item) for item in value)
    if not dataclasses.is_dataclass(value):
        return value
    kept = {"name": "section", "role": "", "language": "", "path": ""}
    return dataclasses.replace(
        value,  # type: ignore[type-var]
        **{
            field.name: _make_hostile(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in kept
        },
    )


def test_the_same_fine_tuning_gives_the_same_text(
    made: tuned.Tuned, html: str, markdown: str
) -> None:
    page = make_page(made.gather())
    assert make_html(page) == html and make_markdown(page) == markdown


def test_other_kinds_and_one_trial(tmp_path: Path) -> None:
    made = tuned.make_regression(tmp_path / "similarity")
    path = write_report(made.folder, made.data, made.results, made.source)
    page = Parsed(path.read_text("utf-8"))
    # By hand: 10 / sqrt(17 * 11.5), and 9.75 / 5.
    assert ["Median", "0.5000", "0.7152", "1.9500", "0.8000", "–"] in page.rows
    assert ["Standard deviation", *["–"] * 5] in page.rows
    assert "one trial" in page.text
    assert ["Trials", "1 trial, seed 0"] in page.rows


def test_nothing_recorded_and_nothing_wrong(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out")
    for path in made.folder.glob("*/metrics.jsonl"):
        path.unlink()
    for row in made.data.splits["validation"].rows:
        object.__setattr__(row, "label", "2")
    predictions = made.folder / "trial-1/validation_predictions.jsonl"
    line = predictions.read_text("utf-8").splitlines(keepends=True)[1]
    predictions.write_text(line * 8, "utf-8")
    page = Parsed(make_html(make_page(made.gather())))
    assert "No curves were recorded." in page.text
    assert "The most confident errors" in page.text and ["None."] in page.rows


def test_scores_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out", (float("nan"),))
    outcome = made.gather()
    page = Parsed(make_html(make_page(outcome)))
    assert ["Seed 0", "–", "0.6349", "0.4255", "0.8000", "10"] in page.rows
    assert [tag for tag, _ in page.tags if tag == "circle"] == []
    points = [x["points"] or "" for tag, x in page.tags if tag == "polyline"]
    assert len(points) == 3 and "nan" not in "".join(points)


def test_line_separators_inside_texts_end_no_row(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out")
    path = made.folder / "trial-1/validation_predictions.jsonl"
    lines = path.read_text("utf-8").split("\n")
    lines[0] = lines[0].replace('"text": "', '"text": "a\u2028b\u0085c')
    path.write_text("\n".join(lines), "utf-8")
    assert len(made.gather().findings.samples[0].items) == 3


def test_missing_predictions_are_an_error(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out")
    made.data.splits["validation"].rows.pop()
    with pytest.raises(ValueError, match="8 predictions of 7 rows"):
        made.gather()


def test_weights_that_were_left_out_are_told(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out")
    outcome = gather_outcome(
        *(made.folder, made.data, made.results, made.source), from_scratch=True
    )
    page = make_page(outcome)
    assert "with the sizes of models/small" in page.about
    assert ["Weights", "random, for comparison"] in Parsed(make_html(page)).rows


def test_markdown_shows_the_picture_that_lies_beside(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out")
    assert "curves.png" not in make_markdown(make_page(made.gather()))
    (made.folder / "trial-1/curves.png").write_bytes(b"")
    page = make_page(made.gather())
    assert "](trial-1/curves.png)" in make_markdown(page)
    assert "curves.png" not in make_html(page)


def test_escapes() -> None:
    assert escape("a|b\n*c* _d_ [e](f) `g` <h> &amp; $i$ ~j~ #k !l \\m") == (
        r"a\|b \*c\* \_d\_ \[e\](f) \`g\` \<h\> \&amp; \$i\$ \~j\~ \#k \!l \\m"
    )


@pytest.fixture(scope="module")
def chrome() -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"no {CHROMIUM} or {DRIVER}: the report is not opened")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(executable_path=str(DRIVER)))
    yield driver
    driver.quit()


# Colours behind and of every text, as numbers; what is shaded lies on `::before`.
CONTRASTS = """
const channels = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const [r, g, b] = colour.map((c) => c / 255).map(
    (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  const colour = channels(getComputedStyle(element).backgroundColor);
  let base = colour.length === 4 && colour[3] === 0
    ? behind(element.parentElement) : colour;
  const shade = getComputedStyle(element, "::before");
  if (shade.content !== "none" && element.matches("td")) {
    const over = channels(shade.backgroundColor), share = Number(shade.opacity);
    base = base.map((c, i) => c * (1 - share) + over[i] * share);
  }
  return base;
};
return [...document.querySelectorAll("body *")]
  .filter((x) => [...x.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .filter((x) => !x.closest("svg"))
  .map((x) => {
    const pair = [light(channels(getComputedStyle(x).color)), light(behind(x))];
    return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), x.textContent];
  });
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_in_a_browser_nothing_is_cut_or_pale(
    chrome: webdriver.Chrome, made: tuned.Tuned, scheme: str, width: int
) -> None:
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 800},
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    chrome.get((made.folder / "report.html").as_uri())
    assert [entry["message"] for entry in chrome.get_log("browser")] == []
    page_width = "return document.documentElement.scrollWidth"
    assert chrome.execute_script(page_width) <= width
    contrasts = chrome.execute_script(CONTRASTS)
    assert len(contrasts) > 200
    assert [text for contrast, text in contrasts if contrast < 4.5] == []
    # Marks of direction in texts turn nothing else.
    direction = "return getComputedStyle(document.querySelector('.text')).direction"
    assert chrome.execute_script(direction) == "rtl"
    dark = chrome.execute_script("return getComputedStyle(document.body).color")
    assert (dark == "rgb(231, 232, 230)") is (scheme == "dark")
