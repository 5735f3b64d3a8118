"""All jobs of a command, shared with other processes where there are some."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from typing import Callable, Iterator, List, NamedTuple, Sequence, Tuple

from ..formats import Header
from ..video import Source
from .clip import run_clip
from .jobs import CLIP, PHOTO, Job
from .outputs import finished, tidy
from .photos import Photo, run_photos
from .ranks import Rank, take
from .settings import ClipSettings, Seen, Tools

# Photographs that one process takes at a time from a shared list.
PHOTOS_A_CLAIM = 64
ERRORS = (OSError, ValueError, FloatingPointError)


class Report:
    """What those who watch a run are told; does nothing by itself."""

    def begin(self, label: str, total, done: int = 0) -> None:
        """A clip or a set of photographs begins."""

    def frame(self, job: Job, seen: Seen) -> None:
        """A frame or a photograph is done."""

    def end(self, job: Job, bad: Sequence[Tuple[int, str]]) -> None:
        """A clip is done; frames (index, reason) could not be read."""

    def skipped(self, job: Job, reason: str) -> None:
        """A job was left out."""

    def failed(self, job: Job, reason: str) -> None:
        """A job could not be done."""


class Plan(NamedTuple):
    """How jobs are run.

    Attributes:
        tools, settings: see :func:`.run_clip`.
        open_clip: the source of a clip's frames.
        header: of results, with what is common to all of them.
        resume: go on with what is unfinished, leave out what is finished.
        rank: this process among those that share the jobs.
        batch: photographs in one batch of the network.
        report: is told what happens.
    """

    tools: Tools
    settings: ClipSettings
    open_clip: Callable[[Job], Source]
    header: Header
    resume: bool = False
    rank: Rank = Rank()
    batch: int = 1
    report: Report = Report()


def run_jobs(jobs: Sequence[Job], plan: Plan) -> int:
    """Do all jobs; an input that fails does not keep the others from it.

    Returns:
        int: how many failed.

    Raises:
        ValueError, OSError: the only job failed.
    """
    photos = [job for job in jobs if job.source.kind == PHOTO]
    clips = [job for job in jobs if job.source.kind == CLIP]
    failures = 0
    for part in _photo_parts(photos, plan):
        failures += _run_photos(part, plan, alone=len(jobs) == 1)
    later = []
    for job in _rotated(clips, plan.rank):
        try:
            if not _run_clip(job, plan):
                later.append(job)
        except ERRORS as error:
            if len(jobs) == 1:
                raise
            failures += 1
            plan.report.failed(job, str(error))
    for job in later:
        # Its holder may have died meanwhile.
        if not _run_clip(job, plan):
            plan.report.skipped(job, 'another process works on it')
    return failures


def _run_clip(job: Job, plan: Plan) -> bool:
    """False if another process holds the job."""
    if not job.work:
        folder = tempfile.mkdtemp(prefix='spinepose-')
        try:
            _infer_clip(replace(job, work=folder), plan, lambda: None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return True
    if _is_done(job, plan):
        return True
    claim = take(job.work)
    if claim is None:
        if plan.rank.shared:
            return False
        raise OSError(f'another process works on {job.source.spec} right now')
    try:
        # Another process may have finished it before the claim.
        if not _is_done(job, plan):
            _infer_clip(job, plan, claim.check)
            tidy(job)
    finally:
        claim.release()
    return True


def _infer_clip(job: Job, plan: Plan, check: Callable[[], None]) -> None:
    source = plan.open_clip(job)
    info = source.info
    header = replace(
        plan.header, source=job.label, rate=info.rate, size=tuple(info.size)
    )
    bad = run_clip(
        source,
        job,
        plan.tools,
        plan.settings,
        header,
        resume=plan.resume and not info.live,
        begin=lambda total, done: plan.report.begin(job.label, total, done),
        watch=lambda seen: plan.report.frame(job, seen),
        check=check,
    )
    plan.report.end(job, bad)


def _is_done(job: Job, plan: Plan) -> bool:
    if plan.resume and finished(job, plan.settings.layout):
        plan.report.skipped(job, 'finished before')
        return True
    return False


def _rotated(jobs: List[Job], rank: Rank) -> List[Job]:
    """Each process begins elsewhere, so that they seldom meet."""
    start = len(jobs) * rank.index // rank.count
    return jobs[start:] + jobs[:start]


def _photo_parts(jobs: List[Job], plan: Plan) -> Iterator[List[Job]]:
    if not plan.rank.shared:
        if jobs:
            yield jobs
        return
    parts = [
        jobs[i : i + PHOTOS_A_CLAIM]
        for i in range(0, len(jobs), PHOTOS_A_CLAIM)
    ]
    yield from _rotated(parts, plan.rank)


def _run_photos(jobs: List[Job], plan: Plan, alone: bool) -> int:
    layout = plan.settings.layout
    claim = None
    if plan.rank.shared and jobs[0].work:
        names = '\n'.join(job.source.spec for job in jobs)
        digest = hashlib.sha256(names.encode()).hexdigest()[:12]
        claim = take(
            os.path.join(os.path.dirname(jobs[0].work), f'.photos-{digest}')
        )
        if claim is None:
            return 0
    try:
        if plan.resume:
            jobs = [job for job in jobs if not finished(job, layout)]
        if not jobs:
            return 0
        plan.report.begin('photographs', len(jobs))

        def watch(photo: Photo) -> None:
            plan.report.frame(photo.job, photo.seen)

        failures = run_photos(
            jobs,
            plan.tools,
            plan.header,
            plan.batch,
            plan.settings.spine_only,
            watch,
        )
        for job, reason in failures:
            if alone:
                raise ValueError(reason)
            plan.report.failed(job, reason)
        return len(failures)
    finally:
        if claim is not None:
            claim.release()
