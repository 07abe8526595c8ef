"""A report as one HTML file that opens offline.

Reads a `Page`; `templates/report.html.j2` says what stands where. Whatever comes
from data reaches it as text and is escaped there.
"""

from __future__ import annotations

from typing import Any

import jinja2
from markupsafe import Markup

from electra_keras.data.visible import show_invisible
from electra_keras.finetuning.reporting.blocks import Page
from electra_keras.finetuning.reporting.chart_layout import HEIGHT, WIDTH, lay_out


def make_html(page: Page) -> str:
    """Writes a report as HTML without any reference to another file or host."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("electra_keras.finetuning.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
    )
    environment.globals |= {"lay_out": lay_out, "chart_size": (WIDTH, HEIGHT)}
    return environment.get_template("report.html.j2").render(page=page) + "\n"


def _finalize(value: Any) -> Any:
    is_plain = isinstance(value, str) and not isinstance(value, Markup)
    return show_invisible(value) if is_plain else value
