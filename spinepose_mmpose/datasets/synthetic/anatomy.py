"""Sizes, spinal curves and joint limits of the human body, as plain data.

Lengths are metres of a person of ``REFERENCE_STATURE``; angles are degrees.
Axes are the body's: x to the person's left, y up, z forward.

Sources of the facts: segment lengths as fractions of stature, Drillis and
Contini 1966 (in Winter, Biomechanics and Motor Control of Human Movement);
motion of each vertebral level, White and Panjabi, Clinical Biomechanics of
the Spine, summed here over the levels between two stations; limb limits,
American Academy of Orthopaedic Surgeons.
"""

from spinepose_mmpose.metainfo import SPINE_CHAIN

REFERENCE_STATURE = 1.75

# Stations of the spine from the sacrum up; the joint at a station moves the
# segment above it, and the last one (C1) moves the head.
STATIONS = tuple(reversed(SPINE_CHAIN))

# Segment between a station and the next: length, and its forward lean in
# relaxed standing. The lean falls from S1 to T12 (lumbar lordosis), rises to
# C7 (thoracic kyphosis) and falls again to C1 (cervical lordosis).
SPINE_SEGMENTS = (
    (0.060, 34.0),  # S1 - L5
    (0.074, 8.0),  # L5 - L3
    (0.088, -11.0),  # L3 - T12/L1
    (0.112, -15.0),  # T12/L1 - T8
    (0.114, 7.0),  # T8 - T3
    (0.064, 25.0),  # T3 - C7
    (0.062, 14.0),  # C7 - C3/C4
    (0.050, -2.0),  # C3/C4 - C1
)

# Limits of the joint at each station relative to relaxed standing:
# extension, flexion, lateral bend and axial twist (the last two either way).
SPINE_LIMITS = (
    (6.0, 10.0, 3.0, 1.0),  # L5-S1
    (9.0, 22.0, 14.0, 4.0),  # L3-L5
    (12.0, 24.0, 18.0, 6.0),  # T12-L3
    (11.0, 20.0, 24.0, 12.0),  # T8-T12
    (8.0, 15.0, 22.0, 36.0),  # T3-T8
    (7.0, 10.0, 12.0, 17.0),  # C7-T3
    (36.0, 28.0, 25.0, 20.0),  # C3/C4-C7
    (15.0, 15.0, 12.0, 35.0),  # C1-C3/C4
    (20.0, 12.0, 6.0, 15.0),  # skull-C1
)
TRUNK_JOINTS = slice(0, 6)
NECK_JOINTS = slice(6, 9)

# Each exists as left_... and right_....
LIMB_LIMITS = {
    'clavicle_elevation': (-5.0, 30.0),
    'clavicle_protraction': (-15.0, 20.0),
    # The plane in which the arm is lifted: 0 sideways, 90 forward.
    'shoulder_plane': (-80.0, 130.0),
    'shoulder_elevation': (0.0, 178.0),
    'shoulder_rotation': (-90.0, 80.0),  # positive inward
    'elbow_flexion': (0.0, 145.0),
    'wrist_flexion': (-70.0, 75.0),
    'hip_flexion': (-25.0, 125.0),
    'hip_abduction': (-25.0, 45.0),
    'hip_rotation': (-45.0, 40.0),  # positive inward
    'knee_flexion': (0.0, 150.0),
    'ankle_dorsiflexion': (-50.0, 30.0),
}

# Where a joint or landmark of the left side lies in its parent's frame.
PELVIS_TO_HIP = (0.088, -0.075, 0.062)
T3_TO_CLAVICLE = (0.030, 0.005, 0.070)
CLAVICLE_TO_SHOULDER = (0.146, -0.012, -0.050)
T8_TO_LATISSIMUS = (0.118, -0.005, -0.018)
UPPER_ARM = 0.186 * REFERENCE_STATURE
FOREARM = 0.146 * REFERENCE_STATURE
HAND = 0.108 * REFERENCE_STATURE
THIGH = 0.245 * REFERENCE_STATURE
SHANK = 0.246 * REFERENCE_STATURE
FOOT = {
    'heel': (0.0, -0.048, -0.058),
    'big_toe': (-0.022, -0.058, 0.195),
    'small_toe': (0.044, -0.060, 0.140),
}
# From C1, in the head's frame.
HEAD = {
    'nose': (0.0, 0.016, 0.122),
    'left_eye': (0.032, 0.052, 0.093),
    'left_ear': (0.079, 0.030, 0.006),
    'head': (0.0, 0.158, -0.004),
}
