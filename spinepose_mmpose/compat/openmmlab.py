"""Names that several shims share."""

# Importing any of these first is the moment to mend what they stand on.
PACKAGES = ('mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmdeploy', 'mim')
