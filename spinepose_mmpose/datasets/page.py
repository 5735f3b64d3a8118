"""HTML pages of reports, made of texts, tables and figures."""

from typing import NamedTuple, Sequence

import jinja2

_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 1600px; margin: 24px auto; padding: 0 20px; }
h1 { font-size: 24px; } h2 { font-size: 19px; margin-top: 32px; }
table { border-collapse: collapse; margin: 12px 0; }
th, td { text-align: right; padding: 3px 12px; border-bottom: 1px solid #ddd;
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.text td { text-align: left; }
.grid { display: flex; flex-wrap: wrap; gap: 14px; margin: 12px 0; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto;
  background: #eee; }
figcaption { font-size: 13px; color: #444; margin-top: 4px;
  overflow-wrap: anywhere; }
.error { color: #a11; } .warning { color: #965c00; } .good { color: #1a7a2e; }
.note { color: #555; }
</style></head>
<body>
<h1>{{ title }}</h1>
{% for block in blocks %}
{% if block.figures %}
<div class="grid">
{% for path, caption, width in block.figures %}
<figure style="width:{{ width }}px"><a href="{{ path | urlencode }}">
<img src="{{ path | urlencode }}" width="{{ width }}" loading="lazy" \
alt="{{ caption }}"></a>
<figcaption>{{ caption }}</figcaption></figure>
{% endfor %}
</div>
{% elif block.header %}
<table class="{{ block.css }}">
<tr>{% for cell in block.header %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in block.rows %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table>
{% elif block.text %}
<{{ block.tag }}{% if block.css %} class="{{ block.css }}"{% endif %}>\
{{ block.text }}</{{ block.tag }}>
{% endif %}
{% endfor %}
</body></html>
"""


class Text(NamedTuple):
    text: str
    css: str = ''  # error, warning, good or note
    tag: str = 'p'


class Table(NamedTuple):
    header: Sequence
    rows: Sequence[Sequence]
    css: str = ''  # text: on the left, not on the right as numbers


class Figures(NamedTuple):
    figures: Sequence[tuple]  # path, caption, width in pixels


def render(title: str, blocks: Sequence) -> str:
    """A whole HTML file of texts, tables and figures, which are escaped;
    those that hold nothing are left out."""
    template = jinja2.Template(
        _PAGE, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return printable(template.render(title=title, blocks=blocks))


def printable(text: str) -> str:
    """With a question mark for what UTF-8 cannot say: half of a pair of
    surrogates, which JSON allows."""
    return text.encode('utf-8', 'replace').decode()
