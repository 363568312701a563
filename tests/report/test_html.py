from __future__ import annotations

import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from poser.core.errors import StorageError
from poser.report.html import render_report
from poser.report.view import RunView

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
SHAPES = {"path", "circle", "use"}
NAMES = ["finished", "unfinished", "long", "hostile", "untouched", "given", "everything"]


class Page(HTMLParser):
    """A page with its balance checked."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID | SHAPES, tag
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data

    def find(self, tag: str, cls: str = "") -> list[dict[str, str | None]]:
        return [
            a
            for t, a in self.tags
            if t == tag and (not cls or cls in (a.get("class") or "").split())
        ]

    def ids(self) -> list[str]:
        return [i for _, a in self.tags if (i := a.get("id"))]


@pytest.fixture(params=NAMES)
def view(request: pytest.FixtureRequest) -> RunView:
    found: RunView = request.getfixturevalue(request.param)
    return found


def test_is_well_formed(view: RunView) -> None:
    page = Page(render_report(view))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for _, attrs in page.tags:
        href = attrs.get("href")
        if href:
            assert href[1:] in ids, href


def test_refers_to_nothing_outside(view: RunView) -> None:
    html = render_report(view)
    for tag, attrs in Page(html).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert "srcset" not in attrs
        assert (attrs.get("src") or "data:image/").startswith("data:image/")
        assert (attrs.get("href") or "#").startswith("#")
        assert "url(" not in (attrs.get("style") or "")
    style = html.split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style


def test_forbids_everything_else(finished: RunView) -> None:
    metas = Page(render_report(finished)).find("meta")
    policy = next(m for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    content = policy["content"] or ""
    assert "default-src 'none'" in content
    assert "img-src data:" in content


def test_escapes_hostile_text(hostile: RunView) -> None:
    html = render_report(hostile)
    page = Page(html)
    assert html.count("<script") == 1
    assert "<img src=http" not in html
    assert [k for _, a in page.tags for k in a if k.startswith("on")] == []
    assert "\x1b" not in html
    assert "\x00" not in html
    assert page.text.count("<script>alert(1)</script>") > 10
    html.encode("utf-8")


def test_writes_lone_surrogates(finished: RunView) -> None:
    render_report(replace(finished, notes=("a \ud800 b",))).encode("utf-8")


def test_is_deterministic(view: RunView) -> None:
    assert render_report(view) == render_report(view)


def test_is_small(finished: RunView, long: RunView, everything: RunView) -> None:
    assert len(render_report(finished)) < 300_000
    assert len(render_report(long)) < 500_000
    assert len(render_report(everything)) < 200_000


def test_shows_the_end(finished: RunView) -> None:
    page = Page(render_report(finished))
    assert "5 of 9 commands satisfied" in page.text
    assert "Stopped by choice" in page.text
    assert "$0.04" in page.text
    assert "of $1.00" in page.text
    assert "1 cached, 2 failed" in page.text
    assert "20261120-1432-quiet-street" in page.text
    assert "capability-router" in page.text
    assert "FLUX.1-Kontext" in page.text


def test_shows_every_standing(finished: RunView) -> None:
    page = Page(render_report(finished))
    for standing in ("satisfied", "given_up", "open"):
        assert page.find("li", standing), standing
    for mark in ("yes", "no", "aside"):
        assert page.find("li", mark), mark
    assert "not judged: the pocket critic cannot read text" in page.text
    assert "Is there a dog?" in page.text


def test_says_carried_out_where_it_cannot_judge(carried_out: RunView) -> None:
    page = Page(render_report(carried_out))
    assert page.find("li", "unjudged")
    assert "carried out, not judged" in page.text


def test_shows_every_step(finished: RunView) -> None:
    page = Page(render_report(finished))
    assert [i for i in page.ids() if i.startswith("step-")] == [f"step-{n}" for n in range(1, 15)]
    assert len(page.find("li", "failed")) == 2
    assert len(page.find("li", "revert")) == 1
    assert len(page.find("li", "stop")) == 1
    assert len(page.find("span", "cached")) == 1
    assert len(page.find("span", "crown")) == 1
    assert "no answer after 30 s" in page.text
    assert "3 of 15 verdicts are missing" in page.text
    assert "Lost" in page.text


def test_shows_a_run_that_goes_on(unfinished: RunView) -> None:
    page = Page(render_report(unfinished))
    assert "Still running" in page.text
    assert "5 of 9 commands satisfied so far" in page.text
    assert "Not finished: 13 of at most 18 steps" in page.text


def test_shows_a_run_before_its_first_step(untouched: RunView) -> None:
    page = Page(render_report(untouched))
    assert "No step was taken yet." in page.text
    assert page.find("img") == []
    assert page.find("svg", "chart") == []
    assert "Add three balloons above the bus" in page.text


def test_shows_where_it_started(given: RunView) -> None:
    page = Page(render_report(given))
    assert "start" in page.ids()
    assert "the picture it started from is still the best" in page.text


def test_marks_the_words_of_each_command(finished: RunView) -> None:
    marked = Page(render_report(finished)).find("span", "w")
    assert {c for a in marked for c in (a["data-c"] or "").split()} == {
        c.id for c in finished.plan.commands
    }


def test_pictures_have_words(view: RunView) -> None:
    assert all(a.get("alt") for a in Page(render_report(view)).find("img"))


def test_leaves_a_gap_for_a_missing_picture(finished: RunView) -> None:
    class Empty:
        def get(self, sha256: str) -> object:
            raise StorageError("it is not there")

    page = Page(render_report(replace(finished, images=Empty())))  # type: ignore[arg-type]
    assert page.find("img") == []
    assert "picture missing from the store" in page.text


def test_a_huge_prompt_is_quick(finished: RunView) -> None:
    prompt = "a red bus and a green tree beside it, " * 2500
    plan = finished.plan.model_copy(update={"prompt": prompt})
    began = time.perf_counter()
    html = render_report(replace(finished, plan=plan))
    assert time.perf_counter() - began < 5
    assert len(re.findall("a green tree", html)) >= 2500
