"""Names and numbers of the drawn body parts."""

PARTS = (
    ('torso', 'neck', 'head', 'hair', 'skirt')
    + tuple(
        f'{side}_{part}'
        for side in ('left', 'right')
        for part in ('upper_arm', 'forearm', 'hand', 'thigh', 'shank', 'foot')
    )
    + ('object',)
)
PART_IDS = {name: i for i, name in enumerate(PARTS)}
OBJECT = PART_IDS['object']
