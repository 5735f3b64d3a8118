"""A page about a clip: curves of the angles, ranges of motion, the spine's
curve, gait, warnings, and frames to leaf through. It holds all that it needs
and opens without a network."""

import base64
from importlib import resources
from itertools import groupby

import cv2
import numpy as np

from ...biomechanics import (
    MEASURES,
    gait,
    planes_of,
    posture,
    range_of_motion,
    spine,
    symmetry,
)
from ...biomechanics.analysis import (
    LEAST_FRAMES,
    MIN_SCORE,
    Z_95,
    most_frequent,
)
from ...biomechanics.planes import VIEW_LIMIT
from ...metainfo import KEYPOINT_IDS, SKELETON
from ..video import open_source
from .movements import DEFAULT_RATE, up_of

# Images in the page, their width in pixels and the quality of their JPEG.
IMAGES, WIDTH, QUALITY = 40, 640, 70
# People in the page at most, those who are seen longest.
PEOPLE = 6
# Of plotly: no buttons over the titles.
CONFIG = dict(displayModeBar=False, responsive=True)
# Degrees on either side from where a measure is called uncertain.
WIDE = 20
# Frames whose spines are laid over one another.
SPINES = 15
COLOURS = ('#0072B2', '#D55E00')  # Okabe and Ito; left or single, right
BAND = ('rgba(0,114,178,0.15)', 'rgba(213,94,0,0.15)')


def page(tracks, header, settings, source: str) -> str:
    """The page as HTML, of the :class:`.PersonTrack` of everybody.

    ``source`` is the input, whose frames are shown; '' for none.
    """
    import jinja2
    from plotly.offline import get_plotlyjs

    tracks = sorted(tracks, key=lambda t: -len(t.frames))
    shown = tracks[:PEOPLE]
    names = settings.angles or tuple(MEASURES)
    rate = float((header.rate or DEFAULT_RATE) / settings.stride)
    people = [_person(track, names, up_of(header), rate) for track in shown]
    images = _images(shown, source, settings) if shown and source else []
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).from_string(
        resources.files(__package__)
        .joinpath('report.html')
        .read_text(encoding='utf-8')
    )
    return template.render(
        header=header,
        rate=rate,
        people=people,
        left_out=len(tracks) - len(shown),
        images=images,
        points={p['id']: _points(t, images) for p, t in zip(people, shown)},
        skeleton=[[KEYPOINT_IDS[e] for e in link] for link, _ in SKELETON],
        chain=spine.IDS,
        plotly=get_plotlyjs(),
    )


def _images(tracks, source: str, settings) -> list:
    """Frame, time and JPEG of frames that are spread over the clip."""
    clip = open_source(source, settings.sequence)
    if clip.info.live:
        return []
    every = np.unique(np.concatenate([track.frames for track in tracks]))
    wanted = every[np.linspace(0, len(every) - 1, IMAGES).astype(int)]
    images, quality = [], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    for frame in clip.frames(settings.span._replace(stride=1)):
        if frame.index not in wanted or frame.image is None:
            continue
        scale = min(1.0, WIDTH / frame.image.shape[1])
        small = cv2.resize(frame.image, None, fx=scale, fy=scale)
        code = base64.b64encode(cv2.imencode('.jpg', small, quality)[1])
        url = f'data:image/jpeg;base64,{code.decode()}'
        images.append(dict(frame=frame.index, time=frame.time, url=url))
    return images


def _points(track, images) -> list:
    """For each image the points [x, y] of a person, None what is not seen."""
    row = {frame: t for t, frame in enumerate(track.frames)}
    found = []
    for image in images:
        t = row.get(image['frame'])
        points = [None] * track.image.shape[1]
        if t is not None:
            points = [
                None if score < MIN_SCORE else [round(float(v), 1) for v in xy]
                for xy, score in zip(track.image[t], track.scores[t])
            ]
        found.append(points)
    return found


def _person(track, names, up, rate) -> dict:
    """What the page shows of a person."""
    found = posture(track.points, track.scores, names, up)
    rows, charts, missing = [], [], []
    for stem, pair in groupby(found, lambda n: n.removeprefix('right_')
                              .removeprefix('left_')):  # fmt: skip
        pair = sorted(pair)  # left, right
        known = [n for n in pair if np.isfinite(found[n].values).any()]
        missing += [
            (n, most_frequent(found[n].reasons)) for n in pair if n not in known
        ]
        for name in known:
            moved = range_of_motion(found[name])
            rows.append((name, found[name].measure, moved))
        if known:
            index = None
            if len(pair) == 2:
                index = symmetry(*(found[n] for n in pair))
            charts.append(_chart(stem, known, found, track.times, index))
    points = np.where(
        (track.scores >= MIN_SCORE)[..., None], track.points, np.nan
    )
    walk = gait(points, track.rate(rate), up)
    return dict(
        id=track.track_id,
        first=float(track.times[0]),
        last=float(track.times[-1]),
        frames=len(track.frames),
        rows=rows,
        charts=charts,
        missing=missing,
        spines=_spines(points, track.times, up),
        gait=walk,
        warnings=_warnings(track, points, found, up),
        definitions=[found[name].measure for name in names],
    )


def _chart(title, names, found, times, index) -> str:
    """A figure of one measure, or of its two sides, as HTML."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name in names:
        series, side = found[name], int(name.startswith('right_'))
        x, y = _band(times, series)
        figure.add_scatter(
            x=x,
            y=y,
            mode='lines',
            line=dict(width=0),
            fill='toself',
            fillcolor=BAND[side],
            hoverinfo='skip',
            showlegend=False,
            legendgroup=name,
        )
        figure.add_scatter(
            x=times,
            y=np.round(series.values, 2),
            mode='lines',
            line=dict(color=COLOURS[side], width=2),
            name=name,
            legendgroup=name,
        )
    title = title.replace('_', ' ')
    if index is not None and np.isfinite(index):
        title += f' (symmetry {index:+.0f} %)'
    figure.update_layout(
        title=title,
        height=260,
        margin=dict(l=50, r=10, t=40, b=40),
        xaxis_title='seconds',
        yaxis_title=found[names[0]].measure.unit,
        legend=dict(orientation='h', y=1.1, x=1, xanchor='right'),
        showlegend=len(names) > 1,
    )
    return _html(figure)


def _html(figure) -> str:
    figure.update_layout(template='plotly_white')
    return figure.to_html(
        full_html=False, include_plotlyjs=False, config=CONFIG
    )


def _band(times, series) -> tuple:
    """x and y of the outlines of an interval, None between its parts."""
    known = np.flatnonzero(np.isfinite(series.values))
    x, y = [], []
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        there, back = run, run[::-1]
        x += [*times[there], *times[back], None]
        y += [*series.low[there].round(2), *series.high[back].round(2), None]
    return x, y


def _spines(points, times, up) -> str:
    """The spine's curve at moments of the clip, in the sagittal plane."""
    import plotly.graph_objects as go

    with np.errstate(invalid='ignore'):
        planes = planes_of(points, up)
    chain = planes.points['sagittal'][:, spine.IDS]
    side = planes.off('sagittal') <= VIEW_LIMIT
    curve = spine.spine_curve(chain)
    length = np.linalg.norm(chain[:, 6] - chain[:, 0], axis=-1)
    usable = np.flatnonzero(
        np.isfinite(curve).all((1, 2)) & side & (length > 0)
    )
    if not len(usable):
        return ''
    chosen = usable[
        np.unique(np.linspace(0, len(usable) - 1, SPINES).astype(int))
    ]
    figure = go.Figure()
    for i, t in enumerate(chosen):
        shade = int(255 * i / max(len(chosen) - 1, 1))
        line, dots = (
            (path - chain[t, 0]) / length[t] for path in (curve[t], chain[t])
        )
        colour = f'rgb({shade},{90},{255 - shade})'
        label = f'{times[t]:.2f} s'
        common = dict(name=label, legendgroup=label)
        figure.add_scatter(
            x=np.round(line[:, 0], 4),
            y=np.round(line[:, 1], 4),
            mode='lines',
            line=dict(color=colour, width=2),
            **common,
        )
        figure.add_scatter(
            x=np.round(dots[:, 0], 4),
            y=np.round(dots[:, 1], 4),
            mode='markers',
            marker=dict(size=5, color=colour),
            showlegend=False,
            **common,
        )
    figure.update_layout(
        title='spine from S1 to C1, forwards to the right',
        height=520,
        width=560,
        xaxis_title='lengths S1-C7',
        yaxis=dict(scaleanchor='x', scaleratio=1),
    )
    return _html(figure)


def _warnings(track, points, found, up) -> list:
    """Sentences about what the page cannot show."""
    texts = []
    away = np.isnan(points).all((1, 2))
    if away.any():
        texts.append(
            f'The person is not seen in {away.sum()} of {len(away)} frames.'
        )
    if len(away) < LEAST_FRAMES:
        texts.append(f'{len(away)} frames are too few for a movement.')
    with np.errstate(invalid='ignore'):
        planes = planes_of(points, up)
    for plane, view in (
        ('sagittal', 'the side'),
        ('frontal', 'the front or back'),
    ):
        if any(series.measure.plane == plane for series in found.values()):
            off = planes.off(plane)[~away]
            held = np.mean(off <= VIEW_LIMIT) if len(off) else 0
            if held < 0.5:
                texts.append(
                    f'The camera sees {view} in {100 * held:.0f} % of the '
                    f'frames; {plane} measures have no value elsewhere.'
                )
    wide = [
        name
        for name, series in found.items()
        if series.measure.unit == 'deg'
        and np.isfinite(series.deviation).any()
        and Z_95 * np.nanmedian(series.deviation) > WIDE
    ]
    if wide:
        texts.append(
            f'Uncertain by more than {WIDE} degrees: {", ".join(wide)}.'
        )
    return texts
