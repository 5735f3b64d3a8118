_base_ = ['../_base_/lifter.py']
