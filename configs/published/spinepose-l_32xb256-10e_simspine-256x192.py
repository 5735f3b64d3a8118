_base_ = ['../spinepose-l.py']
