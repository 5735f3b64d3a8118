"""Compare identities with those of the rtmlib and spinepose trackers.

The clips are synthetic, with known ground truth. Every tracker gets the same
detections and, for the boxes that it requests, poses from the same model. IDF1
and switches are based on an OKS of at least 0.5; people without an identity
count as missed.
"""

import argparse
import contextlib
import io
import sys
from collections import Counter

from spinepose_mmpose.evaluation.coco import oks_matrix
from spinepose_mmpose.inference import PoseTracker, Tracker
from spinepose_mmpose.inference.results import Person
from spinepose_mmpose.metainfo import NUM_KEYPOINTS, SIGMAS
from spinepose_mmpose.utils import one_sentence

import numpy as np
from clip_scenes import CLIPS, make_clip
from clips import Clip
from identity import identity_scores

OURS = 'spinepose-mmpose'
OUTLINE_SHARE = 0.53
# Errors of the reference trackers -> frames.
FAILURES = Counter()
BLANK = np.zeros((1, 1, 3), np.uint8)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--clips',
        nargs='+',
        choices=list(CLIPS),
        default=list(CLIPS),
        metavar='CLIP',
        help='only these clips: ' + ', '.join(CLIPS),
    )
    parser.add_argument(
        '--seeds', type=int, default=10, help='variants of each clip'
    )
    parser.add_argument(
        '--det-frequency',
        type=int,
        default=1,
        help='frames from one detection to the next',
    )
    parser.add_argument(
        '--max-gap',
        type=float,
        help='seconds; setting of our tracker, see docs/tracking_smoothing.md',
    )
    return parser.parse_args()


class OurEstimator:
    """The model of a clip with the interface of SpinePoseEstimator; the
    ``frame`` is the number of the frame that is due."""

    def __init__(self, clip: Clip):
        self.clip, self.frame = clip, 0

    def detect(self, image):
        return self.clip.detections[self.frame]

    def predict_batch(self, images, bboxes, box_scores):
        poses = zip(*self.clip.poses(self.frame, bboxes[0]))
        return [
            tuple(
                Person(points, scores, np.float32(box), float(score))
                for (points, scores), box, score in zip(
                    poses, bboxes[0], box_scores[0]
                )
            )
        ]


def run_ours(clip, det_frequency, max_gap=None):
    settings = {} if max_gap is None else dict(max_gap=max_gap)
    estimator = OurEstimator(clip)
    tracker = PoseTracker(
        estimator,
        det_frequency=det_frequency,
        fps=clip.fps,
        tracker=Tracker(**settings),
    )
    for frame in range(len(clip.frames)):
        estimator.frame = frame
        tracker(BLANK)
        people = [p for p in tracker.people if p.track_id is not None]
        yield (
            [p.track_id for p in people],
            [p.keypoints for p in people],
        )


class ReferenceModel:
    """What both reference trackers ask of a model."""

    num_keypoints = NUM_KEYPOINTS
    det_mode = 'human'

    def __init__(self, clip, least_score):
        self.clip, self.least_score = clip, least_score
        self.det_model, self.pose_model = self.detect, self._pose
        self.last = np.zeros((0, NUM_KEYPOINTS, 2))

    def detect(self, frame):
        boxes, scores = self.clip.detections[frame]
        return list(boxes[scores >= self.least_score])

    def estimate(self, frame, bboxes):
        keypoints, scores = self.clip.poses(frame, bboxes)
        self.last = keypoints.copy()
        return keypoints, scores

    def _pose(self, frame, bboxes):
        return self.estimate(frame, bboxes)


class Detector:
    """rtmlib asks the detector for its mode."""

    det_mode = 'human'

    def __init__(self, model):
        self.detect = model.detect

    def __call__(self, frame):
        return self.detect(frame)


def run_reference(tracker_class, clip, det_frequency, least_score):
    """Identities that a reference tracker holds after each frame.

    They are read from the tracker itself, next to the poses it was given:
    rtmlib's return value uses them as row numbers instead. A frame in which
    the tracker fails counts as one in which it found nobody.
    """
    model = ReferenceModel(clip, least_score)
    name = tracker_class.__module__.partition('.')[0]
    if name == 'rtmlib':
        model.det_model = Detector(model)
    tracker = tracker_class(lambda **_: model, det_frequency=det_frequency)
    for frame in range(len(clip.frames)):
        model.last = model.last[:0]
        try:
            tracker(frame)
        except Exception as error:
            FAILURES[f'{name}: {type(error).__name__}: {error}'] += 1
            yield [], []
            continue
        ids = list(tracker.track_ids_last_frame)
        poses = model.last
        # People under MIN_AREA are left out silently, the others in order.
        if len(ids) < len(poses):
            sides = np.ptp(poses, axis=1) * 1.25
            poses = poses[sides.prod(axis=1) >= tracker.MIN_AREA]
        if len(ids) != len(poses):
            raise ValueError(
                f'{tracker_class.__module__}: {len(ids)} identities for '
                f'{len(poses)} people in frame {frame}'
            )
        yield ids, list(poses)


def reference_trackers():
    """(name, class or None where it is not installed)."""
    for name in ('rtmlib', 'spinepose'):
        try:
            module = __import__(name, fromlist=['PoseTracker'])
            if not hasattr(module, 'PoseTracker'):
                module = __import__(
                    f'{name}.pose_tracker', fromlist=['PoseTracker']
                )
            yield name, module.PoseTracker
        except ImportError as error:
            print(
                f'{name} is not compared: {error} (pip install --no-deps '
                f'{name})',
                file=sys.stderr,
            )


def frame_of(truth, ids, poses):
    """(true ids, predicted ids, similarities) of one frame."""
    people = [person for person in truth if person.visible]
    gt = np.zeros((len(people), NUM_KEYPOINTS, 3))
    areas = []
    for row, person in zip(gt, people):
        row[:, :2], row[:, 2] = person.points, ~person.hidden
        areas.append(OUTLINE_SHARE * np.prod(person.box[2:] - person.box[:2]))
    dt = np.asarray(poses, float).reshape(-1, NUM_KEYPOINTS, 2)
    return (
        [p.identity for p in people],
        ids,
        oks_matrix(dt, gt, areas, SIGMAS).T,
    )


def count(clips, run) -> np.ndarray:
    """IDTP, IDFP, IDFN and switches, summed over clips."""
    counts = np.zeros(4)
    for clip in clips:
        with contextlib.redirect_stdout(io.StringIO()):
            results = list(run(clip))
        frames = [
            frame_of(truth, *result)
            for truth, result in zip(clip.frames, results)
        ]
        scores = identity_scores(*zip(*frames))
        counts += scores.idtp, scores.idfp, scores.idfn, scores.switches
    return counts


def summary(counts):
    """(IDF1, switches) of :func:`count`."""
    idtp, idfp, idfn, switches = counts
    return 2 * idtp / max(2 * idtp + idfp + idfn, 1), int(switches)


def row(name, results) -> str:
    cells = ('{:.3f} / {}'.format(*summary(counts)) for counts in results)
    return f'| {name} | ' + ' | '.join(cells) + ' |'


def main():
    args = parse_args()
    with one_sentence():
        if args.seeds < 1 or args.det_frequency < 1:
            raise ValueError(
                '--seeds and --det-frequency should be 1 or more, but are '
                f'{args.seeds} and {args.det_frequency}'
            )
        compare(args)


def compare(args) -> None:
    runs = {OURS: lambda clip: run_ours(clip, args.det_frequency, args.max_gap)}
    for name, tracker in reference_trackers():
        for least in (0.0, 0.5):
            label = name if not least else f'{name}, score >= {least}'

            def run(clip, tracker=tracker, least=least):
                return run_reference(tracker, clip, args.det_frequency, least)

            runs[label] = run
    print(
        f'IDF1 / identity switches, {args.seeds} variants per clip, detection '
        f'every {args.det_frequency} frame(s)\n'
    )
    print('| clip | ' + ' | '.join(runs) + ' |')
    print('| --- ' * (len(runs) + 1) + '|')
    totals = np.zeros((len(runs), 4))
    for name in args.clips:
        clips = [make_clip(name, seed) for seed in range(args.seeds)]
        results = [count(clips, run) for run in runs.values()]
        totals += results
        print(row(name, results), flush=True)
    print(row('all', totals))
    for error, frames in FAILURES.items():
        print(f'\n{error} in {frames} frame(s), counted as nobody found.')


if __name__ == '__main__':
    main()
