"""Clothes, skin and hair: the colour of every face of a skin. BGR, 0-255."""

from dataclasses import dataclass

import numpy as np

from .head import HAIR_LINE
from .mesh import FEATURE_IDS
from .parts import PART_IDS, PARTS

SKIN_TONES = (
    (205, 224, 246),
    (180, 205, 236),
    (150, 184, 224),
    (120, 158, 205),
    (84, 124, 176),
    (60, 92, 140),
    (44, 66, 100),
)
HAIR_TONES = (
    (30, 28, 30),
    (32, 42, 62),
    (44, 64, 98),
    (72, 118, 172),
    (130, 180, 214),
    (46, 70, 140),
    (150, 150, 152),
)
# Lower edge and upper edge (stations of the torso), end of the sleeve
# (0 shoulder, 1 elbow, 2 wrist).
TOPS = {
    'bare': None,
    'tank': (0.2, 5.15, -1.0),
    'tee': (0.0, 5.75, 0.55),
    'long': (-0.2, 6.1, 1.95),
    'crop': (2.9, 5.0, -1.0),
}
PATTERNS = ('plain', 'stripes', 'pinstripes', 'halves', 'mottled')


@dataclass
class Look:
    """What one person wears.

    Attributes:
        top: One of ``TOPS``.
        trousers: Where they end: 0 hip, 1 knee, 2 ankle.
        skirt: Length in thighs, 0 for none.
        slack: How far the cloth stands off, metres.
        shoes: False for bare feet.
        spine: Contrast of the line over the spine, 0 to 1.
        placket: A line of buttons down the front.
    """

    skin: np.ndarray
    hair: np.ndarray
    cloth: np.ndarray
    cloth_2: np.ndarray
    legs: np.ndarray
    shoe: np.ndarray
    hair_style: str = 'short'
    top: str = 'tee'
    pattern: str = 'plain'
    trousers: float = 1.9
    skirt: float = 0.0
    slack: float = 0.0
    shoes: bool = True
    spine: float = 0.3
    placket: bool = False


def _cloth_colour(rng):
    """From black over saturated to white; seldom the colour of skin."""
    value = rng.uniform(25, 245)
    colour = value * (1 - rng.uniform(0, 0.9) * rng.random(3))
    return colour.clip(15, 245)


def sample_look(rng, body, kind):
    """Clothes for a build; people in yoga wear less and tighter."""
    yoga = kind == 'yoga' or (kind == 'varied' and rng.random() < 0.4)
    names = ('bare', 'tank', 'tee', 'long', 'crop')
    female = body.bust > 0
    odds = np.array(
        (0.38, 0.27, 0.2, 0.15, 0.0) if yoga else (0.10, 0.15, 0.42, 0.33, 0.0)
    )
    if female:
        odds[4], odds[0] = odds[0], 0.0
    tone = np.array(SKIN_TONES[rng.integers(len(SKIN_TONES))], float)
    styles = ('long', 'bob', 'bun', 'ponytail', 'short')
    if not female:
        styles = ('short', 'short', 'short', 'bald', 'cap')
    style = str(rng.choice(styles))
    hair = np.array(HAIR_TONES[rng.integers(len(HAIR_TONES))], float)
    if style == 'cap':
        hair = _cloth_colour(rng)
    return Look(
        skin=(tone * rng.uniform(0.92, 1.06) + rng.normal(0, 4, 3)).clip(
            20, 250
        ),
        hair=hair,
        cloth=_cloth_colour(rng),
        cloth_2=_cloth_colour(rng),
        legs=_cloth_colour(rng),
        shoe=_cloth_colour(rng),
        hair_style=style,
        top=str(rng.choice(names, p=odds / odds.sum())),
        pattern=str(rng.choice(PATTERNS, p=(0.5, 0.16, 0.1, 0.1, 0.14))),
        trousers=float(
            rng.choice(
                [0.12, 0.5, 0.9, 1.4, 1.9], p=[0.08, 0.22, 0.12, 0.08, 0.5]
            )
        ),
        skirt=float(rng.uniform(0.45, 0.85))
        if (female and not yoga and rng.random() < 0.3)
        else 0.0,
        slack=float(
            rng.uniform(0, 0.004) if yoga else rng.uniform(0.001, 0.014)
        ),
        shoes=bool(rng.random() < (0.2 if yoga else 0.85)),
        spine=float(rng.uniform(0.15, 0.45)),
        placket=bool(rng.random() < 0.35),
    )


def _patterned(skin, where, look, rng):
    """(F, 3) cloth colour of the torso and the sleeves."""
    colour = np.tile(look.cloth, (len(skin.part), 1))
    torso = skin.part == PART_IDS['torso']
    if look.pattern == 'stripes':
        step = np.where(torso, skin.along * 1.3, skin.along * 4)
        other = (np.floor(step) % 2).astype(bool)
    elif look.pattern == 'pinstripes':
        other = (np.floor(skin.across * 4.5 + 0.5) % 2 == 0) & torso
    elif look.pattern == 'halves':
        other = (skin.along > 3.4) | ~torso
    else:
        other = np.zeros(len(colour), bool)
    colour[other] = look.cloth_2
    if look.pattern == 'mottled':
        colour *= rng.uniform(0.75, 1.2, (len(colour), 1))
    return colour


def colour_skin(skin, look, rng):
    """(F, 3) unlit BGR colours of a skin dressed as ``look``."""
    part, along = skin.part, skin.along
    colour = np.tile(look.skin, (len(part), 1))
    torso = part == PART_IDS['torso']
    # Distance down a limb: 0 to 1 to the elbow or knee, to 2 beyond it.
    names = np.array([name.partition('_')[2] for name in PARTS])[part]
    arm = np.isin(names, ('upper_arm', 'forearm'))
    leg = np.isin(names, ('thigh', 'shank'))
    down = along + np.isin(names, ('forearm', 'shank'))

    colour[(torso & (along < 0.45)) | (leg & (down < look.trousers))] = (
        look.legs
    )
    edges = TOPS[look.top]
    dressed = np.zeros(len(part), bool)
    if edges:
        low, high, sleeve = edges
        if look.skirt:
            low = 0.45
        dressed = (torso & (along > low) & (along < high)) | (
            arm & (down < sleeve)
        )
        colour[dressed] = _patterned(skin, dressed, look, rng)[dressed]
    if look.placket and dressed.any():
        colour[dressed & (skin.paint == FEATURE_IDS['button'])] *= 0.8

    seam = skin.paint == FEATURE_IDS['spine']
    # Spinous processes: darker and lighter by turns down the groove.
    knobs = 1 - look.spine * (1 + 0.5 * np.cos(along[seam] * 2 * np.pi * 2))
    colour[seam] *= np.clip(knobs, 0.3, 1)[:, None]

    colour[part == PART_IDS['hair']] = look.hair
    colour[part == PART_IDS['skirt']] = look.legs
    foot = names == 'foot'
    if look.shoes:
        colour[foot] = look.shoe
        colour[foot & (skin.paint == FEATURE_IDS['sole'])] *= 0.6
    head = part == PART_IDS['head']
    if look.hair_style == 'bald':
        colour[head & (along > HAIR_LINE)] *= 0.97

    for name, value in (
        ('eye_white', (235, 235, 235)),
        ('iris', (45, 35, 30)),
        ('brow', look.hair * 0.8),
    ):
        colour[skin.paint == FEATURE_IDS[name]] = value
    mouth = skin.paint == FEATURE_IDS['mouth']
    colour[mouth] = look.skin * (0.72, 0.62, 0.88)
    colour[skin.paint == FEATURE_IDS['nose']] *= 0.94
    # Cloth and skin are never quite even.
    colour *= rng.uniform(0.97, 1.03, (len(part), 1))
    return colour
