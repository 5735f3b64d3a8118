"""``spinepose-mmpose``: people and their spines from images and videos."""

import argparse
import json
import logging
import os
import signal
import sys
from dataclasses import fields
from typing import Callable, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..utils import USER_ERRORS, one_sentence, sentence
from ..version import __version__
from .boxes import BoxFile
from .formats import FORMATS
from .jobs import (
    CLIP,
    PHOTO,
    check_outputs,
    find_jobs,
    make_folders,
    plan_outputs,
)
from .record import digest_of
from .reports import ConsoleReport, check_window
from .results import SPINE_ONLY
from .run import Run, run_jobs
from .settings import Settings, parse_value
from .video import open_source

DESCRIPTION = """\
Find people in images and videos and estimate 37 keypoints of each, 9 of them
along the spine. Writes drawings (-o) and results (-s)."""

EXAMPLES = """\
examples:
  a photograph, drawn and as OpenPose JSON
      spinepose-mmpose -i photo.jpg -o drawn.png -s photo.json
  a video: drawing, one OpenPose file per frame in the folder walk_json
      spinepose-mmpose -i walk.mp4 -o drawn.mp4 -s walk_json
  a table for pandas or R; markers for OpenSim
      spinepose-mmpose -i walk.mp4 -s walk.csv
      spinepose-mmpose -i walk.mp4 -s results/ --save-format csv,trc
  angles of posture, and a page that shows them
      spinepose-mmpose -i walk.mp4 -s walk.csv --angles all --report walk.html
  from 0:30 to 1:00, every second frame, smoothed afterwards without delay
      spinepose-mmpose -i walk.mp4 -s walk.csv --start 30 --end 1:00 \\
          --stride 2 --smooth offline
  a folder of videos, again after the power failed
      spinepose-mmpose -i clips/ -s results/ --resume
  the same folder on four GPUs
      torchrun --nproc-per-node 4 --no-python spinepose-mmpose -i clips/ \\
          -s results/ --device cuda --resume
  in 3D, with the height of the person; markers in metres for OpenSim
      spinepose-mmpose -i walk.mp4 -s walk.trc -o drawn.mp4 --enable-lifting \\
          --primary-subject-height 1.75
  a camera, shown while it runs; q or Ctrl-C ends
      spinepose-mmpose -i webcam --show
  your own network and detector, offline
      spinepose-mmpose -i walk.mp4 -s walk.jsonl --model spinepose.onnx \\
          --detector rtmdet.onnx

exit code: 0 all inputs were done, 1 something failed, 2 a wrong option, 3 a
video ended early, 130 interrupted. More: docs/inference.md"""

INCOMPLETE, INTERRUPTED = 3, 130


def main(argv: Optional[Sequence[str]] = None) -> None:
    """The console script."""
    settings = parse_args(argv)
    # A batch system asks so before it kills.
    signal.signal(signal.SIGTERM, _interrupt)
    with one_sentence():
        try:
            code = run_command(settings)
        except USER_ERRORS as error:
            if settings.log_json:
                _log('failed', str(sentence(error)))
                sys.exit(1)
            raise
        except KeyboardInterrupt:
            if settings.log_json:
                _log('interrupted', '--resume goes on')
            else:
                print(
                    'interrupted: the same command with --resume goes on',
                    file=sys.stderr,
                )
            code = INTERRUPTED
    sys.exit(code)


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def _log(event: str, why: str) -> None:
    print(json.dumps({'event': event, 'why': why}), file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """Errors in one line: the usage of so many options helps nobody."""

    def error(self, message: str):
        self.exit(2, f'error: {message} (see {self.prog} --help)\n')


def build_parser() -> argparse.ArgumentParser:
    """An option for each field of :class:`.Settings`."""
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
    group = parser
    for spec in fields(Settings):
        if 'group' in spec.metadata:
            group = parser.add_argument_group(spec.metadata['group'])
        _add_option(group, spec)
        if spec.name == 'smooth':
            group.add_argument(
                '--nosmooth',
                action='store_const',
                const='none',
                dest='smooth',
                help='the same as --smooth none',
            )
    return parser


def _add_option(group, spec) -> None:
    details = spec.metadata
    flags = details.get('flags', (f'--{spec.name.replace("_", "-")}',))
    common = dict(dest=spec.name, default=spec.default, help=details['help'])
    if isinstance(spec.default, bool):
        action = 'store_false' if spec.default else 'store_true'
        if details.get('switch'):
            action = argparse.BooleanOptionalAction
        group.add_argument(*flags, action=action, **common)
        return
    if isinstance(spec.default, tuple):
        common['default'] = list(spec.default)
    common.update(
        {
            name: details[name]
            for name in ('metavar', 'choices', 'nargs', 'action', 'required')
            if name in details
        }
    )
    group.add_argument(*flags, type=_typed(spec), **common)


def _typed(spec) -> Callable:
    """The conversion of an option; argparse hides what a ValueError says."""

    def convert(text: str):
        try:
            return parse_value(spec, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def parse_args(argv: Optional[Sequence[str]] = None) -> Settings:
    """The settings that a command line means; ends the program if none."""
    parser = build_parser()
    values = vars(parser.parse_args(argv))
    for name in ('input_path', 'save_format', 'angles'):
        values[name] = tuple(values[name])
    try:
        return Settings(**values)
    except ValueError as error:
        parser.error(str(error))


def run_command(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> int:
    """Do what the settings say.

    Returns:
        int: exit code.

    Raises:
        ValueError, OSError: an option, an input or an output is wrong; said
            before any work begins where it can be known then.
    """
    _check(settings)
    index, count = settings.shard or find_shard(environment)
    found, others = find_jobs(settings)
    jobs = plan_outputs(found, settings)[index::count]
    check_outputs(jobs, [job.source for job in found], settings)
    if settings.show:
        check_window()
    report = ConsoleReport(settings.quiet, settings.log_json, bar=index == 0)
    open_clip = _opener(settings, jobs)
    run = make_run(settings, report, open_clip, environment)
    if run.boxes is not None:
        photos = [job.source for job in jobs if job.kind == PHOTO]
        run.boxes.match(photos, has_clips=len(photos) < len(jobs))
    make_folders(jobs, settings)
    if others:
        report.warn(
            f'{len(others)} files are neither image nor video by their names '
            f'and were left out: {", ".join(others[:3])}'
            f'{", ..." if len(others) > 3 else ""}'
        )
    logging.getLogger('spinepose_mmpose').addHandler(_Warnings(report))
    try:
        run_jobs(jobs, run)
        report.finish()
    finally:
        report.close()
    if report.failures:
        return 1
    return INCOMPLETE if report.incomplete else 0


def find_shard(environment: Mapping[str, str]) -> Tuple[int, int]:
    """This process among those that share the inputs, (index, count): by
    torchrun's variables, else by SLURM's array and tasks together."""

    def read(index: str, count: str, first: str = '') -> Tuple[int, int]:
        try:
            least = int(environment.get(first, 0))
            place = int(environment[index]) - least, int(environment[count])
        except (KeyError, ValueError):
            return 0, 1
        return place if 0 <= place[0] < place[1] else (0, 1)

    index, count = read('RANK', 'WORLD_SIZE')
    if count > 1:
        return index, count
    task, tasks = read('SLURM_PROCID', 'SLURM_NTASKS')
    part, parts = read(
        'SLURM_ARRAY_TASK_ID', 'SLURM_ARRAY_TASK_COUNT', 'SLURM_ARRAY_TASK_MIN'
    )
    return part * tasks + task, parts * tasks


def make_run(
    settings: Settings,
    report: ConsoleReport,
    open_clip: Callable,
    environment: Mapping[str, str] = os.environ,
) -> Run:
    """What works on the inputs, models ready."""
    boxes = BoxFile(settings.boxes) if settings.boxes else None
    local = environment.get('LOCAL_RANK') or environment.get('SLURM_LOCALID')
    device = settings.device
    if device == 'cuda' and local is not None:
        device = f'cuda:{local}'
    estimator = settings.make_estimator(
        device=device, spinning=False, progress=not settings.quiet
    )
    _ = estimator.detector  # a missing download is said now, not later
    missing = [name for name in SPINE_ONLY if name not in estimator.names]
    if settings.spine_only and missing:
        raise ValueError(
            f'--spine-only needs {", ".join(missing)}, which this model does '
            'not estimate'
        )
    files = {
        'the model': estimator.files.path,
        'the detector': getattr(estimator.detector, 'path', None),
        'the file of boxes': settings.boxes,
        'the intrinsics': settings.camera_intrinsics,
    }
    lifting = settings.make_lifting()
    if lifting is not None:
        files['the lifter'] = lifting.lifter.path
    return Run(
        settings,
        estimator,
        report,
        open_clip,
        boxes,
        _draw(settings) if settings.vis_path or settings.show else None,
        {name: digest_of(path) for name, path in files.items() if path},
        lifting,
    )


def _draw(settings: Settings) -> Callable:
    from .draw import DrawStyle, draw_people

    is_plain = settings.draw == 'skeleton'
    style = DrawStyle(
        labels=settings.labels,
        ids=settings.ids,
        boxes=settings.draw_boxes,
        score_threshold=settings.draw_score,
        background=settings.background if is_plain else 'image',
    )
    has_panel = settings.enable_lifting and settings.show_lifting_panel

    def draw(image, result):
        drawn = draw_people(
            image, result.people, spine_only=settings.spine_only, style=style
        )
        if settings.draw == 'side-by-side':
            drawn = np.hstack([image, drawn])
        if not has_panel:
            return drawn
        from .panel import beside_panel

        return beside_panel(drawn, result.people, settings.estimate_camera_pose)

    return draw


def _opener(settings: Settings, jobs) -> Callable:
    """Opens clips; one that is alone at once, so that a wrong file is told
    before models are loaded."""

    def open_clip(job):
        return open_source(job.source, settings.sequence)

    if len(jobs) == 1 and jobs[0].kind == CLIP:
        source = open_clip(jobs[0])
        return lambda job: source
    return open_clip


def _check(settings: Settings) -> None:
    if not (
        settings.vis_path
        or settings.save_path
        or settings.show
        or settings.report
    ):
        raise ValueError(
            'nothing would be written: give -o for a drawing, -s for results, '
            '--report or --show'
        )
    if settings.angles and not (settings.save_path or settings.report):
        raise ValueError('--angles needs -s, where to write to, or --report')
    if settings.save_format and not settings.save_path:
        raise ValueError('--save-format needs -s, where to write to')
    if settings.tracking:
        return
    wanted = [*settings.save_format, *(['report'] if settings.report else [])]
    end = os.path.splitext(settings.save_path)[1].lower()
    for kind in FORMATS.values():
        if kind.needs_identities and (
            kind.name in wanted or kind.extension == end
        ):
            raise ValueError(
                f'{kind.name} tells people apart, which needs identities: '
                'leave out --no-tracking'
            )


class _Warnings(logging.Handler):
    """Passes on what the package logs."""

    def __init__(self, report: ConsoleReport):
        super().__init__(logging.WARNING)
        self.report = report

    def emit(self, record: logging.LogRecord) -> None:
        self.report.warn(record.getMessage())


if __name__ == '__main__':
    main()
