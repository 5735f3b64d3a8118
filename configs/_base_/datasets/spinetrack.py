# The metainfo of SpineTrack under the path that published configs name:
# metainfo=dict(from_file='configs/_base_/datasets/spinetrack.py').
# The data itself lives in spinepose_mmpose/metainfo.py.
dataset_info = __import__(
    'spinepose_mmpose.metainfo', fromlist=['METAINFO']
).METAINFO
