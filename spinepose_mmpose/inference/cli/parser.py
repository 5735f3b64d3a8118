"""Options of ``spinepose-mmpose``."""

import argparse

from ...version import __version__
from ..formats import FORMATS, LAYOUTS
from ..video import parse_position
from .estimation_options import add_drawing, add_model, add_people, add_time
from .texts import DESCRIPTION, EXAMPLES, LIFTING
from .values import count, formats, rate, typed


class Parser(argparse.ArgumentParser):
    """Errors in one line: the usage of so many options helps nobody."""

    def error(self, message: str):
        self.exit(2, f'error: {message} (see {self.prog} --help)\n')


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog='spinepose-mmpose',
        usage='%(prog)s -i INPUT [INPUT ...] [-o DRAWN] [-s RESULTS] [options]',
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '-V', '--version', action='version', version=f'%(prog)s {__version__}'
    )
    _add_input(parser.add_argument_group('input'))
    _add_output(parser.add_argument_group('output'))
    add_model(parser.add_argument_group('model'))
    add_people(parser.add_argument_group('people'))
    add_time(parser.add_argument_group('time'))
    add_drawing(parser.add_argument_group('drawing'))
    _add_messages(parser.add_argument_group('messages'))
    for option in LIFTING:
        parser.add_argument(option, nargs='?', action=_NoLifting, dest='_')
    return parser


class _NoLifting(argparse.Action):
    """Options of the client's 3D part, which has no counterpart."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, help=argparse.SUPPRESS, **kwargs)

    def __call__(self, parser, namespace, values, option_string=None):
        parser.error(
            f'{option_string} belongs to 3D lifting, which is not part of '
            'this program: it estimates in 2D'
        )


def _add_input(group) -> None:
    group.add_argument(
        '-i',
        '--input-path',
        '--input_path',
        dest='input_path',
        nargs='+',
        metavar='INPUT',
        required=True,
        help='images, videos, folders, patterns like "clips/*.mp4", "webcam" '
        'or the number of a camera, or the address of a stream (rtsp, http, '
        'udp, ...)',
    )
    group.add_argument(
        '--start',
        type=typed(parse_position),
        metavar='TIME',
        help='begin here: seconds (12.5), a time (0:01:30) or a frame (250f)',
    )
    group.add_argument(
        '--end',
        type=typed(parse_position),
        metavar='TIME',
        help='stop before this time or frame',
    )
    group.add_argument(
        '--stride',
        type=count,
        default=1,
        metavar='N',
        help='take every Nth frame',
    )
    group.add_argument(
        '--sequence',
        type=typed(rate),
        metavar='FPS',
        help='a folder or pattern of stills is one clip with so many frames a '
        'second (30, 29.97, 30000/1001); otherwise each is a photograph',
    )
    group.add_argument(
        '--boxes',
        metavar='FILE',
        help='boxes of people instead of a detector: CSV with frame or image, '
        'x1, y1, x2, y2[, score], or JSON {"0": [[x1, y1, x2, y2], ...]}',
    )


def _add_output(group) -> None:
    group.add_argument(
        '-o',
        '--vis-path',
        '--vis_path',
        dest='vis_path',
        default='',
        metavar='DRAWN',
        help='drawn picture or video; a folder for several inputs',
    )
    group.add_argument(
        '-s',
        '--save-path',
        '--save_path',
        dest='save_path',
        default='',
        metavar='RESULTS',
        help='results: a file (.json for a photograph, .jsonl, .csv, .trc) or '
        'a folder',
    )
    group.add_argument(
        '--save-format',
        type=typed(formats),
        action='extend',
        default=[],
        metavar='FORMAT',
        help=f'{", ".join(FORMATS)}, or several with commas. openpose: JSON, a '
        'file a frame; json: JSON Lines; csv: a row a person a frame; trc: a '
        'file a person. Default: by the name of -s; for a folder openpose',
    )
    group.add_argument(
        '--json-layout',
        choices=list(LAYOUTS),
        default='client',
        help='names of OpenPose files: frame_00000.json (client, default) or '
        'NAME_json/NAME_000000.json (pose2sim)',
    )
    group.add_argument(
        '--spine-only',
        action='store_true',
        help='only the 9 points of the spine, from the sacrum up',
    )
    group.add_argument(
        '--show',
        action='store_true',
        help='show drawings in a window while they are made',
    )
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        '--resume',
        action='store_true',
        help='keep what is finished, go on with what was interrupted',
    )
    either.add_argument(
        '--overwrite', action='store_true', help='replace what exists'
    )


def _add_messages(group) -> None:
    group.add_argument('-q', '--quiet', action='store_true', help='errors only')
    group.add_argument(
        '--log-json',
        action='store_true',
        help='messages as JSON, one object a line, on stderr',
    )
