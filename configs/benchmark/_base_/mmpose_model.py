# For a config of mmpose: the test sets, and the registration that SpinePose's
# own configs have already.
_base_ = ['./test_sets.py']

custom_imports = dict(imports=['spinepose_mmpose'], allow_failed_imports=False)
