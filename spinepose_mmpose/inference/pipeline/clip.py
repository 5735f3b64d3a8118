"""One clip from input to complete outputs, or on from where it was stopped."""

import os
from contextlib import closing
from typing import Callable, Iterator, List, Optional, Tuple

from ..formats import (
    Header,
    frame_file,
    write_csv,
    write_json_lines,
    write_openpose,
    write_trc,
)
from ..results import FrameResult
from ..video import SegmentedWriter, Source
from . import journal
from .jobs import Job
from .outputs import DONE, clear
from .overlap import ahead
from .settings import (
    ClipSettings,
    Draw,
    Seen,
    Tools,
    spine_header,
    spine_of,
)
from .stream import stream_steps


def run_clip(
    source: Source,
    job: Job,
    tools: Tools,
    settings: ClipSettings,
    header: Header,
    resume: bool = False,
    begin: Callable[[Optional[int], int], None] = lambda total, done: None,
    watch: Callable[[Seen], None] = lambda seen: None,
    check: Callable[[], None] = lambda: None,
) -> List[Tuple[int, str]]:
    """Make the outputs of a clip.

    Args:
        header: of the clip, with the names of all keypoints.
        resume: go on with an interrupted run if there is one.
        begin: called with the number of frames, None if unknown, and how
            many of them were done before.
        watch: called after every new frame.
        check: called before results land; raises if they must not.

    Returns:
        list: (index, reason) of the frames that could not be read.
    """
    if resume and journal.exists(job.work):
        log = journal.Journal.resume(job.work, settings.fingerprint)
    else:
        clear(job, settings.layout)
        log = journal.Journal.create(job.work, header, settings.fingerprint)
    clip = _Clip(source, job, tools, settings, log, watch)
    try:
        if not log.complete:
            begin(settings.span.count(source.info), log.count)
            try:
                clip.infer()
            except KeyboardInterrupt:
                # Nothing else ends a camera.
                if not source.info.live:
                    raise
            log.finish()
        check()
        clip.land()
        return clip.errors()
    finally:
        clip.stop()


class _Clip:
    def __init__(self, source, job, tools, settings, log, watch):
        self.source, self.job, self.tools = source, job, tools
        self.settings, self.log, self.watch = settings, log, watch
        # Whether pictures and frames have to wait for all results.
        self.later = tools.smooth_all is not None
        self.caught_up = False
        self.video: Optional[SegmentedWriter] = None
        if job.picture:
            self.video = SegmentedWriter(
                job.picture,
                os.path.join(job.work, 'video'),
                log.header.rate,
                source.info.time_base,
            )

    def infer(self) -> None:
        """Estimate the frames that are not in the journal yet."""
        if not self.later:
            self._catch_up(self.log.results)
        steps = stream_steps(
            self.source,
            self.tools.estimator,
            tracker=self.tools.make_tracker(),
            smoother=self.tools.make_smoother(),
            det_interval=self.settings.det_interval,
            batch_frames=self.settings.batch_frames,
            span=self.settings.span,
            after=self.log.last,
            state=self.log.state,
            boxes_of=self.tools.boxes_of,
        )
        with closing(self._logged(steps)) as logged:
            with closing(self._drawn(logged)) as pictures:
                for picture, result in pictures:
                    self._write(picture, result)
                    self.watch(Seen(result, picture))

    def land(self) -> None:
        """Write what a complete journal allows."""

        def results(after: Optional[int] = None):
            return self.log.results(after)

        if self.later:
            smooth = self.tools.smooth_all(list(self.log.results()))

            def results(after: Optional[int] = None):
                return (
                    result
                    for result in smooth
                    if after is None or result.frame_index > after
                )

        if not self.caught_up:
            self._catch_up(results)
        if self.video is not None:
            self.video.finish()
        self._write_tables(results)

    def errors(self) -> List[Tuple[int, str]]:
        return [
            (result.frame_index, result.error)
            for result in self.log.results()
            if result.error
        ]

    def stop(self) -> None:
        self.log.close()
        if self.video is not None:
            self.video.abort()

    def _logged(self, steps) -> Iterator[Tuple]:
        with closing(steps):
            for image, result, state in steps:
                yield image, self.log.append(result, state)

    def _drawn(self, pairs) -> Iterator[Tuple]:
        """(picture or None, result), drawn in a thread of its own."""
        if self.tools.draw is None or self.later:
            return ((None, result) for _, result in pairs)
        return ahead(_draw(pairs, self.tools.draw), 2)

    def _write(self, picture, result: FrameResult) -> None:
        if picture is not None and self.video is not None:
            self.video.write(picture, result.frame_index, result.time)
        if self.job.openpose and not self.later:
            self._write_frame(result)

    def _catch_up(self, results) -> None:
        """Write what depends on results that were there before."""
        self.caught_up = True
        if self.job.openpose:
            os.makedirs(self.job.openpose, exist_ok=True)
            for result in results():
                self._write_frame(result)
        if self.video is None or self.log.count == 0:
            return
        safe = self.video.resume_point
        known = results(None if safe is None else safe[0])
        pairs = self._frames_again(known, safe)
        with closing(ahead(_draw(pairs, self.tools.draw), 2)) as pictures:
            for picture, result in pictures:
                if picture is not None:
                    self.video.write(picture, result.frame_index, result.time)

    def _frames_again(self, known, after) -> Iterator[Tuple]:
        """(image, result) of results that are there already."""
        frames = ahead(self.source.frames(self.settings.span, after), 2)
        with closing(frames):
            for result, frame in zip(known, frames):
                if frame.index != result.frame_index:
                    raise OSError(
                        f'{self.source.info.name} is not what it was when '
                        f'the run was interrupted: frame {frame.index} comes '
                        f'where {result.frame_index} was'
                    )
                yield frame.image, result

    def _write_frame(self, result: FrameResult) -> None:
        name = frame_file(
            self.settings.layout, self.job.source.name, result.frame_index
        )
        result, header = self._selected(result), self._selected_header()
        write_openpose(
            os.path.join(self.job.openpose, name), result, header.keypoints
        )

    def _write_tables(self, results) -> None:
        header = self._selected_header()

        def selected():
            return map(self._selected, results())

        for path, write in (
            (self.job.json, write_json_lines),
            (self.job.csv, write_csv),
        ):
            if path:
                os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
                write(path, header, selected())
        if self.job.trc:
            os.makedirs(os.path.dirname(self.job.trc) or '.', exist_ok=True)
            if not write_trc(self.job.trc, header, selected):
                # Nobody was there: without it the clip would look undone.
                with open(os.path.join(self.job.work, DONE), 'w'):
                    pass

    def _selected(self, result: FrameResult) -> FrameResult:
        return spine_of(result) if self.settings.spine_only else result

    def _selected_header(self) -> Header:
        if not self.settings.spine_only:
            return self.log.header
        return spine_header(self.log.header)


def _draw(pairs, draw: Draw) -> Iterator[Tuple]:
    with closing(pairs):
        for image, result in pairs:
            picture = None if image is None else draw(image, result)
            yield picture, result
