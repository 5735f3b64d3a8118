"""Write the set-up files in this folder from the package's tables.

    python integrations/write_setup.py

Pose2Sim and Sports2D use Halpe's names (``LKnee``, ``Neck``) and treat a name
that begins with L or R as one side of a pair. The points of the spine are
therefore called ``Spine01`` etc. instead of L5.
"""

from pathlib import Path
from xml.sax.saxutils import quoteattr

from spinepose_mmpose.metainfo import KEYPOINT_IDS, KEYPOINT_NAMES

HERE = Path(__file__).resolve().parent
NAME = 'SPINETRACK'


def other_name(name):
    """The name of a keypoint in Pose2Sim and Sports2D."""
    side, _, rest = name.partition('_')
    short = {'left': 'L', 'right': 'R'}.get(side, '')
    return short + ''.join(
        part.title() for part in (rest if short else name).split('_')
    )


NAMES = {name: other_name(name) for name in KEYPOINT_NAMES}

# The hierarchy, from the sacrum outwards; ``S`` stands for either side. Eyes
# and ears are not reconstructed.
TREE = {
    'hip': ('S_hip', 'spine_01'),
    'S_hip': ('S_knee',), 'S_knee': ('S_ankle',),
    'S_ankle': ('S_big_toe', 'S_heel'), 'S_big_toe': ('S_small_toe',),
    'spine_01': ('spine_02',), 'spine_02': ('spine_03',),
    'spine_03': ('spine_04',), 'spine_04': ('S_latissimus', 'spine_05'),
    'spine_05': ('S_clavicle', 'neck'), 'S_clavicle': ('S_shoulder',),
    'S_shoulder': ('S_elbow',), 'S_elbow': ('S_wrist',),
    'neck': ('neck_02',), 'neck_02': ('neck_03',), 'neck_03': ('head',),
    'head': ('nose',),
}  # fmt: skip

# Point -> body of Pose2Sim's flexible-spine model, metres in its axes (x
# forwards, y up, z right; of the right side), weight of the inverse
# kinematics. From dfki-av/simspine, assets/OpenSim_Setup; the joints of the
# limbs are the origins of the bodies that begin there.
MARKERS = {
    'neck_03': ('torso', (-0.005, 0.500, 0), 0.5),
    'neck_02': ('torso', (-0.015, 0.460, 0), 0.5),
    'neck': ('torso', (-0.043, 0.413, 0), 0.5),
    'spine_05': ('torso', (-0.075, 0.339, 0), 0.5),
    'spine_04': ('torso', (-0.081, 0.216, 0), 0.5),
    'spine_03': ('lumbar1', (-0.044, -0.009, 0), 0.5),
    'spine_02': ('lumbar3', (-0.048, -0.004, 0), 0.5),
    'spine_01': ('lumbar5', (-0.037, 0.014, 0), 0.5),
    'hip': ('pelvis', (-0.156, 0.004, 0), 1),
    'S_hip': ('pelvis', (-0.064, -0.081, 0.105), 2),
    'S_shoulder': ('torso', (-0.013, 0.366, 0.202), 2),
    'S_clavicle': ('torso', (0.030, 0.371, 0.025), 0.3),
    'S_latissimus': ('torso', (-0.075, 0.277, 0.095), 0.3),
    'S_elbow': ('ulna_s', (0, 0, 0), 1),
    'S_wrist': ('hand_s', (0, 0, 0), 1),
    'S_knee': ('tibia_s', (0, 0, 0), 1),
    'S_ankle': ('talus_s', (0, 0, 0), 1),
    'S_heel': ('calcn_s', (0.014, 0.023, 0.002), 1),
    'S_big_toe': ('toes_s', (0.065, 0.010, -0.015), 1),
    'S_small_toe': ('toes_s', (0.027, 0.010, 0.029), 1),
    'nose': ('head', (0.116, 0.013, 0), 0.1),
    'head': ('head', (0.016, 0.164, 0), 0.3),
}

# Bodies -> the pairs of points whose distance scales them.
SCALES = {
    'torso': (
        ('lumbar5', 'lumbar4', 'lumbar3', 'lumbar2', 'lumbar1', 'torso',
         'Abdomen'),
        (('hip', 'neck'), ('S_shoulder', 'S_hip')),
    ),
    'pelvis': (('pelvis', 'sacrum'), (('left_hip', 'right_hip'),)),
    'thigh': (('femur_s', 'patella_s'), (('S_hip', 'S_knee'),)),
    'shank': (('tibia_s', 'talus_s'), (('S_knee', 'S_ankle'),)),
    'foot': (('calcn_s', 'toes_s'), (('S_heel', 'S_big_toe'),)),
    'arm': (('humerus_s',), (('S_shoulder', 'S_elbow'),)),
    'forearm': (('ulna_s', 'radius_s', 'hand_s'), (('S_elbow', 'S_wrist'),)),
    'head': (('head',), (('neck', 'head'),)),
}  # fmt: skip
SIDES = {'right': ('_r', 1), 'left': ('_l', -1)}


def both_sides(name):
    """(name, ending of bodies, sign of z) of a point; two of ``S_...``."""
    if not name.startswith('S_'):
        return [(name, '', 1)]
    return [(side + name[1:], *rest) for side, rest in SIDES.items()]


def markers():
    """Name -> (body, metres, weight) of every marker, both sides."""
    found = {}
    for template, (body, (x, y, z), weight) in MARKERS.items():
        for name, ending, sign in both_sides(template):
            own = body[:-2] + ending if body.endswith('_s') else body
            found[name] = own, (x, y, sign * z if z else 0), weight
    return found


def skeleton(top):
    """A skeleton as TOML.

    Args:
        top (str): heading of its root, ``'[pose.X]'`` or ``'[[pose.X]]'``.
    """
    lines = []

    def add(name, heading):
        lines.append(f'{heading}')
        lines.append(f'name = "{NAMES[name]}"\nid = {KEYPOINT_IDS[name]}')
        side = name.partition('_')[0]
        template = name if side not in SIDES else 'S' + name[len(side) :]
        for child in TREE.get(template, ()):
            for full, _, _ in both_sides(child):
                if side in SIDES and not full.startswith(side):
                    continue
                path = heading.strip('[]')
                add(full, f'[[{path}.children]]')

    add('hip', top)
    return '\n'.join(lines) + '\n'


def document(content):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<OpenSimDocument Version="40500">\n{content}</OpenSimDocument>\n'
    )


def marker_set():
    rows = ''.join(
        f'    <Marker name={quoteattr(NAMES[name])}>'
        f'<socket_parent_frame>/bodyset/{body}</socket_parent_frame>'
        f'<location>{" ".join(f"{v:g}" for v in at)}</location>'
        '<fixed>true</fixed></Marker>\n'
        for name, (body, at, _) in markers().items()
    )
    return document(
        f'  <MarkerSet name="markerset"><objects>\n{rows}'
        '  </objects></MarkerSet>\n'
    )


def ik_setup():
    rows = ''.join(
        f'    <IKMarkerTask name={quoteattr(NAMES[name])}><apply>true</apply>'
        f'<weight>{weight:g}</weight></IKMarkerTask>\n'
        for name, (_, _, weight) in markers().items()
    )
    return document(
        '  <InverseKinematicsTool name="SpineTrack">\n'
        '  <constraint_weight>Inf</constraint_weight>\n'
        '  <accuracy>1e-05</accuracy>\n'
        '  <model_file>Unassigned</model_file>\n'
        '  <marker_file>Unassigned</marker_file>\n'
        '  <time_range>0 1</time_range>\n'
        '  <output_motion_file>Unassigned</output_motion_file>\n'
        '  <report_errors>true</report_errors>\n'
        f'  <IKTaskSet><objects>\n{rows}  </objects></IKTaskSet>\n'
        '  </InverseKinematicsTool>\n'
    )


def scaling_setup():
    rows = ''
    for name, (bodies, pairs) in SCALES.items():
        rows += f'    <Measurement name="{name}"><apply>true</apply>\n'
        rows += '    <MarkerPairSet><objects>\n'
        for pair in pairs:
            ends = [[n for n, _, _ in both_sides(p)] for p in pair]
            count = max(map(len, ends))
            for i in range(count):
                marks = ' '.join(NAMES[e[i % len(e)]] for e in ends)
                rows += (
                    f'      <MarkerPair><markers>{marks}</markers>'
                    '</MarkerPair>\n'
                )
        rows += '    </objects></MarkerPairSet>\n    <BodyScaleSet><objects>\n'
        for body in bodies:
            ends = ('_r', '_l') if body.endswith('_s') else ('',)
            for ending in ends:
                own = body[:-2] + ending if ending else body
                rows += (
                    f'      <BodyScale name="{own}"><axes>X Y Z</axes>'
                    '</BodyScale>\n'
                )
        rows += '    </objects></BodyScaleSet></Measurement>\n'
    return document(
        '  <ScaleTool name="SpineTrack">\n'
        '  <mass>70</mass><height>-1</height><age>-1</age>\n'
        '  <GenericModelMaker><model_file>Unassigned</model_file>'
        '<marker_set_file>Unassigned</marker_set_file></GenericModelMaker>\n'
        '  <ModelScaler><apply>true</apply>\n'
        '  <scaling_order>measurements manualScale</scaling_order>\n'
        f'  <MeasurementSet><objects>\n{rows}  </objects></MeasurementSet>\n'
        '  <ScaleSet><objects/></ScaleSet>\n'
        '  <marker_file>Unassigned</marker_file><time_range>0 1</time_range>\n'
        '  <preserve_mass_distribution>true</preserve_mass_distribution>\n'
        '  <output_model_file>Unassigned</output_model_file>\n'
        '  </ModelScaler>\n'
        '  <MarkerPlacer><apply>false</apply></MarkerPlacer>\n'
        '  </ScaleTool>\n'
    )


FILES = {
    'skeleton_pose2sim.toml': lambda: skeleton(f'[pose.{NAME}]'),
    'skeleton_sports2d.toml': lambda: skeleton(f'[[pose.{NAME}]]'),
    'Markers_SpineTrack.xml': marker_set,
    'Scaling_Setup_Pose2Sim_SpineTrack.xml': scaling_setup,
    'IK_Setup_Pose2Sim_SpineTrack.xml': ik_setup,
}


if __name__ == '__main__':
    for file, content in FILES.items():
        (HERE / file).write_text(content(), encoding='utf-8')
