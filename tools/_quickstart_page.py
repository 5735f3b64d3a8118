"""The summary page of tools/quickstart.py: one HTML file."""

import os
from pathlib import Path

import jinja2

SUBSETS = ('body', 'feet', 'spine', 'all')
COLUMNS = ('AP', 'AP .5', 'AP .75', 'AR')

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>spinepose-mmpose quickstart</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
table { border-collapse: collapse; }
td, th { padding: .2rem 1rem; text-align: right;
  border-bottom: 1px solid #ccc; }
td:first-child, th:first-child { text-align: left; }
figure { display: inline-block; margin: .5rem; }
img { height: 18rem; }
</style>
<h1>spinepose-mmpose quickstart</h1>
<p>SpinePose-t: the demo model of demo/README.md, trained further on new
synthetic people. The last call of the quickstart took
{{ '%.1f' % minutes }} minutes. The scores are for synthetic people that the
model has not seen; they say nothing about real ones.</p>
<table><tr><th>keypoints</th>
{%- for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for subset in subsets -%}
<tr><td>{{ subset | replace('all', 'overall') }}</td>
{%- for column in columns %}<td>
{{- '%.3f' % scores['spinetrack/' + subset + '_' + column] }}</td>
{%- endfor %}</tr>
{% endfor %}</table>
<p>Checkpoint: <code>{{ checkpoint }}</code></p>
{% for path in images -%}
<figure><img src="{{ path }}" alt=""><figcaption>
{{- path.rpartition('/')[2] }}</figcaption></figure>
{% endfor %}</html>
"""


def write_page(
    folder: Path, scores: dict, images: list, checkpoint: Path, minutes: float
) -> Path:
    """Write ``folder/summary.html``.

    Args:
        folder (Path): Where to.
        scores (dict): Metric names of SpineTrackMetric to values in 0..1.
        images (list): Paths of drawn images, below ``folder``.
        checkpoint (Path): Of the model.
        minutes (float): That the last call took.
    """
    template = jinja2.Environment(autoescape=True).from_string(PAGE)
    page = folder / 'summary.html'
    page.write_text(
        template.render(
            minutes=minutes,
            columns=COLUMNS,
            subsets=SUBSETS,
            scores=scores,
            checkpoint=checkpoint,
            images=[
                Path(os.path.relpath(path, folder)).as_posix()
                for path in images
            ],
        ),
        encoding='utf-8',
    )
    return page
