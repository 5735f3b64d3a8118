"""Static pages: one HTML file beside its pictures, nothing loaded from
elsewhere."""

from html import escape
from typing import Iterable, List, Sequence
from urllib.parse import quote

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 1600px; margin: 24px auto; padding: 0 20px; }
h1 { font-size: 24px; } h2 { font-size: 19px; margin-top: 32px; }
table { border-collapse: collapse; margin: 12px 0; }
th, td { text-align: right; padding: 3px 12px; border-bottom: 1px solid #ddd;
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text, th.text { text-align: left; }
.grid { display: flex; flex-wrap: wrap; gap: 14px; margin: 12px 0; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto;
  background: #eee; }
figcaption { font-size: 13px; color: #444; margin-top: 4px;
  overflow-wrap: anywhere; }
.error { color: #a11; } .warning { color: #965c00; } .good { color: #1a7a2e; }
.note { color: #555; }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML file; ``body`` is HTML already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n'
        f'<body>\n<h1>{escape(title)}</h1>\n' + '\n'.join(body) + '\n'
        '</body></html>\n'
    )


def heading(text: str, css: str = '') -> str:
    return f'<h2 class="{css}">{escape(text)}</h2>'


def paragraph(text: str, css: str = '') -> str:
    return f'<p class="{css}">{escape(text)}</p>'


def figure(source: str, caption: str, width: int) -> str:
    """A picture by its path relative to the page."""
    return (
        f'<figure style="width:{width}px"><a href="{quote(source)}">'
        f'<img src="{quote(source)}" width="{width}" loading="lazy" '
        f'alt="{escape(caption, quote=True)}"></a>'
        f'<figcaption>{escape(caption)}</figcaption></figure>'
    )


def grid(figures: Iterable[str]) -> str:
    return '<div class="grid">' + '\n'.join(figures) + '</div>'


def table(
    header: Sequence[str], rows: Iterable[Sequence], text: Sequence[int] = ()
) -> str:
    """Numbers to the right; the first column and those in ``text`` left."""

    def cells(row, tag) -> List[str]:
        return [
            f'<{tag}{" class=text" if i in text else ""}>{escape(str(v))}'
            f'</{tag}>'
            for i, v in enumerate(row)
        ]

    lines = ['<table>', '<tr>', *cells(header, 'th'), '</tr>']
    for row in rows:
        lines += ['<tr>', *cells(row, 'td'), '</tr>']
    return ''.join([*lines, '</table>'])
