"""A page about a clip: curves of the angles, ranges of motion, the spine's
curve, gait, warnings, and frames to leaf through. It holds all that it needs
and opens without a network."""

import base64
from collections import defaultdict
from importlib import resources

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
from ...biomechanics.measures import DEGREES
from ...biomechanics.planes import FRONTAL, SAGITTAL, VIEW_LIMIT
from ...metainfo import KEYPOINT_IDS, SKELETON
from ..video import open_source
from .movements import nominal_rate, rate_of, up_of

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
    people = [_person(track, names, header, settings) for track in shown]
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
        rate=nominal_rate(header, settings),
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
        if frame.index in wanted and frame.image is not None:
            scale = min(1.0, WIDTH / frame.image.shape[1])
            small = cv2.resize(frame.image, None, fx=scale, fy=scale)
            code = base64.b64encode(cv2.imencode('.jpg', small, quality)[1])
            url = f'data:image/jpeg;base64,{code.decode()}'
            images.append(dict(frame=frame.index, time=frame.time, url=url))
    return images


def _points(track, images) -> list:
    """For each image the points [x, y] of a person, None what is not seen."""
    rows = {
        frame: [
            None if score < MIN_SCORE else [round(float(v), 1) for v in xy]
            for xy, score in zip(points, scores)
        ]
        for frame, points, scores in zip(
            track.frames, track.image, track.scores
        )
    }
    nobody = [None] * track.image.shape[1]
    return [rows.get(image['frame'], nobody) for image in images]


def _person(track, names, header, settings) -> dict:
    """What the page shows of a person."""
    up, times = up_of(header), track.times
    rate = rate_of(len(times), np.ptp(times), header, settings)
    found = posture(track.points, track.scores, names, up)
    rows, charts, missing, pairs = [], [], [], defaultdict(list)
    for name, series in found.items():
        if np.isfinite(series.values).any():
            rows.append((name, series.measure, range_of_motion(series)))
            stem = name.removeprefix('right_').removeprefix('left_')
            pairs[stem].append(name)
        else:
            missing.append((name, most_frequent(series.reasons)))
    for stem, pair in pairs.items():
        sides = {name: found[name] for name in sorted(pair)}  # left, right
        index = symmetry(*sides.values()) if len(pair) == 2 else np.nan
        title = stem.replace('_', ' ')
        if np.isfinite(index):
            title += f' (symmetry {index:+.0f} %)'
        charts.append(_chart(title, sides, times))
    points = np.where(
        (track.scores >= MIN_SCORE)[..., None], track.points, np.nan
    )
    with np.errstate(invalid='ignore'):
        planes = planes_of(points, up)
    return dict(
        id=track.track_id,
        first=times[0],
        last=times[-1],
        frames=len(track.frames),
        rows=rows,
        charts=charts,
        missing=missing,
        spines=_spines(planes, times),
        gait=gait(points, rate, up),
        warnings=_warnings(np.isnan(points).all((1, 2)), planes, found),
        definitions=[found[name].measure for name in names],
    )


def _chart(title: str, sides: dict, times) -> str:
    """A figure of one measure, or of its two sides, as HTML."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, series in sides.items():
        side = int(name.startswith('right_'))
        x, y = _band(times, series)
        style = dict(mode='lines', name=name, legendgroup=name)
        figure.add_scatter(
            x=x, y=y, fill='toself', fillcolor=BAND[side], line_width=0,
            hoverinfo='skip', showlegend=False, **style,
        )  # fmt: skip
        y, color = series.values.round(2), COLOURS[side]
        figure.add_scatter(x=times, y=y, line_color=color, **style)
    return _html(
        figure, title=title, height=260, margin=dict(l=50, r=10, t=40, b=40),
        xaxis_title='seconds', yaxis_title=series.measure.unit,
        legend=dict(orientation='h', y=1.1, x=1, xanchor='right'),
        showlegend=len(sides) > 1,
    )  # fmt: skip


def _html(figure, **layout) -> str:
    figure.update_layout(template='plotly_white', **layout)
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


def _spines(planes, times) -> str:
    """The spine's curve at moments of the clip, in the sagittal plane."""
    import plotly.graph_objects as go
    from plotly.colors import sample_colorscale

    chain = planes.points[SAGITTAL][:, spine.IDS]
    curve = spine.spine_curve(chain)
    length = np.linalg.norm(chain[:, 6] - chain[:, 0], axis=-1)
    usable = np.isfinite(curve).all((1, 2)) & (length > 0)
    usable = np.flatnonzero(usable & (planes.off(SAGITTAL) <= VIEW_LIMIT))
    if not len(usable):
        return ''
    chosen = np.unique(np.linspace(0, len(usable) - 1, SPINES).astype(int))
    shades = sample_colorscale('Bluered', np.linspace(0, 1, len(chosen)))
    figure = go.Figure()
    for t, color in zip(usable[chosen], shades):
        line, dots = (
            ((path - chain[t, 0]) / length[t]).round(4).T
            for path in (curve[t], chain[t])
        )
        label = f'{times[t]:.2f} s'
        style = dict(name=label, legendgroup=label)
        figure.add_scatter(
            x=line[0], y=line[1], mode='lines', line_color=color, **style
        )
        figure.add_scatter(
            x=dots[0], y=dots[1], mode='markers', marker_color=color,
            marker_size=5, showlegend=False, **style,
        )  # fmt: skip
    return _html(
        figure, title='spine from S1 to C1, forwards to the right', height=520,
        width=560, xaxis_title='lengths S1-C7',
        yaxis=dict(scaleanchor='x', scaleratio=1),
    )  # fmt: skip


def _warnings(away: np.ndarray, planes, found) -> list:
    """Sentences about what the page cannot show."""
    texts = []
    if away.any():
        texts.append(
            f'The person is not seen in {away.sum()} of {len(away)} frames.'
        )
    if len(away) < LEAST_FRAMES:
        texts.append(f'{len(away)} frames are too few for a movement.')
    used = {series.measure.plane for series in found.values()}
    for plane, view in ((SAGITTAL, 'side'), (FRONTAL, 'front or back')):
        held = planes.off(plane)[~away] <= VIEW_LIMIT
        if plane in used and held.sum() < 0.5 * len(held):
            texts.append(
                f'The camera sees the {view} in {100 * held.mean():.0f} % of '
                f'the frames; {plane} measures have no value elsewhere.'
            )
    wide = [
        name
        for name, series in found.items()
        if series.measure.unit == DEGREES
        and np.isfinite(series.deviation).any()
        and Z_95 * np.nanmedian(series.deviation) > WIDE
    ]
    if wide:
        texts.append(
            f'Uncertain by more than {WIDE} degrees: {", ".join(wide)}.'
        )
    return texts
