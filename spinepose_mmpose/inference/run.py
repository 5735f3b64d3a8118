"""The work of a command: photographs in batches, clips one by one."""

import os
import tempfile
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Callable, Iterator, List, Mapping, Optional, Tuple

import cv2
import numpy as np

from .boxes import BoxFile
from .formats import Frames, Header, rounded_result
from .images import write_image
from .jobs import Job
from .record import DamagedRecord, Record, digest_of
from .results import SPINE_ONLY, FrameResult, spine_of
from .settings import FILES, RESULTS, Position, Settings
from .smooth import smooth_tracks
from .stream import FrameLoop, ahead, stream
from .video import ImageSequence, open_source
from .video_writer import written_video

ERRORS = (OSError, ValueError, FloatingPointError)
TITLE = 'spinepose-mmpose'
LARGEST = 1280  # pixels of the longer side of a window
Pairs = Iterator[Tuple[Optional[np.ndarray], FrameResult]]


class Run:
    """What the jobs of a command share, models ready; ``environment`` tells
    which of several GPUs is this process's."""

    def __init__(
        self, settings: Settings, jobs: List[Job], report, environment: Mapping
    ):
        self.settings, self.jobs, self.report = settings, jobs, report
        self.source, self.scratch = None, ''  # a folder, see run_jobs
        if len(jobs) == 1 and jobs[0].is_clip:
            # At once, so that a wrong file is told before models are loaded.
            self.source = open_source(jobs[0].source, settings.sequence)
        self.boxes = BoxFile(settings.boxes) if settings.boxes else None
        device, local = settings.device, ('LOCAL_RANK', 'SLURM_LOCALID')
        place = next(filter(None, map(environment.get, local)), None)
        if device == 'cuda' and place is not None:
            device = f'cuda:{place}'
        self.estimator = settings.make_estimator(
            device=device, spinning=False, progress=not settings.quiet
        )
        detector = self.estimator.detector  # a missing download is said now
        missing = [n for n in SPINE_ONLY if n not in self.estimator.names]
        if settings.spine_only and missing:
            raise ValueError(
                f'--spine-only needs {", ".join(missing)}, which this model '
                'does not estimate'
            )
        self.lifting = settings.make_lifting()
        files = {
            'the model': self.estimator.files.path,
            'the detector': getattr(detector, 'path', None),
            'the file of boxes': settings.boxes,
            'the intrinsics': settings.camera_intrinsics,
            'the lifter': self.lifting and self.lifting.lifter.path,
        }
        self.digests = {n: digest_of(path) for n, path in files.items() if path}
        is_drawn = settings.vis_path or settings.show
        self.draw = settings.make_drawing() if is_drawn else None
        if self.boxes is not None:
            photos = [job.source for job in jobs if not job.is_clip]
            self.boxes.match(photos, has_clips=len(photos) < len(jobs))

    def failed(self, job: Job, error: Exception) -> None:
        """Raise the error of the only job; report it where there are more."""
        if len(self.jobs) == 1:
            raise error
        self.report.failed(job, error)

    def record(self, job: Job) -> Record:
        """Of a job; of one without outputs it is thrown away."""
        scratch = os.path.join(self.scratch, job.name)
        digests = {**self.digests, 'the input': digest_of(job.source)}
        facts = dict(
            results={**self.settings.values(RESULTS), **digests},
            files=self.settings.values(FILES),
            targets=job.outputs,
        )
        return Record(job.outputs[0] if job.outputs else scratch, facts)

    def header(self, job: Job, size, rate=None) -> Header:
        """Of a job, with the names of all keypoints."""
        one, axes = self.estimator, ''
        if self.lifting is not None:
            axes = 'world' if self.lifting.estimate_camera_pose else 'camera'
        return Header(
            job.name, tuple(one.names), rate, tuple(size), one.model_name,
            one.licence, axes,
        )  # fmt: skip

    def write(self, job: Job, header: Header, frames: Frames) -> List[str]:
        """Write the results of a job; returns the files."""
        written = []
        for kind, path in job.results:
            if self.settings.spine_only and not kind.measures:
                head = replace(header, keypoints=SPINE_ONLY)
                written += kind.write(
                    path, head, lambda: map(spine_of, frames())
                )
            else:
                written += kind.write(path, header, frames)
        return written

    def is_done(self, job: Job, record: Record, loop=None) -> bool:
        """Whether a run before this one left nothing to do, see
        :meth:`.Record.is_done`; ValueError if nobody knows how it was made."""
        try:
            is_known = record.load()
            if not self.settings.resume:
                return False
            for path in () if is_known else job.existing():
                raise ValueError(
                    f'{path} exists, but there is no record of how it was '
                    'made: --overwrite replaces it'
                )
            is_done = is_known and record.is_done(job.source, loop)
        except DamagedRecord:
            self.report.warn(
                f'{job.source}: the record of an earlier run cannot be read; '
                'the work starts afresh'
            )
            return False
        if is_done:
            self.report.skipped(job)
        return is_done


def run_jobs(run: Run) -> None:
    """Do all jobs; an input that fails does not keep the others from it, but
    the error of the only one is raised."""
    with tempfile.TemporaryDirectory(prefix='spinepose-') as run.scratch:
        run_photos([job for job in run.jobs if not job.is_clip], run)
        for job in [job for job in run.jobs if job.is_clip]:
            try:
                with closing(run.record(job)) as record:
                    run_clip(job, run, record)
            except ERRORS as error:
                run.failed(job, error)


def run_photos(jobs: List[Job], run: Run) -> None:
    """Make the outputs of photographs; each appears complete."""
    report, left = run.report, []
    for job in jobs:
        record = run.record(job)
        try:
            if not run.is_done(job, record):
                left.append((job, record))
        except ValueError as error:
            run.failed(job, error)
    if not left:
        return
    report.begin('photographs', len(left))
    photos = ImageSequence([job.source for job, _ in left])

    def boxes_of(index):
        return run.boxes.of_image(photos.paths[index])

    loop = FrameLoop(run.estimator, boxes_of=boxes_of if run.boxes else None)
    with closing(stream(photos, loop, run.settings.batch_frames)) as steps:
        for (job, record), (image, result, _) in zip(left, steps):
            if result.error:
                run.failed(job, ValueError(result.error))
                continue
            result = replace(rounded_result(result), frame_index=0)
            if run.lifting is not None:
                result = run.lifting.photograph(result, job.source)
            header = run.header(job, result.size)
            record.begin(header, journal=False)
            written = run.write(job, header, partial(iter, [result]))
            drawn = None if run.draw is None else run.draw(image, result)
            if job.drawn:
                write_image(job.drawn, drawn)
                written.append(job.drawn)
            record.done(written)
            report.photo(job, result)
            if run.settings.show:
                show(drawn, wait=True)


def run_clip(job: Job, run: Run, record: Record) -> None:
    """Make the outputs of a clip, or go on where a run was interrupted."""
    settings, report, lifting = run.settings, run.report, run.lifting
    boxes_of = run.boxes.of_frame if run.boxes else None
    loop = FrameLoop.create(settings, run.estimator, boxes_of)
    if run.is_done(job, record, loop):
        return
    source = run.source or open_source(job.source, settings.sequence)
    info = source.info
    if record.file is None:
        record.begin(run.header(job, info.size, info.rate))
    if lifting is not None:
        lifting.reset()
        lifting.camera_of(info.size)  # raises what does not fit
    is_late = settings.smooth == 'offline' or lifting is not None
    # Of a camera nothing is seen twice: there the drawing goes along.
    is_late = is_late and not info.live
    is_drawn = run.draw is not None and not (is_late or record.complete)
    if not record.complete:
        report.begin(job.name, _count(info, settings.span), record.count)
        last = record.last
        pairs = _new_frames(run, record, source, loop, is_drawn)
        if is_drawn:
            pairs = _drawn(pairs, run.draw, lifting)
        _consume(pairs, job, run, source, is_drawn, last)
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
    if settings.smooth == 'offline':
        finished = smooth_tracks(
            list(results()), cutoff=settings.cutoff, order=settings.order
        )
    if lifting is not None:
        finished = lifting.clip(finished or list(results()))
    if finished is not None:
        results = partial(iter, finished)
    if run.draw is not None and not is_drawn:
        pairs = _frames_again(source, settings, results())
        _consume(_drawn(pairs, run.draw), job, run, source)
    written = run.write(job, record.header, results)
    written += [job.drawn] if job.drawn else []
    bad = []
    if record.tally.bad:  # else the journal is not read once more
        bad = [(r.frame_index, r.error) for r in results() if r.error]
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


def _frames_again(source, settings: Settings, results) -> Pairs:
    """(image, result) of results that are there already."""
    with closing(ahead(source.frames(settings.span), 2)) as frames:
        for result, frame in zip(results, frames):
            yield frame.image, result


def _drawn(pairs: Pairs, draw: Callable, lifting=None) -> Pairs:
    """(drawing, result), made in another thread; before, ``lifting`` may give
    people their 3D points."""

    def work():
        with closing(pairs):
            for image, result in pairs:
                if lifting is not None:
                    result = lifting(result)
                yield None if image is None else draw(image, result), result

    return ahead(work(), 2)


def _consume(
    pairs: Pairs, job: Job, run: Run, source, is_drawn=True, known=np.inf
) -> None:
    """Show and write drawings, if these are some, and report the frames after
    ``known``."""
    has_sound = run.settings.audio and os.path.isfile(job.source)
    sound = job.source if has_sound else ''
    with closing(pairs), written_video(job.drawn, source.info, sound) as write:
        try:
            for drawn, result in pairs:
                if result.frame_index > known:
                    run.report.frame()
                if not is_drawn or drawn is None:
                    continue
                if run.settings.show:
                    show(drawn)
                if job.drawn:
                    write(drawn, result.time)
        except KeyboardInterrupt:
            # Nothing else ends a camera.
            if not source.info.live:
                raise


def _count(info, span) -> Optional[int]:
    """How many frames a clip will have, about; None if unknown."""
    if info.frames is None:
        return None
    first, end = (
        round(place.time * (info.rate or 0))
        if place.index is None
        else place.index
        for place in (span.start, span.end or Position(index=info.frames))
    )
    return -(-max(0, min(end, info.frames) - first) // span.stride)


def show(image: np.ndarray, wait: bool = False) -> None:
    """Show a drawing, by choice until a key is pressed; q and Escape are a
    KeyboardInterrupt."""
    h, w = image.shape[:2]
    scale = LARGEST / max(h, w)
    if scale < 1:
        size = (max(1, int(w * scale)), max(1, int(h * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    cv2.imshow(TITLE, image)
    if (cv2.waitKey(0 if wait else 1) & 0xFF) in (ord('q'), 27):
        raise KeyboardInterrupt
