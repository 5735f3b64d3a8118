"""The look of the HTML pages of reports, and their parts as jinja2 macros."""

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
{% block body %}{% endblock %}
</body></html>
"""
_MACROS = """\
{% macro figure(path, caption, width) %}
<figure style="width:{{ width }}px"><a href="{{ path | urlencode }}">
<img src="{{ path | urlencode }}" width="{{ width }}" loading="lazy" \
alt="{{ caption }}"></a>
<figcaption>{{ caption }}</figcaption></figure>
{% endmacro %}
{% macro table(header, rows, css='') %}
<table class="{{ css }}">
<tr>{% for cell in header %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in rows %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table>
{% endmacro %}
"""


def render(title: str, body: str, **values) -> str:
    """A whole HTML file.

    Args:
        title (str): of the page.
        body (str): a jinja2 template, in which ``parts.figure(path, caption,
            width)`` and ``parts.table(header, rows, css)`` are known.
        **values: for the template; they are escaped.
    """
    templates = dict(
        page=_PAGE,
        parts=_MACROS,
        body='{% extends "page" %}{% import "parts" as parts %}'
        f'{{% block body %}}{body}{{% endblock %}}',
    )
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.DictLoader(templates),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    text = environment.get_template('body').render(title=title, **values)
    return printable(text)


def printable(text: str) -> str:
    """With a question mark for what UTF-8 cannot say: half of a pair of
    surrogates, which JSON allows."""
    return text.encode('utf-8', 'replace').decode()
