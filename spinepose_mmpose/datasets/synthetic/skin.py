"""The whole skin of a dressed figure."""

from .head import hair_skins, head_skins
from .limbs import limb_skins, skirt_skin
from .mesh import Skin
from .torso import neck_skin, torso_skin


def build_skin(figure, body, look):
    """The skin of a figure dressed as ``look`` (an ``appearance.Look``)."""
    skins = [torso_skin(figure, body, look.slack), neck_skin(figure, body)]
    skins += head_skins(figure, body)
    skins += hair_skins(figure, body, look.hair_style)
    skins += limb_skins(figure, body, look.slack)
    if look.skirt:
        skins.append(skirt_skin(figure, body, look.skirt))
    return Skin.join(skins)


def stand_on_ground(figure, skin):
    """Figure and skin shifted so that the lowest point has height 0."""
    shift = [0.0, -skin.quads[..., 1].min(), 0.0]
    return figure.moved(shift=shift), skin.moved(shift)
