# The metainfo of SpineTrack under the path that published configs name:
# metainfo=dict(from_file='configs/_base_/datasets/spinetrack.py').
# The data itself lives in spinepose_mmpose/metainfo.py.
_base_ = []  # without it MMEngine takes the import for a config of another kind

from spinepose_mmpose import metainfo

dataset_info = metainfo.METAINFO
