"""The summary page of tools/quickstart.py: one HTML file."""

import html
import os
from pathlib import Path

SUBSETS = ('body', 'feet', 'spine', 'all')
COLUMNS = ('AP', 'AP .5', 'AP .75', 'AR')

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>spinepose-mmpose quickstart</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .2rem 1rem; text-align: right;
  border-bottom: 1px solid #ccc; }}
td:first-child, th:first-child {{ text-align: left; }}
figure {{ display: inline-block; margin: .5rem; }}
img {{ height: 18rem; }}
</style>
<h1>spinepose-mmpose quickstart</h1>
<p>SpinePose-t, the demo model of demo/README.md, trained on with new drawn
people. The last
call of the quickstart took {minutes:.1f} minutes. The figures are for drawn
people that it has not seen;
they say nothing about real ones.</p>
<table><tr><th>keypoints</th>{heads}</tr>
{rows}
</table>
<p>Checkpoint: <code>{checkpoint}</code></p>
{figures}
</html>
"""


def write_page(
    folder: Path, scores: dict, pictures: list, checkpoint: Path, minutes: float
) -> Path:
    """Write ``folder/summary.html``.

    Args:
        scores: Metric names of SpineTrackMetric to values in 0..1.
        pictures: Drawn images, below ``folder``.
    """
    rows = '\n'.join(
        f'<tr><td>{subset.replace("all", "overall")}</td>'
        + ''.join(
            f'<td>{scores[f"spinetrack/{subset}_{column}"]:.3f}</td>'
            for column in COLUMNS
        )
        + '</tr>'
        for subset in SUBSETS
    )
    figures = '\n'.join(
        f'<figure><img src="{html.escape(os.path.relpath(p, folder))}" '
        f'alt=""><figcaption>{html.escape(p.name)}</figcaption></figure>'
        for p in pictures
    )
    page = folder / 'summary.html'
    page.write_text(
        PAGE.format(
            minutes=minutes,
            heads=''.join(f'<th>{column}</th>' for column in COLUMNS),
            rows=rows,
            checkpoint=html.escape(str(checkpoint)),
            figures=figures,
        ),
        encoding='utf-8',
    )
    return page
