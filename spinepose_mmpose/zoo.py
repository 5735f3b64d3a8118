"""The published models as data, and their weights by name.

Importing this needs the standard library only, so that configs, the ONNX path
and the command line can read the table.

Digests of the SpineTrack checkpoints are those of the Git LFS pointers in the
commit that published them; that revision is the last address to be tried, since
files under ``main`` may be replaced. Digests of the teachers are the prefix in
their names. Of the other files none is known: what the Hub states for them is
checked once, when they are downloaded. Figures: SpinePose (arXiv 2504.08110),
SIMSPINE (arXiv 2602.20792).
"""

import contextlib
import difflib
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .downloads import HUB, digest_in_name, fetch, file_name, find_local
from .utils import content_root

logger = logging.getLogger(__name__)

SCHEME = 'spinepose://'
SPINEPOSE = f'{HUB}dfki-av/spinepose/resolve/'
OPENMMLAB = 'https://download.openmmlab.com/'
SPINEPOSE_LICENCE = 'CC-BY-NC-4.0'
_FILE_SUFFIXES = ('.pth', '.pt', '.ckpt', '.onnx', '.engine')
_licence_shown = False


class UnknownModel(ValueError):
    """No model has this name; the message lists the choices."""


@dataclass(frozen=True, eq=False)
class ModelInfo:
    """One model."""

    name: str  # the short name, e.g. spinepose-m
    config: str  # relative to the project; mmpose::... is one of mmpose's
    input_size: tuple[int, int]  # (w, h) in pixels
    aliases: tuple[str, ...] = ()  # the first is the published file's stem
    # spinepose; teacher, an RTMPose that SpinePose is distilled from; lifter
    family: str = 'spinepose'
    version: str = ''  # v1 (SpineTrack), v2 (fine-tuned on SIMSPINE) or ''
    weights: tuple[str, ...] = ()  # addresses, in the order to try
    onnx: tuple[str, ...] = ()  # likewise
    # Kind of file -> path in the project, for files that come with it.
    shipped: dict[str, str] = field(default_factory=dict)
    sha256: str | None = None  # of the weights, or its first 8 digits
    num_keypoints: int = 37
    licence: str = SPINEPOSE_LICENCE  # of the weights
    params: float | None = None  # millions, as published
    flops: float | None = None  # billions, as published
    # Benchmark -> (AP, AR), x100, as published: coco and halpe26 with a
    # detector's boxes; body, feet, spine and all are subsets of SpineTrack val.
    results: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that finds this model."""
        return (self.name, *self.aliases)

    def urls(self, kind: str = 'weights') -> tuple[str, ...]:
        """Addresses of a kind of file, ``weights`` or ``onnx``."""
        if kind not in ('weights', 'onnx'):
            raise ValueError(
                f"no kind of file {kind!r}: choose from 'weights', 'onnx'"
            )
        return getattr(self, kind)


_V1_COMMIT = 'db5dcd910c3b98da7dc24cc2422c1d15b12d4613'
_V1_DIGESTS = dict(
    s='2290a220191fd1a4693dabb7e5f7414a82259c46b4b57012d9bbbfb03f0232a0',
    m='cb78990f16b4f1d82b98e602fbaffb6063ca21a793cf5a0b15432a6101f44571',
    l='a00b523b7867d69e8acc8175ffa5601731182feb1da1e22995ec3ec519930e45',
    x='ce635e42166738fce0690de9e86d52d8f00885351508dc078a9eece4319c1bdf',
)
# Batch in the name of a teacher's config, digest and date in that of its file.
_TEACHERS = dict(
    t=('8xb1024', '6020f8a6_20230605'),
    s=('8xb1024', '7f134165_20230605'),
    m=('8xb512', '4d3e73dd_20230605'),
    l=('8xb512', '2abb7558_20230605'),
    x=('8xb256', '7fb6e239_20230606'),
)
_SIMSPINE_LIFTER = 'spinepose_lifter_8xb256-90e_simspine-37x2'
_BENCHMARKS = ('coco', 'halpe26', 'body', 'feet', 'spine', 'all')
# Version, size, parameters (M), FLOPs (G), then AP and AR on each benchmark.
_FIGURES = """
v1 s 5.98 0.72 68.2 73.1 70.6 75.2 79.1 82.1 77.5 82.9 89.6 90.7 84.2 86.2
v1 m 14.34 1.98 73.0 77.5 75.0 79.2 84.0 86.4 83.5 87.4 91.4 92.5 88.0 89.5
v1 l 28.66 4.22 75.2 79.5 77.0 81.1 85.4 87.7 85.5 89.2 91.0 92.2 88.4 90.0
v1 x 50.69 17.37 75.9 80.1 77.6 81.8 86.3 88.5 86.3 89.7 89.3 91.0 88.9 89.9
v2 s 5.98 0.72 - - - - 78.8 81.5 - - 92.0 92.9
v2 m 14.34 1.98 - - - - 82.1 84.6 - - 92.8 93.7
v2 l 28.66 4.22 - - - - 84.0 86.2 - - 91.7 92.7
teacher t 3.51 0.37 65.9 71.3 68.0 73.2 76.9 80.0 74.1 79.7
teacher s 5.70 0.70 69.7 74.7 72.0 76.7 80.9 83.6 78.9 83.5
teacher m 13.93 1.95 75.1 80.0 76.7 81.3 85.5 87.9 84.1 88.2
teacher l 28.11 4.19 76.9 81.5 78.4 82.9 86.8 89.2 86.9 90.0
teacher x 50.00 17.29 78.8 83.4 80.0 84.4 88.6 90.6 88.4 91.4
"""


def _model(version: str, size: str, *figures: str) -> ModelInfo:
    """The model of a row of _FIGURES."""
    params, flops, *values = (None if f == '-' else float(f) for f in figures)
    pairs = zip(_BENCHMARKS, zip(values[::2], values[1::2]))
    w, h = (288, 384) if size == 'x' else (192, 256)
    facts = dict(
        input_size=(w, h),
        params=params,
        flops=flops,
        results={name: pair for name, pair in pairs if None not in pair},
    )
    if version == 'teacher':
        batch, suffix = _TEACHERS[size]
        stem = f'simcc-body7_pt-body7-halpe26_700e-{h}x{w}-{suffix}'
        stem = f'rtmpose-{size}_{stem}'
        return ModelInfo(
            name=f'rtmpose-{size}-halpe26',
            config='mmpose::body_2d_keypoint/rtmpose/body8/'
            f'rtmpose-{size}_{batch}-700e_body8-halpe26-{h}x{w}.py',
            aliases=(stem,),
            family='teacher',
            weights=(f'{OPENMMLAB}mmpose/v1/projects/rtmposev1/{stem}.pth',),
            sha256=digest_in_name(f'{stem}.pth'),
            num_keypoints=26,
            licence='Apache-2.0',
            **facts,
        )
    name, data = f'spinepose-{size}', 'spinetrack'
    if version == 'v2':
        name, data = f'{name}-v2', 'simspine'
    batch = 128 if size == 'x' else 256
    stem = f'spinepose-{size}_32xb{batch}-10e_{data}-{h}x{w}'
    aliases, folders, sha256 = (stem,), ('main/simspine/2d/pytorch',), None
    if version == 'v1':
        aliases, sha256 = (stem, f'{name}-v1'), _V1_DIGESTS[size]
        folders = ('main/spinetrack/pytorch', 'main', _V1_COMMIT)
    return ModelInfo(
        name=name,
        config=f'configs/spinepose-{size}.py',
        aliases=aliases,
        version=version,
        weights=tuple(f'{SPINEPOSE}{x}/{stem}.pth' for x in folders),
        onnx=(f'{SPINEPOSE}main/{stem}.onnx',),
        sha256=sha256,
        **facts,
    )


_TABLE = (
    # Ours: RTMPose-t with 37 keypoints. Nobody has published weights of it.
    ModelInfo('spinepose-t', 'configs/spinepose-t.py', (192, 256)),
    # The same network, trained on open material: demo/README.md.
    ModelInfo(
        'spinepose-t-demo',
        'configs/spinepose-t.py',
        (192, 256),
        shipped=dict(
            weights='demo/spinepose-t-demo.pth',
            onnx='demo/spinepose-t-demo.onnx',
        ),
        licence='research use',
    ),
    *(_model(*row.split()) for row in _FIGURES.strip().splitlines()),
    # From 2D to 3D: ours, trained on synthetic people alone, and SIMSPINE's.
    ModelInfo(
        'spinepose-lifter',
        'configs/lifting/spinepose-lifter_1frame.py',
        (2, 37),
        family='lifter',
        shipped=dict(
            weights='demo/spinepose-lifter.pth',
            onnx='demo/spinepose-lifter.onnx',
        ),
        licence='Apache-2.0',
    ),
    ModelInfo(
        'spinepose-lifter-simspine',
        'configs/lifting/spinepose-lifter_1frame.py',
        (2, 37),
        aliases=(_SIMSPINE_LIFTER,),
        family='lifter',
        version='v2',
        onnx=(f'{SPINEPOSE}main/simspine/3d/onnx/{_SIMSPINE_LIFTER}.onnx',),
    ),
)


def all_models(family: str | None = None) -> tuple[ModelInfo, ...]:
    """Every model, or those of one family."""
    return tuple(m for m in _TABLE if family in (None, m.family))


def find_model(name: str) -> ModelInfo:
    """The model of a name, an alias, or a published file's name or address, in
    upper or lower case; UnknownModel, a ValueError, if there is none."""
    wanted = name.strip().lower().split('?')[0]
    known = {}
    for model in _TABLE:
        urls = (*model.weights, *model.onnx, *model.shipped.values())
        for each in (*model.names, *urls, *map(file_name, urls)):
            known[each.lower()] = model
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.75)
    meant = f'; did you mean {" or ".join(near)}?' if near else '.'
    raise UnknownModel(
        f'no model is called {name!r}{meant} Choose from {_choices()}'
    )


def _choices() -> str:
    return ', '.join(m.name for m in _TABLE)


def resolve_weights(
    name: str, kind: str = 'weights', progress: bool = True
) -> Path:
    """A local file for a name, an alias, a path or a URL; fetched if need be.

    Args:
        name (str): a model's name or alias (with or without ``spinepose://``
            before it), a local file, which is returned unchecked, or a
            ``https://``, ``http://`` or ``file://`` URL.
        kind (str): for a name, ``weights`` (the checkpoint) or ``onnx``; a
            name that ends in ``.onnx`` means the latter anyway.
        progress (bool): show progress of a download on stderr.

    Raises:
        ValueError: an unknown name, or a model without published weights.
        FileNotFoundError: a local file that does not exist.
        DownloadError: the file cannot be had.
    """
    name = os.fspath(name).strip()
    scheme = urlsplit(name).scheme.lower() if '://' in name else ''
    if name.lower().startswith(SCHEME):
        return _of_name(name[len(SCHEME) :], kind, progress)
    if scheme == 'file':
        return _existing(url2pathname(urlsplit(name).path))
    if scheme in ('http', 'https'):
        if not file_name(name):
            raise ValueError(f'{name}: no file name at the end of this URL')
        # Of our own files every address and the digest are known.
        with contextlib.suppress(UnknownModel):
            return _of_name(name, 'weights', progress)
        return fetch([name], digest_in_name(file_name(name)), progress)
    if scheme:
        raise ValueError(
            f'cannot load {name!r}: a name, a file, or a URL that starts with '
            f'{SCHEME}, https://, http:// or file:// expected'
        )
    # A file of the published name in the working directory is what a user
    # means by that name; a bare alias never is a file.
    is_alias = any(name.lower() in model.names for model in _TABLE)
    if Path(name).expanduser().is_file() and not is_alias:
        return _existing(name)
    try:
        return _of_name(name, kind, progress)
    except UnknownModel as error:
        if name.lower().endswith(_FILE_SUFFIXES) or os.path.dirname(name):
            raise FileNotFoundError(
                f'no such file: {name}; an existing file or one of the names '
                f'{_choices()} expected'
            ) from error
        raise


def _existing(path: str) -> Path:
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'no such file: {path}')
    return path


def _of_name(name: str, kind: str, progress: bool) -> Path:
    global _licence_shown
    model = find_model(name)
    if name.split('?')[0].lower().endswith('.onnx'):
        kind = 'onnx'
    urls = model.urls(kind)
    if kind in model.shipped:
        return _existing(content_root() / model.shipped[kind])
    if not urls:
        missing, remedy = 'ONNX file', 'export its weights with mmdeploy'
        if not model.weights:
            missing = 'weights'
            remedy = f'train it (mim train spinepose_mmpose {model.config})'
        raise ValueError(
            f'{model.name} has no published {missing}: {remedy}, or pass the '
            'path of a file of your own (for MMPose: pose2d_weights=PATH)'
        )
    sha256 = model.sha256 if kind == 'weights' else None
    if path := find_local(urls, sha256):
        return path
    path = fetch(urls, sha256, progress)
    if model.licence == SPINEPOSE_LICENCE and not _licence_shown:
        _licence_shown = True
        logger.warning(
            'The published SpinePose weights are licensed under %s: not for '
            'commercial use, with credit to their authors '
            '(https://creativecommons.org/licenses/by-nc/4.0/).',
            model.licence,
        )
    return path
