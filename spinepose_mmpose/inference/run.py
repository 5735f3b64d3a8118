"""The jobs of a command: photographs in batches, clips one by one."""

import os
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from ..utils import replaced
from .boxes import BoxFile
from .formats import FORMATS, Frames, Header, rounded_result
from .images import load_image
from .jobs import PHOTO, Job, existing_outputs
from .record import DamagedRecord, Record, check_same, digest_of
from .reports import ConsoleReport, show
from .results import SPINE_ONLY, FrameResult, spine_of
from .settings import FILES, RESULTS, Settings
from .stream import FrameLoop, ahead, batches, stream
from .video import Source

ERRORS = (OSError, ValueError, FloatingPointError)
NEW, RESUMED, DONE = 'new', 'resumed', 'done'
Pairs = Iterator[Tuple[Optional[np.ndarray], FrameResult]]


@dataclass
class Run:
    """What the jobs of a command share.

    Attributes:
        settings (Settings): of the command.
        estimator (SpinePoseEstimator): with its networks ready.
        report (ConsoleReport): is told what happens.
        open_clip (Callable): gives the source of a job's frames.
        boxes (BoxFile, optional): in place of a detector.
        draw (Callable, optional): from an image, which may be drawn upon,
            and its result to the drawing.
        digests (dict): of what the results depend on beside options and
            input.
        scratch (str): a folder that goes with the run.
        lifting (Lifting, optional): gives people their 3D points.
        is_single (bool): there is one job.
    """

    settings: Settings
    estimator: object
    report: ConsoleReport
    open_clip: Callable[[Job], Source]
    boxes: Optional[BoxFile] = None
    draw: Optional[Callable[[np.ndarray, FrameResult], np.ndarray]] = None
    digests: dict = field(default_factory=dict)
    lifting: Optional[object] = None
    scratch: str = ''
    is_single: bool = False

    def failed(self, job: Job, error: Exception) -> None:
        """Raise the error of the only job; report it where there are more."""
        if self.is_single:
            raise error
        self.report.failed(job, error)

    def record(self, job: Job) -> Record:
        """Of a job; of one without outputs it is thrown away."""
        nothing = os.path.join(self.scratch, job.name)
        return Record([*job.outputs, nothing][0])

    def header(self, job: Job, size, rate=None) -> Header:
        """Of a job, with the names of all keypoints."""
        return Header(
            source=job.name,
            keypoints=tuple(self.estimator.names),
            rate=rate,
            size=tuple(size),
            model=self.estimator.model_name,
            licence=self.estimator.licence,
            axes=self.axes,
        )

    @property
    def axes(self) -> str:
        """Of points in 3D; '' without lifting."""
        if self.lifting is None:
            return ''
        return 'world' if self.lifting.in_world else 'camera'

    def facts(self, job: Job) -> dict:
        """What the outputs of a job depend on."""
        digests = {**self.digests, 'the input': digest_of(job.source)}
        return dict(
            results={**self.settings.values(RESULTS), **digests},
            files=self.settings.values(FILES),
            targets=job.outputs,
        )

    def write(self, job: Job, header: Header, frames: Frames) -> List[str]:
        """Write the results of a job; returns the files."""
        written = []
        for name, path in job.results.items():
            kind = FORMATS[name](self.settings, job.source)
            if self.settings.spine_only and not kind.measures:
                head = replace(header, keypoints=SPINE_ONLY)
                written += kind.write(
                    path, head, lambda: map(spine_of, frames())
                )
            else:
                written += kind.write(path, header, frames)
        return written


def run_jobs(jobs: Sequence[Job], run: Run) -> None:
    """Do all jobs; an input that fails does not keep the others from it.

    Raises:
        ValueError, OSError, FloatingPointError: the only job failed.
    """
    run.is_single = len(jobs) == 1
    with tempfile.TemporaryDirectory(prefix='spinepose-') as run.scratch:
        run_photos([job for job in jobs if job.kind == PHOTO], run)
        for job in jobs:
            if job.kind == PHOTO:
                continue
            try:
                with closing(run.record(job)) as record:
                    run_clip(job, run, record)
            except ERRORS as error:
                run.failed(job, error)


def look_back(
    job: Job, run: Run, record: Record, facts: dict, loop=None
) -> str:
    """What is left to do of a job: all (NEW), the rest (RESUMED), nothing
    (DONE).

    Args:
        facts (dict): see :meth:`Run.facts`.
        loop (FrameLoop, optional): of a clip; takes up the state of a run
            that was interrupted.

    Raises:
        ValueError: what is there was made otherwise, or nobody knows how.
    """
    try:
        is_known = record.load()
        if not run.settings.resume:
            return NEW
        if not is_known:
            for path in existing_outputs(job, run.settings)[:1]:
                raise ValueError(
                    f'{path} exists, but there is no record of how it was '
                    'made: --overwrite replaces it'
                )
            return NEW
        check_same(record.facts['results'], facts['results'], job.source)
        if record.written is None and loop is not None:
            record.resume(loop)
            record.facts = facts
            return RESUMED
        check_same(record.facts['files'], facts['files'], job.source)
        is_done = record.facts['targets'] == facts['targets'] and (
            record.written is not None
            and all(os.path.exists(path) for path in record.written)
        )
        return DONE if is_done else NEW
    except DamagedRecord:
        run.report.warn(
            f'{job.source}: the record of an earlier run cannot be read and '
            f'is now {record.set_aside()}; the work starts afresh'
        )
        return NEW


def run_photos(jobs: Sequence[Job], run: Run) -> None:
    """Make the outputs of photographs; each appears complete.

    Raises:
        ValueError: the only one cannot be read.
    """
    report = run.report
    left = []
    for job in jobs:
        record, facts = run.record(job), run.facts(job)
        try:
            if look_back(job, run, record, facts) == DONE:
                report.skipped(job, 'finished before')
            else:
                left.append((job, record, facts))
        except ValueError as error:
            run.failed(job, error)
    if not left:
        return
    report.begin('photographs', len(left))
    found = _people_of(left, run)
    with closing(ahead(found, 2 * run.settings.batch_frames)) as photos:
        for (job, record, facts), image, result in photos:
            if result.error:
                run.failed(job, ValueError(result.error))
                continue
            result = rounded_result(result)
            if run.lifting is not None:
                result = run.lifting.photograph(result, job.source)
            header = run.header(job, result.size)
            record.begin(facts, header, journal=False)
            written = run.write(job, header, partial(iter, [result]))
            picture = None if run.draw is None else run.draw(image, result)
            if job.drawn:
                _write_image(job.drawn, picture)
                written.append(job.drawn)
            record.done(written)
            report.photo(job, result)
            if run.settings.show:
                show(picture, wait=True)


def _people_of(entries, run: Run) -> Iterator[tuple]:
    """(entry, image, result) of photographs.

    Args:
        entries (list): tuples that begin with a job.
    """
    size = run.settings.batch_frames
    with closing(ahead(_images_of(entries, run), 2 * size)) as read:
        for batch in batches(read, size):
            seen = [item for item in batch if item[1] is not None]
            boxes = [_boxes_of(entry[0], img, run) for entry, img, _ in seen]
            people = iter(
                run.estimator.predict_batch(
                    [image for _, image, _ in seen],
                    [found for found, _ in boxes],
                    [scores for _, scores in boxes],
                )
                if seen
                else ()
            )
            for entry, image, error in batch:
                result = FrameResult(error=error)
                if image is not None:
                    size_of = image.shape[1::-1]
                    result = FrameResult(next(people), size=size_of)
                yield entry, image, result


def _images_of(entries, run: Run) -> Iterator[tuple]:
    """(entry, image or None, error)."""
    for entry in entries:
        try:
            image, remark = load_image(entry[0].source)
        except (OSError, ValueError) as error:
            yield entry, None, str(error)
            continue
        if remark:
            run.report.warn(remark)
            run.report.remarks += 1
        yield entry, image, ''


def _boxes_of(job: Job, image: np.ndarray, run: Run) -> tuple:
    if run.boxes is not None:
        return run.boxes.of_image(job.source)
    return run.estimator.detect(image)


def _write_image(path: str, image: np.ndarray) -> None:
    done, content = cv2.imencode(os.path.splitext(path)[1].lower(), image)
    if not done:
        raise OSError(f'{path} cannot be encoded')
    with replaced(path) as temporary, open(temporary, 'wb') as file:
        file.write(content.tobytes())


def run_clip(job: Job, run: Run, record: Record) -> None:
    """Make the outputs of a clip, or go on where a run was interrupted.

    Raises:
        ValueError: there is no frame in the span.
    """
    settings, report = run.settings, run.report
    boxes_of = run.boxes.of_frame if run.boxes else None
    loop = FrameLoop.create(settings, run.estimator, boxes_of)
    facts = run.facts(job)
    state = look_back(job, run, record, facts, loop)
    if state == DONE:
        report.skipped(job, 'finished before')
        return
    source = run.open_clip(job)
    info = source.info
    if state == NEW:
        record.begin(facts, run.header(job, info.size, info.rate))
    if run.lifting is not None:
        run.lifting.reset()
        run.lifting.camera_of(info.size)  # raises what does not fit
    is_late = settings.smooth == 'offline' and settings.tracking
    if run.lifting is not None:
        # Of a camera nothing is seen twice: there the drawing goes along.
        is_late = not info.live
    is_drawn = run.draw is not None and not (is_late or record.complete)
    if not record.complete:
        report.begin(job.name, _count(info, settings), record.count)
        pairs = _new_frames(run, record, source, loop, is_drawn)
        if run.lifting is not None and is_drawn:
            pairs = _lifted(pairs, run.lifting)
        _consume(pairs, job, run, source, is_drawn, record.last)
        record.finish(source.shortfall)
    if not record.count:
        record.forget()
        raise ValueError(f'{job.source} has no frame between --start and --end')
    results = record.results
    if run.boxes is not None:
        try:
            indices = (result.frame_index for result in results())
            run.boxes.check_frames(job.source, indices)
        except ValueError:
            record.forget()
            raise
    finished = None
    if settings.smooth == 'offline' and settings.tracking:
        from .smooth import smooth_tracks

        finished = smooth_tracks(
            list(results()), cutoff=settings.cutoff, order=settings.order
        )
    if run.lifting is not None:
        finished = run.lifting.clip(finished or list(results()))
    if finished is not None:

        def results():
            return iter(finished)

    if run.draw is not None and not is_drawn:
        pairs = _frames_again(source, settings, results())
        _consume(pairs, job, run, source, True)
    written = run.write(job, record.header, results)
    written += [job.drawn] if job.drawn else []
    bad = []
    if record.tally.bad:
        bad = [(r.frame_index, r.error) for r in record.results() if r.error]
    record.done(written)
    report.clip(job, record.tally, bad, record.shortfall)


def _new_frames(run, record, source, loop, is_drawn: bool) -> Pairs:
    """(image, result) of the frames that are not in the journal yet; to be
    drawn, those before them as well: no encoder goes on in the middle."""
    settings, known = run.settings, islice(record.results(), record.count)
    steps = stream(
        source, loop, settings.batch_frames, settings.span, record.last
    )
    if is_drawn and record.count:
        yield from _frames_again(source, settings, known)
    with closing(steps):
        for image, result, state in steps:
            yield image, record.append(result, state)


def _lifted(pairs: Pairs, lifting) -> Pairs:
    with closing(pairs):
        for image, result in pairs:
            yield image, lifting(result)


def _frames_again(source: Source, settings: Settings, results) -> Pairs:
    """(image, result) of results that are there already."""
    with closing(ahead(source.frames(settings.span), 2)) as frames:
        for result, frame in zip(results, frames):
            yield frame.image, result


def _consume(
    pairs: Pairs, job: Job, run: Run, source, is_drawn: bool, known=None
) -> None:
    """Draw, show and write what comes.

    Args:
        is_drawn (bool): else nothing is done but to report.
        known (int, optional): frames after this one are reported; None: none.
    """
    from .video_writer import written_video

    has_sound = run.settings.audio and os.path.isfile(job.source)
    sound = job.source if has_sound else ''
    with ExitStack() as stack:
        if is_drawn:
            pairs = ahead(_drawn(pairs, run.draw), 2)
        stack.enter_context(closing(pairs))
        writer = None
        try:
            for picture, result in pairs:
                if known is not None and result.frame_index > known:
                    run.report.frame()
                if not is_drawn or picture is None:
                    continue
                if run.settings.show:
                    show(picture)
                if job.drawn and writer is None:
                    writer = stack.enter_context(
                        written_video(
                            job.drawn, picture.shape[1::-1], source.info, sound
                        )
                    )
                if writer is not None:
                    writer.write(picture, result.time)
        except KeyboardInterrupt:
            # Nothing else ends a camera.
            if not source.info.live:
                raise


def _drawn(pairs: Pairs, draw) -> Pairs:
    with closing(pairs):
        for image, result in pairs:
            yield None if image is None else draw(image, result), result


def _count(info, settings: Settings) -> Optional[int]:
    """How many frames a clip will have, about; None if unknown."""
    if info.frames is None:
        return None

    def index(place) -> int:
        if place.index is not None:
            return place.index
        return round(place.time * (info.rate or 0))

    first, end = settings.span.start, settings.span.end
    last = min(index(end), info.frames) if end else info.frames
    return -(-max(0, last - index(first)) // settings.stride)
