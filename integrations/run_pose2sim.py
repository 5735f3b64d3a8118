"""Compute OpenSim joint angles from the 2D points of several cameras.

    spinepose-mmpose -i PROJECT/videos/ -s PROJECT/pose/ \\
        --json-layout pose2sim --smooth none
    python integrations/run_pose2sim.py PROJECT

PROJECT is a Pose2Sim project with Config.toml, calibration/ and pose/, whose
folders are named after the videos, followed by _json. Pose2Sim calibrates,
associates, triangulates and filters. Its flexible-spine model is then scaled,
and its joint angles are computed, with the marker set and set-up files in this
folder. Needs the packages pose2sim and opensim.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
NAME = 'SPINETRACK'
SETUP = 'SpineTrack'  # of the names of the set-up files
MODEL = 'Model_Pose2Sim_muscles_flex.osim'


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('project', type=Path, metavar='PROJECT')
    parser.add_argument(
        '--height', type=float, default=1.75, help='metres (default: 1.75)'
    )
    parser.add_argument(
        '--mass', type=float, default=70, help='kilograms (default: 70)'
    )
    return parser.parse_args()


def reconstruct(project):
    """The filtered 3D points, as the path of a TRC file."""
    import rtoml
    from Pose2Sim import Pose2Sim

    skeleton = rtoml.load(HERE / 'skeleton_pose2sim.toml')
    config = {
        'project': {'project_dir': str(project)},
        'pose': {'pose_model': NAME, **skeleton['pose']},
        'filtering': {'display_figures': False, 'save_filt_plots': False},
    }
    Pose2Sim.calibration(config)
    Pose2Sim.personAssociation(config)
    Pose2Sim.triangulation(config)
    Pose2Sim.filtering(config)
    found = sorted((project / 'pose-3d').glob('*_filt*.trc'))
    if not found:
        sys.exit(f'error: Pose2Sim left no *_filt*.trc in {project}/pose-3d')
    return found[-1]


def inverse_kinematics(trc, folder, height, mass):
    """Scale the model, move it, and return errors of markers in metres.

    Args:
        trc (Path): the 3D points.
        folder (Path): for the scaled model, the motion and the log.
    """
    import opensim
    from Pose2Sim import kinematics

    folder.mkdir(exist_ok=True)
    theirs = Path(kinematics.__file__).parent / 'OpenSim_Setup'
    log = folder / 'opensim.log'
    opensim.Logger.removeFileSink()
    opensim.Logger.addFileSink(str(log))
    with tempfile.TemporaryDirectory() as setup:
        # Pose2Sim looks for a model's files in one folder, by their names.
        setup = Path(setup)
        shutil.copy(theirs / MODEL, setup)
        for file in HERE.glob('*.xml'):
            shutil.copy(file, setup)
        opensim.ModelVisualizer.addDirToGeometrySearchPaths(
            str(theirs / 'Geometry')
        )
        kinematics.perform_scaling(
            trc, SETUP, folder, setup, subject_height=height, subject_mass=mass
        )
        kinematics.perform_IK(trc, folder, setup, SETUP)
    opensim.Logger.removeFileSink()
    return marker_errors(
        folder / f'{trc.stem}.osim', folder / f'{trc.stem}.mot', trc
    )


def marker_errors(model, motion, trc):
    """Name -> (T,) metres between a marker of the moved model and its point."""
    import opensim
    from Pose2Sim.common import read_trc

    model = opensim.Model(str(model))
    state = model.initSystem()
    table = opensim.TimeSeriesTable(str(motion))
    points, _, _, names, _ = read_trc(trc)
    points = points.to_numpy(float).reshape(len(points), -1, 3)
    is_degrees = table.getTableMetaDataAsString('inDegrees') == 'yes'
    coordinates = [
        (model.getCoordinateSet().get(label), label)
        for label in table.getColumnLabels()
        if model.getCoordinateSet().contains(label)
    ]
    errors = {name: [] for name in names if model.getMarkerSet().contains(name)}
    for row in range(table.getNumRows()):
        values = table.getRowAtIndex(row)
        for i, label in enumerate(table.getColumnLabels()):
            for coordinate, name in coordinates:
                if name == label:
                    turns = coordinate.getMotionType() == 1
                    value = values[i]
                    if is_degrees and turns:
                        value = np.radians(value)
                    coordinate.setValue(state, value, False)
        model.realizePosition(state)
        for name, own in errors.items():
            at = model.getMarkerSet().get(name).getLocationInGround(state)
            own.append(
                np.linalg.norm(at.to_numpy() - points[row, names.index(name)])
            )
    return {name: np.array(own) for name, own in errors.items()}


def print_results(errors, motion):
    from Pose2Sim.common import read_mot

    everything = np.concatenate(list(errors.values()))
    print(
        f'markers: root mean square {1e3 * np.sqrt((everything**2).mean()):.1f}'
        f' mm, largest mean {1e3 * max(e.mean() for e in errors.values()):.1f}'
    )
    for name, own in errors.items():
        print(f'  {name}: {1e3 * own.mean():.1f} mm')
    table = read_mot(motion)[0]
    print('angles: lowest, highest, range in degrees')
    for name in table.columns:
        if name[:2] in ('L1', 'L2', 'L3', 'L4', 'L5') or name.startswith(
            ('pelvis_t', 'neck_', 'knee_angle')
        ):
            low, high = table[name].min(), table[name].max()
            print(f'  {name}: {low:.1f}, {high:.1f}, {high - low:.1f}')


def main():
    args = parse_args()
    if not (args.project / 'pose').is_dir():
        sys.exit(f'error: {args.project} has no folder pose with 2D points')
    trc = reconstruct(args.project.resolve())
    folder = args.project.resolve() / 'kinematics'
    errors = inverse_kinematics(trc, folder, args.height, args.mass)
    print_results(errors, folder / f'{trc.stem}.mot')


if __name__ == '__main__':
    main()
