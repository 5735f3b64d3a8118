"""Annotations of other datasets in SpineTrack's form; numpy only."""

from .coco_to_spinetrack import to_spinetrack
from .pseudo_spine import pseudo_spine

__all__ = ['pseudo_spine', 'to_spinetrack']
