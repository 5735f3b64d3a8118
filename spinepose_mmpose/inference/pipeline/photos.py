"""Photographs, several in one batch of the network."""

import os
from contextlib import closing
from typing import Callable, Iterator, List, NamedTuple, Sequence

import cv2
import numpy as np

from ...utils import replaced
from ..formats import (
    Header,
    rounded_result,
    write_csv,
    write_json_lines,
    write_openpose,
)
from ..images import read_image
from ..results import FrameResult
from .jobs import Job
from .overlap import ahead, batches
from .settings import Seen, Tools, spine_header, spine_of


class Photo(NamedTuple):
    """One that was worked on."""

    job: Job
    seen: Seen


def run_photos(
    jobs: Sequence[Job],
    tools: Tools,
    header: Header,
    batch: int = 1,
    spine_only: bool = False,
    watch: Callable[[Photo], None] = lambda photo: None,
) -> List[tuple]:
    """Make the outputs of photographs; each appears complete.

    Args:
        header: of all, with the names of all keypoints.
        batch: photographs in one batch of the network.
        watch: called after every photograph.

    Returns:
        list: (job, reason) of those that could not be read.
    """
    failures = []
    with closing(ahead(_photos(jobs, tools, batch), 2 * batch)) as photos:
        for job, image, result in photos:
            result = rounded_result(result)
            picture = None
            if result.error:
                failures.append((job, result.error))
            else:
                if tools.draw is not None:
                    picture = tools.draw(image, result)
                _write(job, result, header, picture, spine_only)
            watch(Photo(job, Seen(result, picture)))
    return failures


def write_picture(path: str, picture: np.ndarray) -> None:
    """Write an image file; it appears complete.

    Raises:
        OSError: it cannot be written.
    """
    done, content = cv2.imencode(os.path.splitext(path)[1].lower(), picture)
    if not done:
        raise OSError(f'{path} cannot be encoded')
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with replaced(path) as temporary, open(temporary, 'wb') as file:
        file.write(content.tobytes())


def _photos(jobs, tools: Tools, size: int) -> Iterator[tuple]:
    """(job, image, result)."""
    with closing(ahead(_read(jobs), 2 * size)) as read:
        for batch in batches(read, size):
            seen = [item for item in batch if item[1] is not None]
            found = [_boxes(job, image, tools) for job, image, _ in seen]
            people = iter(
                tools.estimator.predict_batch(
                    [image for _, image, _ in seen],
                    [boxes for boxes, _ in found],
                    [scores for _, scores in found],
                )
                if seen
                else ()
            )
            for job, image, error in batch:
                if image is None:
                    yield job, None, FrameResult(error=error)
                else:
                    size_of = image.shape[1::-1]
                    yield job, image, FrameResult(next(people), size=size_of)


def _read(jobs) -> Iterator[tuple]:
    """(job, image or None, error)."""
    for job in jobs:
        try:
            yield job, read_image(job.source.spec), ''
        except (OSError, ValueError) as error:
            yield job, None, str(error)


def _boxes(job: Job, image: np.ndarray, tools: Tools) -> tuple:
    if tools.boxes_of is not None:
        return tools.boxes_of(os.path.basename(job.source.spec))
    return tools.estimator.detect(image)


def _write(
    job: Job, result: FrameResult, header: Header, picture, spine_only: bool
) -> None:
    header = Header(
        **{**header.__dict__, 'source': job.label, 'size': result.size}
    )
    if spine_only:
        result, header = spine_of(result), spine_header(header)
    for path in (job.openpose, job.json, job.csv):
        if path:
            os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    if job.openpose:
        write_openpose(job.openpose, result, header.keypoints)
    if job.json:
        write_json_lines(job.json, header, [result])
    if job.csv:
        write_csv(job.csv, header, [result])
    if job.picture:
        write_picture(job.picture, picture)
