_base_ = ['../spinepose-x.py']
