_base_ = ['../spinepose-s.py']
