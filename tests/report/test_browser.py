from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from poser.report.html import render_report
from poser.report.view import RunView

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PROBE = """<script>
var log = [];
function press(key) {
  var options = { key: key, bubbles: true, cancelable: true };
  document.dispatchEvent(new KeyboardEvent("keydown", options));
  log.push(document.activeElement.id);
}
press("j"); press("ArrowRight"); press("k");
press("t"); log.push(document.documentElement.dataset.theme);
document.querySelector("#command-c1").focus();
log.push(document.querySelectorAll(".w.hot").length > 0);
var boxes = Array.from(document.querySelectorAll(".card")).map(function (c) {
  return c.getBoundingClientRect();
});
log.push("overlaps", boxes.filter(function (a, n) {
  return boxes.slice(n + 1).some(function (b) {
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  });
}).length);
log.push("sideways", document.documentElement.scrollWidth > innerWidth);
document.title = log.join(" ");
</script></body>"""


def browse(path: Path, html: str, width: int) -> tuple[str, str]:
    """The page as it is after its scripts ran, and what the browser complained of."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    page = path / "page.html"
    page.write_text(html, encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    flags += " --disable-background-networking --disable-component-update --disable-sync"
    outcome = subprocess.run(
        [
            BROWSER,
            *flags.split(),
            f"--user-data-dir={path / 'profile'}",
            "--enable-logging=stderr",
            f"--window-size={width},900",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    complaints = "\n".join(line for line in outcome.stderr.splitlines() if "CONSOLE" in line)
    return outcome.stdout, complaints


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 400])
def test_works_in_a_browser(finished: RunView, tmp_path: Path, width: int) -> None:
    html = render_report(finished).replace("</body>", PROBE)
    dom, complaints = browse(tmp_path, html, width)
    title = dom.split("<title>")[1].split("</title>")[0]
    theme = next(t for t in ("dark", "light") if t in title)
    assert title == (f"step-1 step-2 step-1 step-1 {theme} true overlaps 0 sideways false")
    assert complaints == ""


@pytest.mark.slow
def test_hostile_text_stays_text(hostile: RunView, tmp_path: Path) -> None:
    dom, complaints = browse(tmp_path, render_report(hostile), 1000)
    assert dom.count("<script") == 1
    assert '<img src="http' not in dom
    assert complaints == ""
