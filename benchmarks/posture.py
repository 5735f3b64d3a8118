"""Bias and limits of agreement of the posture measures, by view.

A camera sees synthetic people in everyday poses from the side, obliquely and
from the front. Their 3D points and joint angles are known. The reference is the
measure of the 3D points, in the plane of the pelvis that was set.

    OMP_NUM_THREADS=1 python benchmarks/posture.py --people 400
    OMP_NUM_THREADS=1 python benchmarks/posture.py --people 150 \\
        --model demo/spinepose-t-demo.onnx
"""

import argparse

from spinepose_mmpose.biomechanics import MEASURES, View, planes, posture
from spinepose_mmpose.biomechanics.measures import wrap
from spinepose_mmpose.datasets.synthetic import body, looks, poses, scene
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import numpy as np

# Degrees of the trunk's yaw, by view; measures of the sagittal plane (and of
# limbs) are judged in the first three, those of the frontal one in the others.
VIEWS = {'side': 90, '20 off side': 70, '35 off side': 55, 'front': 0,
         '20 off front': 20, '35 off front': 35, 'behind': 180}  # fmt: skip
# What these views give is measured although the program would refuse it.
UNCHECKED = ('35 off side', '35 off front')
SIZE = (480, 640)
SEED = 20_000  # none of the shipped datasets has it


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--people', type=int, default=200, help='default: 200')
    parser.add_argument('--seed', type=int, default=SEED)
    parser.add_argument(
        '--model',
        help='ONNX file of a model to run on images of the people; default: '
        'use the true points',
    )
    parser.add_argument(
        '--set-angles', action='store_true',
        help='compare the measures of the true 3D points with the angles that '
        'were set, and exit',
    )  # fmt: skip
    parser.add_argument(
        '--proportions', action='store_true',
        help='print the widths of the shoulders and hips relative to the '
        'length of the spine, and exit',
    )  # fmt: skip
    return parser.parse_args()


def sample(rng):
    """Body, pose (facing -y) and look of a person."""
    shape, years = body.sample_shape(rng)
    pose = poses.sample_pose(rng, 'everyday')
    pose['root'][2] = 0
    return body.make_body(shape), pose, looks.sample_look(rng, shape, years)


def true_values(points):
    """Name -> true value, of (37, 3) metres of a person who faces -y."""
    forward, left, up = -points[:, 1], points[:, 0], points[:, 2]
    views = {
        planes.SAGITTAL: np.stack([forward, up], 1),
        planes.FRONTAL: np.stack([left, up], 1),
        planes.TRANSVERSE: np.stack([forward, left], 1),
        planes.LIMB: points,
    }
    return {
        name: measure.function(View(views[measure.plane][None]))[0]
        for name, measure in MEASURES.items()
    }


def look(rng, person, yaw, model):
    """(37, 2) pixels and (37,) scores of a person seen from a direction, and
    the true pixels."""
    side = 1 if rng.random() < 0.5 else -1
    elevation = rng.uniform(0, 10)
    points = person.meshes[0].vertices[::7]
    azimuth = side * yaw + rng.uniform(-3, 3)
    camera = scene.look_at(points, SIZE, azimuth, elevation, fov=40)
    true = camera.project(person.keypoints)[:, :2].astype(float)
    if model is None:
        return true, np.ones(len(true)), true
    place = scene.sample_scene(rng, 'everyday', moves=True, around=True)
    place.people = [person]
    image, near, _ = scene.draw(place, camera, rng)
    image = scene.finish(rng, image, near, 4.0)
    pixels = np.concatenate(
        [camera.project(m.vertices)[:, :2] for m in person.meshes]
    )
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    ((keypoints, scores),) = model.pose([image], [box[None]])
    return keypoints[0].astype(float), scores[0], true


def measure_people(args):
    """For each view: rows of (measured, deviation, true) by name; and errors
    of keypoints over the spine's length beside their scores."""
    model = None
    if args.model:
        from spinepose_mmpose.inference import SpinePoseEstimator

        model = SpinePoseEstimator(
            model=args.model, detector=None, device='cpu', threads=1
        )
    rows = {view: {name: [] for name in MEASURES} for view in VIEWS}
    errors = []
    for number in range(args.people):
        rng = np.random.default_rng([args.seed, number])
        shape, pose, clothes = sample(rng)
        person = scene.make_person(shape, pose, clothes, (0, 0))
        true = true_values(person.keypoints)
        for view, yaw in VIEWS.items():
            points, scores, pixels = look(rng, person, yaw, model)
            found = posture(points[None], scores[None], any_view=True)
            length = planes.trunk_length(pixels[None] * [1, -1])[0]
            away = np.linalg.norm(points - pixels, axis=1) / length
            errors.append(np.stack([scores, away], 1))
            trusted = posture(points[None], scores[None])
            for name, series in found.items():
                rows[view][name].append(
                    (series.values[0], series.deviation[0], true[name],
                     np.isfinite(trusted[name].values[0]))
                )  # fmt: skip
    return rows, np.concatenate(errors)


def agreement(rows, unit, unchecked=False):
    """Bias, lower and upper limit of agreement (Bland, Altman, 1986), percent
    of people with a value, percent of truths within the 95 % interval.

    Args:
        rows (list): (measured, deviation, true, whether the view holds).
        unit (str): of the measure.
        unchecked (bool): count values in views that do not hold.
    """
    found, deviation, true, holds = np.array(rows, float).T
    error = found - true
    if unit == 'deg':
        error = wrap(error)
    known = np.isfinite(error) & (unchecked | (holds > 0))
    if known.sum() < 3:
        return None
    bias, spread = error[known].mean(), 1.96 * error[known].std(ddof=1)
    inside = np.abs(error) <= 1.96 * deviation
    return (bias, bias - spread, bias + spread, 100 * holds.mean(),
            100 * inside[known].mean())  # fmt: skip


def print_tables(rows, with_intervals):
    """A table of each plane; a cell is bias (limits of agreement) percent of
    people with a value, and of truths within the interval."""
    for plane, views in (
        (planes.SAGITTAL, list(VIEWS)[:3]),
        (planes.FRONTAL, list(VIEWS)[3:]),
    ):
        heads = [f'{v}, unchecked' if v in UNCHECKED else v for v in views]
        print(f'\n| measure | {" | ".join(heads)} |')
        print('|---' * (len(views) + 1) + '|')
        for name, measure in MEASURES.items():
            own = measure.plane
            own = planes.SAGITTAL if own == planes.LIMB else own
            if own != plane:
                continue
            cells = []
            for view in views:
                numbers = agreement(
                    rows[view][name], measure.unit, view in UNCHECKED
                )
                if numbers is None:
                    cells.append('-')
                    continue
                text = '{:+.1f} ({:+.0f}, {:+.0f})'.format(*numbers[:3])
                if view not in UNCHECKED:
                    text += f' {numbers[3]:.0f}'
                if with_intervals:
                    text += f'/{numbers[4]:.0f}'
                cells.append(text)
            print(f'| {name}, {measure.unit} | {" | ".join(cells)} |')


def print_set_angles(args):
    """The true 3D points beside the angles that posed the body: of the spine,
    the rest's angle and the flexion that was set; of limbs, what was set."""
    pairs = {}
    for number in range(args.people):
        shape, pose, clothes = sample(
            np.random.default_rng([args.seed, number])
        )
        person = scene.make_person(shape, pose, clothes, (0, 0))
        rest, found = map(true_values, (shape.keypoints, person.keypoints))
        for name, region, sign in (
            ('kyphosis', 'thoracic', 1),
            ('lordosis', 'lumbar', -1),
            ('cervical_lordosis', 'cervical', -1),
        ):
            change = wrap(found[name] - rest[name])
            pairs.setdefault(name, []).append((change, sign * pose[region][0]))
        for joint in ('knee', 'elbow'):
            for side, true in zip(('left', 'right'), pose[f'{joint}_flexion']):
                name = f'{side}_{joint}'
                pairs.setdefault(name, []).append((found[name], true))
    for name, rows in pairs.items():
        measured, true = np.array(rows).T
        error = measured - true
        slope = np.polyfit(true, measured, 1)[0]
        print(
            f'{name}: {error.mean():+.1f} degrees, limits '
            f'{error.mean() - 1.96 * error.std(ddof=1):+.1f} and '
            f'{error.mean() + 1.96 * error.std(ddof=1):+.1f}, slope '
            f'{slope:.2f}'
        )


def print_scores(errors):
    """Deviation of keypoints along an axis, in lengths of the spine, by
    score."""
    edges = [0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 2]
    for low, high in zip(edges, edges[1:]):
        away = errors[(errors[:, 0] >= low) & (errors[:, 0] < high), 1]
        if len(away) > 20:
            # Of a normal distribution in the plane, by the median distance.
            typical = np.median(away) / 1.1774
            print(
                f'score {low} to {high}: {len(away)} points, standard '
                f'deviation {typical:.3f}, root mean square '
                f'{np.sqrt((away**2).mean() / 2):.3f}'
            )


def proportions(args):
    shares = {name: [] for name in planes.WIDTHS}
    for number in range(args.people):
        shape, _, _ = sample(np.random.default_rng([args.seed, number]))
        points = shape.keypoints[None]
        length = planes.trunk_length(points)[0]
        for name in shares:
            ends = [
                points[0, KEYPOINT_IDS[f'{s}_{name}']]
                for s in ('left', 'right')
            ]
            shares[name].append(np.linalg.norm(ends[0] - ends[1]) / length)
    for name, values in shares.items():
        print(f'{name}: {np.mean(values):.3f} +- {np.std(values):.3f}')


def main():
    args = parse_args()
    if args.proportions:
        return proportions(args)
    if args.set_angles:
        return print_set_angles(args)
    rows, errors = measure_people(args)
    print_tables(rows, bool(args.model))
    if args.model:
        print_scores(errors)


if __name__ == '__main__':
    main()
