"""Compare OpenSim's lumbar angles with those used to pose a synthetic person.

The person bends the lumbar spine forwards, then to the side. The true 3D points
are processed with the marker set and set-up files in ``integrations``. Needs
opensim and pose2sim.

    OMP_NUM_THREADS=1 python benchmarks/opensim_spine.py
"""

import argparse
import sys
import tempfile
from pathlib import Path

from spinepose_mmpose.datasets.synthetic import body, poses
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / 'integrations'))
from run_pose2sim import inverse_kinematics  # noqa: E402
from write_setup import NAMES, markers  # noqa: E402

RATE, STEPS = 30, 31
MOST = {'flexion': 45.0, 'lateral': 20.0}
JOINTS = ('L5_S1', 'L4_L5', 'L3_L4', 'L2_L3', 'L1_L2', 'L1_T12')
AXES = {'flexion': 'Flex_Ext', 'lateral': 'Lat_Bending'}


def pose_of(axis, degrees):
    pose = poses.key_pose('stand')
    pose['lumbar'][list(MOST).index(axis)] = degrees
    return pose


def points_of(shape, pose):
    """(K, 3) metres: x forwards, y up, z to the right."""
    local = poses.local_rotations(shape, pose)
    x, y, z = body.posed_keypoints(shape, local).T
    return np.stack([-y, z, -x], 1)


def write_trc(path, frames):
    """Points (T, K, 3) of the markers."""
    names = list(markers())
    ids = [KEYPOINT_IDS[name] for name in names]
    head = [
        ['PathFileType', '4', '(X/Y/Z)', path.name],
        'DataRate CameraRate NumFrames NumMarkers Units OrigDataRate '
        'OrigDataStartFrame OrigNumFrames'.split(),
        [RATE, RATE, len(frames), len(names), 'm', RATE, 1, len(frames)],
        ['Frame#', 'Time', *(c for n in names for c in (NAMES[n], '', ''))],
        ['', '', *(f'{a}{i + 1}' for i in range(len(names)) for a in 'XYZ')],
        [],
    ]
    rows = [
        [i + 1, f'{i / RATE:.6f}', *(f'{v:.5f}' for v in points[ids].ravel())]
        for i, points in enumerate(frames)
    ]
    lines = ['\t'.join(map(str, row)) for row in head + rows]
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def main():
    argparse.ArgumentParser(description=__doc__.split('\n')[0]).parse_args()
    import opensim

    opensim.Logger.setLevelString('Warn')
    shape = body.make_body(body.MEAN_ADULT)
    for axis, most in MOST.items():
        # From the middle to both sides and back.
        angles = most * np.sin(np.linspace(0, 2 * np.pi, STEPS))
        if axis == 'flexion':
            angles = most * np.linspace(-0.3, 1, STEPS)
        frames = [points_of(shape, pose_of(axis, a)) for a in angles]
        with tempfile.TemporaryDirectory() as folder:
            trc = Path(folder) / f'{axis}.trc'
            write_trc(trc, frames)
            errors = inverse_kinematics(trc, Path(folder) / 'ik', 1.7, 70)
            table = opensim.TimeSeriesTable(f'{folder}/ik/{axis}.mot')
            columns = [
                table.getDependentColumn(f'{joint}_{AXES[axis]}').to_numpy()
                for joint in JOINTS
            ]
        lumbar = np.sum(columns, 0)
        slope, _ = np.polyfit(angles, lumbar, 1)
        linear = np.corrcoef(angles, lumbar)[0, 1]
        rms = np.sqrt(np.mean(np.square(list(errors.values()))))
        spine = np.sqrt(np.mean(
            [e**2 for n, e in errors.items() if n.startswith(('Spine', 'Neck'))]
        ))  # fmt: skip
        print(
            f'{axis}: set {angles.min():.0f} to {angles.max():.0f} degrees, '
            f'sum of six joints {lumbar.min():.1f} to {lumbar.max():.1f}, '
            f'slope {slope:.2f}, correlation {linear:.3f}; markers '
            f'{1e3 * rms:.0f} mm root mean square, spine {1e3 * spine:.0f}'
        )


if __name__ == '__main__':
    main()
