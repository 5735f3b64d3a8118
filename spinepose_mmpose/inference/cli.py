"""``spinepose-mmpose``: people and their spines from images and videos."""

import argparse
import json
import logging
import os
import signal
import sys
from dataclasses import asdict, fields
from typing import Mapping, Optional, Sequence, Tuple

import cv2
from tqdm import tqdm

from ..utils import USER_ERRORS, counted, one_sentence, sentence
from ..version import __version__
from .jobs import Job, check_outputs, find_jobs, make_folders, plan_outputs
from .record import Tally
from .results import FrameResult
from .run import TITLE, Run, run_jobs
from .settings import Settings, parse_value

DESCRIPTION = """\
Find people in images and videos and estimate 37 keypoints for each, 9 of them
along the spine. Write annotated images or videos (-o) and results (-s)."""

EXAMPLES = """\
examples:
  a photograph: annotated, and as OpenPose JSON
      spinepose-mmpose -i photo.jpg -o drawn.png -s photo.json
  a video: annotated, and one OpenPose file per frame in the folder walk_json
      spinepose-mmpose -i walk.mp4 -o drawn.mp4 -s walk_json
  a table for pandas or R; markers for OpenSim
      spinepose-mmpose -i walk.mp4 -s walk.csv
      spinepose-mmpose -i walk.mp4 -s results/ --save-format csv,trc
  posture angles, and a page that shows them
      spinepose-mmpose -i walk.mp4 -s walk.csv --angles all --report walk.html
  from 0:30 to 1:00, every second frame, smoothed offline
      spinepose-mmpose -i walk.mp4 -s walk.csv --start 30 --end 1:00 \\
          --stride 2 --smooth offline
  a folder of videos, resumed after a power failure
      spinepose-mmpose -i clips/ -s results/ --resume
  the same folder on four GPUs
      torchrun --nproc-per-node 4 --no-python spinepose-mmpose -i clips/ \\
          -s results/ --device cuda --resume
  in 3D, with the person's height; markers in metres for OpenSim
      spinepose-mmpose -i walk.mp4 -s walk.trc -o drawn.mp4 --enable-lifting \\
          --primary-subject-height 1.75
  a live camera; q or Ctrl-C quits
      spinepose-mmpose -i webcam --show
  your own network and detector, offline
      spinepose-mmpose -i walk.mp4 -s walk.jsonl --model spinepose.onnx \\
          --detector rtmdet.onnx

exit codes: 0 all inputs finished, 1 something failed, 2 invalid option, 3 a
video ended early, 130 interrupted. More: docs/inference.md"""

INCOMPLETE, INTERRUPTED = 3, 130
FINISHED = 'finished before'
# From one sign of progress to the next: seconds where stderr is no terminal,
# and frames in JSON.
LOG_SECONDS, LOG_FRAMES = 10.0, 100


def main(argv: Optional[Sequence[str]] = None) -> None:
    """The console script."""
    settings = parse_args(argv)
    # A batch system asks so before it kills.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with one_sentence():
        try:
            code = run_command(settings)
        except USER_ERRORS as error:
            if not settings.log_json:
                raise
            said, code = dict(event='failed', why=str(sentence(error))), 1
            print(json.dumps(said), file=sys.stderr)
        except KeyboardInterrupt:
            said = 'interrupted: the same command with --resume goes on'
            if settings.log_json:
                event = dict(event='interrupted', why='--resume goes on')
                said = json.dumps(event)
            print(said, file=sys.stderr)
            code = INTERRUPTED
    sys.exit(code)


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

    def convert(text: str):
        try:
            return parse_value(spec, text)
        except ValueError as error:  # of which argparse hides what it says
            raise argparse.ArgumentTypeError(str(error)) from error

    if isinstance(spec.default, tuple):  # what 'extend' cannot extend
        common['default'] = list(spec.default)
    for name in ('metavar', 'choices', 'nargs', 'action', 'required'):
        if name in details:
            common[name] = details[name]
    group.add_argument(*flags, type=convert, **common)


def parse_args(argv: Optional[Sequence[str]] = None) -> Settings:
    """The settings that a command line means; ends the program if none."""
    parser = build_parser()
    values = vars(parser.parse_args(argv)).items()
    try:
        return Settings(
            **{n: tuple(v) if isinstance(v, list) else v for n, v in values}
        )
    except ValueError as error:
        parser.error(str(error))


def run_command(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> int:
    """Do what the settings say; returns the exit code. What is wrong with an
    option, an input or an output is raised before any work begins, where it
    can be known then."""
    index, count = settings.shard or find_shard(environment)
    found, others = find_jobs(settings)
    jobs = plan_outputs(found, settings)[index::count]
    check_outputs(jobs, [job.source for job in found], settings)
    if settings.show:
        check_window()
    report = ConsoleReport(settings.quiet, settings.log_json, index == 0)
    run = Run(settings, jobs, report, environment)
    make_folders(jobs)
    if others:
        report.warn(
            f'{len(others)} files are neither image nor video by their names '
            f'and were left out: {_first(others, 3)}'
        )
    log = logging.Handler(logging.WARNING)
    log.emit = report.logged
    logger = logging.getLogger('spinepose_mmpose')
    logger.addHandler(log)
    try:
        run_jobs(run)
        report.finish()
    finally:
        report.close()
        logger.removeHandler(log)
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


class ConsoleReport:
    """What is said while the work goes on.

    Text: a progress bar and complaints on stderr, results on stdout. JSON:
    everything on stderr, one object per line. Quiet: complaints alone.

    Attributes:
        tally (Tally): of all inputs that were done.
        failures, incomplete, remarks (int): inputs that could not be done,
            videos that ended early, images with a remark on the file.
    """

    def __init__(self, quiet: bool, as_json: bool, has_bar: bool):
        self.quiet, self.as_json = quiet, as_json
        self.has_bar = has_bar and not quiet and not as_json
        self.bar, self.count, self.total = None, 0, None
        self.failures = self.incomplete = self.remarks = 0
        self.tally, self.photos, self.is_about_clips = Tally(), [], False
        self.remarked = set()

    def begin(self, label: str, total: Optional[int], done: int = 0) -> None:
        """A clip or a set of photographs begins."""
        self.close()
        self.count, self.total = done, total
        self._tell('begin', name=label, total=total, done=done)
        self.bar = tqdm(
            total=total,
            initial=done,
            desc=_printable(label),
            unit=' photographs' if label == 'photographs' else ' frames',
            dynamic_ncols=True,
            mininterval=0.2 if sys.stderr.isatty() else LOG_SECONDS,
            file=sys.stderr,
            disable=not self.has_bar,
        )

    def frame(self) -> None:
        """A frame or a photograph is done."""
        self.count += 1
        self.bar.update()
        if self.count % LOG_FRAMES == 0:
            self._tell('progress', done=self.count, total=self.total)

    def photo(self, job: Job, result: FrameResult) -> None:
        """A photograph is done."""
        self.frame()
        self.tally.add(result)
        self.photos.append(job)
        self._tell('end', input=job.source, outputs=job.outputs)

    def clip(self, job: Job, tally: Tally, bad: Sequence, shortfall: str):
        """A clip is done; ``bad`` has the (index, reason) of frames that cannot
        be read, ``shortfall`` is what is missing of the clip."""
        self.close()
        self.is_about_clips = True
        self.tally += tally
        if bad:
            frames = [index for index, _ in bad]
            self.warn(
                f'{job.source}: {len(bad)} frames could not be read and were '
                f'skipped ({bad[0][1]}): {_first(frames, 5)}',
                frames=frames,
            )
        if shortfall:
            self.incomplete += 1
            self.warn(f'{job.source} ends early: {shortfall}')
        text = f'{job.source}: {", ".join(job.outputs) or "shown"}'
        found = dict(input=job.source, outputs=job.outputs, **asdict(tally))
        self._tell('end', text, **found)

    def skipped(self, job: Job) -> None:
        """A run before this one has done a job."""
        text = f'{job.source}: left out, {FINISHED}'
        self._tell('skipped', text, input=job.source, why=FINISHED)

    def failed(self, job: Job, error) -> None:
        """A job could not be done."""
        self.failures += 1
        why = str(sentence(error))
        text = why if job.source in why else f'{job.source}: {why}'
        self._tell('failed', f'error: {text}', True, input=job.source, why=why)

    def logged(self, record: logging.LogRecord) -> None:
        """Pass on a warning of a module; an image may be read twice."""
        text = record.getMessage()
        if record.name.endswith('.images'):
            if text in self.remarked:
                return
            self.remarked.add(text)
            self.remarks += 1
        self.warn(text)

    def warn(self, text: str, **values) -> None:
        self._tell('warning', f'warning: {text}', True, why=text, **values)

    def close(self) -> None:
        """End the bar and name what became of photographs."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        if self.photos and not self.as_json:
            outputs = [path for job in self.photos for path in job.outputs]
            name = self.photos[0].source
            if len(self.photos) > 1:
                name = f'{len(self.photos)} photographs'
                outputs = sorted({os.path.dirname(p) or '.' for p in outputs})
            self._tell('', f'{name}: {", ".join(outputs)}')
        self.photos = []

    def finish(self) -> None:
        """Say what was found in all inputs."""
        self.close()
        tally = self.tally
        if not tally.frames + tally.bad:
            return
        kind = 'frame' if self.is_about_clips else 'photograph'
        remarks = f', {self.remarks} with a warning' if self.remarks else ''
        different = f' ({tally.people} different)' if tally.people else ''
        self._tell(
            'found',
            f'{counted(tally.frames, kind)}: {counted(tally.found, "person")}'
            f'{different}, nobody in {tally.empty}{remarks}',
            warnings=self.remarks,
            **asdict(tally),
        )

    def _tell(
        self, event: str, text: str = '', trouble=False, **values
    ) -> None:
        if self.quiet and not trouble:
            return
        if self.as_json:
            line = json.dumps({'event': event, **values})
            print(line, file=sys.stderr, flush=True)
        elif text:  # above the bar
            file = sys.stderr if trouble else sys.stdout
            tqdm.write(_printable(text), file=file)
            file.flush()


def _first(items: Sequence, count: int) -> str:
    shown = ', '.join(map(str, items[:count]))
    return f'{shown}, ...' if len(items) > count else shown


def _printable(text: str) -> str:
    """Without what a name that is not UTF-8 holds."""
    return text.encode('utf-8', 'backslashreplace').decode()


def check_window() -> None:
    """Raise ValueError where no window can be opened."""
    on_unix = sys.platform not in ('win32', 'darwin')
    if on_unix and not (
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    ):
        raise ValueError(
            '--show needs a display, and this machine has none: leave it out '
            'and write the drawing with -o'
        )
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise ValueError(
            '--show needs an OpenCV with windows: pip install opencv-python in '
            'place of opencv-python-headless, or leave it out and write the '
            'drawing with -o'
        ) from error


if __name__ == '__main__':
    main()
