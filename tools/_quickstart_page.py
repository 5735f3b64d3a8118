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
video, iframe { width: 100%; }
iframe { height: 40rem; border: 1px solid #ccc; }
</style>
<h1>spinepose-mmpose quickstart</h1>
<h2>The demo model</h2>
<p>spinepose-t-demo was trained on synthetic people and on sports photographs
and is for research use (demo/README.md). The walking woman is the demo clip of
Sports2D (BSD-3-Clause).</p>
{% for path in shown -%}
{% if path.endswith('.mp4') -%}
<video src="{{ path }}" controls muted loop></video>
{% elif path.endswith('.html') -%}
<p>Angles, ranges of motion and curves of the spine:
<a href="{{ path }}">{{ path }}</a></p>
<iframe src="{{ path }}" title="{{ path }}"></iframe>
{% elif path.endswith('.jpg') -%}
<img src="{{ path }}" alt="">
{% else -%}
<p>One row per person and frame: <a href="{{ path }}">{{ path }}</a></p>
{% endif -%}
{% endfor -%}
{% if scores -%}
<h2>Your own model</h2>
<p>This is the demo model after further training on new synthetic people. The
last run of the quickstart took {{ '%.1f' % minutes }} minutes. The scores are
for unseen synthetic people and say nothing about real people.</p>
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
{% endfor %}
{% endif -%}
</html>
"""


def write_page(
    folder: Path,
    shown: list,
    scores: dict | None = None,
    images: list = (),
    checkpoint: Path | None = None,
    minutes: float = 0,
) -> Path:
    """Write ``folder/summary.html``.

    Args:
        folder (Path): Where to.
        shown (list): What the demo model has written, below ``folder``.
        scores (dict, optional): Metric names of SpineTrackMetric to values
            from 0 to 1; without them the page has its first part only.
        images (list): Paths of images with poses, below ``folder``.
        checkpoint (Path, optional): Of the model.
        minutes (float): That the last call took.
    """
    template = jinja2.Environment(autoescape=True).from_string(PAGE)

    def relative(paths):
        return [Path(os.path.relpath(p, folder)).as_posix() for p in paths]

    page = folder / 'summary.html'
    page.write_text(
        template.render(
            minutes=minutes,
            columns=COLUMNS,
            subsets=SUBSETS,
            scores=scores,
            checkpoint=checkpoint,
            shown=relative(shown),
            images=relative(images),
        ),
        encoding='utf-8',
    )
    return page
