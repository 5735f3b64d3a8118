"""Output paths, checked before any work begins."""

import glob
import os
import shutil
from dataclasses import replace
from typing import List, Sequence

from ..formats import frame_files
from . import journal
from .jobs import CLIP, PHOTO, Job

DONE = 'done'


def check_outputs(
    jobs: Sequence[Job], layout: str, overwrite: bool, resume: bool
) -> None:
    """Complain about outputs that cannot or must not be written.

    Raises:
        ValueError: an output is an input, or exists.
        PermissionError: a folder may not be written.
        NotADirectoryError: a folder is a file.
    """
    for job in jobs:
        for path in _paths(job):
            _check_place(path, job)
        if overwrite or resume:
            continue
        if job.source.kind == CLIP and journal.exists(job.work):
            raise ValueError(
                f'a run on {job.source.spec} was interrupted: --resume goes on '
                'with it, --overwrite begins again'
            )
        present = existing(job, layout)
        if present:
            raise ValueError(
                f'{present[0]} exists already: --overwrite replaces it, '
                '--resume keeps what is finished and does the rest'
            )


def existing(job: Job, layout: str) -> List[str]:
    """Outputs of a job that are there already."""
    found = [
        path for path in (job.picture, job.json, job.csv) if _is_there(path)
    ]
    if job.openpose and job.source.kind == PHOTO:
        found += [job.openpose] if _is_there(job.openpose) else []
    elif job.openpose:
        frames = frame_files(job.openpose, layout, job.source.name)
        found += sorted(frames)[:1]
    if job.trc:
        found += glob.glob(glob.escape(job.trc) + '_person*.trc')[:1]
    return found


def finished(job: Job, layout: str) -> bool:
    """Whether all outputs of a job are there and complete."""
    if job.source.kind == CLIP and journal.exists(job.work):
        return False
    wanted = sum(map(bool, (job.picture, job.json, job.csv, job.openpose)))
    present = existing(replace(job, trc=''), layout)
    trc_done = (
        not job.trc
        or bool(existing(replace(Job(job.source), trc=job.trc), layout))
        or os.path.isfile(os.path.join(job.work, DONE))
    )
    return len(present) == wanted and trc_done


def clear(job: Job, layout: str) -> None:
    """Remove what an earlier run left that this one would not replace."""
    if job.source.kind == CLIP and job.openpose:
        for path in frame_files(job.openpose, layout, job.source.name):
            os.remove(path)
    if job.trc:
        for path in glob.glob(glob.escape(job.trc) + '_person*.trc'):
            os.remove(path)
    journal.remove(job.work)
    for part in ('video', DONE):
        path = os.path.join(job.work, part)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.remove(path)


def tidy(job: Job) -> None:
    """Remove the folder of unfinished work once the results are there."""
    journal.remove(job.work)
    try:
        os.rmdir(job.work)
    except OSError:  # a mark or another process's claim lies in it
        pass


def _paths(job: Job) -> List[str]:
    paths = [job.picture, job.json, job.csv, job.openpose]
    paths.append(f'{job.trc}_person1.trc' if job.trc else '')
    return [path for path in paths if path]


def _check_place(path: str, job: Job) -> None:
    if os.path.realpath(path) == os.path.realpath(job.source.spec):
        raise ValueError(
            f'{path} is the input itself: name another file for the output'
        )
    if job.openpose == path and job.source.kind == CLIP:
        folder = path
        if os.path.isfile(path):
            raise NotADirectoryError(
                f'{path} is a file, but a folder is needed for the frames of '
                f'{job.source.spec}'
            )
    else:
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path):
            raise IsADirectoryError(f'{path} is a folder, a file expected')
    while folder and not os.path.exists(folder):
        folder = os.path.dirname(os.path.abspath(folder))
    if not os.path.isdir(folder):
        raise NotADirectoryError(
            f'{path} cannot be written: {folder} is a file, not a folder'
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f'{path} cannot be written: no permission to write in {folder}'
        )


def _is_there(path: str) -> bool:
    return bool(path) and os.path.exists(path)
